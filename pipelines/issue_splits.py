"""Stage 4, decisions -> a split for every issue: train, val or test, per title, by issue, sticky.

Reads `unique_panels.parquet`, writes `issue_splits.parquet` and, first, `picture_splits.parquet`. Issues, never panels,
are split, because consecutive panels are alike (paper 000, III.B). An issue once assigned never moves. A new one goes
where its title's shares are furthest below their goal (ties by a salted hash), and a title of three issues or more has
all three splits. An issue that keeps no panel has no split until it does.

Splits follow the pictures, not the names: `picture_splits.parquet` remembers every picture that ever had a split, and
an issue of whose panels at least half are known, under whatever key or title, has the split that most of them had (of
two as many, the one nearer to train). A name whose pictures are another issue's now, and that holds others, is a new
issue; a new issue of which at least half are copies of panels of one split goes there too. A picture moves only towards
train: in an issue of val or test, a panel that was in train (or in val) before is left out (`learned_before`), so that
nobody is judged on what was learned from. Of two panels of different splits that are copies
(`pipelines.copies.relations` says what counts), the later one is left out (`copy_across_splits`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.copies.across_splits import find_copies
from pipelines.copies.former_issues import (
    MIN_SHARE,
    NEAR_BITS,
    Holder,
    content_of,
    former_holders,
    has_hash,
    in_use,
    most_of,
    successors,
)
from pipelines.copies.mirrored import THUMBNAIL_SHAPE, mirrored_hash
from pipelines.copies.near_hashes import hash_bits, near_values
from pipelines.lake import Lake, digest_of
from pipelines.params import SPLITS, SplitParams
from pipelines.terms.dropped import read_dropped, read_drops

T = TypeVar("T")

MIN_CORRELATION = 0.99
"""Panels of different splits count as lookalikes from this correlation of their thumbnails on."""

CHECK_VERSION = "2"
"""Raise it when the check looks at other pairs."""

BLOCK_PANELS = 1024
"""Panels that are compared with another split at a time: with 100,000 panels in train, 400 MB."""

LEFT_OUT = pa.struct(
    [
        ("panel_id", pa.string()),
        ("reason", pa.string()),  # learned_before, copy_across_splits
        ("of", pa.string()),  # what it was or repeats
    ]
)

SPLIT_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("issue", pa.string(), nullable=False),
        pa.field("split", pa.string()),  # null while the issue keeps no panel
        pa.field("panels", pa.int32(), nullable=False),  # kept panels, without those that are left out
        pa.field("was", pa.string()),  # the key under which most of its pictures got their split; null: this one
        pa.field("left_out", pa.list_(LEFT_OUT), nullable=False),  # kept panels that its split must not hold, and why
    ]
)

PICTURE_SCHEMA = pa.schema(
    [
        pa.field("sha256", pa.string(), nullable=False),
        pa.field("phash", pa.string()),
        pa.field("is_flat", pa.bool_()),
        pa.field("pages_sha256", pa.list_(pa.string())),
        pa.field("key", pa.string(), nullable=False),  # the issue that holds it, or held it last
        pa.field("split", pa.string(), nullable=False),  # the one nearest to train that it ever had
        pa.field("split_in", pa.string(), nullable=False),  # the issue in which it had that, by its key then
    ]
)
"""One row a picture and issue. Pictures that are gone stay, without their pixels: they may come back."""


@dataclass(frozen=True)
class SplitReport:
    """Kept panels by title and split, new assignments, and whether anything changed."""

    table: pd.DataFrame  # one row a title: train, val, test, issues
    counts: dict[str, int]
    new_issues: int
    moved: list[str]
    """For people: a sentence for each issue that was recognised under another name."""
    left_out: dict[str, int]
    """Kept panels that their split must not hold, by reason."""
    digest: str
    unchanged: bool

    @property
    def notices(self) -> list[str]:
        """What a person should read: issues under other names, and what is left out."""
        whys = {
            "learned_before": "of val and test were nearer to train before, under another name, and are left out",
            "copy_across_splits": "are copies of earlier ones of another split, and are left out",
        }
        return [*self.moved, *(f"{count} panels {whys[reason]}" for reason, count in self.left_out.items())]


def assign(panels: dict[str, int], before: dict[str, str], params: SplitParams) -> dict[str, str]:
    """Splits for the issues of one title.

    panels: kept panels by issue key, in the order of arrival, all above 0. before: splits already given.
    """
    splits = {key: split for key, split in before.items() if key in panels}
    waiting = [key for key in panels if key not in splits]
    for place, key in enumerate(waiting):
        held = {name: sum(panels[k] for k, split in splits.items() if split == name) for name in SPLITS}
        total = max(sum(held.values()), 1)
        missing = [name for name in SPLITS if name not in splits.values()]
        last_chance = len(panels) >= len(SPLITS) and len(waiting) - place <= len(missing)
        candidates = missing if last_chance else SPLITS
        splits[key] = max(
            candidates,
            key=lambda name: (
                params.goals[name] - held[name] / total,
                sha256(f"{params.salt}:{key}:{name}".encode()).digest(),
            ),
        )
    return splits


def build_issue_splits(lake: Lake, params: SplitParams) -> SplitReport:
    """Assigns every issue that has none yet. Raises FileNotFoundError before `unique_panels` was made."""
    if not lake.unique_panels.exists():
        raise FileNotFoundError("no decisions yet: materialize `unique_panels` first (tintoon run unique_panels)")
    decisions = content_of(lake, lake.unique_panels, ["panel_id", "sequence", "kept", "thumbnail"])
    issues = pd.DataFrame(decisions.groupby(["sequence", "key", "title", "issue"], as_index=False)["kept"].sum())
    before = _splits_before(lake)
    known = _known_pictures(lake)
    held = former_holders(in_use(decisions), known)
    given, was = _inherited(issues["key"].tolist(), held, {key: row["split"] for key, row in before.items()})
    splits = _assign_all(issues, given, params)
    new_issues = len(set(splits) - set(given))
    left_out = _learned_before(decisions, splits, known)
    copies = _copies(lake, decisions, splits, left_out)
    if followed := _splits_of_copies(issues, copies, splits, given):
        splits = _assign_all(issues, given | followed, params)
        left_out = _learned_before(decisions, splits, known)
        copies = _copies(lake, decisions, splits, left_out)
    for key, row in _later_ones(copies):
        left_out[key].append(row)
    _remember(lake, _pictures_now(decisions, splits, known, successors(held)))
    names = {key: was.get(key) or (before[key]["was"] if key in before else None) for key in issues["key"]}
    rows = pd.DataFrame(
        {
            "key": issues["key"],
            "title": issues["title"],
            "issue": issues["issue"],
            "split": issues["key"].map(splits).astype("object").where(issues["key"].isin(splits), None),
            "panels": [int(kept) - len(left_out[key]) for key, kept in zip(issues["key"], issues["kept"], strict=True)],
        }
    )
    content = [SplitParams.code_version, rows.astype(object).where(rows.notna(), None).values.tolist(), names, left_out]
    digest = digest_of(content)
    unchanged = lake.made_from(lake.issue_splits) == digest
    if not unchanged:
        stored = rows.to_dict("list") | {
            "was": [names[key] for key in rows["key"]],
            "left_out": [left_out[key] for key in rows["key"]],
        }
        table = pa.Table.from_pydict(stored, schema=SPLIT_SCHEMA)
        lake.write_table(lake.issue_splits, table, made_from=digest)
    by_title = rows.pivot_table(
        index="title", columns="split", values="panels", aggfunc="sum", fill_value=0, sort=False
    )
    by_title = by_title.reindex(columns=list(SPLITS), fill_value=0).astype(int)
    by_title["issues"] = rows.groupby("title").size()
    return SplitReport(
        table=by_title,
        counts={name: int(by_title[name].sum()) for name in SPLITS},
        new_issues=new_issues,
        moved=[_in_words(key, former, splits.get(key), successors(held).get(key)) for key, former in was.items()],
        left_out=dict(Counter(one["reason"] for found in left_out.values() for one in found)),
        digest=digest,
        unchanged=unchanged,
    )


def _assign_all(issues: pd.DataFrame, given: Mapping[str, str], params: SplitParams) -> dict[str, str]:
    """`assign` for every title. An issue that keeps nothing at present keeps its split all the same."""
    splits = {key: given[key] for key in issues["key"] if key in given}
    for _, title in issues[issues["kept"] > 0].groupby("title", sort=False):
        splits |= assign(dict(zip(title["key"], title["kept"], strict=True)), dict(given), params)
    return splits


def _copies(
    lake: Lake, decisions: pd.DataFrame, splits: Mapping[str, str], left_out: Mapping[str, list[dict[str, str]]]
) -> pd.DataFrame:
    """The copies across splits among the panels that are in them: panel_id and key of the `later`, the `earlier`, and
    what they are.
    """
    gone = {one["panel_id"] for rows in left_out.values() for one in rows}
    is_in = decisions["kept"] & has_hash(decisions) & decisions["key"].isin(splits) & ~decisions["panel_id"].isin(gone)
    panels = decisions[is_in].sort_values("sequence", kind="stable").drop_duplicates("sha256")
    panels = panels.assign(split=panels["key"].map(splits)).reset_index(drop=True)
    by_digest = panels.set_index("sha256")
    found = [
        {
            "later": by_digest.at[copy.later, "panel_id"],
            "key": by_digest.at[copy.later, "key"],
            "earlier": by_digest.at[copy.earlier, "panel_id"],
            "earlier_split": by_digest.at[copy.earlier, "split"],
            "relation": copy.relation,
        }
        for copy in find_copies(lake, panels)
    ]
    return pd.DataFrame(found, columns=["later", "key", "earlier", "earlier_split", "relation"])


def _splits_of_copies(
    issues: pd.DataFrame, copies: pd.DataFrame, splits: Mapping[str, str], given: Mapping[str, str]
) -> dict[str, str]:
    """The splits that new issues take, of which at least MIN_SHARE of the kept panels are copies of those of one."""
    followed = {}
    kept = dict(zip(issues["key"], issues["kept"], strict=True))
    for key, of_issue in copies.groupby("key"):
        counts = of_issue.groupby("earlier_split")["later"].nunique()
        split = max(SPLITS, key=lambda name: counts.get(name, 0))
        if key in splits and key not in given and counts[split] >= MIN_SHARE * kept[key]:
            followed[str(key)] = split
    return followed


def _later_ones(copies: pd.DataFrame) -> Iterator[tuple[str, dict[str, str]]]:
    """The panels that are left out, with their issue: of each pair the later one, unless one of them is out already."""
    out: set[str] = set()
    for row in copies.sort_values(["earlier", "later"]).to_dict("records"):
        later, earlier = str(row["later"]), str(row["earlier"])
        if not {later, earlier} & out:
            out.add(later)
            of = f"{row['relation']}: {earlier} of {row['earlier_split']}"
            yield str(row["key"]), {"panel_id": later, "reason": "copy_across_splits", "of": of}


def left_out_panels(lake: Lake) -> dict[str, str]:
    """Why each kept panel that its split must not hold is left out, by panel_id.

    Beside what the table says, `dropped`: a drop that was interrupted has not reached the decisions yet.
    Raises FileNotFoundError before `issue_splits` was made.
    """
    if "left_out" not in lake.columns(lake.issue_splits):
        return _dropped_since(lake)  # a table of an earlier version
    found = lake.read_table(lake.issue_splits, ["left_out"])["left_out"].to_pylist()
    return {one["panel_id"]: one["reason"] for panels in found for one in panels or ()} | _dropped_since(lake)


def _dropped_since(lake: Lake) -> dict[str, str]:
    """Kept panels that were dropped for good after the decisions were made."""
    dropped = read_dropped(lake)
    if not dropped.drops or not lake.unique_panels.exists():
        return {}
    decisions = content_of(lake, lake.unique_panels, ["panel_id", "kept"])
    decisions = decisions[decisions["kept"]]
    pages = [() if listed is None else listed for listed in decisions["pages_sha256"]]
    places = zip(decisions["title"], decisions["issue"], pages, decisions["sha256"], strict=True)
    held = [dropped.panel(*place) is not None for place in places]
    return dict.fromkeys(decisions["panel_id"][held], "dropped")


def _splits_before(lake: Lake) -> dict[str, dict[str, Any]]:
    """The rows of the issues that have a split, by key."""
    if not lake.issue_splits.exists():
        return {}
    rows = lake.read_table(lake.issue_splits).to_pylist()
    return {row["key"]: {"was": None, **row} for row in rows if row["split"]}


def _known_pictures(lake: Lake) -> pd.DataFrame:
    """The pictures that ever had a split; in a lake of an earlier version, those of its training set.

    What was dropped is forgotten here, and known again, by the record of its drop, where that was taken back.
    """
    if lake.picture_splits.exists():
        known = lake.read_table(lake.picture_splits).to_pandas()
        again = _let_in_again(lake)
        again = again[~again["sha256"].isin(known["sha256"])]
        return pd.concat([known, again], ignore_index=True) if len(again) else known
    tables = []
    if lake.training_set.exists():
        arrays = lake.read_json(lake.training_set)["arrays"]
        for split in SPLITS:
            folder = lake.variants("color") / arrays[f"color/{split}"]["digest"]
            tables.append(content_of(lake, folder / "rows.parquet", []).assign(split=split))
    known = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=PICTURE_SCHEMA.names)
    return known.assign(split_in=known["key"])


def _let_in_again(lake: Lake) -> pd.DataFrame:
    """The rows of PICTURE_SCHEMA of what was dropped, and may come in again."""
    rows = [
        {
            "sha256": panel.sha256,
            "phash": panel.phash,
            "is_flat": panel.phash is None,
            "key": panel.panel_id.rpartition("__")[0],
            "split": panel.split,
        }
        for drop in read_drops(lake)
        for panel in drop.panels
        if drop.undone and panel.split
    ]
    found = pd.DataFrame(rows, columns=PICTURE_SCHEMA.names)
    return found.assign(split_in=found["key"]).drop_duplicates(["sha256", "key"])


def _remember(lake: Lake, pictures: pd.DataFrame) -> None:
    """Writes the pictures that ever had a split, where they are others than those that are there."""
    table = pa.Table.from_pandas(pictures, schema=PICTURE_SCHEMA, preserve_index=False)
    if not lake.picture_splits.exists() or not lake.read_table(lake.picture_splits).equals(table):
        lake.write_table(lake.picture_splits, table, made_from=SplitParams.code_version)


def _inherited(
    keys: list[str], held: Mapping[str, Counter[Holder]], before: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The splits that issues have from before, and the former key of those that had another one."""
    continued = set(successors(held).values())
    given, was = {}, {}
    for key in keys:
        if key in held:
            former, _ = most_of(key, held[key])
            counts: Counter[str] = Counter()
            for holder, count in held[key].items():
                if former != key or holder.key == key:
                    counts[str(holder.split)] += count
            given[key] = max(SPLITS, key=lambda split: counts[split])  # of two as many the first: train
            if former != key:
                was[key] = former
        elif key in before and key not in continued:
            given[key] = before[key]
    return given, was


