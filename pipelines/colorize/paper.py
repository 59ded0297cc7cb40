"""Paper: what of a page stays as it is, and whether a page is line art. Works on gray pages, (H, W) uint8.

Gutters, white balloons and their lettering are paper. So are, on a page in gray, all areas of the paper's own white.
"""

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.colorize.lettering import text_blocks
from pipelines.images.color import resized
from pipelines.panels.cut import Cut

_SHORT_SIDE_PX = 1100  # pages and strips are looked at no larger
_NEAR_WHITE = 5  # levels below the white of the paper, for noise of JPEG
_NEAR_LETTERS = 16  # the same in balloons: their white is greyer in scans
_WHITE = 245  # paper of at least this level holds no colour that could be seen
_LEAST_SHARE = 0.0005  # of the page: smaller areas of white are highlights

_SOLIDITY = 0.8  # of a balloon in its convex hull
_WHITE_IN_BLOCK = 0.3  # of a block of text
_TEXT_IN_BALLOON = 0.1  # of a balloon
_LARGEST = 0.3  # of the page: larger white areas with text are no balloons
_JOINED_SHARE = 0.05  # of a panel's longer side: ink with gaps up to twice as wide is one drawing
_FRAME_PX = 4  # so far from the outline of a panel its frame is looked for
_FRAMED = 0.5  # of the outline has ink near it: the panel has a frame

_PALE = 24, 72  # levels below white: tints of an open ground are removed up to the first, kept from the second
_BAND_ROWS = 512  # of a page at full size at once: bounds memory, not results

_LINE_SIDE_PX = 360
_INK, _LEAST_WHITE = 50, 200  # levels: ink is darker than the first, paper is lighter than the second
_LINE_PAPER, _LINE_TONE = 0.5, 0.03  # line art: at least so much paper, at most so much even tone


def is_line_art(gray: np.ndarray) -> bool:
    """True for a page of ink on paper without tones: (H, W) uint8.

    Half of it or more is white, and hardly any window of 5 x 5 pixels of its copy of 360 pixels a side is a tone
    between paper and ink. Painted pages have 15 to 90 % of such windows, line art at most 1 %; of 500 pages of picture
    books and comics, two with small pictures in black and colours were taken for line art.
    """
    small = resized(gray, _size(gray.shape, _LINE_SIDE_PX))
    white = float(np.percentile(small, 95))
    window = np.ones((5, 5), np.uint8)
    is_tone = (cv2.dilate(small, window) < white - 12) & (cv2.erode(small, window) > _INK)
    return (
        white >= _LEAST_WHITE
        and float((small >= white - 6).mean()) >= _LINE_PAPER
        and float(is_tone.mean()) <= _LINE_TONE
    )


def paper_of(
    gray: np.ndarray, *, is_line: bool, cuts: Sequence[Cut] = (), marks: np.ndarray | None = None
) -> np.ndarray:
    """What stays as it is on a page: (H, W) uint8 -> (H, W) bool.

    Args:
        gray: The page.
        is_line: Of line art all is white that is to be coloured, so of its white only balloons are paper, and the
            ground of a drawing without a frame.
        cuts: The panels of the page.
        marks: (H, W) bool, of any size: where a person's hint is. A white area with a mark in it is no paper.
    """
    small = resized(gray, seen_size(gray.shape))
    white = _white_level(small)
    marked = np.zeros(small.shape, bool) if marks is None else _as_large(marks, small.shape)
    found = _balloons(small, white, marked)
    is_white = small >= white - _NEAR_WHITE
    found |= _around(is_white, cuts, small.shape[0] / gray.shape[0], marked)
    if not is_line and white >= _WHITE:
        found |= _areas(is_white, marked)
    if found.shape == gray.shape:
        return found
    paper = _as_large(found, gray.shape)
    # At full size the borders are sharper than the mask: only white that touches it is paper, and letters in it.
    return paper & ((gray >= white - _NEAR_LETTERS) | _as_large(_inner(found), gray.shape))


def seen_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width at which a page of a shape (H, W, ...) is looked at."""
    return _size(shape, _SHORT_SIDE_PX)


def _size(shape: tuple[int, ...], short_side: int) -> tuple[int, int]:
    scale = min(1.0, short_side / min(shape[:2]))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _as_large(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _inner(mask: np.ndarray) -> np.ndarray:
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _white_level(gray: np.ndarray) -> int:
    """The lightest level that holds a part of the page worth naming."""
    counts = np.bincount(gray.ravel(), minlength=256)
    from_top = np.cumsum(counts[::-1])
    return 255 - int(np.searchsorted(from_top, max(1.0, 0.005 * gray.size)))


def _areas(is_white: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """The connected areas of white that are not small and hold no mark."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(is_white.astype(np.uint8), connectivity=4)
    is_kept = stats[:, cv2.CC_STAT_AREA] >= max(16, _LEAST_SHARE * is_white.size)
    is_kept[0] = False
    is_kept[np.unique(np.asarray(labels, np.int32)[marked])] = False
    return is_kept[np.asarray(labels, np.int32)]


