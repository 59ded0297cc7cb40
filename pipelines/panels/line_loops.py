"""The compiled part of `lines.py`: loops over the pixels of lines, uint8 arrays. It imports numba: import it late."""

import numpy as np

from pipelines.images.compiled import compiled

_AT_ONCE = 16  # levels that are added up together: many times faster than one after another


@compiled
def _twice_median(counts: np.ndarray, pixels: int) -> int:
    """Twice the median of so many levels, a whole number, from how often each occurs, int32 (256,)."""
    lower, upper = (pixels - 1) // 2, pixels // 2  # the ranks of the middle levels
    seen, level = 0, 0
    while True:
        some = 0
        for one in range(_AT_ONCE):
            some += counts[level + one]
        if seen + some > lower:
            break
        seen += some
        level += _AT_ONCE
    while seen + counts[level] <= lower:
        seen += counts[level]
        level += 1
    first = level
    while seen + counts[level] <= upper:
        seen += counts[level]
        level += 1
    return first + level


@compiled
def smooth_lines(
    page: np.ndarray, lines: np.ndarray, edges: np.ndarray, fade: int, near: int, least: float
) -> np.ndarray:
    """Which lines fade by little from block to block, and are for the most part near the median of their block.

    page: uint8 (H, W), contiguous. lines: Rows of it, int (N,). edges: Where blocks begin and end in a row, int
    (blocks + 1,). fade, near: Levels. least: Of so many pixels. Returns bool (N,).
    """
    found = np.zeros(len(lines), np.bool_)
    counts = np.empty(256, np.int32)
    for index, at in enumerate(lines):
        lowest = highest = page[at, edges[0]]
        for level in page[at, edges[0] : edges[-1]]:
            lowest, highest = min(lowest, level), max(highest, level)
        if highest - lowest <= min(near, fade):  # whatever the medians are
            found[index] = True
            continue
        total, before = 0, 0
        for block in range(len(edges) - 1):
            levels = page[at, edges[block] : edges[block + 1]]
            counts[:] = 0
            for level in levels:
                counts[level] += 1
            middle = _twice_median(counts, len(levels))
            if block and abs(middle - before) > 2 * fade:
                total = 0
                break
            before = middle
            least_level = np.uint8(max(0, (middle + 1) // 2 - near))
            most_level = np.uint8(min(255, middle // 2 + near))
            for level in levels:
                total += (level >= least_level) & (level <= most_level)
        found[index] = total >= least
    return found


@compiled
def median_colour(page: np.ndarray, line: int, left: int, right: int) -> np.ndarray:
    """The median colour of a part of a line of a page, uint8 (H, W, 3), contiguous: float64 (3,); left < right."""
    counts = np.zeros((3, 256), np.int32)
    for at in range(left, right):
        for channel in range(3):
            counts[channel, page[line, at, channel]] += 1
    median = np.empty(3)
    for channel in range(3):
        median[channel] = _twice_median(counts[channel], right - left) / 2
    return median


@compiled
def count_beside(page: np.ndarray, line: int, first: int, last: int, left: int, right: int, step: int) -> int:
    """How many pixels of a part of a line differ by more than a step in a channel from one there in the other lines.

    page: uint8 (H, W, 3), contiguous. The other lines are first..last, without the last.
    """
    total = 0
    for at in range(left, right):
        red, green, blue = np.int64(page[line, at, 0]), np.int64(page[line, at, 1]), np.int64(page[line, at, 2])
        for other in range(first, last):
            if (
                abs(page[other, at, 0] - red) > step
                or abs(page[other, at, 1] - green) > step
                or abs(page[other, at, 2] - blue) > step
            ):
                total += 1
                break
    return total