def _learned_before(
    decisions: pd.DataFrame, splits: Mapping[str, str], known: pd.DataFrame
) -> dict[str, list[dict[str, str]]]:
    """By issue, the kept panels that were nearer to train before than their issue is now.

    A picture that is gone also counts where one that is near to it, another encoding, has come in its place.
    """
    own, of_digest = _splits_of_pictures(decisions, known)
    gone = known[~known["sha256"].isin(decisions["sha256"]) & has_hash(known)]
    of_hash = _nearest_to_train(hash_bits(gone["phash"]).tolist(), gone)
    kept = decisions[decisions["kept"] & decisions["key"].isin(splits)]
    hashed = kept[has_hash(kept)]
    bits = dict(zip(hashed["panel_id"], hash_bits(hashed["phash"]).tolist(), strict=True))
    near = near_values(np.array([*bits.values()], np.uint64), np.array([*of_hash], np.uint64), NEAR_BITS)
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in kept[["key", "panel_id", "sha256"]].to_dict("records"):
        key, panel_id, digest = (str(row[name]) for name in ("key", "panel_id", "sha256"))
        once = [of_hash[value] for value in near.get(bits.get(panel_id, -1), ())]
        once += [found_in for found_in in (own.get((digest, key)), of_digest.get(digest)) if found_in]
        place, holder = min(once, default=(len(SPLITS), ""))
        if place < SPLITS.index(splits[key]):
            of = f"{SPLITS[place]} of {holder}"
            found[key].append({"panel_id": panel_id, "reason": "learned_before", "of": of})
    return found


