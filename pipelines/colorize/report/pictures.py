"""The pictures of the report: pages, maps of sources and of doubt, thumbnails of references. Arrays in, JPEG out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import cv2
import numpy as np

from pipelines.colorize.page import ColoredPanel
from pipelines.colorize.proposals import FROM_HINT, Proposals
from pipelines.colorize.shelf import thumbnail
from pipelines.images.color import gray_to_rgb, resized, rgb_to_gray
from pipelines.images.sampling import evenly_spaced
from pipelines.panels.boxes import Box

PAGE_PX = 1000
MAP_PX = 360
LETTERS = "ABCDE"

COLORS = ((0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0))
"""Of the sources A to E: told apart by people who see few colours (Okabe and Ito 2008)."""

_HINT_COLOR, _OTHER_COLOR = (255, 255, 255), (90, 90, 90)
_DOUBT_COLOR = (255, 120, 0)
_DOTS = 40


@dataclass(frozen=True, eq=False)
class Source:
    """What a panel took colours from."""

    letter: str
    name: str
    share: float
    """Of the panel's places, in [0, 1]."""
    places: np.ndarray
    """(N, 2) places in the reference, x and y as shares."""


def visible(proposals: Proposals, box: Box, shape: tuple[int, ...]) -> Proposals:
    """The proposals of the part of a panel that lies on a page.

    Args:
        proposals: Of the whole panel.
        box: Of the whole panel, in pixels of the page; it may run past the page where that is a slice of a strip.
        shape: Of the page, (H, W, ...).
    """
    rows, columns = (
        slice(max(0, -start) * places // size, max(1, ceil(min(size, side - start) * places / size)))
        for start, size, side, places in zip(
            (box[1], box[0]), (box[3], box[2]), shape[:2], proposals.reference.shape, strict=True
        )
    )
    return replace(
        proposals,
        colors=proposals.colors[rows, columns],
        confidence=proposals.confidence[rows, columns],
        similarity=proposals.similarity[rows, columns],
        reference=proposals.reference[rows, columns],
        place=proposals.place[rows, columns],
    )


def sources_of(proposals: Proposals) -> list[Source]:
    """The references that gave most, at most as many as there are letters."""
    found = []
    for letter, (name, share) in zip(LETTERS, proposals.shares.items(), strict=False):
        own = proposals.place[proposals.reference == proposals.names.index(name)]
        found.append(Source(letter, name, share, own[evenly_spaced(len(own), _DOTS)]))
    return found


def source_map(panel: np.ndarray, proposals: Proposals, sources: Sequence[Source]) -> bytes:
    """A panel in gray under the colours of its sources, with their letters: (H, W, 3) uint8 RGB -> JPEG."""
    small = _small(panel, MAP_PX)
    painted = np.full((*proposals.reference.shape, 3), _OTHER_COLOR, np.uint8)
    painted[proposals.reference == FROM_HINT] = _HINT_COLOR
    for source, color in zip(sources, COLORS, strict=False):
        painted[proposals.reference == proposals.names.index(source.name)] = color
    painted = cv2.resize(painted, small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    mixed = np.rint(0.45 * gray_to_rgb(rgb_to_gray(small)) + 0.55 * painted).astype(np.uint8)
    for source in sources:
        _write_letter(mixed, proposals.reference == proposals.names.index(source.name), source.letter)
    return thumbnail(mixed, MAP_PX)


def reference_picture(jpeg: bytes, source: Source) -> bytes:
    """The thumbnail of a reference, JPEG, with dots in its source's colour where colours were taken from."""
    rgb = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert rgb is not None
    rgb = np.ascontiguousarray(rgb, np.uint8)
    height, width = rgb.shape[:2]
    color = COLORS[LETTERS.index(source.letter)]
    for x, y in source.places:
        center = int(x * width), int(y * height)
        cv2.circle(rgb, center, 4, (255, 255, 255), -1, cv2.LINE_AA)
        cv2.circle(rgb, center, 3, color, -1, cv2.LINE_AA)
    return thumbnail(rgb, max(height, width))


def doubt_map(page: np.ndarray, panels: Sequence[ColoredPanel]) -> bytes:
    """A page in gray, orange where its colours are doubtful: (H, W, 3) uint8 RGB -> JPEG."""
    small = _small(page, PAGE_PX)
    scale = len(small) / len(page)
    doubt = np.zeros(small.shape[:2], np.float32)
    for panel in panels:
        if panel.proposals is None:
            continue
        x, y, width, height = (round(value * scale) for value in panel.box)
        top, left = max(y, 0), max(x, 0)
        window = doubt[top : y + height, left : x + width]
        if not window.size or height < 1 or width < 1:
            continue
        found = resized(np.clip(1 - 2 * panel.proposals.confidence, 0, 1).astype(np.float32), (height, width))
        window[:] = found[top - y : top - y + window.shape[0], left - x : left - x + window.shape[1]]
    share = 0.7 * doubt[..., np.newaxis]
    mixed = (1 - share) * gray_to_rgb(rgb_to_gray(small)) + share * np.array(_DOUBT_COLOR, np.float32)
    return thumbnail(np.rint(mixed).astype(np.uint8), PAGE_PX)


def _small(rgb: np.ndarray, side: int) -> np.ndarray:
    scale = min(1.0, side / max(rgb.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in rgb.shape[:2])
    return np.ascontiguousarray(resized(rgb, (height, width)))


def _write_letter(rgb: np.ndarray, is_own: np.ndarray, letter: str) -> None:
    """Writes a letter where most of an area is, in place."""
    window = max(3, is_own.shape[1] // 3), max(3, is_own.shape[0] // 3)
    near = cv2.blur(is_own.astype(np.float32), window, borderType=cv2.BORDER_CONSTANT)  # least at the border
    row, column = np.unravel_index(int(near.argmax()), near.shape)
    x, y = (column + 0.5) / near.shape[1] * rgb.shape[1], (row + 0.5) / near.shape[0] * rgb.shape[0]
    place = int(np.clip(x - 8, 2, max(2, rgb.shape[1] - 20))), int(np.clip(y + 8, 20, max(20, rgb.shape[0] - 4)))
    for color, width in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        cv2.putText(rgb, letter, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, color, width, cv2.LINE_AA)
