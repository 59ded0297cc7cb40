"""Snapping to segments: drawn regions are found, gaps closed, bleeding and noise removed, lines left alone."""

from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.colorize.picture import Colorizer
from pipelines.colorize.segments import SnappedColorizer, segments, snap_to_segments
from pipelines.evaluation.baselines import Copy
from pipelines.images.color import gray_to_rgb, rgb_to_gray

RED, BLUE, WHITE = (220, 60, 50), (60, 90, 210), (250, 250, 250)
SIDE = 240


def drawing(*, gap_px: int = 0, thickness: int = 3) -> np.ndarray:
    """Line art: a box of 100 pixels and a circle; the box may be open at its right.

    OpenCV draws thickness 1, 2, 3 as 1, 3, 5 pixels.
    """
    lines = np.full((SIDE, SIDE), 255, np.uint8)
    cv2.rectangle(lines, (20, 20), (120, 120), 0, thickness)
    cv2.circle(lines, (175, 175), 40, 0, thickness)
    if gap_px:
        lines[70 - gap_px // 2 : 70 - gap_px // 2 + gap_px, 115:125] = 255
    return lines


def truth() -> np.ndarray:
    """Its flat colours, without lines."""
    colors = np.full((SIDE, SIDE, 3), WHITE, np.uint8)
    cv2.rectangle(colors, (20, 20), (120, 120), RED, -1)
    cv2.circle(colors, (175, 175), 40, BLUE, -1)
    return colors


def colorized_badly(seed: int = 0) -> np.ndarray:
    """As a network at a sixth of the size gives it: blurred over the lines, noisy, with a wrong spot in the box."""
    colors = truth()
    cv2.circle(colors, (60, 60), 5, (40, 200, 60), -1)
    small = cv2.resize(colors, (40, 40), interpolation=cv2.INTER_AREA)
    small = np.clip(small + np.random.default_rng(seed).normal(0, 8, small.shape), 0, 255).astype(np.uint8)
    return cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)


def test_each_closed_region_is_one_segment():
    labels = segments(drawing())
    assert len(np.unique(labels)) == labels.max() + 1 == 3
    assert len({labels[70, 70], labels[175, 175], labels[5, 5]}) == 3
    assert (labels[30:110, 30:110] == labels[70, 70]).all()  # up to its corners
    assert labels[5, 5] == labels[230, 5] == labels[5, 230] == labels[230, 230]


@pytest.mark.parametrize("thickness", [1, 2, 3])
@pytest.mark.parametrize("blur_px", [0.0, 0.7])
def test_no_line_is_a_segment(thickness: int, blur_px: float):
    lines = drawing(thickness=thickness)
    if blur_px:
        lines = cv2.GaussianBlur(lines, (0, 0), blur_px)
    assert segments(lines).max() == 2


def test_corners_of_a_large_picture_belong_to_their_segment():
    large = np.full((SIDE * 7, SIDE * 7), 255, np.uint8)
    cv2.rectangle(large, (140, 140), (840, 840), 0, 3)
    assert segments(large).max() == 1


def test_screentone_dots_part_nothing():
    lines = drawing()
    lines[32:110:6, 32:110:6] = lines[33:110:6, 32:110:6] = 0
    assert segments(lines).max() == 2


@pytest.mark.parametrize("gap_px", [1, 2, 3])
def test_a_gap_in_a_line_lets_nothing_through(gap_px: int):
    labels = segments(drawing(gap_px=gap_px))
    assert labels[70, 100] != labels[70, 140]
    assert (labels[30:110, 30:110] == labels[70, 70]).all()


def test_a_door_does():
    labels = segments(drawing(gap_px=60))
    assert labels[70, 100] == labels[70, 140]


