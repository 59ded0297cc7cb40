"""64-bit hashes that differ in a few bits: which are near to an earlier one, and what of one set is near to another.

Two hashes within a radius agree, in one of a few bands of their bits, but for a share of the radius (the pigeonhole
principle in its general form: Qin et al. 2018, "GPH: Similarity Search in Hamming Space"; over tables by bands:
Norouzi et al. 2012, "Fast Search in Hamming Space with Multi-Index Hashing"). So hashes lie in a table for each band,
which is read at the band and at all its neighbours within that share. The walks over the tables are compiled
(`near_tables.py`); a few hashes are compared all with all, for which nothing is imported or compiled.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd

FEW = 8_192
"""So many hashes are compared all with all, in about the time that it takes to import the compiler."""

BLOCK_PAIRS = 1 << 20
"""So many pairs are held at a time."""

PLACE_COST = 16
"""What reading one place of a table costs, in comparisons of two hashes; measured."""


class Band(NamedTuple):
    """A run of the bits of a hash, and in how many of them hashes may differ there."""

    shift: int
    width: int
    radius: int

    @property
    def masks(self) -> np.ndarray:
        """Every difference that hashes may have in this band, the smallest first: (M,) uint64."""
        return _masks(self.width, self.radius)


def hash_bits(hexadecimal: pd.Series) -> np.ndarray:
    """16 hex digits each -> (N,) uint64. Raises ValueError for anything else."""
    digits = "".join(hexadecimal.tolist())
    if len(digits) != 16 * len(hexadecimal):
        raise ValueError(f"{len(hexadecimal)} hashes: expected 16 hex digits each, found {len(digits)} in all")
    return np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64)


def earlier_lookalikes(hashes: np.ndarray, radius_bits: int, groups: np.ndarray | None = None) -> np.ndarray:
    """For each hash, in order, the index of the earliest one that makes it a duplicate, or -1 where it stays.

    hashes: (N,) uint64. groups: (N,) integers; only hashes of one group make one another duplicates; None: all do.
    Only hashes that stay make others duplicates, so no chain of small steps can link two pictures that are far apart.
    Returns (N,) int64. No pairs are held: the memory is that of a few copies of the hashes, however alike they are.
    """
    groups = np.zeros(len(hashes), np.int32) if groups is None else groups.astype(np.int32)
    if len(hashes) <= FEW:
        return _compared_with_all(hashes, radius_bits, groups)
    from pipelines.copies import near_tables  # the compiler takes a third of a second to import

    bands = bands_of(len(hashes), radius_bits)
    is_near = np.zeros(len(hashes), bool)
    for band in bands:
        start, order = near_tables.table(hashes, band.shift, band.width)
        near_tables.mark_near(hashes[order], order, start, band.shift, band.masks, radius_bits, is_near)
    masks = [band.masks for band in bands]
    ends = np.cumsum([0, *map(len, masks)])
    return near_tables.leaders(hashes, groups, is_near, np.array(bands), np.concatenate(masks), ends, radius_bits)


def near_pairs(asked: np.ndarray, known: np.ndarray, radius_bits: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every pair of one of `asked` and one of `known`, (N,) and (M,) uint64, within a Hamming radius, once each.

    Yields indices into both, (P,) each, in no order, a block of pairs at a time.
    """
    if len(asked) * len(known) <= FEW**2:
        rows = max(1, BLOCK_PAIRS // max(len(known), 1))
        for first in range(0, len(asked), rows):
            distance = np.bitwise_count(asked[first : first + rows, None] ^ known[None, :])
            one, other = np.nonzero(distance <= radius_bits)
            yield one + first, other
        return
    from pipelines.copies import near_tables

    bands = bands_of(max(len(asked), len(known)), radius_bits)
    found = np.empty((BLOCK_PAIRS + len(known), 2), np.int32)
    for place, band in enumerate(bands):
        _, asked_order = near_tables.table(asked, band.shift, band.width)
        start, known_order = near_tables.table(known, band.shift, band.width)
        ordered, known_ordered = asked[asked_order], known[known_order]
        for mask in band.masks:
            row = 0
            while row < len(asked):
                row, count = near_tables.fill_pairs(
                    ordered, known_ordered, start, np.array(bands), place, mask, radius_bits, row, found
                )
                if count:
                    yield asked_order[found[:count, 0]], known_order[found[:count, 1]]


def near_values(hashes: np.ndarray, known: np.ndarray, radius_bits: int) -> dict[int, list[int]]:
    """For each value among `hashes`, the values of `known`, (N,) and (M,) uint64, within a Hamming radius.

    Values without any are left out.
    """
    hashes, known = np.unique(hashes), np.unique(known)
    found: dict[int, list[int]] = {}
    for asked, near in near_pairs(hashes, known, radius_bits):
        for one, other in zip(hashes[asked].tolist(), known[near].tolist(), strict=True):
            found.setdefault(one, []).append(other)
    return found


def bands_of(count: int, radius_bits: int) -> list[Band]:
    """The bands by which so many hashes are looked up with the least work.

    Hashes within the radius lie, in at least one band, within its radius: else they differed in the sum of all
    (radius + 1), which is radius_bits + 1. Few bands have many masks, many bands have full places.
    """
    return min((_split(bands, radius_bits) for bands in range(3, 17)), key=lambda bands: _cost(bands, count))


def _split(bands: int, radius_bits: int) -> list[Band]:
    """The 64 bits in so many bands, without those in which nothing has to be looked up."""
    ends = [64 * place // bands for place in range(bands + 1)]
    radii = [(radius_bits + 1 + place) // bands - 1 for place in range(bands)]
    split = zip(ends[:-1], ends[1:], radii, strict=True)
    return [Band(start, end - start, radius) for start, end, radius in split if radius >= 0]


def _cost(bands: list[Band], count: int) -> float:
    """Comparisons for each hash: of places that are read, and of hashes that lie there."""
    count = max(count, 1)
    places = ((sum(comb(width, bits) for bits in range(radius + 1)), 1 << width) for _, width, radius in bands)
    return sum(masks * (PLACE_COST + count / table) + PLACE_COST * table / count for masks, table in places)


@cache
def _masks(width: int, max_bits: int) -> np.ndarray:
    return np.array(
        [sum(1 << bit for bit in bits) for count in range(max_bits + 1) for bits in combinations(range(width), count)],
        np.uint64,
    )


def _compared_with_all(hashes: np.ndarray, radius_bits: int, groups: np.ndarray) -> np.ndarray:
    """`earlier_lookalikes` by comparing each hash with every earlier one that stays."""
    answer = np.full(len(hashes), -1)
    leaders, values, of_group = np.empty(len(hashes), int), np.empty_like(hashes), np.empty_like(groups)
    count = 0
    for row, (value, group) in enumerate(zip(hashes, groups, strict=True)):
        near = np.bitwise_count(values[:count] ^ value) <= radius_bits
        near &= of_group[:count] == group
        if count and near[first := near.argmax()]:
            answer[row] = leaders[first]
        else:
            leaders[count], values[count], of_group[count] = row, value, group
            count += 1
    return answer
