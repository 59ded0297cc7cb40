"""The colorizer that needs no training: it proposes colours from hints and references, and propagates them.

Paper 000 replaces its first network by a person ("colour & apply"); Levin et al. 2004, the hint-based method that paper
001 opens with, propagates a person's strokes. Here a place of a picture takes the colours of its like, in references or
under the picture's own hints, before they are propagated.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.colorize.hints import Hint, rasterize
from pipelines.colorize.picture import PictureByPicture, require_gray_picture
from pipelines.colorize.places import LONG_SIDE_PX, PicturePlaces, find_places
from pipelines.colorize.propagate import propagate, solved_size
from pipelines.colorize.proposals import Proposals, propose
from pipelines.colorize.references import References
from pipelines.images.bands import CACHED_PIXELS, by_bands
from pipelines.images.color import (
    gray_to_lightness,
    gray_to_rgb,
    lab_to_rgb,
    resized,
    rgb_to_lab,
    with_luma,
)

_PROPOSED_WEIGHT = 0.003  # of a pixel that is sure of its proposal; a pixel of a hint has 1


@dataclass(frozen=True, eq=False)
class Colored:
    """A colored picture and where its colours came from."""

    rgb: np.ndarray
    """(H, W, 3) uint8."""
    proposals: Proposals


class ReferenceColorizer(PictureByPicture):
    """Colours from references and hints; see the module. It knows no titles."""

    takes_hints = True
    takes_references = True

    def __init__(self, name: str = "reference_match", variant: str = "gray") -> None:
        """variant: "gray" keeps the lightness of each picture; for "line" lightness is taken over too."""
        self.name = name
        self.variant = variant

    def colorize(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        title: str | None = None,
        references: References | None = None,
    ) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB, for any H and W. Without references and hints it stays as it is."""
        return self.colorize_with_sources(picture, hint=hint, references=references).rgb

    def colorize_with_sources(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        references: References | None = None,
        places: PicturePlaces | None = None,
    ) -> Colored:
        """(H, W) uint8 -> the picture in colour with the source of each colour.

        Raises ValueError for other arrays, and for references of another variant.

        places: Those of the picture, where they are known from an earlier call: a hint is then answered at once.
        """
        require_gray_picture(self.name, picture)
        if references is not None and references.variant != self.variant:
            raise ValueError(
                f"{self.name}: references were indexed for {references.variant} pictures, this colorizer sees "
                f'{self.variant}: make them with References.of(..., variant="{self.variant}")'
            )
        proposals = self._proposed(picture, places or find_places(picture), references, hint)
        colors, weights = self._given(picture.shape, proposals, hint)
        if not weights.any():
            return Colored(gray_to_rgb(picture), proposals)
        return Colored(self._composed(picture, propagate(picture, colors, weights)), proposals)

    def _proposed(
        self, picture: np.ndarray, places: PicturePlaces, references: References | None, hint: Hint | None
    ) -> Proposals:
        return propose(picture, places, references, hint)

    def _given(self, shape: tuple[int, ...], proposals: Proposals, hint: Hint | None) -> tuple[np.ndarray, np.ndarray]:
        """The colours that are propagated, and their weights."""
        channels = slice(1, 3) if self.variant == "gray" else slice(0, 3)
        colors, weights = proposals.colors[..., channels], _PROPOSED_WEIGHT * proposals.confidence
        if hint is None or not (hint.points or hint.strokes):
            return colors, weights
        size = solved_size(shape)
        colors, weights = resized(colors, size).copy(), resized(weights, size).copy()
        marks = rasterize(hint, size)
        is_marked = marks[..., 3] > 0
        colors[is_marked] = rgb_to_lab(marks[is_marked][np.newaxis, :, :3])[0][:, channels]
        # A point is one pixel at the size at which pictures are looked at, and counts as much at any other size.
        weights[is_marked] = max(1.0, (max(size) / LONG_SIDE_PX) ** 2)
        return colors, weights

    def _composed(self, picture: np.ndarray, colors: np.ndarray) -> np.ndarray:
        compose = _under_lightness if self.variant == "gray" else _under_ink
        return by_bands(compose, picture, colors, pixels=CACHED_PIXELS)


def _under_lightness(picture: np.ndarray, ab: np.ndarray) -> np.ndarray:
    lab = cv2.merge([gray_to_lightness(picture), *cv2.split(ab)])
    return with_luma(lab_to_rgb(lab), picture)


def _under_ink(lines: np.ndarray, lab: np.ndarray) -> np.ndarray:
    ink = gray_to_rgb(lines).astype(np.float32) / 255
    return np.rint(lab_to_rgb(lab) * ink).astype(np.uint8)
