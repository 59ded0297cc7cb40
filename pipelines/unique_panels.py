"""Stage 3, panels -> one decision per panel: kept, or dropped and why.

Reads the panel tables of every issue (not their pictures), writes `unique_panels.parquet`. In this order, as
paper 000 (III.A) removes duplicates between its steps and gray pictures last:

    terms    not to be learned from now: it was dropped, or is a copy of what was; its title is undeclared; its licence
             is another one, or is not collected
    changed  a page that it was cut from is no longer there (`pages_changed`), and the issue was not cut again
    page     the whole page is, byte for byte, an earlier page of the same title
    crop     a near-duplicate of an earlier panel of the same title
    size     outside the size filter
    filter   a near-duplicate of an earlier panel of any title, among those that passed
    gray     naturally gray

The earliest panel stays. Issues keep the place in which they were first seen, also under another name (their pictures
tell, see `pipelines.copies.former_issues`), and new ones come after them, so a new issue never changes what old issues
keep, and decides about its own panels alone: the table remembers what it was made from, and what was decided about the
first issues holds as long as those are the same. A panel that a later step drops anyway (by its size, or because it is
gray) is never the reason to drop one that would pass, and neither is one that the terms refuse or whose pages changed:
a title under a new name takes the place of the old one. A near-duplicate in other colours, by night for one, is another
thing to learn and is kept: what counts as a copy is in `pipelines.copies.relations`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.copies.decisive import comparable_hashes, decisive_rows
from pipelines.copies.former_issues import content_of, former_holders, in_use, keys_of, most_of, successors
from pipelines.copies.near_hashes import earlier_lookalikes, hash_bits, near_values
from pipelines.copies.relations import RECOLOURED_DISTANCE, color_distances
from pipelines.lake import Lake, digest_of, natural_key, split_issue_key
from pipelines.panels.filters import NOT_A_PANEL
from pipelines.panels.lost_pages import Seen, look_for_lost_pages
from pipelines.panels.panel import PANEL_SCHEMA
from pipelines.params import UniqueParams
from pipelines.terms.dropped import NEAR_BITS, Dropped, read_dropped
from pipelines.terms.terms import Terms

PANEL_COLUMNS = [
    "title", "issue", "panel", "panel_id", "page", "pages_sha256", "page_box", "width_px", "height_px",
    "drop_reason", "is_gray", "is_flat", "phash", "sha256", "thumbnail", "licence",
]  # fmt: skip

DECISION_SCHEMA = pa.schema(
    [
        *(PANEL_SCHEMA.field(name) for name in ["title", "issue", "panel", "panel_id", "width_px", "height_px"]),
        *(PANEL_SCHEMA.field(name) for name in ["phash", "sha256", "is_flat", "thumbnail"]),
        pa.field("pages_sha256", pa.list_(pa.string())),  # every page that it touches
        pa.field("sequence", pa.int32(), nullable=False),  # the issue's place among all issues: lower was first seen
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),  # null when kept
        pa.field("stage", pa.string()),  # the step that dropped it; null when kept
        pa.field("duplicate_of", pa.string()),  # panel_id of the earlier panel
        pa.field("distance_bits", pa.int32()),  # Hamming distance of the two hashes
    ]
)

DECIDED_FROM = b"decided_from"
"""In the metadata of the table: all that its decisions were made from, as JSON. It counts only where `made_from` is its
digest."""

PAGES_SEEN = b"pages_seen"
"""In the metadata of the table: the `Seen` of each issue by its key, as JSON, so that tables of pages are not opened
again."""


@dataclass(frozen=True)
class UniqueReport:
    """The counts of decisions by reason, and whether anything changed since the last time."""

    counts: dict[str, int]
    issues: int
    digest: str
    unchanged: bool


def decide(
    panels: pd.DataFrame, params: UniqueParams, terms: Terms | None = None, dropped: Dropped | None = None
) -> pd.DataFrame:
    """Decisions for panels that are already in their order: sorted by sequence, then panel.

    panels: PANEL_COLUMNS, `sequence`, and `is_lost`, True where a page of it is no longer there. terms: None refuses
    nothing. dropped: what was dropped for good.
    Returns it with kept, reason, stage, duplicate_of, distance_bits.
    """
    panels = panels.reset_index(drop=True)
    reason, stage = np.full(len(panels), None, object), np.full(len(panels), None, object)
    twin = np.full(len(panels), -1)
    is_gray, size = panels["is_gray"].to_numpy(bool), panels["drop_reason"].to_numpy(object)
    is_sized = panels["drop_reason"].notna().to_numpy(bool)
    hashes = comparable_hashes(panels)

    def left() -> np.ndarray:
        return np.flatnonzero(reason == None)  # noqa: E711 (element by element)

    def drop(rows: np.ndarray, name: str, why: str | np.ndarray, twins: np.ndarray | int = -1) -> None:
        stage[rows], reason[rows], twin[rows] = name, why, twins

    def drop_lookalikes(name: str, within: np.ndarray) -> None:
        rows = left()
        groups = (within * 2 + is_sized) * 2 + is_gray
        while len(rows):  # once, and again for those in other colours, which may repeat one another
            twins = earlier_lookalikes(hashes[rows], params.radius_bits, groups[rows])
            later, earlier = rows[twins >= 0], rows[twins[twins >= 0]]
            recoloured = _are_recoloured(panels, later, earlier)
            drop(later[~recoloured], name, "near_duplicate", earlier[~recoloured])
            rows = later[recoloured]

    if dropped and dropped.drops:
        drop(np.flatnonzero(_is_dropped(panels, dropped)), "terms", "dropped")
    if terms:
        places = [*zip(panels["title"].tolist(), panels["licence"].tolist(), strict=True)]
        refusals = {place: terms.refusal(*place) for place in set(places)}
        refused = np.array([refusals[place] for place in places], object)
        rows = np.flatnonzero((refused != None) & (reason == None))  # noqa: E711
        drop(rows, "terms", refused[rows])
    rows = left()
    drop(rows[panels["is_lost"].to_numpy(bool)[rows]], "changed", "pages_changed")
    rows = left()
    pages = _earlier_pages(panels.iloc[rows])
    drop(rows[pages >= 0], "page", "duplicate_page", rows[pages[pages >= 0]])
    drop_lookalikes("crop", within=pd.factorize(panels["title"])[0])
    rows = left()
    rows = rows[is_sized[rows]]
    drop(rows, "size", size[rows])
    drop_lookalikes("filter", within=np.zeros(len(panels), int))
    rows = left()
    drop(rows[is_gray[rows]], "gray", "gray")

    has_twin = twin >= 0
    bits = hash_bits(panels["phash"])
    distance = np.bitwise_count(bits ^ bits[np.where(has_twin, twin, 0)]).astype(np.int32)
    return panels.assign(
        kept=reason == None,  # noqa: E711
        reason=reason,
        stage=stage,
        duplicate_of=pd.Series(panels["panel_id"].to_numpy(object)[twin]).where(has_twin, None),
        distance_bits=pd.arrays.IntegerArray(distance, ~has_twin),
    )


def _are_recoloured(panels: pd.DataFrame, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which pairs of lookalikes are the same drawing in other colours: (N,) and (N,) rows -> (N,) bool."""
    thumbnails = panels["thumbnail"].to_numpy()
    return color_distances(list(thumbnails[rows]), list(thumbnails[others])) >= RECOLOURED_DISTANCE


