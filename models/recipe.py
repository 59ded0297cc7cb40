"""Recipes: named, immutable ways to train. Values only, no torch, so that names can be read without it.

A recipe's name is the partition key of its colorizer and the name of its MLflow run. To change a recipe is to
give it another name: results under one name stay comparable.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar, Literal

from models.specs.base import ColorSpace, NetworkSpec, ObjectiveSpec, Spec, spec_to_json
from models.specs.hints import HintSampling

Sight = Literal["gray", "edge", "line", "color"]
"""The input of a network: a variant of a panel, or the panel itself."""

Task = Literal["colorize", "draw_lines", "tell_title"]
"""The output of a network: colour, the lines of a picture, or the title of a panel."""

Extractor = Literal["vgg16", "vgg19", "hed-vgg16"]
"""A feature extractor by the name that losses and metrics carry."""

PAPERS = {
    "000": "Cinarel and Zhang, Into the Colorful World of Webtoons: Through the Lens of Neural Networks (2017)",
    "001": "Fu, Hsu and Yang, Colorization Using ConvNet and GAN (2017)",
    "002": "Team ACV: Ajou ComicArt Visionaries, A cGAN-based Approach for Manga Colorization (slides)",
    "003": "Lee and Lee, Automatic Colorization of Anime Style Illustrations Using a Two-Stage Generator (2020)",
    "004": "Ye, Wang, Chen and Lin, Interactive Anime Sketch Colorization with Style Consistency via a Deep Residual "
    "Neural Network (2019)",
    "levin2004": "Levin, Lischinski and Weiss, Colorization Using Optimization (2004)",
    "min2014": "Min, Choi, Lu, Ham, Sohn and Do, Fast Global Image Smoothing Based on Weighted Least Squares (2014)",
    "he2018": "He, Chen, Liao, Sander and Yuan, Deep Exemplar-based Colorization (2018)",
}


@dataclass(frozen=True)
class Augmentation(Spec):
    """Random changes of training pictures, drawn anew for every batch. Probabilities are per picture, in [0, 1]."""

    flip: float = 0.5
    """Probability of a mirror image, left to right."""
    flip_vertical: float = 0.0
    """Probability of a picture upside down."""
    min_crop: float = 1.0
    """Smallest side of a square crop, as a share of the picture's side; the crop is scaled up again."""
    contrast: float = 0.0
    """Colour jitter: contrast times U(1 - c, 1 + c)."""
    saturation: float = 0.0
    """Colour jitter: saturation times U(1 - s, 1 + s)."""
    hue: float = 0.0
    """Colour jitter: hue rotated by U(-h, h) of a full rotation."""
    line_brightness: float = 1.0
    """Lines: their darkness times U(b, 1)."""
    equalize: float = 0.0
    """Lines: probability of an equalized histogram."""
    gray_instead: float = 0.0
    """Probability of the gray picture in place of the lines."""
    lightness_dropout: float = 0.0
    """Share of the input's pixels whose lightness is set to 0, the middle."""


@dataclass(frozen=True)
class ReferenceSampling(Spec):
    """References in training: pictures come in groups, and each may take colours from others of its group."""

    group: int = 6
    """Pictures of a group. They are of one title, most often of one issue."""
    same_issue: float = 0.75
    """Probability, by title and epoch, that its groups are made of single issues, not of any pictures of the title."""
    none: float = 0.25
    """Probability of no references, by picture."""
    rotated: float = 0.35
    """Probability, by group, that its hues are rotated by one random angle: colours then come from references and
    hints, not from memory. Each picture of such a group has references."""


@dataclass(frozen=True)
class Need(Spec):
    """A trained network that a recipe builds on."""

    role: str
    """Its name in the objective: "classifier", "line_detector", "draft"."""
    recipe: str
    """The recipe that trains it."""


@dataclass(frozen=True)
class Recipe(Spec):
    """One way to train a network. [I] marks values that the paper does not give."""

    builds: ClassVar[str] = ""

    name: str
    title: str
    """One line for tables and run descriptions."""
    paper: str
    """A key of PAPERS."""
    variant: Sight
    """The input of the network."""
    color_space: ColorSpace
    """The colour space of input and output: L and ab, or gray and RGB."""
    objective: ObjectiveSpec
    """Networks, losses with their weights, optimizers."""
    resolution: int
    """Side of the square training pictures in pixels."""
    batch: int
    steps: int
    """The budget: optimizer steps of `batch` pictures. 0: an untrained method, see `models.methods`."""
    task: Task = "colorize"
    hint: HintSampling | None = None
    """The sampling of sparse colour from the truth; None: the network takes no hints."""
    references: ReferenceSampling | None = None
    """The sampling of references; None: the network takes none."""
    with_label: bool = False
    """True where the title is an input of the network."""
    augmentation: Augmentation = Augmentation()
    needs: tuple[Need, ...] = ()
    extractor: Extractor | None = None
    """The feature extractor of the paper; the objective finds it under the role "features"."""

    @property
    def is_untrained(self) -> bool:
        """True for a method that learns nothing."""
        return self.steps == 0

    @property
    def takes_hints(self) -> bool:
        """True where its colorizer takes hints: learned with them, or a method, which needs no learning for that."""
        return self.hint is not None or self.is_untrained

    @property
    def takes_references(self) -> bool:
        """True where its colorizer takes references."""
        return self.objective.network.takes_references

    @property
    def pictures(self) -> int:
        """The budget in pictures seen."""
        return self.steps * self.batch

    @property
    def arrays(self) -> Literal["gray", "edge", "line"]:
        """The variant that its training reads beside the colour; for a line detector that is the target."""
        if self.task == "draw_lines":
            return "line"
        return "gray" if self.variant == "color" else self.variant

    def hint_side(self, resolution: int) -> int | None:
        """Side in pixels of the hints that belong to pictures of a resolution; None without hints."""
        return ceil(resolution / self.hint.scale) if self.hint else None

    def resized(self, *, resolution: int | None, width: int | None) -> "Recipe":
        """The same recipe at another resolution or network width; None keeps the recipe's own.

        Hints cover the same share of a picture as at the recipe's own resolution. A method has one size.
        """
        if self.is_untrained:
            return self
        resolution = resolution or self.resolution
        share = (resolution / self.resolution) ** 2
        return replace(
            self,
            resolution=resolution,
            objective=self.objective.sized(width=width, resolution=resolution),
            hint=self.hint.on_area(share) if self.hint else None,
        )

    def built_on(self, needs: Mapping[str, NetworkSpec]) -> "Recipe":
        """The same recipe with the specifications of the networks that it builds on, by role."""
        return replace(self, objective=self.objective.joined(needs))

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON values, each part with its kind."""
        return spec_to_json(self)

    def parameters(self) -> Iterator[tuple[str, Any]]:
        """Its values by dotted names, as MLflow compares them: `objective.l1_weight`."""
        return _dotted(self.to_json())


def _dotted(recipe: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in recipe.items():
        if isinstance(value, Mapping):
            yield f"{prefix}{name}", value["kind"]
            yield from _dotted(value, f"{prefix}{name}.")
        elif value is not None and name not in {"kind", "name", "title", "paper"}:
            yield f"{prefix}{name}", json.dumps(value) if isinstance(value, list) else value
