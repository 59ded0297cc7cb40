"""Edges of a box found on a scaled copy, moved at full size to where the picture rises out of its ground.

Works on uint8 RGB arrays (H, W, 3); touches no files.
"""

import numpy as np

from pipelines.panels.boxes import Box
from pipelines.panels.ground import distance

_JPEG_BLOCK_PX = 16  # with halved chroma
_RINGING = 20.0  # mean difference from the ground of a line that JPEG noise beside an edge does not reach
_RINGING_PEAK = 48.0  # and that its single pixels do not reach


def refined_box(box: Box, image: np.ndarray, ground: np.ndarray, scale: int, *, is_straight: bool) -> Box:
    """A box found at 1/`scale` of an image, uint8 RGB (H, W, 3), with its edges to the pixel; ground: uint8 (H, 3).

    Straight edges are found by the mean of their lines, the tips of other outlines by their strongest pixels.
    """
    ringing = _RINGING if is_straight else _RINGING_PEAK
    x, y, w, h = box
    outward = 2 * scale
    inward_x, inward_y = (min(-(-side // 2), 2 * scale + _JPEG_BLOCK_PX) for side in (w, h))
    left, top = max(0, x - outward), max(0, y - outward)
    right, bottom = min(image.shape[1], x + w + outward), min(image.shape[0], y + h + outward)

    def level(lines: np.ndarray) -> np.ndarray:
        if is_straight:
            return lines.mean(axis=1)
        second = -min(2, lines.shape[1])  # one pixel may be a fluke
        return np.partition(lines, second, axis=1)[:, second]

    def columns(start: int, stop: int) -> np.ndarray:
        return level(distance(image[y : y + h, start:stop], ground[y : y + h, None]).T)

    def rows(start: int, stop: int) -> np.ndarray:
        return level(distance(image[start:stop, x : x + w], ground[start:stop, None]))

    left += _first_drawn(columns(left, x + inward_x), ringing)
    right -= _first_drawn(columns(x + w - inward_x, right)[::-1], ringing)
    top += _first_drawn(rows(top, y + inward_y), ringing)
    bottom -= _first_drawn(rows(y + h - inward_y, bottom)[::-1], ringing)
    return left, top, max(1, right - left), max(1, bottom - top)


def _first_drawn(level: np.ndarray, ringing: float) -> int:
    """Index of the first line, seen from outside, that is half as far from the ground as the farthest one.

    A JPEG block at an edge rings over its whole width: lines farther from the ground than that are drawn for sure.
    """
    return int(np.argmax(level >= min(0.5 * level.max(), ringing)))
