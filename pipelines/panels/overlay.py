"""Cut boxes drawn on their page, for people to check a cut. Works on uint8 RGB arrays; touches no files."""

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.panels.boxes import Box
from pipelines.panels.cut import Cut

_COLOURS = ((230, 25, 75), (0, 130, 200), (60, 160, 60), (245, 130, 48), (145, 30, 180))
_LEFT_OUT = (150, 150, 150)


def draw_boxes(page: np.ndarray, cuts: Sequence[Cut], left_out: Sequence[Box] = ()) -> np.ndarray:
    """A copy of the page, uint8 RGB (H, W, 3), with each cut's box, outline and number in reading order.

    left_out: Boxes of what is no panel: in gray, without numbers.
    """
    drawn = page.copy()
    unit = max(1, min(page.shape[:2]) // 250)
    for x, y, w, h in left_out:
        cv2.rectangle(drawn, (x, y), (x + w - 1, y + h - 1), _LEFT_OUT, unit)
    for number, cut in enumerate(cuts, start=1):
        x, y, w, h = cut.box
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        if cut.mask is not None:
            contours, _ = cv2.findContours(
                cut.mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y)
            )
            cv2.drawContours(drawn, contours, -1, colour, 2 * unit)
        cv2.rectangle(drawn, (x, y), (x + w - 1, y + h - 1), colour, unit)
        label, thickness = str(number), 2 * unit
        (width, height), _ = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * unit, thickness)
        cv2.rectangle(drawn, (x, y), (x + width + 4 * unit, y + height + 4 * unit), colour, cv2.FILLED)
        origin = (x + 2 * unit, y + height + 2 * unit)
        cv2.putText(drawn, label, origin, cv2.FONT_HERSHEY_SIMPLEX, 0.4 * unit, (255, 255, 255), thickness)
    return drawn
