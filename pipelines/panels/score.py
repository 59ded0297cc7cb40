"""The score of an explanation: how plausible its panels are on the page, between 0 and 1.

    score = sum over panels (content x quality) + 0.4 x content of loose drawings - 0.005 x boxes - 0.5 x overlap
    quality = border^2 x undivided x filled, of a panel without a frame that is as high as its row 0.8

- content: share of the page's edges (steps between neighbouring pixels) that the panel holds. What lies in no panel
  is lost; what lies at most 2 percent of the page's shorter side beside one is its frame, and does not count.
- border: share of the panel's outline along which even ground outside meets something else inside. The borders of the
  page say nothing, nor does a side over whose gutter something reaches. Of a slanted or rounded piece it is the share
  of the outline of its hull that is its own, times 0.98, or 0.5 for a piece that has no panel's outline (a blot).
  Where there is but one panel or drawing, border^2 is at least 0.6, which then also is what a loose drawing's content
  counts: any page may be one picture.
- undivided: 1, less the share of the best gutter that crosses the panel, from 0.06 to 0.94 of its side, over at least
  0.85 of its length. It has the colour of the ground around the panel (any, where that is not seen) and is no thin line
  of ink; or it has the colour of the panel's own frame and at least 0.6 of its width.
- filled: 1, less ten times the share of the panel that ground crosses from one side to another, at least 0.5: a box
  over two slanted panels holds the gutter between them.
- overlap: share of the boxes' area that lies in another box, unless that has a hole for it (an inset).

The weights are set by hand on drawn pages (tests/pipelines/panels/drawn_pages.py) and checked on real ones.
"""

import cv2
import numpy as np

from pipelines.panels.drawings import INK
from pipelines.panels.explanations import Explanation
from pipelines.panels.ground import is_near
from pipelines.panels.gutters import gutters
from pipelines.panels.left_out import FRAME
from pipelines.panels.lines import Lines
from pipelines.panels.pieces import Piece
from pipelines.panels.view import View

_STEP = 20  # channel difference of neighbours that is an edge
_LOOSE = 0.4
_PER_BOX = 0.005
_OVERLAP = 0.5
_ALONE = 0.6
_SLOT = 0.8  # of a panel without a frame that is in line with its row
_WANDER = 0.008  # of the shorter side: how far a hand-drawn outline may wander
_OUTLINE = 0.98  # of a piece that is no rectangle, where its outline is one of a panel
_BLOT = 0.5  # and where it is not
_NEAR = 24  # channel difference of two grounds of one colour
_ENTERED = 10.0
_RECTANGLE = 0.985  # of its box: a hull that fills more is a rectangle
_FRAME_WIDTH = 0.6  # of a frame's width
_FRAME_LEAST = 0.006  # of the shorter side: a thinner line in the frame's colour may be a part of the drawing
_GUTTER = 0.008  # of the shorter side: the narrowest gutter that is seen as ground within a panel
_INK_WIDTH = 0.0035  # of the shorter side: a thinner line of ink is a part of the drawing
_GUTTER_SHARE = 0.85  # of a band's sides: a line of lettering covers less
_INSIDE = 0.06  # of a panel's side
_LEAST_FILLED = 0.5


def score(explanation: Explanation, view: View) -> float:
    """How plausible an explanation of a page is, see above."""
    is_edge = view.lines.is_edge
    is_held = np.zeros(is_edge.shape, np.uint8)
    for piece in explanation.panels:
        x, y, w, h = piece.box
        is_held[y : y + h, x : x + w] |= piece.hull.astype(np.uint8)
    reach = 2 * max(2, round(FRAME * view.lines.unit)) + 1
    is_frame = (cv2.dilate(is_held, np.ones((reach, reach), np.uint8)) > 0) & (is_held == 0)
    total = max(1, int(np.count_nonzero(is_edge & ~is_frame)))
    value = 0.0
    is_alone = explanation.boxes == 1
    for piece in explanation.panels:
        x, y, w, h = piece.box
        quality = _quality(piece, view.lines, _ALONE if is_alone else 0)
        value += np.count_nonzero(is_edge[y : y + h, x : x + w] & piece.hull) / total * quality
    for x, y, w, h in explanation.drawings:
        value += (_ALONE if is_alone else _LOOSE) * np.count_nonzero(is_edge[y : y + h, x : x + w]) / total
    return float(np.clip(value - _PER_BOX * explanation.boxes - _OVERLAP * _overlap(explanation.panels), 0, 1))


def _quality(piece: Piece, lines: Lines, least: float) -> float:
    """border^2 x undivided x filled, where border^2 has a least value; or that of a panel without a frame."""
    if piece.is_exact:
        return _SLOT
    border, grounds = _border(piece, lines)
    return max(border**2, least) * _undivided(piece, lines, grounds) * _filled(piece, lines, grounds)


