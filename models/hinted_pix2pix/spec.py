"""Values of `models.hinted_pix2pix.network`: the baseline of paper 003."""

from dataclasses import dataclass
from typing import ClassVar

from models.pix2pix.spec import Pix2pixUNet
from models.specs.base import Adam, NetworkSpec, ObjectiveSpec
from models.specs.discriminators import PatchGan


@dataclass(frozen=True)
class HintedUNet(NetworkSpec):
    """pix2pix's U-Net whose input is lines and an RGBA hint."""

    builds: ClassVar[str] = "models.hinted_pix2pix.network:HintedUNet"

    unet: Pix2pixUNet = Pix2pixUNet(in_channels=5, out_channels=3)


@dataclass(frozen=True)
class HintedPix2pix(ObjectiveSpec):
    """pix2pix (Isola et al., 2017) with hints, as paper 003 compares itself with it. Figures are pix2pix's."""

    builds: ClassVar[str] = "models.hinted_pix2pix.network:HintedPix2pixObjective"

    generator: HintedUNet = HintedUNet()
    discriminator: PatchGan = PatchGan(in_channels=8)
    l1_weight: float = 100.0
    generator_optimizer: Adam = Adam()
    discriminator_optimizer: Adam = Adam()
