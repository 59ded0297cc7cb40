"""Webtoon pages are slices of one vertical strip: recognised, stitched, and boxes carried back to the pages.

Works on uint8 RGB arrays (H, W, 3); touches no files. Panels run across the borders of slices, so they can be cut
only from the strip (paper 000; sites serve slices of a fixed height, whatever is drawn there).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from pipelines.panels.boxes import Box

_FLAT = 6.0  # mean deviation from the row's median: a row below it has nothing to compare


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
    """One strip of all pages, in their order. Narrower pages are continued to the right by their last column."""
    width = max(page.shape[1] for page in pages)
    widened = [
        cv2.copyMakeBorder(page, 0, 0, 0, width - page.shape[1], cv2.BORDER_REPLICATE)
        if page.shape[1] < width
        else page
        for page in pages
    ]
    offsets = np.cumsum([0, *(len(page) for page in pages)])
    return Strip(np.concatenate(widened), tuple(offsets.tolist()))


def are_slices(pages: Sequence[np.ndarray]) -> bool:
    """True where pages, uint8 RGB (H, W, 3), are slices of one strip.

    Slices have one width, and drawings run on from the last row of a page into the first of the next at most of the
    borders that have a drawing on both sides. Flat borders do not count. Where all are flat, the pages are pages:
    each is cut well on its own.
    """
    if len(pages) < 2 or len({page.shape[1] for page in pages}) > 1 or min(len(page) for page in pages) < 2:
        return False
    borders = [_runs_on(above, below) for above, below in pairwise(pages)]
    drawn = [runs_on for runs_on in borders if runs_on is not None]
    return sum(drawn) > 0.5 * len(drawn)


def _runs_on(above: np.ndarray, below: np.ndarray) -> bool | None:
    """True where the drawing at the end of one page goes on in the next; None where either row is flat.

    It goes on where the step over the border is small beside the variation of the rows, and no larger than the steps
    that noise and texture make between the rows of one page.
    """
    before, last, first, second = (row.astype(np.float32) for row in (above[-2], above[-1], below[0], below[1]))
    if min(_variation(last), _variation(first)) < _FLAT:
        return None
    step = float(np.abs(last - first).mean())
    own_step = float(min(np.abs(before - last).mean(), np.abs(first - second).mean()))
    return step < min(0.75 * min(_variation(last), _variation(first)), 6 + 2 * own_step)


def _variation(row: np.ndarray) -> float:
    return float(np.abs(row - np.median(row, axis=0)).mean())
