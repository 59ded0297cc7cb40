"""Previews of the stages' outputs for people: boxes on pages, kept and dropped panels, titles, variants.

`preview_...` draw pictures, uint8 RGB (H, W, 3), from tables and arrays of the lake. `..._previews` give them as JPEG
files by name, and keep them in the lake: an output that did not change is not drawn again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from pipelines.images.decode import decode_picture
from pipelines.images.line_brightness import histogram_picture, line_histograms
from pipelines.images.sampling import evenly_spaced
from pipelines.images.sheets import contact_sheet, labelled_grid, to_jpeg
from pipelines.issue_splits import Lookalikes, left_out_panels
from pipelines.lake import Lake, digest_of, image_type
from pipelines.panels.build import PanelReport, build_panels
from pipelines.panels.cut import Cut
from pipelines.panels.filters import NOT_A_PANEL
from pipelines.panels.on_all_cores import on_all_cores
from pipelines.panels.overlay import draw_boxes
from pipelines.panels.params import PanelParams
from pipelines.panels.pixels import read_panels
from pipelines.panels.slices import slices_of
from pipelines.panels.strip import stitch
from pipelines.params import SPLITS
from pipelines.variants import STYLES, open_array, read_manifest

MAX_PICTURES = 24
BRIGHTNESS_PICTURES = 64  # enough for a smooth histogram
SHEET_COLUMNS = 6  # wider sheets run out of the window in which Dagster shows them
COLUMN_PX = (230, 1100)  # width and height of one column of a strip's overview
MAX_COLUMNS = 8
PREVIEW_SCHEMA = pa.schema(
    [pa.field("name", pa.string(), nullable=False), pa.field("image", image_type(), nullable=False)]
)
PREVIEW_VERSION = "3"
"""Part of every kept preview's digest: raise it whenever the same output is drawn otherwise."""

DECISION_COLUMNS = ["title", "issue", "panel", "panel_id", "kept", "reason", "duplicate_of", "distance_bits"]


Pictures = Mapping[str, np.ndarray | None]
"""Pictures by name; None where there is nothing to show."""


def keep_previews(
    lake: Lake, stage: str, partition: str, *, made_from: object, draw: Callable[[], Pictures]
) -> dict[str, bytes]:
    """The pictures of a partition as JPEG files by name, drawn only where the kept ones were made from something else.

    made_from: what the pictures show, as a JSON value, e.g. the digest of a table.
    """
    path, digest = lake.previews(stage, partition), digest_of([PREVIEW_VERSION, made_from])
    if lake.made_from(path) != digest:
        rows = [
            {"name": name, "image": {"bytes": to_jpeg(rgb), "path": f"{name}.jpg"}}
            for name, rgb in draw().items()
            if rgb is not None
        ]
        lake.write_table(path, pa.Table.from_pylist(rows, PREVIEW_SCHEMA), made_from=digest)
    return {row["name"]: row["image"]["bytes"] for row in lake.read_table(path).to_pylist()}


def panel_previews(lake: Lake, key: str) -> dict[str, bytes]:
    """The cut and the panels of an issue, as JPEG files by name."""
    return keep_previews(
        lake,
        "panels",
        key,
        made_from=lake.made_from(lake.panels(key)),
        draw=lambda: {"cut": preview_cut(lake, key), **preview_panels(lake, key)},
    )


@dataclass(frozen=True)
class DrawnPanels:
    """The panels of an issue that were made now or before."""

    report: PanelReport
    is_drawn: bool
    """True where their previews were drawn now: the panels changed, or an earlier run was interrupted."""


def build_drawn_panels(params: Mapping[str, PanelParams], lake: Lake) -> Iterator[tuple[str, DrawnPanels | Exception]]:
    """Builds the panels of issues, by their keys, on all cores, and draws the previews of those that changed.

    Yields issues as they end; an error is the result of its issue.
    """
    work = partial(_build_drawn, params, lake)
    yield from on_all_cores(work, list(params))


def _build_drawn(params: Mapping[str, PanelParams], lake: Lake, key: str) -> DrawnPanels:
    report = build_panels(key, lake, params[key])
    is_drawn = not report.unchanged or not lake.previews("panels", key).exists()
    if is_drawn:
        panel_previews(lake, key)
    return DrawnPanels(report, is_drawn)


def decision_previews(lake: Lake) -> dict[str, bytes]:
    """Kept panels and near-duplicates, as JPEG files by name."""
    made_from = lake.made_from(lake.unique_panels)
    return keep_previews(lake, "unique_panels", "all", made_from=made_from, draw=lambda: preview_decisions(lake))


def title_previews(lake: Lake) -> dict[str, bytes]:
    """Example panels of each title, as JPEG files by name."""
    made_from = [lake.made_from(lake.unique_panels), lake.made_from(lake.issue_splits)]
    return keep_previews(lake, "issue_splits", "titles", made_from=made_from, draw=lambda: preview_titles(lake))


