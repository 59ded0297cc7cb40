"""The one interface of everything that colorizes: a gray or line picture of any size in, an RGB picture of the same
size out; where wanted with a person's hint, with references, and with the title that it is from. Works on arrays; reads
nothing but a checkpoint.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self, runtime_checkable

import numpy as np
import torch

from models.checkpoint import Checkpoint, load_checkpoint
from models.specs.base import ColorSpace
from pipelines.colorize.hints import Hint, network_hint, rasterize
from pipelines.images.color import (
    network_input,
    network_picture,
    resized,
    with_luma,
)

if TYPE_CHECKING:
    from pipelines.colorize.reference_colorizer import Colored
    from pipelines.colorize.references import References

_BATCH = 16  # pictures through the network at once: bounds memory, not results


class Colorizer(Protocol):
    """The interface of everything that colours a picture."""

    @property
    def name(self) -> str:
        """The name of the recipe, or of a baseline."""
        ...

    @property
    def variant(self) -> str:
        """The input that it expects: "gray", "edge" or "line"."""
        ...

    @property
    def takes_hints(self) -> bool:
        """True for a colorizer that takes hints."""
        ...

    @property
    def takes_references(self) -> bool:
        """True for a colorizer that takes pictures in colour as references."""
        ...

    def colorize(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        title: str | None = None,
        references: "References | None" = None,
    ) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB, for any H and W.

        Args:
            picture: What it sees.
            hint: A person's colours. Raises ValueError where it takes none.
            title: The title of the picture, for colorizers that take titles; others ignore it.
            references: Pictures whose colours may be taken over. Raises ValueError where it takes none.
        """
        ...

    def colorize_batch(
        self,
        pictures: np.ndarray,
        *,
        hints: Sequence[Hint | None] | None = None,
        titles: Sequence[str | None] | None = None,
        references: "Sequence[References | None] | None" = None,
    ) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB, for any H and W; hints, titles and references are N, if given."""
        ...


@runtime_checkable
class SourcedColorizer(Protocol):
    """A colorizer that tells where its colours came from."""

    def colorize_with_sources(
        self, picture: np.ndarray, *, hint: Hint | None = None, references: "References | None" = None
    ) -> "Colored":
        """(H, W) uint8 -> the picture in colour with the source of each colour."""
        ...


class PictureByPicture(ABC):
    """A colorizer that gains nothing from a batch: it colours the pictures one after the other."""

    @abstractmethod
    def colorize(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        title: str | None = None,
        references: "References | None" = None,
    ) -> np.ndarray:
        """See `Colorizer`."""

    def colorize_batch(
        self,
        pictures: np.ndarray,
        *,
        hints: Sequence[Hint | None] | None = None,
        titles: Sequence[str | None] | None = None,
        references: "Sequence[References | None] | None" = None,
    ) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB; hints and references are N, if given. Titles are passed over."""
        nothing = [None] * len(pictures)
        given = zip(pictures, hints or nothing, references or nothing, strict=True)
        return np.stack([self.colorize(one, hint=hint, references=known) for one, hint, known in given])


