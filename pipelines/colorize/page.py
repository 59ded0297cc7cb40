"""One page: cut into panels, each coloured, and set back. Gutters, white balloons and lettering stay as they are.

Works on arrays; touches no files. A page without panels is one picture; one that is much higher than wide is a strip.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np

from pipelines.colorize.halftone import is_halftone, printed, toned
from pipelines.colorize.hints import Hint, Point, Stroke, rasterize
from pipelines.colorize.paper import pale_ground, paper_of, seen_size
from pipelines.colorize.picture import Colorizer, SourcedColorizer
from pipelines.colorize.proposals import Proposals
from pipelines.colorize.references import References
from pipelines.colorize.segments import snap_to_segments
from pipelines.colorize.whole_picture import colorize_whole
from pipelines.images.color import rgb_to_gray, with_luma
from pipelines.panels.boxes import Box
from pipelines.panels.cut import Cut, cut_page
from pipelines.panels.filters import MeasuredPanel, colored_share, is_gray
from pipelines.panels.params import PanelParams

CORRECTION_WEIGHT = 4.0
"""How much more a panel that a person corrected counts as a reference."""

_GAP_PX = 5  # in the frames of line art
_COLORED_AREA = 0.5  # a page has colour of its own where at least so much of its panels' area has
_PARAMS = PanelParams()


@dataclass(frozen=True, eq=False)
class Painter:
    """A colorizer as it is set on the panels of a page."""

    colorizer: Colorizer
    snap: bool = False
    """Whether each segment of a panel gets one colour (`pipelines.colorize.segments`)."""
    title: str | None = None
    """The title that the pages are from, for colorizers that take one."""

    def paint(
        self, panel: np.ndarray, *, hint: Hint | None, references: References | None
    ) -> tuple[np.ndarray, Proposals | None]:
        """(H, W, 3) uint8 RGB, whose colours are not looked at -> uint8 RGB, and where its colours came from.

        References are passed over by colorizers that take none.
        """
        if not self.colorizer.takes_references:
            references = None
        if not isinstance(self.colorizer, SourcedColorizer):
            return colorize_whole(self.colorizer, panel, hint=hint, title=self.title, snap=self.snap), None
        gray = rgb_to_gray(panel)
        colored = self.colorizer.colorize_with_sources(gray, hint=hint, references=references)
        if not self.snap:
            return colored.rgb, colored.proposals
        snapped = snap_to_segments(colored.rgb, gray)
        return with_luma(snapped, gray) if self.colorizer.variant == "gray" else snapped, colored.proposals


@dataclass(frozen=True, eq=False)
class ColoredPanel:
    """One panel of a coloured page."""

    box: Box
    """(x, y, width, height) in pixels of the page."""
    had_color: bool
    """True where it had colour of its own, which is kept."""
    is_marked: bool
    """True where a person's hint speaks for it."""
    proposals: Proposals | None
    """Where its colours came from; None where the colorizer does not say, and where it had colour."""


@dataclass(frozen=True, eq=False)
class ColoredPage:
    """A page in colour."""

    rgb: np.ndarray
    """(H, W, 3) uint8."""
    panels: tuple[ColoredPanel, ...]
    lost_marks: int = 0
    """Marks of the hint that lie in no panel, where there is nothing to colour."""

    @property
    def is_colored(self) -> bool:
        """True where at least one panel was coloured."""
        return any(not panel.had_color for panel in self.panels)

    def rows(self, start: int, stop: int) -> "ColoredPage":
        """A slice of a strip, with the panels that it touches: boxes may run past it."""
        if (start, stop) == (0, len(self.rgb)):
            return self
        panels = [
            replace(panel, box=(panel.box[0], panel.box[1] - start, *panel.box[2:]))
            for panel in self.panels
            if panel.box[1] < stop and panel.box[1] + panel.box[3] > start
        ]
        return ColoredPage(np.ascontiguousarray(self.rgb[start:stop]), tuple(panels))


def cut_panels(page: np.ndarray, *, is_line: bool = False) -> list[Cut]:
    """The panels of a page or a strip, (H, W, 3) uint8 RGB, in reading order; all of it where none is found.

    is_line: Whether it is line art: frames of panels may then have gaps of a few pixels.
    None where the page is empty: paper of one colour.
    """
    height, width = page.shape[:2]
    seen = cv2.erode(page, np.ones((_GAP_PX, _GAP_PX), np.uint8)) if is_line else page
    cuts = cut_page(seen, _PARAMS)
    if cuts or np.ptp(page) < 2 * _PARAMS.ground_tolerance:
        return cuts
    return [Cut((0, 0, width, height), None)]


