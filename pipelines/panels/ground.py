"""The ground that panels stand on: the common background colour of a page, or of each row of a strip.

Works on uint8 RGB arrays (H, W, 3); touches no files. Paper 000 cuts webtoons "at the common background colour";
here it is measured, so that it may be white, black or tinted, and may change along a strip.
"""

from itertools import pairwise

import cv2
import numpy as np

from pipelines.panels.components import row_sums
from pipelines.panels.medians import colour_medians

_NEAR = 14  # largest channel difference of two colours that are the same to the eye and after JPEG
_MANY = 256  # changes of the ground of a strip: it fades
_EVEN = 0.97  # share of a row of ground that has one colour


def distance(image: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Largest channel difference from the ground, uint8 (H, W).

    ground: Of the whole image, uint8 (3,), or of each row, uint8 (H, 1, 3).
    """
    height, width = image.shape[:2]
    colours = ground.reshape(-1, ground.shape[-2] if ground.ndim > 1 else 1, 3)
    if (colours == colours[:1, :1]).all():
        difference = cv2.absdiff(image, np.array([*colours[0, 0], 0], np.float64))  # four numbers are one colour
    else:
        if colours.shape[:2] != (height, width):  # OpenCV widens many times faster than NumPy broadcasts
            colours = cv2.resize(colours, (width, height), interpolation=cv2.INTER_NEAREST)
        difference = cv2.absdiff(image, colours)
    red, green, blue = cv2.split(difference)
    return cv2.max(cv2.max(red, green), blue)


def is_near(image: np.ndarray, ground: np.ndarray, tolerance: int) -> np.ndarray:
    """Where no channel differs from the ground, uint8 (H, 3), by more than a tolerance: 255 there, else 0, (H, W)."""
    changes = np.flatnonzero((ground[1:] != ground[:-1]).any(axis=1)) + 1
    if len(changes) > _MANY:
        return cv2.threshold(distance(image, ground[:, None]), tolerance, 255, cv2.THRESH_BINARY_INV)[1]
    found = np.empty(image.shape[:2], np.uint8)
    for start, stop in pairwise([0, *changes.tolist(), len(image)]):
        colour = ground[start].tolist()
        least, most = (tuple(channel + reach for channel in colour) for reach in (-tolerance, tolerance))
        found[start:stop] = cv2.inRange(image[start:stop], least, most)
    return found


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
    near = [cv2.countNonZero(is_near(side[np.newaxis], colour[np.newaxis], _NEAR)) for side in sides]
    shares = [count / len(side) for count, side in zip(near, sides, strict=True)]
    is_margin = sorted(shares)[1] >= 0.6 and sum(near) / len(border) >= 0.6
    return colour if is_margin else None


def is_paper(colour: np.ndarray) -> bool:
    """True for a margin in the colour of paper (white, tinted) or in black. Another colour may be the picture's own."""
    return bool(colour.min() >= 190 or colour.max() <= 40)


def strip_ground(strip: np.ndarray) -> np.ndarray:
    """The ground of each row of a strip, uint8 (H, 3).

    Rows of one colour from side to side are ground; the rows between two of them take their colour, and where the
    two differ, the one that is seen at the row's own ends. A colour that holds for less than one strip's width of
    rows is a flat part of a panel, no ground. A ground that fades along the strip is followed where it can be seen
    beside the panels.
    """
    row_colour, is_even = _even_rows(strip)
    fade = _fade(strip, row_colour, is_even)
    if not fade.any():
        return _stepwise_ground(strip, row_colour, is_even)
    level = (strip - fade[:, None]).clip(0, 255).astype(np.uint8)
    return (_stepwise_ground(level, *_even_rows(level)) + fade).clip(0, 255).astype(np.uint8)


def _even_rows(strip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colour of each even row, uint8 (H, 3), its median, and which rows are even, bool (H,): nearly all has it."""
    height, width = strip.shape[:2]
    row_colour, is_even = np.zeros((height, 3), np.uint8), np.zeros(height, bool)
    at = np.flatnonzero(_may_be_even(strip))
    if len(at):
        rows = strip[at]
        row_colour[at] = colour_medians(rows[:, :: max(1, width // 200)]).astype(np.uint8)
        is_even[at] = _near_in_rows(rows, row_colour[at, None]) >= _EVEN * width
    return row_colour, is_even


def _may_be_even(strip: np.ndarray) -> np.ndarray:
    """Which rows can be even, bool (H,): in the others, too many pixels differ from those half a row away.

    In an even row two pixels that both have its colour differ by at most twice `_NEAR`.
    """
    height, width = strip.shape[:2]
    half = width // 2
    if not half:
        return np.ones(height, bool)
    red, green, blue = cv2.split(cv2.absdiff(strip[:, :half], strip[:, width - half :]))
    is_far = cv2.threshold(cv2.max(cv2.max(red, green), blue), 2 * _NEAR, 1, cv2.THRESH_BINARY)[1]
    return row_sums(is_far) <= (1 - _EVEN) * width


def _near_in_rows(rows: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """How many pixels of each row, uint8 (H, W, 3), have nearly its colour, (H, 1, 3): int (H,)."""
    return row_sums(cv2.threshold(distance(rows, colours), _NEAR, 1, cv2.THRESH_BINARY_INV)[1])


def _stepwise_ground(strip: np.ndarray, row_colour: np.ndarray, is_even: np.ndarray) -> np.ndarray:
    """The ground of each row, uint8 (H, 3), where it has one colour, or changes from one to another."""
    height, width = strip.shape[:2]
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


def _fade(strip: np.ndarray, row_colour: np.ndarray, is_even: np.ndarray) -> np.ndarray:
    """How far the ground of each row has faded from where its fade began, int16 (H, 3); 0 where nothing fades.

    Two runs of even rows belong to one ground where the rows between them have at both ends the colour that lies on
    the way from one run to the other. A ground fades where its colour changes and panels stand on it in at least two
    places: a gradient within one panel does not.
    """
    fade = np.zeros(row_colour.shape, np.int16)
    runs = _even_runs(row_colour, is_even)
    index = 0
    while index < len(runs):
        start, stop = runs[index]
        parts = [row_colour[start:stop].astype(np.float32)]
        links = 0
        while index + 1 < len(runs):
            begin, end = runs[index + 1]
            share = (np.arange(stop, begin) - stop + 1)[:, None] / (begin - stop + 1)
            between = row_colour[stop - 1] * (1 - share) + row_colour[begin] * share
            if not _is_seen_at_ends(strip[stop:begin], between):
                break
            parts += [between.astype(np.float32), row_colour[begin:end].astype(np.float32)]
            links += max(np.ptp(between, axis=0).max(), np.abs(between[0] - parts[0][0]).max()) > 1
            index, stop = index + 1, end
        colours = np.concatenate(parts)
        if links >= 2 and np.abs(colours - colours[0]).max() > _NEAR:
            fade[start:stop] = np.round(colours - colours[0])
        index += 1
    return fade


def _even_runs(row_colour: np.ndarray, is_even: np.ndarray) -> list[tuple[int, int]]:
    """Runs of even rows, (first, after the last), whose colours change from row to row by little."""
    step = np.abs(np.diff(row_colour.astype(np.int16), axis=0)).max(axis=1)
    goes_on = is_even[1:] & is_even[:-1] & (step <= _NEAR)
    starts = np.flatnonzero(is_even & ~np.concatenate([[False], goes_on]))
    stops = np.flatnonzero(is_even & ~np.concatenate([goes_on, [False]])) + 1
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _is_seen_at_ends(rows: np.ndarray, expected: np.ndarray) -> bool:
    """True where most of the rows, uint8 (N, W, 3), have their expected colour, (N, 3), at both ends; N > 0."""
    if not len(rows):
        return False
    edge = max(1, rows.shape[1] // 100)
    ends = [colour_medians(part) for part in (rows[:, :edge], rows[:, -edge:])]
    is_near = [np.abs(end - expected).max(axis=1) <= _NEAR for end in ends]
    return bool((is_near[0] & is_near[1]).mean() >= 0.8)


def _commonest_colour(colours: np.ndarray) -> np.ndarray:
    """The median of the fullest cell of a 16 x 16 x 16 histogram and its neighbourhood."""
    line = colours[np.newaxis]
    counts = cv2.calcHist([line], [0, 1, 2], None, [16, 16, 16], [0, 256] * 3)
    centre = [16 * int(cell) + 8 for cell in np.unravel_index(counts.argmax(), counts.shape)]
    least, most = (tuple(channel + reach for channel in centre) for reach in (-16, 16))
    is_in_cell = cv2.inRange(line, least, most)
    # Medians by counting: to take the pixels of the cell out would cost more.
    levels = [cv2.calcHist([line], [channel], is_in_cell, [256], [0, 256]).cumsum() for channel in range(3)]
    pixels = cv2.countNonZero(is_in_cell)
    middles = [np.searchsorted(counts, [(pixels - 1) // 2, pixels // 2], side="right").sum() // 2 for counts in levels]
    return np.array(middles, np.uint8)


def _is_near(colours: np.ndarray, colour: np.ndarray) -> np.ndarray:
    return np.asarray((np.abs(colours.astype(np.int16) - colour) <= _NEAR).all(axis=-1))


def _spans(row_colour: np.ndarray, is_even: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Runs of even rows of one colour, (first row, row after the last, colour); other rows may lie within."""
    rows = np.flatnonzero(is_even)
    starts, stops = [], []
    red = green = blue = 1 << 10  # near to no colour
    # Plain numbers: a strip has tens of thousands of rows.
    for row, (r, g, b) in zip(rows.tolist(), row_colour[rows].tolist(), strict=True):
        if abs(r - red) > _NEAR or abs(g - green) > _NEAR or abs(b - blue) > _NEAR:
            starts.append(row)
            stops.append(row)
            red, green, blue = r, g, b
        stops[-1] = row + 1
    return [(start, stop, row_colour[start]) for start, stop in zip(starts, stops, strict=True)]


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
