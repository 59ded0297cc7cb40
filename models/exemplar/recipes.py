"""The recipes of colours by example: for gray pictures, and for lines."""

from models.exemplar.spec import Exemplar, ExemplarUNet
from models.recipe import Augmentation, Recipe, ReferenceSampling, Sight
from models.specs.base import ColorSpace
from models.specs.hints import FewOrManyPoints


def _recipe(name: str, title: str, variant: Sight, color_space: ColorSpace, network: ExemplarUNet) -> Recipe:
    return Recipe(
        name=name,
        title=f"He et al. 2018: {title}",
        paper="he2018",
        variant=variant,
        color_space=color_space,
        objective=Exemplar(generator=network),
        resolution=192,
        batch=12,
        steps=4_000,  # about an hour on one idle core
        hint=FewOrManyPoints(),
        references=ReferenceSampling(),
        augmentation=Augmentation(min_crop=0.6),
    )


RECIPES = (
    _recipe(
        "exemplar",
        "colours from references and hints, matched on frozen features; gray to ab",
        "gray",
        "lab",
        ExemplarUNet(),
    ),
    _recipe(
        "exemplar_line",
        "the same for lines, with lightness",
        "line",
        "rgb",
        ExemplarUNet(out_channels=3, lightness_penalty=0.0),
    ),
)
