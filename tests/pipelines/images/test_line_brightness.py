"""Histograms of line brightness: shares, the effect of equalization, and a picture that shows them."""

import cv2
import numpy as np
import pytest

from pipelines.images.line_brightness import histogram_picture, line_histograms
from pipelines.params import VariantParams
from pipelines.variants import LINE_STYLES, derive
from tests.pipelines.conftest import drawn_panel


def test_shares_are_those_of_the_pixels():
    lines = np.full((2, 1, 4, 5), 255, np.uint8)
    lines[0, 0, 0] = 100
    lines[1, 0, :, 0] = 7
    histograms = line_histograms(lines, styles=("real",))
    assert list(histograms) == ["real", "real, equalized"]
    expected = np.zeros(256)
    expected[[7, 100, 255]] = 4 / 40, 5 / 40, 31 / 40
    np.testing.assert_allclose(histograms["real"], expected)
    equalized = np.bincount(np.stack([cv2.equalizeHist(lines[i, 0]) for i in range(2)]).ravel(), minlength=256) / 40
    np.testing.assert_allclose(histograms["real, equalized"], equalized)
    assert histograms["real, equalized"][100] == 0  # each picture by itself: its darkest gray is black now
    assert histograms["real, equalized"][0] == pytest.approx(9 / 40)


def test_styles_differ_as_in_the_papers_figure():
    colors = np.stack([cv2.resize(drawn_panel(seed), (128, 128)) for seed in range(4)])
    histograms = line_histograms(derive("line", colors, VariantParams()), styles=LINE_STYLES)
    assert list(histograms)[::2] == list(LINE_STYLES)
    assert all(histogram.sum() == pytest.approx(1) for histogram in histograms.values())
    middle = slice(110, 146)
    xdog, dilate = histograms["xdog_0.5"], histograms["dilate_5"]
    assert xdog[middle].sum() / xdog[:241].sum() > 2 * dilate[middle].sum() / dilate[:241].sum()
    assert histograms["xdog_0.5, equalized"][middle].sum() < xdog[middle].sum()


def test_the_picture_has_a_bar_where_the_histogram_has_one():
    shares = np.zeros(256)
    shares[[50, 200, 255]] = 0.1, 0.05, 0.85
    picture = histogram_picture({"real": shares})
    assert (picture.dtype, picture.shape[2]) == (np.uint8, 3)
    bars = (picture == (66, 110, 180)).all(axis=-1)
    heights = bars.sum(axis=0)
    places = heights.nonzero()[0]
    left, right = places[0], places[-1]
    middle = left + round((right - left) * (200 - 50) / (255 - 50))
    near = slice(middle - 2, middle + 3)
    assert heights[near].max() / heights[left] == pytest.approx(0.5, abs=0.05)
    assert heights[right] == pytest.approx(heights[left], abs=1)  # paper is cut off
    assert heights[left + 4 : middle - 4].max() == 0


def test_other_arrays_are_refused():
    with pytest.raises(ValueError, match=r"expected lines \(N, 5, H, W\) uint8, got \(1, 1, 4, 4\)"):
        line_histograms(np.zeros((1, 1, 4, 4), np.uint8), styles=LINE_STYLES)
    with pytest.raises(ValueError, match="uint8, got"):
        line_histograms(np.zeros((1, 5, 4, 4), np.float32), styles=LINE_STYLES)
    with pytest.raises(ValueError, match="got"):
        line_histograms(np.zeros((0, 5, 4, 4), np.uint8), styles=LINE_STYLES)
