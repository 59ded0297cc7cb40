"""Values of `models.features`."""

from dataclasses import dataclass

from models.specs.base import NetworkSpec


@dataclass(frozen=True)
class VggExtractor(NetworkSpec):
    """Which feature extractor a network carries within itself."""

    name: str
    """"vgg16", "vgg19" or "hed-vgg16"."""
    width: int = 64
    """Channels of the first layer: 64 but in trials with random weights."""
