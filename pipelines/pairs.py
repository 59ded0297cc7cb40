"""Pairs of colour pictures and variants: the arrays that training and evaluation read."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Pairs:
    """The pictures of one split at one resolution R, in one fixed order. Arrays may be memory-mapped."""

    color: np.ndarray  # (N, R, R, 3) uint8 RGB
    variant: np.ndarray  # (N, S, R, R) uint8; S styles: 1 for gray and edge, 5 for line
    panel_ids: tuple[str, ...]
    titles: tuple[str, ...]  # the title of each picture

    def __len__(self) -> int:
        return len(self.color)
