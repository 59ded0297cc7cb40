"""Propagation: sparse colours with weights to a whole picture, under its own lightness.

The solver is the fast global smoother (Min et al. 2014, "Fast Global Image Smoothing Based on Weighted Least Squares"):
colours times their weights, and the weights, are smoothed with the lightness as guide, and divided. It answers in about
0.1 s for a page. `pipelines.colorize.levin` is the exact solver that it is compared with.
"""

import cv2
import numpy as np

from pipelines.images.color import resized

MAX_SOLVED_PX = 2_000_000
"""Larger pictures are solved at this size, and their colours scaled up: memory stays bounded."""

# Weak smoothing with sharp edges: proposals are everywhere, so colour need not flow far. With sigma 4
# and lambda 1000 the error of 128 hints is nearly twice as large.
_SMOOTHNESS = 300.0  # lambda of the smoother
_EDGE_SIGMA = 1.5  # gray levels between neighbours from which on colour stops
_ATTENUATION, _ITERATIONS = 0.25, 3
_LEAST_WEIGHT = 1e-9


def propagate(guide: np.ndarray, colors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Colours everywhere from colours with weights.

    Args:
        guide: (H, W) uint8, the gray picture or the lines: colour flows within its edges.
        colors: (h, w, C) float32, C up to 3; h and w of the guide, or smaller.
        weights: (h, w) float32, 0 where no colour is given; h and w as `colors`.

    Returns (H, W, C) float32; zero where no weight reaches.
    """
    if colors.shape[:2] != weights.shape or colors.ndim != 3:
        raise ValueError(f"propagate: colours {colors.shape} and weights {weights.shape} have different sizes")
    solved = solved_size(guide.shape)
    # Plane by plane: the filter parts interleaved channels itself, and numpy's steps on those are slow.
    smoother = cv2.ximgproc.createFastGlobalSmootherFilter(
        resized(guide, solved), _SMOOTHNESS, _EDGE_SIGMA, _ATTENUATION, _ITERATIONS
    )
    mass = np.maximum(smoother.filter(resized(weights, solved)), _LEAST_WEIGHT)
    found = [cv2.divide(smoother.filter(resized(channel * weights, solved)), mass) for channel in cv2.split(colors)]
    return cv2.merge([resized(channel, guide.shape) for channel in found]).reshape(*guide.shape, -1)


def solved_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width at which a picture of `shape` is solved: its own, or those of MAX_SOLVED_PX."""
    height, width = shape[:2]
    scale = min(1.0, (MAX_SOLVED_PX / (height * width)) ** 0.5)
    return max(1, round(height * scale)), max(1, round(width * scale))
