"""The references of one book while it is coloured: their index for each variant, and small pictures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain, count

import cv2
import numpy as np

from pipelines.colorize.references import References, reference_of
from pipelines.images.color import resized

THUMBNAIL_PX = 240


@dataclass(eq=False)
class Shelf:
    """References by variant. Grows while a book is coloured."""

    variants: tuple[str, ...]
    """"gray", "line", or both: what the book's pages are."""
    references: dict[str, References] = field(default_factory=dict)
    find_picture: Callable[[str], np.ndarray | None] = lambda _: None
    """The picture, (H, W, 3) uint8 RGB, of a reference that came with an index; None where there is none."""
    _thumbnails: dict[str, bytes | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for variant in self.variants:
            self.references.setdefault(variant, References(variant))

    def add(self, name: str, rgb: np.ndarray, *, weight: float = 1.0) -> None:
        """Adds a picture in colour, (H, W, 3) uint8 RGB; it takes the place of one with the same name."""
        for variant in self.variants:
            entry = reference_of(name, rgb, variant=variant, weight=weight)
            self.references[variant] = self.references[variant].without([name]).with_entries([entry])
        self._thumbnails[name] = thumbnail(rgb, THUMBNAIL_PX)

    def free_name(self, *wanted: str) -> str:
        """The first of some names that no reference has; where all are taken, the last one with a number."""
        taken = {name for found in self.references.values() for name in found.names}
        numbered = (f"{wanted[-1]} ({number})" for number in count(2))
        return next(name for name in chain(wanted, numbered) if name not in taken)

    def extend(self, found: References) -> None:
        """Adds the references of an index that was made before, for its variant."""
        if found.variant in self.references:
            self.references[found.variant] = self.references[found.variant].with_entries(found)

    def thumbnail(self, name: str) -> bytes | None:
        """A small picture of a reference, JPEG; None where there is only its index."""
        if name not in self._thumbnails:
            rgb = self.find_picture(name)
            self._thumbnails[name] = None if rgb is None else thumbnail(rgb, THUMBNAIL_PX)
        return self._thumbnails[name]

    def __len__(self) -> int:
        return max((len(found) for found in self.references.values()), default=0)


def thumbnail(rgb: np.ndarray, side: int, *, quality: int = 85) -> bytes:
    """A picture, (H, W, 3) uint8 RGB, as a JPEG file with a long side of at most `side` pixels."""
    scale = min(1.0, side / max(rgb.shape[:2]))
    height, width = (max(1, round(length * scale)) for length in rgb.shape[:2])
    small = cv2.cvtColor(resized(rgb, (height, width)), cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
