"""The rows and columns of a page, and where they differ from their neighbours.

Works on uint8 RGB arrays (H, W, 3) on the working scale; touches no files.
"""

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
_REACH = 0.012  # of the shorter side: how far a hand-drawn border may wander
_BLOCKS = 6


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
        start, stop, left, right = span(region, axis)
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
        start, _, left, right = span(region, axis)
        return np.median(self._colour[axis][start + line, left:right], axis=0)

    def evenness(self, region: Box, axis: int, line: int) -> float:
        """Share of a line of a region that hardly differs from its neighbours along it."""
        start, _, left, right = span(region, axis)
        sums = self._along[axis][start + line]
        return 1 - float(sums[right] - sums[min(left + 1, right)]) / (right - left)

    @cached_property
    def is_edge(self) -> np.ndarray:
        """Where a pixel differs from the one before it in its row or column: bool (H, W)."""
        steps = [np.diff(sums, axis=1).astype(bool) for sums in self._along]
        return steps[0] | steps[1].T

    def changes(self, region: Box, axis: int) -> np.ndarray:
        """The share of each line of a region that differs from the line before it: float (lines,)."""
        start, stop, left, right = span(region, axis)
        sums = self._across[axis][start:stop]
        return (sums[:, right] - sums[:, left]) / (right - left)

    def side(self, region: Box, axis: int, line: int, outward: int) -> float:
        """Share of a line of a region beside which something else begins within `reach`; `outward` is 1 or -1."""
        start, stop, left, right = span(region, axis)
        first, last = sorted((start + line + outward, start + line + outward * self.reach))
        lines = self._colour[axis][max(first, start) : min(last + 1, stop), left:right]
        if not len(lines):
            return 0.0
        own = self._colour[axis][start + line, left:right]
        differs = cv2.absdiff(lines, np.broadcast_to(own, lines.shape)).max(axis=2) > _SIDE_STEP
        return float(differs.any(axis=0).mean())


def span(region: Box, axis: int) -> tuple[int, int, int, int]:
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
