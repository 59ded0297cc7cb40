"""What a page's explanation leaves out: all that is drawn, and lies in no panel.

A title, lettering beside the panels, a page number, a thin strip, a balloon outside of its panel. It is what the score
counts as lost (`score.py`), and each piece of it leaves a row with its reason. Works on uint8 RGB arrays (H, W, 3) on
the working scale; touches no files.
"""

import cv2
import numpy as np

from pipelines.panels.boxes import Box, share_in_box
from pipelines.panels.params import PanelParams
from pipelines.panels.pieces import drawings_of
from pipelines.panels.view import View

FRAME = 0.02  # of the shorter side: edges so near to a panel belong to its frame, or a neighbour's
_AROUND = 0.5  # of a panel: what holds so much of it is a line around panels, the border of paper or of the page


def left_out(boxes: list[Box], view: View, params: PanelParams) -> list[Box]:
    """Boxes of what is drawn and lies in none of the panels' boxes, from top to bottom, on the working scale.

    Pieces nearer to each other than panels are, the letters of a line, are one. What is smaller than a speck is dirt.
    A line around panels is the border of the paper.
    """
    is_beside = view.lines.is_edge.copy()
    is_far = is_beside.copy()
    for reach, where in ((0, is_beside), (max(2, round(FRAME * view.lines.unit)), is_far)):
        for x, y, w, h in boxes:
            where[max(0, y - reach) : y + h + reach, max(0, x - reach) : x + w + reach] = False
    # Letters that reach into the frame of a panel are whole.
    count, labelled = cv2.connectedComponents(is_beside.view(np.uint8), connectivity=8)
    drawn = np.flatnonzero(is_beside)  # few pixels: only these have a label
    labels, far = np.asarray(labelled, np.int32).ravel()[drawn], is_far.ravel()[drawn]
    is_letter = np.bincount(labels[far], minlength=count) > 0.5 * np.bincount(labels, minlength=count)
    is_far.ravel()[drawn] = far | is_letter[labels]
    found = drawings_of(is_far, view.lines.unit, params)
    beside = (box for box in found if not any(share_in_box(panel, box) >= _AROUND for panel in boxes))
    return sorted(beside, key=lambda box: (box[1], box[0]))
