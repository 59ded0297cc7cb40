"""Stage 2 for one issue. Reads its table of pages, writes its table of panels (schema in `panel.py`).

Pages that are slices are stitched first; a page of another width among them is cut on its own. Panels that a filter
drops, and what the cut leaves out beside panels, have a row with the reason. The table is written again only if the
pages, the parameters or this code changed.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import pyarrow as pa

from pipelines.images.decode import decode_picture
from pipelines.lake import Lake, digest_of, split_issue_key
from pipelines.panels.cut import Cut, CutPage, cut_strip, explain_page
from pipelines.panels.filters import DROP_REASONS, NOT_A_PANEL, MeasuredPanel, colored_share, drop_reason, is_gray
from pipelines.panels.hashing import HASH_VERSION, is_flat, phash, pixels_sha256, thumbnail
from pipelines.panels.panel import PANEL_SCHEMA
from pipelines.panels.params import PanelParams
from pipelines.panels.slices import runs_on, slices_of
from pipelines.panels.strip import Strip, stitch


@dataclass(frozen=True)
class PanelReport:
    """Counts of one issue: its pages and its panels, and whether anything is new."""

    pages: int
    layout: str
    """"strip", "pages", "strip and pages" (a strip, and pages of another width beside it) or "whole"."""
    counts: dict[str, int]
    """Rows by outcome: "passing", every one of `DROP_REASONS`, and "gray" (passing the filters, but naturally gray)."""
    explanations: dict[str, int]
    """Pages with panels by the explanation that won (`explanations.py`); those of a strip are "strip"."""
    digest: str
    """Digest of the panels' content: their places, pixels and marks."""
    unchanged: bool
    """True where the table was there already, made from the same pages, parameters and code."""

    @property
    def panels(self) -> int:
        """The number of panels that were cut, without what was left out beside them."""
        return sum(self.counts.values()) - self.counts[NOT_A_PANEL]


def build_panels(key: str, lake: Lake, params: PanelParams) -> PanelReport:
    """Cuts the panels of one issue and writes their table.

    Raises FileNotFoundError when the issue's pages were not collected, ValueError naming the page when one cannot be
    decoded, and ValueError when the issue has no page with a picture.
    """
    title, issue = split_issue_key(key)
    source = lake.issue_pages(key)
    if not source.exists():
        raise FileNotFoundError(f"{key}: no pages at {source}; collect the issue's pages first")
    known = lake.read_table(source, columns=["page", "name", "status", "sha256", "licence", "attribution", "facts"])
    pages = sorted((row for row in known.to_pylist() if row["status"] == "ok"), key=lambda row: row["page"])
    if not pages:
        raise ValueError(f"{key}: none of {known.num_rows} pages has a picture; see `status` in {source}")
    params = _directed(params, [json.loads(row.pop("facts")) for row in pages])
    # Without filters that are off: a filter that is new here changes nothing where it is not used.
    made_from = digest_of([pages, params.model_dump(exclude_none=True), PanelParams.code_version, HASH_VERSION])
    target = lake.panels(key)
    if lake.made_from(target) == made_from:
        return _report(lake.read_table(target, columns=_REPORTED), params, pages=len(pages), unchanged=True)

    table = lake.read_table(source, columns=["page", "status", "image"])
    encoded = {row["page"]: row["image"]["bytes"] for row in table.to_pylist() if row["status"] == "ok"}
    images = [
        decode_picture(encoded[row["page"]], name=f"{title}, issue {issue}, page {row['page']} ({row['name']})")
        for row in pages
    ]
    cut = _cut(images, params)
    rows = [
        {
            "title": title,
            "issue": issue,
            "panel": number,
            "panel_id": f"{key}__{number:04d}",
            "page": pages[panel.pages[0]]["page"],
            "pages_sha256": [pages[index]["sha256"] for index in panel.pages],
            "licence": pages[panel.pages[0]]["licence"],
            "attribution": pages[panel.pages[0]]["attribution"],
            **_described(panel, params),
        }
        for number, panel in enumerate(cut, start=1)
    ]
    panels = pa.Table.from_pylist(rows, schema=PANEL_SCHEMA)
    lake.write_table(target, panels, made_from=made_from)
    return _report(panels, params, pages=len(pages), unchanged=False)


@dataclass(frozen=True)
class _Panel:
    """A cut with its pixels and its places, or what was left out beside panels."""

    cut: Cut
    pixels: np.ndarray
    pages: list[int]
    """Indices of the pages that it touches."""
    page_box: tuple[int, int, int, int]
    strip_box: tuple[int, int, int, int] | None
    explanation: str
    page_score: float | None
    strip_width_px: int | None = None
    is_left_out: bool = False


def _directed(params: PanelParams, facts: list[dict[str, object]]) -> PanelParams:
    """The parameters with the reading direction decided: by the title's setting, else by what the source says."""
    if params.reading_direction != "auto":
        return params
    is_from_right = any(one.get("reading_direction") == "rtl" for one in facts)
    return params.model_copy(update={"reading_direction": "rtl" if is_from_right else "ltr"})


