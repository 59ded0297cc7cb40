"""A person's hints: as text, as pixels, as what a network takes; and hints taken from the truth."""

import json

import numpy as np
import pytest

from pipelines.colorize.hints import (
    Hint,
    HintError,
    Point,
    Stroke,
    hint_of_truth,
    network_hint,
    rasterize,
    segment_hint_of_truth,
)
from pipelines.images.color import AB_SCALE, rgb_to_lab

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
HINT = Hint(
    points=(Point(0.25, 0.75, RED), Point(1.0, 1.0, BLUE)),
    strokes=(Stroke(((0.1, 0.1), (0.9, 0.1), (0.9, 0.5)), GREEN, 0.05),),
)


def truth_of(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def test_hints_survive_json():
    assert Hint.from_json(HINT.to_json()) == HINT
    assert Hint.from_json("{}") == Hint()
    assert json.loads(HINT.to_json())["points"][0] == {"x": 0.25, "y": 0.75, "rgb": [255, 0, 0]}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("no json", "hint: Invalid JSON"),
        ("[]", "hint: "),
        ('{"dots": []}', "dots: Unexpected"),
        ('{"points": [{"x": 0.5, "y": 0.5}]}', r"points\.0\.rgb: Field required"),
        ('{"points": [{"x": 1.5, "y": 0.5, "rgb": [0, 0, 0]}]}', r"points\.0\.x: .*less than or equal to 1"),
        ('{"points": [{"x": NaN, "y": 0.5, "rgb": [0, 0, 0]}]}', r"points\.0\.x: "),
        ('{"points": [{"x": "0.5", "y": 0.5, "rgb": [0, 0, 0]}]}', r"points\.0\.x: .*valid number"),
        ('{"points": [{"x": 0.5, "y": 0.5, "rgb": [0, 0, 256]}]}', r"points\.0\.rgb\.2: .*less than or equal to 255"),
        ('{"points": [{"x": 0.5, "y": 0.5, "rgb": [0, 0]}]}', r"points\.0\.rgb\.2: Field required"),
        ('{"strokes": [{"points": [], "rgb": [0, 0, 0], "width": 0.1}]}', r"strokes\.0\.points: .*at least 1"),
        ('{"strokes": [{"points": [[0, -1]], "rgb": [0, 0, 0], "width": 0.1}]}', r"strokes\.0\.points\.0\.1: "),
    ],
)
def test_a_wrong_text_says_where_it_is_wrong(text: str, where: str):
    with pytest.raises(HintError, match=where):
        Hint.from_json(text)


@pytest.mark.parametrize("side", [1, 2, 7, 64])
def test_every_point_and_stroke_touches_a_pixel(side: int):
    rgba = rasterize(HINT, side)
    assert rgba.shape == (side, side, 4)
    assert rgba.dtype == np.uint8
    assert rgba[side - 1, side - 1].tolist() == [*BLUE, 255]
    if side > 1:
        assert rgba[int(0.75 * side), int(0.25 * side)].tolist() == [*RED, 255]
        strokes = rasterize(Hint(strokes=HINT.strokes), side)
        for x, y in HINT.strokes[0].points:
            assert strokes[int(y * side), int(x * side)].tolist() == [*GREEN, 255]
    assert np.all(rgba[rgba[..., 3] == 0] == 0)


def test_a_stroke_is_as_wide_as_it_says_and_a_single_place_is_a_dot():
    rgba = rasterize(Hint(strokes=(Stroke(((0.2, 0.5), (0.8, 0.5)), RED, 0.1),)), 100)
    assert 9 <= np.count_nonzero(rgba[:, 50, 3]) <= 11
    assert 60 <= np.count_nonzero(rgba[50, :, 3]) <= 72
    dot = rasterize(Hint(strokes=(Stroke(((0.5, 0.5),), RED, 0.1),)), 100)[..., 3]
    rows, columns = np.flatnonzero(dot.any(axis=1)), np.flatnonzero(dot.any(axis=0))
    assert 9 <= len(rows) <= 11
    assert 9 <= len(columns) <= 11


