"""The colours of an output as a whole: colourfulness, gray, and the distances of its chroma and hues.

Works on arrays; touches no files.
"""

import cv2
import numpy as np

from pipelines.evaluation.metrics.definitions import GRAY_CHROMA

_HUE_BINS = 360


def colorfulness(rgb: np.ndarray) -> float:
    """M3 of Hasler and Suesstrunk, "Measuring colourfulness in natural images" (2003): uint8 RGB (H, W, 3)."""
    red, green, blue = cv2.split(rgb.astype(np.float32))
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    return float(spread + 0.3 * np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64)))


def chroma_of(lab: np.ndarray) -> np.ndarray:
    """CIELAB's C*ab, the distance from gray: (..., 3) Lab -> (...), 0 to about 134 in sRGB."""
    return np.hypot(lab[..., 1], lab[..., 2])


def gray_share(chroma: np.ndarray) -> float:
    """Share of pixels with chroma below GRAY_CHROMA, in [0, 1]."""
    return float((chroma < GRAY_CHROMA).mean())


def saturation_distance(chroma: np.ndarray, other: np.ndarray) -> float:
    """Earth mover's distance between the chroma of two pictures of one size, in CIELAB units: 0 to about 134.

    How much chroma has to be moved per pixel until both have the same distribution, wherever in the picture. Of two
    sets of equally many numbers it is the mean distance of those of one rank.
    """
    return float(np.abs(np.sort(chroma, axis=None) - np.sort(other, axis=None)).mean(dtype=np.float64))


def hue_distance(lab: np.ndarray, other: np.ndarray) -> float:
    """Earth mover's distance around the hue circle, in degrees, 0 to 180: two (..., 3) Lab.

    Hues weigh as much as their chroma, in bins of 1 degree; gray has none. Each picture's hues weigh 1 in all, so
    how much colour there is does not count. A picture without hue counts as one with all hues alike: 90 degrees
    from a single hue. On a circle the distance is the mean absolute difference of the two cumulative distributions,
    less their median: Rabin, Delon and Gousseau, "Transportation distances on the circle" (2011).
    """
    ahead = np.cumsum(_hues(lab) - _hues(other))
    return float(np.abs(ahead - np.median(ahead)).sum() * 360 / _HUE_BINS)


def _hues(lab: np.ndarray) -> np.ndarray:
    """Share of chroma at each hue: (_HUE_BINS,), sums to 1."""
    chroma = chroma_of(lab)
    turns = np.arctan2(lab[..., 2], lab[..., 1]) / (2 * np.pi) + 0.5  # from -a on, in [0, 1]
    bins = np.minimum((turns * _HUE_BINS).astype(np.int32), _HUE_BINS - 1)
    weights = np.bincount(bins.ravel(), np.where(chroma < GRAY_CHROMA, 0, chroma).ravel(), minlength=_HUE_BINS)
    return weights / weights.sum() if weights.any() else np.full(_HUE_BINS, 1 / _HUE_BINS)
