"""Values of `models.pix2pix.network`."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from models.specs.base import NetworkSpec


@dataclass(frozen=True)
class Pix2pixUNet(NetworkSpec):
    """The U-Net generator of pix2pix (Isola et al., 2017, appendix 6.1)."""

    builds: ClassVar[str] = "models.pix2pix.network:UNet"

    in_channels: int
    out_channels: int
    width: int = 64
    """Channels of the first layer; deeper layers have 2, 4, 8, 8, ... times as many."""
    levels: int = 8
    """Halvings: 8 bring 256 pixels down to one."""
    dropout: float = 0.5
    """Probability of a zero after each of the first three layers of the decoder."""
    skips: bool = True
    """Each layer of the decoder also sees its mirror in the encoder; without: a plain encoder-decoder."""
    norm: Literal["batch", "picture"] = "picture"
    """[I] "picture": each picture by itself, while it learns and in use: what pix2pix's batch norm does with its one
    picture a batch (section 3.3). "batch": batch norm, by its running means once it is trained."""

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise ValueError(f"Pix2pixUNet: levels is {self.levels}; expected 2 or more")

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """A copy with another width (None: its own), and no more levels than bring `resolution` to one pixel."""
        sized = super().sized(width=width, resolution=resolution)
        return replace(sized, levels=max(2, min(self.levels, int(math.log2(resolution)))))
