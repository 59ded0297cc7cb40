"""Colour spaces: ranges, known colours and round trips, for single pictures and for batches."""

import numpy as np
import pytest

from pipelines.images.color import (
    AB_SCALE,
    gray_to_rgb,
    lab_to_rgb,
    network_input,
    network_picture,
    network_target,
    resized,
    rgb_to_gray,
    rgb_to_lab,
    with_luma,
)


@pytest.fixture(scope="module")
def every_sixth_color() -> np.ndarray:
    """(52, 52, 52, 3): a cube of sRGB colours with all eight corners."""
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)


def error(left: np.ndarray, right: np.ndarray) -> int:
    return int(np.abs(left.astype(int) - right.astype(int)).max())


def test_lab_round_trip_is_within_one_level(every_sixth_color: np.ndarray):
    assert error(lab_to_rgb(rgb_to_lab(every_sixth_color)), every_sixth_color) <= 1


def test_lab_has_the_ranges_of_cie_and_not_of_bytes(every_sixth_color: np.ndarray):
    lab = rgb_to_lab(every_sixth_color)
    assert lab.dtype == np.float32
    assert lab[..., 0].min() == 0
    assert lab[..., 0].max() == 100
    assert -109 < lab[..., 1:].min() < -85
    assert 93 < lab[..., 1:].max() < 99


@pytest.mark.parametrize(
    ("rgb", "lab"),  # sRGB, D65; Lindbloom's values
    [
        ((255, 255, 255), (100, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_known_colors(rgb: tuple[int, int, int], lab: tuple[float, float, float]):
    assert rgb_to_lab(np.array([[rgb]], np.uint8))[0, 0] == pytest.approx(lab, abs=0.3)


def test_batches_are_converted_like_their_pictures():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 7, 3)).astype(np.uint8)
    lab, gray = rgb_to_lab(pictures), rgb_to_gray(pictures)
    assert lab.shape == pictures.shape
    assert gray.shape == pictures.shape[:-1]
    assert np.array_equal(lab[1, 2], rgb_to_lab(pictures[1, 2]))
    assert np.array_equal(gray[1, 2], rgb_to_gray(pictures[1, 2]))
    assert np.array_equal(rgb_to_gray(pictures[:, :, :, ::-1]), gray[:, :, :, ::-1])  # not contiguous


def test_gray_is_luma_of_rgb_and_not_of_bgr():
    red_green_blue = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert rgb_to_gray(red_green_blue).tolist() == [[76, 150, 29]]
    gray = np.arange(256, dtype=np.uint8)[np.newaxis]
    assert np.array_equal(rgb_to_gray(gray_to_rgb(gray)), gray)


def test_wrong_types_are_refused():
    with pytest.raises(TypeError, match="rgb_to_lab: expected uint8, got float32"):
        rgb_to_lab(np.zeros((2, 2, 3), np.float32))
    with pytest.raises(TypeError, match="lab_to_rgb: expected float32, got uint8"):
        lab_to_rgb(np.zeros((2, 2, 3), np.uint8))


def test_with_luma_keeps_the_gray_and_gives_back_the_colors(every_sixth_color: np.ndarray):
    gray = rgb_to_gray(every_sixth_color)
    colored = with_luma(every_sixth_color, gray)
    # The gray is rounded: on the faces of the colour cube, half a level of luma costs up to four of a channel.
    assert error(colored, every_sixth_color) <= 4
    assert np.abs(colored.astype(int) - every_sixth_color).mean() < 0.3
    other = np.random.default_rng(0).integers(0, 256, gray.shape).astype(np.uint8)
    assert error(rgb_to_gray(with_luma(every_sixth_color, other)), other) <= 1


def test_with_luma_keeps_lettering_black_on_white_under_any_color():
    red = np.full((4, 4, 3), (255, 0, 0), np.uint8)
    lettering = np.full((40, 60), 255, np.uint8)
    lettering[10:20, 10:50] = 0
    assert np.array_equal(with_luma(red, lettering), gray_to_rgb(lettering))
    assert with_luma(red, np.full((40, 60), 76, np.uint8))[20, 30].tolist() == [254, 0, 0]


def test_resized_keeps_or_takes_a_size():
    picture = np.random.default_rng(0).integers(0, 256, (10, 12, 3)).astype(np.uint8)
    assert resized(picture, (10, 12)) is picture
    assert resized(picture, (25, 7)).shape == (25, 7, 3)
    checks = np.indices((8, 8)).sum(0).astype(np.uint8) % 2 * 255
    assert set(np.unique(resized(checks, (4, 4)))) <= {127, 128}  # by area: no moiré


@pytest.mark.parametrize("space", ["lab", "rgb"])
def test_a_perfect_network_gives_the_truth(space, every_sixth_color: np.ndarray):
    gray = rgb_to_gray(every_sixth_color)
    target = network_target(every_sixth_color, space)
    assert target.shape == (52, 2 if space == "lab" else 3, 52, 52)
    assert target.dtype == np.float32
    assert -1 <= target.min() < target.max() <= 1
    mean_error = np.abs(network_picture(target, gray, space).astype(int) - every_sixth_color).mean()
    # Lab: the lightness of a gray is not exactly that of the colour it came from; luma corrects most of it.
    assert mean_error < (7 if space == "lab" else 0.01)


@pytest.mark.parametrize("space", ["lab", "rgb"])
def test_network_input_covers_its_range(space):
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    seen = network_input(ramp, space)
    assert seen.shape == (1, 1, 16, 16)
    assert seen.dtype == np.float32
    assert seen.min() == pytest.approx(-1)
    assert seen.max() == pytest.approx(1)
    assert (np.diff(seen.reshape(-1)) > 0).all()


def test_lab_target_is_ab_in_this_order():
    red = np.full((1, 2, 2, 3), (255, 0, 0), np.uint8)
    assert network_target(red, "lab")[0, :, 0, 0] * AB_SCALE == pytest.approx([80.1, 67.2], abs=0.3)
    assert network_input(rgb_to_gray(gray_to_rgb(np.full((1, 2, 2), 119, np.uint8))), "lab")[0, 0, 0, 0] == (
        pytest.approx(0.0006, abs=0.01)
    )