def leak_previews(lake: Lake, leaks: list[Lookalikes]) -> dict[str, bytes]:
    """Panels that look alike across splits, as JPEG files by name."""
    made_from = [lake.made_from(lake.unique_panels), [vars(leak) for leak in leaks]]
    return keep_previews(
        lake, "issue_splits", "lookalikes", made_from=made_from, draw=lambda: preview_leaks(lake, leaks)
    )


def variant_previews(kind: str, split: str, lake: Lake, *, cache: Path | None = None) -> dict[str, bytes]:
    """Samples of a variant, as JPEG files by name."""
    made_from = read_manifest(lake, kind, split)["digest"]
    return keep_previews(
        lake,
        f"{kind}_panels",
        split,
        made_from=made_from,
        draw=lambda: preview_variant(kind, split, lake, cache=cache),
    )


def preview_cut(lake: Lake, key: str) -> np.ndarray | None:
    """The pages of an issue with the boxes of its panels, or None where it has no page."""
    pages = [row for row in lake.read_table(lake.issue_pages(key)).to_pylist() if row["status"] == "ok"]
    pages.sort(key=lambda page: page["page"])
    panels = lake.read_table(
        lake.panels(key), ["page", "page_box", "strip_box", "mask", "explanation", "page_score", "drop_reason"]
    ).to_pylist()
    if not pages:
        return None
    if any(panel["strip_box"] for panel in panels):
        return _strip_overview(pages, panels)
    chosen = _spread(pages, 6)
    drawn = [_with_boxes(_decoded(page), [one for one in panels if one["page"] == page["page"]]) for page in chosen]
    return contact_sheet(drawn, [_page_caption(page["page"], panels) for page in chosen], columns=3, cell_px=420)


def _page_caption(page: int, panels: list[dict[str, Any]]) -> str:
    """The page's number, and why its panels are these."""
    panel = next((panel for panel in panels if panel["page"] == page), None)
    if panel is None or panel["page_score"] is None:
        return f"page {page}"
    return f"page {page}: {panel['explanation']}, score {panel['page_score']:.2f}"


def preview_panels(lake: Lake, key: str) -> dict[str, np.ndarray]:
    """Contact sheets of an issue's panels: those that pass the size filter in colour, and the others with reasons."""
    rows = lake.read_table(lake.panels(key), ["panel", "panel_id", "drop_reason", "is_gray"]).to_pylist()
    reasons = [row["drop_reason"] or ("gray" if row["is_gray"] else None) for row in rows]
    sheets = {
        "passing panels": [(row, str(row["panel"])) for row, reason in zip(rows, reasons, strict=True) if not reason],
        "dropped panels": [(row, f"{row['panel']} {why}") for row, why in zip(rows, reasons, strict=True) if why],
    }
    chosen = {name: _spread(found, MAX_PICTURES) for name, found in sheets.items() if found}
    pixels = read_panels(lake, [row["panel_id"] for found in chosen.values() for row, _ in found])
    return {
        name: contact_sheet(
            [pixels[row["panel_id"]] for row, _ in found],
            [caption for _, caption in found],
            columns=SHEET_COLUMNS,
            cell_px=160,
        )
        for name, found in chosen.items()
    }


def preview_decisions(lake: Lake) -> dict[str, np.ndarray]:
    """Kept panels, and near-duplicates each beside the earlier panel that it repeats."""
    decisions = lake.read_table(lake.unique_panels, DECISION_COLUMNS).to_pandas()
    sheets = {}
    kept = decisions[decisions["kept"]]
    if len(kept):
        chosen = _spread(kept["panel_id"].tolist(), MAX_PICTURES)
        sheets["kept panels"] = contact_sheet(
            list(read_panels(lake, chosen).values()), chosen, columns=SHEET_COLUMNS, cell_px=160
        )
    twins = decisions[decisions["reason"] == "near_duplicate"]
    if len(twins):
        chosen_twins = twins.loc[_spread(twins.index.tolist(), 8)]
        found = read_panels(lake, [*chosen_twins["panel_id"], *chosen_twins["duplicate_of"]])
        sheets["near-duplicates"] = labelled_grid(
            [[found[row.panel_id], found[row.duplicate_of]] for row in chosen_twins.itertuples()],
            ["dropped", "repeats"],
            labels=[
                f"{row.panel_id} repeats {row.duplicate_of}, {row.distance_bits} bits"
                for row in chosen_twins.itertuples()
            ],
            cell_px=200,
        )
    return sheets


def preview_titles(lake: Lake) -> dict[str, np.ndarray]:
    """Example panels of each title, as in paper 000's Table I: the titles' own look, in train, val and test."""
    decisions = lake.read_table(lake.unique_panels, ["title", "issue", "panel_id", "kept"]).to_pandas()
    splits = lake.read_table(lake.issue_splits, ["title", "issue", "split"]).to_pandas()
    is_in = decisions["kept"] & ~decisions["panel_id"].isin(left_out_panels(lake))
    kept = decisions[is_in].merge(splits, on=["title", "issue"])
    rows, labels = [], []
    for title, of_title in kept.groupby("title", sort=False):
        chosen = _spread(of_title["panel_id"].tolist(), 6)
        found = [*read_panels(lake, chosen).values()]
        blank = np.full((8, 8, 3), 255, np.uint8)
        rows.append(found + [blank] * (6 - len(found)))
        counts = of_title["split"].value_counts()
        labels.append(f"{title}   " + "   ".join(f"{name} {counts.get(name, 0)}" for name in SPLITS))
    return {"titles": labelled_grid(rows, [""] * 6, labels=labels, cell_px=150)} if rows else {}


