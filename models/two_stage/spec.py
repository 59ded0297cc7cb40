"""Values of `models.two_stage.network`: the systems of paper 003."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from models.specs.artifacts import Artifacts
from models.specs.base import Adam, NetworkSpec, ObjectiveSpec


@dataclass(frozen=True)
class LineDetector(NetworkSpec):
    """The Line Detection Model of paper 003, Figure 6."""

    builds: ClassVar[str] = "models.two_stage.network:LineDetectionModel"

    width: int = 32
    """Channels of the first layer; each of the four levels below has twice as many. A multiple of 4."""


@dataclass(frozen=True)
class LineDetection(ObjectiveSpec):
    """Paper 003, equation 1: the L1 distance to drawn lines."""

    builds: ClassVar[str] = "models.two_stage.network:LineDetectionObjective"
    model: ClassVar[str] = "detector"

    detector: LineDetector = LineDetector()
    scale: int = 4
    """Pictures are reduced by this before they are seen: 512 to the paper's 128, as the drafts are."""
    detector_optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.5, beta2=0.9, drops=(110 / 256, 183 / 256))


@dataclass(frozen=True)
class TwoStageUNet(NetworkSpec):
    """The U-Net of paper 003, Figure 7: ResNeXt blocks and pixel shuffle on the way up, no normalization."""

    builds: ClassVar[str] = "models.two_stage.network:ShuffleUNet"

    in_channels: int
    width: int = 32
    """Channels of the first layer; each level below has twice as many. A multiple of 2."""
    levels: int = 4
    """Halvings: 4 in the draft stage, 3 in the colorization stage of the figure."""
    blocks: int = 10
    """ResNeXt blocks at each level of the way up."""
    cardinality: int = 32
    """Groups of each ResNeXt block."""
    residual_gain: float = 0.1
    """[I] Factor on the initial weights of the last convolution of each ResNeXt block. With 1, Kaiming's, ten blocks
    without normalization multiply what they get some hundredfold, and the tanh starts saturated."""


@dataclass(frozen=True)
class DraftGenerator(NetworkSpec):
    """The draft stage of paper 003 (section 3.4): small, and as such a colorizer of its own."""

    builds: ClassVar[str] = "models.two_stage.network:Draft"

    unet: TwoStageUNet = TwoStageUNet(in_channels=5)
    scale: int = 4
    """The draft's side is the picture's divided by this: 128 of 512."""


@dataclass(frozen=True)
class TwoStageDiscriminator(NetworkSpec):
    """The discriminator of paper 003, Figure 7."""

    builds: ClassVar[str] = "models.two_stage.network:DraftDiscriminator"

    width: int = 32
    """Channels of the first layer."""
    cardinality: int | None = None
    """Groups of a ResNeXt block after each halving but the first: 4 in the released code; None: no such blocks,
    as in the figure."""
    head_px: int = 8
    """Side in pixels of the map that the last layer takes. At the paper's 128 it is 8; at other sizes the map is
    averaged to it."""


@dataclass(frozen=True)
class Drafting(ObjectiveSpec):
    """Paper 003, equation 2."""

    builds: ClassVar[str] = "models.two_stage.network:DraftObjective"

    generator: DraftGenerator = DraftGenerator()
    discriminator: TwoStageDiscriminator = TwoStageDiscriminator()
    adversarial_weight: float = 0.05
    """w_a; 0.01 in the released code."""
    l1_weight: float = 1.0
    """w_r."""
    content_weight: float = 0.1
    """w_c; 0: no content loss, and no need of "features"."""
    line_weight: float = 1.0
    """w_l; 0: no line loss, and no need of "line_detector"."""
    content_layer: str = "relu2_2"
    line_and_content_teach: bool = True
    """False: both losses are computed without gradient, as in the released code, so they are only reported."""
    generator_optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.5, beta2=0.9, drops=(48 / 175,))
    discriminator_optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.5, beta2=0.9, drops=(48 / 175,))


@dataclass(frozen=True)
class TwoStageGenerator(NetworkSpec):
    """Both stages of paper 003: a trained draft stage, which no longer learns, and the colorization stage."""

    builds: ClassVar[str] = "models.two_stage.network:TwoStage"

    draft: DraftGenerator = DraftGenerator()
    colorization: TwoStageUNet = TwoStageUNet(in_channels=4, levels=3)
    """The figure's. The released code uses the draft's whole U-Net here: `levels=4`."""


@dataclass(frozen=True)
class Colorization(ObjectiveSpec):
    """Paper 003, equation 7: the colorization stage, under L1 alone."""

    builds: ClassVar[str] = "models.two_stage.network:ColorizationObjective"

    generator: TwoStageGenerator = TwoStageGenerator()
    artifacts: Artifacts = Artifacts()
    learns_from: Literal["draft", "truth"] = "draft"
    """The picture that gets the artifacts and is then coloured in training: the draft stage's output (equation 7 and
    the released code), or the truth at the draft's size, as in Zhang et al. (2018)."""
    generator_optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.5, beta2=0.9, drops=(733 / 1173,))

    def joined(self, needs: Mapping[str, NetworkSpec]) -> Self:
        """With the draft stage as it was trained. Raises ValueError where that is no draft stage."""
        draft = needs["draft"]
        if not isinstance(draft, DraftGenerator):
            raise ValueError(f"Colorization: the draft is a {type(draft).__name__}; expected a DraftGenerator")
        return replace(self, generator=replace(self.generator, draft=draft))