def test_the_last_stroke_wins_and_points_lie_on_top():
    line = ((0.0, 0.5), (1.0, 0.5))
    hint = Hint((Point(0.5, 0.5, BLUE),), (Stroke(line, RED, 0.2), Stroke(line, GREEN, 0.2)))
    rgba = rasterize(hint, 32)
    assert rgba[16, 4].tolist() == [*GREEN, 255]
    assert rgba[16, 16].tolist() == [*BLUE, 255]
    assert not np.any(rgba[..., 0])


def test_networks_take_the_colours_of_their_space_and_zeros_elsewhere():
    rgba = np.stack([rasterize(HINT, 16), rasterize(Hint(), 16)])
    is_shown = rgba[..., 3] == 255
    in_rgb, in_lab = network_hint(rgba, "rgb"), network_hint(rgba, "lab")
    assert (in_rgb.shape, in_lab.shape) == ((2, 4, 16, 16), (2, 3, 16, 16))
    assert in_rgb.dtype == in_lab.dtype == np.float32
    for hint in (in_rgb, in_lab):
        np.testing.assert_array_equal(hint[:, -1], is_shown)
        assert np.all(np.moveaxis(hint, 1, -1)[~is_shown] == 0)
    np.testing.assert_allclose(in_rgb[0, :, 15, 15], [-1, -1, 1, 1])
    ab = rgb_to_lab(np.array([[BLUE]], np.uint8))[0, 0, 1:] / AB_SCALE
    np.testing.assert_allclose(in_lab[0, :, 15, 15], [*ab, 1], rtol=1e-5)


def test_half_painted_pixels_count_from_half_on():
    rgba = np.zeros((1, 1, 2, 4), np.uint8)
    rgba[..., :3] = 200
    rgba[..., 3] = [127, 128]
    np.testing.assert_allclose(network_hint(rgba, "rgb")[0, :, 0], [[0, 200 / 127.5 - 1]] * 3 + [[0, 1]], rtol=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (90, 41)])
def test_hints_of_the_truth_have_its_colours_at_as_many_pixels(size: tuple[int, int]):
    truth = truth_of(*size)
    hint = hint_of_truth(truth, 64, side=32, seed=5)
    assert hint == hint_of_truth(truth, 64, side=32, seed=5)
    assert hint != hint_of_truth(truth, 64, side=32, seed=6)
    rgba = rasterize(hint, 32)
    assert np.count_nonzero(rgba[..., 3]) == 64
    for y, x in np.argwhere(rgba[..., 3]):
        if size == (64, 64):
            area = truth[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].reshape(-1, 3).mean(axis=0)
            assert np.abs(rgba[y, x, :3] - area).max() <= 0.5


def test_more_points_than_pixels_are_refused():
    assert np.all(rasterize(hint_of_truth(truth_of(8, 8), 16, side=4, seed=0), 4)[..., 3] == 255)
    with pytest.raises(ValueError, match="17 points do not fit"):
        hint_of_truth(truth_of(8, 8), 17, side=4, seed=0)


@pytest.mark.parametrize("side", [8, 30, 128])
def test_cfid_hints_have_28_points_in_seven_segments(side: int):
    where = np.zeros((side, side), int)
    for seed in range(40):
        mask = rasterize(segment_hint_of_truth(truth_of(60, 50), side=side, seed=seed), side)[..., 3] > 0
        where += mask
        q = side // 4
        corners = [mask[:q, :q], mask[:q, -q:], mask[-q:, :q], mask[-q:, -q:]]
        assert [int(corner.sum()) for corner in corners] == [1, 1, 1, 1]
        assert [int(mask[q:-q, :q].sum()), int(mask[q:-q, -q:].sum())] == [2, 2]
        assert mask[:, q:-q].sum() == 20
        assert mask.sum() == 28
    assert where.max() < 40 or side == 8  # not the same places every time
    with pytest.raises(ValueError, match="side is 7"):
        segment_hint_of_truth(truth_of(8, 8), side=7, seed=0)
