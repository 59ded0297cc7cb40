"""A page as the explanations look at it: on a working scale, with the differences between its lines."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pipelines.panels.lines import Lines

_PAGE_SIDE_PX = 480  # the shorter side of a page is scaled down to about this
_STRIP_SIDE_PX = 400  # and that of a strip: its gutters are wider, and have no frames


@dataclass(frozen=True)
class View:
    """A page, uint8 RGB (H, W, 3), and its copy that is `scale` times smaller."""

    page: np.ndarray
    is_strip: bool = False

    @cached_property
    def scale(self) -> int:
        """Pixels of the page on a side of one of the copy."""
        return max(1, min(self.page.shape[:2]) // (_STRIP_SIDE_PX if self.is_strip else _PAGE_SIDE_PX))

    @cached_property
    def small(self) -> np.ndarray:
        """The copy, uint8 RGB; its last row and column may stand for less than `scale` ones."""
        if self.is_strip or self.scale == 1:
            return shrunk(self.page, self.scale)
        height, width = self.page.shape[:2]
        if self.scale == 2 and height % 2 and width % 2 == 0:
            from pipelines.panels.halved import halved  # numba takes 0.3 s

            return halved(self.page)
        size = -(-width // self.scale), -(-height // self.scale)
        return cv2.resize(self.page, size, interpolation=cv2.INTER_AREA)  # stretched to its last row and column

    @cached_property
    def lines(self) -> Lines:
        """The rows and columns of the copy."""
        return Lines(self.small)

    @property
    def size(self) -> int:
        """The copy's number of pixels."""
        return self.small.shape[0] * self.small.shape[1]


def shrunk(image: np.ndarray, scale: int) -> np.ndarray:
    """The means of squares of `scale` x `scale` pixels of uint8 (H, W, ...), rounded; `image` itself where it is 1.

    At the lower and the right border, squares are cut off where the image ends. OpenCV is many times slower where it
    is told to fit a size that is no whole share of the image's.
    """
    if scale == 1:
        return image
    height, width = image.shape[:2]
    small = np.empty((-(-height // scale), -(-width // scale), *image.shape[2:]), np.uint8)
    rows, columns = height // scale * scale, width // scale * scale
    for top, bottom in ((0, rows), (rows, height)):
        for left, right in ((0, columns), (columns, width)):
            part = image[top:bottom, left:right]
            if part.size:
                size = -(-(right - left) // scale), -(-(bottom - top) // scale)
                place = small[-(-top // scale) :, -(-left // scale) :][: size[1], : size[0]]
                cv2.resize(part, size, dst=place, interpolation=cv2.INTER_AREA)
    return small