def _splits_of_pictures(
    decisions: pd.DataFrame, known: pd.DataFrame
) -> tuple[dict[tuple[str, str], tuple[int, str]], dict[str, tuple[int, str]]]:
    """The splits nearest to train, as `_nearest_to_train`: of pictures with the issue that still holds them, and, by
    digest, of pictures that an issue held that does not any more.
    """
    pictures = pd.Series([*zip(known["sha256"], known["key"], strict=True)], index=known.index, dtype=object)
    still = pictures.isin({*zip(decisions["sha256"], decisions["key"], strict=True)}).astype(bool)
    return _nearest_to_train(pictures[still], known[still]), _nearest_to_train(known["sha256"][~still], known[~still])


def _nearest_to_train(pictures: Iterable[T], known: pd.DataFrame) -> dict[T, tuple[int, str]]:
    """The place in SPLITS of the split nearest to train that each picture had, and the issue that it had it in.

    pictures: What names the picture of each row of `known`.
    """
    found: dict[T, tuple[int, str]] = {}
    for picture, split, key in zip(pictures, known["split"], known["split_in"], strict=True):
        here = (SPLITS.index(split), key)
        found[picture] = min(found.get(picture, here), here)
    return found


def _pictures_now(
    decisions: pd.DataFrame, splits: Mapping[str, str], known: pd.DataFrame, continued: Mapping[str, str]
) -> pd.DataFrame:
    """The rows of PICTURE_SCHEMA after this run: the pictures of now, then those that are gone."""
    own, of_digest = _splits_of_pictures(decisions, known)
    now = in_use(decisions[decisions["key"].isin(splits)]).drop_duplicates(["sha256", "key"])
    never = (len(SPLITS), "")
    nearest = [
        min(own.get((digest, key), never), of_digest.get(digest, never), (SPLITS.index(splits[key]), key))
        for digest, key in zip(now["sha256"], now["key"], strict=True)
    ]
    now = now.assign(split=[SPLITS[place] for place, _ in nearest], split_in=[key for _, key in nearest])
    # Pictures that are gone belong to the issue that continues theirs: it may be encoded anew once more.
    names = {was: key for key, was in continued.items()}
    gone = known[~known["sha256"].isin(now["sha256"])]
    gone = gone.assign(key=gone["key"].replace(names))
    tables = [table.reindex(columns=PICTURE_SCHEMA.names) for table in (now, gone) if len(table)]
    return pd.concat(tables, ignore_index=True) if tables else known


