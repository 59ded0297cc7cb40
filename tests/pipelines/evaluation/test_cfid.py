"""C-FID: its regions and counts, exactly, and that its hints are the same for everyone."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from torch import Tensor, nn

from pipelines.color import gray_to_rgb, rgb_to_gray
from pipelines.evaluation.cfid import cfid, cfid_hints
from pipelines.evaluation.distribution import FeatureExtractor
from pipelines.hints import Hint, rasterize
from tests.pipelines.conftest import drawn_panel

REGIONS = {"top left": 1, "top right": 1, "bottom left": 1, "bottom right": 1, "left": 2, "right": 2, "body": 20}


class Means(nn.Module):
    def forward(self, rgb: Tensor) -> Tensor:
        return rgb.mean(dim=(2, 3))


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
    for draw in range(3):
        for hint in cfid_hints(truths, side=side, seed=5, draw=draw):
            rows, columns = np.nonzero(rasterize(hint, side)[..., 3])
            assert len(hint.points) == len(rows) == 28  # all at different pixels
            assert Counter(region(x, y, side) for x, y in zip(columns, rows, strict=True)) == REGIONS


def test_points_have_the_true_colours(truths: np.ndarray) -> None:
    for truth, hint in zip(truths, cfid_hints(truths, side=64, seed=0, draw=0), strict=True):
        rgba = rasterize(hint, 64)
        is_marked = rgba[..., 3] > 0
        np.testing.assert_array_equal(rgba[is_marked, :3], truth[is_marked])


def test_places_differ_between_pictures_draws_and_seeds_but_not_between_calls(truths: np.ndarray) -> None:
    same = np.stack([truths[0]] * 3)
    first = cfid_hints(same, side=64, seed=0, draw=0)
    assert first == cfid_hints(same, side=64, seed=0, draw=0)
    others = [*cfid_hints(same, side=64, seed=0, draw=1), *cfid_hints(same, side=64, seed=1, draw=0)]
    assert len({hint.to_json() for hint in [*first, *others]}) == 9


def test_following_the_hints_is_better_than_ignoring_them(truths: np.ndarray) -> None:
    extractor = FeatureExtractor("means", Means(), device="cpu")
    seen: list[int] = []

    def mean_of_hints(pictures: np.ndarray, hints: Sequence[Hint]) -> np.ndarray:
        seen.append(len(hints))
        colors = [np.mean([point.rgb for point in hint.points], axis=0) for hint in hints]
        return np.broadcast_to(np.array(colors, np.uint8)[:, None, None], (*pictures.shape, 3)).copy()

    gray = rgb_to_gray(truths)
    followed = cfid(mean_of_hints, gray, truths, extractor, draws=4)
    ignored = cfid(lambda pictures, _: gray_to_rgb(pictures), gray, truths, extractor, draws=4)
    assert seen == [12] * 4
    assert list(followed) == ["cfid_means", "ckid_means"]
    for name in followed:
        assert followed[name]["mean"] < ignored[name]["mean"] == ignored[name]["ceiling"]
        assert followed[name]["draws"] == 4