def _border(piece: Piece, lines: Lines) -> tuple[float, list[np.ndarray]]:
    """The border's share, and the colours of the ground beside the sides."""
    x, y, w, h = piece.box
    height, width = lines.page.shape[:2]
    shares, colours = [], []
    for axis, (first, last, end) in enumerate(((y, y + h, height), (x, x + w, width))):
        for line, outward in ((first - 2, 1), (last + 1, -1)):
            if not 0 <= line < end or (axis, -outward) in piece.bridged:
                continue
            whole = (x, 0, w, height) if axis == 0 else (0, y, width, h)
            shares.append(min(lines.side(whole, axis, line, outward), lines.evenness(whole, axis, line)))
            colours.append(lines.colour(whole, axis, line))
    if piece.hull_share < _RECTANGLE:
        return (_OUTLINE if piece.is_angular else _BLOT) * _outline_share(piece, lines.unit), colours
    return (float(np.mean(shares)) if shares else 0.0), colours


def _outline_share(piece: Piece, unit: int) -> float:
    """Share of the hull's outline that is the piece's own: two panels that something bridges have a notch."""
    contours, _ = cv2.findContours(piece.hull.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    around = cv2.distanceTransform((~piece.shape).astype(np.uint8), cv2.DIST_L2, 3)
    columns, rows = np.vstack(contours)[:, 0].T
    return float((around[rows, columns] <= max(2, _WANDER * unit)).mean())


def _undivided(piece: Piece, lines: Lines, grounds: list[np.ndarray]) -> float:
    """1, less the share of the best gutter that crosses the panel well inside.

    It has the colour of a ground beside the panel, or that of the panel's own frame, and is as thick as that.
    """
    best = 0.0
    for axis, length in ((0, piece.box[3]), (1, piece.box[2])):
        found = gutters(lines, piece.box, axis)
        frames = [one for one in found if one.is_outer]
        for one in found:
            if one.start < _INSIDE * length or one.stop > (1 - _INSIDE) * length:
                continue
            is_ground = not grounds or min(np.abs(one.colour - colour).max() for colour in grounds) <= _NEAR
            is_frame = any(
                one.width >= _FRAME_WIDTH * max(other.width, _FRAME_LEAST * lines.unit)
                and np.abs(one.colour - other.colour).max() <= _NEAR
                for other in frames
            )
            is_line = one.colour.max() <= INK and one.width < _INK_WIDTH * lines.unit
            if one.share >= _GUTTER_SHARE and ((is_ground and not is_line) or is_frame):
                best = max(best, one.share)
    return 1 - best


def _filled(piece: Piece, lines: Lines, grounds: list[np.ndarray]) -> float:
    """1, less ten times the share that ground crosses; lines thinner than a gutter do not count."""
    x, y, w, h = piece.box
    thin = max(3, round(_GUTTER * lines.unit))
    if not grounds or piece.hull_share < _RECTANGLE or min(w, h) <= 4 * thin:
        return 1.0
    left, top = max(0, x - 2 * thin), max(0, y - 2 * thin)
    seen = lines.page[top : y + h + 2 * thin, left : x + w + 2 * thin]
    ground = np.median(grounds, axis=0).astype(np.uint8)
    is_ground = is_near(seen, ground[np.newaxis], _NEAR)
    opened = cv2.morphologyEx(is_ground, cv2.MORPH_OPEN, np.ones((thin, thin), np.uint8))
    sides = opened[y - top + thin : y - top + h - thin, x - left + thin : x - left + w - thin]
    if sum(bool(side.any()) for side in (sides[0], sides[-1], sides[:, 0], sides[:, -1])) < 2:
        return 1.0  # none reaches two of them
    count, found = cv2.connectedComponents(opened, connectivity=4)
    labels = np.asarray(found, np.int32)
    inside = labels[y - top + thin : y - top + h - thin, x - left + thin : x - left + w - thin]
    touched = np.zeros(count, int)
    for side in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
        touched[np.unique(side)] += 1
    is_outside = np.zeros(count, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        is_outside[np.unique(side)] = True
    is_outside[0] = False
    # Ground that comes in on one side and ends there is a balloon.
    return max(
        _LEAST_FILLED, 1 - _ENTERED * float(np.count_nonzero((is_outside & (touched >= 2))[inside]) / inside.size)
    )


def _overlap(panels: list[Piece]) -> float:
    total, shared = 0, 0
    for at, piece in enumerate(panels):
        total += piece.box[2] * piece.box[3]
        for other in panels[at + 1 :]:
            shared += _shared(piece, other)
    return shared / max(1, total)


def _shared(one: Piece, other: Piece) -> int:
    """Pixels of the smaller box in the larger, unless the larger's shape leaves a hole there."""
    large, small = sorted((one, other), key=lambda piece: -piece.shape.size)
    left, top = max(large.box[0], small.box[0]), max(large.box[1], small.box[1])
    right = min(large.box[0] + large.box[2], small.box[0] + small.box[2])
    bottom = min(large.box[1] + large.box[3], small.box[1] + small.box[3])
    if right <= left or bottom <= top:
        return 0
    x, y, _, _ = large.box
    return int(large.shape[top - y : bottom - y, left - x : right - x].sum())
