"""The ground that panels stand on: the common background colour of a page, or of each row of a strip.

Works on uint8 RGB arrays (H, W, 3); touches no files. Paper 000 cuts webtoons "at the common background colour";
here it is measured, so that it may be white, black or tinted, and may change along a strip.
"""

import cv2
import numpy as np

_NEAR = 14  # largest channel difference of two colours that are the same to the eye and after JPEG


def distance(image: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Largest channel difference from the ground, uint8 (H, W); the ground broadcasts to the image's shape."""
    red, green, blue = cv2.split(cv2.absdiff(image, np.broadcast_to(ground, image.shape)))
    return cv2.max(cv2.max(red, green), blue)


def page_ground(page: np.ndarray) -> np.ndarray | None:
    """The colour of the page's margin, uint8 (3,); None where the picture runs to the borders (full bleed).

    A margin holds most of the border as a whole and on at least three sides of the four: comics let panels run
    off one side, pictures let figures stand on the lower one.
    """
    depth = max(1, min(page.shape[:2]) // 100)
    sides = [page[:depth], page[-depth:], page[:, :depth], page[:, -depth:]]
    sides = [side.reshape(-1, 3) for side in sides]
    border = np.concatenate(sides)
    colour = _commonest_colour(border)
    shares = [float(_is_near(side, colour).mean()) for side in sides]
    is_margin = sorted(shares)[1] >= 0.6 and float(_is_near(border, colour).mean()) >= 0.6
    return colour if is_margin else None


def is_paper(colour: np.ndarray) -> bool:
    """True for a margin in the colour of paper (white, tinted) or in black. Another colour may be the picture's own."""
    return bool(colour.min() >= 190 or colour.max() <= 40)


def strip_ground(strip: np.ndarray) -> np.ndarray:
    """The ground of each row of a strip, uint8 (H, 3).

    Rows of one colour from side to side are ground; the rows between two of them take their colour, and where the
    two differ, the one that is seen at the row's own ends. A colour that holds for less than one strip's width of
    rows is a flat part of a panel, no ground.
    """
    height, width = strip.shape[:2]
    row_colour = np.median(strip[:, :: max(1, width // 200)], axis=1).astype(np.uint8)  # (H, 3)
    share = (distance(strip, row_colour[:, None]) <= _NEAR).mean(axis=1)
    is_even = share >= 0.97
    if not is_even.any():
        return np.tile(_commonest_colour(np.concatenate([strip[:, 0], strip[:, -1]])), (height, 1))
    spans = _spans(row_colour, is_even)
    while len(spans) > 1:
        lengths = [stop - start for start, stop, _ in spans]
        shortest = int(np.argmin(lengths))
        if lengths[shortest] >= width:
            break
        del spans[shortest]
        spans = _joined(spans)
    ground = np.empty((height, 3), np.uint8)
    for index, (_, stop, colour) in enumerate(spans):
        start = 0 if index == 0 else spans[index - 1][1]
        ground[start:stop] = colour
        if index:
            between = slice(start, spans[index][0])
            ground[between] = _ends_decide(strip[between], spans[index - 1][2], colour)
    ground[spans[-1][1] :] = spans[-1][2]
    return ground


def _commonest_colour(colours: np.ndarray) -> np.ndarray:
    """The median of the fullest cell of a 16 x 16 x 16 histogram and its neighbourhood."""
    bins = (colours >> 4).astype(np.int32) @ np.array([256, 16, 1])
    cell = int(np.bincount(bins, minlength=4096).argmax())
    centre = np.array([cell >> 8, (cell >> 4) & 15, cell & 15]) * 16 + 8
    near = np.abs(colours.astype(np.int16) - centre).max(axis=1) <= 16
    return np.median(colours[near], axis=0).astype(np.uint8)


def _is_near(colours: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.abs(colours.astype(np.int16) - colour).max(axis=-1) <= _NEAR


def _spans(row_colour: np.ndarray, is_even: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Runs of even rows of one colour, (first row, row after the last, colour); other rows may lie within."""
    spans: list[tuple[int, int, np.ndarray]] = []
    for row in np.flatnonzero(is_even).tolist():
        if spans and _is_near(row_colour[row], spans[-1][2]):
            spans[-1] = (spans[-1][0], row + 1, spans[-1][2])
        else:
            spans.append((row, row + 1, row_colour[row]))
    return spans


def _joined(spans: list[tuple[int, int, np.ndarray]]) -> list[tuple[int, int, np.ndarray]]:
    joined = spans[:1]
    for start, stop, colour in spans[1:]:
        if _is_near(colour, joined[-1][2]):
            joined[-1] = (joined[-1][0], stop, joined[-1][2])
        else:
            joined.append((start, stop, colour))
    return joined


def _ends_decide(rows: np.ndarray, above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """For rows between two grounds, (N, W, 3): the ground whose colour the rows' two ends are nearer to, (N, 3).

    The ground changes once, so the rows after the change are all `below`.
    """
    if not len(rows):
        return np.empty((0, 3), np.uint8)
    ends = np.stack([rows[:, 0], rows[:, -1]], axis=1).astype(np.int16)  # (N, 2, 3)
    to_above, to_below = (np.abs(ends - colour).max(axis=2).min(axis=1) for colour in (above, below))
    gain = np.concatenate([[0], np.cumsum(to_above.astype(np.int64) - to_below)])
    change = int(gain.argmin())
    return np.concatenate([np.tile(above, (change, 1)), np.tile(below, (len(rows) - change, 1))])
