"""Loose drawings beside framed panels: a panel without a frame in their row, or lettering, or noise.

Works on boxes and on uint8 RGB arrays (H, W, 3) on the working scale; touches no files.
"""

from itertools import pairwise

import cv2
import numpy as np

from pipelines.panels.boxes import Box, share_in_box, union
from pipelines.panels.pieces import Piece

INK = 60  # the lightest channel value of black ground
_INK_LINE = 0.008  # of the widest panel: lines of ink within panels are no wider
_WEDGE = 0.75  # of its box: a wedge fills less
_EVEN = 24  # channel difference within the background of a scanner
_ROW = 0.04  # of the height: panels of one row begin and end together
_CONTRAST = 40  # channel difference within a drawing: less is what JPEG leaves where gutters cross
_NOISE = 0.012  # of the shorter side: how far the noise of JPEG reaches from a panel
_LETTER_AREA, _LETTER_HEIGHT = 0.01, 0.2  # of the largest panel: what is smaller is a letter
_SLIVER, _SLIVER_ASPECT = 0.04, 4  # of the shorter side; beside panels, what is thinner and long is a line or a shadow
_UNEQUAL = 0.1  # of a panel's width: panels of one row that differ by no more are equally wide
_FILLS = 0.4  # of the row's height: what is lower is lettering
_WIDE = 0.5  # of the narrowest panel of the row: a gap that is narrower is no place for a panel
_LETTERING, _LETTERING_AREA = 0.3, 0.1  # of the lowest panel's height, of a panel's area: what has less is lettering


def tidy(panels: list[Piece], drawings: list[Box], page: np.ndarray) -> tuple[list[Piece], list[Box]]:
    """Panels and drawings, where drawings in a row of framed panels are panels as high as the row.

    A row shows where a panel without a frame ends: it is as high as its neighbours and as far from them as they are
    from each other. Beside at least two panels, what is much lower than them is lettering, and no picture of its
    own. What a scanner saw beside the paper is nothing.
    """
    if len(panels) > 1:
        panels = [piece for piece in panels if not _is_beside_paper(piece.box, piece.hull_share, page)]
        drawings = [box for box in drawings if not _is_beside_paper(box, 0, page)]
    if panels:
        largest = max((piece.box for piece in panels), key=lambda box: box[2] * box[3])
        letters = [piece for piece in panels if _is_letter(piece.box, largest)]
        panels = [piece for piece in panels if not _is_letter(piece.box, largest)]
        drawings = [*drawings, *(piece.box for piece in letters)]
        drawings = [box for box in drawings if _has_contrast(box, panels, page)]
        thin = _SLIVER * min(page.shape[:2])
        drawings = [box for box in drawings if min(box[2:]) >= thin or not _is_long(box)]
    if len(panels) < 2 or not drawings:
        return panels, drawings
    slots = _slots(panels, drawings, page.shape[1])
    drawings = [box for box in drawings if not any(share_in_box(box, slot) > 0.5 for slot in slots)]
    lowest = min(piece.box[3] for piece in panels)
    area = np.median([piece.box[2] * piece.box[3] for piece in panels])
    drawings = [box for box in drawings if box[3] >= _LETTERING * lowest or box[2] * box[3] >= _LETTERING_AREA * area]
    added = [Piece(slot, np.ones((slot[3], slot[2]), bool), is_exact=True) for slot in slots]
    return [*panels, *added], drawings


def _is_beside_paper(box: Box, hull_share: float, page: np.ndarray) -> bool:
    """True for a wedge of one colour at the border of the page: what a scanner saw beside paper that lay askew."""
    x, y, w, h = box
    height, width = page.shape[:2]
    part = page[y : y + h, x : x + w]
    is_at_border = (x == 0, y == 0, x + w == width, y + h == height)
    sides = [
        side for side, is_at in zip((part[:, 0], part[0], part[:, -1], part[-1]), is_at_border, strict=True) if is_at
    ]
    if hull_share > _WEDGE or not sides:
        return False
    wedge = np.median(sides[0], axis=0)
    is_other = np.abs(part.astype(np.int16) - wedge).max(axis=2) > _EVEN
    paper = np.median(part[is_other], axis=0) if is_other.any() else wedge
    return bool((np.abs(part[is_other].astype(np.int16) - paper).max(axis=1) > _EVEN).sum() <= 0.05 * w * h)


def joined_over_ink(panels: list[Piece], drawings: list[Box], ground: np.ndarray) -> tuple[list[Piece], list[Box]]:
    """Panels and drawings, where those on black ground that only lines of ink part are one panel, or one drawing.

    Lines of ink within a panel that touch its frame belong to the black ground. Gutters are wider. What lies in the box
    of those that were joined, a star in a sky, is a part of them.

    ground: The colour of the ground in each row, uint8 (H, 3).
    """
    is_ink = ground.max(axis=1) <= INK
    unit = max((piece.box[2] for piece in panels), default=0)
    reach = max(2, round(_INK_LINE * unit))
    boxes = [*(piece.box for piece in panels), *drawings]
    on_ink = [at for at, (_, y, _, h) in enumerate(boxes) if is_ink[y : y + h].mean() > 0.5]
    groups: list[list[int]] = []
    for at in on_ink:
        near = [group for group in groups if any(_gap(boxes[at], boxes[other]) <= reach for other in group)]
        groups = [group for group in groups if group not in near] + [[at, *(one for group in near for one in group)]]
    kept = [piece for at, piece in enumerate(panels) if [at] in groups or at not in on_ink]
    loose = [box for at, box in enumerate(drawings, start=len(panels)) if [at] in groups or at not in on_ink]
    for group in groups:
        if len(group) == 1:
            continue
        around = union([boxes[at] for at in group])
        loose = [box for box in loose if share_in_box(box, around) <= 0.5]
        if min(group) < len(panels):
            kept.append(
                _one_piece([boxes[at] for at in group], [panels[at] for at in group if at < len(panels)], reach)
            )
        else:
            loose.append(around)
    return kept, loose


