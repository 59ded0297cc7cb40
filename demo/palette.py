"""Colours by lightness, chroma and hue, so that two things of one lightness can differ in colour alone."""

import cv2
import numpy as np

Color = tuple[int, int, int]
"""Red, green, blue in 0..255."""

WHITE: Color = (255, 255, 255)
BLACK: Color = (0, 0, 0)


def lch(lightness: float, chroma: float, hue: float) -> Color:
    """A colour from CIE L* (0..100), chroma C*ab and hue in degrees, clipped to sRGB."""
    angle = np.deg2rad(hue)
    lab = np.array([[[lightness, chroma * np.cos(angle), chroma * np.sin(angle)]]], dtype=np.float32)
    rgb = np.clip(np.round(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)[0, 0] * 255), 0, 255)
    return int(rgb[0]), int(rgb[1]), int(rgb[2])


def mix(first: Color, second: Color, share: float) -> Color:
    """The first colour with `share` of the second."""
    blended = np.round(np.array(first) * (1 - share) + np.array(second) * share)
    return int(blended[0]), int(blended[1]), int(blended[2])


def shaded(color: Color, depth: float = 0.3) -> Color:
    """The same colour in shadow: darker and a little towards violet, as flat colourists paint it."""
    return mix(color, (58, 28, 92), depth)


def lit(color: Color, amount: float = 0.4) -> Color:
    """The same colour in light."""
    return mix(color, (255, 252, 240), amount)


def luminance(color: Color) -> float:
    """Rec. 601 luma in 0..255."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
