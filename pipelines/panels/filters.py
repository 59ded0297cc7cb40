"""Which panels a dataset can use. Works on uint8 RGB arrays.

Of a fitting size and coloured, for papers 000 and 003; and what the authors of paper 003 took out of their
illustrations by eye, where a title's rule asks for it: extreme shapes, high and low key, skewed colour. Filters look
at panels, not at pages: what is dropped keeps its row and pixels, so that a threshold can be changed at any time
without collecting anything again.
"""

import cv2
import numpy as np

from pipelines.panels.params import PanelParams

_WORKING_SIDE_PX = 64  # averaging down removes the chroma noise of JPEG,
_WINDOW_PX = 7  # and averaging over at least so much that of small pictures with a dithered palette
_LEVELS = 16  # of lightness, for the tint of each
_TINT_CHROMA = 12  # a tint stronger than this is a colour that somebody chose,
_SEPIA_CHROMA = 32  # but paper yellows and ink browns farther, between these hues:
_SEPIA_HUES = (40, 115)  # degrees from red (a) to yellow (b)


_KEY_SHARE = 0.1  # of the pixels may be darker in a high key, or lighter in a low key
_MIN_CAST_CHROMA = 6  # a mean colour nearer to gray than this is no cast, however even


def drop_reason(rgb: np.ndarray, params: PanelParams) -> str | None:
    """Why a panel, uint8 RGB (H, W, 3), is dropped, whatever its colour: the first that holds; None for none.

    "too_small", "too_large", "extreme_aspect", then "high_key", "low_key", "skewed_color". Whether it is gray at all
    is told apart (`is_gray`): such a panel is gray, not skewed.
    """
    height, width = rgb.shape[:2]
    return size_reason(width, height, params) or look_reason(rgb, params)


def size_reason(width_px: int, height_px: int, params: PanelParams) -> str | None:
    """Why a panel of this size is dropped: "too_small", "too_large" (it may be both), "extreme_aspect", or None.

    Paper 000 drops panels with a width or height below 200 or above 800 px, paper 003 below 512.
    """
    if min(width_px, height_px) < params.min_side_px:
        return "too_small"
    if max(width_px, height_px) > params.max_side_px:
        return "too_large"
    if params.max_aspect is not None and max(width_px, height_px) > params.max_aspect * min(width_px, height_px):
        return "extreme_aspect"
    return None


def look_reason(rgb: np.ndarray, params: PanelParams) -> str | None:
    """Why a panel is dropped for its light or its colours: "high_key", "low_key", "skewed_color", or None.

    The authors of paper 003 chose by eye. Here, a high key is a picture of which no more than a tenth is darker than
    the rule's lightness, a low key one of which no more than a tenth is lighter. Skewed is one whose mean colour (a
    and b of CIELAB) lies away from gray by more than `max_cast` times the mean distance of its colours from that mean
    (Gasparini and Schettini 2004: an equivalent circle that does not reach gray).
    """
    if params.high_key_lightness is None and params.low_key_lightness is None and params.max_cast is None:
        return None
    lab = _small_lab(rgb)
    darker, lighter = np.quantile(lab[:, 0], [_KEY_SHARE, 1 - _KEY_SHARE])
    if params.high_key_lightness is not None and darker > params.high_key_lightness:
        return "high_key"
    if params.low_key_lightness is not None and lighter < params.low_key_lightness:
        return "low_key"
    if params.max_cast is not None:
        mean = lab[:, 1:].mean(axis=0)
        cast = float(np.hypot(*mean))
        spread = float(np.hypot(*(lab[:, 1:] - mean).T).mean())
        if cast > max(_MIN_CAST_CHROMA, params.max_cast * spread):
            return "skewed_color"
    return None


def colored_share(rgb: np.ndarray, params: PanelParams) -> float:
    """Share of the pixels of a picture, uint8 RGB (H, W, 3), that are clearly coloured, in [0, 1].

    A pixel is where its a and b (CIELAB) are farther than `gray_chroma` from the picture's tint at its lightness.
    The tint is what yellowed paper or sepia ink gives to a gray drawing: one weak colour for each lightness.
    """
    lab = _small_lab(rgb)
    level = np.minimum(lab[:, 0] * _LEVELS / 100, _LEVELS - 1).astype(int)
    away = np.empty(len(lab), np.float32)
    for one in np.unique(level):
        chosen = level == one
        tint = np.median(lab[chosen, 1:], axis=0)
        if not _is_tint(*tint):
            tint = np.zeros(2, np.float32)
        away[chosen] = np.hypot(*(lab[chosen, 1:] - tint).T)
    return float((away > params.gray_chroma).mean())


def is_gray(colored_share: float, params: PanelParams) -> bool:
    """Whether a picture with this `colored_share` is naturally gray: drawn without colour, on whatever paper."""
    return colored_share < params.gray_share


def _small_lab(rgb: np.ndarray) -> np.ndarray:
    """The picture's averaged pixels: (N, 3) float32, L in [0, 100], a and b about [-100, 100]."""
    height, width = rgb.shape[:2]
    shrink = min(1.0, _WORKING_SIDE_PX / min(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    if shrink > 1 / _WINDOW_PX:
        rgb = cv2.blur(rgb, (_WINDOW_PX, _WINDOW_PX))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)


def _is_tint(a: float, b: float) -> bool:
    hue = np.degrees(np.arctan2(b, a))
    strongest = _SEPIA_CHROMA if _SEPIA_HUES[0] <= hue <= _SEPIA_HUES[1] else _TINT_CHROMA
    return bool(np.hypot(a, b) <= strongest)
