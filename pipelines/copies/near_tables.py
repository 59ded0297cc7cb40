"""The compiled part of `near_hashes.py`: tables of hashes by a band of their bits, and the walks over them.

A table has a place for each value of the band; `start[value]` is where its hashes begin in the order of the table, in
which they lie one behind the other. Where rows are taken in that order too, and one mask after the other, neighbouring
rows read neighbouring places: the memory is read in runs, which is most of the speed.
"""

from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from pipelines.images.compiled import compiled


def _bit_count(_context: Any, _value: Any) -> Any:
    return types.int64(types.uint64), lambda _, builder, __, values: builder.ctpop(values[0])


popcount: Any = intrinsic(_bit_count)
"""The number of set bits of a uint64, in compiled code: one instruction, also over several hashes at once."""


@compiled
def table(hashes: np.ndarray, shift: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each place begins, (2 ** width + 1,) int32, and the rows of the hashes by place, (N,) int32."""
    mask = np.uint64((1 << width) - 1)
    places = np.empty(len(hashes), np.int32)
    start = np.zeros((1 << width) + 1, np.int32)
    for row in range(len(hashes)):
        places[row] = (hashes[row] >> np.uint64(shift)) & mask
        start[places[row] + 1] += 1
    for place in range(1 << width):
        start[place + 1] += start[place]
    order = np.empty(len(hashes), np.int32)
    filled = start[:-1].copy()
    for row in range(len(hashes)):
        order[filled[places[row]]] = row
        filled[places[row]] += 1
    return start, order


@compiled
def mark_near(
    ordered: np.ndarray,
    order: np.ndarray,
    start: np.ndarray,
    shift: int,
    masks: np.ndarray,
    radius: int,
    is_near: np.ndarray,
) -> None:
    """Sets `is_near`, (N,) bool by row, where an earlier hash is within the radius, by one table.

    ordered: The hashes in the order of the table.
    """
    inside = np.uint64(len(start) - 2)
    for mask in masks:
        for at in range(len(ordered)):
            value = ordered[at]
            own = (value >> np.uint64(shift)) & inside
            if own ^ mask > own or (mask == 0 and is_near[order[at]]):  # the other place comes by here, too
                continue
            place = np.int64(own ^ mask)
            first, end = start[place], at if mask == 0 else start[place + 1]
            near = 0
            for other in range(first, end):
                near += popcount(ordered[other] ^ value) <= radius
            if near:
                for other in range(first, end):
                    if popcount(ordered[other] ^ value) <= radius:
                        is_near[max(order[at], order[other])] = True
                        if mask == 0:  # within a place, rows rise: this one is marked
                            break


@compiled
def leaders(
    hashes: np.ndarray,
    groups: np.ndarray,
    is_near: np.ndarray,
    bands: np.ndarray,
    masks: np.ndarray,
    ends: np.ndarray,
    radius: int,
) -> np.ndarray:
    """`near_hashes.earlier_lookalikes`, for which rows that are not `is_near` are not looked up.

    bands: (B, 3) int64. masks: those of all bands; `ends` (B + 1,) says where those of each begin. The places of the
    tables hold the hashes that stay, so far.
    """
    count = len(hashes)
    sizes = np.array([1 << width for width in bands[:, 1]])
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
    start = np.zeros((offsets[-1], 2), np.int32)  # where a place begins, and where its next hash goes
    values = np.empty((len(bands), count), np.uint64)
    rows = np.empty((len(bands), count), np.int32)
    for band in range(len(bands)):
        shift, inside = np.uint64(bands[band, 0]), np.uint64(sizes[band] - 1)
        for row in range(count):
            start[offsets[band] + np.int64((hashes[row] >> shift) & inside), 1] += 1
        total = 0
        for place in range(offsets[band], offsets[band + 1]):
            size = start[place, 1]
            start[place] = total
            total += size
    answer = np.full(count, -1)
    for row in range(count):
        value, best = hashes[row], count
        if is_near[row]:
            for band in range(len(bands)):
                own = (value >> np.uint64(bands[band, 0])) & np.uint64(sizes[band] - 1)
                for at in range(ends[band], ends[band + 1]):
                    place = offsets[band] + np.int64(own ^ masks[at])
                    for other in range(start[place, 0], start[place, 1]):
                        if popcount(values[band, other] ^ value) <= radius:
                            found = rows[band, other]
                            if found < best and groups[found] == groups[row]:
                                best = found
        if best < count:
            answer[row] = best
            continue
        for band in range(len(bands)):
            place = offsets[band] + np.int64((value >> np.uint64(bands[band, 0])) & np.uint64(sizes[band] - 1))
            at = start[place, 1]
            values[band, at], rows[band, at] = value, row
            start[place, 1] = at + 1
    return answer


@compiled
def fill_pairs(
    asked: np.ndarray,
    known: np.ndarray,
    start: np.ndarray,
    bands: np.ndarray,
    band: int,
    mask: np.uint64,
    radius: int,
    row: int,
    found: np.ndarray,
) -> tuple[int, int]:
    """Writes pairs within the radius whose difference in one band is `mask` to `found`, from a row of `asked` on.

    asked, known: In the orders of their tables; `start` is that of `known`. Pairs that an earlier band finds are left
    out. Returns the row that comes next, and the number of pairs; ends early where the pairs of another row might not
    fit: `found`, (P, 2) int32, holds more than len(known).
    """
    shift, inside = np.uint64(bands[band, 0]), np.uint64(len(start) - 2)
    count = 0
    while row < len(asked):
        value = asked[row]
        place = np.int64(((value >> shift) & inside) ^ mask)
        first, end = start[place], start[place + 1]
        if count + end - first > len(found):
            break
        near = 0
        for other in range(first, end):
            near += popcount(known[other] ^ value) <= radius
        if near:
            for other in range(first, end):
                difference = known[other] ^ value
                if popcount(difference) > radius:
                    continue
                is_first = True
                for earlier in range(band):
                    part = (difference >> np.uint64(bands[earlier, 0])) & np.uint64((1 << bands[earlier, 1]) - 1)
                    is_first &= popcount(part) > bands[earlier, 2]
                if is_first:
                    found[count, 0], found[count, 1] = row, other
                    count += 1
        row += 1
    return row, count
