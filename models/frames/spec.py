"""Values of `models.frames.network`: the systems of paper 001."""

from dataclasses import dataclass
from typing import ClassVar

from models.specs.base import Adam, NetworkSpec, ObjectiveSpec


@dataclass(frozen=True)
class FramesEncoder(NetworkSpec):
    """Six halving layers: the first half of the generator and, with one probability behind it, the discriminator."""

    in_channels: int = 1
    width: int = 64
    """[I] Channels of the first layer."""
    multiples: tuple[int, ...] = (1, 2, 4, 8, 8, 8)
    """[I] Channels of each of the six layers, as multiples of `width`."""
    kernel_px: int = 5
    """[I] Side of every kernel: 5, or 4 as in pix2pix."""
    leaky_slope: float = 0.2
    """[I] Slope of the leaky ReLU below zero."""


@dataclass(frozen=True)
class FramesGenerator(FramesEncoder):
    """The ConvNet of paper 001, section 3.1.1, which is also the generator of its GAN.

    Its decoder mirrors its encoder.
    """

    builds: ClassVar[str] = "models.frames.network:ConvNet"

    out_channels: int = 3


@dataclass(frozen=True)
class FramesDiscriminator(FramesEncoder):
    """The discriminator of paper 001, section 3.2.1: condition and colour in, one probability out."""

    builds: ClassVar[str] = "models.frames.network:Discriminator"

    in_channels: int = 4
    pooled: tuple[int, int] = (1, 1)
    """[I] Rows and columns to which the last map is averaged before the linear layer that gives the probability: (1, 1)
    is the mean; (3, 5) is all of it at the paper's 180x320, as where a map is flattened."""


@dataclass(frozen=True)
class FramesL2(ObjectiveSpec):
    """Paper 001's ConvNet alone, under the L2 loss (section 3.1.2)."""

    builds: ClassVar[str] = "models.frames.network:L2Objective"

    generator: FramesGenerator = FramesGenerator()
    generator_optimizer: Adam = Adam(beta1=0.9)
    """Adam's own default beta1 (section 5)."""


@dataclass(frozen=True)
class FramesGan(ObjectiveSpec):
    """Paper 001's conditional GAN (section 3.2)."""

    builds: ClassVar[str] = "models.frames.network:GanObjective"

    generator: FramesGenerator = FramesGenerator()
    discriminator: FramesDiscriminator = FramesDiscriminator()
    l1_weight: float = 100.0
    """The paper's lambda, for the mean absolute difference over channels in [-1, 1] [I]."""
    generator_optimizer: Adam = Adam()
    discriminator_optimizer: Adam = Adam()
