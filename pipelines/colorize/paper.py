"""Paper: what of a page stays as it is, and whether a page is line art. Works on gray pages, (H, W) uint8.

Gutters, white balloons and their lettering are paper. So are, on a page in gray, all areas of the paper's own white.
"""

import cv2
import numpy as np

from pipelines.images.color import resized

_LONG_SIDE_PX = 1600  # pages are looked at no larger
_NEAR_WHITE = 5  # levels below the white of the paper, for noise of JPEG
_NEAR_LETTERS = 16  # the same in balloons: their white is greyer in scans
_WHITE = 245  # paper of at least this level holds no colour that could be seen
_LEAST_SHARE = 0.0005  # of the page: smaller areas of white are highlights

_LETTERS = 6  # marks that make a white area a balloon or a caption
_LETTER_SHARE = 0.03  # of the balloon: larger marks are drawings
_SOLIDITY = 0.7  # of the balloon in its convex hull

_LINE_SIDE_PX = 512
_LINE_PAPER, _LINE_TONE = 0.5, 0.03  # line art: at least so much paper, at most so much even tone


def is_line_art(gray: np.ndarray) -> bool:
    """True for a page of ink on paper without tones: (H, W) uint8.

    Half of it or more is white, and hardly any window of 5 x 5 pixels of its copy of 512 pixels is a tone between paper
    and ink. A painted page has 15 to 90 % of such windows, line art at most 1 % (measured on 120 pages).
    """
    small = _scaled(gray, _LINE_SIDE_PX)
    white = float(np.percentile(small, 95))
    window = np.ones((5, 5), np.uint8)
    is_tone = (cv2.dilate(small, window) < white - 12) & (cv2.erode(small, window) > 90)
    return float((small >= white - 6).mean()) >= _LINE_PAPER and float(is_tone.mean()) <= _LINE_TONE


def paper_of(gray: np.ndarray, *, is_line: bool, marks: np.ndarray | None = None) -> np.ndarray:
    """What stays as it is on a page: (H, W) uint8 -> (H, W) bool.

    Args:
        gray: The page.
        is_line: Of line art all ground is white, so only balloons and captions are found: white areas with letters.
        marks: (H, W) bool, of any size: where a person's hint is. A white area with a mark in it is no paper.
    """
    small = _scaled(gray, _LONG_SIDE_PX)
    white = _white_level(small)
    marked = np.zeros(small.shape, bool) if marks is None else _as_large(marks, small.shape)
    found = _lettered(small, white, marked)
    if not is_line and white >= _WHITE:
        found |= _areas(small >= white - _NEAR_WHITE, marked)
    if found.shape == gray.shape:
        return found
    paper = _as_large(found, gray.shape)
    # At full size the borders are sharper than the mask: only white that touches it is paper, and letters in it.
    return paper & ((gray >= white - _NEAR_LETTERS) | _as_large(_inner(found), gray.shape))


def _scaled(gray: np.ndarray, long_side: int) -> np.ndarray:
    scale = min(1.0, long_side / max(gray.shape))
    height, width = (max(1, round(side * scale)) for side in gray.shape)
    return resized(gray, (height, width))


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


def _lettered(gray: np.ndarray, white: int, marked: np.ndarray) -> np.ndarray:
    """Balloons and captions with their letters: areas of white that hold many small marks alike, and nothing large."""
    is_white = gray >= white - _NEAR_LETTERS
    _, labels, stats, _ = cv2.connectedComponentsWithStats(is_white.astype(np.uint8), connectivity=4)
    found = np.zeros(gray.shape, bool)
    for label in np.flatnonzero(stats[:, cv2.CC_STAT_AREA] >= max(64, _LEAST_SHARE * gray.size)):
        x, y, width, height, _ = stats[label]
        window = np.s_[y : y + height, x : x + width]
        own = labels[window] == label
        if label == 0 or (marked[window] & own).any():
            continue
        contours, _ = cv2.findContours(own.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        filled = cv2.drawContours(np.zeros(own.shape, np.uint8), contours, -1, 1, cv2.FILLED) > 0
        hull = cv2.contourArea(cv2.convexHull(contours[0]))
        if filled.sum() >= _SOLIDITY * hull and _holds_letters(filled & ~own, int(filled.sum())):
            found[window] |= filled
    return found


def _holds_letters(holes: np.ndarray, area: int) -> bool:
    """True where holes in a white area of `area` pixels look like lettering."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(holes.astype(np.uint8), connectivity=8)
    sizes, heights = stats[1:, cv2.CC_STAT_AREA], stats[1:, cv2.CC_STAT_HEIGHT]
    is_mark = sizes >= 4
    if count <= _LETTERS or is_mark.sum() < _LETTERS or sizes.max() > _LETTER_SHARE * area:
        return False
    middle = float(np.median(heights[is_mark]))
    alike = (heights[is_mark] >= 0.5 * middle) & (heights[is_mark] <= 2 * middle)
    return bool(alike.mean() >= 0.6)
