"""The recipes of paper 003: the paper's figures, what each ablation changes and what it leaves."""

from dataclasses import fields, replace
from typing import Any

import pytest

from models.recipes import DRAFTS, LINE_DETECTOR, RECIPES, Recipe
from models.specs.hints import Points
from models.two_stage.spec import Colorization, Drafting

NAMED = {"name", "title"}


def changes(left: Any, right: Any) -> set[str]:
    """The fields in which two values of one kind differ."""
    assert type(left) is type(right)
    return {field.name for field in fields(left) if getattr(left, field.name) != getattr(right, field.name)}


def test_budgets_and_drops_are_the_papers():
    draft, color = DRAFTS["two_stage_draft"], RECIPES["two_stage"]
    assert [(recipe.batch, recipe.steps) for recipe in (LINE_DETECTOR, draft, color)] == [
        (16, 256_000),
        (64, 175_000),
        (4, 1_173_000),
    ]
    optimizers = (
        (LINE_DETECTOR, "detector_optimizer", [110_000, 183_000]),
        (draft, "generator_optimizer", [48_000]),
        (draft, "discriminator_optimizer", [48_000]),
        (color, "generator_optimizer", [733_000]),
    )
    for recipe, name, steps in optimizers:
        adam = getattr(recipe.objective, name)
        assert (adam.learning_rate, adam.beta1, adam.beta2) == (1e-4, 0.5, 0.9)
        assert [drop * recipe.steps for drop in adam.drops] == pytest.approx(steps)


def test_weights_hints_and_preprocessing_are_the_papers():
    draft = DRAFTS["two_stage_draft"]
    losses = draft.objective.__dict__
    assert [losses[f"{name}_weight"] for name in ("adversarial", "l1", "content", "line")] == [0.05, 1.0, 0.1, 1.0]
    assert draft.hint == Points(scale=4, min_count=0, max_count=128, few=0.0)
    assert draft.hint_side(draft.resolution) == 128
    seen = draft.augmentation
    assert (seen.flip, seen.flip_vertical, seen.contrast, seen.saturation, seen.hue) == (0.5, 0.5, 0.1, 0.1, 0.03)
    assert (seen.line_brightness, seen.equalize) == (0.7, 0.5)
    assert 0.01 <= seen.gray_instead <= 0.1
    assert draft.extractor == "vgg16"


def needed(recipe: Recipe) -> dict[str, str]:
    return {need.role: need.recipe for need in recipe.needs}


@pytest.mark.parametrize("name", ["two_stage", "two_stage_ldm_only", "two_stage_histeq_only", "two_stage_as_released"])
def test_each_colours_the_draft_of_its_name(name: str):
    assert needed(RECIPES[name]) == {"draft": f"{name}_draft"}
    has_line_loss = getattr(DRAFTS[f"{name}_draft"].objective, "line_weight") > 0  # noqa: B009  a field of its kind
    assert needed(DRAFTS[f"{name}_draft"]) == ({"line_detector": "line_detector"} if has_line_loss else {})
    assert RECIPES[name].augmentation.equalize == 0  # only drafts see equalized lines


def test_the_ablations_of_table_2_change_one_thing_each():
    draft, color = DRAFTS["two_stage_draft"], RECIPES["two_stage"]
    ldm_only, histeq_only = DRAFTS["two_stage_ldm_only_draft"], DRAFTS["two_stage_histeq_only_draft"]
    assert changes(draft, ldm_only) == {*NAMED, "augmentation"}
    assert ldm_only.augmentation == replace(draft.augmentation, equalize=0.0)
    assert changes(draft, histeq_only) == {*NAMED, "objective", "needs"}
    assert changes(draft.objective, histeq_only.objective) == {"line_weight"}
    for name in ("two_stage_ldm_only", "two_stage_histeq_only"):
        assert changes(color, RECIPES[name]) == {*NAMED, "needs"}


def test_as_released_differs_where_the_code_does():
    draft, released = DRAFTS["two_stage_draft"], DRAFTS["two_stage_as_released_draft"]
    assert changes(draft, released) == {*NAMED, "objective", "steps", "hint", "augmentation"}
    assert changes(draft.objective, released.objective) == {
        "discriminator",
        "adversarial_weight",
        "line_and_content_teach",
        "generator_optimizer",
        "discriminator_optimizer",
    }
    assert changes(RECIPES["two_stage"].objective, RECIPES["two_stage_as_released"].objective) == {
        "generator",
        "artifacts",
        "generator_optimizer",
    }


def test_as_released_has_the_figures_of_the_code():
    draft, color = DRAFTS["two_stage_as_released_draft"], RECIPES["two_stage_as_released"]
    drafting, colorization = draft.objective, color.objective
    assert isinstance(drafting, Drafting)
    assert isinstance(colorization, Colorization)
    assert (drafting.adversarial_weight, drafting.content_weight, drafting.line_weight) == (0.01, 0.1, 1.0)
    assert drafting.discriminator.cardinality == 4
    assert drafting.line_and_content_teach is False
    assert (draft.hint, color.hint) == (Points(min_count=5, max_count=65, few=0.4), Points(min_count=28, max_count=128))
    assert draft.augmentation.gray_instead == 0.0001
    assert color.augmentation.gray_instead == 0
    assert colorization.generator.colorization == replace(colorization.generator.draft.unet, in_channels=4)
    artifacts = colorization.artifacts
    assert (artifacts.spray, artifacts.smear, artifacts.distortion) == (0.6, 0.0, 0.0)
    for recipe, adam, epochs, drop in (
        (draft, drafting.generator_optimizer, 18, 10),
        (draft, drafting.discriminator_optimizer, 18, 10),
        (color, colorization.generator_optimizer, 8, 5),
    ):
        pictures = 0.9 * 733_322
        assert recipe.pictures == pytest.approx(epochs * pictures, rel=1e-5)
        assert adam.drops == pytest.approx((drop / epochs,))
