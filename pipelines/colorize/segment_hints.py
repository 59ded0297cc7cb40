"""Hints as a person gives them: one dot in each of the largest segments first, in its middle."""

import cv2
import numpy as np

from pipelines.colorize.hints import Hint, Point
from pipelines.colorize.segments import segments
from pipelines.images.color import rgb_to_gray

DOTS = 6
"""So many dots a panel: what a person gives in seconds."""


def hint_of_largest_segments(truth: np.ndarray, count: int = DOTS) -> Hint:
    """True colours in the largest segments of a picture, for evaluation; nothing is random.

    Segments are those of the gray picture (`pipelines.colorize.segments`): a person sees no more. A dot is where its
    segment is widest, the pixel that is farthest from the segment's border (the picture's border is one too). Its
    colour is the median of the truth in the largest disc around it within the segment, by channel.

    Args:
        truth: (H, W, 3) uint8 RGB.
        count: At most so many dots; a picture with fewer segments has fewer.
    """
    labels = segments(rgb_to_gray(truth))
    areas = np.bincount(labels.ravel())
    return Hint(points=tuple(_dot(truth, labels == label) for label in np.argsort(-areas, kind="stable")[:count]))


def _dot(truth: np.ndarray, is_inside: np.ndarray) -> Point:
    height, width = is_inside.shape
    padded = np.pad(is_inside, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    row, column = (int(at) for at in np.unravel_index(depth.argmax(), depth.shape))
    rows, columns = np.ogrid[:height, :width]
    is_near = is_inside & (np.hypot(rows - row, columns - column) < depth[row, column])
    red, green, blue = (int(level) for level in np.median(truth[is_near], axis=0))
    return Point((column + 0.5) / width, (row + 0.5) / height, (red, green, blue))
