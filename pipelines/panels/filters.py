"""Which panels a dataset can use (paper 000): of a fitting size, and coloured. Works on uint8 RGB arrays."""

import cv2
import numpy as np

from pipelines.panels.rule import PanelRule

_WORKING_SIDE_PX = 64  # averaging down removes the chroma noise of JPEG,
_WINDOW_PX = 7  # and averaging over at least so much that of small pictures with a dithered palette
_LEVELS = 16  # of lightness, for the tint of each
_TINT_CHROMA = 12  # a tint stronger than this is a colour that somebody chose,
_SEPIA_CHROMA = 32  # but paper yellows and ink browns farther, between these hues:
_SEPIA_HUES = (40, 115)  # degrees from red (a) to yellow (b)


def size_reason(width_px: int, height_px: int, rule: PanelRule) -> str | None:
    """Why a panel of this size is dropped: "too_small", "too_large" (it may be both), or None.

    Paper 000 drops panels with a width or height below 200 or above 800 px.
    """
    if min(width_px, height_px) < rule.min_side_px:
        return "too_small"
    if max(width_px, height_px) > rule.max_side_px:
        return "too_large"
    return None


def colored_share(rgb: np.ndarray, rule: PanelRule) -> float:
    """Share of the pixels of a picture, uint8 RGB (H, W, 3), that are clearly coloured, in [0, 1].

    A pixel is where its a and b (CIELAB) are farther than `gray_chroma` from the picture's tint at its lightness.
    The tint is what yellowed paper or sepia ink gives to a gray drawing: one weak colour for each lightness.
    """
    height, width = rgb.shape[:2]
    shrink = min(1.0, _WORKING_SIDE_PX / min(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    if shrink > 1 / _WINDOW_PX:
        rgb = cv2.blur(rgb, (_WINDOW_PX, _WINDOW_PX))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)  # L in [0, 100], a and b about [-100, 100]
    level = np.minimum(lab[:, 0] * _LEVELS / 100, _LEVELS - 1).astype(int)
    away = np.empty(len(lab), np.float32)
    for one in np.unique(level):
        chosen = level == one
        tint = np.median(lab[chosen, 1:], axis=0)
        if not _is_tint(*tint):
            tint = np.zeros(2, np.float32)
        away[chosen] = np.hypot(*(lab[chosen, 1:] - tint).T)
    return float((away > rule.gray_chroma).mean())


def is_gray(colored_share: float, rule: PanelRule) -> bool:
    """Whether a picture with this `colored_share` is naturally gray: drawn without colour, on whatever paper."""
    return colored_share < rule.gray_share


def _is_tint(a: float, b: float) -> bool:
    hue = np.degrees(np.arctan2(b, a))
    strongest = _SEPIA_CHROMA if _SEPIA_HUES[0] <= hue <= _SEPIA_HUES[1] else _TINT_CHROMA
    return bool(np.hypot(a, b) <= strongest)
