"""Which issue of before each issue holds now, by its pictures and not by its name.

A panel is recognised by its pixels, by the pages that it was cut from (so another cut changes nothing), or by a near
perceptual hash (so another encoding changes nothing). A picture that several issues held, a page of credits for one,
says nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd
from upath import UPath

from pipelines.copies.near_hashes import hash_bits, near_pairs, near_values
from pipelines.lake import Lake, issue_key

T = TypeVar("T")

CONTENT_COLUMNS = ["sha256", "phash", "is_flat", "pages_sha256"]
"""What a panel is recognised by. Hash, flatness and pages may be null in tables of earlier versions."""

NEAR_BITS = 8
"""Perceptual hashes of one picture in two encodings differ in at most so many of 64 bits."""

MIN_SHARE = 0.5
"""An issue holds what others held when at least this share of its panels is known."""


class Holder(NamedTuple):
    """An issue of before, with the split that it had then."""

    key: str
    split: str | None


def content_of(lake: Lake, path: UPath, columns: Sequence[str]) -> pd.DataFrame:
    """Some columns, CONTENT_COLUMNS and `key` of a table of panels; what an earlier version did not write is null.

    Raises FileNotFoundError.
    """
    wanted = ["title", "issue", *columns, *CONTENT_COLUMNS]
    known = lake.columns(path)
    table = lake.read_table(path, [name for name in wanted if name in known]).to_pandas()
    table = table.assign(**{name: None for name in wanted if name not in known})
    return table.assign(key=keys_of(table))


def keys_of(panels: pd.DataFrame) -> list[str]:
    """The key of each panel's issue. panels: `title` and `issue`."""
    names = [*zip(panels["title"].tolist(), panels["issue"].tolist(), strict=True)]
    keys = {one: issue_key(*one) for one in set(names)}
    return [keys[one] for one in names]


def in_use(panels: pd.DataFrame) -> pd.DataFrame:
    """The panels of the issues that keep some: an undeclared title that lies in the lake holds nothing any more.

    panels: `key` and `kept`, a row a panel.
    """
    return panels[panels.groupby("key")["kept"].transform("any").astype(bool)]


def former_holders(now: pd.DataFrame, known: pd.DataFrame) -> dict[str, Counter[Holder]]:
    """The former holders of each issue's panels, each with the number of them; only issues with MIN_SHARE known.

    Args:
        now: CONTENT_COLUMNS and `key`, the issue; a row a panel.
        known: CONTENT_COLUMNS, `key` and `split`, which name who held it; a row a panel.
    """
    if now.empty:
        return {}
    is_hashed, bits = has_hash(now).to_numpy(bool), np.zeros(len(now), np.uint64)
    bits[is_hashed] = hash_bits(now["phash"][is_hashed])
    known = _alike(known, now, bits[is_hashed])
    holders = [Holder(key, split) for key, split in zip(known["key"], known["split"], strict=True)]
    sha = _holders(zip(known["sha256"], holders, strict=True))
    of_page = _holders(
        (page, holder) for pages, holder in zip(known["pages_sha256"], holders, strict=True) for page in _listed(pages)
    )
    was_hashed = has_hash(known).to_numpy(bool)
    known_bits = hash_bits(known["phash"][was_hashed])
    of_hash = _holders(zip(known_bits.tolist(), compress(holders, was_hashed), strict=True))
    near = near_values(bits[is_hashed], known_bits, NEAR_BITS)

    found: dict[str, Counter[Holder]] = defaultdict(Counter)
    columns = (now["key"].tolist(), now["sha256"].tolist(), now["pages_sha256"].tolist(), bits.tolist(), is_hashed)
    for key, digest, pages, value, hashed in zip(*columns, strict=True):
        nearest = near.get(value, []) if hashed else []
        ways = (sha.get(digest), *(of_page.get(page) for page in _listed(pages)), _all(of_hash[one] for one in nearest))
        if holder := next((sole for holders in ways if (sole := _sole(holders))), None):
            found[key][holder] += 1
    panels = now["key"].value_counts()
    return {key: held for key, held in found.items() if held.total() >= MIN_SHARE * panels[key]}


def _alike(known: pd.DataFrame, now: pd.DataFrame, bits: np.ndarray) -> pd.DataFrame:
    """The rows of `known` that have a digest, a page or a near hash of what there is now."""
    pages = {page for listed in now["pages_sha256"].tolist() for page in _listed(listed)}
    is_alike = known["sha256"].isin(now["sha256"]).to_numpy(bool, copy=True)
    page = pd.Series(known["pages_sha256"].to_numpy(object)).explode()
    is_alike[page.index[page.isin(pages)]] = True
    was_hashed = np.flatnonzero(has_hash(known))
    for _, near in near_pairs(np.unique(bits), hash_bits(known["phash"].iloc[was_hashed]), NEAR_BITS):
        is_alike[was_hashed[near]] = True
    return known[is_alike]


def successors(held: Mapping[str, Counter[Holder]]) -> dict[str, str]:
    """The issue of before that each issue continues, by key: the one that held most of its panels.

    Of several that hold what one issue held, that issue itself continues it, else the one with most of its panels: the
    others are copies. held: as `former_holders` gives it.
    """
    claims: dict[str, list[tuple[bool, int, str]]] = defaultdict(list)
    for key, holders in held.items():
        was, panels = most_of(key, holders)
        claims[was].append((key == was, panels, key))
    return {max(found)[-1]: was for was, found in claims.items()}


def most_of(key: str, holders: Counter[Holder]) -> tuple[str, int]:
    """The former issue that held most of an issue's panels, and how many; of several with as many, the issue itself."""
    panels: Counter[str] = Counter()
    for holder, count in holders.items():
        panels[holder.key] += count
    return max(panels.items(), key=lambda one: (one[1], one[0] == key))


def has_hash(panels: pd.DataFrame) -> pd.Series:
    """True where the perceptual hash means something."""
    return panels["phash"].notna() & panels["is_flat"].notna() & (panels["is_flat"] != True)  # noqa: E712 (may be null)


def _listed(pages: object) -> list[str]:
    return list(pages) if isinstance(pages, Iterable) else []


def _holders(pairs: Iterable[tuple[T, Holder]]) -> dict[T, set[Holder]]:
    found: dict[T, set[Holder]] = defaultdict(set)
    for token, holder in pairs:
        found[token].add(holder)
    return found


def _all(sets: Iterable[set[Holder]]) -> set[Holder]:
    return set().union(*sets)


def _sole(holders: set[Holder] | None) -> Holder | None:
    """The holder of a picture that one issue alone held."""
    return next(iter(holders)) if holders and len(holders) == 1 else None
