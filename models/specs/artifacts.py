"""Values of `models.artifacts`: changes of a draft before the second stage learns from it."""

from dataclasses import dataclass

from models.specs.base import Spec


@dataclass(frozen=True)
class Artifacts(Spec):
    """Artifact simulation (paper 003, section 3.5, after Zhang et al., 2018). Probabilities are per batch.

    The paper names spray, smear and distortion and gives no figures. 0.6 for the spray is the released code's,
    which has no other artifact; smear and distortion take the same number [I].
    """

    spray: float = 0.6
    """Probability of a cloud of the picture's dominant colour along a random line."""
    smear: float = 0.6
    """Probability of colours dragged along a random direction in a random place."""
    smear_length: float = 0.25
    """[I] Colours are dragged over at most this share of the picture's side."""
    distortion: float = 0.6
    """Probability of a smooth random displacement."""
    distortion_reach: float = 0.05
    """[I] Standard deviation of the displacement, as a share of the picture's side."""