class TrainedColorizer:
    """A checkpoint that colorizes.

    The network sees each picture at its training resolution, squared as the training pictures were. At that very
    size its picture is the answer. At any other size a gray picture keeps its own lightness and takes the
    network's chroma, so that lines and lettering stay as sharp as they came; lines and edges have no lightness
    to keep, so there the network's picture is scaled.
    """

    takes_references = False

    def __init__(self, checkpoint: Checkpoint, *, device: str = "auto") -> None:
        self.name: str = checkpoint.recipe["name"]
        self.variant: str = checkpoint.recipe["variant"]
        self.resolution = checkpoint.resolution
        sampling = checkpoint.recipe.get("hint")
        self.hint_side: int | None = ceil(self.resolution / sampling["scale"]) if sampling else None
        """Side in pixels of the hints that its network takes; None: it takes none."""
        self.takes_hints: bool = sampling is not None
        self.titles: tuple[str, ...] = getattr(checkpoint.network, "titles", ())
        """The titles that it knows."""
        self._takes_titles: bool = checkpoint.recipe.get("with_label", False)
        self._space: ColorSpace = checkpoint.recipe["color_space"]
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = torch.device(device)
        self._network = checkpoint.trained().to(self._device)
        self._network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """The colorizer of a checkpoint file, on "cpu", "cuda" or "auto".

        Raises FileNotFoundError, or CheckpointError for a file that is no checkpoint.
        """
        return cls(load_checkpoint(path), device=device)

    def colorize(
        self,
        picture: np.ndarray,
        *,
        hint: Hint | None = None,
        title: str | None = None,
        references: "References | None" = None,
    ) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB, for any H and W; see `Colorizer`."""
        return self.colorize_batch(picture[np.newaxis], hints=[hint], titles=[title], references=[references])[0]

    def colorize_batch(
        self,
        pictures: np.ndarray,
        *,
        hints: Sequence[Hint | None] | None = None,
        titles: Sequence[str | None] | None = None,
        references: "Sequence[References | None] | None" = None,
    ) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB, for any H and W; see `Colorizer`.

        A title that it does not know is like none. Raises ValueError for other arrays, for references and for hints
        that it does not take, and for hints or titles that are not as many as the pictures.
        """
        if pictures.dtype != np.uint8 or pictures.ndim != 3 or 0 in pictures.shape[1:]:
            raise ValueError(
                f"{self.name}: expected gray pictures (N, H, W) uint8, got {pictures.shape} {pictures.dtype}; "
                "rgb_to_gray() makes them from pictures in colour"
            )
        if self.hint_side is None:
            require_no_hints(self.name, hints)
        require_no_references(self.name, references)
        hints = [None] * len(pictures) if hints is None else list(hints)
        titles = [None] * len(pictures) if titles is None else list(titles)
        if not len(hints) == len(titles) == len(pictures):
            raise ValueError(f"{self.name}: {len(pictures)} pictures, {len(hints)} hints and {len(titles)} titles")
        colored = np.empty((*pictures.shape, 3), np.uint8)
        for start in range(0, len(pictures), _BATCH):
            part = slice(start, start + _BATCH)
            colored[part] = self._colorize_part(pictures[part], hints[part], titles[part])
        return colored

    def _colorize_part(
        self, pictures: np.ndarray, hints: Sequence[Hint | None], titles: Sequence[str | None]
    ) -> np.ndarray:
        side = (self.resolution, self.resolution)
        small = np.stack([resized(picture, side) for picture in pictures])
        colored = self._at_training_resolution(small, hints, titles)
        if pictures.shape[1:] == side:
            return colored
        if self.variant == "gray":
            return with_luma(colored, pictures)
        return np.stack([resized(picture, pictures.shape[1:]) for picture in colored])

    @torch.inference_mode()
    def _at_training_resolution(
        self, pictures: np.ndarray, hints: Sequence[Hint | None], titles: Sequence[str | None]
    ) -> np.ndarray:
        given = [torch.from_numpy(network_input(pictures, self._space)).contiguous(memory_format=torch.channels_last)]
        if self.hint_side is not None:
            side = self.hint_side
            rgba = np.stack([rasterize(hint or Hint(), side) for hint in hints])
            given.append(torch.from_numpy(network_hint(rgba, self._space)))
        if self._takes_titles:
            places = [self.titles.index(title) if title in self.titles else -1 for title in titles]
            given.append(torch.tensor(places))
        output = self._network(*(tensor.to(self._device) for tensor in given))
        return network_picture(output.float().cpu().numpy(), pictures, self._space)


def require_gray_picture(name: str, picture: np.ndarray) -> None:
    """Raises ValueError, in the name of a colorizer, for anything but (H, W) uint8 with pixels."""
    if picture.dtype != np.uint8 or picture.ndim != 2 or 0 in picture.shape:
        raise ValueError(f"{name}: expected a gray picture (H, W) uint8, got {picture.shape} {picture.dtype}")


def require_no_hints(name: str, hints: Sequence[Hint | None] | None) -> None:
    """Raises ValueError, in the name of a colorizer that takes no hints, where one is given."""
    if any(hint is not None for hint in hints or ()):
        raise ValueError(f"{name} takes no hints; choose a colorizer that was trained with them, or give none")


def require_no_references(name: str, references: "Sequence[References | None] | None") -> None:
    """Raises ValueError, in the name of a colorizer that takes no references, where some are given."""
    if any(one is not None for one in references or ()):
        raise ValueError(f"{name} takes no references; choose a colorizer that takes them, or give none")
