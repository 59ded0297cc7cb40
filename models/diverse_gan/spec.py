"""Values of `models.diverse_gan.network`: the baseline of Cao et al. in paper 000."""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from models.specs.base import NetworkSpec, ObjectiveSpec, Spec


@dataclass(frozen=True)
class DiverseGenerator(NetworkSpec):
    """The fully convolutional generator of Cao et al., from L and noise to ab."""

    builds: ClassVar[str] = "models.diverse_gan.network:Generator"

    width: int = 64
    """Channels of the middle layers; the first has twice, the last half as many."""
    noise: int = 100
    """Numbers of one noise vector, each from U(-1, 1)."""
    noise_layers: int = 3
    """Layers with noise of their own, from the first on: the paper's multi-layer noise, [I] in the first half. The
    released code has it in the first layer alone (1)."""
    noise_side: int = 64
    """Side in pixels of the map that a noise vector becomes: the paper's pictures. Scaled to other pictures."""

    def __post_init__(self) -> None:
        if not 1 <= self.noise_layers <= 6:
            raise ValueError(f"DiverseGenerator: noise_layers is {self.noise_layers}; expected 1 to 6")

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """A copy with another width (None: its own), and noise maps no larger than the pictures."""
        return replace(self, width=width or self.width, noise_side=min(self.noise_side, resolution))


@dataclass(frozen=True)
class DiverseDiscriminator(NetworkSpec):
    """The discriminator of Cao et al.: lightness and colour to one number."""

    builds: ClassVar[str] = "models.diverse_gan.network:Discriminator"

    in_channels: int = 3
    width: int = 64
    """Channels of the first layer; the next ones have 2, 4 and 8 times as many."""


@dataclass(frozen=True)
class RmsProp(Spec):
    """RMSProp's settings."""

    learning_rate: float
    decay: float = 0.9


@dataclass(frozen=True)
class DiverseGan(ObjectiveSpec):
    """The adversarial losses of Cao et al. (2017), figures of the released code, without a loss against the truth."""

    builds: ClassVar[str] = "models.diverse_gan.network:DiverseGanObjective"

    generator: DiverseGenerator = DiverseGenerator()
    discriminator: DiverseDiscriminator = DiverseDiscriminator()
    loss: Literal["wasserstein", "cross_entropy"] = "wasserstein"
    """[I] The released code is a Wasserstein GAN; the paper derives a GAN with cross entropy."""
    discriminator_turns: int = 5
    """Optimizer steps of the discriminator for each one of the generator."""
    clip: float = 0.01
    """Wasserstein: the discriminator's weights stay in [-clip, clip]."""
    generator_optimizer: RmsProp = RmsProp(1e-4)
    discriminator_optimizer: RmsProp = RmsProp(2e-4)
