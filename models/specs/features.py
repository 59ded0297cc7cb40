"""Values of `models.features`."""

from dataclasses import dataclass

from models.specs.base import NetworkSpec


@dataclass(frozen=True)
class VggExtractor(NetworkSpec):
    """The feature extractor that is a part of a network."""

    name: str
    """"vgg16", "vgg19" or "hed-vgg16"."""
    width: int = 64
    """Channels of the first layer: 64 but in trials with random weights."""
