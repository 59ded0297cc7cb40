"""Colorizers: any size in, the same size out, lettering untouched, the baseline and the trained one alike."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.build import build_network
from models.checkpoint import Checkpoint, CheckpointError, save_checkpoint
from models.recipes import RECIPES
from pipelines.colorize.hints import Hint, Point
from pipelines.colorize.picture import Colorizer, TrainedColorizer
from pipelines.colorize.references import References
from pipelines.evaluation.baselines import Copy
from pipelines.images.color import gray_to_rgb, rgb_to_gray

SIDE = 32


@pytest.fixture(params=["webtoon_l2", "frames_gan_gray"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return checkpoint_of(request.param)


def checkpoint_of(recipe_name: str, **recipe_changes: str) -> Checkpoint:
    """An untrained network whose colours are strong: its last layer is louder than it starts."""
    torch.manual_seed(0)
    recipe = RECIPES[recipe_name].resized(resolution=SIDE, width=8)
    network = build_network(recipe.objective.network)
    network.decoder[-1].weight.data *= 20
    return Checkpoint(
        weights=network.state_dict(),
        network=recipe.objective.network,
        recipe=recipe.to_json() | recipe_changes,
        fingerprint="f1",
        source_digest="c1",
        seed=0,
        step=1,
        resolution=SIDE,
    )


def lettered(height: int, width: int) -> np.ndarray:
    """Gray noise in a white bubble with black strokes."""
    picture = np.random.default_rng(0).integers(40, 216, (height, width)).astype(np.uint8)
    picture[height // 4 : height // 2] = 255
    picture[height // 3, ::3] = 0
    return picture


@pytest.mark.parametrize("size", [(32, 32), (75, 41), (9, 200), (1, 1)])
def test_any_size_keeps_its_size(checkpoint: Checkpoint, size: tuple[int, int]):
    colored = TrainedColorizer(checkpoint).colorize(lettered(*size) if size != (1, 1) else np.full((1, 1), 9, np.uint8))
    assert colored.shape == (*size, 3)
    assert colored.dtype == np.uint8


def test_at_another_size_the_gray_stays_and_lettering_with_it(checkpoint: Checkpoint):
    gray = lettered(120, 90)
    colored = TrainedColorizer(checkpoint).colorize(gray)
    assert np.abs(rgb_to_gray(colored).astype(int) - gray).max() <= 1
    assert (colored[gray == 255] == 255).all()
    assert (colored[gray == 0] == 0).all()
    assert np.abs(colored.astype(int) - gray_to_rgb(gray)).mean() > 2  # and there is colour


def test_a_lab_network_keeps_the_gray_at_its_own_size_too():
    gray = lettered(SIDE, SIDE)
    colored = TrainedColorizer(checkpoint_of("webtoon_l2")).colorize(gray)
    assert np.abs(rgb_to_gray(colored).astype(int) - gray).max() <= 1


def test_an_rgb_network_answers_for_itself_at_its_own_size():
    checkpoint = checkpoint_of("frames_gan_gray")
    gray = lettered(SIDE, SIDE)
    with torch.no_grad():
        output = checkpoint.trained()(torch.from_numpy(gray[None, None] / np.float32(127.5) - 1))
    by_hand = np.rint((output[0].permute(1, 2, 0).numpy() + 1) * 127.5).astype(int)
    assert np.abs(TrainedColorizer(checkpoint).colorize(gray).astype(int) - by_hand).max() <= 1


def test_lines_have_no_lightness_to_keep():
    lines = np.full((64, 64), 255, np.uint8)
    lines[::8] = 0
    colored = TrainedColorizer(checkpoint_of("frames_gan_gray", variant="line")).colorize(lines)
    assert colored.shape == (64, 64, 3)
    assert (colored[lines == 255] != 255).any()


def test_a_batch_is_its_pictures(checkpoint: Checkpoint):
    colorizer = TrainedColorizer(checkpoint)
    grays = np.stack([np.roll(lettered(40, 50), shift, 0) for shift in range(18)])  # more than go through at once
    batch = colorizer.colorize_batch(grays)
    assert batch.shape == (18, 40, 50, 3)
    for number in (0, 17):
        assert np.abs(batch[number].astype(int) - colorizer.colorize(grays[number])).max() <= 1
    assert colorizer.colorize_batch(grays[:0]).shape == (0, 40, 50, 3)


def test_a_checkpoint_file_becomes_a_colorizer(checkpoint: Checkpoint, tmp_path: Path):
    path = tmp_path / "c.safetensors"
    save_checkpoint(path, checkpoint)
    colorizer: Colorizer = TrainedColorizer.load(path, device="cpu")
    assert (colorizer.name, colorizer.variant) == (checkpoint.recipe["name"], "gray")
    gray = lettered(40, 40)
    assert np.array_equal(colorizer.colorize(gray), TrainedColorizer(checkpoint).colorize(gray))
    path.write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"c.safetensors"):
        TrainedColorizer.load(path)


@pytest.mark.parametrize("name", ["two_stage_pix2pix", "sketch_hint"])
def test_a_hint_colours_its_place(name: str):
    colorizer = TrainedColorizer(untrained(name))
    assert colorizer.hint_side == SIDE // 4
    gray = np.full((SIDE, SIDE), 128, np.uint8)
    plain = colorizer.colorize(gray)
    assert np.array_equal(colorizer.colorize(gray, hint=Hint()), plain)
    left, right = (colorizer.colorize(gray, hint=Hint(points=(Point(x, 0.5, (255, 0, 0)),))) for x in (0.05, 0.95))
    for colored in (left, right):
        assert not np.array_equal(colored, plain)
    assert not np.array_equal(left, right)
    both = colorizer.colorize_batch(
        np.stack([gray] * 3), hints=[None, Hint(points=(Point(0.05, 0.5, (255, 0, 0)),)), None]
    )
    for number, expected in enumerate([plain, left, plain]):
        assert np.abs(both[number].astype(int) - expected).max() <= 1


def test_a_network_that_takes_no_hints_says_so():
    hint = Hint(points=(Point(0.5, 0.5, (255, 0, 0)),))
    for colorizer in (TrainedColorizer(checkpoint_of("webtoon_l2")), Copy("gray_copy", "gray")):
        with pytest.raises(ValueError, match=rf"{colorizer.name} takes no hints"):
            colorizer.colorize(lettered(20, 20), hint=hint)
        assert colorizer.colorize(lettered(20, 20), hint=None, title="moon").shape == (20, 20, 3)


def test_a_colorizer_that_takes_no_references_says_so():
    for colorizer in (TrainedColorizer(checkpoint_of("webtoon_l2")), Copy("gray_copy", "gray")):
        assert not colorizer.takes_references
        with pytest.raises(ValueError, match=rf"{colorizer.name} takes no references"):
            colorizer.colorize(lettered(20, 20), references=References())
        with pytest.raises(ValueError, match=rf"{colorizer.name} takes no references"):
            colorizer.colorize_batch(lettered(20, 20)[None], references=[References()])
        assert colorizer.colorize_batch(lettered(20, 20)[None], references=[None]).shape == (1, 20, 20, 3)


def test_a_title_is_given_by_its_position_and_an_unknown_one_is_none():
    colorizer = TrainedColorizer(untrained("webtoon_label_conditioned", titles=("moon", "sun")))
    assert colorizer.titles == ("moon", "sun")
    gray = lettered(SIDE, SIDE)
    moon, sun, unknown, none = (colorizer.colorize(gray, title=title) for title in ("moon", "sun", "comet", None))
    assert not np.array_equal(moon, sun)
    assert not np.array_equal(moon, none)
    assert np.array_equal(unknown, none)
    batch = colorizer.colorize_batch(np.stack([gray, gray]), titles=["sun", None])
    assert np.abs(batch[0].astype(int) - sun).max() <= 1
    assert np.abs(batch[1].astype(int) - none).max() <= 1


def test_a_network_whose_loss_alone_knew_titles_takes_any():
    colorizer = TrainedColorizer(untrained("webtoon_classification_loss", titles=("moon",)))
    gray = lettered(SIDE, SIDE)
    assert np.array_equal(colorizer.colorize(gray, title="moon"), colorizer.colorize(gray))


def test_as_many_hints_and_titles_as_pictures():
    with pytest.raises(ValueError, match="2 pictures, 2 hints and 1 titles"):
        TrainedColorizer(checkpoint_of("webtoon_l2")).colorize_batch(np.zeros((2, 8, 8), np.uint8), titles=["moon"])


def untrained(recipe_name: str, titles: tuple[str, ...] = ()) -> Checkpoint:
    torch.manual_seed(0)
    recipe = RECIPES[recipe_name].resized(resolution=SIDE, width=8).fitted(titles)
    network = build_network(recipe.objective.network)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            layer.weight.data *= 2  # louder than it starts, so that colours are not all alike
    return Checkpoint(network.state_dict(), recipe.objective.network, recipe.to_json(), "f1", "c1", 0, 1, SIDE)


def test_pictures_in_colour_are_refused_with_the_remedy():
    colorizer = TrainedColorizer(checkpoint_of("webtoon_l2"))
    with pytest.raises(ValueError, match=r"webtoon_l2: expected gray pictures .* rgb_to_gray"):
        colorizer.colorize(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="float64"):
        colorizer.colorize(np.zeros((8, 8)))


def test_the_baseline_is_the_gray_picture():
    copy: Colorizer = Copy("gray_copy", "gray")
    gray = lettered(20, 30)
    assert np.array_equal(copy.colorize(gray), np.stack([gray] * 3, axis=-1))
    assert np.array_equal(copy.colorize_batch(gray[None])[0], copy.colorize(gray))
    assert (copy.name, copy.variant) == ("gray_copy", "gray")
