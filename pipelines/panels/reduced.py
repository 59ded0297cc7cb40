"""A small copy of a panel, from which what it looks like is measured. Works on uint8 RGB arrays; touches no files."""

import cv2
import numpy as np

SIDE_PX = 64
"""The shorter side of the small copy."""

_STEP_PX = 32  # the longer side is a multiple of it, so that a thumbnail of 16 x 16 is made of whole pixels


def reduced(rgb: np.ndarray) -> np.ndarray:
    """A picture, uint8 RGB (H, W, 3), averaged down to a shorter side of SIDE_PX, its longer one in proportion.

    It is halved while it is much larger: half the cost of averaging once, and a gray level away from it. The copy of a
    copy, and of a picture with a shorter side, is itself.
    """
    shorter = min(rgb.shape[:2])
    if shorter < SIDE_PX:
        return rgb
    rows, columns = (_STEP_PX * round(side * SIDE_PX / shorter / _STEP_PX) for side in rgb.shape[:2])
    while min(rgb.shape[:2]) >= 4 * SIDE_PX:
        height, width = rgb.shape[:2]
        rgb = cv2.resize(rgb, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(rgb, (columns, rows), interpolation=cv2.INTER_AREA)
