"""C-FID: the regions and counts of its 28 hints, exactly; the benchmark takes FID of what is made of them."""

from collections import Counter

import numpy as np
import pytest

from pipelines.colorize.hints import rasterize, segment_hint_of_truth
from tests.pipelines.conftest import drawn_panel

REGIONS = {"top left": 1, "top right": 1, "bottom left": 1, "bottom right": 1, "left": 2, "right": 2, "body": 20}


def region(x: int, y: int, side: int) -> str:
    """Paper 003, Figure 13: quarters of the width at both sides; corners are a quarter high, wings half."""
    if side // 4 <= x < side - side // 4:
        return "body"
    column = "left" if x < side // 4 else "right"
    if y < side // 4:
        return f"top {column}"
    return f"bottom {column}" if y >= side - side // 4 else column


@pytest.fixture(scope="module")
def truths() -> np.ndarray:
    return np.stack([drawn_panel(seed, 64, 64) for seed in range(12)])


@pytest.mark.parametrize("side", [8, 13, 64])
def test_seven_regions_have_1_2_and_20_points_each(truths: np.ndarray, side: int) -> None:
    for seed in range(3):
        for hint in (segment_hint_of_truth(truth, side=side, seed=seed) for truth in truths):
            rows, columns = np.nonzero(rasterize(hint, side)[..., 3])
            assert len(hint.points) == len(rows) == 28  # all at different pixels
            assert Counter(region(x, y, side) for x, y in zip(columns, rows, strict=True)) == REGIONS


def test_points_have_the_true_colours(truths: np.ndarray) -> None:
    for truth in truths:
        rgba = rasterize(segment_hint_of_truth(truth, side=64, seed=0), 64)
        is_marked = rgba[..., 3] > 0
        np.testing.assert_array_equal(rgba[is_marked, :3], truth[is_marked])
