"""Colours from references and hints, on drawn pictures."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.colorize.hints import Hint, Point
from pipelines.colorize.picture import Colorizer
from pipelines.colorize.proposals import FROM_HINT, FROM_NOTHING
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.references import References, ReferencesError, reference_of
from pipelines.images.color import gray_to_rgb, rgb_to_gray, rgb_to_lab


def scene(*, left: int, seed: int = 0) -> np.ndarray:
    """A red ball and a blue box on a light ground, (192, 256, 3) uint8 RGB; `left` moves both."""
    rgb = np.full((192, 256, 3), (235, 225, 190), np.uint8)
    cv2.circle(rgb, (left + 50, 90), 36, (200, 40, 40), -1)
    cv2.circle(rgb, (left + 38, 78), 8, (250, 170, 170), -1)
    cv2.rectangle(rgb, (left + 110, 60), (left + 170, 140), (40, 60, 190), -1)
    cv2.rectangle(rgb, (left + 110, 60), (left + 170, 72), (20, 20, 60), -1)
    noise = np.random.default_rng(seed).integers(-4, 5, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def error(colored: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(rgb_to_lab(colored)[..., 1:] - rgb_to_lab(truth)[..., 1:], axis=2).mean())


@pytest.fixture(scope="module")
def colorizer() -> ReferenceColorizer:
    return ReferenceColorizer()


def test_it_is_a_colorizer_as_others_are():
    colorizer: Colorizer = ReferenceColorizer("match", "line")
    assert (colorizer.name, colorizer.variant) == ("match", "line")
    assert (colorizer.takes_hints, colorizer.takes_references) == (True, True)


def test_colours_come_from_the_reference_with_their_source(colorizer):
    truth = scene(left=40, seed=1)
    references = References.of([("cover", scene(left=0))])
    colored = colorizer.colorize_with_sources(rgb_to_gray(truth), references=references)
    assert error(colored.rgb, truth) < 0.4 * error(gray_to_rgb(rgb_to_gray(truth)), truth)
    assert colored.proposals.shares == {"cover": 1.0}
    assert colored.proposals.confidence.min() > 0
    rows, columns = colored.proposals.reference.shape
    x, y = colored.proposals.place[round(90 / 192 * rows), round(90 / 256 * columns)]  # the ball is 40 px further left
    assert abs(x * 256 - 50) < 40
    assert abs(y * 192 - 90) < 40


def test_lightness_stays(colorizer):
    seen = rgb_to_gray(scene(left=20))
    colored = colorizer.colorize(seen, references=References.of([("cover", scene(left=0))]))
    assert np.abs(rgb_to_gray(colored).astype(int) - seen).max() <= 1


def test_a_hint_wins_where_it_is_and_colours_its_like(colorizer):
    truth = scene(left=40)
    hint = Hint(points=(Point(90 / 256, 100 / 192, (40, 160, 60)),))
    colored = colorizer.colorize_with_sources(
        rgb_to_gray(truth), hint=hint, references=References.of([("cover", scene(left=0))])
    )
    ball = rgb_to_lab(colored.rgb)[75:115, 75:105, 1:].mean(axis=(0, 1))
    assert ball[0] < -15, "the whole ball is green, though the reference has it red"
    assert rgb_to_lab(colored.rgb)[120, 190, 2] < -20, "the box is still blue"
    assert (colored.proposals.reference == FROM_HINT).any()


def test_nothing_to_go_by_stays_gray(colorizer):
    seen = rgb_to_gray(scene(left=0))
    colored = colorizer.colorize_with_sources(seen)
    assert np.array_equal(colored.rgb, gray_to_rgb(seen))
    assert (colored.proposals.reference == FROM_NOTHING).all()


def test_lines_with_nothing_to_go_by_stay_lines():
    lines = np.where(rgb_to_gray(scene(left=0)) < 80, 0, 255).astype(np.uint8)
    for given in ({}, {"references": References("line")}, {"hint": Hint()}):
        assert np.array_equal(ReferenceColorizer("match", "line").colorize(lines, **given), gray_to_rgb(lines))


def test_an_index_grows_and_is_read_back(tmp_path):
    references = References.of([("a", scene(left=0))]).with_picture("b", scene(left=20), weight=4.0)
    references.save(tmp_path / "index.safetensors")
    read = References.load(tmp_path / "index.safetensors")
    assert read.names == ("a", "b")
    assert [one.weight for one in read] == [1.0, 4.0]
    assert np.array_equal(read.entries[1].colors, references.entries[1].colors)
    assert np.array_equal(read.entries[1].places.features, references.entries[1].places.features)
    assert read.with_picture("a", scene(left=5)).names == ("b", "a")
    assert read.without(["a"]).names == ("b",)
    assert read.nearest(references.entries[1].places.pooled, 1).names == ("b",)


def test_another_file_is_no_index(tmp_path):
    (tmp_path / "x").write_bytes(b"no index")
    with pytest.raises(ReferencesError, match="make it again"):
        References.load(tmp_path / "x")


def test_a_correction_is_always_among_the_nearest():
    one = reference_of("other", scene(left=0))
    many = References("gray", tuple(replace(one, name=str(number)) for number in range(30)))
    corrected = many.with_picture("corrected", scene(left=60, seed=3), weight=4)
    assert corrected.nearest(one.places.pooled, 24).names[0] == "corrected"
    assert len(corrected.nearest(one.places.pooled, 24)) == 24


def test_references_for_lines_are_refused_for_gray_pictures(colorizer):
    lines = References.of([("cover", scene(left=0))], variant="line")
    with pytest.raises(ValueError, match="indexed for line pictures, this colorizer sees gray"):
        colorizer.colorize(rgb_to_gray(scene(left=0)), references=lines)
