"""Values of `models.ajou.network`: the system of paper 002."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from models.specs.base import Adam, NetworkSpec, ObjectiveSpec, Spec


@dataclass(frozen=True)
class AjouGenerator(NetworkSpec):
    """The generator of paper 002's table, read by resolution (its row labels drift from its rows)."""

    builds: ClassVar[str] = "models.ajou.network:Generator"

    in_channels: int = 1
    out_channels: int = 3
    width: int = 16
    """Channels of the first layer."""
    stages: tuple[tuple[int, ...], ...] = ((1, 2, 2), (4, 4), (8, 8), (16, 16), (32, 32), (32,), (32,))
    """Channels of the convolutions at each resolution, as multiples of `width`; between the stages it is halved."""
    up: tuple[int, ...] = (32, 16, 8, 4, 2, 1)
    """Channels at each resolution on the way up, the innermost first. [I] The last one: the table ends before it."""
    skips: bool = True
    """True: skip connections. Without them the slides report a collapse to gray."""
    leaky_slope: float = 0.2
    """[I] Slope of the leaky ReLU below zero."""


@dataclass(frozen=True)
class LayerNoise(Spec):
    """Gaussian noise before each layer of a discriminator, weaker with depth and with time. All numbers are [I]."""

    sigma: float = 0.1
    """Standard deviation before the first layer at the start; 0: no noise."""
    depth_factor: float = 0.8
    """From one layer to the next it is multiplied by this."""
    final_factor: float = 0.01
    """Its share at the end of the budget; it decays exponentially."""

    def sigma_at(self, layer: int, done: float) -> float:
        """Before layer 0, 1, ... when a share `done` of the budget is behind."""
        return self.sigma * self.depth_factor**layer * self.final_factor**done


@dataclass(frozen=True)
class AjouDiscriminator(NetworkSpec):
    """The discriminator of paper 002's table."""

    builds: ClassVar[str] = "models.ajou.network:Discriminator"

    width: int = 32
    """Channels of the first layer."""
    resolution: int = 512
    """Side of the pictures that its fully connected layers are made for."""
    fully_connected: tuple[int, ...] = (4000, 1000, 250)
    """Features of the fully connected layers before the last one, which gives the logit."""
    conditional: bool = False
    """True: the gray picture is an input too. The slides' formula has D(x) and D(G(z)), though the title has cGAN."""
    doubled_first_rows: bool = False
    """The table prints its first three rows twice. [I] That is a slip of the layout; True: every printed layer is
    there, the second one of the third row with its stride too, so that one more halving follows."""
    leaky_slope: float = 0.2
    """[I] Slope of the leaky ReLU below zero."""
    noise: LayerNoise = LayerNoise()

    @property
    def convolutions(self) -> tuple[tuple[int, int], ...]:
        """(channels, stride) of each 3x3 convolution."""
        first = ((1, 1), (2, 1), (2, 2))
        rows = tuple(row for row in first for _ in range(2)) if self.doubled_first_rows else first
        return tuple((self.width * multiple, stride) for multiple, stride in (*rows, *((4, 2),) * 3, *((8, 2),) * 2))

    @property
    def final_side(self) -> int:
        """Side of the last map at `resolution`: 512 pixels become 8, which is 16,384 numbers in 256 channels."""
        halvings = sum(stride == 2 for _, stride in self.convolutions)
        return -(-self.resolution // 2**halvings)

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """A copy with another width (None: its own), the fully connected layers in proportion, for `resolution`."""
        width = width or self.width
        features = tuple(max(1, round(count * width / self.width)) for count in self.fully_connected)
        return replace(self, width=width, resolution=resolution, fully_connected=features)


@dataclass(frozen=True)
class SoftLabels(Spec):
    """The labels that a discriminator learns in place of 1 and 0, drawn anew for each picture."""

    real: tuple[float, float] = (0.7, 1.0)
    """Uniform between these for a real picture."""
    fake: tuple[float, float] = (0.0, 0.3)
    """Uniform between these for a generated one."""
    flipped: float = 0.05
    """[I] Probability that a picture gets a label of the other kind."""


@dataclass(frozen=True)
class AjouGan(ObjectiveSpec):
    """Paper 002's adversarial training with all its stabilizers."""

    builds: ClassVar[str] = "models.ajou.network:AjouObjective"

    generator: AjouGenerator = AjouGenerator()
    discriminator: AjouDiscriminator = AjouDiscriminator()
    l1_weight: float = 100.0
    """[I] pix2pix's; for the mean absolute difference over channels in [-1, 1]."""
    labels: SoftLabels = SoftLabels()
    generator_optimizer: Adam = Adam(learning_rate=1e-4)
    """[I] beta1 0.5, as in the DCGAN tutorial that the slides cite."""
    discriminator_optimizer: Adam = Adam(learning_rate=1e-4)