def _is_dropped(panels: pd.DataFrame, dropped: Dropped) -> np.ndarray:
    """(N,) bool: panels that were dropped for good, by their place, pages or pixels, or another encoding of such."""
    places = zip(panels["title"], panels["issue"], panels["pages_sha256"], panels["sha256"], strict=True)
    found = np.array([dropped.panel(*place) is not None for place in places], bool)
    bits = hash_bits(panels["phash"])
    known = np.array([int(digits, 16) for digits in dropped.hashes], np.uint64)
    near = np.array([*near_values(bits, known, NEAR_BITS)], np.uint64)
    return found | (np.isin(bits, near) & ~panels["is_flat"].to_numpy(bool))


def _earlier_pages(panels: pd.DataFrame) -> np.ndarray:
    """For each panel, the panel at the same place of an identical, earlier page of its title, or -1."""
    first_page: dict[tuple[str, str], tuple[int, int]] = {}
    first_panel: dict[tuple, int] = {}
    answer = np.full(len(panels), -1)
    columns = (panels[name].tolist() for name in ("title", "sequence", "page", "pages_sha256", "page_box"))
    for row, (title, sequence, page, shas, box) in enumerate(zip(*columns, strict=True)):
        is_repeat = True
        for place, sha in enumerate(shas, start=page):
            is_repeat &= first_page.setdefault((title, sha), (sequence, place)) < (sequence, place)
        first = first_panel.setdefault((title, *shas, *box), row)
        if is_repeat and first != row:
            answer[row] = first
    return answer


