"""Values of `models.webtoon.network`: the systems of paper 000."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from models.classifiers.spec import TitleClassifier, TitleVgg16
from models.pix2pix.spec import Pix2pixUNet
from models.specs.base import Adam, NetworkSpec, ObjectiveSpec
from models.specs.discriminators import PatchGan


@dataclass(frozen=True)
class LabelledUNet(Pix2pixUNet):
    """A generator with the title as input (section IV.A). `in_channels` is without the titles' channels."""

    builds: ClassVar[str] = "models.webtoon.network:LabelledUNet"

    in_channels: int = 1
    out_channels: int = 2
    titles: tuple[str, ...] = ()
    """The titles that labels stand for, in their order. Empty until fitted to a training set."""


@dataclass(frozen=True)
class LabelledPatchGan(PatchGan):
    """A discriminator with the title as input. `in_channels` is without the titles' channels."""

    builds: ClassVar[str] = "models.webtoon.network:LabelledPatchGan"

    in_channels: int = 3
    titles: tuple[str, ...] = ()
    """The titles that labels stand for, in their order. Empty until fitted to a training set."""


@dataclass(frozen=True)
class TitleBlindUNet(Pix2pixUNet):
    """A generator that takes the title and ignores it: only the loss uses it."""

    builds: ClassVar[str] = "models.webtoon.network:TitleBlindUNet"

    in_channels: int = 1
    out_channels: int = 2


@dataclass(frozen=True)
class FeatureUNet(Pix2pixUNet):
    """A generator whose encoder also sees maps of a title classifier (section IV.B)."""

    builds: ClassVar[str] = "models.webtoon.network:FeatureUNet"

    in_channels: int = 1
    out_channels: int = 2
    classifier: TitleClassifier = TitleVgg16(in_channels=1)
    layers: tuple[str, ...] = ("conv1_2", "conv2_2", "conv3_1")
    """One of each block from the first on: block k has the size of what layer k of the encoder takes. [I] Maps
    before their ReLU, since the encoder has its own; "relu1_2" and so on are those after it."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.layers) > self.levels:
            raise ValueError(f"FeatureUNet: maps of {len(self.layers)} layers for an encoder of {self.levels}")


@dataclass(frozen=True)
class IterativeUNet(Pix2pixUNet):
    """A generator from L and sparse ab to ab, whose output can be its input (section IV.C)."""

    builds: ClassVar[str] = "models.webtoon.network:IterativeUNet"

    in_channels: int = 3
    out_channels: int = 2
    passes: int = 2
    """Passes over a picture in evaluation; figure 7 shows one and two."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.passes < 1:
            raise ValueError(f"IterativeUNet: passes is {self.passes}; expected 1 or more")


@dataclass(frozen=True)
class ColorAndApply(NetworkSpec):
    """The colour & apply network (section IV.C, figure 8): one network gives colours, the other applies them."""

    builds: ClassVar[str] = "models.webtoon.network:ColorAndApply"

    color_generator: Pix2pixUNet = Pix2pixUNet(in_channels=1, out_channels=2)
    applier: Pix2pixUNet = Pix2pixUNet(in_channels=3, out_channels=2)
    applied_share: float = 1.0
    """[I] Share of the colour generator's pixels that the applier is given: all, or as few as while it learns from
    the truth (0.01)."""

    def __post_init__(self) -> None:
        if not 0 < self.applied_share <= 1:
            raise ValueError(f"ColorAndApply: applied_share is {self.applied_share}; expected more than 0, at most 1")


@dataclass(frozen=True)
class WebtoonL2(ObjectiveSpec):
    """A generator from L to ab under the L2 loss alone: the base model (section IV.A), and without skips."""

    builds: ClassVar[str] = "models.webtoon.network:L2Objective"

    generator: NetworkSpec = Pix2pixUNet(in_channels=1, out_channels=2)
    generator_optimizer: Adam = Adam()
    """[I] pix2pix's own, the same numbers as paper 001's."""


@dataclass(frozen=True)
class WebtoonFeatures(WebtoonL2):
    """L2 alone, for a generator that holds the trained convolutions of a title classifier (section IV.B)."""

    builds: ClassVar[str] = "models.webtoon.network:FeaturesObjective"

    generator: NetworkSpec = FeatureUNet()
    """With a field `classifier`."""

    def joined(self, needs: Mapping[str, NetworkSpec]) -> Self:
        """With the specification of the classifier."""
        return replace(self, generator=replace(self.generator, classifier=needs["classifier"]))  # type: ignore[call-arg]


@dataclass(frozen=True)
class WebtoonSparse(WebtoonL2):
    """L2 alone, for a generator that learns with sparse colour and starts without any (section IV.C)."""

    builds: ClassVar[str] = "models.webtoon.network:SparseObjective"

    generator: NetworkSpec = IterativeUNet()


@dataclass(frozen=True)
class WebtoonAdversarial(ObjectiveSpec):
    """Adversarial and L2 loss (section IV.A); with the title as input for `LabelledUNet` and `LabelledPatchGan`."""

    builds: ClassVar[str] = "models.webtoon.network:AdversarialObjective"

    generator: Pix2pixUNet = Pix2pixUNet(in_channels=1, out_channels=2)
    discriminator: PatchGan = PatchGan(in_channels=3)
    l2_weight: float = 100.0
    """[I] Not given; the weight that pix2pix gives its L1."""
    generator_optimizer: Adam = Adam()
    discriminator_optimizer: Adam = Adam()


@dataclass(frozen=True)
class WebtoonClassification(WebtoonL2):
    """L2, and the cross entropy of a title classifier on colour for the generated picture (IV.A)."""

    builds: ClassVar[str] = "models.webtoon.network:ClassificationObjective"

    generator: NetworkSpec = TitleBlindUNet()
    classification_weight: float = 1 / 300
    """[I] Not given; that of Iizuka et al. (2016), whom the paper cites for this loss, beside a squared error."""
    titles: tuple[str, ...] = ()
    """The classifier's titles, which labels stand for, in their order. Empty until fitted to a training set."""


@dataclass(frozen=True)
class WebtoonColorAndApply(ObjectiveSpec):
    """The three losses of colour & apply (section IV.C), each a mean squared difference from the truth's ab."""

    builds: ClassVar[str] = "models.webtoon.network:ColorAndApplyObjective"

    generator: ColorAndApply = ColorAndApply()
    applier_weight: float = 1.0
    """[I] Of the applier's output from the truth's sparse colours."""
    color_generator_weight: float = 1.0
    """[I] Of the colour generator's output."""
    color_weight: float = 1.0
    """[I] Of the "color loss": the applier's output from the colour generator's colours. 0 trains the two networks
    apart."""
    color_loss_trains_applier: bool = False
    """[I] The text names the colour loss only among those of the colour generator, so its gradient goes through the
    applier and changes the colour generator alone; True: both."""
    generator_optimizer: Adam = Adam()
