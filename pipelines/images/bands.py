"""Work on large pictures a band of rows at a time."""

from collections.abc import Callable

import numpy as np

_BAND_PIXELS = 2_000_000


def by_bands(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """`function` of arrays of one height, band by band, so that what it holds in between stays small."""
    height, width = arrays[0].shape[:2]
    rows = max(1, _BAND_PIXELS // width)
    bands = (function(*(array[top : top + rows] for array in arrays)) for top in range(0, height, rows))
    first = next(bands)
    if first.shape[0] == height:
        return first
    whole = np.empty((height, *first.shape[1:]), first.dtype)
    whole[:rows] = first
    for top, band in zip(range(rows, height, rows), bands, strict=True):
        whole[top : top + rows] = band
    return whole
