"""The outputs that the benchmarks of near-duplicates compare are equal, on small sets."""

import numpy as np

from benchmarks.near_hashes import brute_force, check_outputs, drawn, our_pairs
from benchmarks.unique_panels import decide_again, draw_lake, put_issue
from pipelines.params import UniqueParams
from pipelines.unique_panels import build_unique_panels


def test_tables_find_what_brute_force_finds():
    check_outputs()
    hashes = drawn(500, "skewed")
    assert 2 * len(our_pairs(hashes, 4)) + len(hashes) == brute_force(hashes, len(hashes), 4)


def test_a_new_issue_beside_drawn_ones_is_decided_about_as_all_again(tmp_path):
    lake = draw_lake(str(tmp_path), issues=6, panels=10)
    build_unique_panels(lake, UniqueParams(), title_order=[])
    put_issue(lake, "t0__9", drawn(60, "uniform"), np.random.default_rng(0))
    build_unique_panels(lake, UniqueParams(), title_order=[])
    found = lake.read_table(lake.unique_panels)
    assert found.num_rows == 120
    assert found.equals(decide_again(lake))