def panel_pixels(page: np.ndarray, cut: Cut) -> np.ndarray:
    """The pixels in a panel's box: (h, w, 3) uint8 RGB."""
    x, y, width, height = cut.box
    return np.ascontiguousarray(page[y : y + height, x : x + width])


def has_color(rgb: np.ndarray) -> bool:
    """True for a picture, (H, W, 3) uint8 RGB, that is drawn in colour. A tint of the whole (sepia) is none."""
    return not is_gray(colored_share(MeasuredPanel(rgb), _PARAMS), _PARAMS)


def colored_panels(page: np.ndarray, cuts: Sequence[Cut]) -> list[bool]:
    """Which panels of a page have colour of their own; all of them where they hold most of the panels' area."""
    if not has_color(page) and not any(has_color(panel_pixels(page, cut)) for cut in cuts):
        return [False] * len(cuts)
    found = [has_color(panel_pixels(page, cut)) for cut in cuts]
    areas = [cut.box[2] * cut.box[3] for cut in cuts]
    share = sum(area for area, is_colored in zip(areas, found, strict=True) if is_colored) / max(1, sum(areas))
    return [True] * len(cuts) if share >= _COLORED_AREA else found


def color_page(
    page: np.ndarray,
    painter: Painter,
    *,
    cuts: Sequence[Cut] | None = None,
    had_color: Sequence[bool] | None = None,
    hint: Hint | None = None,
    references: References | None = None,
    is_line: bool = False,
) -> ColoredPage:
    """A page in colour, of the same size.

    Args:
        page: (H, W, 3) uint8 RGB, in gray or with one tint.
        painter: What colours its panels. A colorizer of gray pictures keeps their lightness exactly; of a page of
            black and white dots it keeps that of the tones (`pipelines.colorize.halftone`).
        cuts: Its panels (`cut_panels`), where they are known.
        had_color: Which of them have colour of their own, and are kept; none by default.
        hint: A person's colours, at places of the page. A mark speaks for the panel that it lies in; what is coloured
            with it is a reference for the other panels, with CORRECTION_WEIGHT.
        references: Pictures whose colours may be taken over, of the colorizer's variant.
        is_line: Whether the page is line art, whose white is not all paper.
    """
    cuts = cut_panels(page, is_line=is_line) if cuts is None else cuts
    had_color = [False] * len(cuts) if had_color is None else had_color
    hints, lost = _hints_by_panel(hint, cuts, page.shape)
    known = References(painter.colorizer.variant) if references is None else references
    gray = rgb_to_gray(page)
    is_dotted = not is_line and painter.colorizer.variant == "gray" and is_halftone(gray)
    seen = np.broadcast_to(toned(gray)[..., np.newaxis], page.shape) if is_dotted else page  # a view, no copy
    painted: dict[int, ColoredPanel] = {}
    pixels: dict[int, np.ndarray] = {}
    for at in sorted(range(len(cuts)), key=lambda at: hints[at] is None):  # the marked ones first
        if had_color[at]:
            painted[at] = ColoredPanel(cuts[at].box, True, False, None)
            continue
        x, y, width, height = cuts[at].box
        panel, own = seen[y : y + height, x : x + width], hints[at]
        pixels[at], proposals = painter.paint(panel, hint=own, references=known if len(known) else None)
        painted[at] = ColoredPanel(cuts[at].box, False, own is not None, proposals)
        if own is not None and painter.colorizer.takes_references and len(cuts) > 1:
            known = known.with_picture(f"panel {at + 1} of this page", pixels[at], weight=CORRECTION_WEIGHT)
    marks = rasterize(hint, seen_size(page.shape))[..., 3] > 0 if hint else None
    is_paper = paper_of(rgb_to_gray(seen), is_line=is_line, cuts=cuts, marks=marks)
    out = page.copy()
    for at in sorted(pixels, key=lambda at: -cuts[at].box[2] * cuts[at].box[3]):  # insets after what they lie on
        x, y, width, height = cuts[at].box
        window = np.s_[y : y + height, x : x + width]
        is_painted = ~is_paper[window] if cuts[at].mask is None else ~is_paper[window] & cuts[at].mask
        panel = printed(pixels[at], gray[window]) if is_dotted else pixels[at]
        np.copyto(out[window], panel, where=is_painted[..., np.newaxis])  # masks as indices take 16 bytes a pixel
    if is_line and painter.colorizer.variant == "line":
        out = pale_ground(out, gray, is_paper)
    return ColoredPage(out, tuple(painted[at] for at in range(len(cuts))), lost)


