"""The rows and columns of a page, and where they differ from their neighbours.

Works on uint8 RGB arrays (H, W, 3) on the working scale; touches no files.
"""

from functools import cached_property

import cv2
import numpy as np

from pipelines.panels.boxes import Box

_STEP = 20  # channel difference of neighbours in a band that is more than noise and JPEG
_NEAR = 24  # gray levels from the band's own colour there
_FADE = 32  # gray levels that a band may fade from one sixth of its length to the next
_SIDE_STEP = 22  # channel difference between a band and what begins at its side
_EVEN = 0.88  # share of a band that hardly differs from its neighbours
_REACH = 0.012  # of the shorter side: how far a hand-drawn border may wander
_BLOCKS = 6


class Lines:
    """The rows (axis 0) and columns (axis 1) of a page, uint8 RGB (H, W, 3), and what differs between neighbours."""

    def __init__(self, page: np.ndarray):
        from pipelines.panels import line_loops  # numba takes 0.3 s

        self._loops = line_loops
        self.page = np.ascontiguousarray(page)
        self.unit = min(page.shape[:2])
        self.reach = max(2, round(_REACH * self.unit))
        gray = cv2.cvtColor(page, cv2.COLOR_RGB2GRAY)
        self._colour = self.page, cv2.transpose(page)
        self._gray = gray, cv2.transpose(gray)
        # Differences of each pixel from the one before it in its row and in its column.
        steps = np.zeros(gray.shape, np.uint8), np.zeros(gray.shape, np.uint8)
        steps[0][:, 1:] = _difference(page[:, 1:], page[:, :-1])
        steps[1][1:] = _difference(page[1:], page[:-1])
        self._steps = tuple(_exceeds(one, _STEP) for one in steps)
        self._along = tuple(cv2.integral(one) for one in self._steps)
        self._across = tuple(cv2.integral(_exceeds(one, _SIDE_STEP)) for one in steps[::-1])

    def even(self, region: Box, axis: int) -> np.ndarray:
        """Which lines of a region are of one colour, which may fade along them: bool."""
        start, stop, left, right = span(region, axis)
        steps = _line_sums(self._along[axis], axis, (start, stop), (min(left + 1, right), right))
        is_even = steps <= (1 - _EVEN) * (right - left)
        at = np.flatnonzero(is_even)
        if not len(at):
            return is_even
        edges = np.unique(left + np.linspace(0, right - left, _BLOCKS + 1).round().astype(int))
        is_even[at] = self._loops.smooth_lines(
            self._gray[axis], start + at, edges, _FADE, _NEAR, _EVEN * (right - left)
        )
        return is_even

    def colour(self, region: Box, axis: int, line: int) -> np.ndarray:
        """The median colour of a line of a region: float (3,)."""
        start, _, left, right = span(region, axis)
        return self._loops.median_colour(self._colour[axis], start + line, left, right)

    def evenness(self, region: Box, axis: int, line: int) -> float:
        """Share of a line of a region that hardly differs from its neighbours along it."""
        start, _, left, right = span(region, axis)
        at = start + line
        steps = _line_sums(self._along[axis], axis, (at, at + 1), (min(left + 1, right), right))
        return 1 - float(steps[0]) / (right - left)

    @cached_property
    def is_edge(self) -> np.ndarray:
        """Where a pixel differs from the one before it in its row or column: bool (H, W)."""
        return (self._steps[0] | self._steps[1]).view(bool)

    def changes(self, region: Box, axis: int) -> np.ndarray:
        """The share of each line of a region that differs from the line before it: float (lines,)."""
        start, stop, left, right = span(region, axis)
        return _line_sums(self._across[axis], axis, (start, stop), (left, right)) / (right - left)

    def side(self, region: Box, axis: int, line: int, outward: int) -> float:
        """Share of a line of a region beside which something else begins within `reach`; `outward` is 1 or -1."""
        start, stop, left, right = span(region, axis)
        first, last = sorted((start + line + outward, start + line + outward * self.reach))
        first, last = max(first, start), min(last + 1, stop)
        return self._loops.count_beside(self._colour[axis], start + line, first, last, left, right, _SIDE_STEP) / (
            right - left
        )


def span(region: Box, axis: int) -> tuple[int, int, int, int]:
    """(first line, line after the last, first pixel of a line, pixel after the last)."""
    x, y, w, h = region
    return (y, y + h, x, x + w) if axis == 0 else (x, x + w, y, y + h)


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The largest channel difference of two arrays of colours, uint8 (H, W, 3): uint8 (H, W)."""
    if not one.size:
        return np.zeros(one.shape[:2], np.uint8)
    red, green, blue = cv2.split(cv2.absdiff(one, other))
    return cv2.max(cv2.max(red, green), blue)


def _exceeds(differences: np.ndarray, step: int) -> np.ndarray:
    """1 where a difference is larger than a step, else 0: uint8 (H, W)."""
    return cv2.threshold(differences, step, 1, cv2.THRESH_BINARY)[1]


def _line_sums(integral: np.ndarray, axis: int, lines: tuple[int, int], pixels: tuple[int, int]) -> np.ndarray:
    """The sums of a range of pixels of each of a range of lines, from the sums of all rectangles, int32 (H+1, W+1)."""
    (start, stop), (first, last) = lines, pixels
    if axis == 0:
        return np.diff(integral[start : stop + 1, last] - integral[start : stop + 1, first])
    return np.diff(integral[last, start : stop + 1] - integral[first, start : stop + 1])
