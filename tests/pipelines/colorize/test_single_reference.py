"""A colorizer from one picture: the windows that it learns from, and that it learns their colours."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint import load_checkpoint
from models.recipes import RECIPES
from models.specs.base import Adam
from pipelines.colorize.single_reference import MIN_SHARE, colorizer_like, reference_pairs
from pipelines.images.color import rgb_to_gray
from pipelines.training.loop import TrainingError
from pipelines.training.params import TrainingParams

SIDE = 32
QUICK = TrainingParams(steps=2, resolution=SIDE, width=8, device="cpu", validation_pictures=2)


def ramp(height: int = 120, width: int = 80) -> np.ndarray:
    """A picture that tells where each of its pixels was: red grows downwards, green to the right."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[..., 0] = np.linspace(0, 255, height)[:, np.newaxis].round()
    rgb[..., 1] = np.linspace(0, 255, width).round()
    return rgb


def disc(*, shift: int = 0) -> np.ndarray:
    """A light red disc on dark blue: gray tells which is which."""
    y, x = np.mgrid[:64, :64] - 32
    is_disc = np.hypot(x - shift, y) < 18
    return np.where(is_disc[..., np.newaxis], (240, 150, 120), (20, 30, 120)).astype(np.uint8)


def test_the_first_window_is_the_whole_picture_and_the_others_lie_anywhere_in_it():
    pairs = reference_pairs(ramp(), RECIPES["ajou_cgan"], side=SIDE, windows=400, seed=0)
    assert pairs.color.shape == (400, SIDE, SIDE, 3)
    assert pairs.variant.shape == (400, 1, SIDE, SIDE)
    assert len(set(pairs.panel_ids)) == len(pairs.titles) == 400
    corners = pairs.color[:, [0, -1], [0, -1], :2].astype(float)  # (N, top left | bottom right, red | green)
    assert corners[0, 0].max() < 8
    assert corners[0, 1].min() > 247
    first, last = corners[1:, 0], corners[1:, 1]
    shares = (last - first) / 255  # of the height and of the width
    assert shares.min() > MIN_SHARE - 0.08
    assert np.allclose(shares.mean(axis=0), (1 + MIN_SHARE) / 2, atol=0.05)
    assert abs(np.corrcoef(shares.T)[0, 1]) < 0.15  # height and width are drawn apart
    middles = (first + last) / 2
    assert np.allclose(middles.mean(axis=0), 127.5, atol=8)
    assert (np.ptp(middles, axis=0) > 100).all()


@pytest.mark.parametrize("name", ["frames_gan_gray", "frames_gan_edge", "two_stage_pix2pix"])
def test_windows_come_with_what_the_recipe_sees(name: str):
    recipe = RECIPES[name]
    pairs = reference_pairs(disc(), recipe, side=SIDE, windows=3, seed=0)
    styles = {"gray": 1, "edge": 1, "line": 5}[recipe.arrays]
    assert pairs.variant.shape == (3, styles, SIDE, SIDE)
    if recipe.arrays == "gray":
        assert np.array_equal(pairs.variant[2, 0], rgb_to_gray(pairs.color[2]))
    if recipe.arrays == "edge":
        assert set(np.unique(pairs.variant)) == {0, 255}


def test_windows_are_a_function_of_the_seed():
    recipe = RECIPES["ajou_cgan"]
    first, same, other = (reference_pairs(ramp(), recipe, side=SIDE, windows=4, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.color, same.color)
    assert not np.array_equal(first.color, other.color)


def test_it_learns_the_colours_of_its_reference(tmp_path: Path):
    """And gives them to another picture of the same things."""
    recipe = RECIPES["frames_convnet_gray"]
    quick = replace(recipe, objective=replace(recipe.objective, generator_optimizer=Adam(5e-3, beta1=0.9)))
    params = QUICK.model_copy(update={"steps": 60, "batch": 8, "validate_every": 20})
    steps: list[int] = []
    colorizer = colorizer_like(
        disc(), tmp_path, recipe=quick, params=params, on_step=lambda step: steps.append(step.number)
    )
    assert steps == list(range(1, 61))
    assert (colorizer.name, colorizer.variant) == ("frames_convnet_gray_snapped", "gray")
    other = disc(shift=8)
    colored = colorizer.colorize(rgb_to_gray(other)).astype(int)
    assert np.abs(colored - other).mean() < 12
    assert colored[32, 40, 0] - colored[32, 40, 2] > 60  # the disc is red
    assert colored[4, 4, 2] - colored[4, 4, 0] > 60  # the ground is blue


def test_by_default_it_is_paper_002s_gan(tmp_path: Path):
    colorizer = colorizer_like(disc(), tmp_path, params=QUICK)
    assert colorizer.name == "ajou_cgan_snapped"
    checkpoint = load_checkpoint(tmp_path / "checkpoint.safetensors")
    assert (checkpoint.recipe["name"], checkpoint.resolution) == ("ajou_cgan", SIDE)
    assert not (tmp_path / "state.safetensors").exists()
    assert colorizer.colorize(np.full((50, 70), 128, np.uint8)).shape == (50, 70, 3)


def test_what_cannot_be_a_reference_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"reference: expected \(H, W, 3\) uint8 RGB, got \(64, 64\)"):
        colorizer_like(rgb_to_gray(disc()), tmp_path)


def test_a_recipe_that_builds_on_others_says_what_it_needs(tmp_path: Path):
    with pytest.raises(TrainingError, match="classifier"):
        colorizer_like(disc(), tmp_path, recipe=RECIPES["webtoon_vgg_features"], params=QUICK)
