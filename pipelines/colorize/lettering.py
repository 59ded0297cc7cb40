"""Lettering on a page: blocks of text, found by what letters have in common. Works on gray pages, (H, W) uint8.

Letters are dark marks of like height beside each other on one line, on white. It finds most balloons and takes hardly
any drawing for text; reading is not needed for that.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.panels.boxes import Box

_INK = 0.55  # of the white of the paper: letters have pixels darker than this
_HEIGHT_PX, _HEIGHT_SHARE = 5, 0.05  # of a letter: at least, and at most of the page's longer side
_WIDEST = 8  # heights of a letter; joined handwriting has words as one mark
_FILL = 0.08, 0.95  # share of ink in a letter's box
_LETTERS, _IN_LINE = 5, 3  # in a block, and in a line that tells something
_GAP, _LEADING = 0.8, 1.4  # heights to the next letter, and to the next line
_ALIKE = 0.7  # share of letters with the height, and with the base line or the middle, of the others


@dataclass(frozen=True, eq=False)
class _Marks:
    """Dark marks: x, y, width and height of N boxes."""

    boxes: np.ndarray  # (N, 4) int

    @property
    def bottoms(self) -> np.ndarray:
        return self.boxes[:, 1] + self.boxes[:, 3]

    def chosen(self, which: np.ndarray) -> "_Marks":
        return _Marks(self.boxes[which])


def text_blocks(gray: np.ndarray, white: int) -> list[Box]:
    """The boxes of blocks of text, in lines or in columns. white: the level of the paper."""
    found = _blocks(gray, white)
    # The parts of a Chinese or Japanese letter are joined; its columns are lines of the turned page.
    turned = np.ascontiguousarray(cv2.erode(gray, np.ones((3, 3), np.uint8)).T)
    return found + [(x, y, width, height) for y, x, height, width in _blocks(turned, white)]


def _blocks(gray: np.ndarray, white: int) -> list[Box]:
    """The boxes of blocks of text in lines."""
    marks = _marks(gray, white)
    if len(marks.boxes) < _LETTERS:
        return []
    heights = marks.boxes[:, 3]
    lines = _groups(marks, gray.shape, np.round(_GAP * heights).astype(int), np.zeros_like(heights))
    is_text = np.zeros(len(heights), bool)
    for line in np.unique(lines):
        is_text[lines == line] = _is_line(marks.chosen(lines == line))
    marks = marks.chosen(is_text)
    heights = marks.boxes[:, 3]
    reach = np.round(_LEADING / 2 * heights).astype(int)
    blocks = _groups(marks, gray.shape, np.round(_GAP * heights).astype(int), reach)
    found = []
    for block in np.unique(blocks):
        own = marks.boxes[blocks == block]
        if len(own) >= _LETTERS or own[:, 2].sum() >= _LETTERS * np.median(own[:, 3]):
            left, top = own[:, 0].min(), own[:, 1].min()
            right, bottom = (own[:, 0] + own[:, 2]).max(), (own[:, 1] + own[:, 3]).max()
            found.append((int(left), int(top), int(right - left), int(bottom - top)))
    return found


def _marks(gray: np.ndarray, white: int) -> _Marks:
    """Connected ink of the size of letters."""
    ink = (gray < _INK * white).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    _, _, width, height, area = stats.T
    share = area / np.maximum(width * height, 1)
    is_letter = (height >= _HEIGHT_PX) & (height <= _HEIGHT_SHARE * max(gray.shape)) & (width <= _WIDEST * height)
    is_letter &= (share >= _FILL[0]) & ((share <= _FILL[1]) | (width < 0.5 * height))
    is_letter[0] = False
    return _Marks(stats[is_letter][:, :4].astype(int))


def _groups(marks: _Marks, shape: tuple[int, ...], wider: np.ndarray, higher: np.ndarray) -> np.ndarray:
    """The number of the group of each mark, (N,): those whose boxes touch, grown by so much on both sides."""
    canvas = np.zeros(shape, np.uint8)
    for (x, y, width, height), across, along in zip(marks.boxes, wider, higher, strict=True):
        # Half of the gap on each side; a line is as high as the middle of its letters.
        inset = height // 4 if along == 0 else -along
        canvas[max(0, y + inset) : y + height - inset, max(0, x - across // 2) : x + width + (across + 1) // 2] = 1
    labels = np.asarray(cv2.connectedComponents(canvas, connectivity=4)[1], np.int32)
    x, y, width, height = marks.boxes.T
    return labels[np.minimum(y + height // 2, shape[0] - 1), np.minimum(x + width // 2, shape[1] - 1)]


def _is_line(letters: _Marks) -> bool:
    """True for marks beside each other with one height and one base line."""
    heights = letters.boxes[:, 3]
    middle = float(np.median(heights))
    large = letters.chosen(heights >= 0.5 * middle)  # without dots and commas
    if len(large.boxes) < _IN_LINE and letters.boxes[:, 2].sum() < _IN_LINE * middle:
        return False
    alike = np.abs(large.boxes[:, 3] - middle) <= 0.5 * middle
    centers = large.bottoms - large.boxes[:, 3] / 2
    on_line = max(
        float((np.abs(places - np.median(places)) <= 0.25 * middle).mean()) for places in (large.bottoms, centers)
    )
    return bool(alike.mean() >= _ALIKE and on_line >= _ALIKE)
