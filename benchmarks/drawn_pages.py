"""Drawn comic pages for the benchmarks: six panels of the demo's webtoon on white paper."""

from collections.abc import Iterator

import cv2
import numpy as np

from demo.draw import draw_webtoon
from pipelines.images.color import gray_to_rgb, rgb_to_gray
from pipelines.images.decode import decode_picture

HEIGHT_PX, WIDTH_PX = 1401, 992
_COLUMNS, _ROWS, _GUTTER_PX = 2, 3, 24


def drawn_panels(count: int, *, seed: int = 0) -> list[np.ndarray]:
    """Panels in colour, (H, W, 3) uint8 RGB."""
    panels: list[np.ndarray] = []
    for issue in draw_webtoon(seed=seed, issues=1 + count // 10).issues:
        strip = np.concatenate([decode_picture(data, name="slice") for data in issue.slices])
        panels += [strip[y : y + h, x : x + w] for x, y, w, h in (one.box for one in issue.panels if not one.is_gray)]
    return panels[:count]


def drawn_pages(count: int, *, seed: int = 0) -> Iterator[np.ndarray]:
    """Pages in colour, (HEIGHT_PX, WIDTH_PX, 3) uint8 RGB."""
    each = _COLUMNS * _ROWS
    panels = drawn_panels(count * each, seed=seed)
    height = (HEIGHT_PX - (_ROWS + 1) * _GUTTER_PX) // _ROWS
    width = (WIDTH_PX - (_COLUMNS + 1) * _GUTTER_PX) // _COLUMNS
    for number in range(count):
        page = np.full((HEIGHT_PX, WIDTH_PX, 3), 255, np.uint8)
        for place, panel in enumerate(panels[number * each : (number + 1) * each]):
            row, column = divmod(place, _COLUMNS)
            y, x = _GUTTER_PX + row * (height + _GUTTER_PX), _GUTTER_PX + column * (width + _GUTTER_PX)
            page[y : y + height, x : x + width] = cv2.resize(panel, (width, height), interpolation=cv2.INTER_AREA)
        yield page


def in_gray(rgb: np.ndarray) -> np.ndarray:
    """The page as a gray scan: (H, W, 3) uint8 RGB of equal channels."""
    return gray_to_rgb(rgb_to_gray(rgb))
