"""Batches: ranges of every task, each augmentation by OpenCV's or by-hand values, the statistics of what is random."""

import colorsys
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from models.objective import Batch
from models.recipes import RECIPES, Augmentation, Recipe
from models.specs.hints import Points
from pipelines.images.color import network_input, network_target, rgb_to_gray
from pipelines.pairs import Pairs
from pipelines.training.batches import Batches, equalized
from pipelines.training.pictures import Converted, Held, Mapped

CPU = torch.device("cpu")
SIDE = 24
STILL = Augmentation(flip=0.0)
LAB = replace(RECIPES["webtoon_l2"], augmentation=STILL)
RGB = replace(RECIPES["frames_gan_gray"], augmentation=STILL)
LINES = replace(RGB, variant="line")


def pairs_of(count: int = 64, styles: int = 1) -> Pairs:
    """Blocks of colour; every variant but the first is another picture."""
    random = np.random.default_rng(0)
    blocks = random.integers(0, 256, (count, 4, 4, 3)).astype(np.uint8)
    color = blocks.repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    others = random.integers(0, 256, (count, styles - 1, SIDE, SIDE)).astype(np.uint8)
    variant = np.concatenate([rgb_to_gray(color)[:, np.newaxis], others], axis=1)
    titles = tuple(("moon", "sun", "star")[number % 3] for number in range(count))
    return Pairs(color, variant, tuple(map(str, range(count))), titles)


PAIRS = pairs_of()
ROWS = np.arange(64)


def train_batch(recipe: Recipe, pairs: Pairs = PAIRS, **how: Any) -> Batch:
    torch.manual_seed(0)
    return Batches(replace(recipe, augmentation=replace(STILL, **how)), pairs, CPU).train_batch(ROWS)


def close(tensor: Tensor, array: np.ndarray | Tensor, to: float = 1e-4) -> bool:
    return tensor.shape == array.shape and bool(np.abs(tensor.numpy() - np.asarray(array)).max() < to)


@pytest.mark.parametrize("recipe", [LAB, RGB], ids=["lab", "rgb"])
def test_batches_without_augmentation_are_what_colorizers_see(recipe: Recipe):
    for batch in (Batches(recipe, PAIRS, CPU).train_batch(ROWS), Batches(recipe, PAIRS, CPU).eval_batch(ROWS)):
        assert close(batch.condition, network_input(PAIRS.variant[:, 0], recipe.color_space))
        assert close(batch.target, network_target(PAIRS.color, recipe.color_space), to=5e-4)
        assert batch.hint is None
        assert batch.label is None
        assert batch.condition.dtype == batch.target.dtype == torch.float32


def test_pictures_are_those_of_their_rows():
    rows = np.array([5, 2, 40])
    batch = Batches(RGB, PAIRS, CPU).train_batch(rows)
    assert close(batch.target, network_target(PAIRS.color[rows], "rgb"))
    assert close(batch.condition, network_input(PAIRS.variant[rows, 0], "rgb"))


def test_lines_are_drawn_from_colour():
    batch = Batches(replace(RGB, task="draw_lines", variant="color"), PAIRS, CPU).train_batch(ROWS)
    assert close(batch.condition, network_target(PAIRS.color, "rgb"))
    assert close(batch.target, network_input(PAIRS.variant[:, 0], "rgb"))


@pytest.mark.parametrize("variant", ["gray", "color"])
def test_titles_are_classified_from_gray_or_colour(variant: Any):
    recipe = replace(LAB if variant == "gray" else RGB, task="tell_title", variant=variant, with_label=True)
    batch = Batches(recipe, PAIRS, CPU, titles=("moon", "star")).train_batch(np.array([0, 1, 2, 3]))
    gray, color = network_input(PAIRS.variant[:4, 0], "lab"), network_target(PAIRS.color[:4], "rgb")
    assert close(batch.condition, gray if variant == "gray" else color)
    assert batch.target.shape == batch.condition.shape
    assert batch.label is not None
    assert batch.label.tolist() == [0, -1, 1, 0]  # moon, sun (unknown), star, moon


