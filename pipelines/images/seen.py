"""What colorizers see of a picture: the square that it is squashed to, its gray, its edges and its lines."""

import cv2
import numpy as np

from pipelines.images.color import rgb_to_gray

XDOG_K, XDOG_P, XDOG_EPSILON, XDOG_PHI = 4.5, 0.95, -0.1, 200.0


def to_gray(rgb: np.ndarray) -> np.ndarray:
    """Luma by ITU-R 601 weights, OpenCV's RGB2GRAY: (H, W, 3) uint8 RGB -> (H, W) uint8."""
    return rgb_to_gray(rgb)


def to_edges(rgb: np.ndarray, low: float = 100.0, high: float = 200.0, aperture: int = 3) -> np.ndarray:
    """Canny edges of the gray picture (paper 001, IV): (H, W, 3) uint8 RGB -> (H, W) uint8, 255 on edges, else 0."""
    return cv2.Canny(to_gray(rgb), low, high, apertureSize=aperture)


def xdog_lines(rgb: np.ndarray, sigma: float) -> np.ndarray:
    """Extended difference of Gaussians (paper 003, 3.2): (H, W, 3) uint8 RGB -> (H, W) uint8 lines on white.

    Per channel, in 0..255 as the authors' public code: s = G(sigma) - p G(k sigma), then 1 where s < epsilon, else
    1 + tanh(phi s); the gray of the three, times 127.5. So what is darker than its surroundings comes out gray near
    127, the 120 to 140 of the paper's Figure 3. `sigma` in pixels.

    Within one gray level of float64, except where s meets epsilon to float32's precision: there the function jumps.
    """
    floats = rgb.astype(np.float32)
    return xdog_of_floats(floats, sigma, np.empty_like(floats), np.empty_like(floats))


def xdog_of_floats(rgb: np.ndarray, sigma: float, small: np.ndarray, large: np.ndarray) -> np.ndarray:
    """`xdog_lines` of (H, W, 3) float32 RGB in 0..255. `small` and `large`, alike, are overwritten; `rgb` stays."""
    cv2.GaussianBlur(rgb, (0, 0), sigma, dst=small, borderType=cv2.BORDER_REFLECT)
    cv2.GaussianBlur(rgb, (0, 0), XDOG_K * sigma, dst=large, borderType=cv2.BORDER_REFLECT)
    cv2.addWeighted(small, XDOG_PHI, large, -XDOG_P * XDOG_PHI, 0, dst=small)  # phi s
    cv2.threshold(small, XDOG_PHI * XDOG_EPSILON, 0, cv2.THRESH_TOZERO, dst=small)  # 1 + tanh 0 is the dark side's 1
    np.tanh(small, out=small)
    return cv2.convertScaleAbs(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), alpha=127.5, beta=127.5)


def dilate_lines(rgb: np.ndarray, kernel: int) -> np.ndarray:
    """Dilate-abs-sub (paper 003, Algorithm 1): (H, W, 3) uint8 RGB -> (H, W) uint8, dark lines on white.

    The gray of 255 - |dilate(rgb) - rgb|, with a full square of `kernel` x `kernel` pixels.
    """
    difference = cv2.dilate(rgb, np.ones((kernel, kernel), np.uint8))
    cv2.absdiff(difference, rgb, dst=difference)
    cv2.bitwise_not(difference, dst=difference)
    return to_gray(difference)


def resize_square(rgb: np.ndarray, side_px: int) -> np.ndarray:
    """Squashed to a square (paper 000, III.C): by area where a side shrinks, cubic where it grows. uint8 RGB."""
    height, width = rgb.shape[:2]
    smaller = (min(width, side_px), min(height, side_px))
    if smaller != (width, height):
        rgb = cv2.resize(rgb, smaller, interpolation=cv2.INTER_AREA)
    if smaller != (side_px, side_px):
        rgb = cv2.resize(rgb, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    return rgb
