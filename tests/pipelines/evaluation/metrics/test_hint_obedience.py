"""Does the output follow its hint? At the marked pixels and in the segments around them."""

import numpy as np
import pytest

from pipelines.colorize.hints import Hint, Point, Stroke
from pipelines.evaluation.metrics.hint_obedience import (
    hint_ciede2000,
    hint_segment_ciede2000,
    marked_segments,
    marks_of,
)
from pipelines.evaluation.metrics.pixels import ciede2000
from pipelines.images.color import rgb_to_lab

RED, BLUE, GREEN = (200, 40, 40), (40, 60, 200), (40, 180, 60)


@pytest.fixture
def truth() -> np.ndarray:
    """Red on the left, blue on the right, parted by a black line; the red is twice as wide."""
    rgb = np.empty((40, 60, 3), np.uint8)
    rgb[:, :40], rgb[:, 40:] = RED, BLUE
    rgb[:, 39:41] = 0
    return rgb


def delta_e(one: tuple, other: tuple) -> float:
    lab = rgb_to_lab(np.array([[one, other]], np.uint8))
    return float(ciede2000(lab[0, 0], lab[0, 1]))


def test_marks_are_where_the_hint_is_also_in_a_picture_that_is_not_square() -> None:
    hint = Hint(points=(Point(0.99, 0.99, RED), Point(0.0, 0.5, BLUE)))
    rows, columns, colors = marks_of(hint, (40, 60, 3))
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(20, 0), (39, 59)]
    np.testing.assert_allclose(colors, rgb_to_lab(np.array([[BLUE, RED]], np.uint8))[0])


def test_an_output_is_compared_with_the_hints_own_colours(truth: np.ndarray) -> None:
    hint = Hint(points=(Point(0.2, 0.5, RED), Point(0.8, 0.5, GREEN)))
    assert hint_ciede2000(rgb_to_lab(truth), hint) == pytest.approx(delta_e(BLUE, GREEN) / 2, rel=1e-5)
    ignored = np.full_like(truth, 128)
    expected = (delta_e(RED, (128,) * 3) + delta_e(GREEN, (128,) * 3)) / 2
    assert hint_ciede2000(rgb_to_lab(ignored), hint) == pytest.approx(expected, rel=1e-5)


def test_a_stroke_marks_all_its_pixels(truth: np.ndarray) -> None:
    rows, columns, _ = marks_of(Hint(strokes=(Stroke(((0.1, 0.5), (0.6, 0.5)), RED, 0.001),)), truth.shape)
    assert set(columns.tolist()) >= set(range(6, 36))
    assert set(rows.tolist()) == {20}


def test_the_segment_is_what_the_line_encloses(truth: np.ndarray) -> None:
    found = marked_segments(rgb_to_lab(truth), np.array([20]), np.array([10]))
    assert found[:, :38].all()
    assert not found[:, 42:].any()


def test_a_segment_counts_only_where_it_is_marked(truth: np.ndarray) -> None:
    output = truth.copy()
    output[:, 42:] = GREEN
    differences = ciede2000(rgb_to_lab(output), rgb_to_lab(truth))
    left, right = (Hint(points=(Point(x, 0.5, RED),)) for x in (0.2, 0.8))
    assert hint_segment_ciede2000(differences, rgb_to_lab(truth), left) == 0
    wrong = hint_segment_ciede2000(differences, rgb_to_lab(truth), right)
    assert wrong == pytest.approx(delta_e(BLUE, GREEN), rel=0.15)  # the segment reaches a pixel into the line
    both = hint_segment_ciede2000(differences, rgb_to_lab(truth), Hint(points=left.points + right.points))
    assert 0 < both < wrong / 2


def test_a_hint_that_spreads_over_its_segment_is_better_than_one_that_stays_a_dot(truth: np.ndarray) -> None:
    hint = Hint(points=(Point(0.2, 0.5, RED),))
    gray = np.full_like(truth, 100)
    dot, spread = gray.copy(), gray.copy()
    dot[20, 12] = RED
    spread[:, :38] = RED
    truth_lab = rgb_to_lab(truth)
    at = [hint_ciede2000(rgb_to_lab(output), hint) for output in (dot, spread, gray)]
    assert at[:2] == pytest.approx([0, 0], abs=1e-4)
    assert at[2] > 20
    around = [
        hint_segment_ciede2000(ciede2000(rgb_to_lab(output), truth_lab), truth_lab, hint)
        for output in (dot, spread, gray)
    ]
    assert around[1] < 1 < 20 < around[0] < around[2]
