"""Values of `models.discriminators` that several systems share."""

from dataclasses import dataclass
from typing import ClassVar

from models.specs.base import NetworkSpec


@dataclass(frozen=True)
class PatchGan(NetworkSpec):
    """The 70x70 PatchGAN of pix2pix (Isola et al., 2017, appendix 6.1.2): C64-C128-C256-C512."""

    builds: ClassVar[str] = "models.discriminators:PatchGan"

    in_channels: int
    """Channels of the condition and of the picture together."""
    width: int = 64
    """Channels of the first layer; the next ones have 2, 4 and 8 times as many."""