def build_unique_panels(
    lake: Lake, params: UniqueParams, *, title_order: list[str], terms: Terms | None = None
) -> UniqueReport:
    """Decides for every panel in the lake. New issues come after known ones, by title and natural order.

    terms: What may be learned from now; None: all that is there.
    Raises FileNotFoundError when no issue has been cut yet, DamagedFileError for a damaged table.
    """
    keys = lake.keys_with("panels")
    if not keys:
        raise FileNotFoundError("no panels yet: materialize `panels` first (tintoon run panels)")
    made_from = {key: lake.made_from(lake.panels(key)) for key in keys}
    sequence = _sequence(keys, _places(lake), title_order)
    dropped = read_dropped(lake)
    before = lake.metadata(lake.unique_panels)
    seen = {key: Seen(*one) for key, one in json.loads(before.get(PAGES_SEEN, b"{}")).items()}
    seen_now = look_for_lost_pages(lake, made_from, seen)
    pages_seen = {PAGES_SEEN: json.dumps(seen_now).encode()}
    now = _Basis(made_from, seen_now, params, terms, dropped)
    unchanged = before.get(b"made_from", b"").decode() == digest_of(now.of(sequence))
    if not unchanged:
        sequence, table = _decide_in_lake(lake, now, title_order)
        # An unfinished drop still takes panels away, which its name alone does not tell.
        is_settled = all(drop.finished for drop in dropped.drops)
        basis = {DECIDED_FROM: json.dumps(now.of(sequence)).encode()} if is_settled else {}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **basis, **pages_seen})
        lake.write_table(lake.unique_panels, table, made_from=digest_of(now.of(sequence)))
    elif pages_seen[PAGES_SEEN] != before.get(PAGES_SEEN):
        table = lake.read_table(lake.unique_panels)
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), **pages_seen})
        lake.write_table(lake.unique_panels, table, made_from=digest_of(now.of(sequence)))
    decisions = lake.read_table(lake.unique_panels, ["reason", "panel_id"])
    reasons = decisions["reason"].to_pylist()
    counts = Counter(reason or "kept" for reason in reasons)
    return UniqueReport(
        counts={"panels": len(decisions), **{reason: counts[reason] for reason in sorted(counts)}},
        issues=len(sequence),
        digest=digest_of([decisions["panel_id"].to_pylist(), [reason or "" for reason in reasons]]),
        unchanged=unchanged,
    )


@dataclass(frozen=True)
class _Basis:
    """All that decisions are made from."""

    made_from: Mapping[str, str | None]
    """By key of an issue: what its table of panels was made from; None where that is not known."""
    seen: Mapping[str, Seen]
    """By key: the pages that its panels name and that are no longer there."""
    params: UniqueParams
    terms: Terms | None
    dropped: Dropped

    def of(self, sequence: Iterable[str]) -> list[Any]:
        """As a JSON value, with these issues in this order."""
        issues = [self._of_issue(key) for key in sequence]
        titles = {split_issue_key(key)[0] for key, *_ in issues}
        return [
            UniqueParams.code_version,
            self.params.model_dump(),
            issues,
            *([self.terms.within(titles)] if self.terms else []),
            *([[drop.id for drop in self.dropped.drops]] if self.dropped.drops else []),
        ]

    def _of_issue(self, key: str) -> list[Any]:
        lost = self.seen[key].lost if key in self.seen else []
        return [key, self.made_from.get(key), *([digest_of(lost)] if lost else [])]

    def is_lost(self, panels: pd.DataFrame) -> np.ndarray:
        """(N,) bool: panels with a page that is no longer there. panels: `key` and `pages_sha256`."""
        lost = {key: {*seen.lost} for key, seen in self.seen.items() if seen.lost}
        places = zip(panels["key"], panels["pages_sha256"], strict=True) if lost else ()
        found = [key in lost and not lost[key].isdisjoint(pages) for key, pages in places]
        return np.array(found, bool) if lost else np.zeros(len(panels), bool)

    def unchanged_issues(self, before: pa.Table) -> dict[str, int]:
        """The issues of before whose panels, and all that was decided about them from outside, are the same now, with
        their places.
        """
        metadata = before.schema.metadata or {}
        was = json.loads(metadata.get(DECIDED_FROM, b"null"))
        if was is None or metadata.get(b"made_from", b"").decode() != digest_of(was):
            return {}
        today = self.of(key for key, *_ in was[2])
        if [*was[:2], *was[3:]] != [*today[:2], *today[3:]]:
            return {}
        pairs = zip(was[2], today[2], strict=True)
        return {now[0]: place for place, (then, now) in enumerate(pairs) if then == now and now[1] is not None}


