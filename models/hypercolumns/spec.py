"""Values of `models.hypercolumns.network`."""

from dataclasses import dataclass
from typing import ClassVar

from models.classifiers.spec import TitleClassifier, TitleVgg16
from models.specs.base import NetworkSpec


@dataclass(frozen=True)
class ResidualEncoder(NetworkSpec):
    """Dahl's residual encoder on the maps of a title classifier, from L to ab."""

    builds: ClassVar[str] = "models.hypercolumns.network:ResidualEncoder"

    classifier: TitleClassifier = TitleVgg16(in_channels=1)
    """Its width is the network's: every map of the decoder has the channels of the classifier's."""