def _gap(one: Box, other: Box) -> int:
    """Pixels between two boxes; negative where they overlap."""
    across = max(one[0], other[0]) - min(one[0] + one[2], other[0] + other[2])
    down = max(one[1], other[1]) - min(one[1] + one[3], other[1] + other[3])
    return max(across, down)


def _one_piece(boxes: list[Box], pieces: list[Piece], reach: int) -> Piece:
    """The pieces as one, with the lines between them."""
    around = union(boxes)
    shape = np.zeros((around[3] + 2 * reach, around[2] + 2 * reach), np.uint8)
    for piece in pieces:
        x, y = piece.box[0] - around[0] + reach, piece.box[1] - around[1] + reach
        shape[y : y + piece.box[3], x : x + piece.box[2]] |= piece.shape
    closed = cv2.morphologyEx(shape, cv2.MORPH_CLOSE, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return Piece(around, closed[reach:-reach, reach:-reach].astype(bool))


def _is_long(box: Box) -> bool:
    return max(box[2:]) > _SLIVER_ASPECT * min(box[2:])


def _is_letter(box: Box, largest: Box) -> bool:
    return box[2] * box[3] < _LETTER_AREA * largest[2] * largest[3] and box[3] < _LETTER_HEIGHT * largest[3]


def _has_contrast(box: Box, panels: list[Piece], page: np.ndarray) -> bool:
    """True where something is drawn in the box, away from the panels."""
    x, y, w, h = box
    reach = max(2, round(_NOISE * min(page.shape[:2])))
    is_free = np.ones((h, w), bool)
    for piece in panels:
        left, top = piece.box[0] - reach - x, piece.box[1] - reach - y
        right, bottom = left + piece.box[2] + 2 * reach, top + piece.box[3] + 2 * reach
        is_free[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = False
    seen = page[y : y + h, x : x + w][is_free]
    return len(seen) > 0 and bool(np.ptp(seen, axis=0).max() >= _CONTRAST)


def _slots(panels: list[Piece], drawings: list[Box], width: int) -> list[Box]:
    """Places in rows of panels that hold drawings, and no panel."""
    slots: list[Box] = []
    for row in _rows([piece.box for piece in panels if piece.hull_share >= 0.96]):
        top, bottom = row[0][1], row[0][1] + row[0][3]
        gaps = [right[0] - left[0] - left[2] for left, right in pairwise(row)]
        narrowest = min(box[2] for box in row)
        gutters = [gap for gap in gaps if gap < _WIDE * narrowest]
        margin = min(min(piece.box[0], width - piece.box[0] - piece.box[2]) for piece in panels)
        gutter = int(np.median(gutters)) if gutters else max(2, margin)
        left_end, right_end = margin - gutter, width - margin + gutter
        edges = [left_end, *(edge for box in row for edge in (box[0], box[0] + box[2])), right_end]
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            slot = (left + gutter, top, right - left - 2 * gutter, bottom - top)
            if slot[2] < _WIDE * narrowest:
                continue
            inside = [box for box in drawings if share_in_box(box, slot) > 0.5]
            is_free = not any(share_in_box(piece.box, slot) > 0.05 for piece in panels)
            if inside and is_free and union(inside)[3] >= _FILLS * slot[3]:
                x, y, w, h = union([slot, *inside])
                slot = (max(x, left + 1), y, min(x + w, right - 1) - max(x, left + 1), h)
                slots += _divided(slot, inside, int(np.median([box[2] for box in row])), gutter)
    return slots


def _divided(slot: Box, inside: list[Box], width: int, gutter: int) -> list[Box]:
    """A slot as wide as several panels of its row as so many slots, where each of them holds drawings of its own."""
    x, y, w, h = slot
    count = round((w + gutter) / (width + gutter))
    if count < 2 or abs(count * (width + gutter) - gutter - w) > _UNEQUAL * width:
        return [slot]
    step = (w + gutter) / count
    slots = [(round(x + at * step), y, round(step - gutter), h) for at in range(count)]
    if all(any(share_in_box(box, one) > 0.9 for one in slots) for box in inside) and all(
        any(share_in_box(box, one) > 0.9 for box in inside) for one in slots
    ):
        return slots
    return [slot]


def _rows(boxes: list[Box]) -> list[list[Box]]:
    """Rows of at least two boxes that begin and end together, each from left to right."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: box[0]):
        reach = max(3, _ROW * box[3])
        for row in rows:
            if abs(row[0][1] - box[1]) <= reach and abs(row[0][3] - box[3]) <= 2 * reach:
                row.append(box)
                break
        else:
            rows.append([box])
    return [row for row in rows if len(row) > 1]