def _in_words(key: str, was: str, split: str | None, continues: str | None) -> str:
    """e.g. "saga__ep3 holds what was saga__ep2: keeps train"."""
    if split is None:
        return f"{key} holds what was {was}: no split, for it keeps no panel"
    if continues == was:
        return f"{key} holds what was {was}: keeps {split}"
    return f"{key} holds what {was} holds too: has its split, {split}"


@dataclass(frozen=True)
class Lookalikes:
    """A pair of panels in different splits that look alike."""

    panel_id: str
    split: str
    other_id: str
    other_split: str
    correlation: float
    distance_bits: int  # of their perceptual hashes: the radius that would have dropped the later one
    is_mirrored: bool = False


def lookalikes_across_splits(lake: Lake, *, min_correlation: float) -> list[Lookalikes]:
    """Pairs of panels of different splits whose 16 x 16 colour thumbnails, one of them upright or mirrored, have at
    least this correlation.

    The measure differs from the perceptual hash that removed the duplicates and from the alignment that found the
    copies, so that the check can fail. Pictures too flat to compare are left out.
    """
    decisions = lake.read_table(
        lake.unique_panels, ["title", "issue", "panel_id", "kept", "is_flat", "thumbnail", "phash"]
    ).to_pandas()
    splits = lake.read_table(lake.issue_splits, ["title", "issue", "split"]).to_pandas().dropna(subset="split")
    is_in = decisions["kept"] & ~decisions["panel_id"].isin(left_out_panels(lake))
    kept = decisions[is_in & ~decisions["is_flat"]].merge(splits, on=["title", "issue"])
    if kept.empty:
        return []
    pixels = np.stack([np.frombuffer(thumbnail, np.uint8) for thumbnail in kept["thumbnail"]]).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True) + 1e-6
    names, ids = kept["split"].to_numpy(), kept["panel_id"].to_numpy()
    upright = hash_bits(kept["phash"])
    found = []
    for split, other in (("val", "train"), ("test", "train"), ("test", "val")):
        every, others = np.flatnonzero(names == split), np.flatnonzero(names == other)
        other_pixels = pixels[others].T
        for start in range(0, len(every), BLOCK_PANELS):
            rows = every[start : start + BLOCK_PANELS]
            for is_mirrored in (False, True):
                asked, hashes = pixels[rows], upright[rows]
                if is_mirrored:
                    asked = asked.reshape(-1, *THUMBNAIL_SHAPE)[:, :, ::-1].reshape(len(rows), -1)
                    hashes = mirrored_hash(hashes)
                correlation = asked @ other_pixels
                for i, j in zip(*np.nonzero(correlation >= min_correlation), strict=True):
                    one, two = rows[i], others[j]
                    bits = int(np.bitwise_count(hashes[i] ^ upright[two]))
                    near = float(correlation[i, j])
                    found.append(Lookalikes(ids[one], split, ids[two], other, near, bits, is_mirrored))
    return sorted(found, key=lambda pair: -pair.correlation)


def check_lookalikes(lake: Lake) -> list[Lookalikes]:
    """The `lookalikes_across_splits`; compared once for the same decisions and splits, and kept in the lake."""
    made_from = digest_of(
        [CHECK_VERSION, lake.made_from(lake.unique_panels), lake.made_from(lake.issue_splits), MIN_CORRELATION]
    )
    if lake.lookalikes.exists() and (kept := lake.read_json(lake.lookalikes))["made_from"] == made_from:
        return [Lookalikes(**pair) for pair in kept["pairs"]]
    found = lookalikes_across_splits(lake, min_correlation=MIN_CORRELATION)
    lake.write_json(lake.lookalikes, {"made_from": made_from, "pairs": [asdict(pair) for pair in found]})
    return found
