"""The shipped colorizer: it loads in a fresh clone, takes what it is given, and says where colours came from."""

import numpy as np
import pytest

from pipelines.colorize.exemplar_colorizer import ExemplarColorizer
from pipelines.colorize.hints import Hint, Point
from pipelines.colorize.proposals import FROM_HINT, FROM_NETWORK, FROM_NOTHING
from pipelines.colorize.references import References
from pipelines.colorize.shipped import default_colorizer
from pipelines.images.color import rgb_to_gray, rgb_to_lab


@pytest.fixture(scope="module")
def colorizer() -> ExemplarColorizer:
    found = default_colorizer()
    assert isinstance(found, ExemplarColorizer)
    return found


def drawn(shift: int = 0) -> np.ndarray:
    """Two figures on a ground, (120, 150, 3) uint8 RGB."""
    picture = np.full((120, 150, 3), (120, 170, 220), np.uint8)
    picture[80:] = (90, 150, 70)
    picture[30:100, 20 + shift : 55 + shift] = (190, 60, 50)
    picture[40:100, 90 + shift : 120 + shift] = (230, 200, 90)
    return picture


def error(output: np.ndarray, truth: np.ndarray) -> float:
    return float(np.hypot(*np.moveaxis(rgb_to_lab(output)[..., 1:] - rgb_to_lab(truth)[..., 1:], 2, 0)).mean())


def test_references_bring_a_picture_nearer_to_its_colours(colorizer: ExemplarColorizer):
    truth = drawn(12)
    gray = rgb_to_gray(truth)
    references = References.of([("first", drawn()), ("second", drawn(6))])
    found = colorizer.colorize_with_sources(gray, references=references)
    assert error(found.rgb, truth) < 0.5 * error(np.repeat(gray[..., None], 3, 2), truth)
    assert set(found.proposals.shares) <= {"first", "second"}
    assert np.abs(rgb_to_gray(found.rgb).astype(int) - gray).max() <= 1


def test_a_hint_is_where_it_was_set(colorizer: ExemplarColorizer):
    gray = rgb_to_gray(drawn())
    hint = Hint(points=(Point(x=37 / 150, y=65 / 120, rgb=(60, 90, 200)),))
    found = colorizer.colorize_with_sources(gray, hint=hint)
    assert (found.proposals.reference == FROM_HINT).any()
    a, b = rgb_to_lab(found.rgb)[65, 37, 1:]
    assert b < -25
    assert a > 0


def test_a_batch_is_its_pictures(colorizer: ExemplarColorizer):
    grays = np.stack([rgb_to_gray(drawn()), rgb_to_gray(drawn(9))])
    batch = colorizer.colorize_batch(grays)
    assert batch.shape == (2, 120, 150, 3)
    assert np.array_equal(batch[1], colorizer.colorize(grays[1]))


def test_without_anything_to_go_by_the_network_is_the_source(colorizer: ExemplarColorizer):
    found = colorizer.colorize_with_sources(rgb_to_gray(drawn()))
    assert (found.proposals.reference == FROM_NETWORK).all()
    assert not (found.proposals.reference == FROM_NOTHING).any()
