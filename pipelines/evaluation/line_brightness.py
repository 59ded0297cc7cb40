"""How bright lines are: the histograms of paper 003's Figure 3, of each style as drawn and as equalized.

Works on arrays; touches no files. Lines are uint8, dark on white. The paper sees real line art spread over 0 to 170,
XDoG at 120 to 140 and dilate-abs-sub at 0 to 60, and equalizes histograms in training to close that gap (section 3.1).
"""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from pipelines.images.sheets import contact_sheet
from pipelines.variants import LINE_STYLES

BRIGHTEST_LINE = 240
"""What is brighter counts as paper: it would hide the lines, being most of every picture."""

_BARS_PX = 160


def line_histograms(lines: np.ndarray, *, styles: Sequence[str] = LINE_STYLES) -> dict[str, np.ndarray]:
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
    return contact_sheet([_bars(shares) for shares in histograms.values()], list(histograms), columns=2, cell_px=256)


def _shares(pictures: np.ndarray) -> np.ndarray:
    return np.bincount(pictures.ravel(), minlength=256) / pictures.size


def _bars(shares: np.ndarray) -> np.ndarray:
    """(256,) -> (160, 256) uint8: a black bar for each brightness on white."""
    highest = max(shares[: BRIGHTEST_LINE + 1].max(), 1e-12)
    tops = np.minimum(shares / highest, 1) * _BARS_PX
    from_below = np.arange(_BARS_PX, 0, -1)[:, np.newaxis]
    return np.where(from_below <= tops, 0, 255).astype(np.uint8)
