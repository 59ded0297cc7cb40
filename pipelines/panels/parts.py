"""The parts of a page that straight gutters leave: its margin is taken off, then gutters part it again and again.

The recursive XY-cut of Nagy and Seth (1984). Within a part, only bands of a colour that parted the page before count,
and none much thinner or wider than those: others are lines and floors of a drawing. A full-bleed page has no margin
that says what its ground is; its parts must be large, cover it, and lie between white, black or gray, or be several.

Works on uint8 RGB arrays (H, W, 3) on the working scale; touches no files.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.panels.boxes import Box
from pipelines.panels.gutters import MARGIN_SIDE, MAX_WIDTH, Gutter, bands, gutters
from pipelines.panels.lines import Lines, span

_BORDER_SIDE = 0.9  # share of the inner side of a band at the border of a part, which may be an empty strip of it
_PANEL = 0.04  # of the shorter side: smaller parts are no panels
_NARROWEST = 0.4  # of the widest gutter: thinner bands are lines within panels
_WIDEST = 2.5  # of the widest gutter that crosses the whole of a part: wider bands are empty strips within it
_WIDE = 0.03  # of the shorter side: a band no wider than that may always be a gutter
_TITLE = 0.15  # of the height of a page: what ends within it may be a title
_MIN_WIDTH = 0.01  # of the shorter side: a band as wide as that may always be a gutter
_SURE_PARTS = 3  # so many parts of a full-bleed page are panels, whatever the colour of the gutters
_SLIVER = 0.12  # of the shorter side: no panel of a full-bleed page is narrower
_NARROW_MARGIN = 0.06  # of the page's height or width
_COVERED = 0.75  # of a full-bleed page: its panels hold at least so much
_SAME = 40  # channel difference of two gutters of one page


def parts_between_gutters(lines: Lines, *, is_turned: bool = False) -> list[Box]:
    """The parts of a page that straight gutters leave, boxes on the working scale; all of it where there is none.

    What stands above or below all panels, a title or a line of small print, is no part.

    is_turned: Whether the page lay askew, and its borders are not its own: two parts are then no panels.
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
    if inner and not any(_is_known(one.colour, known) for one in inner):
        known.append(_commonest(inner, _MIN_WIDTH * lines.unit))
    parts = list(_parts(lines, page, (1.0, MAX_WIDTH * lines.unit), known))
    is_gutter = any(one.width >= _MIN_WIDTH * lines.unit and _is_neutral(one.colour) for one in inner)
    # A full-bleed page has walls, tables and horizons too: they part it once or twice, and leave slivers.
    is_sure = sides >= 3 or (
        ((is_gutter and not is_turned) or len(parts) >= _SURE_PARTS)
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
    first, last, *_ = span(page, axis)
    found = list(bands(lines, page, axis))
    before = _outer_band(lines, page, axis, found, outward=-1)
    after = _outer_band(lines, page, axis, found[::-1], outward=1)
    start, stop = (before[1] if before else 0), (after[0] if after else last - first)
    if start >= stop:
        return page, [], 0
    outer = [band for band in (before, after) if band]
    colours = [lines.colour(page, axis, sum(band) // 2) for band in outer]
    x, y, w, h = page
    inside = (x, y + start, w, stop - start) if axis == 0 else (x + start, y, stop - start, h)
    return inside, colours, sum(band[0] == 0 or band[1] == last - first for band in outer)


def _outer_band(
    lines: Lines, page: Box, axis: int, found: Sequence[tuple[int, int]], *, outward: int
) -> tuple[int, int] | None:
    """The margin among the bands of a page, or the band between its title and its panels.

    A title stands on the ground that begins at the page's border. A wide band at the border is a margin only where
    another side of the page has its colour: it may be the floor of a drawing.

    found: From the border inwards. outward: -1 at the upper or left border, 1 at the lower or right one.
    """
    height, width = lines.page.shape[:2]
    first, last, *_ = span(page, axis)
    length = last - first
    border = lines.colour(page, axis, 0 if outward < 0 else length - 1)
    others = [
        lines.colour((0, 0, width, height), side, at)
        for side, end in ((0, height - 1), (1, width - 1))
        for at, way in ((0, -1), (end, 1))
        if (side, way) != (axis, outward)
    ]
    for start, stop in found:
        distance = start if outward < 0 else length - stop
        if distance > (_TITLE * length if axis == 0 else 0) or stop - start == length:
            return None
        line = max(start, stop - 2) if outward < 0 else min(stop - 1, start + 1)
        share = lines.side(page, axis, line, -outward)
        colour = lines.colour(page, axis, (start + stop) // 2)
        is_margin = stop - start <= _NARROW_MARGIN * length or _is_known(colour, others)
        if distance == 0 and is_margin and share >= MARGIN_SIDE:
            return start, stop
        if share >= _BORDER_SIDE and is_margin and _is_known(colour, [border]):
            return start, stop
    return None


def _commonest(found: list[Gutter], most_px: float) -> np.ndarray:
    """The colour that most of the gutters have, the wider ones counting more up to a width."""

    def weight(one: Gutter) -> float:
        return sum(min(other.width, most_px) for other in found if _is_known(other.colour, [one.colour]))

    return max(found, key=weight).colour


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
    first, last, *_ = span(region, axis)
    for start, stop in zip([0, *(one.stop for one in cuts)], [*(one.start for one in cuts), last - first], strict=True):
        if stop - start >= _PANEL * lines.unit:
            x, y, w, h = region
            part = (x, y + start, w, stop - start) if axis == 0 else (x + start, y, stop - start, h)
            yield from _parts(lines, part, widths, known)


def _is_known(colour: np.ndarray, known: Sequence[np.ndarray]) -> bool:
    return any(np.abs(colour - other).max() <= _SAME for other in known)
