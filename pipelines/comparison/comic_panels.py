"""The panels of comics in a folder, `<title>/<issue>/<page>`: cut, without gray ones and near-duplicates.

For tables about comics that no lineage has collected. Reads files, writes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.images.color import resized
from pipelines.images.decode import decode_picture
from pipelines.images.formats import PICTURE_SUFFIXES
from pipelines.lake import natural_key
from pipelines.panels.cut import cut_page
from pipelines.panels.filters import MeasuredPanel, colored_share, is_gray
from pipelines.panels.hashing import is_flat, phash
from pipelines.panels.params import PanelParams

LONG_SIDE_PX = 256
NEAR_DUPLICATE_BITS = 8
"""Of two panels of a title with pHashes no farther apart, the later one is left out."""

_PARAMS = PanelParams(max_side_px=4096)


@dataclass(frozen=True, eq=False)
class ComicPanel:
    """One panel, at most LONG_SIDE_PX long."""

    title: str
    issue: str
    name: str
    rgb: np.ndarray
    """(H, W, 3) uint8 RGB."""


@dataclass(frozen=True, eq=False)
class ComicPage:
    """One page, whole, with the boxes of its panels."""

    title: str
    issue: str
    name: str
    rgb: np.ndarray
    """(H, W, 3) uint8 RGB."""
    boxes: tuple[tuple[int, int, int, int], ...]
    """x, y, width and height in pixels, in reading order."""


def pages_of(folder: Path, title: str, issues: frozenset[str] | None = None) -> Iterator[ComicPage]:
    """The pages of a title in their order; `issues`: only those. Raises FileNotFoundError for a folder without them."""
    found = [issue for issue in (folder / title).glob("*") if issue.is_dir() and (not issues or issue.name in issues)]
    if not found:
        raise FileNotFoundError(f"{folder / title}: no issues there; expected <title>/<issue>/<page>")
    for issue in sorted(found, key=lambda path: natural_key(path.name)):
        for file in sorted(issue.iterdir(), key=lambda path: natural_key(path.name)):
            if file.suffix.lower() in PICTURE_SUFFIXES:
                rgb = decode_picture(file.read_bytes(), name=str(file))
                boxes = tuple(cut.box for cut in cut_page(rgb, _PARAMS))
                yield ComicPage(title, issue.name, file.name, rgb, boxes)


def panels_of(folder: Path, title: str, issues: frozenset[str] | None = None) -> list[ComicPanel]:
    """The panels of a title in colour: without those that are small, gray, flat, or near-duplicates of earlier ones."""
    panels: list[ComicPanel] = []
    hashes: list[int] = []
    for page in pages_of(folder, title, issues):
        for number, (x, y, width, height) in enumerate(page.boxes, start=1):
            rgb = np.ascontiguousarray(page.rgb[y : y + height, x : x + width])
            is_small = min(width, height) < _PARAMS.min_side_px
            if is_small or is_flat(rgb) or is_gray(colored_share(MeasuredPanel(rgb), _PARAMS), _PARAMS):
                continue
            own = int(phash(rgb), 16)
            if any((own ^ other).bit_count() <= NEAR_DUPLICATE_BITS for other in hashes):
                continue
            hashes.append(own)
            panels.append(ComicPanel(title, page.issue, f"{page.name} #{number}", _shrunk(rgb)))
    return panels


def _shrunk(rgb: np.ndarray) -> np.ndarray:
    scale = min(1.0, LONG_SIDE_PX / max(rgb.shape[:2]))
    return resized(rgb, (max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale))))
