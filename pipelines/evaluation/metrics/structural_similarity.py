"""SSIM and MS-SSIM of two pictures from one set of blurred maps, in float64.

SSIM: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity"
(2004), equation 13. MS-SSIM: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality
assessment" (2003), equation 7.

Both give what torchmetrics 1.9 gives in float64, which takes 3 seconds for a picture of 256 x 256 px where OpenCV's
separable blur takes 12 ms; in float32 the differences of squares are lost where pictures are nearly flat.
"""

import cv2
import numpy as np

WINDOW_PX = 11
_SIGMA_PX = 1.5
_BORDER_PX = WINDOW_PX // 2
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""The weights of the scales of MS-SSIM, full size first."""


def ssim_and_ms_ssim(output: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """SSIM and MS-SSIM of two uint8 RGB (H, W, 3), both sides 11 px or more: each at most 1, the mean over channels.

    Gaussian window 11 x 11, sigma 1.5, mirrored borders, peak 255. MS-SSIM halves the pictures as often as their
    shorter side stays 11 px: four times from 176 px on, which are the five scales of the publication. Smaller
    pictures have fewer (three at 64 px); the weights of those that there are, are scaled to sum to 1. So MS-SSIM of
    sides below 176 px only compares at one size.
    """
    x, y = output.astype(np.float64), truth.astype(np.float64)
    scales = number_of_scales(output.shape)
    ssim, contrast = _similarity(x, y)
    terms, last = [], ssim
    for _ in range(scales - 1):
        terms.append(contrast)
        x, y = _halved(x), _halved(y)
        last, contrast = _similarity(x, y)
    terms.append(last)
    weights = np.array(_WEIGHTS[:scales]) / sum(_WEIGHTS[:scales])
    # A negative correlation has no power to a fraction.
    return ssim, float(np.prod(np.maximum(terms, 0) ** weights))


def number_of_scales(shape: tuple[int, ...]) -> int:
    """The number of scales of MS-SSIM for pictures (H, W, ...): 1 to 5."""
    side = min(shape[:2])
    return 1 + sum(side >> halvings >= WINDOW_PX for halvings in range(1, len(_WEIGHTS)))


def _similarity(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """SSIM of one scale, and its contrast-structure term, of the windows that lie inside the picture."""
    mean_x, mean_y, product, squares = (
        cv2.GaussianBlur(values, (WINDOW_PX, WINDOW_PX), _SIGMA_PX) for values in (x, y, x * y, x * x + y * y)
    )
    both, of_means = mean_x * mean_y, mean_x * mean_x + mean_y * mean_y
    contrast = (2 * (product - both) + _C2) / (squares - of_means + _C2)
    similarity = float((contrast * (2 * both + _C1) / (of_means + _C1)).mean())
    inside = contrast[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX]
    return similarity, float(inside.mean())


def _halved(picture: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels; an odd last row or column is left out."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    return cv2.resize(picture[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
