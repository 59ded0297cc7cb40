"""The obedience of an output to its hint: at the marked pixels, and in the segments of the truth around them.

Paper 004 asks raters whether the colour is that of the hint (its first question) and argues that no pixel metric
sees it; these two numbers are ours [I]. Works on arrays; touches no files.
"""

import cv2
import numpy as np

from pipelines.colorize.hints import Hint, rasterize
from pipelines.evaluation.metrics.pixels import ciede2000
from pipelines.images.color import rgb_to_lab

_SEGMENT_TOLERANCE = 10.0  # in L, a and b alike: shading and compression of one flat colour
_SMOOTHED_PX = 3


def marks_of(hint: Hint, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and colours of the pixels that a hint marks in a picture (H, W, ...): (M,), (M,), (M, 3) Lab.

    Colours are float32. Nothing is lost where a picture is not square.
    """
    side = max(shape[:2])
    rgba = rasterize(hint, side)
    rows, columns = np.nonzero(rgba[..., 3])
    colors = rgb_to_lab(np.ascontiguousarray(rgba[rows, columns, :3])[np.newaxis])[0] if len(rows) else np.empty((0, 3))
    return rows * shape[0] // side, columns * shape[1] // side, colors


def hint_ciede2000(output_lab: np.ndarray, hint: Hint) -> float:
    """Mean CIEDE2000 between an output and the hint's own colours at its pixels; NaN for an empty hint.

    Float32 Lab (H, W, 3). A hint taken from the truth has the mean colour of a few of its pixels, so the truth
    itself is not at 0: compare with its row.
    """
    rows, columns, colors = marks_of(hint, output_lab.shape)
    if not len(rows):
        return float("nan")
    return float(ciede2000(output_lab[rows, columns], colors).mean(dtype=np.float64))


def hint_segment_ciede2000(differences: np.ndarray, truth_lab: np.ndarray, hint: Hint) -> float:
    """Mean of an output's CIEDE2000 to the truth, over all segments that a hint marks; NaN for an empty hint.

    Args:
        differences: (H, W), CIEDE2000 of output and truth.
        truth_lab: (H, W, 3) float32 Lab.
        hint: Its colours do not matter here: those of a benchmark are the truth's.
    """
    rows, columns, _ = marks_of(hint, truth_lab.shape)
    if not len(rows):
        return float("nan")
    return float(differences[marked_segments(truth_lab, rows, columns)].mean(dtype=np.float64))


def marked_segments(truth_lab: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The regions connected with marked pixels and within 10 of their L, a and b: (H, W, 3) -> (H, W) bool.

    A flood of the truth, not the segments that a colorizer may snap to: a metric shares no code with colorizers.
    """
    height, width = truth_lab.shape[:2]
    smooth = cv2.medianBlur(truth_lab, _SMOOTHED_PX)
    found = np.zeros((height + 2, width + 2), np.uint8)
    tolerance = (_SEGMENT_TOLERANCE,) * 3
    flags = 4 | 1 << 8 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if not found[row + 1, column + 1]:
            cv2.floodFill(smooth, found, (column, row), (0, 0, 0), tolerance, tolerance, flags)
    return found[1:-1, 1:-1] > 0
