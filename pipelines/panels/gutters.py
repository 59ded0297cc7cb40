"""Panels between gutters: a recursive cut of a page along straight bands in which nothing is drawn (XY-cut).

Nagy and Seth (1984) cut a page at the gaps of its projection profiles. Here a band of rows (or columns) is a gutter
where its pixels hardly differ from their neighbours in the band, whatever their colour is and however it fades, and
where nearly all along both sides something else begins at once: the border of a painted panel, or a frame. A frame's
own line is such a band too, which is how panels that share their frames come apart. The blank between two parts of a
borderless drawing is none, as little of what is drawn ends exactly there. Within a part, only bands of a colour that
parted the page before count, and none much thinner than the widest one: others are lines and floors of a drawing.

Works on uint8 RGB arrays (H, W, 3) on the working scale; touches no files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np

from pipelines.panels.boxes import Box

_STEP = 20  # channel difference of neighbours in a band that is more than noise and JPEG
_NEAR = 24  # gray levels from the band's own colour there
_FADE = 32  # gray levels that a band may fade from one sixth of its length to the next
_SIDE_STEP = 22  # channel difference between a band and what begins at its side
_EVEN = 0.88  # share of a band that hardly differs from its neighbours
_SIDE = 0.7  # share of a band's side at which something else begins
_MARGIN_SIDE = 0.5  # the same for the margin of a page, which also runs past the gutters
_BORDER_SIDE = 0.9  # the same for a band at the border of a part, which may be an empty strip of a drawing
_REACH = 0.012  # of the shorter side: how far a hand-drawn border may wander
_PANEL = 0.04  # of the shorter side: smaller parts are no panels
_NARROWEST = 0.4  # of the widest gutter: thinner bands are lines within panels
_WIDEST = 2.5  # of the widest gutter that crosses the whole of a part: wider bands are empty strips within it
_WIDE = 0.03  # of the shorter side: a band no wider than that may always be a gutter
_TITLE = 0.15  # of the height of a page: what ends within it may be a title
_MIN_WIDTH = 0.01  # of the shorter side: a band as wide as that may always be a gutter
_MAX_WIDTH = 0.12  # of the shorter side: a wider band is an empty part of a panel
_SURE_PARTS = 3  # so many parts of a full-bleed page are panels, whatever the colour of the gutters
_SLIVER = 0.12  # of the shorter side: no panel of a full-bleed page is narrower
_COVERED = 0.75  # of a full-bleed page: its panels hold at least so much
_SAME = 40  # channel difference of two gutters of one page
_BLOCKS = 6


@dataclass(frozen=True)
class Gutter:
    """A band of a region: its lines `start`..`stop`, the smaller share of its sides that is a border, its colour."""

    start: int
    stop: int
    share: float
    colour: np.ndarray
    is_outer: bool
    """True at the region's border."""

    @property
    def width(self) -> int:
        """In pixels."""
        return self.stop - self.start


class Lines:
    """The rows (axis 0) and columns (axis 1) of a page, uint8 RGB (H, W, 3), and what differs between neighbours."""

    def __init__(self, page: np.ndarray):
        self.page = page
        self.unit = min(page.shape[:2])
        self.reach = max(2, round(_REACH * self.unit))
        gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)
        self._colour = page, np.ascontiguousarray(page.transpose(1, 0, 2))
        self._gray = gray, np.ascontiguousarray(gray.T)
        self._along = tuple(_sums(_differs(lines[:, 1:], lines[:, :-1], _STEP), axis=1) for lines in self._colour)
        self._across = tuple(_sums(_differs(lines[1:], lines[:-1], _SIDE_STEP), axis=0) for lines in self._colour)

    def even(self, region: Box, axis: int) -> np.ndarray:
        """Which lines of a region are of one colour, which may fade along them: bool."""
        start, stop, left, right = _span(region, axis)
        sums = self._along[axis][start:stop]
        is_even = (sums[:, right] - sums[:, min(left + 1, right)]) <= (1 - _EVEN) * (right - left)
        at = np.flatnonzero(is_even)
        lines = self._gray[axis][start:stop, left:right][at].astype(np.int16)
        edges = np.linspace(0, right - left, _BLOCKS + 1).round().astype(int)
        near, before = np.zeros(len(at), np.int64), None
        is_smooth = np.ones(len(at), bool)
        for first, last in pairwise(edges.tolist()):
            if first == last:
                continue
            block = lines[:, first:last]
            middle = np.median(block, axis=1)
            near += (np.abs(block - middle[:, None]) <= _NEAR).sum(axis=1)
            if before is not None:
                is_smooth &= np.abs(middle - before) <= _FADE
            before = middle
        is_even[at] = is_smooth & (near >= _EVEN * (right - left))
        return is_even

    def colour(self, region: Box, axis: int, line: int) -> np.ndarray:
        """The median colour of a line of a region: float (3,)."""
        start, _, left, right = _span(region, axis)
        return np.median(self._colour[axis][start + line, left:right], axis=0)

    def evenness(self, region: Box, axis: int, line: int) -> float:
        """Share of a line of a region that hardly differs from its neighbours along it."""
        start, _, left, right = _span(region, axis)
        sums = self._along[axis][start + line]
        return 1 - float(sums[right] - sums[min(left + 1, right)]) / (right - left)

    @cached_property
    def is_edge(self) -> np.ndarray:
        """Where a pixel differs from the one before it in its row or column: bool (H, W)."""
        steps = [np.diff(sums, axis=1).astype(bool) for sums in self._along]
        return steps[0] | steps[1].T

    def changes(self, region: Box, axis: int) -> np.ndarray:
        """The share of each line of a region that differs from the line before it: float (lines,)."""
        start, stop, left, right = _span(region, axis)
        sums = self._across[axis][start:stop]
        return (sums[:, right] - sums[:, left]) / (right - left)

    def side(self, region: Box, axis: int, line: int, outward: int) -> float:
        """Share of a line of a region beside which something else begins within `reach`; `outward` is 1 or -1."""
        start, stop, left, right = _span(region, axis)
        first, last = sorted((start + line + outward, start + line + outward * self.reach))
        lines = self._colour[axis][max(first, start) : min(last + 1, stop), left:right]
        if not len(lines):
            return 0.0
        own = self._colour[axis][start + line, left:right]
        differs = cv2.absdiff(lines, np.broadcast_to(own, lines.shape)).max(axis=2) > _SIDE_STEP
        return float(differs.any(axis=0).mean())


