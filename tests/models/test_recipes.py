"""Recipes: named values that fit together and can be read without torch."""

import dataclasses
import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from models.kinds import spec_from_json
from models.methods.recipes import SHIPPED_SHA256
from models.recipes import CLASSIFIERS, DRAFTS, LINE_DETECTOR, PAPERS, RECIPES, Recipe, recipe_of
from models.specs.base import Adam
from models.specs.hints import Points

EVERY = {**RECIPES, **CLASSIFIERS, **DRAFTS, LINE_DETECTOR.name: LINE_DETECTOR}


@pytest.fixture(params=EVERY.values(), ids=list(EVERY))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return request.param


def test_each_has_its_own_name():
    assert {"webtoon_l2", "frames_gan_gray"} <= RECIPES.keys()
    assert all(name == recipe.name for name, recipe in EVERY.items())
    assert len(EVERY) == len(RECIPES) + len(CLASSIFIERS) + len(DRAFTS) + 1
    assert all(recipe_of(name) is recipe for name, recipe in EVERY.items())
    with pytest.raises(ValueError, match=r"no recipe 'nobody'; there are: .*webtoon_l2"):
        recipe_of("nobody")


def test_names_are_read_without_torch():
    code = "import sys, models.recipes, pipelines.training.params; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_recipe_fits_together(recipe: Recipe):
    assert recipe.paper in PAPERS
    assert "\n" not in recipe.title
    assert spec_from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert all(need.recipe in EVERY for need in recipe.needs)
    assert len({need.role for need in recipe.needs}) == len(recipe.needs)
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.batch = 2  # type: ignore[misc]


def test_a_recipe_can_be_sized(recipe: Recipe):
    assert recipe.resized(resolution=None, width=None) == recipe
    sized = recipe.resized(resolution=32, width=8)
    if recipe.is_untrained:
        assert sized == recipe
        return
    assert sized.resolution == 32
    assert sized.name == recipe.name
    assert sized.objective != recipe.objective


def test_methods_learn_nothing_and_take_hints():
    methods = {name for name, recipe in RECIPES.items() if recipe.is_untrained}
    assert methods == {"propagate_hints", "levin_hints", "reference_match", "reference_match_line", "shipped"}
    assert all(RECIPES[name].takes_hints and RECIPES[name].pictures == 0 for name in methods)
    with_references = {name for name in methods if RECIPES[name].takes_references}
    assert with_references == {"reference_match", "reference_match_line", "shipped"}
    assert RECIPES["two_stage"].takes_hints
    assert not RECIPES["webtoon_l2"].takes_hints
    assert not RECIPES["webtoon_l2"].takes_references


def test_the_shipped_method_names_the_weights_that_are_there():
    weights = Path(__file__).parents[2] / "models" / "weights" / "exemplar.safetensors"
    assert sha256(weights.read_bytes()).hexdigest() == SHIPPED_SHA256
    assert weights.stat().st_size < 20_000_000


def test_smaller_pictures_show_no_more_of_their_colours():
    for name, recipe in EVERY.items():
        if not isinstance(recipe.hint, Points):
            continue
        for resolution in (recipe.resolution, 256, 128, 64):
            hint, side = recipe.resized(resolution=resolution, width=None).hint, resolution // recipe.hint.scale
            share = hint.max_count / side**2  # type: ignore[union-attr]
            assert share == pytest.approx(recipe.hint.max_count / recipe.hint_side(recipe.resolution) ** 2, rel=0.3), (
                name
            )  # type: ignore[operator]


def test_the_papers_numbers():
    webtoon, frames = RECIPES["webtoon_l2"], RECIPES["frames_gan_gray"]
    assert (webtoon.resolution, webtoon.color_space, webtoon.variant) == (256, "lab", "gray")
    assert (frames.batch, frames.steps, frames.color_space) == (64, 20 * (22_543 // 64), "rgb")
    objective = frames.objective.__dict__
    assert objective["l1_weight"] == 100
    assert objective["generator_optimizer"] == objective["discriminator_optimizer"] == Adam(2e-4, 0.5)
