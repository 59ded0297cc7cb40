"""The compiled part of `turn.py`: places projected along many slopes. It imports numba: import it late."""

import numpy as np

from pipelines.images.compiled import compiled

_CLOSE = 1e-6  # to a whole number: rounding may have put a place on either side of it


@compiled
def variations(along: np.ndarray, across: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """For each slope the sum of the squared numbers of places a line, on lines of that slope: float64 (slopes,).

    along, across: Places along and across a line, int (N,), from 0 on; N > 0. slopes: float64.
    The line of a place is the whole part of `across + slope x along`, less the least such number.
    """
    # The places in order of `along`: those of one column have one shift.
    columns = along.max() + 1
    starts, nearest = np.zeros(columns + 1, np.int64), np.full(columns, across.max() + 1)
    for at in range(len(along)):
        starts[along[at] + 1] += 1
        nearest[along[at]] = min(nearest[along[at]], across[at])
    starts = starts.cumsum()
    ordered, free = np.empty(len(along), np.int64), starts.copy()
    for at in range(len(along)):
        ordered[free[along[at]]] = across[at]
        free[along[at]] += 1
    found = np.empty(len(slopes))
    for index, slope in enumerate(slopes):
        least = np.inf
        for column in range(columns):
            if starts[column] < starts[column + 1]:
                least = min(least, nearest[column] + slope * column)
        counts = np.zeros(across.max() + np.int64(abs(slope) * columns) + 3, np.int64)
        for column in range(columns):
            shift = slope * column
            whole = np.int64(np.floor(shift - least))
            if _CLOSE < shift - least - whole < 1 - _CLOSE:
                for at in range(starts[column], starts[column + 1]):
                    counts[ordered[at] + whole] += 1
            else:
                for at in range(starts[column], starts[column + 1]):
                    counts[np.int64(ordered[at] + shift - least)] += 1
        total = 0
        for count in counts:
            total += count * count
        found[index] = total
    return found