def _span(region: Box, axis: int) -> tuple[int, int, int, int]:
    """(first line, line after the last, first pixel of a line, pixel after the last)."""
    x, y, w, h = region
    return (y, y + h, x, x + w) if axis == 0 else (x, x + w, y, y + h)


def _differs(one: np.ndarray, other: np.ndarray, step: int) -> np.ndarray:
    """Where two arrays of colours, uint8 (..., 3), differ in a channel by more than a step: bool."""
    red, green, blue = cv2.split(cv2.absdiff(one, other))
    return cv2.max(cv2.max(red, green), blue) > step


def _sums(differs: np.ndarray, *, axis: int) -> np.ndarray:
    """Sums along lines up to each pixel, int32 (lines, length + 1), of differences from the one before on an axis."""
    lines, length = differs.shape[0] + (axis == 0), differs.shape[1] + (axis == 1)
    sums = np.zeros((lines, length + 1), np.int32)
    if axis == 0:
        sums[1:, 1:] = differs
    else:
        sums[:, 2:] = differs
    return sums.cumsum(axis=1, dtype=np.int32)


def gutters(lines: Lines, region: Box, axis: int) -> list[Gutter]:
    """The gutters of rows (axis 0) or columns (axis 1) that cross a region, inside or at its border.

    At the region's border the share is that of the inner side.
    """
    found: list[Gutter] = []
    first, last, *_ = _span(region, axis)
    length = last - first
    for start, stop in _bands(lines, region, axis):
        # A hand-drawn frame need not touch the region's border all along.
        wanders = lines.reach if stop - start <= 2 * lines.reach else 0
        is_first, is_last = start <= wanders, stop >= length - wanders
        if (is_first and is_last) or (not (is_first or is_last) and stop - start > _MAX_WIDTH * lines.unit):
            continue
        before = 1.0 if is_first else lines.side(region, axis, min(stop - 1, start + 1), -1)
        after = 1.0 if is_last else lines.side(region, axis, max(start, stop - 2), 1)
        if min(before, after) >= (_MARGIN_SIDE if is_first or is_last else _SIDE):
            colour = lines.colour(region, axis, (start + stop) // 2)
            found.append(Gutter(start, stop, min(before, after), colour, is_outer=is_first or is_last))
    return found


def _bands(lines: Lines, region: Box, axis: int) -> Iterator[tuple[int, int]]:
    """Runs of even lines, parted where one line differs from the next nearly everywhere."""
    is_even = lines.even(region, axis)
    is_change = lines.changes(region, axis) >= _SIDE
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_even.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        at = start
        for change in np.flatnonzero(is_change[start + 1 : stop]).tolist():
            yield at, start + 1 + change
            at = start + 1 + change
        yield at, stop


def parts_between_gutters(lines: Lines) -> list[Box]:
    """The parts of a page that straight gutters leave, boxes on the working scale; all of it where there is none.

    What stands above or below all panels, a title or a line of small print, is no part.
    """
    height, width = lines.page.shape[:2]
    page: Box = (0, 0, width, height)
    known: list[np.ndarray] = []
    sides = 0
    for axis in (0, 1):
        page, colours, found = _without_margin(lines, page, axis)
        known += colours
        sides += found
    inner = [one for axis in (0, 1) for one in _inner(lines, page, axis)]
    if not any(_is_known(one.colour, known) for one in inner):
        widest = max((one.width for one in inner), default=0)
        known += [one.colour for one in inner if one.width >= 0.5 * widest]
    parts = list(_parts(lines, page, (1.0, _MAX_WIDTH * lines.unit), known))
    is_gutter = any(one.width >= _MIN_WIDTH * lines.unit and _is_neutral(one.colour) for one in inner)
    # A full-bleed page has walls, tables and horizons too: they part it once or twice, and leave slivers.
    is_sure = sides >= 3 or (
        (is_gutter or len(parts) >= _SURE_PARTS)
        and all(min(w, h) >= _SLIVER * lines.unit for *_, w, h in parts)
        and sum(w * h for *_, w, h in parts) >= _COVERED * width * height
    )
    return parts if is_sure else [(0, 0, width, height)]


def _is_neutral(colour: np.ndarray) -> bool:
    """True for white, black and even gray: gutters, whatever the page."""
    return bool(np.ptp(colour) <= 8 and (colour.min() >= 232 or colour.max() <= 32 or 96 <= colour.mean() <= 224))


def _without_margin(lines: Lines, page: Box, axis: int) -> tuple[Box, list[np.ndarray], int]:
    """A page without its outer bands, their colours, and how many of them begin at the page's border.

    Of rows (axis 0), also without a title above or below them.
    """
    first, last, *_ = _span(page, axis)
    length = last - first
    bands = list(_bands(lines, page, axis))
    start, stop, colours, sides = 0, length, [], 0
    for band in bands:
        if band[0] > (_TITLE * length if axis == 0 else 0) or band[1] == length:
            break
        share = lines.side(page, axis, max(band[0], band[1] - 2), 1)
        if share >= (_MARGIN_SIDE if band[0] == 0 else _BORDER_SIDE):
            start = band[1]
            sides += band[0] == 0
            colours.append(lines.colour(page, axis, sum(band) // 2))
            break
    for band in reversed(bands):
        if length - band[1] > (_TITLE * length if axis == 0 else 0) or band[0] <= start:
            break
        share = lines.side(page, axis, min(band[1] - 1, band[0] + 1), -1)
        if share >= (_MARGIN_SIDE if band[1] == length else _BORDER_SIDE):
            stop = band[0]
            sides += band[1] == length
            colours.append(lines.colour(page, axis, sum(band) // 2))
            break
    x, y, w, h = page
    inside = (x, y + start, w, stop - start) if axis == 0 else (x + start, y, stop - start, h)
    return inside, colours, sides


def _inner(lines: Lines, region: Box, axis: int) -> list[Gutter]:
    return [one for one in gutters(lines, region, axis) if not one.is_outer]


def _parts(lines: Lines, region: Box, widths: tuple[float, float], known: list[np.ndarray]) -> Iterator[Box]:
    inner, outer = {}, {}
    for axis in (0, 1):
        found = [one for one in gutters(lines, region, axis) if _is_known(one.colour, known)]
        inner[axis] = [one for one in found if not one.is_outer and widths[0] <= one.width <= widths[1]]
        outer[axis] = [one for one in found if one.is_outer and one.share >= _BORDER_SIDE]
    widest = max((one.width for found in inner.values() for one in found), default=0)
    if widest:
        widths = (
            max(widths[0], min(_NARROWEST * widest, _MIN_WIDTH * lines.unit)),
            min(widths[1], max(_WIDEST * widest, _WIDE * lines.unit)),
        )
    inner = {axis: [one for one in found if one.width >= widths[0]] for axis, found in inner.items()}
    axis = max((0, 1), key=lambda axis: (sum(one.share for one in inner[axis]), len(outer[axis])))
    cuts = sorted([*inner[axis], *outer[axis]], key=lambda one: one.start)
    if not cuts:
        yield region
        return
    known = [*known, *(one.colour for one in inner[axis])]
    first, last, *_ = _span(region, axis)
    for start, stop in zip([0, *(one.stop for one in cuts)], [*(one.start for one in cuts), last - first], strict=True):
        if stop - start >= _PANEL * lines.unit:
            x, y, w, h = region
            part = (x, y + start, w, stop - start) if axis == 0 else (x + start, y, stop - start, h)
            yield from _parts(lines, part, widths, known)


def _is_known(colour: np.ndarray, known: list[np.ndarray]) -> bool:
    return any(np.abs(colour - other).max() <= _SAME for other in known)
