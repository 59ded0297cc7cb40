"""The connected pieces of a foreground, divided into panels and drawings.

Works on bool arrays (H, W), True where a page differs from its ground; touches no files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.panels.boxes import Box, share_in_box, union
from pipelines.panels.components import Components, components, row_sums, runs, windows
from pipelines.panels.params import PanelParams

_SPECK = 0.015  # of the width: smaller pieces on their own are dirt
_PANEL_SIDE = 0.04  # of the width: smaller pieces are no panels of their own
_INSET_GROUND = 0.008  # of the width: the ground around an inset is at least so wide
_INSET_SIDE = 0.12  # of the width: insets are no smaller
_INSET_HOST = 0.5  # of the host that is drawn
_INSET_FOREGROUND = 0.1  # of the ground around an inset: no more of it is drawn
_BRIDGED = 0.6  # of a gutter's length: what reaches over it may cover so much where the rest is plainly a gutter
_OPEN = 0.03  # of a bridged gutter's length: it is open so far at both of its ends
_STRAIGHT = 0.95  # of what is open of a bridged gutter: a panel begins at once on either side of it
_EDGE = 3  # pixels within which that edge lies
_NARROW = 0.06  # of the width: bridged gutters are no wider
SOLID = 0.93  # of its convex hull: a piece that fills more is a panel, one that fills less a drawing


@dataclass(eq=False)
class Piece:
    """A connected piece on the scaled copy: its box there, its filled shape (bool, of the box's size)."""

    box: Box
    shape: np.ndarray
    is_exact: bool = False
    """True for a box that is right as it is, as nothing is drawn at its border."""
    bridged: frozenset[tuple[int, int]] = frozenset()
    """Sides at which something reaches over the gutter, (axis, outward): (0, -1) is the upper, (1, 1) the right one."""

    def __post_init__(self) -> None:
        if self.shape.all():
            self.hull = self.shape
            return
        contours, _ = cv2.findContours(self.shape.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        hull = np.zeros(self.shape.shape, np.uint8)
        cv2.fillConvexPoly(hull, cv2.convexHull(np.vstack(contours)), 1)
        self.hull = hull.astype(bool)

    @property
    def hull_share(self) -> float:
        """Share of the box that the convex hull fills: 1 for a rectangle, whatever leaks into it."""
        return float(np.count_nonzero(self.hull) / self.hull.size)

    @property
    def is_angular(self) -> bool:
        """True where the hull is nearly its box or has few corners: a panel, and no drawn blot or disc."""
        if self.hull_share >= 0.88:
            return True
        contours, _ = cv2.findContours(self.hull.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        corners = cv2.approxPolyDP(contours[0], 0.02 * cv2.arcLength(contours[0], True), True)
        return len(corners) <= 6 and cv2.contourArea(corners) >= 0.95 * cv2.contourArea(contours[0])

    @property
    def solidity(self) -> float:
        """Share of the convex hull that the piece fills."""
        return float(np.count_nonzero(self.shape) / np.count_nonzero(self.hull))


def panels_and_drawings(foreground: np.ndarray, params: PanelParams) -> tuple[list[Piece], list[Box]]:
    """Panels of a foreground, bool (H, W), and the boxes of what is no part of one."""
    unit = min(foreground.shape)
    panels: list[Piece] = []
    others: list[tuple[Box, Components | None, list[int]]] = []  # windows, their components, and which are panels
    for window in windows(foreground):
        own = _window(foreground, window)
        if min(window[2:]) < _PANEL_SIDE * unit:
            others.append((window, None, []))
        elif _is_panel_as_it_is(own, unit):
            panels.append(Piece(window, np.ones(own.shape, bool)))
        else:
            found = components(own)
            large = np.flatnonzero(found.boxes[:, 2:].min(axis=1) >= _PANEL_SIDE * unit).tolist()
            taken = []
            for label in large:
                parts = list(_panels_of(found, label, window[:2], unit, params))
                panels += parts
                taken += [label] if parts else []
            others.append((window, found, taken))
    panels = _without_inner(panels, foreground, unit)
    drawings: list[Box] = []
    for box in drawings_of(_loose(foreground, panels, others), unit, params):
        host = next((i for i, piece in enumerate(panels) if _belongs(box, piece.box)), None)
        if host is None:
            drawings.append(box)
        else:
            panels[host] = _grown(panels[host], box)
    panels = _without_inner(panels, foreground, unit)
    outer = [piece for piece in panels if not any(_is_part(piece.box, box) for box in drawings)]
    return outer, _merged([*drawings, *(piece.box for piece in panels if piece not in outer)])


def _is_panel_as_it_is(own: np.ndarray, unit: int) -> bool:
    """True for a window, bool (H, W), that is one panel without insets, as its border and its number of pixels say.

    All along its border it is set, so that one connected piece goes around it. An inset stands on ground.
    """
    if not (own[0].all() and own[-1].all() and own[:, 0].all() and own[:, -1].all()):
        return False
    ground = own.size - cv2.countNonZero(own.view(np.uint8))
    least = 4 * (1 - _INSET_FOREGROUND) * _inset_reach(unit) * _INSET_SIDE * unit
    return ground < least or ground > (1 - _INSET_HOST) * own.size


def _loose(
    foreground: np.ndarray, panels: list[Piece], others: list[tuple[Box, Components | None, list[int]]]
) -> np.ndarray:
    """What is no panel and lies for the most part in none, bool (H, W).

    others: Windows of the foreground, their components, None where they are too small for panels, and which of these
        are panels.
    """
    is_loose = np.zeros(foreground.shape, bool)
    if not others:
        return is_loose
    is_covered = np.zeros(foreground.shape, bool)
    for piece in panels:
        _window(is_covered, piece.box)[:] |= piece.hull
    for window, found, taken in others:
        own, covered = _window(foreground, window), _window(is_covered, window)
        if found is None and not covered.any():
            _window(is_loose, window)[:] = own
            continue
        found = found or components(own)
        inside = np.bincount(found.labels[covered], minlength=len(found.areas)) / np.maximum(found.areas, 1)
        is_other = inside < 0.5
        is_other[[0, *taken]] = False
        if is_other.any():
            _window(is_loose, window)[:] = is_other[found.labels]
    return is_loose


def _panels_of(
    found: Components, label: int, corner: tuple[int, int], unit: int, params: PanelParams
) -> Iterator[Piece]:
    """The panels of one connected piece, several where they were bridged; none where it is a drawing.

    corner: The place of the components on the page.
    """
    x, y, w, h = found.boxes[label].tolist()
    own = _window(found.labels, (x, y, w, h)) == label
    piece = Piece((corner[0] + x, corner[1] + y, w, h), filled(own))
    parts = _split(piece, own, unit, params)
    if len(parts) > 1:
        yield from parts
    elif piece.solidity >= SOLID or piece.hull_share >= 0.96:
        yield piece


def filled(own: np.ndarray) -> np.ndarray:
    """The shape without its holes."""
    contours, _ = cv2.findContours(own.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(np.zeros(own.shape, np.uint8), contours, -1, 1, cv2.FILLED).astype(bool)


def _split(piece: Piece, own: np.ndarray, unit: int, params: PanelParams) -> list[Piece]:
    """XY-cut: the piece cut where gutters cross nearly all of it, if all that they leave is panels.

    Where none does, balloons, lettering or a figure may cover much of one: see `_bridged_gutters`.

    own: The piece's shape with its holes, which may be ground between panels and balloons: bool (h, w) of its box.
    """
    for axis in (1, 0):
        gutters = _open_gutters(piece.shape if axis == 1 else piece.shape.T, params)
        parts = _parts(piece, own, axis, gutters, unit, params)
        if parts and all(part.hull_share * part.solidity >= 0.9 for part in parts):
            return parts
    for axis in (1, 0):
        gutters = _bridged_gutters(own if axis == 1 else own.T, unit)
        parts = _parts(piece, own, axis, gutters, unit, params, is_bridged=True)
        if parts and all(part.hull_share * part.solidity >= 0.9 for part in parts):
            return parts
    return [piece]


def _open_gutters(shape: np.ndarray, params: PanelParams) -> list[tuple[int, int]]:
    """Runs of rows inside a shape, bool (H, W), of which little is covered."""
    found = runs(row_sums(shape) <= params.bridge_share * shape.shape[1], min_length=3)
    return [run for run in found if run[0] > 0 and run[1] < len(shape)]


def _bridged_gutters(shape: np.ndarray, unit: int) -> list[tuple[int, int]]:
    """Runs of rows inside a shape, bool (H, W), that something bridges, but which are gutters beside it.

    They come in from both sides of the shape, are narrow, and all along what is open of them two straight edges face
    each other.
    """
    found: list[tuple[int, int]] = []
    ends = max(2, round(_OPEN * shape.shape[1]))
    for start, stop in runs(row_sums(shape) <= _BRIDGED * shape.shape[1], min_length=3):
        if start < _EDGE or stop > len(shape) - _EDGE or stop - start > max(4, _NARROW * unit):
            continue
        edges = np.any(shape[start - _EDGE : start], axis=0) & np.any(shape[stop : stop + _EDGE], axis=0)
        is_light = shape[start:stop].mean(axis=0) < 0.5  # not blank, because of the noise of JPEG
        is_open = is_light & ~_in_balloons(shape[start:stop], np.asarray(edges))
        is_gutter = is_open.mean() >= 1 - _BRIDGED and is_light[:ends].all() and is_light[-ends:].all()
        if is_gutter and edges[is_open].mean() >= _STRAIGHT:
            found.append((start, stop))
    return found


def _in_balloons(band: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Which columns of a band, bool (H, W), are blank between outlines that cross it, or such outlines: bool (W,).

    edges: Where panels begin on both sides of the band, bool (W,): where they do not, an outline of a balloon crosses.
    """
    is_touched = np.asarray(band.any(axis=0))
    is_inside = is_touched & ~edges
    for start, stop in runs(~is_touched & ~edges):
        # The outline may leave the band just before the panels beside it end.
        if is_touched[max(0, start - 2 * _EDGE) : start].any() and is_touched[stop : stop + 2 * _EDGE].any():
            is_inside[start:stop] = True
    return is_inside


def _parts(
    piece: Piece,
    own: np.ndarray,
    axis: int,
    gutters: list[tuple[int, int]],
    unit: int,
    params: PanelParams,
    *,
    is_bridged: bool = False,
) -> list[Piece]:
    """What gutters of rows (axis 1) or columns (axis 0) leave of a piece, cut on; nothing where a part is no panel."""
    if not gutters:
        return []
    length = piece.shape.shape[1 - axis]
    edges = [0, *(edge for run in gutters for edge in run), length]
    parts = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        window = np.s_[start:stop] if axis == 1 else np.s_[:, start:stop]
        corner = (piece.box[0], piece.box[1] + start) if axis == 1 else (piece.box[0] + start, piece.box[1])
        trimmed = _trimmed((own if is_bridged else piece.shape)[window], corner)
        if trimmed is None or min(trimmed.box[2:]) < _PANEL_SIDE * unit:
            return []
        x, y = trimmed.box[0] - piece.box[0], trimmed.box[1] - piece.box[1]
        its_own = own[y : y + trimmed.box[3], x : x + trimmed.box[2]] & trimmed.shape
        cut = [outward for outward, at, end in ((-1, start, 0), (1, stop, length)) if at != end]
        bridged = {side for side in piece.bridged if side[0] == axis or side[1] not in cut}
        bridged |= {(1 - axis, outward) for outward in cut if is_bridged}
        part = Piece(trimmed.box, filled(trimmed.shape) if is_bridged else trimmed.shape, bridged=frozenset(bridged))
        parts += _split(part, its_own, unit, params)
    return parts


def _trimmed(shape: np.ndarray, corner: tuple[int, int]) -> Piece | None:
    """The largest connected part of a shape, in its own box."""
    found = components(shape)
    label = int(found.areas.argmax())
    if label == 0:
        return None
    x, y, w, h = found.boxes[label].tolist()
    return Piece((corner[0] + x, corner[1] + y, w, h), _window(found.labels, (x, y, w, h)) == label)


def _window(image: np.ndarray, box: Box) -> np.ndarray:
    x, y, w, h = box
    return image[y : y + h, x : x + w]


def _without_inner(panels: list[Piece], foreground: np.ndarray, unit: int) -> list[Piece]:
    """Panels, the largest first, without what lies inside another; insets stay, and are taken out of their host."""
    kept: list[Piece] = []
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


def _is_inside(piece: Piece, host: Piece) -> bool:
    """True for a piece in the host's hull, or a small one in its box that light has cut off from it.

    Two halves of a box with a slanted gutter are large in each other's box, but outside of each other's hull.
    """
    return _share_inside(piece, host) > 0.5 or _is_part(piece.box, host.box)


def _belongs(drawing: Box, panel: Box) -> bool:
    """True for a loose drawing mostly in a panel's box, or one that overlaps it and makes it a larger rectangle."""
    around = union([drawing, panel])
    overlap = share_in_box(drawing, panel) * drawing[2] * drawing[3]
    area = drawing[2] * drawing[3] + panel[2] * panel[3] - overlap
    return overlap > 0.5 * drawing[2] * drawing[3] or (overlap > 0 and area >= 0.98 * around[2] * around[3])


def _is_part(box: Box, host: Box) -> bool:
    """True for a box that is small beside another one and lies for the most part in it."""
    return box[2] * box[3] < 0.25 * host[2] * host[3] and share_in_box(box, host) > 0.6


def _grown(host: Piece, box: Box) -> Piece:
    """The host with a part that belongs to it."""
    around = union([host.box, box])
    shape = np.zeros((around[3], around[2]), bool)
    for x, y, part in ((*host.box[:2], host.shape), (*box[:2], np.ones((box[3], box[2]), bool))):
        shape[y - around[1] : y - around[1] + part.shape[0], x - around[0] : x - around[0] + part.shape[1]] |= part
    return Piece(around, shape)


def _share_inside(piece: Piece, host: Piece) -> float:
    """Share of the piece that the host's hull covers."""
    x, y, w, h = piece.box
    hx, hy, hw, hh = host.box
    left, top, right, bottom = max(x, hx), max(y, hy), min(x + w, hx + hw), min(y + h, hy + hh)
    if left >= right or top >= bottom:
        return 0.0
    mine = piece.shape[top - y : bottom - y, left - x : right - x]
    its = host.hull[top - hy : bottom - hy, left - hx : right - hx]
    return float(np.count_nonzero(mine & its) / np.count_nonzero(piece.shape))


def _is_inset(piece: Piece, host: Piece, foreground: np.ndarray, unit: int) -> bool:
    """True for a piece inside a panel that is a panel too: a large rectangle in a painted one, framed by ground."""
    if min(piece.box[2:]) < _INSET_SIDE * unit or np.count_nonzero(piece.shape) / piece.shape.size < 0.95:
        return False
    if _window(foreground, host.box).mean() < _INSET_HOST:
        return False  # line art on the ground's own colour: what looks like a frame is a drawn rectangle
    x, y, w, h = piece.box
    reach = _inset_reach(unit)
    ring = foreground[max(0, y - reach) : y + h + reach, max(0, x - reach) : x + w + reach].copy()
    ring[min(reach, y) : min(reach, y) + h, min(reach, x) : min(reach, x) + w] = False
    return bool(ring.sum() <= _INSET_FOREGROUND * 2 * reach * (w + h))


def _inset_reach(unit: int) -> int:
    return max(2, round(_INSET_GROUND * unit))  # wider than a line of ink on black ground


def _cut_out(host: Piece, inset: Piece) -> None:
    x, y, w, h = inset.box
    hole = np.zeros(host.shape.shape, bool)
    left, top = x - host.box[0], y - host.box[1]
    hole[max(0, top) : top + h, max(0, left) : left + w] = True
    host.shape = host.shape & ~hole


def drawings_of(loose: np.ndarray, unit: int, params: PanelParams) -> list[Box]:
    """Boxes of loose pieces, each joined with its near neighbours, without dirt."""
    reach = max(1, round(params.join_share * unit / 2))
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    boxes: list[Box] = []
    for left, top, width, height in windows(loose, gap=2 * reach + 1):
        if max(width, height) < 2 * _SPECK * unit or min(width, height) < _SPECK * unit:
            continue
        # Room on all sides, so that every group grows by `reach` on every side and can be shrunk back.
        own = _window(loose, (left, top, width, height)).view(np.uint8)
        padded = cv2.copyMakeBorder(own, reach, reach, reach, reach, cv2.BORDER_CONSTANT)
        grown = components(cv2.dilate(padded, kernel).view(bool))
        boxes += [(left + x, top + y, w - 2 * reach, h - 2 * reach) for x, y, w, h in grown.boxes[1:].tolist()]
    boxes = [box for box in boxes if max(box[2:]) >= 2 * _SPECK * unit and min(box[2:]) >= _SPECK * unit]
    return _merged(boxes)


def _merged(boxes: list[Box]) -> list[Box]:
    """Boxes, where those that lie for the most part in another one have become part of it."""
    merged: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box[2] * box[3]):
        host = next((index for index, other in enumerate(merged) if share_in_box(box, other) > 0.5), None)
        if host is None:
            merged.append(box)
        else:
            merged[host] = union([merged[host], box])
    return merged
