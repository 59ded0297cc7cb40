"""Some of many, evenly spread: the same ones each time."""

import numpy as np


def evenly_spaced(count: int, at_most: int) -> np.ndarray:
    """So many of the indices 0..count-1, or all where there are no more: rising, first and last among them.

    A single one is the first. (min(count, at_most),) int64.
    """
    return np.linspace(0, count - 1, min(count, at_most)).round().astype(np.int64)
