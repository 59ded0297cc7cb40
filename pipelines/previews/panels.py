"""An issue's pages with the boxes of its panels, and its panels; drawn where they are cut, on all cores."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np

from pipelines.images.decode import decode_picture
from pipelines.images.sheets import contact_sheet
from pipelines.lake import Lake
from pipelines.panels.build import PanelReport, build_panels
from pipelines.panels.cut import Cut
from pipelines.panels.filters import NOT_A_PANEL
from pipelines.panels.on_all_cores import on_all_cores
from pipelines.panels.overlay import draw_boxes
from pipelines.panels.params import PanelParams
from pipelines.panels.pixels import read_panels
from pipelines.panels.slices import slices_of
from pipelines.panels.strip import stitch
from pipelines.previews.kept import MAX_PICTURES, SHEET_COLUMNS, keep_previews, spread

COLUMN_PX = (230, 1100)  # width and height of one column of a strip's overview
MAX_COLUMNS = 8


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
    chosen = spread(pages, 6)
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
    chosen = {name: spread(found, MAX_PICTURES) for name, found in sheets.items() if found}
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
