"""Pages of black and white dots: they are coloured as the tones that the eye sees, and printed in dots again.

Black and white hold no colour, so the lightness of each dot cannot be kept; that of each tone is.
"""

import cv2
import numpy as np

from pipelines.images.color import rgb_to_gray

_EXTREME = 32  # levels from black or white within which a pixel is one or the other
_TWO_LEVELS = 0.97  # of the pixels of a page of dots are black or white
_TONE, _MIN_TONE = (40, 215), 0.1  # and so much of its smoothed copy is neither
_SIGMA_PX = 1.6  # dots of up to about 4 pixels become tones
_BAND_ROWS = 512  # at once: bounds memory, not results


def is_halftone(gray: np.ndarray) -> bool:
    """True for a page, (H, W) uint8, whose tones are black and white dots. Line art has no tones."""
    extreme = (gray < _EXTREME) | (gray > 255 - _EXTREME)
    if extreme.mean() < _TWO_LEVELS:
        return False
    tones = toned(gray)
    is_tone = (tones > _TONE[0]) & (tones < _TONE[1])
    # A line's border is a thin tone; a tone of dots is wide.
    wide = cv2.erode(is_tone.astype(np.uint8), np.ones((7, 7), np.uint8))
    return float(wide.mean()) >= _MIN_TONE


def toned(gray: np.ndarray) -> np.ndarray:
    """The tones that dots stand for: (H, W) uint8 -> (H, W) uint8."""
    return cv2.GaussianBlur(gray, (0, 0), _SIGMA_PX)


def printed(colored: np.ndarray, dots: np.ndarray) -> np.ndarray:
    """Coloured tones in the dots of the page: white dots take the colour, so bright as it can be, black ones stay.

    Args:
        colored: (H, W, 3) uint8 RGB, the tones in colour.
        dots: (H, W) uint8, the page.
    """
    found = np.empty_like(colored)
    for first in range(0, len(colored), _BAND_ROWS):
        rows = slice(first, first + _BAND_ROWS)
        light = np.maximum(rgb_to_gray(colored[rows]), 1).astype(np.float32)
        brightest = np.maximum(colored[rows].max(axis=2), 1).astype(np.float32)
        gain = np.minimum(255 / light, 255 / brightest) * (dots[rows] / np.float32(255))
        found[rows] = np.rint(colored[rows] * gain[..., np.newaxis])
    return found
