"""Colourfulness, gray, chroma and hues: by hand, against SciPy, and moved by known amounts."""

import math

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.stats import wasserstein_distance

from pipelines.evaluation.metrics.color_behaviour import (
    chroma_of,
    colorfulness,
    gray_share,
    hue_distance,
    saturation_distance,
)


def colored(hues: np.ndarray, chroma: float | np.ndarray = 40.0) -> np.ndarray:
    """Lab pixels (1, N, 3) of some hues in degrees."""
    radians = np.radians(hues)
    lab = np.stack([np.full(len(hues), 60.0), chroma * np.cos(radians), chroma * np.sin(radians)], axis=-1)
    return lab[np.newaxis].astype(np.float32)


def test_colorfulness_by_hand() -> None:
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[0] = (200, 0, 0)
    rgb[1] = (0, 0, 100)
    red_green, yellow_blue = [200, 200, 0, 0], [100, 100, -100, -100]
    expected = math.hypot(np.std(red_green), np.std(yellow_blue))
    expected += 0.3 * math.hypot(np.mean(red_green), np.mean(yellow_blue))
    assert colorfulness(rgb) == pytest.approx(expected)
    assert colorfulness(np.full((4, 4, 3), 77, np.uint8)) == 0


def test_gray_share_counts_what_is_nearly_gray() -> None:
    lab = colored(np.arange(4.0), np.array([0, 4.9, 5.1, 60]))
    assert gray_share(chroma_of(lab)) == 0.5


def test_saturation_distance_is_the_earth_movers() -> None:
    chroma, other = np.random.default_rng(0).gamma(2, 15, (2, 20, 30)).astype(np.float32)
    assert saturation_distance(chroma, other) == pytest.approx(wasserstein_distance(chroma.ravel(), other.ravel()))
    assert saturation_distance(chroma, chroma[::-1]) == 0  # places do not count
    assert saturation_distance(chroma, chroma + 7) == pytest.approx(7, abs=1e-5)


@pytest.mark.parametrize("turn", [1, 40, 170, 200, 355])
def test_hue_distance_of_one_hue_is_the_way_around_the_circle(turn: int) -> None:
    hues = np.full(50, 20.5)
    assert hue_distance(colored(hues), colored(hues + turn)) == pytest.approx(min(turn, 360 - turn))


def test_hue_distance_is_the_cheapest_transport_around_the_circle() -> None:
    random = np.random.default_rng(4)
    hues, others = random.integers(0, 360, (2, 8)) + 0.5
    chroma, other_chroma = random.uniform(10, 80, (2, 8))
    apart = np.abs(hues[:, np.newaxis] - others)
    cost = np.minimum(apart, 360 - apart)
    sums = np.concatenate([np.kron(np.eye(8), np.ones(8)), np.kron(np.ones(8), np.eye(8))])
    amounts = np.concatenate([chroma / chroma.sum(), other_chroma / other_chroma.sum()])
    expected = linprog(cost.ravel(), A_eq=sums, b_eq=amounts).fun
    assert hue_distance(colored(hues, chroma), colored(others, other_chroma)) == pytest.approx(expected, abs=1e-4)


def test_hues_weigh_as_much_as_their_chroma_and_gray_has_none() -> None:
    truth = colored(np.array([10.5, 10.5]))
    assert hue_distance(colored(np.array([10.5, 50.5]), np.array([30, 10])), truth) == pytest.approx(10)
    assert hue_distance(colored(np.array([10.5, 50.5]), np.array([30, 4])), truth) == 0


def test_a_gray_picture_tells_nothing_of_hues() -> None:
    gray, red = colored(np.zeros(9), 0), colored(np.full(9, 30.5))
    assert hue_distance(gray, red) == pytest.approx(90)
    assert hue_distance(gray, gray) == 0
