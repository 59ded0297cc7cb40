"""Baselines: colorizers that learn nothing, and the oracle, which gives the truth.

A colorizer below the gray copy is a finding, not a result (episodes differ in their ambient light, so that a plain
network answers in sepia). The oracle shows the best value of each metric.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipelines.colorize.hints import Hint
from pipelines.colorize.picture import require_no_hints, require_no_references
from pipelines.evaluation.tracks import Track
from pipelines.images.color import gray_to_rgb, lab_to_rgb, rgb_to_lab, with_luma
from pipelines.pairs import Pairs

if TYPE_CHECKING:
    from pipelines.colorize.references import References
    from pipelines.training_set import TrainingSet

THUMBNAIL_PX = 16
BASELINES: dict[Track, tuple[str, ...]] = {
    "gray": ("gray_copy", "mean_chroma", "nearest_panel", "truth"),
    "line": ("line_copy", "mean_color", "nearest_drawing", "true_drawing"),
}
"""By track: the picture itself, the mean of train, the most similar training panel, and the oracle."""

REFERENCE_BASELINES: dict[Track, str] = {"gray": "reference_mean", "line": "reference_mean_line"}
"""By track: the mean colour of the references, a baseline where there are references."""

ORACLES = frozenset({"truth", "true_drawing"})
BASELINE_NAMES = frozenset(name for names in BASELINES.values() for name in names) | {*REFERENCE_BASELINES.values()}


class _Baseline(ABC):
    """A trivial colorizer: it takes any title, no hints, and but for one kind no references."""

    takes_hints = False
    takes_references = False

    def __init__(self, name: str, track: Track) -> None:
        self.name = name
        self.variant = track

    def colorize(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        title: str | None = None,
        references: "References | None" = None,
    ) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB. Raises ValueError for what it does not take."""
        return self.colorize_batch(picture[np.newaxis], hints=[hint], references=[references])[0]

    def colorize_batch(
        self,
        pictures: np.ndarray,
        *,
        hints: Sequence[Hint | None] | None = None,
        titles: Sequence[str | None] | None = None,
        references: "Sequence[References | None] | None" = None,
    ) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB. Raises ValueError for what it does not take."""
        require_no_hints(self.name, hints)
        if not self.takes_references:
            require_no_references(self.name, references)
        return self._colored(pictures, references or [None] * len(pictures))

    @abstractmethod
    def _colored(self, pictures: np.ndarray, references: "Sequence[References | None]") -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB; references are N, and None where it takes none."""


class Copy(_Baseline):
    """The picture itself, as RGB."""

    def _colored(self, pictures: np.ndarray, references: "Sequence[References | None]") -> np.ndarray:
        return gray_to_rgb(pictures)


class MeanColor(_Baseline):
    """The mean of train: its chroma under the lightness of a gray picture; for lines, its one mean colour."""

    def __init__(self, name: str, track: Track, train: Pairs) -> None:
        super().__init__(name, track)
        self._lab = np.mean([rgb_to_lab(np.asarray(rgb)).mean(axis=(0, 1)) for rgb in train.color], axis=0)

    def _colored(self, pictures: np.ndarray, references: "Sequence[References | None]") -> np.ndarray:
        return _in_one_color(pictures, self._lab, self.variant)


class ReferenceMean(_Baseline):
    """The mean colour of each picture's references, as `MeanColor`; without references the picture itself."""

    takes_references = True

    def _colored(self, pictures: np.ndarray, references: "Sequence[References | None]") -> np.ndarray:
        colored = gray_to_rgb(pictures)
        for number, known in enumerate(references):
            if known:
                means = [one.colors.astype(np.float32).mean(axis=(0, 1)) for one in known]
                colored[number] = _in_one_color(pictures[number], np.mean(means, axis=0), self.variant)
        return colored


class NearestPanel(_Baseline):
    """The training panel that looks most alike: its chroma under the own lightness; for lines, the panel itself.

    Alike is the least squared distance between thumbnails of 16 x 16 of what a colorizer sees.
    """

    def __init__(self, name: str, track: Track, train: Pairs) -> None:
        super().__init__(name, track)
        self._train = train
        seen = train.variant[:, min(1, train.variant.shape[1] - 1)]  # lines: the middle sigma
        self._thumbnails = np.stack([_thumbnail(np.asarray(picture)) for picture in seen])

    def _colored(self, pictures: np.ndarray, references: "Sequence[References | None]") -> np.ndarray:
        side = pictures.shape[1:]
        nearest = [np.square(self._thumbnails - _thumbnail(picture)).sum(axis=1).argmin() for picture in pictures]
        found = np.stack([cv2.resize(np.asarray(self._train.color[row]), side[::-1]) for row in nearest])
        return with_luma(found, pictures) if self.variant == "gray" else found


class Truth(_Baseline):
    """The oracle. It sees no truths itself: `evaluate` takes them as its outputs."""

    def _colored(self, pictures: np.ndarray, references: "Sequence[References | None]") -> np.ndarray:
        raise ValueError(f"{self.name} has no picture of its own: only `evaluate` can give it one")


def build_baseline(name: str, training_set: "TrainingSet", resolution: int) -> _Baseline:
    """A trivial colorizer by its name in BASELINES or REFERENCE_BASELINES. Raises StopIteration for another name."""
    for of_track, of_references in REFERENCE_BASELINES.items():
        if name == of_references:
            return ReferenceMean(name, of_track)
    track: Track = next(track for track, names in BASELINES.items() if name in names)
    kind = BASELINES[track].index(name)
    if kind in (0, 3):
        return (Copy if kind == 0 else Truth)(name, track)
    return (MeanColor if kind == 1 else NearestPanel)(name, track, training_set.pairs("train", track, resolution))


def _in_one_color(pictures: np.ndarray, lab: np.ndarray, variant: str) -> np.ndarray:
    """(..., H, W) uint8 -> (..., H, W, 3) uint8 RGB: one chroma under the lightness of gray; else one flat colour."""
    if variant == "gray":
        found = rgb_to_lab(gray_to_rgb(pictures))
        found[..., 1:] = lab[1:]
        return lab_to_rgb(found)
    flat = lab_to_rgb(np.broadcast_to(lab, (1, 1, 3)).astype(np.float32))[0, 0]
    return np.broadcast_to(flat, (*pictures.shape, 3)).copy()


def _thumbnail(picture: np.ndarray) -> np.ndarray:
    """(H, W) uint8 -> (256,) float32, without its mean: alike is about shapes, not about exposure."""
    small = cv2.resize(picture, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    return small - small.mean()
