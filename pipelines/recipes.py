"""Recipes: named, immutable ways to train. Values only: no torch, so that whoever needs their names can read them.

A recipe's name is the partition key of its colorizer and the name of its MLflow run. To change a recipe is to
give it another name: results under one name stay comparable.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from models.specs import ColorSpace, FramesGan, ObjectiveSpec, WebtoonL2

Variant = Literal["gray", "edge", "line"]

PAPERS = {
    "000": "Cinarel and Zhang, Into the Colorful World of Webtoons: Through the Lens of Neural Networks (2017)",
    "001": "Fu, Hsu and Yang, Colorization Using ConvNet and GAN (2017)",
}


@dataclass(frozen=True)
class Recipe:
    """One way to train a colorizer. [I] marks what the paper does not give."""

    name: str
    title: str
    """One line for tables and run descriptions."""
    paper: str
    """A key of PAPERS."""
    variant: Variant
    """What the colorizer sees."""
    color_space: ColorSpace
    objective: ObjectiveSpec
    """Networks, losses with their weights, optimizers."""
    resolution: int
    """Side of the square training pictures in pixels."""
    batch: int
    steps: int
    """The budget: optimizer steps."""

    def sized(self, *, resolution: int | None, width: int | None) -> "Recipe":
        """The same recipe at another resolution or network width, for trials; None keeps the recipe's own."""
        resolution = resolution or self.resolution
        return replace(self, resolution=resolution, objective=self.objective.sized(width=width, resolution=resolution))

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values, with the kind of the objective."""
        values = asdict(self)
        values["objective"] = {"kind": type(self.objective).__name__, **values["objective"]}
        return values


_RECIPES = (
    Recipe(
        name="webtoon_l2",
        title="Paper 000: pix2pix's U-Net from L to ab, L2 loss only",
        paper="000",
        variant="gray",
        color_space="lab",
        objective=WebtoonL2(),
        resolution=256,
        batch=1,  # [I] pix2pix's
        steps=200_000,  # [I] about 14 epochs of the paper's 13,918 panels
    ),
    Recipe(
        name="frames_gan_gray",
        title="Paper 001: conditional GAN from gray to RGB, L1 weight 100",
        paper="001",
        variant="gray",
        color_space="rgb",
        objective=FramesGan(),
        resolution=256,  # the paper's frames are 180 x 320, the area of a square of 240
        batch=64,
        steps=7_040,  # 20 epochs of 352 batches: the paper's 22,543 frames
    ),
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _RECIPES}
