"""Distances between the pixels of an output and of the truth: in RGB and CIELAB, PSNR and CIEDE2000.

Works on arrays; touches no files.
"""

import math

import numpy as np

from pipelines.evaluation.metrics.definitions import PSNR_LIMIT_DB
from pipelines.images.color import AB_SCALE


def l1_rgb(output: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference over pixels and channels: two uint8 RGB (H, W, 3) -> gray levels."""
    return float(np.abs(_difference(output, truth)).mean(dtype=np.float64))


def l2_rgb(output: np.ndarray, truth: np.ndarray) -> float:
    """Mean squared difference over pixels and channels: two uint8 RGB (H, W, 3) -> gray levels squared."""
    return float(np.square(_difference(output, truth)).mean(dtype=np.float64))


def l2_ab(output_lab: np.ndarray, truth_lab: np.ndarray) -> float:
    """Mean over pixels of da^2 + db^2: two float32 Lab (H, W, 3) -> CIELAB units squared."""
    return float(2 * np.square(output_lab[..., 1:] - truth_lab[..., 1:]).mean(dtype=np.float64))


def half_sum_of(l2_ab: float) -> float:
    """The `l2_ab` of a picture as half the sum of squares of 256 x 256 pixels, ab in [-1, 1]."""
    return l2_ab / AB_SCALE**2 * 256 * 256 / 2


def psnr_of(l2_rgb: float) -> float:
    """The `l2_rgb` of a picture as peak signal-to-noise ratio in dB, peak 255; at most PSNR_LIMIT_DB."""
    return min(10 * math.log10(255**2 / l2_rgb), PSNR_LIMIT_DB) if l2_rgb else PSNR_LIMIT_DB


def ciede2000(lab: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CIEDE2000 (CIE 142-2001) with kL = kC = kH = 1, by scikit-image: two (..., 3) Lab -> (...) delta E.

    Symmetric, and in the precision of what it is given.
    """
    # Imported late: scikit-image takes a second to load.
    from skimage.color import deltaE_ciede2000

    return deltaE_ciede2000(lab, other)


def _difference(output: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return output.astype(np.float32) - truth.astype(np.float32)
