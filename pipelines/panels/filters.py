"""Filters of panels: every reason to drop one, and the mark of naturally gray ones.

A drop reason is a function below and a line in `FILTERS`; its threshold is a field of `PanelParams`. Filters look at
panels, not at pages; the one reason of the cut itself, `NOT_A_PANEL`, has no function. A dropped panel keeps its row
and its place, so that a threshold can be changed at any time without collecting anything again. Works on uint8 RGB
arrays.
"""

import math
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np

from pipelines.panels.params import PanelParams
from pipelines.panels.reduced import SIDE_PX, reduced

_WINDOW_PX = 7  # averaging down removes the chroma noise of JPEG; over so much, that of a dithered palette
_LEVELS = 16  # of lightness, for the tint of each
_TINT_CHROMA = 12  # a tint stronger than this is a colour that somebody chose,
_SEPIA_CHROMA = 32  # but paper yellows and ink browns farther, between these hues:
_SEPIA_HUES = (40, 115)  # degrees from red (a) to yellow (b)

_KEY_SHARE = 0.1  # of the pixels may be darker in a high key, or lighter in a low key
_MIN_CAST_CHROMA = 6  # a mean colour nearer to gray than this is no cast, however even


class MeasuredPanel:
    """A panel and the measures that filters share, each computed once and only where a filter asks for it."""

    def __init__(self, rgb: np.ndarray):
        """rgb: uint8 (H, W, 3)."""
        self._rgb = rgb
        self.height_px, self.width_px = rgb.shape[:2]
        self.short_side_px, self.long_side_px = sorted(rgb.shape[:2])

    @cached_property
    def small(self) -> np.ndarray:
        """The `reduced` copy, uint8 RGB."""
        return reduced(self._rgb)

    @cached_property
    def lab(self) -> np.ndarray:
        """The averaged pixels in CIELAB: (N, 3) float32, L in [0, 100], a and b about [-100, 100]."""
        window = round(math.hypot(1, _WINDOW_PX * min(1.0, SIDE_PX / self.short_side_px)))  # as one after the other
        smooth = cv2.blur(self.small, (window, window)) if window > 1 else self.small
        return cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)


def is_too_small(panel: MeasuredPanel, params: PanelParams) -> bool:
    """A side is shorter than `min_side_px`: 200 in paper 000, 512 in paper 003."""
    return panel.short_side_px < params.min_side_px


def is_too_large(panel: MeasuredPanel, params: PanelParams) -> bool:
    """A side is longer than `max_side_px`: 800 in paper 000."""
    return panel.long_side_px > params.max_side_px


def has_extreme_aspect(panel: MeasuredPanel, params: PanelParams) -> bool:
    """The longer side is more than `max_aspect` shorter ones (paper 003, by eye)."""
    return params.max_aspect is not None and panel.long_side_px > params.max_aspect * panel.short_side_px


def is_high_key(panel: MeasuredPanel, params: PanelParams) -> bool:
    """At most a tenth of the pixels is darker than `high_key_lightness` (paper 003, by eye)."""
    limit = params.high_key_lightness
    return limit is not None and bool(np.quantile(panel.lab[:, 0], _KEY_SHARE) > limit)


def is_low_key(panel: MeasuredPanel, params: PanelParams) -> bool:
    """At most a tenth of the pixels is lighter than `low_key_lightness` (paper 003, by eye)."""
    limit = params.low_key_lightness
    return limit is not None and bool(np.quantile(panel.lab[:, 0], 1 - _KEY_SHARE) < limit)


def is_skewed_in_color(panel: MeasuredPanel, params: PanelParams) -> bool:
    """The mean colour is far from gray for the spread of the colours (paper 003, by eye).

    Far: the distance of the mean of a and b (CIELAB) from gray is more than `max_cast` times the mean distance of the
    colours from that mean (Gasparini and Schettini 2004: an equivalent circle that does not reach gray).
    """
    if params.max_cast is None:
        return False
    mean = panel.lab[:, 1:].mean(axis=0)
    cast = float(np.hypot(*mean))
    spread = float(np.hypot(*(panel.lab[:, 1:] - mean).T).mean())
    return cast > max(_MIN_CAST_CHROMA, params.max_cast * spread)


FILTERS: dict[str, Callable[[MeasuredPanel, PanelParams], bool]] = {
    "too_small": is_too_small,
    "too_large": is_too_large,
    "extreme_aspect": has_extreme_aspect,
    "high_key": is_high_key,
    "low_key": is_low_key,
    "skewed_color": is_skewed_in_color,
}
"""Every filter by its drop reason, in the order of the checks: a panel has the first one that holds."""

NOT_A_PANEL = "not_a_panel"
"""The reason of what the cut leaves out, beside the panels of a page (`left_out.py`)."""

DROP_REASONS = (*FILTERS, NOT_A_PANEL)
"""Every drop reason."""


def drop_reason(panel: MeasuredPanel, params: PanelParams) -> str | None:
    """The first reason to drop a panel, or None. Gray panels are marked apart: see `is_gray`."""
    return next((reason for reason, drops in FILTERS.items() if drops(panel, params)), None)


def colored_share(panel: MeasuredPanel, params: PanelParams) -> float:
    """Share of the pixels of a panel, or of any picture, that are clearly coloured, in [0, 1].

    A pixel is where its a and b (CIELAB) are farther than `gray_chroma` from the picture's tint at its lightness.
    The tint is what yellowed paper or sepia ink gives to a gray drawing: one weak colour for each lightness.
    """
    level = np.minimum(panel.lab[:, 0] * _LEVELS / 100, _LEVELS - 1).astype(np.uint8)
    order = np.argsort(level, kind="stable")
    a, b = panel.lab[order, 1], panel.lab[order, 2]
    ends = np.cumsum(np.bincount(level, minlength=_LEVELS)).tolist()
    for begin, end in pairwise([0, *ends]):
        if begin < end and _is_tint(tint_a := _median(a[begin:end]), tint_b := _median(b[begin:end])):
            a[begin:end] -= tint_a
            b[begin:end] -= tint_b
    return float((a * a + b * b > params.gray_chroma**2).mean())


def is_gray(colored_share: float, params: PanelParams) -> bool:
    """True for the `colored_share` of a naturally gray picture: drawn without colour, on whatever paper."""
    return colored_share < params.gray_share


def _median(values: np.ndarray) -> float:
    """As `np.median`, in a fifth of its time for some hundreds of values."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    middle = np.partition(values, (low, high))
    return float(middle[low] + middle[high]) / 2


def _is_tint(a: float, b: float) -> bool:
    hue = math.degrees(math.atan2(b, a))
    strongest = _SEPIA_CHROMA if _SEPIA_HUES[0] <= hue <= _SEPIA_HUES[1] else _TINT_CHROMA
    return math.hypot(a, b) <= strongest
