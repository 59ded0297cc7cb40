"""Colour off the lines and in what is white: 0 where it stays in, more the more it spills."""

import cv2
import numpy as np
import pytest

from pipelines.evaluation.metrics.bleeding import bleeding, lines_of, white_chroma, white_of
from pipelines.images.color import lab_to_rgb, rgb_to_gray, rgb_to_lab


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    """Flat colours in black outlines, and a speech bubble with lettering. uint8 RGB."""
    rgb = np.full((128, 128, 3), (90, 140, 200), np.uint8)
    cv2.circle(rgb, (40, 80), 30, (210, 90, 60), -1)
    cv2.circle(rgb, (40, 80), 30, (0, 0, 0), 2)
    cv2.ellipse(rgb, (88, 34), (34, 24), 0, 0, 360, (255, 255, 255), -1)
    cv2.ellipse(rgb, (88, 34), (34, 24), 0, 0, 360, (0, 0, 0), 2)
    cv2.putText(rgb, "HEY", (66, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 2)
    return rgb


def with_blurred_chroma(rgb: np.ndarray, sigma: float) -> np.ndarray:
    lab = rgb_to_lab(rgb)
    lab[..., 1:] = cv2.GaussianBlur(lab[..., 1:], (0, 0), sigma)
    return rgb_to_lab(lab_to_rgb(lab))


def test_the_truth_does_not_bleed_and_blurred_chroma_does(truth: np.ndarray) -> None:
    is_line = lines_of(rgb_to_gray(truth))
    shares = [bleeding(with_blurred_chroma(truth, sigma), is_line) for sigma in (0.5, 3, 6, 12)]
    assert bleeding(rgb_to_lab(truth), is_line) < 0.01
    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.3


def test_bleeding_is_the_share_of_the_energy_off_the_lines() -> None:
    lab = np.zeros((40, 80, 3), np.float32)
    lab[:, 20:, 1] = 30  # a step on the line
    lab[:, 60:, 2] = 60  # one of twice the height, so of four times the energy, off it
    is_line = np.zeros((40, 80), bool)
    is_line[:, 10:30] = True
    assert bleeding(lab, is_line) == pytest.approx(0.8, abs=1e-4)


def test_a_picture_without_chroma_or_lines_has_no_bleeding(truth: np.ndarray) -> None:
    gray = rgb_to_lab(np.repeat(rgb_to_gray(truth)[..., None], 3, axis=-1))
    assert np.isnan(bleeding(gray, lines_of(rgb_to_gray(truth))))
    assert np.isnan(bleeding(rgb_to_lab(truth), np.zeros((128, 128), bool)))


def test_the_bubble_is_white_and_nothing_else(truth: np.ndarray) -> None:
    is_white = white_of(rgb_to_lab(truth))
    assert is_white[34, 60]
    assert not is_white[80, 40]
    assert not is_white[120, 120]
    assert 0.5 < is_white.sum() / (np.pi * 34 * 24) < 1  # less its outline and its letters


def test_chroma_in_the_bubble_is_what_the_output_puts_there(truth: np.ndarray) -> None:
    is_white = white_of(rgb_to_lab(truth))
    output = np.zeros((128, 128), np.float32)
    output[is_white] = 12
    assert white_chroma(output, is_white) == pytest.approx(12)
    assert white_chroma(1 - is_white.astype(np.float32), is_white) == 0
    assert np.isnan(white_chroma(output, np.zeros((128, 128), bool)))


def test_a_highlight_is_no_bubble() -> None:
    rgb = np.full((128, 128, 3), (90, 140, 200), np.uint8)
    cv2.circle(rgb, (64, 64), 2, (255, 255, 255), -1)
    assert not white_of(rgb_to_lab(rgb)).any()
