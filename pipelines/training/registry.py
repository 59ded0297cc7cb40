"""The recipe of each partition of each training asset; all links between them follow from `Recipe.needs`."""

from collections.abc import Iterable, Mapping

from models.recipes import CLASSIFIERS, DRAFTS, LINE_DETECTOR, RECIPES, Recipe, recipe_of

TRAININGS: Mapping[str, Mapping[str | None, Recipe]] = {
    "title_classifier": {**CLASSIFIERS},
    "line_detector": {None: LINE_DETECTOR},
    "draft": {
        recipe.name: DRAFTS[need.recipe]
        for recipe in RECIPES.values()
        for need in recipe.needs
        if need.recipe in DRAFTS
    },
    "colorizer": {**RECIPES},
}
"""By asset and partition (None: no partitions), the recipe; assets that others need come first."""


def trained_by(recipe: str) -> tuple[str, str | None]:
    """The asset and the partition that train a recipe; the first ones where there are several.

    Raises ValueError for an unknown name.
    """
    recipe_of(recipe)
    return next(
        (asset, partition)
        for asset, partitions in TRAININGS.items()
        for partition, trained in partitions.items()
        if trained.name == recipe
    )


def with_dependencies(names: Iterable[str]) -> list[str]:
    """The recipes and all that they need, each once, dependencies first. Raises ValueError for an unknown name."""
    found: list[str] = []
    for name in names:
        dependencies = with_dependencies(need.recipe for need in recipe_of(name).needs)
        found += [each for each in (*dependencies, name) if each not in found]
    return found