def panel_hint(hint: Hint, cut: Cut, page_shape: tuple[int, ...]) -> Hint | None:
    """The part of a page's hint that lies in a panel, at places of the panel; None where there is none."""
    height, width = page_shape[:2]
    x, y, w, h = cut.box
    points = [
        Point(*_inside(point.x * width - x, point.y * height - y, w, h), point.rgb)
        for point in hint.points
        if _holds(cut, point.x * width, point.y * height)
    ]
    strokes = []
    scale = max(height, width) / max(h, w)
    for stroke in hint.strokes:
        for run in _runs_inside(stroke, cut, (height, width)):
            places = tuple(_inside(px - x, py - y, w, h) for px, py in run)
            strokes.append(Stroke(places, stroke.rgb, min(1.0, stroke.width * scale)))
    return Hint(tuple(points), tuple(strokes)) if points or strokes else None


def _hints_by_panel(hint: Hint | None, cuts: Sequence[Cut], shape: tuple[int, ...]) -> tuple[list[Hint | None], int]:
    """The hint of each panel, and how many marks lie in none. Where panels overlap, the smaller one has the mark."""
    if hint is None:
        return [None] * len(cuts), 0
    found: list[Hint | None] = [None] * len(cuts)
    marks = [replace(hint, points=(point,), strokes=()) for point in hint.points]
    marks += [replace(hint, points=(), strokes=(stroke,)) for stroke in hint.strokes]
    lost = 0
    for mark in marks:
        parts = {at: part for at, cut in enumerate(cuts) if (part := panel_hint(mark, cut, shape))}
        lost += not parts
        if mark.points and parts:
            smallest = min(parts, key=lambda at: cuts[at].box[2] * cuts[at].box[3])
            parts = {smallest: parts[smallest]}
        for at, part in parts.items():
            known = found[at] or Hint()
            found[at] = Hint((*known.points, *part.points), (*known.strokes, *part.strokes))
    return found, lost


def _holds(cut: Cut, x: float, y: float) -> bool:
    column, row = int(x) - cut.box[0], int(y) - cut.box[1]
    # The right and the bottom border of a page belong to its last pixels.
    column, row = column - (x == cut.box[0] + cut.box[2]), row - (y == cut.box[1] + cut.box[3])
    if not (0 <= column < cut.box[2] and 0 <= row < cut.box[3]):
        return False
    return cut.mask is None or bool(cut.mask[row, column])


def _inside(x: float, y: float, width: int, height: int) -> tuple[float, float]:
    """A place in pixels of a panel as shares of it."""
    return min(max(x / width, 0.0), 1.0), min(max(y / height, 0.0), 1.0)


def _runs_inside(stroke: Stroke, cut: Cut, size: tuple[int, int]) -> list[list[tuple[float, float]]]:
    """The parts of a stroke that lie in a panel's box: places in pixels of the page."""
    places = [(x * size[1], y * size[0]) for x, y in stroke.points]
    if len(places) == 1:
        return [places] if _holds(cut, *places[0]) else []
    runs: list[list[tuple[float, float]]] = []
    for start, end in pairwise(places):
        clipped = _clipped(start, end, cut.box)
        if clipped is None:
            continue
        if runs and runs[-1][-1] == clipped[0]:
            runs[-1].append(clipped[1])
        else:
            runs.append(list(clipped))
    if cut.mask is None:
        return runs
    return [run for run in runs if any(_holds(cut, *place) for place in run)]


def _clipped(
    start: tuple[float, float], end: tuple[float, float], box: Box
) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The part of a line in a box, or None (Liang and Barsky 1984)."""
    first, last = 0.0, 1.0
    step = end[0] - start[0], end[1] - start[1]
    for axis in (0, 1):
        low, high = box[axis] - start[axis], box[axis] + box[axis + 2] - start[axis]
        if step[axis] == 0:
            if not low <= 0 <= high:
                return None
            continue
        enter, leave = sorted((low / step[axis], high / step[axis]))
        first, last = max(first, enter), min(last, leave)
    if first > last:
        return None
    begin = start if first == 0 else (start[0] + first * step[0], start[1] + first * step[1])
    stop = end if last == 1 else (start[0] + last * step[0], start[1] + last * step[1])
    return begin, stop
