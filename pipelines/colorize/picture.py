"""The one interface of everything that colorizes: a gray or line picture of any size in, an RGB picture of the same
size out. Works on arrays; reads nothing but a checkpoint.
"""

from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch

from models.checkpoint import Checkpoint, load_checkpoint
from models.specs import ColorSpace
from pipelines.color import (
    gray_to_rgb,
    network_input,
    network_picture,
    resized,
    rgb_to_gray,
    with_luma,
)

_BATCH = 16  # pictures through the network at once: bounds memory, not results


class Colorizer(Protocol):
    """What benchmarks, books and pages hold."""

    @property
    def name(self) -> str:
        """The recipe's name, or that of a floor."""
        ...

    @property
    def variant(self) -> str:
        """What it expects to see: "gray", "edge" or "line"."""
        ...

    def colorize(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB, for any H and W."""
        ...

    def colorize_batch(self, pictures: np.ndarray) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB, for any H and W."""
        ...


class GrayCopy:
    """The floor: the gray picture itself, as RGB. A colorizer that does worse has learned nothing."""

    name = "gray_copy"
    variant = "gray"

    def colorize(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB."""
        return gray_to_rgb(picture)

    def colorize_batch(self, pictures: np.ndarray) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB."""
        return gray_to_rgb(pictures)


class TrainedColorizer:
    """A checkpoint that colorizes.

    The network sees each picture at its training resolution, squared as the training pictures were. At that very
    size its picture is the answer. At any other size a gray picture keeps its own lightness and takes the
    network's chroma, so that lines and lettering stay as sharp as they came; lines and edges have no lightness
    to keep, so there the network's picture is scaled.
    """

    def __init__(self, checkpoint: Checkpoint, *, device: str = "auto") -> None:
        self.name: str = checkpoint.recipe["name"]
        self.variant: str = checkpoint.recipe["variant"]
        self.resolution = checkpoint.resolution
        self._space: ColorSpace = checkpoint.recipe["color_space"]
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self._device = torch.device(device)
        self._network = checkpoint.generator().to(self._device)
        self._network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @classmethod
    def load(cls, path: Path, device: str = "auto") -> Self:
        """The colorizer of a checkpoint file, on "cpu", "cuda" or "auto".

        Raises FileNotFoundError, or CheckpointError for a file that is no checkpoint.
        """
        return cls(load_checkpoint(path), device=device)

    def colorize(self, picture: np.ndarray) -> np.ndarray:
        """(H, W) uint8 -> (H, W, 3) uint8 RGB, for any H and W."""
        return self.colorize_batch(picture[np.newaxis])[0]

    def colorize_batch(self, pictures: np.ndarray) -> np.ndarray:
        """(N, H, W) uint8 -> (N, H, W, 3) uint8 RGB, for any H and W. Raises ValueError for other arrays."""
        if pictures.dtype != np.uint8 or pictures.ndim != 3 or 0 in pictures.shape[1:]:
            raise ValueError(
                f"{self.name}: expected gray pictures (N, H, W) uint8, got {pictures.shape} {pictures.dtype}; "
                "gray_of() makes them from pictures in colour"
            )
        colored = np.empty((*pictures.shape, 3), np.uint8)
        for start in range(0, len(pictures), _BATCH):
            part = slice(start, start + _BATCH)
            colored[part] = self._colorize_part(pictures[part])
        return colored

    def _colorize_part(self, pictures: np.ndarray) -> np.ndarray:
        side = (self.resolution, self.resolution)
        small = np.stack([resized(picture, side) for picture in pictures])
        colored = self._at_training_resolution(small)
        if pictures.shape[1:] == side:
            return colored
        if self.variant == "gray":
            return with_luma(colored, pictures)
        return np.stack([resized(picture, pictures.shape[1:]) for picture in colored])

    @torch.inference_mode()
    def _at_training_resolution(self, pictures: np.ndarray) -> np.ndarray:
        condition = torch.from_numpy(network_input(pictures, self._space)).to(self._device)
        output = self._network(condition.contiguous(memory_format=torch.channels_last))
        return network_picture(output.float().cpu().numpy(), pictures, self._space)


def gray_of(picture: np.ndarray) -> np.ndarray:
    """The gray picture of one in colour, (H, W, 3) uint8 RGB -> (H, W) uint8; a gray one is given back as it is."""
    return picture if picture.ndim == 2 else rgb_to_gray(picture)
