"""The registry of recipes by name; each recipe is in the folder of its system. No torch."""

from models.ajou import recipes as ajou
from models.classifiers import recipes as classifiers
from models.exemplar import recipes as exemplar
from models.frames import recipes as frames
from models.methods import recipes as methods
from models.recipe import PAPERS, Augmentation, Need, Recipe, ReferenceSampling, Sight, Task
from models.sketch import recipes as sketch
from models.two_stage import recipes as two_stage
from models.webtoon import recipes as webtoon

__all__ = [
    "CLASSIFIERS",
    "DRAFTS",
    "LINE_DETECTOR",
    "PAPERS",
    "RECIPES",
    "Augmentation",
    "Need",
    "Recipe",
    "ReferenceSampling",
    "Sight",
    "Task",
    "recipe_of",
]


def _by_name(*recipes: Recipe) -> dict[str, Recipe]:
    found = {recipe.name: recipe for recipe in recipes}
    assert len(found) == len(recipes), "two recipes share a name"
    return found


RECIPES = _by_name(
    *webtoon.RECIPES,
    *frames.RECIPES,
    *ajou.RECIPES,
    *two_stage.RECIPES,
    *sketch.RECIPES,
    *exemplar.RECIPES,
    *methods.RECIPES,
)
"""The ways to train a colorizer, and the methods that need no training."""

CLASSIFIERS = _by_name(*classifiers.RECIPES)
"""The ways to train a title classifier (paper 000)."""

LINE_DETECTOR = two_stage.LINE_DETECTOR
"""The way to train the line detector (paper 003)."""

DRAFTS = _by_name(*two_stage.DRAFTS)
"""The first stages of the two-stage recipes (paper 003): `<recipe>_draft`."""

_ALL = {**RECIPES, **CLASSIFIERS, **DRAFTS, LINE_DETECTOR.name: LINE_DETECTOR}


def recipe_of(name: str) -> Recipe:
    """A recipe of any kind. Raises ValueError for an unknown name."""
    if name not in _ALL:
        raise ValueError(f"no recipe {name!r}; there are: {', '.join(_ALL)}")
    return _ALL[name]
