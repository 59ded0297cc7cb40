"""Explanations of a page: each says which panels stand on it, and why. `score.py` judges them all by one measure.

- `ground`: what differs from the colour of the margin falls into connected pieces, straight or not (`pieces.py`).
- `gutters`: straight bands of any colour part the page (`gutters.py`).
- `turned`: the same on a page that was laid askew on a scanner, turned back (`turn.py`).
- `whole`: the page is one picture.

Works on uint8 RGB arrays (H, W, 3); touches no files.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipelines.panels.boxes import Box, share_in_box, union
from pipelines.panels.components import components
from pipelines.panels.drawings import INK, joined_over_ink, tidy
from pipelines.panels.ground import distance, is_near, is_paper, page_ground, strip_ground
from pipelines.panels.lines import Lines
from pipelines.panels.params import PanelParams
from pipelines.panels.parts import parts_between_gutters
from pipelines.panels.pieces import Piece, panels_and_drawings
from pipelines.panels.turn import turned_back
from pipelines.panels.view import View, shrunk

_NOISE = 24  # channel difference from the ground that noise reaches
_SAMPLED = 7  # each such row of a strip tells its noise
_LINE = 0.15  # of the shorter side: a line so long is a part of a drawing


@dataclass(frozen=True)
class Explanation:
    """Panels and loose drawings on the working scale, and the ground that they stand on.

    ground: The colour of the ground in each row at full size, uint8 (H, 3); None where it is looked up beside each
        panel.
    """

    name: str
    panels: list[Piece]
    drawings: list[Box]
    ground: np.ndarray | None = None

    @property
    def is_whole(self) -> bool:
        """True where the page is one picture, with its margin."""
        return self.name == "whole"

    @property
    def is_on_ink(self) -> bool:
        """True for a black ground, to which lines of ink within the panels belong too."""
        return self.ground is not None and int(self.ground.max()) <= INK

    @property
    def boxes(self) -> int:
        """The number of panels and drawings."""
        return len(self.panels) + len(self.drawings)

    @property
    def places(self) -> list[Box]:
        """The boxes of panels and drawings."""
        return [*(piece.box for piece in self.panels), *self.drawings]

    @property
    def is_plain(self) -> bool:
        """True where all that it finds is solid rectangles, and no ink can have parted them."""
        return (
            not self.drawings
            and not self.is_on_ink
            and all(one.hull_share >= 0.985 and one.solidity >= 0.97 for one in self.panels)
        )

    @property
    def angular_px(self) -> int:
        """What panels with angular outlines hold, in pixels of the working scale."""
        return sum(int(np.count_nonzero(piece.shape)) for piece in self.panels if piece.is_angular)

    @property
    def drawn_px(self) -> int:
        """What panels and drawings hold, in pixels of the working scale."""
        return sum(int(np.count_nonzero(piece.shape)) for piece in self.panels) + sum(
            w * h for _, _, w, h in self.drawings
        )

    @property
    def is_side_by_side(self) -> bool:
        """True for several panels whose boxes overlap no more than slanted gutters make them."""
        boxes = [piece.box for piece in self.panels]
        pairs = [(a, b) for a in boxes for b in boxes if a is not b]
        return len(boxes) > 1 and all(share_in_box(a, b) <= 0.25 for a, b in pairs)


def whole_page(view: View) -> Explanation:
    """The page as one picture."""
    height, width = view.small.shape[:2]
    return Explanation("whole", [Piece((0, 0, width, height), np.ones((height, width), bool))], [])


def by_ground(view: View, params: PanelParams) -> Explanation:
    """Pieces on the page's margin, or between white or black gutters; nothing on a page of one colour.

    A page that is one picture is without its margin where that is paper, else whole, as a coloured or a full-bleed
    background is a part of the picture.
    """
    height = len(view.page)
    margin = page_ground(view.page)
    if margin is None:
        for colour in (255, 0):  # white or black gutters may still cross it
            found = _tidied(_on_page(view, np.full((height, 3), colour, np.uint8), params), view)
            if found.angular_px >= 0.8 * view.size and found.is_side_by_side:
                return found
        return whole_page(view)
    found = _tidied(_on_page(view, np.tile(margin, (height, 1)), params), view)
    if not found.panels and not found.drawings:
        return found
    if is_paper(margin):
        return found if found.angular_px >= 0.2 * found.drawn_px else _one_picture(found, view, params)
    return found if found.angular_px >= 0.5 * view.size else whole_page(view)


def by_strip_ground(view: View, params: PanelParams) -> Explanation:
    """Pieces on the ground of a vertical strip, which may change from row to row."""
    rows = strip_ground(view.small)
    ground = np.repeat(rows, view.scale, axis=0)
    ground = np.concatenate([ground, np.tile(ground[-1:], (len(view.page), 1))])[: len(view.page)]
    found = _on(_foreground_of_strip(view, ground, params), ground, params)
    panels, drawings = joined_over_ink(found.panels, found.drawings, rows)
    return replace(found, panels=panels, drawings=drawings)


def by_gutters(view: View) -> Explanation | None:
    """Parts between straight gutters; None where there are less than two."""
    parts = parts_between_gutters(view.lines)
    if len(parts) < 2:
        return None
    return Explanation("gutters", [_rectangle(box) for box in parts], [])


def by_turned_gutters(view: View) -> Explanation | None:
    """Parts between straight gutters of a page that lies askew; None where there are less than two, or it does not."""
    turned = turned_back(view.small)
    if turned is None:
        return None
    parts = parts_between_gutters(Lines(turned.picture), is_turned=True)
    if len(parts) < 2:
        return None
    return Explanation("turned", [piece for box in parts if (piece := turned.piece(box))], [])


def _rectangle(box: Box) -> Piece:
    return Piece(box, np.ones((box[3], box[2]), bool))


def _one_picture(found: Explanation, view: View, params: PanelParams) -> Explanation:
    """All of it as one drawing, with its long lines (the ground that figures stand on), or as the panel that it is."""
    if len(found.panels) == 1 and not found.drawings:
        return found
    boxes = [*(piece.box for piece in found.panels), *found.drawings]
    assert found.ground is not None
    lines = components(_foreground(view, found.ground, params), connectivity=8).boxes[1:].tolist()
    least = _LINE * min(view.small.shape[:2])
    boxes += [(x, y, w, h) for x, y, w, h in lines if max(w, h) >= least]
    return Explanation(found.name, [], [union(boxes)], found.ground)


def _on_page(view: View, ground: np.ndarray, params: PanelParams) -> Explanation:
    return _on(_foreground(view, ground, params), ground, params)


def _on(foreground: np.ndarray, ground: np.ndarray, params: PanelParams) -> Explanation:
    """The pieces of a foreground, bool on the working scale, with its ground, uint8 (H, 3)."""
    panels, drawings = panels_and_drawings(foreground, params)
    return Explanation("ground", panels, drawings, ground)


def _foreground(view: View, ground: np.ndarray, params: PanelParams) -> np.ndarray:
    """What differs from the ground, uint8 (H, 3): bool, on the working scale."""
    difference = distance(view.small, ground[:: view.scale][: len(view.small), None])
    return difference > _tolerance(difference, params)


def _foreground_of_strip(view: View, ground: np.ndarray, params: PanelParams) -> np.ndarray:
    """What differs from the ground, uint8 (H, 3), anywhere in the pixels that one of the working scale stands for.

    Means would lose the grain of a painted sky, which holds it together where it has the colour of the ground.
    """
    sample = np.s_[:: _SAMPLED if len(ground) > _SAMPLED**2 else 1]
    tolerance = _tolerance(distance(view.page[sample], ground[sample, None]), params)
    return shrunk(is_near(view.page, ground, tolerance), view.scale) < 255


def _tidied(found: Explanation, view: View) -> Explanation:
    panels, drawings = tidy(found.panels, found.drawings, view.small)
    return replace(found, panels=panels, drawings=drawings)


def _tolerance(difference: np.ndarray, params: PanelParams) -> int:
    """The least difference of the foreground: above the noise of the ground, which is small after scaling."""
    counts = cv2.calcHist([difference], [0], None, [256], [0, 256]).ravel()[: _NOISE + 1].astype(np.int64).cumsum()
    at = 0.9 * (counts[-1] - 1)  # the 90th percentile lies between two differences of these ranks
    below, above = (int(np.searchsorted(counts, rank, side="right")) for rank in (np.floor(at), np.ceil(at)))
    noise = below + (above - below) * (at - np.floor(at)) if counts[-1] else 0.0
    least = params.ground_tolerance
    return int(np.clip(least - 2 + 2 * noise, least, max(_NOISE, least)))
