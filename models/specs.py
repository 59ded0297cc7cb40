"""Networks and objectives as values: what to build, readable, comparable and storable without torch.

`models.build` turns them into modules. A field marked [I] stands for something that its paper does not give:
the default is our reading, and another value is another recipe.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

ColorSpace = Literal["lab", "rgb"]
"""In what a network gives colour: ab under the given lightness, or RGB."""


@dataclass(frozen=True)
class Adam:
    """Adam's settings; the defaults are those of paper 001 (section 5), which follows Salimans et al. (2016)."""

    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.999


@dataclass(frozen=True)
class Pix2pixUNet:
    """The U-Net generator of pix2pix (Isola et al., 2017, appendix 6.1)."""

    in_channels: int
    out_channels: int
    width: int = 64
    """Channels of the first layer; deeper layers have 2, 4, 8, 8, ... times as many."""
    levels: int = 8
    """Halvings: 8 bring 256 pixels down to one."""
    dropout: float = 0.5
    """Probability of a zero after each of the first three layers of the decoder."""

    def __post_init__(self) -> None:
        if self.levels < 2:
            raise ValueError(f"Pix2pixUNet: levels is {self.levels}; expected 2 or more")

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """At another width (None: its own), with no more levels than bring `resolution` down to one pixel."""
        return replace(self, width=width or self.width, levels=max(2, min(self.levels, int(math.log2(resolution)))))


@dataclass(frozen=True)
class FramesGenerator:
    """The ConvNet of paper 001, section 3.1.1, which is also the generator of its GAN."""

    in_channels: int = 1
    out_channels: int = 3
    width: int = 64
    """[I] Channels of the first layer."""
    multiples: tuple[int, ...] = (1, 2, 4, 8, 8, 8)
    """[I] Channels of each of the six layers of the encoder, as multiples of `width`; the decoder mirrors them."""
    kernel_px: int = 5
    """[I] Side of every kernel: 5, or 4 as in pix2pix."""
    leaky_slope: float = 0.2
    """[I] Slope of the leaky ReLU below zero."""

    def sized(self, *, width: int | None, resolution: int) -> Self:  # noqa: ARG002  one depth serves every size
        """At another width (None: its own)."""
        return replace(self, width=width or self.width)


@dataclass(frozen=True)
class FramesDiscriminator:
    """The discriminator of paper 001, section 3.2.1: like the encoder of the generator, then one probability."""

    in_channels: int = 4
    width: int = 64
    """[I] Channels of the first layer."""
    multiples: tuple[int, ...] = (1, 2, 4, 8, 8, 8)
    """[I] Channels of each of the six layers, as multiples of `width`."""
    kernel_px: int = 5
    """[I] Side of every kernel."""
    leaky_slope: float = 0.2
    """[I] Slope of the leaky ReLU below zero."""

    def sized(self, *, width: int | None, resolution: int) -> Self:  # noqa: ARG002  one depth serves every size
        """At another width (None: its own)."""
        return replace(self, width=width or self.width)


@dataclass(frozen=True)
class WebtoonL2:
    """Paper 000's base model: pix2pix's generator from L to ab, with the L2 loss alone (section IV.A)."""

    generator: Pix2pixUNet = Pix2pixUNet(in_channels=1, out_channels=2)
    generator_optimizer: Adam = Adam()
    """[I] pix2pix's own, the same numbers as paper 001's."""

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """With its network at another width (None: its own), fitted to a resolution in pixels."""
        return replace(self, generator=self.generator.sized(width=width, resolution=resolution))


@dataclass(frozen=True)
class FramesGan:
    """Paper 001's conditional GAN (section 3.2)."""

    generator: FramesGenerator = FramesGenerator()
    discriminator: FramesDiscriminator = FramesDiscriminator()
    l1_weight: float = 100.0
    """The paper's lambda, for the mean absolute difference over channels in [-1, 1] [I]."""
    generator_optimizer: Adam = Adam()
    discriminator_optimizer: Adam = Adam()

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """With its networks at another width (None: their own), fitted to a resolution in pixels."""
        return replace(
            self,
            generator=self.generator.sized(width=width, resolution=resolution),
            discriminator=self.discriminator.sized(width=width, resolution=resolution),
        )


GeneratorSpec = Pix2pixUNet | FramesGenerator
ObjectiveSpec = WebtoonL2 | FramesGan

_GENERATORS: dict[str, type[GeneratorSpec]] = {kind.__name__: kind for kind in (Pix2pixUNet, FramesGenerator)}


def generator_to_json(spec: GeneratorSpec) -> dict[str, Any]:
    """The specification of a network that colorizes as JSON values, with its kind."""
    return {"kind": type(spec).__name__, **asdict(spec)}


def generator_from_json(values: Mapping[str, Any]) -> GeneratorSpec:
    """What `generator_to_json` gave. Raises ValueError for an unknown kind, unknown or missing fields."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    kind = fields.pop("kind", None)
    if kind not in _GENERATORS:
        raise ValueError(f"unknown kind of network {kind!r}; expected one of: {', '.join(_GENERATORS)}")
    try:
        return _GENERATORS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"network {kind}: {error}") from None
