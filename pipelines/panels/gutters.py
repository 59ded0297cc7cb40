"""Gutters: straight bands of rows or columns in which nothing is drawn.

A band is a gutter where its pixels hardly differ from their neighbours in the band, whatever their colour is and
however it fades, and where nearly all along both sides something else begins at once: the border of a painted panel,
or a frame. A frame's own line is such a band too, which is how panels that share their frames come apart. The blank
between two parts of a borderless drawing is none, as little of what is drawn ends exactly there.

Works on uint8 RGB arrays (H, W, 3) on the working scale; touches no files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.panels.boxes import Box
from pipelines.panels.lines import Lines, span

_SIDE = 0.7  # share of a band's side at which something else begins
MARGIN_SIDE = 0.5  # the same for the margin of a page, which also runs past the gutters
MAX_WIDTH = 0.12  # of the shorter side: a wider band is an empty part of a panel


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


def gutters(lines: Lines, region: Box, axis: int) -> list[Gutter]:
    """The gutters of rows (axis 0) or columns (axis 1) that cross a region, inside or at its border.

    At the region's border the share is that of the inner side.
    """
    found: list[Gutter] = []
    first, last, *_ = span(region, axis)
    length = last - first
    for start, stop in bands(lines, region, axis):
        # A hand-drawn frame need not touch the region's border all along.
        wanders = lines.reach if stop - start <= 2 * lines.reach else 0
        is_first, is_last = start <= wanders, stop >= length - wanders
        if (is_first and is_last) or (not (is_first or is_last) and stop - start > MAX_WIDTH * lines.unit):
            continue
        before = 1.0 if is_first else lines.side(region, axis, min(stop - 1, start + 1), -1)
        after = 1.0 if is_last else lines.side(region, axis, max(start, stop - 2), 1)
        if min(before, after) >= (MARGIN_SIDE if is_first or is_last else _SIDE):
            colour = lines.colour(region, axis, (start + stop) // 2)
            found.append(Gutter(start, stop, min(before, after), colour, is_outer=is_first or is_last))
    return found


def bands(lines: Lines, region: Box, axis: int) -> Iterator[tuple[int, int]]:
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
