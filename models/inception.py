"""Inception v3 as FID knows it: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision" (2016).

The network of 2015 that Heusel et al. (2017) measured with differs from torchvision's: averages leave the border out,
and the last block takes a maximum. Names are those of the file of weights that everyone uses
(pt_inception-2015-12-05, Apache-2.0), so that it fits.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, relu

from models.features import load_weights, read_weights

_NAME = "Inception v3 for FID"
_SIDE_PX = 299

Step = tuple[str, int, tuple[int, int], int]
"""A convolution: its name, channels, kernel (height, width), and stride. Where that is 2, there is no padding."""

_ONE, _THREE, _FIVE, _ROW, _COLUMN, _SHORT_ROW, _SHORT_COLUMN = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1), (1, 3), (3, 1)


class Convolution(nn.Module):
    """A convolution without bias, batch norm and a ReLU."""

    def __init__(
        self, in_channels: int, channels: int, kernel: tuple[int, int], stride: int = 1, *, is_padded: bool = True
    ) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if is_padded and stride == 1 else 0
        self.conv = nn.Conv2d(in_channels, channels, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, channels, H, W), less at the borders without padding."""
        return relu(self.bn(self.conv(x)))


class Mixed(nn.Module):
    """Branches beside one another: chains of convolutions, whose last may be a pair of two, and a pooling."""

    def __init__(self, in_channels: int, chains: list[list[Step]], pool: str, pool_channels: int = 0) -> None:
        """`pool` is "average", "maximum", each before a convolution to `pool_channels`, or "half" without one."""
        super().__init__()
        self._chains, self._pool = chains, pool
        self.channels = pool_channels or in_channels
        for chain in chains:
            channels = in_channels
            for name, out_channels, kernel, stride in chain:
                self.add_module(name, Convolution(channels, out_channels, kernel, stride))
                is_of_pair = name.endswith("a")
                channels = channels if is_of_pair else out_channels
                self.channels += out_channels if is_of_pair or name == chain[-1][0] else 0
        if pool_channels:
            self.branch_pool = Convolution(in_channels, pool_channels, _ONE)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, channels, H, W), or half of H and W."""
        outputs = []
        for chain in self._chains:
            y = x
            for name, *_ in chain:
                convolution = self.get_submodule(name)
                if name.endswith("a"):
                    outputs.append(convolution(y))
                else:
                    y = convolution(y)
            outputs.append(y)
        return torch.cat([*outputs, self._pooled(x)], dim=1)

    def _pooled(self, x: Tensor) -> Tensor:
        if self._pool == "half":
            return max_pool2d(x, 3, 2)
        if self._pool == "maximum":
            return self.branch_pool(max_pool2d(x, 3, 1, 1))
        return self.branch_pool(avg_pool2d(x, 3, 1, 1, count_include_pad=False))


def _a(in_channels: int, pool_channels: int) -> Mixed:
    chains = [
        [("branch1x1", 64, _ONE, 1)],
        [("branch5x5_1", 48, _ONE, 1), ("branch5x5_2", 64, _FIVE, 1)],
        [("branch3x3dbl_1", 64, _ONE, 1), ("branch3x3dbl_2", 96, _THREE, 1), ("branch3x3dbl_3", 96, _THREE, 1)],
    ]
    return Mixed(in_channels, chains, "average", pool_channels)


def _b() -> Mixed:
    chains = [
        [("branch3x3", 384, _THREE, 2)],
        [("branch3x3dbl_1", 64, _ONE, 1), ("branch3x3dbl_2", 96, _THREE, 1), ("branch3x3dbl_3", 96, _THREE, 2)],
    ]
    return Mixed(288, chains, "half")


def _c(channels: int) -> Mixed:
    chains = [
        [("branch1x1", 192, _ONE, 1)],
        [("branch7x7_1", channels, _ONE, 1), ("branch7x7_2", channels, _ROW, 1), ("branch7x7_3", 192, _COLUMN, 1)],
        [
            ("branch7x7dbl_1", channels, _ONE, 1),
            ("branch7x7dbl_2", channels, _COLUMN, 1),
            ("branch7x7dbl_3", channels, _ROW, 1),
            ("branch7x7dbl_4", channels, _COLUMN, 1),
            ("branch7x7dbl_5", 192, _ROW, 1),
        ],
    ]
    return Mixed(768, chains, "average", 192)


def _d() -> Mixed:
    chains = [
        [("branch3x3_1", 192, _ONE, 1), ("branch3x3_2", 320, _THREE, 2)],
        [
            ("branch7x7x3_1", 192, _ONE, 1),
            ("branch7x7x3_2", 192, _ROW, 1),
            ("branch7x7x3_3", 192, _COLUMN, 1),
            ("branch7x7x3_4", 192, _THREE, 2),
        ],
    ]
    return Mixed(768, chains, "half")


def _e(in_channels: int, pool: str) -> Mixed:
    chains = [
        [("branch1x1", 320, _ONE, 1)],
        [
            ("branch3x3_1", 384, _ONE, 1),
            ("branch3x3_2a", 384, _SHORT_ROW, 1),
            ("branch3x3_2b", 384, _SHORT_COLUMN, 1),
        ],
        [
            ("branch3x3dbl_1", 448, _ONE, 1),
            ("branch3x3dbl_2", 384, _THREE, 1),
            ("branch3x3dbl_3a", 384, _SHORT_ROW, 1),
            ("branch3x3dbl_3b", 384, _SHORT_COLUMN, 1),
        ],
    ]
    return Mixed(in_channels, chains, pool, 192)


class Inception(nn.Module):
    """The features of the standard FID. Never learns; random weights until it is loaded."""

    num_features = 2048

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, _THREE, 2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, _THREE, is_padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, _THREE)
        self.Conv2d_3b_1x1 = Convolution(64, 80, _ONE)
        self.Conv2d_4a_3x3 = Convolution(80, 192, _THREE, is_padded=False)
        self.Mixed_5b = _a(192, 32)
        self.Mixed_5c = _a(256, 64)
        self.Mixed_5d = _a(288, 64)
        self.Mixed_6a = _b()
        self.Mixed_6b = _c(128)
        self.Mixed_6c = _c(160)
        self.Mixed_6d = _c(160)
        self.Mixed_6e = _c(192)
        self.Mixed_7a = _d()
        self.Mixed_7b = _e(1280, "average")
        self.Mixed_7c = _e(2048, "maximum")
        self.requires_grad_(False).eval()

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 2048): the last block's means. Scaled to 299 x 299, linearly."""
        x = interpolate(rgb, (_SIDE_PX, _SIDE_PX), mode="bilinear", align_corners=False)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (B, 64, 147, 147)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(max_pool2d(x, 3, 2)))  # (B, 192, 71, 71)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(max_pool2d(x, 3, 2))))  # (B, 288, 35, 35)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))  # (B, 768, 17, 17)
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (B, 2048, 8, 8)
        return x.mean(dim=(2, 3))


def load_inception(path: Path) -> Inception:
    """The network with the weights of a file, read as tensors only; its classifier `fc` is left unread.

    Raises FileNotFoundError, or WeightsError for a file that does not fit.
    """
    network = Inception()
    weights = read_weights(path, _NAME)
    convolutions = {name: tensor for name, tensor in weights.items() if not name.startswith("fc.")}
    load_weights(network, convolutions, path=path, name=_NAME)
    return network
