"""Pages and strips -> panels: cut at the common background colour (paper 000), straight or not.

Works on uint8 RGB arrays (H, W, 3); touches no files. What differs from the ground falls into connected pieces on a
scaled copy. A large piece that fills its convex hull is a panel: straight, slanted, rounded. Panels that something
bridges are cut apart where a gutter crosses nearly all of them (XY-cut). What lies inside a panel belongs to it,
unless it is a rectangle in a frame of ground: an inset. The other pieces (borderless drawings, lettering) are joined
to their neighbours; a page without any panel is one picture. Edges are then refined at full size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.panels.ground import distance, is_paper, page_ground, strip_ground
from pipelines.panels.rule import PanelRule

Box = tuple[int, int, int, int]

_WORKING_SIDE_PX = 480  # the shorter side of a page is scaled down to about this
_SPECK = 0.015  # of the width: smaller pieces on their own are dirt
_PANEL_SIDE = 0.04  # of the width: smaller pieces are no panels of their own
_SOLID = 0.93  # of its convex hull: a piece that fills more is a panel, one that fills less a drawing
_JPEG_BLOCK_PX = 16  # with halved chroma
_RINGING = 20.0  # mean difference from the ground of a line that JPEG noise beside an edge does not reach
_RINGING_PEAK = 48.0  # and that its single pixels do not reach


@dataclass(frozen=True)
class Cut:
    """One panel as cut. `box` is (x, y, width, height) in pixels; `mask` is bool (height, width), or None."""

    box: Box
    mask: np.ndarray | None
    """True inside the outline; None where the outline is the box."""


@dataclass(eq=False)
class _Piece:
    """A connected piece on the scaled copy: its box there, its filled shape (bool, of the box's size)."""

    box: Box
    shape: np.ndarray

    def __post_init__(self) -> None:
        contours, _ = cv2.findContours(self.shape.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        hull = np.zeros(self.shape.shape, np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(np.vstack(contours)), 1)
        self.hull = hull.astype(bool)

    @property
    def hull_share(self) -> float:
        """Share of the box that the convex hull fills: 1 for a rectangle, whatever leaks into it."""
        return float(self.hull.mean())

    @property
    def is_angular(self) -> bool:
        """Whether the hull is nearly its box, or has few corners: a panel laid out, no blot or disc drawn."""
        if self.hull_share >= 0.88:
            return True
        contours, _ = cv2.findContours(self.hull.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        corners = cv2.approxPolyDP(contours[0], 0.02 * cv2.arcLength(contours[0], True), True)
        return len(corners) <= 6 and cv2.contourArea(corners) >= 0.95 * cv2.contourArea(contours[0])

    @property
    def solidity(self) -> float:
        """Share of the convex hull that the piece fills."""
        return float(self.shape.sum() / self.hull.sum())


def cut_page(page: np.ndarray, rule: PanelRule) -> list[Cut]:
    """The panels of one page, uint8 RGB (H, W, 3), in reading order, before any size filter.

    A page of one colour has none. A page that is one picture has one: without its margin where that is paper, else
    the whole page, as a coloured or a full-bleed background is a part of the picture.
    """
    height, width = page.shape[:2]
    whole = [Cut((0, 0, width, height), None)]
    margin = page_ground(page)
    if margin is None:
        for colour in (255, 0):  # white or black gutters may still cross it
            found = _find(page, np.full((height, 3), colour, np.uint8), rule)
            if found.share_of_page >= 0.8 and found.is_side_by_side:
                return found.cuts(page)
        return whole
    found = _find(page, np.tile(margin, (height, 1)), rule)
    if not found.panels and not found.drawings:
        return []
    if is_paper(margin):
        return found.cuts(page) if found.share_of_content >= 0.2 else found.one_picture(page)
    return found.cuts(page) if found.share_of_page >= 0.5 else whole


def cut_strip(strip: np.ndarray, rule: PanelRule) -> list[Cut]:
    """The panels of a vertical strip, uint8 RGB (H, W, 3), in reading order, before any size filter.

    Lettering between the panels is cut as well, as boxes of its own.
    """
    scale = _scale(strip)
    rows = strip_ground(_scaled(strip, scale))
    ground = np.repeat(rows, scale, axis=0)
    ground = np.concatenate([ground, np.tile(ground[-1:], (len(strip), 1))])[: len(strip)]
    return _find(strip, ground, rule).cuts(strip)


def _scale(image: np.ndarray) -> int:
    return max(1, min(image.shape[:2]) // _WORKING_SIDE_PX)


def _scaled(image: np.ndarray, scale: int) -> np.ndarray:
    if scale == 1:
        return image
    height, width = image.shape[:2]
    return cv2.resize(image, (-(-width // scale), -(-height // scale)), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class _Found:
    """What stands on a ground: panels and loose drawings on the scaled copy."""

    panels: list[_Piece]
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
        """Whether there are several panels, and their boxes overlap no more than slanted gutters make them."""
        boxes = [piece.box for piece in self.panels]
        pairs = [(a, b) for a in boxes for b in boxes if a is not b]
        return len(boxes) > 1 and all(_share_in_box(a, b) <= 0.25 for a, b in pairs)

    def _angular(self) -> int:
        return sum(int(piece.shape.sum()) for piece in self.panels if piece.is_angular)

    def cuts(self, image: np.ndarray) -> list[Cut]:
        """Every panel and drawing at full size, in reading order."""
        cuts = [_refined(piece, image, self.ground, self.scale) for piece in self.panels]
        return in_reading_order(cuts + [self._boxed(box, image) for box in self.drawings])

    def one_picture(self, image: np.ndarray) -> list[Cut]:
        """All of it as one panel."""
        if len(self.panels) == 1 and not self.drawings:
            return self.cuts(image)
        return [self._boxed(_union([*(piece.box for piece in self.panels), *self.drawings]), image)]

    def _boxed(self, box: Box, image: np.ndarray) -> Cut:
        full = _full_size(box, self.scale, image.shape)
        return Cut(_refined_box(full, image, self.ground, self.scale, is_straight=False), None)


def _find(image: np.ndarray, ground: np.ndarray, rule: PanelRule) -> _Found:
    """What differs from the ground, uint8 (H, 3), of an image."""
    scale = _scale(image)
    small = _scaled(image, scale)
    difference = distance(small, ground[::scale][: len(small), None])
    panels, drawings = _panels_and_drawings(difference > _tolerance(difference, rule), rule)
    return _Found(panels, drawings, ground, scale, difference.size)


def _tolerance(difference: np.ndarray, rule: PanelRule) -> int:
    """What differs more is foreground: above the noise of the ground itself, which is small after scaling."""
    ground = difference[difference <= 24]
    noise = float(np.percentile(ground[::7], 90)) if ground.size > 7 else 0.0
    return int(np.clip(rule.ground_tolerance - 2 + 2 * noise, rule.ground_tolerance, max(24, rule.ground_tolerance)))


def _panels_and_drawings(foreground: np.ndarray, rule: PanelRule) -> tuple[list[_Piece], list[Box]]:
    """Panels, and the boxes of what is no part of one."""
    height, width = foreground.shape
    unit = min(height, width)
    count, found, stats, _ = cv2.connectedComponentsWithStats(foreground.astype(np.uint8), connectivity=4)
    labels = np.asarray(found, np.int32)
    panels: list[_Piece] = []
    is_taken = np.zeros(count, bool)
    for label in np.argsort(-stats[:, cv2.CC_STAT_WIDTH] * stats[:, cv2.CC_STAT_HEIGHT]).tolist():
        x, y, w, h, _ = stats[label].tolist()
        if label == 0 or min(w, h) < _PANEL_SIDE * unit:
            continue
        own = labels[y : y + h, x : x + w] == label
        parts = list(_panels_of(own, (x, y), unit, rule))
        if parts:
            panels += parts
            is_taken[label] = True
    panels = _without_inner(panels, foreground, unit)
    is_covered = np.zeros((height, width), bool)
    for piece in panels:
        _window(is_covered, piece.box)[piece.hull] = True
    inside = np.bincount(labels[is_covered], minlength=count) / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    is_loose = ~is_taken & (inside < 0.5)
    is_loose[0] = False
    drawings: list[Box] = []
    for box in _drawings(is_loose[labels], unit, rule):
        host = next((i for i, piece in enumerate(panels) if _belongs(box, piece.box)), None)
        if host is None:
            drawings.append(box)
        else:
            panels[host] = _grown(panels[host], box)
    panels = _without_inner(panels, foreground, unit)
    outer = [piece for piece in panels if not any(_is_part(piece.box, box) for box in drawings)]
    return outer, _merged([*drawings, *(piece.box for piece in panels if piece not in outer)])


def _panels_of(own: np.ndarray, corner: tuple[int, int], unit: int, rule: PanelRule) -> Iterator[_Piece]:
    """The panel, or the bridged panels, that one connected piece is; nothing where it is a drawing."""
    piece = _Piece((*corner, own.shape[1], own.shape[0]), _filled(own))
    parts = _split(piece, unit, rule)
    if len(parts) > 1:
        yield from parts
    elif piece.solidity >= _SOLID or piece.hull_share >= 0.96:
        yield piece


def _filled(own: np.ndarray) -> np.ndarray:
    """The shape without its holes."""
    contours, _ = cv2.findContours(own.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(own.shape, np.uint8), contours, -1, 1, cv2.FILLED).astype(bool)


def _split(piece: _Piece, unit: int, rule: PanelRule) -> list[_Piece]:
    """XY-cut: the piece cut where gutters cross nearly all of it, if all that they leave is panels."""
    for axis in (1, 0):
        share = piece.shape.mean(axis=axis)
        gutters = _runs(share <= rule.bridge_share, at_least=3)
        gutters = [run for run in gutters if run[0] > 0 and run[1] < len(share)]
        if not gutters:
            continue
        edges = [0, *(edge for run in gutters for edge in run), len(share)]
        parts = []
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            part = piece.shape[start:stop] if axis == 1 else piece.shape[:, start:stop]
            offset = (0, start) if axis == 1 else (start, 0)
            trimmed = _trimmed(part, (piece.box[0] + offset[0], piece.box[1] + offset[1]))
            if trimmed is None or min(trimmed.box[2:]) < _PANEL_SIDE * unit:
                return [piece]
            parts += _split(trimmed, unit, rule)
        if all(part.hull_share * part.solidity >= 0.9 for part in parts):
            return parts
    return [piece]


def _runs(is_set: np.ndarray, *, at_least: int) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_set.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= at_least]


def _trimmed(shape: np.ndarray, corner: tuple[int, int]) -> _Piece | None:
    """The largest connected part of a shape, in its own box."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(shape.astype(np.uint8), connectivity=4)
    if count < 2:
        return None
    label = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    x, y, w, h, _ = stats[label].tolist()
    return _Piece((corner[0] + x, corner[1] + y, w, h), labels[y : y + h, x : x + w] == label)


def _window(image: np.ndarray, box: Box) -> np.ndarray:
    x, y, w, h = box
    return image[y : y + h, x : x + w]


def _without_inner(panels: list[_Piece], foreground: np.ndarray, unit: int) -> list[_Piece]:
    """Panels, the largest first, without what lies inside another; insets stay, and are taken out of their host."""
    kept: list[_Piece] = []
    for piece in sorted(panels, key=lambda piece: -piece.shape.size):
        index = next((index for index, other in enumerate(kept) if _is_inside(piece, other)), None)
        if index is None:
            kept.append(piece)
        elif _is_inset(piece, kept[index], foreground, unit):
            _cut_out(kept[index], piece)
            kept.append(piece)
        else:
            kept[index] = _grown(kept[index], piece.box)
    # What has grown may hold others now.
    return kept if len(kept) == len(panels) else _without_inner(kept, foreground, unit)


def _is_inside(piece: _Piece, host: _Piece) -> bool:
    """Whether a piece lies in the host's hull, or is a small one in its box, where light has parted the two.

    Two halves of a box with a slanted gutter are large in each other's box, but outside of each other's hull.
    """
    return _share_inside(piece, host) > 0.5 or _is_part(piece.box, host.box)


def _belongs(drawing: Box, panel: Box) -> bool:
    """Whether a loose drawing lies mostly in a panel's box, or overlaps it and makes a larger rectangle of it."""
    union = _union([drawing, panel])
    overlap = _share_in_box(drawing, panel) * drawing[2] * drawing[3]
    area = drawing[2] * drawing[3] + panel[2] * panel[3] - overlap
    return overlap > 0.5 * drawing[2] * drawing[3] or (overlap > 0 and area >= 0.98 * union[2] * union[3])


def _is_part(box: Box, host: Box) -> bool:
    """Whether a box is small beside another one and lies for the most part in it."""
    return box[2] * box[3] < 0.25 * host[2] * host[3] and _share_in_box(box, host) > 0.6


def _share_in_box(box: Box, host: Box) -> float:
    """Share of a box that another one covers."""
    width = min(box[0] + box[2], host[0] + host[2]) - max(box[0], host[0])
    height = min(box[1] + box[3], host[1] + host[3]) - max(box[1], host[1])
    return max(0, width) * max(0, height) / (box[2] * box[3])


def _grown(host: _Piece, box: Box) -> _Piece:
    """The host with a part that belongs to it."""
    union = _union([host.box, box])
    shape = np.zeros((union[3], union[2]), bool)
    for x, y, part in ((*host.box[:2], host.shape), (*box[:2], np.ones((box[3], box[2]), bool))):
        shape[y - union[1] : y - union[1] + part.shape[0], x - union[0] : x - union[0] + part.shape[1]] |= part
    return _Piece(union, shape)


def _share_inside(piece: _Piece, host: _Piece) -> float:
    """Share of the piece that the host's hull covers."""
    x, y, w, h = piece.box
    hx, hy, hw, hh = host.box
    left, top, right, bottom = max(x, hx), max(y, hy), min(x + w, hx + hw), min(y + h, hy + hh)
    if left >= right or top >= bottom:
        return 0.0
    mine = piece.shape[top - y : bottom - y, left - x : right - x]
    its = host.hull[top - hy : bottom - hy, left - hx : right - hx]
    return float((mine & its).sum() / piece.shape.sum())


def _is_inset(piece: _Piece, host: _Piece, foreground: np.ndarray, unit: int) -> bool:
    """Whether a piece inside a panel is a panel too: a large rectangle in a painted one, framed by ground."""
    if min(piece.box[2:]) < 0.12 * unit or piece.shape.mean() < 0.95:
        return False
    if _window(foreground, host.box).mean() < 0.5:
        return False  # line art on the ground's own colour: what looks like a frame is a drawn rectangle
    x, y, w, h = piece.box
    ring = foreground[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2].copy()
    ring[min(2, y) : min(2, y) + h, min(2, x) : min(2, x) + w] = False
    return bool(ring.sum() <= 0.1 * 4 * (w + h))


def _cut_out(host: _Piece, inset: _Piece) -> None:
    x, y, w, h = inset.box
    hole = np.zeros(host.shape.shape, bool)
    left, top = x - host.box[0], y - host.box[1]
    hole[max(0, top) : top + h, max(0, left) : left + w] = True
    host.shape = host.shape & ~hole


def _drawings(loose: np.ndarray, unit: int, rule: PanelRule) -> list[Box]:
    """Boxes of loose pieces, each joined with its near neighbours, without dirt."""
    reach = max(1, round(rule.join_share * unit / 2))
    # Room on all sides, so that every group grows by `reach` on every side and can be shrunk back.
    padded = cv2.copyMakeBorder(loose.astype(np.uint8), reach, reach, reach, reach, cv2.BORDER_CONSTANT)
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(padded, kernel), connectivity=4)
    boxes = [(x, y, w - 2 * reach, h - 2 * reach) for x, y, w, h, _ in stats[1:].tolist()]
    boxes = [box for box in boxes if max(box[2:]) >= 2 * _SPECK * unit and min(box[2:]) >= _SPECK * unit]
    return _merged(boxes)


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes, where those that lie for the most part in another one have become part of it."""
    merged: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box[2] * box[3]):
        host = next((index for index, other in enumerate(merged) if _share_in_box(box, other) > 0.5), None)
        if host is None:
            merged.append(box)
        else:
            merged[host] = _union([merged[host], box])
    return merged


def _union(boxes: list[Box]) -> Box:
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top


def _full_size(box: Box, scale: int, shape: tuple[int, ...]) -> Box:
    x, y, w, h = (value * scale for value in box)
    return x, y, min(w, shape[1] - x), min(h, shape[0] - y)


def _refined(piece: _Piece, image: np.ndarray, ground: np.ndarray, scale: int) -> Cut:
    """The piece at full size: each edge of its box moved to where the picture rises out of the ground."""
    coarse = _full_size(piece.box, scale, image.shape)
    is_straight = _is_rectangle(piece, scale)
    box = _refined_box(coarse, image, ground, scale, is_straight=is_straight)
    if is_straight:
        return Cut(box, None)
    outline = piece.hull & piece.shape if piece.solidity < _SOLID else _smooth(piece)
    full = cv2.resize(outline.astype(np.uint8) * 255, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR) > 127
    canvas = np.zeros((box[3], box[2]), bool)
    left, top = coarse[0] - box[0], coarse[1] - box[1]
    source = full[max(0, -top) : box[3] - top, max(0, -left) : box[2] - left]
    canvas[max(0, top) : max(0, top) + source.shape[0], max(0, left) : max(0, left) + source.shape[1]] = source
    return Cut(box, canvas)


def _smooth(piece: _Piece) -> np.ndarray:
    """The hull, less the insets: what leaks into a solid piece at its border is light, no ground."""
    holes = _filled(piece.shape) & ~piece.shape
    return piece.hull & ~holes


def _is_rectangle(piece: _Piece, scale: int) -> bool:
    if piece.hull_share < 0.985 or (_filled(piece.shape) & ~piece.shape).any():
        return False
    reach = max(2, round(6 / scale))  # 6 px along the diagonal: corners rounded by more than about 15 px
    corners = (piece.hull, piece.hull[:, ::-1], piece.hull[::-1], piece.hull[::-1, ::-1])
    cut_off = sum(not corner[:reach, :reach].diagonal().any() for corner in corners)
    return cut_off < 2


def _refined_box(box: Box, image: np.ndarray, ground: np.ndarray, scale: int, *, is_straight: bool) -> Box:
    """Straight edges are found by the mean of their lines, the tips of other outlines by their strongest pixels."""
    ringing = _RINGING if is_straight else _RINGING_PEAK
    x, y, w, h = box
    outward = 2 * scale
    inward_x, inward_y = (min(-(-side // 2), 2 * scale + _JPEG_BLOCK_PX) for side in (w, h))
    left, top = max(0, x - outward), max(0, y - outward)
    right, bottom = min(image.shape[1], x + w + outward), min(image.shape[0], y + h + outward)

    def level(lines: np.ndarray) -> np.ndarray:
        return lines.mean(axis=1) if is_straight else np.partition(lines, -2, axis=1)[:, -2]

    def columns(start: int, stop: int) -> np.ndarray:
        return level(distance(image[y : y + h, start:stop], ground[y : y + h, None]).T)

    def rows(start: int, stop: int) -> np.ndarray:
        return level(distance(image[start:stop, x : x + w], ground[start:stop, None]))

    left += _first_drawn(columns(left, x + inward_x), ringing)
    right -= _first_drawn(columns(x + w - inward_x, right)[::-1], ringing)
    top += _first_drawn(rows(top, y + inward_y), ringing)
    bottom -= _first_drawn(rows(y + h - inward_y, bottom)[::-1], ringing)
    return left, top, max(1, right - left), max(1, bottom - top)


def _first_drawn(level: np.ndarray, ringing: float) -> int:
    """Index of the first line, seen from outside, that is half as far from the ground as the farthest one.

    A JPEG block at an edge rings over its whole width: lines farther from the ground than that are drawn for sure.
    """
    return int(np.argmax(level >= min(0.5 * level.max(), ringing)))


def in_reading_order(cuts: list[Cut]) -> list[Cut]:
    """Rows from top to bottom, each from left to right, by a recursive XY-cut over the boxes."""
    if len(cuts) < 2:
        return cuts
    for axis in (1, 0):
        groups = _separate(cuts, axis)
        if len(groups) > 1:
            return [cut for group in groups for cut in in_reading_order(group)]
    return sorted(cuts, key=lambda cut: (cut.box[1], cut.box[0]))


def _separate(cuts: list[Cut], axis: int) -> list[list[Cut]]:
    """Groups of cuts that a straight line parts; boxes count a little smaller, as slanted panels overlap."""
    ordered = sorted(cuts, key=lambda cut: cut.box[axis] + 0.5 * cut.box[axis + 2])
    groups: list[list[Cut]] = []
    end = -np.inf
    for cut in sorted(ordered, key=lambda cut: cut.box[axis] + 0.15 * cut.box[axis + 2]):
        start = cut.box[axis] + 0.15 * cut.box[axis + 2]
        if start >= end:
            groups.append([])
        groups[-1].append(cut)
        end = max(end, cut.box[axis] + 0.85 * cut.box[axis + 2])
    return groups
