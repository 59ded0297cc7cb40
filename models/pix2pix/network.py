"""The U-Net generator of pix2pix: Isola, Zhu, Zhou, Efros, "Image-to-Image Translation with Conditional
Adversarial Networks", CVPR 2017, appendix 6.1. Paper 000 uses it with another first and last layer.

Encoder C64-C128-C256-C512-C512-C512-C512-C512, decoder CD512-CD512-CD512-C512-C256-C128-C64, then tanh. Every
kernel is 4x4 with stride 2. Skips carry what each layer of the encoder gives before its activation. The
innermost layer has no batch norm: at one pixel and batch 1 it would zero its input (the authors' erratum).
Without skips it is the encoder-decoder that the paper compares with.

pix2pix uses its network as it trains it (section 3.3): with one picture a batch, its batch norm looks at each picture
by itself, and so does ours, whatever the batch [I]; `norm="batch"` takes running means once it is trained. Dropout
ends with learning, so that a picture is always coloured alike.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import instance_norm, leaky_relu, relu

from models.blocks import Double, Halve, initialize_dcgan
from models.pix2pix.spec import Pix2pixUNet

_KERNEL_PX = 4
_DROPOUT_LAYERS = 3


class PictureNorm(nn.BatchNorm2d):
    """Batch norm of each picture by itself, while it learns and in use. Keeps no running means."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, track_running_stats=False)

    def forward(self, input: Tensor) -> Tensor:
        """(B, channels, H, W) -> the same. A single pixel does not differ from its mean: the bias is left."""
        if input.shape[-2:].numel() == 1:
            return torch.zeros_like(input) + self.bias[:, None, None]
        return instance_norm(input, weight=self.weight, bias=self.bias, eps=self.eps)


class UNet(nn.Module):
    """The generator. Works at any size; at 2**levels pixels the innermost map is one pixel.

    joined: channels that a subclass joins to what the first layers of the encoder take, the outermost first.
    """

    def __init__(self, spec: Pix2pixUNet, *, joined: Sequence[int] = ()) -> None:
        super().__init__()
        self.spec = spec
        norm = PictureNorm if spec.norm == "picture" else nn.BatchNorm2d
        widths = [spec.width * min(2**level, 8) for level in range(spec.levels)]  # 64, 128, 256, 512, 512, ...
        encoder_takes = [spec.in_channels, *widths[:-1]]
        for level, channels in enumerate(joined):
            encoder_takes[level] += channels
        self.encoder = nn.ModuleList(
            Halve(before, after, kernel_px=_KERNEL_PX, bias=False)
            for before, after in zip(encoder_takes, widths, strict=True)
        )
        self.encoder_norms = nn.ModuleList(
            nn.Identity() if level in (0, spec.levels - 1) else norm(width) for level, width in enumerate(widths)
        )
        mirrors = widths[-2::-1]  # what the layers of the decoder give, the innermost first
        decoder_takes = [widths[-1], *((2 if spec.skips else 1) * width for width in mirrors)]
        self.decoder = nn.ModuleList(
            Double(before, after, kernel_px=_KERNEL_PX, bias=last)
            for before, after, last in zip(
                decoder_takes, [*mirrors, spec.out_channels], [False] * len(mirrors) + [True], strict=True
            )
        )
        self.decoder_norms = nn.ModuleList(norm(width) for width in mirrors)
        self.dropout = nn.Dropout(spec.dropout)
        initialize_dcgan(self)

    def forward(self, picture: Tensor, *, joined: Sequence[Tensor] = ()) -> Tensor:
        """(B, in_channels, H, W) in [-1, 1] -> (B, out_channels, H, W) in [-1, 1].

        joined: for each of the first layers of the encoder, maps of the size of what it takes.
        """
        mirrors = []
        x = picture
        for level, (halve, norm) in enumerate(zip(self.encoder, self.encoder_norms, strict=True)):
            mirrors.append(x)
            if level < len(joined):
                x = torch.cat([x, joined[level]], dim=1)
            x = norm(halve(leaky_relu(x, 0.2) if level else x))  # (B, 64 .. 512, ceil(H/2), ceil(W/2))
        for layer, norm in enumerate(self.decoder_norms):
            mirror = mirrors.pop()
            x = norm(self.decoder[layer](relu(x), mirror.shape[-2:]))
            if layer < _DROPOUT_LAYERS:
                x = self.dropout(x)
            if self.spec.skips:
                x = torch.cat([x, mirror], dim=1)  # (B, 1024 .. 128, 2h, 2w)
        return torch.tanh(self.decoder[-1](relu(x), picture.shape[-2:]))
