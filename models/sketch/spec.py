"""Values of `models.sketch.network`: paper 004's generator, its baseline SGRU, and what they minimize."""

from dataclasses import dataclass
from typing import ClassVar

from models.specs.base import Adam, NetworkSpec, ObjectiveSpec, Spec


@dataclass(frozen=True)
class Sgru(NetworkSpec):
    """Liu, Chen and Hu's SGRU: one picture of each sketch, or nine.

    Channels are those of SGRU's code (see `models.sketch.network`); how many paper 004 keeps cannot be read from its
    figure 4.
    """

    builds: ClassVar[str] = "models.sketch.network:SgruNetwork"

    width: int = 96
    """Channels of the first level. Levels of the encoder have 1 to 5 times as many, those of the decoder 16/3 (512
    for 96), 5, 4, 3 and 2 times."""
    hint_channels: int = 0
    """4 (RGB and mask) in paper 004; 0: it takes no hints."""
    pictures: int = 1
    """Colour pictures per sketch: [I] 1 in paper 004, 9 in SGRU."""
    shown: int | None = None
    """[I] Which of the pictures it gives as a colorizer, from 0. None: the one that was the best for most of
    the recent training pictures, since the others lag behind it and no truth is there to choose by. SGRU's authors
    show all nine."""

    def __post_init__(self) -> None:
        if self.shown is not None and not 0 <= self.shown < self.pictures:
            raise ValueError(f"Sgru: shown is {self.shown}; expected None, or 0 to {self.pictures - 1}")


@dataclass(frozen=True)
class SketchDiscriminator(NetworkSpec):
    """[I] Paper 004 gives only that it sees a picture alone: DCGAN's (Radford et al., 2016), two layers deeper
    because pictures are 256 pixels instead of 64."""

    builds: ClassVar[str] = "models.sketch.network:Discriminator"

    width: int = 64
    multiples: tuple[int, ...] = (1, 2, 4, 8, 8, 8)
    """Channels of each layer, as multiples of `width`."""


@dataclass(frozen=True)
class Perceptual(Spec):
    """Equation 2: weighted L1 between maps of an extractor. Layers and weights are those of SGRU's code [I]."""

    layers: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")
    picture_weight: float = 0.88
    """Weight of the difference between the pictures themselves, in the unit of VGG's input: 0.226 of their range."""
    weights: tuple[float, ...] = (0.79, 0.63, 0.51, 0.39, 1.07)
    """Weight of each of `layers`."""
    masked: bool = True
    """[I] Maps are multiplied by the sketch, in [0, 1] and at their size, so that nothing is asked for where lines
    are: so does SGRU's code. Equation 2 has no mask; False is that."""


@dataclass(frozen=True)
class SketchSupervised(ObjectiveSpec):
    """Equation 1: perceptual loss and Huber loss. The paper gives no weights."""

    builds: ClassVar[str] = "models.sketch.network:SupervisedObjective"

    generator: Sgru = Sgru(hint_channels=4)
    perceptual: Perceptual = Perceptual()
    perceptual_weight: float = 1.0
    """[I] w_p: 1 leaves SGRU's loss, which is this term alone, as it was published."""
    huber_weight: float = 10.0
    """[I] w_h. The slope of Huber's loss is the difference itself, that of the perceptual loss's L1 on pictures is
    1.95 (0.88 / 0.452): with 10, Huber's rules where colours are off by more than 0.19 (25 of 255), the other one
    below."""
    huber_delta: float = 1.0
    """[I] Where Huber's loss goes over from a parabola to a line, of pictures in [-1, 1]."""
    generator_optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.9, beta2=0.99)


@dataclass(frozen=True)
class SketchGan(SketchSupervised):
    """Equations 3 and 4: the same with an unconditional discriminator."""

    builds: ClassVar[str] = "models.sketch.network:GanObjective"

    discriminator: SketchDiscriminator = SketchDiscriminator()
    adversarial_weight: float = 0.05
    """[I] w_g: what paper 003, another colorizer of sketches, gives to its adversarial loss beside a pixel loss of
    about 1, as the perceptual loss's is here."""
    discriminator_optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.9, beta2=0.99)


@dataclass(frozen=True)
class SgruDiverse(ObjectiveSpec):
    """SGRU's own loss: the least perceptual loss of the nine pictures, and a little of their mean, so that each
    learns. Figures of SGRU's code."""

    builds: ClassVar[str] = "models.sketch.network:DiverseObjective"

    generator: Sgru = Sgru(pictures=9)
    perceptual: Perceptual = Perceptual()
    best_weight: float = 0.999
    mean_weight: float = 0.001
    generator_optimizer: Adam = Adam(learning_rate=1e-4, beta1=0.9)
    """5e-5 in earlier states of that code."""