def test_hints_have_the_truths_colours_and_are_constant_in_evaluation_batches():
    recipe = replace(RGB, hint=Points(scale=2, min_count=20, max_count=20))
    batches = Batches(recipe, PAIRS, CPU)
    batch = batches.eval_batch(ROWS)
    assert batch.hint is not None
    assert batch.hint.shape == (64, 4, SIDE // 2, SIDE // 2)
    assert (batch.hint[:, 3].sum(dim=(1, 2)) == 20).all()
    mask = batch.hint[:, 3:].bool().expand(-1, 3, -1, -1)
    assert torch.allclose(batch.hint[:, :3][mask], batch.target[:, :, ::2, ::2][mask], atol=1e-5)  # blocks of 6 pixels
    torch.manual_seed(5)
    assert torch.equal(batches.eval_batch(ROWS).hint, batch.hint)  # type: ignore[arg-type]
    torch.manual_seed(5)
    other = batches.train_batch(ROWS).hint
    assert other is not None
    assert not torch.equal(other, batch.hint)


@pytest.mark.parametrize(("name", "axis"), [("flip", 2), ("flip_vertical", 1)])
def test_a_flip_turns_both_and_happens_as_often_as_asked(name: str, axis: int):
    always = train_batch(RGB, **{name: 1.0})
    assert close(always.target, network_target(np.flip(PAIRS.color, axis), "rgb"))
    assert close(always.condition, network_input(np.flip(PAIRS.variant[:, 0], axis), "rgb"))
    often = train_batch(RGB, **{name: 0.25})
    turned = [
        (torch.equal(often.target[row], always.target[row]), torch.equal(often.condition[row], always.condition[row]))
        for row in ROWS
    ]
    assert all(color == gray for color, gray in turned)
    assert 8 <= sum(color for color, _ in turned) <= 24  # 16 of 64; less likely than 2 in 100 outside


def test_training_batches_have_all_styles_and_evaluation_batches_go_by_row():
    pairs = pairs_of(styles=3)
    batch = train_batch(LINES, pairs)
    styles = [
        next(
            s for s in range(3) if close(batch.condition[row], network_input(pairs.variant[row : row + 1, s], "rgb")[0])
        )
        for row in ROWS
    ]
    assert min(styles.count(style) for style in range(3)) >= 10
    rows = np.array([0, 4, 5, 9])
    evaluated = Batches(LINES, pairs, CPU).eval_batch(rows)
    assert close(evaluated.condition, network_input(pairs.variant[rows, [0, 1, 2, 0]], "rgb"))


def test_a_crop_is_a_window_of_both():
    ramp = np.linspace(0, 255, SIDE).round().astype(np.uint8)
    across = np.broadcast_to(ramp, (64, SIDE, SIDE))
    color = np.stack([across, across.transpose(0, 2, 1), across], axis=-1)  # red grows to the right, green downwards
    batch = train_batch(RGB, Pairs(color, across[:, np.newaxis], PAIRS.panel_ids, PAIRS.titles), min_crop=0.5)
    assert close(batch.condition, batch.target[:, :1])
    red, green = batch.target[:, 0], batch.target[:, 1]
    wide = red[:, 0, -1] - red[:, 0, 0]
    high = green[:, -1, 0] - green[:, 0, 0]
    assert torch.allclose(wide, high, atol=0.05)  # square windows
    assert 0.9 < wide.min() < 1.15  # half of the ramp from -1 to 1 at least, and less than all of it
    assert 1.75 < wide.max() <= 2
    starts = red[:, 0, 0]
    assert starts.min() < -0.9  # at the left border
    assert starts.max() > -0.4
    assert np.corrcoef(starts, green[:, 0, 0])[0, 1] < 0.7  # across and down are independent but for the size


def unit_pixels(batch: Batch) -> np.ndarray:
    return (batch.target.numpy() + 1) / 2


def test_contrast_is_torchvisions():
    before, after = PAIRS.color.transpose(0, 3, 1, 2) / 255, unit_pixels(train_batch(RGB, contrast=0.3))
    factors = []
    for old, new in zip(before, after, strict=True):
        mean = (old * np.array([0.299, 0.587, 0.114])[:, None, None]).sum(0).mean()
        inside = (new > 0.001) & (new < 0.999) & (np.abs(old - mean) > 0.1)
        factors.append(np.median(((new - mean) / (old - mean))[inside]))
        assert np.abs(np.clip(mean + factors[-1] * (old - mean), 0, 1) - new).max() < 1e-3
    assert 0.7 <= min(factors) < 0.78
    assert 1.22 < max(factors) <= 1.3


def test_saturation_is_torchvisions():
    before, after = PAIRS.color.transpose(0, 3, 1, 2) / 255, unit_pixels(train_batch(RGB, saturation=0.3))
    factors = []
    for old, new in zip(before, after, strict=True):
        gray = (old * np.array([0.299, 0.587, 0.114])[:, None, None]).sum(0)
        inside = (new > 0.001) & (new < 0.999) & (np.abs(old - gray) > 0.1)
        factors.append(np.median(((new - gray) / (old - gray))[inside]))
        assert np.abs(np.clip(gray + factors[-1] * (old - gray), 0, 1) - new).max() < 1e-3
    assert 0.7 <= min(factors) < 0.78
    assert 1.22 < max(factors) <= 1.3


def test_hue_is_rotated_as_in_hsv():
    before, after = PAIRS.color / 255, unit_pixels(train_batch(RGB, hue=0.2)).transpose(0, 2, 3, 1)
    rotations = []
    for old, new in zip(before[:, ::6, ::6].reshape(64, -1, 3), after[:, ::6, ::6].reshape(64, -1, 3), strict=True):
        old_hsv, new_hsv = (np.array([colorsys.rgb_to_hsv(*pixel) for pixel in pixels]) for pixels in (old, new))
        assert np.abs(old_hsv[:, 1:] - new_hsv[:, 1:]).max() < 1e-3  # saturation and value stay
        rotation = (new_hsv[:, 0] - old_hsv[:, 0] + 0.5) % 1 - 0.5
        colorful = old_hsv[:, 1] * old_hsv[:, 2] > 0.1
        assert np.ptp(rotation[colorful]) < 1e-3  # one rotation for the whole picture
        rotations.append(rotation[colorful].mean())
    assert -0.2 <= min(rotations) < -0.15
    assert 0.15 < max(rotations) <= 0.2


def test_gray_colours_have_no_hue_to_rotate():
    gray = np.arange(256, dtype=np.uint8)[:64, None, None, None].repeat(SIDE, 1).repeat(SIDE, 2).repeat(3, 3)
    assert close(train_batch(RGB, replace(PAIRS, color=gray), hue=0.5).target, network_target(gray, "rgb"))


def test_a_gray_picture_follows_its_colours_and_lines_do_not():
    batch = train_batch(RGB, contrast=0.5)
    gray = (batch.target * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    assert close(batch.condition, gray)
    assert close(train_batch(LINES, contrast=0.5).condition, network_input(PAIRS.variant[:, 0], "rgb"))


def test_lines_become_fainter_by_one_factor_each():
    darkness = 1 - PAIRS.variant[:, 0].astype(np.float64) / 255
    fainter = (1 - train_batch(LINES, line_brightness=0.7).condition.numpy()[:, 0]) / 2
    factors = fainter.sum((1, 2)) / darkness.sum((1, 2))
    assert np.abs(fainter - darkness * factors[:, None, None]).max() < 1e-4
    assert 0.7 <= factors.min() < 0.73
    assert 0.97 < factors.max() <= 1
    assert abs(factors.mean() - 0.85) < 0.03


def test_equalizing_is_opencvs():
    random = np.random.default_rng(0)
    pictures = random.normal(128, 20, (6, 33, 47)).clip(0, 255).astype(np.uint8)
    pictures[1] = np.where(pictures[1] > 128, 255, 127)  # XDoG's two levels
    pictures[2] = 77  # one level
    by_opencv = np.stack([cv2.equalizeHist(picture) for picture in pictures])
    ours = equalized(torch.from_numpy(pictures)[:, None] / 255) * 255
    assert np.array_equal(ours.round().numpy()[:, 0], by_opencv)


def test_lines_are_equalized_as_often_as_asked():
    plain = network_input(PAIRS.variant[:, 0], "rgb")
    equal = network_input(np.stack([cv2.equalizeHist(picture) for picture in PAIRS.variant[:, 0]]), "rgb")
    batch = train_batch(LINES, equalize=0.5)
    kinds = [
        (close(seen, left), close(seen, right)) for seen, left, right in zip(batch.condition, plain, equal, strict=True)
    ]
    assert all(left or right for left, right in kinds)
    assert 20 <= sum(right for _, right in kinds) <= 44


def test_gray_comes_in_place_of_lines():
    lines = replace(PAIRS, variant=np.zeros_like(PAIRS.variant))
    batch = train_batch(LINES, lines, gray_instead=0.3)
    gray = network_input(rgb_to_gray(PAIRS.color), "rgb")
    is_gray = [close(seen, expected, to=0.01) for seen, expected in zip(batch.condition, gray, strict=True)]
    assert all(gray or bool((seen == -1).all()) for seen, gray in zip(batch.condition, is_gray, strict=True))
    assert 9 <= sum(is_gray) <= 30


def test_lightness_is_lost_in_a_share_of_the_pixels():
    white = replace(PAIRS, variant=np.full_like(PAIRS.variant, 255))
    seen = train_batch(LAB, white, lightness_dropout=0.2).condition
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert abs((seen == 0).float().mean().item() - 0.2) < 0.01
    assert close(train_batch(LAB, lightness_dropout=0.2).target, network_target(PAIRS.color, "lab"), to=5e-4)


def test_evaluation_batches_are_never_augmented():
    everything = Augmentation(1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 0.5)
    batch = Batches(replace(LINES, augmentation=everything), PAIRS, CPU).eval_batch(ROWS)
    assert close(batch.condition, network_input(PAIRS.variant[:, 0], "rgb"))
    assert close(batch.target, network_target(PAIRS.color, "rgb"))


def test_the_seed_decides_everything():
    everything = Augmentation(0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5)
    batches = Batches(replace(LINES, augmentation=everything, hint=Points()), pairs_of(styles=3), CPU)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(batches.train_batch(ROWS[:8]))
    for part in ("condition", "target", "hint"):
        assert torch.equal(getattr(drawn[0], part), getattr(drawn[1], part))
        assert not torch.equal(getattr(drawn[0], part), getattr(drawn[2], part))
    assert drawn[0].condition.abs().max() <= 1
    assert drawn[0].target.abs().max() <= 1


def test_pictures_in_memory_and_mapped_ones_are_the_same():
    pairs = pairs_of(styles=3)
    rows, styles = np.array([7, 1, 63]), torch.tensor([2, 0, 1])
    held, mapped = Held(pairs, CPU).at(rows, styles), Mapped(pairs, CPU).at(rows, styles)
    assert all(torch.equal(left, right) for left, right in zip(held, mapped, strict=True))
    assert np.array_equal((mapped[0] * 255).round().numpy(), pairs.color[rows].transpose(0, 3, 1, 2))
    assert np.array_equal((mapped[1] * 255).round().numpy()[:, 0], pairs.variant[rows, [2, 0, 1]])


@pytest.mark.parametrize(
    "recipe",
    [
        LAB,
        replace(LAB, hint=Points(), augmentation=Augmentation(lightness_dropout=0.5)),
        replace(LINES, augmentation=Augmentation(flip_vertical=0.5)),
        replace(RGB, task="draw_lines", variant="color", augmentation=Augmentation()),
        replace(LAB, task="tell_title", augmentation=Augmentation()),
        replace(RGB, task="tell_title", variant="color", augmentation=Augmentation()),
    ],
    ids=lambda recipe: f"{recipe.task}-{recipe.variant}-{recipe.color_space}",
)
def test_converted_pictures_are_those_of_every_batch_bit_for_bit(recipe: Recipe, monkeypatch: pytest.MonkeyPatch):
    pairs = pairs_of(styles=2)
    kept = Batches(recipe, pairs, CPU)
    assert kept._converted
    monkeypatch.setattr("pipelines.training.batches.can_convert", lambda *_: False)
    anew = Batches(recipe, pairs, CPU)
    rows = np.array([5, 0, 63, 5])
    for _ in range(2):
        batches = []
        for source in (kept, anew):
            torch.manual_seed(3)
            batches += [source.train_batch(rows), source.eval_batch(rows)]
        for own, other in (batches[::2], batches[1::2]):
            assert all(
                torch.equal(left, right)
                for left, right in zip(vars(own).values(), vars(other).values(), strict=True)
                if left is not None
            )
            assert own.condition.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("how", [{"hue": 0.1}, {"min_crop": 0.5}, {"line_brightness": 0.7}, {"equalize": 0.1}])
def test_what_changes_levels_at_random_is_converted_anew(how: dict[str, float]):
    assert Batches(replace(LINES, augmentation=Augmentation(**how)), PAIRS, CPU)._converted is None


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_small_sets_live_in_the_gpus_memory():
    batches = Batches(LAB, PAIRS, torch.device("cuda"))
    assert isinstance(batches._converted, Converted)
    assert close(batches.eval_batch(ROWS).target.cpu(), network_target(PAIRS.color, "lab"), to=5e-4)