def _decide_in_lake(lake: Lake, now: _Basis, title_order: list[str]) -> tuple[list[str], pa.Table]:
    """The issues in the order of their arrival, and the decisions about their panels: DECISION_SCHEMA.

    What was decided about the first issues holds as long as those are the same. About the panels of the others is
    decided together with those of the first ones that they depend on: the result is that of deciding about all.
    """
    before = lake.read_table(lake.unique_panels) if lake.unique_panels.exists() else DECISION_SCHEMA.empty_table()
    unchanged = now.unchanged_issues(before)

    @cache
    def read(key: str) -> pa.Table:
        return lake.read_table(lake.panels(key), PANEL_COLUMNS)

    keys = [*now.made_from]
    sequence = _sequence(keys, _places_by_content(lake, read, keys, unchanged), title_order)
    first = next((at for at, key in enumerate(sequence) if unchanged.get(key) != at), len(sequence))
    place = {key: number for number, key in enumerate(sequence)}

    old = before.slice(0, np.searchsorted(before["sequence"], first)) if first else DECISION_SCHEMA.empty_table()
    new = _panels_of(read, sequence[first:])
    rows = old.take(decisive_rows(old, new, now.params.radius_bits)).select(["title", "issue", "panel_id"]).to_pandas()
    earlier = _panels_of(read, sorted({*keys_of(rows)}))
    earlier = earlier[earlier["panel_id"].isin(rows["panel_id"])]
    panels = pd.concat([earlier, new], ignore_index=True) if len(earlier) else new
    panels = panels.assign(sequence=panels["key"].map(place)).sort_values(["sequence", "panel"], kind="stable")
    decided = decide(panels.assign(is_lost=now.is_lost(panels)), now.params, now.terms, now.dropped)
    decided = decided[decided["sequence"] >= first]
    table = pa.Table.from_pandas(decided, schema=DECISION_SCHEMA, preserve_index=False)
    return sequence, pa.concat_tables([table.slice(0, 0), old.select(table.column_names).cast(table.schema), table])


def _panels_of(read: Callable[[str], pa.Table], keys: Sequence[str]) -> pd.DataFrame:
    """PANEL_COLUMNS and `key` of issues, without what the cut left out beside their panels."""
    none = pa.schema([PANEL_SCHEMA.field(name) for name in PANEL_COLUMNS]).empty_table()
    panels = pa.concat_tables([none, *map(read, keys)]).to_pandas()
    panels = panels[panels["drop_reason"] != NOT_A_PANEL].reset_index(drop=True)
    return panels.assign(key=keys_of(panels))


def _places(lake: Lake) -> dict[str, int]:
    """The place of each issue among all, by its name, as it was the last time."""
    if not lake.unique_panels.exists():
        return {}
    columns = ["title", "issue", "sequence"]
    before = lake.read_table(lake.unique_panels, columns).group_by(columns).aggregate([]).to_pandas()
    return dict(zip(keys_of(before), before["sequence"].tolist(), strict=True))


def _places_by_content(
    lake: Lake, read: Callable[[str], pa.Table], keys: list[str], unchanged: Iterable[str]
) -> dict[str, int]:
    """The place of each issue of before among all: an issue has that of the issue whose pictures it holds.

    A name whose pictures are another issue's now, and that holds others, has no place: it is a new issue. Unchanged
    issues that keep some panels hold what they held; they are only looked at where another one claims that, too.
    """
    places = _places(lake)
    if not places:
        return {}
    before = in_use(content_of(lake, lake.unique_panels, ["kept"])).assign(split=None)
    settled = {*unchanged} & {*before["key"]}
    held = former_holders(_panels_of(read, [key for key in keys if key not in settled]), before)
    claimed = settled & {most_of(key, holders)[0] for key, holders in held.items()}
    continued = successors(held | former_holders(_panels_of(read, sorted(claimed)), before))
    gone = {*continued.values()}
    by_name = {key: place for key, place in places.items() if key not in gone}
    return by_name | {key: places[was] for key, was in continued.items()}


def _sequence(keys: list[str], known: dict[str, int], title_order: list[str]) -> list[str]:
    """Keys in the order of their arrival: known issues by their places, then new ones."""
    titles = {title: place for place, title in enumerate(title_order)}

    def arrival(key: str) -> tuple:
        title, issue = split_issue_key(key)
        if key in known:
            return (0, known[key])
        return (1, titles.get(title, len(titles)), title, natural_key(issue))

    return sorted(keys, key=arrival)
