"""Stage 3, panels -> one decision per panel: kept, or dropped and why.

Reads the panel tables of every issue (not their pictures), writes `unique_panels.parquet`. In this order, as
paper 000 (III.A) removes duplicates between its steps and gray pictures last:

    page     the whole page is, byte for byte, an earlier page of the same title
    crop     a near-duplicate of an earlier panel of the same title
    size     outside the size filter
    filter   a near-duplicate of an earlier panel of any title, among those that passed
    gray     naturally gray

The earliest panel stays. Issues keep the place in which they were first seen, and new ones come after them, so a
new issue never changes what old issues keep. A panel that a later step drops anyway (by its size, or because it
is gray) is never the reason to drop one that would pass.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.lake import Lake, digest_of, natural_key, split_issue_key
from pipelines.panels.panel import PANEL_SCHEMA
from pipelines.params import UniqueParams

PANEL_COLUMNS = [
    "title", "issue", "panel", "panel_id", "page", "pages_sha256", "page_box", "width_px", "height_px",
    "drop_reason", "is_gray", "is_flat", "phash", "sha256", "thumbnail",
]  # fmt: skip

DECISION_SCHEMA = pa.schema(
    [
        *(PANEL_SCHEMA.field(name) for name in ["title", "issue", "panel", "panel_id", "width_px", "height_px"]),
        *(PANEL_SCHEMA.field(name) for name in ["phash", "sha256", "is_flat", "thumbnail"]),
        pa.field("sequence", pa.int32(), nullable=False),  # the issue's place among all issues: lower was first seen
        pa.field("kept", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),  # null when kept
        pa.field("stage", pa.string()),  # the step that dropped it; null when kept
        pa.field("duplicate_of", pa.string()),  # panel_id of the earlier panel
        pa.field("distance_bits", pa.int32()),  # Hamming distance of the two hashes
    ]
)


@dataclass(frozen=True)
class UniqueReport:
    """The counts of decisions by reason, and whether anything changed since the last time."""

    counts: dict[str, int]
    issues: int
    digest: str
    unchanged: bool


def nearby_pairs(hashes: np.ndarray, radius_bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of distinct 64-bit hashes within a Hamming radius.

    hashes: (N,) uint64 without repeats. Returns indices i < j, (P,) each, and distances (P,), sorted by (j, i).

    Two hashes within the radius agree, in one of three bands of 21, 21 and 22 bits, but for at most radius // 3
    bits (pigeonhole): each band is looked up with every mask of so few bits, and the candidates are compared whole.
    """
    found = []
    for shift, width in ((0, 21), (21, 21), (42, 22)):
        band = ((hashes >> np.uint64(shift)) & np.uint64((1 << width) - 1)).astype(np.int64)
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        for mask in _masks(width, radius_bits // 3):
            start = np.searchsorted(ordered, band ^ mask, side="left")
            counts = np.searchsorted(ordered, band ^ mask, side="right") - start
            left = np.repeat(np.arange(len(hashes)), counts)
            offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            right = order[np.repeat(start, counts) + offset]
            once = left < right
            left, right = left[once], right[once]
            near = np.bitwise_count(hashes[left] ^ hashes[right]) <= radius_bits
            found.append(np.stack([right[near], left[near]], axis=1))
    pairs = np.unique(np.concatenate(found), axis=0)
    j, i = pairs[:, 0], pairs[:, 1]
    return i, j, np.bitwise_count(hashes[i] ^ hashes[j])


def _masks(width: int, max_bits: int) -> list[int]:
    return [
        sum(1 << bit for bit in bits) for count in range(max_bits + 1) for bits in combinations(range(width), count)
    ]


def earlier_lookalikes(hashes: np.ndarray, radius_bits: int) -> np.ndarray:
    """For each hash, in order, the index of the earlier one that makes it a duplicate, or -1 where it stays.

    hashes: (N,) uint64. Only hashes that stay make others duplicates, so no chain of small steps can link two
    pictures that are far apart. Returns (N,) int64.
    """
    values, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    by_arrival = np.argsort(first, kind="stable")
    rank = np.empty_like(by_arrival)
    rank[by_arrival] = np.arange(len(values))
    i, j, _ = nearby_pairs(values[by_arrival], radius_bits)
    leader = np.full(len(values), -1)
    for earlier, later in zip(i, j, strict=True):
        if leader[later] < 0 and leader[earlier] < 0:
            leader[later] = earlier
    place = rank[group]
    own = first[by_arrival]
    answer = np.where(leader[place] >= 0, own[leader[place]], own[place])
    return np.where(answer == np.arange(len(hashes)), -1, answer)


def decide(panels: pd.DataFrame, params: UniqueParams) -> pd.DataFrame:
    """Decisions for panels that are already in their order: sorted by sequence, then panel.

    panels: PANEL_COLUMNS and `sequence`. Returns it with kept, reason, stage, duplicate_of, distance_bits.
    """
    panels = panels.reset_index(drop=True)
    decided = pd.DataFrame(
        {
            "reason": pd.Series(None, index=panels.index, dtype="object"),
            "stage": pd.Series(None, index=panels.index, dtype="object"),
            "twin": -1,
        }
    )

    def drop(rows: np.ndarray, stage: str, reason: str | pd.Series, twins: np.ndarray | int = -1) -> None:
        decided.loc[rows, "stage"] = stage
        decided.loc[rows, "reason"] = reason
        decided.loc[rows, "twin"] = twins

    def drop_lookalikes(stage: str, within: list[str]) -> None:
        left = panels[decided["reason"].isna().to_numpy()]
        verdict = left["drop_reason"].isna().rename("passes_size")
        for _, group in left.groupby([*(left[name] for name in within), verdict, "is_gray"], sort=False):
            rows = group.index.to_numpy()
            twins = earlier_lookalikes(_comparable_hashes(group), params.radius_bits)
            found = twins >= 0
            drop(rows[found], stage, "near_duplicate", rows[twins[found]])

    pages = _earlier_pages(panels)
    drop(np.flatnonzero(pages >= 0), "page", "duplicate_page", pages[pages >= 0])
    drop_lookalikes("crop", within=["title"])
    sized = decided["reason"].isna() & panels["drop_reason"].notna()
    drop(np.flatnonzero(sized), "size", panels.loc[sized, "drop_reason"])
    drop_lookalikes("filter", within=[])
    drop(np.flatnonzero(decided["reason"].isna() & panels["is_gray"]), "gray", "gray")

    twin = decided["twin"].to_numpy()
    has_twin = twin >= 0
    bits = _bits(panels["phash"])
    distance = np.bitwise_count(bits ^ bits[np.where(has_twin, twin, 0)]).astype(np.int32)
    return panels.assign(
        kept=decided["reason"].isna(),
        reason=decided["reason"],
        stage=decided["stage"],
        duplicate_of=panels["panel_id"].to_numpy()[twin],
        distance_bits=pd.array(distance, dtype="Int32"),
    ).assign(
        duplicate_of=lambda table: table["duplicate_of"].where(has_twin, None),
        distance_bits=lambda table: table["distance_bits"].where(has_twin, pd.NA),
    )


def _comparable_hashes(panels: pd.DataFrame) -> np.ndarray:
    """The perceptual hash; for a picture too flat for one, 64 bits of its digest: equal only when identical."""
    return _bits(panels["phash"].where(~panels["is_flat"], panels["sha256"].str[:16]))


def _bits(hexadecimal: pd.Series) -> np.ndarray:
    """16 hex digits each -> (N,) uint64."""
    return np.array([int(str(digits), 16) for digits in hexadecimal], np.uint64)


def _earlier_pages(panels: pd.DataFrame) -> np.ndarray:
    """For each panel, the panel at the same place of an identical, earlier page of its title, or -1."""
    first_page: dict[tuple[str, str], tuple[int, int]] = {}
    first_panel: dict[tuple, int] = {}
    answer = np.full(len(panels), -1)
    for row, panel in enumerate(panels.to_dict("records")):
        shas = tuple(panel["pages_sha256"])
        title = panel["title"]
        places = [(panel["sequence"], panel["page"] + offset) for offset in range(len(shas))]
        firsts = [first_page.setdefault((title, sha), place) for sha, place in zip(shas, places, strict=True)]
        is_repeat = all(first < place for first, place in zip(firsts, places, strict=True))
        first = first_panel.setdefault((title, shas, tuple(panel["page_box"])), row)
        if is_repeat and first != row:
            answer[row] = first
    return answer


def build_unique_panels(lake: Lake, params: UniqueParams, *, title_order: list[str]) -> UniqueReport:
    """Decides for every panel in the lake. New issues come after known ones, by title and natural order.

    Raises FileNotFoundError when no issue has been cut yet.
    """
    keys = lake.keys_with("panels")
    if not keys:
        raise FileNotFoundError("no panels yet: materialize `panels` first (tintoon run panels)")
    sequence = _sequence(lake, keys, title_order)
    made_from = digest_of(
        [UniqueParams.code_version, params.model_dump(), [[key, lake.made_from(lake.panels(key))] for key in sequence]]
    )
    unchanged = lake.made_from(lake.unique_panels) == made_from
    if not unchanged:
        tables = [lake.read_table(lake.panels(key), PANEL_COLUMNS) for key in sequence]
        panels = pa.concat_tables(tables).to_pandas()
        places = {split_issue_key(key): place for place, key in enumerate(sequence)}
        panels["sequence"] = [
            places[title, issue] for title, issue in zip(panels["title"], panels["issue"], strict=True)
        ]
        decided = decide(panels.sort_values(["sequence", "panel"], kind="stable"), params)
        table = pa.Table.from_pandas(decided, schema=DECISION_SCHEMA, preserve_index=False)
        lake.write_table(lake.unique_panels, table, made_from=made_from)
    decisions = lake.read_table(lake.unique_panels, ["reason", "panel_id"]).to_pandas()
    counts = Counter(decisions["reason"].fillna("kept"))
    return UniqueReport(
        counts={"panels": len(decisions), **{reason: counts[reason] for reason in sorted(counts)}},
        issues=len(sequence),
        digest=digest_of([decisions["panel_id"].tolist(), decisions["reason"].fillna("").tolist()]),
        unchanged=unchanged,
    )


def _sequence(lake: Lake, keys: list[str], title_order: list[str]) -> list[str]:
    """Keys in the order of their arrival: known issues as before, then new ones."""
    known: dict[str, int] = {}
    if lake.unique_panels.exists():
        before = lake.read_table(lake.unique_panels, ["title", "issue", "sequence"]).to_pandas().drop_duplicates()
        known = {f"{row.title}__{row.issue}": int(row.sequence) for row in before.itertuples()}
    titles = {title: place for place, title in enumerate(title_order)}

    def arrival(key: str) -> tuple:
        title, issue = split_issue_key(key)
        if key in known:
            return (0, known[key])
        return (1, titles.get(title, len(titles)), title, natural_key(issue))

    return sorted(keys, key=arrival)
