"""Connected pieces of a mask, looked for only where its projections say that something is.

Rows and columns with nothing in them part a mask into windows, as in the XY-cut of Nagy and Seth (1984). Whatever
connects pixels stays within a window, and most windows of a plain page are single panels, which need no labels.

Works on bool arrays (H, W); touches no files.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.panels.boxes import Box

_SMALL_PX = 4096  # a window of fewer pixels is not parted further: to label it costs less


@dataclass(frozen=True, eq=False)
class Components:
    """The connected pieces of a mask: `labels` is int32 (H, W), 0 where nothing is.

    `boxes` is int (count, 4), x, y, width and height of each label, and `areas` int (count,) its pixels; label 0 has
    an empty box and no area.
    """

    labels: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray


def row_sums(mask: np.ndarray) -> np.ndarray:
    """The sum of each row, int32 (H,), of bool or uint8 (H, W)."""
    return cv2.reduce(mask.view(np.uint8), 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]


def column_sums(mask: np.ndarray) -> np.ndarray:
    """The sum of each column, int32 (W,), of bool or uint8 (H, W)."""
    return cv2.reduce(mask.view(np.uint8), 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]


def windows(mask: np.ndarray, *, gap: int = 1) -> Iterator[Box]:
    """Tight boxes of the parts of a mask between at least `gap` rows or columns with nothing in them."""
    for top, bottom in runs(row_sums(mask) > 0, gap=gap):
        band = mask[top:bottom]
        columns = runs(column_sums(band) > 0, gap=gap)
        for left, right in columns:
            part = band[:, left:right]
            if len(columns) == 1:
                yield left, top, right - left, bottom - top
            elif part.size < _SMALL_PX:
                rows = np.flatnonzero(row_sums(part))
                yield left, top + int(rows[0]), right - left, int(rows[-1] - rows[0]) + 1
            else:
                yield from ((left + x, top + y, w, h) for x, y, w, h in windows(part, gap=gap))


def runs(is_set: np.ndarray, *, gap: int = 1, min_length: int = 1) -> list[tuple[int, int]]:
    """Runs of True in bool (N,), (first, after the last); those less than `gap` apart are one."""
    edges = np.flatnonzero(np.diff(is_set.view(np.int8), prepend=np.int8(0), append=np.int8(0)))
    if gap > 1 and len(edges) > 2:
        is_wide = edges[2::2] - edges[1:-1:2] >= gap
        edges = np.concatenate([edges[:1], edges[1:-1][np.repeat(is_wide, 2)], edges[-1:]])
    found = edges.reshape(-1, 2)
    return [(start, stop) for start, stop in found.tolist() if stop - start >= min_length]


def components(mask: np.ndarray, *, connectivity: int = 4) -> Components:
    """The connected pieces of a mask, bool (H, W).

    Their boxes and areas are taken from runs of pixels: OpenCV's statistics cost four times what its labels do.
    """
    height, width = mask.shape
    count, found = cv2.connectedComponents(mask.view(np.uint8), connectivity=connectivity, ltype=cv2.CV_32S)
    labels = np.asarray(found, np.int32)
    # A column of nothing at the right, so that no run goes on in the next row.
    padded = np.zeros((height, width + 1), bool)
    padded[:, :-1] = mask
    flat = padded.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat[0]:
        edges = np.concatenate([[0], edges])
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    rows, columns = np.divmod(starts, width + 1)
    label = labels[rows, columns]
    first, last = np.full((2, count), width), np.zeros((2, count), int)
    first[1][label[::-1]], last[1][label] = rows[::-1], rows + 1  # runs come from top to bottom
    np.minimum.at(first[0], label, columns)
    np.maximum.at(last[0], label, columns + lengths)
    boxes = np.concatenate([first, last - first]).T
    boxes[0] = 0
    return Components(labels, boxes, np.bincount(label, lengths, minlength=count).astype(int))
