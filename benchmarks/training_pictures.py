"""Training pictures of real comics, as `Pairs`, without the lineage that makes them: squares of pages."""

from functools import cache
from itertools import cycle, islice

import cv2
import numpy as np

from benchmarks.comics import pages_of
from pipelines.images.color import rgb_to_gray
from pipelines.pairs import Pairs

_SQUARE_PX = 400
_FLAT = 12.0
"""Squares whose gray values deviate less from their mean show nothing."""


@cache
def pairs_of_comics(count: int, side: int, seed: int = 0) -> Pairs:
    """So many squares, scaled to `side` pixels, with gray as the variant; over again where the comics have fewer."""
    random = np.random.default_rng(seed)
    pages = pages_of()
    found: list[np.ndarray] = []
    for place in random.permutation(len(pages)):
        page = cv2.imread(str(pages[place]), cv2.IMREAD_COLOR_RGB)
        if page is None or min(page.shape[:2]) < _SQUARE_PX:
            continue
        for _ in range(4):
            top, left = (int(random.integers(0, extent - _SQUARE_PX + 1)) for extent in page.shape[:2])
            square = page[top : top + _SQUARE_PX, left : left + _SQUARE_PX]
            if square.std() >= _FLAT:
                found.append(cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA))
        if len(found) >= count:
            break
    color = np.stack(list(islice(cycle(found), count)))
    names = tuple(f"comics__ep01__{number:04d}" for number in range(count))
    return Pairs(color, rgb_to_gray(color)[:, np.newaxis], names, tuple("ab"[number % 2] for number in range(count)))