def _cut(images: list[np.ndarray], params: PanelParams) -> list[_Panel]:
    """All panels, in the order of the pages where they begin, and after them what is none."""
    slices = slices_of(images) if params.layout == "auto" else []
    if params.layout == "strip":
        slices = list(range(len(images)))
    placed = _strip_panels(images, slices, params)
    for index in sorted(set(range(len(images))) - set(slices)):
        page = _whole(images[index]) if params.layout == "whole" else explain_page(images[index], params)
        for cut, is_left_out in (
            *((one, False) for one in page.cuts),
            *((Cut(box, None), True) for box in page.left_out),
        ):
            pixels = _cropped(images[index], cut)
            panel = _Panel(cut, pixels, [index], cut.box, None, page.explanation, page.score, is_left_out=is_left_out)
            placed.append((index, panel))
    return [panel for _, panel in sorted(placed, key=lambda one: (one[1].is_left_out, one[0]))]


def _strip_panels(images: list[np.ndarray], slices: list[int], params: PanelParams) -> list[tuple[int, _Panel]]:
    """The panels of the strip, each after an index of a page that keeps their order among the other pages."""
    if not slices:
        return []
    strip = stitch([images[index] for index in slices])
    placed: list[tuple[int, _Panel]] = []
    for top, bottom in pairwise([0, *_breaks(images, slices, strip), len(strip.image)]):
        for one in cut_strip(strip.image[top:bottom], params):
            cut = replace(one, box=(one.box[0], one.box[1] + top, *one.box[2:]))
            page, page_box = strip.page_box(cut.box)
            touched = [slices[index] for index in strip.pages_touched(cut.box)]
            after = max(slices[page], placed[-1][0] if placed else 0)
            pixels = _cropped(strip.image, cut)
            width = strip.image.shape[1]
            placed.append((after, _Panel(cut, pixels, touched, page_box, cut.box, "strip", None, width)))
    return placed


def _breaks(images: list[np.ndarray], slices: list[int], strip: Strip) -> list[int]:
    """Rows where the strip ends at a page of another width, and begins again after it with another drawing."""
    return [
        strip.offsets[place]
        for place, (above, below) in enumerate(pairwise(slices), start=1)
        if below - above > 1 and runs_on(images[above], images[below]) is False
    ]


def _whole(image: np.ndarray) -> CutPage:
    height, width = image.shape[:2]
    return CutPage([Cut(box=(0, 0, width, height), mask=None)], "whole", None)


def _cropped(image: np.ndarray, cut: Cut) -> np.ndarray:
    x, y, width, height = cut.box
    return image[y : y + height, x : x + width]


def _described(panel: _Panel, params: PanelParams) -> dict[str, object]:
    """The columns of a panel that its pixels, outline and place decide."""
    pixels = np.ascontiguousarray(panel.pixels)  # copied once, here: it is then near at hand for all that reads it
    height, width = pixels.shape[:2]
    measured = MeasuredPanel(pixels)
    share = colored_share(measured, params)
    mask = panel.cut.mask
    return {
        "page_box": list(panel.page_box),
        "strip_box": None if panel.strip_box is None else list(panel.strip_box),
        "strip_width_px": panel.strip_width_px,
        "explanation": panel.explanation,
        "page_score": panel.page_score,
        "width_px": width,
        "height_px": height,
        "drop_reason": NOT_A_PANEL if panel.is_left_out else drop_reason(measured, params),
        "is_gray": is_gray(share, params),
        "colored_share": share,
        "phash": phash(pixels),
        "hash_version": HASH_VERSION,
        "is_flat": is_flat(measured.small),
        "sha256": pixels_sha256(pixels),
        "thumbnail": thumbnail(measured.small),
        "mask": None if mask is None else cv2.imencode(".png", mask.astype(np.uint8) * 255)[1].tobytes(),
    }


_CONTENT = ["panel_id", "page", "page_box", "drop_reason", "is_gray", "phash", "sha256", "mask"]
_REPORTED = [*_CONTENT, "strip_box", "explanation"]


def _report(panels: pa.Table, params: PanelParams, *, pages: int, unchanged: bool) -> PanelReport:
    rows = panels.select(_REPORTED).to_pylist()
    outcomes = Counter(row["drop_reason"] or ("gray" if row["is_gray"] else "passing") for row in rows)
    content = [[row["mask"].hex() if name == "mask" and row[name] else row[name] for name in _CONTENT] for row in rows]
    return PanelReport(
        pages=pages,
        layout="whole" if params.layout == "whole" else _layout([row["strip_box"] is not None for row in rows]),
        explanations=dict(sorted(Counter({row["page"]: row["explanation"] for row in rows}.values()).items())),
        counts={outcome: outcomes[outcome] for outcome in ("passing", *DROP_REASONS, "gray")},
        digest=digest_of(content),
        unchanged=unchanged,
    )


def _layout(is_on_strip: list[bool]) -> str:
    """The name of a layout by which of its panels lie on a strip."""
    if all(is_on_strip) and is_on_strip:
        return "strip"
    return "strip and pages" if any(is_on_strip) else "pages"
