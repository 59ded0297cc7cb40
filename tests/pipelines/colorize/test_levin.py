"""Levin's solver: by hand on small pictures, and as the reference of the fast one."""

import cv2
import numpy as np
import pytest

from pipelines.colorize.hints import Hint, Stroke
from pipelines.colorize.levin import MAX_SIDE_PX, LevinColorizer, propagate_exactly
from pipelines.colorize.picture import Colorizer
from pipelines.colorize.propagate import propagate
from pipelines.colorize.references import References
from pipelines.images.color import gray_to_rgb, rgb_to_gray, rgb_to_lab

HELD = np.float32(np.inf)


def halves(side: int = 48) -> np.ndarray:
    """A dark left and a light right half, (side, side) uint8."""
    guide = np.full((side, side), 60, np.uint8)
    guide[:, side // 2 :] = 200
    return guide


def given(
    shape: tuple[int, int], marks: dict[tuple[int, int], tuple[float, float]], *, weight: float = HELD, radius: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Colours and weights of square marks by their middle (y, x)."""
    colors, weights = np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32)
    for (y, x), color in marks.items():
        mark = (slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1))
        colors[mark], weights[mark] = color, weight
    return colors, weights


def test_each_half_takes_the_colour_of_its_mark():
    guide = halves()
    marks = {(10, 8): (40.0, 20.0), (30, 40): (-30.0, -50.0)}
    found = propagate_exactly(guide, *given(guide.shape, marks, radius=2))
    assert np.allclose(found[10, 8], (40, 20))
    assert np.abs(found[:, :20] - (40, 20)).max() < 4
    assert np.abs(found[:, 28:] - (-30, -50)).max() < 4


def test_a_row_of_three_pixels_as_by_hand():
    """Flat: the middle is the mean of its two neighbours."""
    found = propagate_exactly(np.full((1, 3), 90, np.uint8), *given((1, 3), {(0, 0): (10.0, 0.0), (0, 2): (20.0, 6.0)}))
    assert np.allclose(found[0], [[10, 0], [15, 3], [20, 6]], atol=1e-4)


def test_a_weight_shares_with_the_neighbours():
    """A pixel of weight 1 between two of 0 takes half of its own colour: 0.5 * 30 + 0.5 * 0."""
    colors, weights = given((1, 3), {(0, 1): (30.0, 0.0)}, weight=1.0)
    weights[0, 0] = weights[0, 2] = HELD
    assert np.allclose(propagate_exactly(np.full((1, 3), 90, np.uint8), colors, weights)[0, 1], (15, 0), atol=1e-4)


def test_the_fast_solver_is_near_to_it_where_colours_are_determined():
    guide = np.full((64, 64), 210, np.uint8)
    cv2.circle(guide, (22, 24), 14, 90, -1)
    cv2.rectangle(guide, (40, 36), (58, 58), 150, -1)
    ground = dict.fromkeys([(5, 5), (5, 32), (5, 57), (32, 57), (57, 32), (57, 5), (32, 5)], (-10.0, 20.0))
    marks = {(24, 22): (50.0, 30.0), (47, 49): (0.0, -60.0), **ground}
    colors, weights = given(guide.shape, marks, radius=3)
    exact = propagate_exactly(guide, colors, weights)
    fast = propagate(guide, colors, np.isinf(weights).astype(np.float32))
    inside = cv2.erode((cv2.Canny(guide, 50, 100) == 0).astype(np.uint8), np.ones((5, 5))) > 0
    difference = np.linalg.norm(exact - fast, axis=2)
    assert np.median(difference[inside]) < 1
    assert difference[inside].max() < 4


def test_nothing_given_is_no_colour():
    assert not propagate_exactly(halves(), *given((48, 48), {})).any()


def test_what_does_not_fit_is_refused():
    large = np.zeros((MAX_SIDE_PX + 1, MAX_SIDE_PX), np.uint8)
    with pytest.raises(ValueError, match="257 x 256 pixels; 65,536 is the limit"):
        propagate_exactly(large, *given(large.shape, {}))
    with pytest.raises(ValueError, match=r"guide \(48, 48\), colours \(8, 8, 2\)"):
        propagate_exactly(halves(), *given((8, 8), {}))


def test_the_colorizer_keeps_lightness_at_any_size():
    colorizer: Colorizer = LevinColorizer()
    picture = cv2.resize(halves(), (500, 301), interpolation=cv2.INTER_NEAREST)
    lines = ((0.2, (200, 40, 40)), (0.8, (60, 160, 255)))
    hint = Hint(strokes=tuple(Stroke(((x, 0.2), (x, 0.8)), rgb, width=0.02) for x, rgb in lines))
    colored = colorizer.colorize_batch(picture[np.newaxis], hints=[hint])[0]
    assert np.abs(rgb_to_gray(colored).astype(int) - picture).max() <= 1
    lab = rgb_to_lab(colored)
    assert lab[:, :200, 1].mean() > 15
    assert lab[:, 300:, 2].mean() < -10
    assert np.array_equal(colorizer.colorize(picture), gray_to_rgb(picture))
    assert colorizer.colorize(np.full((1, 1), 9, np.uint8), hint=hint).shape == (1, 1, 3)
    with pytest.raises(ValueError, match="levin_hints takes no references"):
        colorizer.colorize(picture, references=References())
    with pytest.raises(ValueError, match="expected a gray picture"):
        colorizer.colorize(picture[..., np.newaxis])