def pale_ground(colored: np.ndarray, gray: np.ndarray, paper: np.ndarray) -> np.ndarray:
    """Line art whose ground is not tinted where it goes on into open shapes: (H, W, 3) uint8 RGB -> the same.

    White that is connected to paper becomes white again where its colour is hardly any.

    Args:
        colored: The line art in colour.
        gray: The line art.
        paper: (H, W) bool, what stays as it is (`paper_of`).
    """
    white = _white_level(gray)
    labels = np.asarray(
        cv2.connectedComponents((gray >= white - _NEAR_LETTERS).astype(np.uint8), connectivity=4)[1], np.int32
    )
    is_open = np.zeros(int(labels.max()) + 1, bool)
    cleaned = colored.copy()
    bands = [slice(first, first + _BAND_ROWS) for first in range(0, len(gray), _BAND_ROWS)]
    for rows in bands:
        is_open[labels[rows][paper[rows]]] = True
    is_open[0] = False
    for rows in bands:
        reached = is_open[labels[rows]] & ~paper[rows]
        tint = 255 - colored[rows][reached].astype(np.float32)
        kept = np.clip((tint.max(axis=1, keepdims=True) - _PALE[0]) / (_PALE[1] - _PALE[0]), 0, 1)
        cleaned[rows][reached] = np.rint(255 - kept * tint)
    return cleaned


def _around(is_white: np.ndarray, cuts: Sequence[Cut], scale: float, marked: np.ndarray) -> np.ndarray:
    """The ground of drawings without a frame: white of their panel that lies outside of what is drawn.

    Shapes may be open, so all in the convex hull of a drawing counts as drawn.
    """
    found = np.zeros(is_white.shape, bool)
    for cut in cuts:
        outline = _outline(cut, scale)
        near, edge, inside = (
            cv2.drawContours(np.zeros(is_white.shape, np.uint8), [outline], -1, 1, width) > 0
            for width in (2 * _FRAME_PX + 1, 1, cv2.FILLED)
        )
        inked = cv2.dilate((near & ~is_white).astype(np.uint8), np.ones((2 * _FRAME_PX + 1,) * 2, np.uint8))
        if inked[edge].mean() >= _FRAMED:
            continue
        reach = round(_JOINED_SHARE * scale * max(cut.box[2:])) + 1
        ink = cv2.dilate((inside & ~is_white).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8))
        ink = cv2.erode(ink, np.ones((2 * reach - 1,) * 2, np.uint8))  # a closing, one pixel wider than the ink
        contours, _ = cv2.findContours(ink, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        drawn = cv2.drawContours(
            np.zeros(is_white.shape, np.uint8), [cv2.convexHull(one) for one in contours], -1, 1, -1
        )
        found |= inside & is_white & (drawn == 0)
    labels = np.asarray(cv2.connectedComponents(found.astype(np.uint8), connectivity=4)[1], np.int32)
    return found & ~np.isin(labels, np.unique(labels[marked & found]))


def _outline(cut: Cut, scale: float) -> np.ndarray:
    """The outline of a panel on the scaled page, as OpenCV's contours are: (N, 1, 2) int32."""
    x, y, width, height = cut.box
    if cut.mask is None:
        corners = np.array([[x, y], [x + width - 1, y], [x + width - 1, y + height - 1], [x, y + height - 1]])
    else:
        contours, _ = cv2.findContours(cut.mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        corners = max(contours, key=len).reshape(-1, 2) + np.array([x, y])
    return np.round(corners * scale).astype(np.int32).reshape(-1, 1, 2)


def _balloons(gray: np.ndarray, white: int, marked: np.ndarray) -> np.ndarray:
    """Balloons and captions with their letters: white areas that a block of text fills well."""
    found = np.zeros(gray.shape, bool)
    is_white = gray >= white - _NEAR_LETTERS
    labels = np.asarray(cv2.connectedComponents(is_white.astype(np.uint8), connectivity=4)[1], np.int32)
    text_px = Counter[int]()  # by the white area that it stands on
    for x, y, width, height in text_blocks(gray, white):
        inside = labels[y : y + height, x : x + width]
        counts = np.bincount(inside.ravel())
        counts[0] = 0
        if counts.max() >= _WHITE_IN_BLOCK * inside.size:
            text_px[int(counts.argmax())] += width * height
    for label, pixels in text_px.items():
        own = labels == label
        if (marked & own).any():
            continue
        contours, _ = cv2.findContours(own.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        filled = cv2.drawContours(np.zeros(own.shape, np.uint8), contours, -1, 1, cv2.FILLED) > 0
        area, hull = int(filled.sum()), cv2.contourArea(cv2.convexHull(contours[0]))
        if area >= _SOLIDITY * hull and pixels >= _TEXT_IN_BALLOON * area and area <= _LARGEST * gray.size:
            found |= filled
    return found
