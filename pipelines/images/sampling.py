"""Evenly spaced choices: the same ones each time."""

import numpy as np


def evenly_spaced(count: int, at_most: int) -> np.ndarray:
    """At most `at_most` of the indices 0..count-1, rising, with the first and the last: (min(count, at_most),) int64.

    A single one is the first.
    """
    return np.linspace(0, count - 1, min(count, at_most)).round().astype(np.int64)
