"""Recipes: named values that fit together and can be read without torch."""

import dataclasses
import json
import subprocess
import sys

import pytest

from models.build import build_objective
from models.specs import Adam
from pipelines.recipes import PAPERS, RECIPES, Recipe


@pytest.fixture(params=RECIPES.values(), ids=list(RECIPES))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return request.param


def test_both_systems_are_there_under_their_own_names():
    assert {"webtoon_l2", "frames_gan_gray"} <= RECIPES.keys()
    assert all(name == recipe.name for name, recipe in RECIPES.items())


def test_names_are_read_without_torch():
    code = "import sys, pipelines.recipes, pipelines.training_rule; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_recipe_fits_together(recipe: Recipe):
    assert recipe.paper in PAPERS
    assert "\n" not in recipe.title
    assert recipe.objective.generator.out_channels == (2 if recipe.color_space == "lab" else 3)
    json.dumps(recipe.to_json())
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.batch = 2  # type: ignore[misc]


def test_a_recipe_can_be_built_small(recipe: Recipe):
    sized = recipe.sized(resolution=32, width=4)
    assert sized.resolution == 32
    assert sized.objective.generator.width == 4
    assert sized.name == recipe.name
    assert "generator" in build_objective(sized.objective).networks
    assert recipe.sized(resolution=None, width=None) == recipe


def test_the_papers_numbers():
    webtoon, frames = RECIPES["webtoon_l2"], RECIPES["frames_gan_gray"]
    assert (webtoon.resolution, webtoon.color_space, webtoon.variant) == (256, "lab", "gray")
    assert (frames.batch, frames.steps, frames.color_space) == (64, 20 * (22_543 // 64), "rgb")
    objective = frames.objective.__dict__
    assert objective["l1_weight"] == 100
    assert objective["generator_optimizer"] == objective["discriminator_optimizer"] == Adam(2e-4, 0.5)
