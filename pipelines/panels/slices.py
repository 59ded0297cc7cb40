"""Which pages of an issue are slices of one vertical strip, and which stand between them.

Works on uint8 RGB arrays (H, W, 3); touches no files. Sites and stitching tools break this up in known ways: a cover
or a banner of credits of another width, a slice that a server's rounding made a pixel narrower (kcc, SmartStitch and
StitchTool have such reports). So the width that at least half of the pages share is the strip's. A page of another
width is a page of its own; one that rounding may have made is a slice, and is brought to the strip's width. A
page of a single row, which tools that slice leave as a rest, is a page of its own and says nothing of the others.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

_ROUNDING = 0.005  # of the width: a slice that differs by no more was rounded
_ROUNDING_PX = 2  # and by so many pixels it may always differ
_LEAST_ROWS = 2  # of a slice: a border is judged by two rows on each side
_FLAT = 6.0  # mean deviation from the row's median: a row below it has nothing to compare


def slices_of(pages: Sequence[np.ndarray]) -> list[int]:
    """Indices of the pages, uint8 RGB (H, W, 3), that are slices of one strip; empty where pages are pages.

    Slices have one width, up to rounding (0.5 percent, at least 2 px), which at least half of the pages share. Drawings
    run on from the last row of a slice into the first of the next at most of the borders that have a drawing on both
    sides. Flat borders do not count. Where all are flat, the pages are pages: each is cut well on its own. Pages
    of less than two rows have no say, and are no slices.
    """
    tall = [index for index, page in enumerate(pages) if len(page) >= _LEAST_ROWS]
    chosen = [tall[at] for at in _of_one_width([pages[index].shape[1] for index in tall])]
    if len(chosen) < 2 or 2 * len(chosen) < len(tall):
        return []
    borders = [(second - first == 1, runs_on(pages[first], pages[second])) for first, second in pairwise(chosen)]
    # Over a page of another width a drawing may go on, but nothing says that it must.
    drawn = [goes_on for is_next, goes_on in borders if goes_on or (is_next and goes_on is not None)]
    return chosen if sum(drawn) > 0.5 * len(drawn) else []


def are_slices(pages: Sequence[np.ndarray]) -> bool:
    """True where all pages, uint8 RGB (H, W, 3), are slices of one strip, of exactly one width."""
    return len({page.shape[1] for page in pages}) == 1 and len(slices_of(pages)) == len(pages)


def runs_on(above: np.ndarray, below: np.ndarray) -> bool | None:
    """True where the drawing at the end of one page goes on in the next; None where either row is flat.

    It goes on where the step over the border is small beside the variation of the rows, and no larger than the steps
    that noise and texture make between the rows of one page. Pages that differ in width by rounding are compared on
    the columns of the narrower one.
    """
    width = min(above.shape[1], below.shape[1])
    rows = (_sampled(row, width) for row in (above[-2], above[-1], below[0], below[1]))
    before, last, first, second = rows
    if min(_variation(last), _variation(first)) < _FLAT:
        return None
    step = float(np.abs(last - first).mean())
    own_step = float(min(np.abs(before - last).mean(), np.abs(first - second).mean()))
    return step < min(0.75 * min(_variation(last), _variation(first)), 6 + 2 * own_step)


def _of_one_width(widths: Sequence[int]) -> list[int]:
    """Indices of the pages of the commonest width, up to rounding."""
    if not widths:
        return []
    near = {width: [at for at, other in enumerate(widths) if _is_rounded(other, width)] for width in set(widths)}
    width = max(near, key=lambda width: (len(near[width]), widths.count(width), width))
    return near[width]


def _is_rounded(width: int, strip_width: int) -> bool:
    return abs(width - strip_width) <= max(_ROUNDING_PX, _ROUNDING * strip_width)


def _sampled(row: np.ndarray, width: int) -> np.ndarray:
    """A row, uint8 (W, 3), at so many evenly spread columns: float32 (width, 3)."""
    if len(row) == width:
        return row.astype(np.float32)
    at = np.linspace(0, len(row) - 1, width)
    below = np.floor(at).astype(int)
    share = (at - below).astype(np.float32)[:, np.newaxis]
    above = np.minimum(below + 1, len(row) - 1)
    return row[below] * (1 - share) + row[above] * share


def _variation(row: np.ndarray) -> float:
    return float(np.abs(row - np.median(row, axis=0)).mean())
