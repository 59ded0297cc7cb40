"""Pages and strips -> panels: several explanations of a page compete, and the most plausible one wins.

`explanations.py` says what they are, `score.py` how they are judged. The one by the common background colour (paper
000) has the first word: it finds slanted, rounded and borderless panels, and keeps a page that it explains well; the
others must be better by a margin. The edges of the winner's panels are then refined at full size.

Works on uint8 RGB arrays (H, W, 3); touches no files.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from pipelines.panels.boxes import Box, reading_order
from pipelines.panels.edges import refined_box
from pipelines.panels.explanations import (
    Explanation,
    by_ground,
    by_gutters,
    by_strip_ground,
    by_turned_gutters,
)
from pipelines.panels.left_out import left_out
from pipelines.panels.params import PanelParams
from pipelines.panels.pieces import SOLID, Piece, filled
from pipelines.panels.score import score
from pipelines.panels.view import View

_STRIP_ASPECT = 3.0  # a page that is so many times higher than wide is a strip of its own
_LEAST_PX = 64  # a page with a shorter side is not judged
_MOST_PX = 6_000_000  # nor is one that is larger on the working scale: a whole episode in one file
_PLAIN = 0.93  # an explanation with such a score needs no other
_LEAST, _LEAST_OF_WHOLE = 0.65, 0.7  # one with a lower score is no better than one picture, with a margin or without
_MARGIN, _MARGIN_OF_MORE = 0.05, 0.02  # another must be better by so much: it may join panels, or divide them further


@dataclass(frozen=True)
class Cut:
    """One panel as cut. `box` is (x, y, width, height) in pixels; `mask` is bool (height, width), or None."""

    box: Box
    mask: np.ndarray | None
    """True inside the outline; None where the outline is the box."""


@dataclass(frozen=True)
class CutPage:
    """The panels of a page in reading order, and why they are these."""

    cuts: list[Cut]
    explanation: str
    """The name of the explanation that won (`explanations.py`)."""
    score: float | None
    """Its score, in [0, 1] (`score.py`); None where it was not judged: blank, tiny and very large pages."""
    left_out: list[Box] = field(default_factory=list)
    """What is drawn and lies in no panel (`left_out.py`), in pixels, from top to bottom."""


def cut_page(page: np.ndarray, params: PanelParams) -> list[Cut]:
    """The panels of one page, uint8 RGB (H, W, 3), in reading order, before any size filter.

    A page of one colour has none. A page that is one picture has one: without its margin where that is paper, else
    the whole page, as a coloured or a full-bleed background is a part of the picture.
    """
    return explain_page(page, params).cuts


def explain_page(page: np.ndarray, params: PanelParams) -> CutPage:
    """`cut_page`, with the name and the score of the explanation that won."""
    view = View(page)
    best, best_score = _best(view, params)
    found = [] if best_score is None or best.is_whole else left_out(best.places, view, params)
    full = [_full_size(box, view.scale, page.shape) for box in found]
    return CutPage(_cuts(best, view, params), best.name, best_score, full)


def cut_strip(strip: np.ndarray, params: PanelParams) -> list[Cut]:
    """The panels of a vertical strip, uint8 RGB (H, W, 3), in reading order, before any size filter.

    Lettering between the panels is cut as well, as boxes of its own.
    """
    view = View(strip, is_strip=True)
    return _cuts(by_strip_ground(view, params), view, params)


def _best(view: View, params: PanelParams) -> tuple[Explanation, float | None]:
    height, width = view.page.shape[:2]
    is_strip = height > _STRIP_ASPECT * width
    best = by_strip_ground(view, params) if is_strip else by_ground(view, params)
    if not best.boxes or min(height, width) < _LEAST_PX or view.size > _MOST_PX:
        return best, None
    best_score = score(best, view)
    for explain in (by_gutters, by_turned_gutters):
        if best_score >= _PLAIN and best.is_plain:
            break
        other = explain(view)
        if other is None:
            continue
        other_score = score(other, view)
        if other_score < (_LEAST_OF_WHOLE if best.is_whole else _LEAST):
            continue
        margin = _MARGIN_OF_MORE if other.boxes > best.boxes else _MARGIN
        if best.is_on_ink and other.boxes < best.boxes:
            margin = 0  # lines of ink within the panels have parted them
        if other_score > best_score + margin:
            best, best_score = other, other_score
    return best, best_score


def _cuts(found: Explanation, view: View, params: PanelParams) -> list[Cut]:
    """Every panel and drawing at full size, in reading order."""
    height, width = view.page.shape[:2]
    if found.is_whole:
        return [Cut((0, 0, width, height), None)]
    cuts = [_refined(piece, found.ground, view) for piece in found.panels]
    for box in found.drawings:
        full = _full_size(box, view.scale, view.page.shape)
        cuts.append(
            Cut(refined_box(full, view.page, _ground(box, found.ground, view), view.scale, is_straight=False), None)
        )
    from_right = params.reading_direction == "rtl"
    return [cuts[index] for index in reading_order([cut.box for cut in cuts], from_right=from_right)]


def _ground(box: Box, ground: np.ndarray | None, view: View) -> np.ndarray:
    """The ground in each row of the page at full size, uint8 (H, 3): where it is not known, as seen beside a box.

    It may fade from the upper side of the box to the lower one.
    """
    if ground is not None:
        return ground
    height, width = view.small.shape[:2]
    x, y, w, h = box
    above, below = max(0, y - 2), min(height - 1, y + h + 1)
    ends = [
        (above, np.median(view.small[above, x : x + w], axis=0)),
        (below, np.median(view.small[below, x : x + w], axis=0)),
    ]
    ends = [end for (at, end) in ends if 0 < at < height - 1] or [
        np.median(view.small[y : y + h, min(max(at, 0), width - 1)], axis=0) for at in (x - 2, x + w + 1)
    ]
    share = np.clip((np.arange(len(view.page)) / view.scale - y) / h, 0, 1)[:, np.newaxis]
    return np.round(ends[0] * (1 - share) + ends[-1] * share).astype(np.uint8)


def _full_size(box: Box, scale: int, shape: tuple[int, ...]) -> Box:
    x, y, w, h = (value * scale for value in box)
    return x, y, min(w, shape[1] - x), min(h, shape[0] - y)


def _refined(piece: Piece, ground: np.ndarray | None, view: View) -> Cut:
    """The piece at full size: each edge of its box moved to where the picture rises out of the ground."""
    scale = view.scale
    coarse = _full_size(piece.box, scale, view.page.shape)
    if piece.is_exact:
        return Cut(coarse, None)
    is_straight = _is_rectangle(piece, scale)
    box = refined_box(coarse, view.page, _ground(piece.box, ground, view), scale, is_straight=is_straight)
    if is_straight:
        return Cut(box, None)
    outline = piece.hull & piece.shape if piece.solidity < SOLID else _smooth(piece)
    full = cv2.resize(outline.astype(np.uint8) * 255, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR) > 127
    canvas = np.zeros((box[3], box[2]), bool)
    left, top = coarse[0] - box[0], coarse[1] - box[1]
    source = full[max(0, -top) : box[3] - top, max(0, -left) : box[2] - left]
    canvas[max(0, top) : max(0, top) + source.shape[0], max(0, left) : max(0, left) + source.shape[1]] = source
    return Cut(box, canvas)


def _smooth(piece: Piece) -> np.ndarray:
    """The hull, less the insets: what leaks into a solid piece at its border is light, no ground."""
    holes = filled(piece.shape) & ~piece.shape
    return piece.hull & ~holes


def _is_rectangle(piece: Piece, scale: int) -> bool:
    if piece.hull_share < 0.985 or (filled(piece.shape) & ~piece.shape).any():
        return False
    reach = max(2, round(6 / scale))  # 6 px along the diagonal: corners rounded by more than about 15 px
    corners = (piece.hull, piece.hull[:, ::-1], piece.hull[::-1], piece.hull[::-1, ::-1])
    cut_off = sum(not corner[:reach, :reach].diagonal().any() for corner in corners)
    return cut_off < 2
