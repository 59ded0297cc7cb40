from itertools import pairwise

import numpy as np
import pytest

from pipelines.panels.line_loops import count_beside, median_colour, smooth_lines


def shaded(seed, height=40, width=97):
    """Lines that fade by more and more, with noise and dots on some of them: uint8 (H, W)."""
    draw = np.random.default_rng(seed)
    fade = np.linspace(0, draw.uniform(0, 250, height), width, axis=1)
    noise = draw.normal(0, draw.uniform(0, 30, (height, 1)), (height, width))
    dots = 255 * (draw.random((height, width)) < draw.uniform(0, 0.2, (height, 1)))
    return (fade + noise + dots).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(4))
def test_smooth_lines_fade_little_and_are_near_the_medians_of_their_blocks(seed):
    page, lines, edges = shaded(seed), np.arange(3, 37), np.array([5, 20, 36, 51, 66, 82, 97])
    blocks = [page[3:37, first:last].astype(float) for first, last in pairwise(edges)]
    middles = [np.median(block, axis=1) for block in blocks]
    near = sum((np.abs(block - m[:, None]) <= 24).sum(axis=1) for block, m in zip(blocks, middles, strict=True))
    is_smooth = np.all(np.abs(np.diff(middles, axis=0)) <= 32, axis=0)
    expected = np.asarray(is_smooth & (near >= 80.5))
    assert 0 < expected.sum() < len(expected)
    np.testing.assert_array_equal(smooth_lines(page, lines, edges, 32, 24, 80.5), expected)


@pytest.mark.parametrize("right", [11, 12, 97])
def test_the_median_colour_is_that_of_numpy(right):
    page = np.stack([shaded(seed) for seed in range(3)], axis=-1)
    for line in range(len(page)):
        np.testing.assert_array_equal(median_colour(page, line, 10, right), np.median(page[line, 10:right], axis=0))


def test_what_differs_beside_a_line_is_counted():
    page = np.stack([shaded(seed) for seed in range(3)], axis=-1)
    for line, first, last in ((5, 6, 10), (20, 14, 20), (20, 14, 14)):
        others = np.abs(page[first:last, 10:90].astype(int) - page[line, 10:90])
        expected = (others.max(axis=-1) > 22).any(axis=0).sum()
        assert count_beside(page, line, first, last, 10, 90, 22) == expected
