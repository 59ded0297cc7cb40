"""Boxes (x, y, width, height) in pixels: union, overlap and reading order."""

import numpy as np

Box = tuple[int, int, int, int]


def union(boxes: list[Box]) -> Box:
    """The smallest box around all of them."""
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top


def share_in_box(box: Box, host: Box) -> float:
    """Share of a box that another one covers."""
    width = min(box[0] + box[2], host[0] + host[2]) - max(box[0], host[0])
    height = min(box[1] + box[3], host[1] + host[3]) - max(box[1], host[1])
    return max(0, width) * max(0, height) / (box[2] * box[3])


def reading_order(boxes: list[Box], *, from_right: bool = False) -> list[int]:
    """Indices of the boxes in rows from top to bottom, each from left to right or from the right: an XY-cut."""
    if from_right:
        boxes = [(-x - w, y, w, h) for x, y, w, h in boxes]
    return _ordered(boxes, list(range(len(boxes))))


def _ordered(boxes: list[Box], chosen: list[int]) -> list[int]:
    for axis in (1, 0):
        groups = _separate(boxes, chosen, axis)
        if len(groups) > 1:
            return [index for group in groups for index in _ordered(boxes, group)]
    return sorted(chosen, key=lambda index: (boxes[index][1], boxes[index][0]))


def _separate(boxes: list[Box], chosen: list[int], axis: int) -> list[list[int]]:
    """Groups that a straight line parts; boxes count a little smaller, as those of slanted panels overlap."""
    groups: list[list[int]] = []
    end = -np.inf
    for index in sorted(chosen, key=lambda index: boxes[index][axis] + 0.15 * boxes[index][axis + 2]):
        start, length = boxes[index][axis], boxes[index][axis + 2]
        if start + 0.15 * length >= end:
            groups.append([])
        groups[-1].append(index)
        end = max(end, start + 0.85 * length)
    return groups
