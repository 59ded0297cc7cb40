"""Feature extractors: fixed VGG networks that losses, metrics and generators look through.

Three kinds, which do not compare with one another, so each use names one: "vgg16" and "vgg19" trained on
ImageNet (torchvision's files), and "hed-vgg16", VGG16 that went on to learn edges (Xie and Tu, "Holistically-Nested
Edge Detection", ICCV 2015).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from models.digest import first_not_finite
from models.precision import full_precision
from models.specs.features import VggExtractor
from models.vgg import VggStack


@dataclass(frozen=True)
class _Kind:
    depth: Literal[16, 19]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    is_bgr: bool = False
    """In the order blue, green, red: the network's, and that of the two triples above."""
    unit: float = 1.0
    """Maps are divided by this."""


# ImageNet's mean and standard deviation of RGB in [0, 1], as torchvision's training; Caffe's mean of BGR in 0..255.
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CAFFE = ((104.007 / 255, 116.669 / 255, 122.679 / 255), (1 / 255, 1 / 255, 1 / 255))

_CAFFE_DEVIATION = 255 * 0.226
"""[I] Of colours as Caffe's networks see them; those that ImageNet's see have deviation 1. Where the papers weigh
losses, they mean ImageNet's maps. Divided by this, the squared distances of "hed-vgg16" are some thousand times
smaller, and no longer drown every other loss."""

_KINDS = {
    "vgg16": _Kind(16, *_IMAGENET),
    "vgg19": _Kind(19, *_IMAGENET),
    "hed-vgg16": _Kind(16, *_CAFFE, is_bgr=True, unit=_CAFFE_DEVIATION),
}


class WeightsError(ValueError):
    """A file does not hold an extractor's weights. The message names the file and what was expected."""


class Extractor(nn.Module):
    """A VGG network that looks at RGB pictures and never learns. Random weights until it is loaded.

    Computes in float32 also under autocast, for its distances are small numbers. Gradients reach the pictures.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, name: str, width: int = 64) -> None:
        """As named in `models.features`; `width` is the number of channels of the first layer."""
        super().__init__()
        if name not in _KINDS:
            raise ValueError(f"no extractor {name!r}; there are: {', '.join(_KINDS)}")
        kind = _KINDS[name]
        self.spec = VggExtractor(name, width)
        self.name = name
        self.stack = VggStack(kind.depth, 3, width)
        self._is_bgr = kind.is_bgr
        self._unit = kind.unit
        self.register_buffer("mean", torch.tensor(kind.mean).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(kind.deviation).reshape(1, 3, 1, 1))
        self.requires_grad_(False).eval()

    def forward(self, rgb: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """The maps of some layers.

        Args:
            rgb: (B, 3, H, W) in [-1, 1]; one channel stands for gray. A layer of block n needs 2**(n - 1) pixels.
            layers: "conv1_2" (before its ReLU), "relu1_2" (after), ... in any order.

        Returns float32 maps, (B, C, H / 2**(n - 1), W / 2**(n - 1)) for a layer of block n; those of "hed-vgg16" in
        units of 57.6, the deviation of the colours that it sees.
        Raises ValueError for a layer that there is not.
        """
        with full_precision(rgb.device):
            colors = rgb.float().expand(-1, 3, -1, -1) / 2 + 0.5
            if self._is_bgr:
                colors = colors.flip(1)
            maps = self.stack.maps((colors - self.mean) / self.deviation, layers)
            return maps if self._unit == 1 else [found / self._unit for found in maps]


def load_extractor(name: str, path: Path) -> Extractor:
    """An extractor with the weights of a file: torchvision's .pth, or .safetensors with the same names.

    Anything beside the convolutions is left unread; a .pth file is read as tensors only, so no code in it runs.
    Raises ValueError for an unknown name, FileNotFoundError, or WeightsError for a file that does not fit.
    """
    extractor = Extractor(name)
    path = Path(path)
    weights = read_weights(path, name)
    convolutions = {key: tensor.float() for key, tensor in weights.items() if key.startswith("features.")}
    load_weights(extractor.stack, convolutions, path=path, name=name)
    return extractor


def read_weights(path: Path, name: str) -> dict[str, Tensor]:
    """The tensors of a .safetensors file, or of torch's .pth, on the CPU.

    Raises FileNotFoundError, or WeightsError for any other file, and for numbers that are not finite.
    """
    try:
        if path.suffix == ".safetensors":
            weights = load_file(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # torch's reader ends in almost any error on damaged bytes
        raise WeightsError(f"{path}: no file of weights ({_one_line(error)}); expected those of {name}") from None
    if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise WeightsError(f"{path}: no file of weights, but {type(weights).__name__}; expected those of {name}")
    try:
        spoilt = first_not_finite({key: tensor.float() for key, tensor in weights.items()})
    except RuntimeError as error:  # also NotImplementedError: sparse, quantized, of 4 bits, without numbers at all
        raise WeightsError(
            f"{path}: its tensors are of a kind that is not read ({_one_line(error)}); expected float32 of {name}"
        ) from None
    if spoilt:
        raise WeightsError(f"{path}: damaged: {spoilt} holds numbers that are not finite; get the file of {name} again")
    return weights


def load_weights(network: nn.Module, weights: dict[str, Tensor], *, path: Path, name: str) -> None:
    """Loads the tensors of a file into a network. Raises WeightsError where they do not fit."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise WeightsError(f"{path}: these are not the weights of {name}: {_one_line(error)}") from None


def _one_line(error: BaseException) -> str:
    """An error's message on one line of at most 300 characters; torch's has hundreds of lines."""
    text = " ".join((str(error) or type(error).__name__).split())
    return text if len(text) <= 300 else f"{text[:297]}..."
