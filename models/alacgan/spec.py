"""Values of `models.alacgan.network`: the system of Ci et al. (2018), the baseline of paper 003."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from models.specs.base import Adam, NetworkSpec, ObjectiveSpec
from models.specs.features import VggExtractor


@dataclass(frozen=True)
class AlacganGenerator(NetworkSpec):
    """The generator: lines, a hint at a quarter of their size, and local features of the lines to colour."""

    builds: ClassVar[str] = "models.alacgan.network:Generator"

    width: int = 32
    """Channels of the first layer; each of the four levels below has twice as many."""
    dilations: tuple[tuple[int, ...], ...] = (
        (1,) * 20,
        (1, 1, 2, 2, 4, 4, 2, 1),
        (1, 1, 2, 2, 4, 4, 2, 1),
        (1, 2, 4, 2, 1),
    )
    """Dilations of the ResNeXt blocks at each level of the decoder, the deepest first."""
    cardinalities: tuple[int, ...] = (32, 32, 32, 16)
    """Groups of the ResNeXt blocks of each level of the way up."""
    extractor: VggExtractor = VggExtractor("vgg16")
    """[I] What sees the local features. The authors use Illustration2vec, whose weights are not at hand; the other
    extractors have its layout and as many channels."""
    feature_layer: str = "relu5_3"
    """[I] A layer with maps of a sixteenth of the size. Illustration2vec's is its tenth, of lines at half size."""


@dataclass(frozen=True)
class AlacganDiscriminator(NetworkSpec):
    """The critic: a picture, and the local features of its lines, to one number."""

    builds: ClassVar[str] = "models.alacgan.network:Critic"

    width: int = 64
    """Channels of the first layer."""
    feature_channels: int = 512
    cardinality: int = 8
    """Groups of each ResNeXt block."""
    late_halvings: int = 3
    """After the features have joined: 3 bring 32 x 32 pixels, those of a picture of 512, down to the 4 x 4 that the
    last convolution takes."""

    def sized(self, *, width: int | None, resolution: int) -> Self:
        """A copy with another width (None: its own), late halvings that leave 4 x 4 pixels, and features as narrow."""
        fitting = max(0, min(self.late_halvings, int(math.log2(resolution / 64)))) if resolution >= 64 else 0
        return replace(
            self,
            width=width or self.width,
            feature_channels=8 * width if width else self.feature_channels,
            late_halvings=fitting,
        )


_ADAM = Adam(learning_rate=1e-4, beta1=0.5, beta2=0.9, drops=(0.5,))  # 125 k of 250 k iterations


@dataclass(frozen=True)
class Alacgan(ObjectiveSpec):
    """WGAN-GP with a content loss; figures of the released code (experiments/origin/config.yaml)."""

    builds: ClassVar[str] = "models.alacgan.network:AlacganObjective"

    generator: AlacganGenerator = AlacganGenerator()
    discriminator: AlacganDiscriminator = AlacganDiscriminator()
    adversarial_weight: float = 1e-4
    content_layer: str = "relu2_2"
    penalty_weight: float = 10.0
    penalty_per_pixel: bool = False
    """False: the gradient's norm over all values of a picture, as in WGAN-GP. True: over the channels of each pixel,
    as the released code has it."""
    drift_weight: float = 1e-3
    generator_optimizer: Adam = _ADAM
    discriminator_optimizer: Adam = _ADAM

    def joined(self, needs: Mapping[str, NetworkSpec]) -> Self:
        """With the extractor ("features") that the generator carries; the critic takes as many channels."""
        extractor = needs.get("features")
        if not isinstance(extractor, VggExtractor):
            return self
        return replace(
            self,
            generator=replace(self.generator, extractor=extractor),
            discriminator=replace(self.discriminator, feature_channels=8 * extractor.width),
        )
