"""Values of `models.classifiers.network`: the title classifiers of paper 000, section IV.B."""

from dataclasses import dataclass
from typing import ClassVar

from models.specs.base import Adam, NetworkSpec, ObjectiveSpec


@dataclass(frozen=True)
class TitleClassifier(NetworkSpec):
    """The fields of every title classifier. A subclass is one network."""

    in_channels: int = 1
    """1: it sees lightness, as the webtoon generators do. 3: it sees RGB."""
    titles: tuple[str, ...] = ()
    """The classes, in the order of the logits. Empty until the network is fitted to a training set."""
    width: int = 64
    """Channels of the first layer; all others, the hidden layers of VGG16's head too, are multiples of it."""


@dataclass(frozen=True)
class TitleVgg16(TitleClassifier):
    """VGG16 (Simonyan and Zisserman, 2015, configuration D)."""

    builds: ClassVar[str] = "models.classifiers.network:TitleVgg"


@dataclass(frozen=True)
class TitleResNet50(TitleClassifier):
    """ResNet-50 (He et al., 2016, table 1)."""

    builds: ClassVar[str] = "models.classifiers.network:TitleResNet"


@dataclass(frozen=True)
class TellTitle(ObjectiveSpec):
    """Cross entropy between the classifier's titles and the true one."""

    builds: ClassVar[str] = "models.classifiers.network:TitleClassificationObjective"
    model: ClassVar[str] = "classifier"

    classifier: TitleClassifier
    optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.9)
    """[I] The paper names no optimizer. VGG16 without batch norm learns from random weights at this rate."""
