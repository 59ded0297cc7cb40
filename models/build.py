"""From a specification to its modules: the one place that knows which class stands for which value."""

from torch import nn

from models.frames import ConvNet, GanObjective
from models.objective import Objective
from models.pix2pix import UNet
from models.specs import FramesGan, FramesGenerator, GeneratorSpec, ObjectiveSpec, Pix2pixUNet, WebtoonL2
from models.webtoon import L2Objective


def build_generator(spec: GeneratorSpec) -> nn.Module:
    """The network that colorizes, newly initialized."""
    match spec:
        case Pix2pixUNet():
            return UNet(spec)
        case FramesGenerator():
            return ConvNet(spec)


def build_objective(spec: ObjectiveSpec) -> Objective:
    """The objective with all its networks, newly initialized."""
    match spec:
        case WebtoonL2():
            return L2Objective(spec)
        case FramesGan():
            return GanObjective(spec)
