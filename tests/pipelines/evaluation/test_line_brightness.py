"""Histograms of line brightness: shares, the effect of equalization, and a picture that shows them."""

import cv2
import numpy as np
import pytest

from pipelines.evaluation.line_brightness import histogram_picture, line_histograms
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
    histograms = line_histograms(derive("line", colors, VariantParams()))
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
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    plot = picture[:, :, 0] < 128
    columns = plot.any(0).nonzero()[0]
    heights = plot.sum(0)
    left = 8 + 50
    assert {left, left + 150, left + 205} <= set(columns.tolist())
    assert heights[left] == pytest.approx(160, abs=1)
    assert heights[left + 150] == pytest.approx(80, abs=1)
    assert heights[left + 205] == pytest.approx(160, abs=1)  # paper is cut off


def test_other_arrays_are_refused():
    with pytest.raises(ValueError, match=r"expected lines \(N, 5, H, W\) uint8, got \(1, 1, 4, 4\)"):
        line_histograms(np.zeros((1, 1, 4, 4), np.uint8))
    with pytest.raises(ValueError, match="uint8, got"):
        line_histograms(np.zeros((1, 5, 4, 4), np.float32))
    with pytest.raises(ValueError, match="got"):
        line_histograms(np.zeros((0, 5, 4, 4), np.uint8))
