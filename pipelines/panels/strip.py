"""Slices of one vertical strip, stitched, and boxes carried back to the pages they came from.

Works on uint8 RGB arrays (H, W, 3); touches no files. Panels run across the borders of slices, so they can be cut
only from the strip (paper 000; sites serve slices of a fixed height, whatever is drawn there).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.panels.boxes import Box

_ROUNDED = 0.01  # of the width: slices that differ by no more are brought to one width


@dataclass(frozen=True)
class Strip:
    """The stitched pages: uint8 RGB (H, W, 3), and the row where each page begins, with the strip's end."""

    image: np.ndarray
    offsets: tuple[int, ...]

    def page_box(self, box: Box) -> tuple[int, Box]:
        """A strip box -> (index of the page where it begins, box relative to that page).

        The box may run past the page's end.
        """
        x, y, width, height = box
        page = bisect_right(self.offsets, y) - 1
        return page, (x, y - self.offsets[page], width, height)

    def pages_touched(self, box: Box) -> range:
        """Indices of the pages that a strip box lies on."""
        first, _ = self.page_box(box)
        last, _ = self.page_box((box[0], box[1] + box[3] - 1, box[2], 1))
        return range(first, last + 1)


def stitch(pages: Sequence[np.ndarray]) -> Strip:
    """One strip of all pages, uint8 RGB (H, W, 3), in their order; rows stay rows.

    The strip's width is the commonest one, or that of the widest page where it is more than 1 percent wider. A page
    that differs by up to 1 percent was rounded by whoever served it, and is resized; a narrower one is continued to
    the right by its last column.
    """
    widths = [page.shape[1] for page in pages]
    width = max(widths, key=lambda width: (widths.count(width), width))
    if max(widths) > (1 + _ROUNDED) * width:
        width = max(widths)
    offsets = np.cumsum([0, *(len(page) for page in pages)])
    return Strip(np.concatenate([at_width(page, width) for page in pages]), tuple(offsets.tolist()))


def at_width(page: np.ndarray, width: int) -> np.ndarray:
    """A slice, or some rows of it, uint8 RGB (H, W, 3), at the width of its strip, as `stitch` lays it in."""
    if page.shape[1] == width:
        return page
    if abs(page.shape[1] - width) <= _ROUNDED * width:
        return cv2.resize(page, (width, len(page)), interpolation=cv2.INTER_LINEAR)
    return cv2.copyMakeBorder(page, 0, 0, 0, width - page.shape[1], cv2.BORDER_REPLICATE)