def test_larger_pictures_have_larger_gaps():
    large = cv2.resize(drawing(gap_px=2), None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    labels = segments(large)
    assert labels[70 * 8, 100 * 8] != labels[70 * 8, 140 * 8]


def test_the_result_is_the_flat_truth_under_the_lines():
    lines, bad = drawing(), colorized_badly()
    result = snap_to_segments(bad, lines)
    flat = truth()[lines == 255].astype(int)
    error = np.abs(result[lines == 255] - flat).max(axis=-1)
    error_before = np.abs(bad[lines == 255] - flat).max(axis=-1)
    assert np.quantile(error, 0.99) <= 8
    assert np.quantile(error_before, 0.99) > 40
    assert (result[lines == 0] == 0).all()
    for inside in (np.s_[30:110, 30:110], np.s_[160:190, 160:190]):
        assert len(np.unique(result[inside].reshape(-1, 3), axis=0)) == 1  # one colour, without noise


@pytest.mark.parametrize("seed", range(1, 6))
def test_noise_and_a_wrong_spot_part_no_segment(seed: int):
    result = snap_to_segments(colorized_badly(seed), drawing())
    assert len(np.unique(result[30:110, 30:110].reshape(-1, 3), axis=0)) == 1


def test_antialiased_lines_fade_from_black_to_the_colour():
    lines = cv2.GaussianBlur(drawing(), (0, 0), 1.0)
    result = snap_to_segments(truth(), lines)
    across = result[70, 20:30].astype(int)  # from the middle of the line into the red box
    assert (np.diff(across[:, 0]) >= 0).all()
    assert abs(across[-1] - RED).max() <= 4
    expected = np.outer(lines[70, 20:30] / 255, RED)  # the lines' darkness times the colour
    assert np.abs(across - expected).max() <= 5


def test_an_open_outline_keeps_the_colours_of_both_sides():
    """No line parts the two: each large area keeps what the colorizer gave, up to about where they meet."""
    lines = np.full((SIDE, SIDE), 255, np.uint8)
    lines[:80, 119:122] = 0  # a wall that ends
    colors = np.full((SIDE, SIDE, 3), RED, np.uint8)
    colors[:, 120:] = BLUE
    result = snap_to_segments(cv2.blur(colors, (15, 15)), lines)
    assert abs(result[200, 40].astype(int) - RED).max() <= 4
    assert abs(result[200, 200].astype(int) - BLUE).max() <= 4
    assert segments(lines).max() == 0


def test_a_gray_picture_keeps_its_shading():
    """Painted: a red disc that is darker towards its rim, on blue."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    is_disc = np.hypot(x, y) < 80
    shade = np.where(is_disc, 1 - np.hypot(x, y) / 160, 1)[..., np.newaxis]
    painted = (np.where(is_disc[..., np.newaxis], RED, BLUE) * shade).astype(np.uint8)
    gray = rgb_to_gray(painted)
    result = snap_to_segments(painted, gray)
    assert np.abs(rgb_to_gray(result).astype(int) - gray).mean() < 2
    center, rim = result[120, 120].astype(int), result[120, 190].astype(int)
    assert center.sum() > 1.2 * rim.sum()
    assert rim[0] - rim[2] > 40  # red to the rim


def test_a_colorizer_without_colour_is_given_none():
    gray = cv2.GaussianBlur(drawing(), (0, 0), 2)
    result = snap_to_segments(gray_to_rgb(gray), gray)
    assert (result.max(axis=-1) - result.min(axis=-1)).max() <= 1


def test_nothing_is_random():
    first = snap_to_segments(colorized_badly(), drawing())
    cv2.setRNGSeed(99)
    assert np.array_equal(snap_to_segments(colorized_badly(), drawing()), first)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 50), (33, 47)])
@pytest.mark.parametrize("fill", ["white", "black", "noise"])
def test_any_size_and_any_picture(size: tuple[int, int], fill: str):
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, size).astype(np.uint8)
    picture = {"white": np.full(size, 255, np.uint8), "black": np.zeros(size, np.uint8), "noise": noise}[fill]
    colored = random.integers(0, 256, (*size, 3)).astype(np.uint8)
    result = snap_to_segments(colored, picture)
    assert (result.shape, result.dtype) == ((*size, 3), np.uint8)


def test_sizes_that_differ_are_refused():
    with pytest.raises(ValueError, match=r"snap_to_segments: expected .* got \(8, 8, 3\) uint8 and \(8, 9\) uint8"):
        snap_to_segments(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        snap_to_segments(np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8))


class Blurred:
    """A colorizer whose colours run over the lines."""

    name = "blurred"
    takes_hints = True
    takes_references = True

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.given: list[dict[str, Any]] = []

    def colorize(self, picture: np.ndarray, **given: Any) -> np.ndarray:
        self.given.append(given)
        return colorized_badly()

    def colorize_batch(self, pictures: np.ndarray, **given: Any) -> np.ndarray:
        self.given.append(given)
        return np.stack([colorized_badly()] * len(pictures))


def test_any_colorizer_can_be_snapped():
    lines = drawing()
    inner = Blurred("line")
    colorizer: Colorizer = SnappedColorizer(inner)
    assert (colorizer.name, colorizer.variant) == ("blurred_snapped", "line")
    assert (colorizer.takes_hints, colorizer.takes_references) == (True, True)
    one = colorizer.colorize(lines)
    assert np.array_equal(one, snap_to_segments(colorized_badly(), lines))
    batch = colorizer.colorize_batch(np.stack([lines, lines]))
    assert batch.shape == (2, SIDE, SIDE, 3)
    assert np.array_equal(batch[1], one)


def test_what_a_person_gives_reaches_the_colorizer():
    inner = Blurred("line")
    SnappedColorizer(inner).colorize(drawing(), title="a-sun")
    SnappedColorizer(inner).colorize_batch(drawing()[np.newaxis], titles=["a-sun"])
    assert inner.given == [{"title": "a-sun"}, {"titles": ["a-sun"]}]


def test_a_gray_picture_keeps_its_lightness_exactly():
    gray = rgb_to_gray(truth())
    colored = SnappedColorizer(Blurred("gray")).colorize(gray)
    assert np.abs(rgb_to_gray(colored).astype(int) - gray).max() <= 1
    assert np.array_equal(SnappedColorizer(Copy("gray_copy", "gray")).colorize(gray), gray_to_rgb(gray))
