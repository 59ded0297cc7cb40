"""Blocks that the networks share: halving and doubling layers that work at any size, residuals, initialization."""

from math import gcd

import torch
from torch import Tensor, nn
from torch.nn.functional import fold, leaky_relu, pad

_FEW_PLACES = 64


class Halve(nn.Conv2d):
    """Convolution with stride 2 that halves any size, rounding up, for even and odd kernels."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_px: int, bias: bool) -> None:
        super().__init__(in_channels, out_channels, kernel_px, 2, (kernel_px - 1) // 2, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, ceil(H/2), ceil(W/2))."""
        height, width = input.shape[-2:]
        if height % 2 or width % 2:
            input = pad(input, (0, width % 2, 0, height % 2))
        return super().forward(input)


class Double(nn.ConvTranspose2d):
    """Transposed convolution with stride 2, the mirror of `Halve`."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_px: int, bias: bool) -> None:
        super().__init__(
            in_channels, out_channels, kernel_px, 2, (kernel_px - 1) // 2, output_padding=kernel_px % 2, bias=bias
        )

    def forward(self, input: Tensor, size: torch.Size) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """(B, in, h, w) -> (B, out, *size); `size` is what `Halve` made (h, w) of: 2h or 2h - 1, 2w or 2w - 1."""
        height, width = size
        doubled = self._of_few_places(input) if self._has_few_places(input) else super().forward(input)
        return doubled[..., :height, :width]

    def _has_few_places(self, input: Tensor) -> bool:
        """Whether this is a use on the CPU of weights in channels-last order, for fewer places than pay for oneDNN: it
        orders all weights anew at each call, which takes up to seven times as long as the product itself.
        """
        return (
            input.device.type == "cpu"
            and input.dtype == self.weight.dtype
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and len(input) * input.shape[-2] * input.shape[-1] <= _FEW_PLACES
            and self.weight.is_contiguous(memory_format=torch.channels_last)
        )

    def _of_few_places(self, input: Tensor) -> Tensor:
        """The transposed convolution as one product, and the sum of what overlaps."""
        batch, _, height, width = input.shape
        places = input.permute(0, 2, 3, 1).flatten(0, 2)  # (B h w, in)
        spread = places @ self.weight.permute(0, 2, 3, 1).flatten(1)  # (B h w, kernel, kernel, out), flat
        columns = spread.reshape(batch, height * width, -1, self.out_channels).transpose(1, 3).flatten(1, 2)
        kernel, padding = self.kernel_size, self.padding
        assert not isinstance(padding, str)
        doubled = fold(columns, (2 * height, 2 * width), kernel, padding=padding, stride=2)
        return doubled if self.bias is None else doubled + self.bias[:, None, None]


class ResNeXt(nn.Module):
    """Residual block with grouped convolution (Xie et al., 2017), as AlacGAN and paper 003 have it.

    1x1 to half of `out_channels`, 3x3 in `cardinality` groups, 1x1 to `out_channels`; leaky ReLU 0.2 between them,
    nothing after the sum, no normalization, no bias. The shortcut is the input itself; with stride 2 the kernel is
    4x4 and the shortcut an average over 2x2; with other `out_channels` the shortcut ends in a 1x1 convolution.
    Where `cardinality` does not divide half of `out_channels` (a narrow network), their greatest common divisor
    is the number of groups.

    Raises ValueError for strides other than 1 and 2, and for stride 2 with dilation.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, cardinality: int, dilation: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        if stride not in (1, 2) or (stride == 2 and dilation != 1):
            raise ValueError(f"ResNeXt: stride {stride} with dilation {dilation}; expected stride 1, or 2 undilated")
        inner = out_channels // 2
        self.reduce = nn.Conv2d(in_channels, inner, 1, bias=False)
        self.grouped = nn.Conv2d(
            inner, inner, 2 + stride, stride, dilation, dilation, groups=gcd(cardinality, inner), bias=False
        )
        self.expand = nn.Conv2d(inner, out_channels, 1, bias=False)
        self.shortcut = nn.Sequential()
        if stride == 2:
            self.shortcut.append(nn.AvgPool2d(2))
        if in_channels != out_channels:
            self.shortcut.append(nn.Conv2d(in_channels, out_channels, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W), or floor(H/2), floor(W/2) with stride 2."""
        inner = leaky_relu(self.reduce(x), 0.2)
        inner = leaky_relu(self.grouped(inner), 0.2)  # (B, out_channels / 2, h, w)
        return self.shortcut(x) + self.expand(inner)


def initialize_dcgan(module: nn.Module) -> None:
    """Weights from N(0, 0.02), scales of batch norm from N(1, 0.02), biases 0 (Radford et al., 2016; pix2pix 6.2)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, 0.02)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.weight, 1.0, 0.02)
            nn.init.zeros_(layer.bias)


def initialize_kaiming(module: nn.Module, leaky_slope: float) -> None:
    """Weights from He et al.'s (2015) normal distribution for a leaky ReLU, biases 0."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=leaky_slope)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
