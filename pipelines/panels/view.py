"""A page as the explanations look at it: on a working scale, with the differences between its lines."""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from pipelines.panels.lines import Lines

_WORKING_SIDE_PX = 480  # the shorter side of a page is scaled down to about this


@dataclass(frozen=True)
class View:
    """A page, uint8 RGB (H, W, 3), and its copy that is `scale` times smaller."""

    page: np.ndarray

    @cached_property
    def scale(self) -> int:
        """Pixels of the page on a side of one of the copy."""
        return max(1, min(self.page.shape[:2]) // _WORKING_SIDE_PX)

    @cached_property
    def small(self) -> np.ndarray:
        """The copy, uint8 RGB; its last row and column may stand for less than `scale` ones."""
        if self.scale == 1:
            return self.page
        height, width = self.page.shape[:2]
        size = -(-width // self.scale), -(-height // self.scale)
        return cv2.resize(self.page, size, interpolation=cv2.INTER_AREA)

    @cached_property
    def lines(self) -> Lines:
        """The rows and columns of the copy."""
        return Lines(self.small)

    @property
    def size(self) -> int:
        """The copy's number of pixels."""
        return self.small.shape[0] * self.small.shape[1]
