"""Blocks that the networks share: halving and doubling layers that work at any size, and initialization."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad


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
        return super().forward(input)[..., :height, :width]


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
