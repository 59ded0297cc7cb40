"""Discriminators: from a picture and its condition to how real the picture looks, as logits."""

from itertools import pairwise

from torch import Tensor, nn

from models.blocks import Halve, initialize_dcgan
from models.specs.discriminators import PatchGan as PatchGanSpec


class PatchGan(nn.Module):
    """One logit for each patch of 70x70 pixels (Isola et al., 2017, appendix 6.1.2).

    4x4 convolutions C64-C128-C256-C512 and one to the logits, leaky ReLU 0.2, batch norm in all layers but the
    first and the last. The first three halve; the other two have stride 1 and, as in the authors' code, padding 1.
    """

    def __init__(self, spec: PatchGanSpec) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.width * multiple for multiple in (1, 2, 4, 8)]
        self.layers = nn.Sequential(Halve(spec.in_channels, widths[0], kernel_px=4, bias=True), nn.LeakyReLU(0.2))
        for before, after in pairwise(widths[:3]):
            self.layers.extend(
                [Halve(before, after, kernel_px=4, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
            )
        self.layers.extend(
            [nn.Conv2d(widths[2], widths[3], 4, 1, 1, bias=False), nn.BatchNorm2d(widths[3]), nn.LeakyReLU(0.2)]
        )
        self.layers.append(nn.Conv2d(widths[3], 1, 4, 1, 1))
        initialize_dcgan(self)

    def forward(self, picture_and_condition: Tensor) -> Tensor:
        """(B, in_channels, H, W), 24 pixels or more each way -> (B, 1, H/8 - 2, W/8 - 2) logits; H/8, W/8 round up."""
        return self.layers(picture_and_condition)
