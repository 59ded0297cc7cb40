"""A picture averaged down to half its width and about half its height: the bits of OpenCV, in a tenth of its time.

OpenCV weighs pixel by pixel where a size is no whole share of the picture's. Here that is done only with rows, whose
weights are the same all along them. It imports numba: import it late.
"""

import math
from functools import lru_cache

import numpy as np

from pipelines.images.compiled import compiled

_LEAST = 1e-3  # of a row: as in OpenCV, less of it does not count


def halved(image: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3), H odd and W even, averaged down to ((H + 1) / 2, W / 2, 3): as `cv2.resize` with INTER_AREA.

    Where both are even, OpenCV is as fast, and rounds otherwise.
    """
    height, width = image.shape[:2]
    rows = (height + 1) // 2
    small = _weighted(np.ascontiguousarray(image).reshape(height, 3 * width), *_row_weights(height, rows))
    return small.reshape(rows, width // 2, 3)


@lru_cache(maxsize=16)
def _row_weights(height: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """The first of the rows that one of the fewer `rows` is made of, int (rows,), and their weights, float32 (rows, 4).

    Weights after the last are 0.
    """
    scale = 1 / (rows / height)  # not height / rows: rounded as in OpenCV
    firsts, weights = np.empty(rows, np.int64), np.zeros((rows, 4), np.float32)
    for row in range(rows):
        start, stop = row * scale, row * scale + scale
        whole = min(scale, height - start)
        last = min(math.floor(stop), height - 1)
        first = min(math.ceil(start), last)
        own = [1 / whole] * (last - first)
        if stop - last > _LEAST:
            own.append(min(stop - last, 1, whole) / whole)
        if first - start > _LEAST:
            own.insert(0, (first - start) / whole)
            first -= 1
        firsts[row], weights[row, : len(own)] = first, own
    return firsts, weights


@compiled
def _weighted(image: np.ndarray, firsts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means of pairs of pixels, and weighted sums of rows, in OpenCV's order: uint8 (H, 3 W) -> (rows, 3 W / 2)."""
    length = image.shape[1] // 2
    small = np.empty((len(firsts), length), np.uint8)
    means, sums = np.empty(length, np.float32), np.empty(length, np.float32)
    half = np.float32(0.5)
    known = -1
    for row in range(len(firsts)):
        sums[:] = 0
        for at in range(weights.shape[1]):
            weight = weights[row, at]
            if weight == 0:
                break
            if known != firsts[row] + at:  # the last row of one may be the first of the next
                known = firsts[row] + at
                for pixel in range(length // 3):
                    for channel in range(3):
                        left, right = image[known, 6 * pixel + channel], image[known, 6 * pixel + 3 + channel]
                        means[3 * pixel + channel] = half * np.float32(left) + half * np.float32(right)
            for place in range(length):
                sums[place] += weight * means[place]
        for place in range(length):
            small[row, place] = np.uint8(np.rint(sums[place]))
    return small
