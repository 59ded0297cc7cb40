"""Work on large pictures a band of rows at a time."""

from collections.abc import Callable

import numpy as np

_BAND_PIXELS = 2_000_000


CACHED_PIXELS = 65_536
"""Some float32 planes of so many pixels stay in a core's cache: many small steps then read and write no memory."""


def by_bands(function: Callable[..., np.ndarray], *arrays: np.ndarray, pixels: int = _BAND_PIXELS) -> np.ndarray:
    """`function` of arrays of one height, band by band, so that what it holds in between stays small.

    pixels: About so many are in a band; always whole rows.
    """
    height, width = arrays[0].shape[:2]
    rows = max(1, pixels // width)
    bands = (function(*(array[top : top + rows] for array in arrays)) for top in range(0, height, rows))
    first = next(bands)
    if first.shape[0] == height:
        return first
    whole = np.empty((height, *first.shape[1:]), first.dtype)
    whole[:rows] = first
    for top, band in zip(range(rows, height, rows), bands, strict=True):
        whole[top : top + rows] = band
    return whole
