"""Values of untrained methods. Each is made a colorizer by `pipelines.colorize.load`."""

from dataclasses import dataclass
from typing import ClassVar

from models.specs.base import NetworkSpec, ObjectiveSpec


@dataclass(frozen=True)
class Method(NetworkSpec):
    """A way to colour that takes hints and learns nothing. A subclass is one method."""

    builds: ClassVar[str] = "models.methods.network:NoNetwork"

    version: int = 1
    """Raise it when the method gives other colours: checkpoints and evaluations are then made again."""


@dataclass(frozen=True)
class HintPropagation(Method):
    """Hints, as references for the rest of their own picture, spread by the fast global smoother (Min et al. 2014)."""


@dataclass(frozen=True)
class LevinPropagation(Method):
    """Hints spread by the exact sparse solver of Levin, Lischinski and Weiss (2004)."""


@dataclass(frozen=True)
class ReferenceMatch(Method):
    """Colours of the most similar places of references, and of hints, spread by the smoother."""

    takes_references: ClassVar[bool] = True


@dataclass(frozen=True)
class Shipped(Method):
    """The colorizer of a fresh clone, with the weights that the project ships: nothing is learned here any more."""

    takes_references: ClassVar[bool] = True

    weights: str = ""
    """SHA-256 of the file in `models/weights`: other weights are another method."""


@dataclass(frozen=True)
class Untrained(ObjectiveSpec):
    """No objective: its checkpoint holds the method alone."""

    model: ClassVar[str] = "method"

    method: Method
