"""Pages and strips -> panels: cut at the common background colour (paper 000), straight or not.

Works on uint8 RGB arrays (H, W, 3); touches no files. What differs from the ground falls into connected pieces on a
scaled copy. A large piece that fills its convex hull is a panel: straight, slanted, rounded. Panels that something
bridges are cut apart where a gutter crosses nearly all of them (XY-cut). What lies inside a panel belongs to it,
unless it is a rectangle in a frame of ground: an inset. The other pieces (borderless drawings, lettering) are joined
to their neighbours; a page without any panel is one picture. Edges are then refined at full size.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.panels.boxes import Box, reading_order, share_in_box, union
from pipelines.panels.edges import refined_box
from pipelines.panels.ground import distance, is_paper, page_ground, strip_ground
from pipelines.panels.params import PanelParams
from pipelines.panels.pieces import SOLID, Piece, filled, panels_and_drawings

_WORKING_SIDE_PX = 480  # the shorter side of a page is scaled down to about this


@dataclass(frozen=True)
class Cut:
    """One panel as cut. `box` is (x, y, width, height) in pixels; `mask` is bool (height, width), or None."""

    box: Box
    mask: np.ndarray | None
    """True inside the outline; None where the outline is the box."""


def cut_page(page: np.ndarray, params: PanelParams) -> list[Cut]:
    """The panels of one page, uint8 RGB (H, W, 3), in reading order, before any size filter.

    A page of one colour has none. A page that is one picture has one: without its margin where that is paper, else
    the whole page, as a coloured or a full-bleed background is a part of the picture.
    """
    height, width = page.shape[:2]
    whole = [Cut((0, 0, width, height), None)]
    margin = page_ground(page)
    if margin is None:
        for colour in (255, 0):  # white or black gutters may still cross it
            found = _find(page, np.full((height, 3), colour, np.uint8), params)
            if found.share_of_page >= 0.8 and found.is_side_by_side:
                return found.cuts(page, params)
        return whole
    found = _find(page, np.tile(margin, (height, 1)), params)
    if not found.panels and not found.drawings:
        return []
    if is_paper(margin):
        return found.cuts(page, params) if found.share_of_content >= 0.2 else found.one_picture(page, params)
    return found.cuts(page, params) if found.share_of_page >= 0.5 else whole


def cut_strip(strip: np.ndarray, params: PanelParams) -> list[Cut]:
    """The panels of a vertical strip, uint8 RGB (H, W, 3), in reading order, before any size filter.

    Lettering between the panels is cut as well, as boxes of its own.
    """
    scale = _scale(strip)
    rows = strip_ground(_scaled(strip, scale))
    ground = np.repeat(rows, scale, axis=0)
    ground = np.concatenate([ground, np.tile(ground[-1:], (len(strip), 1))])[: len(strip)]
    return _find(strip, ground, params).cuts(strip, params)


def _scale(image: np.ndarray) -> int:
    return max(1, min(image.shape[:2]) // _WORKING_SIDE_PX)


def _scaled(image: np.ndarray, scale: int) -> np.ndarray:
    if scale == 1:
        return image
    height, width = image.shape[:2]
    return cv2.resize(image, (-(-width // scale), -(-height // scale)), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class _Found:
    """The pieces on a ground: panels and loose drawings on the scaled copy."""

    panels: list[Piece]
    drawings: list[Box]
    ground: np.ndarray
    scale: int
    size: int

    @property
    def share_of_page(self) -> float:
        """Share of the page that panels with angular outlines hold."""
        return self._angular() / self.size

    @property
    def share_of_content(self) -> float:
        """Share of all that is drawn that panels with angular outlines hold."""
        drawn = sum(int(piece.shape.sum()) for piece in self.panels) + sum(w * h for _, _, w, h in self.drawings)
        return self._angular() / max(1, drawn)

    @property
    def is_side_by_side(self) -> bool:
        """True for several panels whose boxes overlap no more than slanted gutters make them."""
        boxes = [piece.box for piece in self.panels]
        pairs = [(a, b) for a in boxes for b in boxes if a is not b]
        return len(boxes) > 1 and all(share_in_box(a, b) <= 0.25 for a, b in pairs)

    def _angular(self) -> int:
        return sum(int(piece.shape.sum()) for piece in self.panels if piece.is_angular)

    def cuts(self, image: np.ndarray, params: PanelParams) -> list[Cut]:
        """Every panel and drawing at full size, in reading order."""
        cuts = [_refined(piece, image, self.ground, self.scale) for piece in self.panels]
        cuts += [self._boxed(box, image) for box in self.drawings]
        from_right = params.reading_direction == "rtl"
        return [cuts[index] for index in reading_order([cut.box for cut in cuts], from_right=from_right)]

    def one_picture(self, image: np.ndarray, params: PanelParams) -> list[Cut]:
        """All of it as one panel."""
        if len(self.panels) == 1 and not self.drawings:
            return self.cuts(image, params)
        return [self._boxed(union([*(piece.box for piece in self.panels), *self.drawings]), image)]

    def _boxed(self, box: Box, image: np.ndarray) -> Cut:
        full = _full_size(box, self.scale, image.shape)
        return Cut(refined_box(full, image, self.ground, self.scale, is_straight=False), None)


def _find(image: np.ndarray, ground: np.ndarray, params: PanelParams) -> _Found:
    """The foreground of an image: what differs from the ground, uint8 (H, 3)."""
    scale = _scale(image)
    small = _scaled(image, scale)
    difference = distance(small, ground[::scale][: len(small), None])
    panels, drawings = panels_and_drawings(difference > _tolerance(difference, params), params)
    return _Found(panels, drawings, ground, scale, difference.size)


def _tolerance(difference: np.ndarray, params: PanelParams) -> int:
    """The least difference of the foreground: above the noise of the ground, which is small after scaling."""
    ground = difference[difference <= 24]
    noise = float(np.percentile(ground[::7], 90)) if ground.size > 7 else 0.0
    return int(
        np.clip(params.ground_tolerance - 2 + 2 * noise, params.ground_tolerance, max(24, params.ground_tolerance))
    )


def _full_size(box: Box, scale: int, shape: tuple[int, ...]) -> Box:
    x, y, w, h = (value * scale for value in box)
    return x, y, min(w, shape[1] - x), min(h, shape[0] - y)


def _refined(piece: Piece, image: np.ndarray, ground: np.ndarray, scale: int) -> Cut:
    """The piece at full size: each edge of its box moved to where the picture rises out of the ground."""
    coarse = _full_size(piece.box, scale, image.shape)
    is_straight = _is_rectangle(piece, scale)
    box = refined_box(coarse, image, ground, scale, is_straight=is_straight)
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
