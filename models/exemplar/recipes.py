"""The recipes of colours by example: for gray pictures, and for lines."""

from models.exemplar.spec import Exemplar
from models.recipe import Augmentation, Recipe, ReferenceSampling
from models.specs.hints import FewOrManyPoints

RECIPES = (
    Recipe(
        name="exemplar",
        title="He et al. 2018: colours from references and hints, matched on frozen features; gray to ab",
        paper="he2018",
        variant="gray",
        color_space="lab",
        objective=Exemplar(),
        resolution=192,
        batch=12,
        steps=4_000,  # [I] about an hour on one core
        hint=FewOrManyPoints(),
        references=ReferenceSampling(),
        augmentation=Augmentation(min_crop=0.6),
    ),
)
