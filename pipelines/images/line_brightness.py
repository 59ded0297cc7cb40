"""The brightness of lines: the histograms of paper 003's Figure 3, of each style as drawn and as equalized.

Works on arrays; touches no files. Lines are uint8, dark on white. The paper sees real line art spread over 0 to 170,
XDoG at 120 to 140 and dilate-abs-sub at 0 to 60, and equalizes histograms in training to close that gap (section 3.1).
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from pipelines.images.figure import BLUE, figure_picture, new_figure

BRIGHTEST_LINE = 240
"""Brighter pixels count as paper: being most of every picture, they would hide the lines."""


def line_histograms(lines: np.ndarray, *, styles: Sequence[str]) -> dict[str, np.ndarray]:
    """Histograms of each style, "xdog_0.3" and so on, and equalized, "xdog_0.3, equalized".

    lines: (N, S, H, W) uint8, S as many as `styles`. One with real line art has a single style, e.g. ("real",).

    Returns (256,) float64 for each: the share of all pixels at each brightness. Each picture is equalized by itself,
    as in training. Raises ValueError for other arrays.
    """
    if lines.dtype != np.uint8 or lines.ndim != 4 or lines.shape[1] != len(styles) or not lines.size:
        raise ValueError(f"expected lines (N, {len(styles)}, H, W) uint8, got {lines.shape} {lines.dtype}")
    histograms = {}
    for position, style in enumerate(styles):
        pictures = lines[:, position]
        histograms[style] = _shares(pictures)
        histograms[f"{style}, equalized"] = _shares(np.stack([cv2.equalizeHist(picture) for picture in pictures]))
    return histograms


def histogram_picture(histograms: Mapping[str, np.ndarray]) -> np.ndarray:
    """Figure 3: one plot a histogram, two in a row, black on the left. Returns uint8 RGB (H, W, 3).

    The highest bar at BRIGHTEST_LINE or darker fills its plot; the bars of paper are cut off.
    """
    rows = -(-len(histograms) // 2)
    figure = new_figure(640, 120 * rows + 30)
    plots = figure.subplots(rows, 2, squeeze=False, sharex=True).flat
    for plot, (name, shares) in zip(plots, histograms.items(), strict=False):
        plot.bar(np.arange(256), shares, width=1, color=BLUE, antialiased=False)
        plot.set(xlim=(-1, 256), ylim=(0, max(shares[: BRIGHTEST_LINE + 1].max(), 1e-12)), yticks=[])
        plot.set_title(name, fontsize=9)
        plot.tick_params(labelsize=8)
    return figure_picture(figure)


def _shares(pictures: np.ndarray) -> np.ndarray:
    return np.bincount(pictures.ravel(), minlength=256) / pictures.size
