"""Near hashes are those of brute force, by tables as well as all with all, whatever the hashes are like."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.copies import near_hashes
from pipelines.copies.near_hashes import bands_of, earlier_lookalikes, hash_bits, near_pairs, near_values

ROOT = Path(__file__).resolve().parents[3]


@st.composite
def hash_sets(draw: st.DrawFn, least: int = 0) -> np.ndarray:
    """Hashes of one kind: at random, in clusters, in one ball, a chain of small steps, with repeats."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(least, 150))
    centers = random.integers(0, 2**64, draw(st.sampled_from([1, 3, 40, 1000])), dtype=np.uint64)
    found = random.choice(centers, count)
    flips = draw(st.integers(0, 8))
    if draw(st.booleans()):
        return np.bitwise_xor.accumulate(np.concatenate([found[:1], flipped(np.zeros_like(found[1:]), flips, random)]))
    return flipped(found, flips, random)


def flipped(hashes: np.ndarray, flips: int, random: np.random.Generator) -> np.ndarray:
    """Each hash with at most so many other bits."""
    for _ in range(flips):
        hashes = hashes ^ (np.uint64(1) << random.integers(0, 64, len(hashes)).astype(np.uint64))
    return hashes


def brute_leaders(hashes: np.ndarray, radius: int, groups: np.ndarray) -> list[int]:
    leaders: list[int] = []
    answer = []
    for row, value in enumerate(hashes.tolist()):
        near = [
            one for one in leaders if (int(hashes[one]) ^ value).bit_count() <= radius and groups[one] == groups[row]
        ]
        answer.append(near[0] if near else -1)
        leaders += [] if near else [row]
    return answer


@pytest.fixture(params=["tables", "all with all"], scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tables":
            patch.setattr(near_hashes, "FEW", 0)
        yield request.param


@settings(max_examples=60, deadline=None)
@given(hashes=hash_sets(), radius=st.integers(0, 12), groups=st.integers(1, 3))
def test_what_repeats_an_earlier_one_is_that_of_brute_force(way, hashes, radius, groups):
    of_group = np.arange(len(hashes)) * 7 % 5 % groups
    assert earlier_lookalikes(hashes, radius, of_group).tolist() == brute_leaders(hashes, radius, of_group)


@settings(max_examples=40, deadline=None)
@given(hashes=hash_sets(), known=hash_sets(), radius=st.integers(0, 12))
def test_pairs_are_those_of_brute_force_and_each_comes_once(way, hashes, known, radius):
    known = np.concatenate([known, hashes[::2]])
    expected = np.argwhere(np.bitwise_count(hashes[:, None] ^ known[None, :]) <= radius).tolist()
    blocks = near_pairs(hashes, known, radius)
    assert sorted([int(i), int(j)] for one, other in blocks for i, j in zip(one, other, strict=True)) == expected


def test_pairs_come_in_blocks(monkeypatch):
    monkeypatch.setattr(near_hashes, "FEW", 0)
    monkeypatch.setattr(near_hashes, "BLOCK_PAIRS", 50)
    ball = flipped(np.zeros(120, np.uint64), 3, np.random.default_rng(0))
    sizes = [len(one) for one, _ in near_pairs(ball, ball, 8)]
    assert sum(sizes) == 120 * 120
    assert max(sizes) <= 50 + 120


def test_only_hashes_that_stay_make_duplicates():
    # 0 - 0b1111 - 0b11111111 is a chain of near steps: the third is far from the first, so it stays.
    assert earlier_lookalikes(np.array([0, 0xF, 0xFF, 0xF, 0], np.uint64), 4).tolist() == [-1, 0, -1, 0, 0]


def test_near_values_are_listed_by_value():
    found = near_values(np.array([0, 0xFF, 1 << 40], np.uint64), np.array([0, 1, 3, 0xFF00], np.uint64), 1)
    assert found == {0: [0, 1], 1 << 40: [0]}


@pytest.mark.parametrize("radius", range(17))
@pytest.mark.parametrize("count", [1, 10**4, 10**6, 10**7])
def test_bands_leave_no_hash_out(count, radius):
    bands = bands_of(count, radius)
    # One bit more in each band than its radius is the least by which no band finds a pair.
    assert sum(band.radius + 1 for band in bands) == radius + 1
    assert all(len(set(band.masks.tolist())) == len(band.masks) for band in bands if band.radius < 3)


def test_hashes_are_read_from_hex_digits():
    assert hash_bits(pd.Series(["00000000000000ff", "8000000000000000"])).tolist() == [255, 1 << 63]
    assert len(hash_bits(pd.Series([], dtype="str"))) == 0
    with pytest.raises(ValueError, match="16 hex digits"):
        hash_bits(pd.Series(["ff"]))


def test_tables_work_where_nothing_can_be_kept_on_disk(tmp_path):
    """A container whose root is read-only, and whose user has no folder."""
    script = (
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import numpy as np\n"
        "from pipelines.copies import near_tables\n"
        "start, order = near_tables.table(np.arange(3, dtype=np.uint64), 0, 2)\n"
        "assert order.tolist() == [0, 1, 2], order\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=ROOT)
