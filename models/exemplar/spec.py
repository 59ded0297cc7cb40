"""Values of `models.exemplar.network`: colours from references and hints, with which a network may disagree."""

from dataclasses import dataclass
from typing import ClassVar

from models.specs.base import Adam, NetworkSpec, ObjectiveSpec


@dataclass(frozen=True)
class ExemplarUNet(NetworkSpec):
    """Matches places of references and hints, then a small U-Net chooses among their colours and adds its own."""

    builds: ClassVar[str] = "models.exemplar.network:ExemplarUNet"
    takes_references: ClassVar[bool] = True

    out_channels: int = 2
    """2: ab under the given lightness. 3: lightness and ab, for lines."""
    width: int = 24
    """Channels at stride 2; those of strides 4, 8, 16 and 32 are 2, 4, 6 and 6 times as many."""
    temperatures: tuple[float, ...] = (0.05, 0.02, 0.05, 0.1)
    """Of the softmax over places, where each head of the matching starts; the first stays the untrained match."""
    match_channels: int = 32
    """Channels of the learned part of each head's similarity."""
    lightness_penalty: float = 0.004
    """What each unit of L between two places takes off their similarity; 0 for lines."""


@dataclass(frozen=True)
class Exemplar(ObjectiveSpec):
    """The colour difference of CIEDE2000 in chroma, and a term against washed-out colour."""

    builds: ClassVar[str] = "models.exemplar.network:ExemplarObjective"

    generator: ExemplarUNet = ExemplarUNet()
    chroma_weight: float = 0.1
    """Of the chroma that regions lack."""
    confidence_weight: float = 1.0
    generator_optimizer: Adam = Adam(learning_rate=1e-3, beta1=0.9, beta2=0.99, drops=(0.7, 0.93))
