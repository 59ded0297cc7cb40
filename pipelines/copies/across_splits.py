"""Copies of one split's panels in another: near, recoloured, mirrored, zoomed.

Each panel of val and test is compared with those of the splits before it by thumbnails, and the CANDIDATES most alike
are aligned by their pixels. What was compared is kept in `copies.json`: a new issue costs its own panels alone.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from pipelines.copies.alignment import align, best_correlations, fine_of, luma_of
from pipelines.copies.relations import Relation, color_distances, relation_of
from pipelines.lake import Lake
from pipelines.panels.pixels import PagesChanged, panels_of

VERSION = "1"
"""Raise it when other pairs are found: all panels are then compared again."""

CANDIDATES = 8
"""So many of the others, those most alike, are aligned with each panel."""

MIN_CANDIDATE = 0.75
"""Least correlation of the thumbnails' best windows."""

BLOCK = 1024, 4096
"""So many panels are compared with so many others at a time: about 100 MB."""

PAIRS = (("val", "train"), ("test", "train"), ("test", "val"))

PICTURE_COLUMNS = ["key", "panel_id", "sequence", "sha256", "thumbnail", "split"]


@dataclass(frozen=True)
class Copy:
    """Two panels of different splits, by digests of their pixels; `later` came later."""

    later: str
    earlier: str
    relation: Relation
    correlation: float
    """As `pipelines.copies.alignment` measures it."""


def find_copies(lake: Lake, panels: pd.DataFrame) -> list[Copy]:
    """The copies among panels of different splits.

    panels: PICTURE_COLUMNS, a row for each kept panel that is not flat, in the order of arrival.

    Panels whose pictures the lake does not hold any more (their issue was fetched or cut anew meanwhile) are left out:
    the next run of `unique_panels` decides on them.
    """
    state = lake.read_json(lake.copies) if lake.copies.exists() else {}
    if state.get("version") != VERSION:
        state = {"version": VERSION, "compared": {}, "pairs": []}
    compared: Mapping[str, str] = state["compared"]
    now = dict(zip(panels["sha256"], panels["split"], strict=True))
    known = [Copy(**pair) for pair in state["pairs"]]
    # A picture that has moved to another split is as good as new.
    old = [digest for digest, split in now.items() if compared.get(digest) == split]
    is_new = ~panels["sha256"].isin(old)
    candidates = [pair for one, other in PAIRS for pair in _candidates(panels, is_new, one, other)]
    found = {(pair.later, pair.earlier): pair for pair in known if {pair.later, pair.earlier} <= now.keys()}
    found |= {(pair.later, pair.earlier): pair for pair in _confirmed(lake, panels, candidates)}
    pairs = [found[names] for names in sorted(found)]
    if compared != now:
        values = {"version": VERSION, "compared": now, "pairs": [asdict(pair) for pair in pairs]}
        lake.write_json(lake.copies, values)
    return [pair for pair in pairs if now[pair.later] != now[pair.earlier]]


def _candidates(panels: pd.DataFrame, is_new: pd.Series, split: str, other: str) -> Iterator[tuple[int, int]]:
    """Pairs of rows, one of each split, of which one is new, whose thumbnails are alike."""
    rows, others = (np.flatnonzero(panels["split"] == name) for name in (split, other))
    new = is_new.to_numpy()
    for asked, seen in ((rows[new[rows]], others), (rows[~new[rows]], others[new[others]])):
        for start in range(0, len(asked), BLOCK[0]):
            block = asked[start : start + BLOCK[0]]
            yield from _most_alike(panels, block, seen)


def _most_alike(panels: pd.DataFrame, rows: np.ndarray, others: np.ndarray) -> Iterator[tuple[int, int]]:
    thumbnails = panels["thumbnail"].to_numpy()
    asked = luma_of(list(thumbnails[rows]))
    best: list[list[tuple[float, int]]] = [[] for _ in rows]
    for start in range(0, len(others), BLOCK[1]):
        block = others[start : start + BLOCK[1]]
        correlation = best_correlations(asked, luma_of(list(thumbnails[block])))
        few = np.argpartition(-correlation, min(CANDIDATES, len(block)) - 1, axis=1)[:, :CANDIDATES]
        for place, columns in enumerate(few):
            alike = [(float(correlation[place, at]), int(block[at])) for at in columns]
            best[place] = sorted([*best[place], *alike], reverse=True)[:CANDIDATES]
    for row, found in zip(rows, best, strict=True):
        yield from ((int(row), other) for correlation, other in found if correlation >= MIN_CANDIDATE)


def _confirmed(lake: Lake, panels: pd.DataFrame, candidates: list[tuple[int, int]]) -> Iterator[Copy]:
    """The candidates that their pixels show to be copies."""
    fine = _fine_pictures(lake, panels.iloc[sorted({row for pair in candidates for row in pair})])
    digests, thumbnails = panels["sha256"].tolist(), panels["thumbnail"].tolist()
    for pair in candidates:
        earlier, later = sorted(pair)  # rows are in the order of arrival
        if digests[earlier] not in fine or digests[later] not in fine:
            continue
        alignment = align(fine[digests[later]], fine[digests[earlier]])
        (distance,) = color_distances([thumbnails[later]], [thumbnails[earlier]])
        if relation := relation_of(alignment, distance):
            yield Copy(digests[later], digests[earlier], relation, round(alignment.correlation, 3))


def _fine_pictures(lake: Lake, panels: pd.DataFrame) -> dict[str, np.ndarray]:
    """`fine_of` each panel that the lake still holds with these pixels, by digest."""
    found = {}
    for key, of_issue in panels.groupby("key", sort=False):
        path = lake.panels(str(key))
        if not path.exists():
            continue
        wanted = set(of_issue["sha256"])
        rows = lake.read_table(path, ["panel_id", "sha256"]).to_pylist()
        digests = {row["panel_id"]: row["sha256"] for row in rows if row["sha256"] in wanted}
        with suppress(PagesChanged):
            found |= {digests[panel_id]: fine_of(rgb) for panel_id, rgb in panels_of(lake, str(key), digests)}
    return found
