"""64-bit hashes that differ in a few bits: all pairs of a set, and what of one set is near to another."""

from itertools import combinations

import numpy as np
import pandas as pd


def hash_bits(hexadecimal: pd.Series) -> np.ndarray:
    """16 hex digits each -> (N,) uint64."""
    return np.array([int(str(digits), 16) for digits in hexadecimal], np.uint64)


def nearby_pairs(hashes: np.ndarray, radius_bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of distinct 64-bit hashes within a Hamming radius.

    hashes: (N,) uint64 without repeats. Returns indices i < j, (P,) each, and distances (P,), sorted by (j, i).

    Two hashes within the radius agree, in one of three bands of 21, 21 and 22 bits, but for at most radius // 3
    bits (pigeonhole): each band is looked up with every mask of so few bits, and the candidates are compared whole.
    """
    found = []
    for shift, width in ((0, 21), (21, 21), (42, 22)):
        band = ((hashes >> np.uint64(shift)) & np.uint64((1 << width) - 1)).astype(np.int64)
        order = np.argsort(band, kind="stable")
        ordered = band[order]
        for mask in _masks(width, radius_bits // 3):
            start = np.searchsorted(ordered, band ^ mask, side="left")
            counts = np.searchsorted(ordered, band ^ mask, side="right") - start
            left = np.repeat(np.arange(len(hashes)), counts)
            offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            right = order[np.repeat(start, counts) + offset]
            once = left < right
            left, right = left[once], right[once]
            near = np.bitwise_count(hashes[left] ^ hashes[right]) <= radius_bits
            found.append(np.stack([right[near], left[near]], axis=1))
    pairs = np.unique(np.concatenate(found), axis=0)
    j, i = pairs[:, 0], pairs[:, 1]
    return i, j, np.bitwise_count(hashes[i] ^ hashes[j])


def near_values(hashes: np.ndarray, known: np.ndarray, radius_bits: int) -> dict[int, list[int]]:
    """For each value among `hashes`, the values of `known`, (N,) and (M,) uint64, within a Hamming radius.

    Values without any are left out.
    """
    values = np.unique(np.concatenate([hashes, known]))
    if not len(values):
        return {}
    is_asked, is_known = np.isin(values, hashes), np.isin(values, known)
    found = {int(value): [int(value)] for value in values[is_asked & is_known]}
    i, j, _ = nearby_pairs(values, radius_bits)
    for asked, near in ((i, j), (j, i)):
        wanted = is_asked[asked] & is_known[near]
        for one, other in zip(values[asked[wanted]], values[near[wanted]], strict=True):
            found.setdefault(int(one), []).append(int(other))
    return found


def _masks(width: int, max_bits: int) -> list[int]:
    return [
        sum(1 << bit for bit in bits) for count in range(max_bits + 1) for bits in combinations(range(width), count)
    ]