def preview_leaks(lake: Lake, leaks: list[Lookalikes]) -> dict[str, np.ndarray]:
    """Pairs of panels that look alike across splits, side by side."""
    if not leaks:
        return {}
    shown = leaks[:8]
    found = read_panels(lake, [panel_id for leak in shown for panel_id in (leak.panel_id, leak.other_id)])
    grid = labelled_grid(
        [[found[leak.panel_id], found[leak.other_id]] for leak in shown],
        ["", ""],
        labels=[
            f"{leak.split} {leak.panel_id} / {leak.other_split} {leak.other_id}: {leak.correlation:.3f}"
            for leak in shown
        ],
        cell_px=200,
    )
    return {"lookalikes": grid}


def preview_variant(kind: str, split: str, lake: Lake, *, cache: Path | None = None) -> dict[str, np.ndarray]:
    """Samples of a variant beside their colour, and histograms of lines (paper 003, Figure 3); none if empty."""
    manifest = read_manifest(lake, kind, split)
    origin = read_manifest(lake, "color", split, manifest["made_from"]["color"])
    side = min(int(size) for size in manifest["arrays"])
    color, variant = (open_array(lake, each, side, cache) for each in (origin, manifest))
    if not len(color):
        return {}
    rows = [[color[index], *variant[index]] for index in _spread(list(range(len(color))), 4)]
    found = {f"{kind} of {split}": labelled_grid(rows, ["color", *STYLES[kind]], cell_px=min(side, 192))}
    if kind == "line":
        shown = np.asarray(variant[_spread(list(range(len(color))), BRIGHTNESS_PICTURES)])
        found[f"brightness of lines of {split}"] = histogram_picture(line_histograms(shown, styles=STYLES[kind]))
    return found


def _spread(items: list[Any], at_most: int) -> list[Any]:
    """At most so many items, evenly spread, in their order."""
    return [items[index] for index in evenly_spaced(len(items), at_most)]


def _decoded(page: dict[str, Any]) -> np.ndarray:
    return decode_picture(page["image"]["bytes"], name=page["name"])


def _with_boxes(page: np.ndarray, panels: list[dict[str, Any]]) -> np.ndarray:
    """A page with the boxes of its panels, and in gray those of what is none."""
    cuts = [_cut(panel, "page_box") for panel in panels if panel["drop_reason"] != NOT_A_PANEL]
    left_out = [tuple(panel["page_box"]) for panel in panels if panel["drop_reason"] == NOT_A_PANEL]
    return draw_boxes(page, cuts, left_out)


def _cut(panel: dict[str, Any], box: str) -> Cut:
    mask = None
    if panel["mask"]:
        mask = decode_picture(panel["mask"], name="mask")[..., 0] > 0
    return Cut(tuple(panel[box]), mask)


def _strip_overview(pages: list[dict[str, Any]], panels: list[dict[str, Any]]) -> np.ndarray:
    """A strip with its boxes, small, in columns side by side, each going on where the one before ends.

    Pages of another width, which are no part of the strip, follow in columns of their own.
    """
    pictures = {page["page"]: _decoded(page) for page in pages}
    slices = _slices(pictures, panels)
    strip = stitch([pictures[page] for page in slices]).image
    strip = draw_boxes(strip, [_cut(panel, "strip_box") for panel in panels if panel["strip_box"]])
    shown = [_column_wide(strip)]
    for page in [page for page in pictures if page not in slices]:
        own = [panel for panel in panels if panel["page"] == page and not panel["strip_box"]]
        shown.append(_column_wide(_with_boxes(pictures[page], own)))
    width, height = COLUMN_PX
    columns = []
    for small in shown:
        for top in range(0, min(len(small), height * (MAX_COLUMNS - len(columns))), height):
            column = np.full((height, width + 8, 3), 128, np.uint8)
            part = small[top : top + height]
            column[: len(part), :width] = part
            columns.append(column)
    return np.concatenate(columns, axis=1)


def _slices(pictures: Mapping[int, np.ndarray], panels: list[dict[str, Any]]) -> list[int]:
    """The pages that the strip was stitched from: where the boxes on strip and page agree."""
    pages = list(pictures)
    for chosen in ([pages[index] for index in slices_of(list(pictures.values()))], pages):
        tops = dict(zip(chosen, np.cumsum([0, *(len(pictures[page]) for page in chosen)]).tolist(), strict=False))
        if all(
            tops.get(panel["page"]) == panel["strip_box"][1] - panel["page_box"][1]
            for panel in panels
            if panel["strip_box"]
        ):
            return chosen
    return pages


def _column_wide(picture: np.ndarray) -> np.ndarray:
    size = COLUMN_PX[0], max(1, round(len(picture) * COLUMN_PX[0] / picture.shape[1]))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
