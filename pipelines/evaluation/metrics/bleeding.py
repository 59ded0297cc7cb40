"""Colour where it does not belong: over the lines, and in what is white in the truth.

The papers show it in pictures (colour over lines in 000, Figure 3; "overflow" in 004's second question) and give no
number. Both numbers here are ours [I]. Works on arrays; touches no files.
"""

import cv2
import numpy as np

from pipelines.evaluation.metrics.color_behaviour import chroma_of
from pipelines.evaluation.metrics.definitions import GRAY_CHROMA

_CANNY = (100.0, 200.0)  # the thresholds of the edge variants
_NEAR_SHARE = 1 / 85  # of the longer side: how far from an edge a line reaches; 3 px of 256
_MIN_ENERGY = 0.01  # CIELAB units squared per pixel squared: less is the rounding of gray pictures

_WHITE_LIGHTNESS = 95.0
_WHITE_PIXELS = 1 / 1000  # of the picture: smaller white regions are highlights and compression


def lines_of(truth_gray: np.ndarray) -> np.ndarray:
    """The places where the truth may change its colour: near its edges (Canny 100/200). (H, W) uint8 -> (H, W) bool.

    Taken from the truth, so that all colorizers are measured by the same lines.
    """
    reach = max(1, round(max(truth_gray.shape) * _NEAR_SHARE))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return cv2.dilate(cv2.Canny(truth_gray, *_CANNY), disc) > 0


def bleeding(output_lab: np.ndarray, is_line: np.ndarray) -> float:
    """Share of the chroma's gradient energy that is off the lines: float32 Lab (H, W, 3), (H, W) bool -> 0 to 1.

    Energy is the sum of the squared derivatives of a and b (central differences after a Gaussian of sigma 1 px,
    against the noise of 8 bits). E_off / (E_off + E_on) rises with E_off / E_on, and is bounded, so that no picture
    with few lines rules the mean. NaN where a picture has no chroma that changes, or where lines are
    nowhere or everywhere.
    """
    ab = cv2.GaussianBlur(output_lab[..., 1:], (0, 0), 1)
    along_x, along_y = (cv2.Sobel(ab, cv2.CV_32F, *order, ksize=1, scale=0.5) for order in ((1, 0), (0, 1)))
    energy = along_x * along_x + along_y * along_y  # (H, W, 2)
    total = float(energy.sum(dtype=np.float64))
    if total < _MIN_ENERGY * is_line.size or is_line.all() or not is_line.any():
        return float("nan")
    return float(energy[~is_line].sum(dtype=np.float64)) / total


def white_of(truth_lab: np.ndarray) -> np.ndarray:
    """The white regions of the truth: speech bubbles, white lettering, paper. Float32 Lab (H, W, 3) -> (H, W) bool.

    Connected regions of lightness 95 or more and chroma below 5, without their outermost pixel, where they blend
    with a line, and without regions below a thousandth of the picture.
    """
    is_white = (truth_lab[..., 0] >= _WHITE_LIGHTNESS) & (chroma_of(truth_lab) < GRAY_CHROMA)
    inside = cv2.erode(is_white.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1)
    _, regions, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    is_large = stats[:, cv2.CC_STAT_AREA] >= inside.size * _WHITE_PIXELS
    is_large[0] = False  # all that is not white
    return is_large[regions.astype(np.int32)]


def white_chroma(output_chroma: np.ndarray, is_white: np.ndarray) -> float:
    """Mean chroma of an output in what is white in the truth, in CIELAB units; NaN where nothing is.

    (H, W) float32 and (H, W) bool.
    """
    return float(output_chroma[is_white].mean(dtype=np.float64)) if is_white.any() else float("nan")
