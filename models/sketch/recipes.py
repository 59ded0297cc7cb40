"""The recipes of paper 004, interactive sketch colorization, and of SGRU, which it builds on."""

from models.recipe import Recipe
from models.sketch.spec import SgruDiverse, SketchGan, SketchSupervised
from models.specs.base import ObjectiveSpec
from models.specs.hints import HintSampling, ThresholdMask


def _recipe(name: str, title: str, objective: ObjectiveSpec, hint: HintSampling | None) -> Recipe:
    return Recipe(
        name=name,
        title=title,
        paper="004",
        variant="line",
        color_space="rgb",
        objective=objective,
        resolution=256,
        batch=1,
        steps=627_500,  # 251 epochs of the paper's 2,500 pictures
        hint=hint,
        extractor="vgg19",
    )


RECIPES = (
    _recipe(
        "sketch_hint",
        "Paper 004: SGRU with hints, perceptual, Huber and adversarial losses",
        SketchGan(),
        ThresholdMask(),
    ),
    _recipe(
        "sketch_no_discriminator",
        "Paper 004: SGRU with hints, perceptual and Huber losses only (equation 1)",
        SketchSupervised(),
        ThresholdMask(),
    ),
    _recipe(
        # Its authors' data are others; with paper 004's budget it compares fairly.
        "sketch_sgru_diverse",
        "Liu, Chen and Hu: SGRU without hints, the best of nine pictures learns most",
        SgruDiverse(),
        None,
    ),
)
