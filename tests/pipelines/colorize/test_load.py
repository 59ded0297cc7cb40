"""Every checkpoint becomes its colorizer: trained networks and methods."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.checkpoint import Checkpoint, CheckpointError, save_checkpoint
from models.methods.spec import Shipped
from models.recipes import RECIPES
from pipelines.colorize import shipped
from pipelines.colorize.exemplar_colorizer import ExemplarColorizer
from pipelines.colorize.hint_colorizer import HintColorizer
from pipelines.colorize.hints import Hint, Point
from pipelines.colorize.levin import LevinColorizer
from pipelines.colorize.load import load_colorizer
from pipelines.colorize.picture import TrainedColorizer
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.references import References
from studio.colorize import named_checkpoint
from tests.untrained import install_untrained

KINDS = {
    "propagate_hints": HintColorizer,
    "levin_hints": LevinColorizer,
    "reference_match": ReferenceColorizer,
    "reference_match_line": ReferenceColorizer,
    "shipped": ExemplarColorizer,
}


def method_file(name: str, folder: Path) -> Path:
    recipe = RECIPES[name]
    path = folder / f"{name}.safetensors"
    save_checkpoint(
        path,
        Checkpoint({}, recipe.objective.network, recipe.to_json(), "f", "c", seed=0, step=0, resolution=256),
    )
    return path


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.is_untrained])
def test_a_method_is_made_from_its_checkpoint(name: str, tmp_path: Path):
    recipe = RECIPES[name]
    colorizer = load_colorizer(method_file(name, tmp_path))
    assert type(colorizer) is KINDS[name]
    assert (colorizer.name, colorizer.variant) == (name, recipe.variant)
    assert colorizer.takes_hints == recipe.takes_hints
    assert colorizer.takes_references == recipe.takes_references
    hint = Hint(points=(Point(0.5, 0.5, (200, 40, 40)),))
    picture = np.full((40, 64), 120, np.uint8)
    assert colorizer.colorize(picture, hint=hint).shape == (40, 64, 3)
    if not colorizer.takes_references:
        with pytest.raises(ValueError, match=f"{name} takes no references"):
            colorizer.colorize_batch(picture[np.newaxis], references=[References()])


def test_what_was_trained_is_made_from_its_weights(tmp_path: Path):
    colorizer = load_colorizer(install_untrained(tmp_path, "webtoon_l2"), "cpu")
    assert isinstance(colorizer, TrainedColorizer)
    assert colorizer.name == "webtoon_l2"


def test_a_method_that_has_changed_since_is_refused(tmp_path: Path):
    recipe, path = RECIPES["shipped"], tmp_path / "old.safetensors"
    old = Checkpoint({}, Shipped(weights="0" * 64), recipe.to_json(), "f", "c", seed=0, step=0, resolution=256)
    save_checkpoint(path, old)
    with pytest.raises(CheckpointError, match="shipped has changed since; make and evaluate it again"):
        load_colorizer(path)


def test_another_file_is_refused(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"no checkpoint")
    with pytest.raises(CheckpointError, match="x: no safetensors file"):
        load_colorizer(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        load_colorizer(tmp_path / "y")


def test_a_network_with_another_task_is_refused(tmp_path: Path):
    recipe, path = RECIPES["propagate_hints"], tmp_path / "classifier.safetensors"
    values = {**recipe.to_json(), "name": "vgg16_gray", "task": "tell_title"}
    save_checkpoint(path, Checkpoint({}, recipe.objective.network, values, "f", "c", seed=0, step=0, resolution=256))
    with pytest.raises(CheckpointError, match=r"vgg16_gray is no colorizer, its task is tell_title"):
        load_colorizer(path)


def test_the_shipped_file_is_compared_with_its_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = bytearray((shipped._WEIGHTS / "exemplar.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "exemplar.safetensors").write_bytes(data)
    monkeypatch.setattr(shipped, "_WEIGHTS", tmp_path)
    with pytest.raises(CheckpointError, match=r"exemplar.safetensors: not the shipped file: .*git checkout"):
        shipped.default_colorizer()


def test_a_file_with_a_record_beside_it_must_be_the_recorded_one(tmp_path: Path):
    install_untrained(tmp_path, "webtoon_l2")
    folder = tmp_path / "lake" / "trained" / "webtoon_l2" / "k"
    assert named_checkpoint(str(folder / "checkpoint.safetensors")) == folder / "checkpoint.safetensors"
    shutil.copy(method_file("propagate_hints", tmp_path), folder / "checkpoint.safetensors")  # whole, but another one
    with pytest.raises(CheckpointError, match="not the checkpoint of its record"):
        named_checkpoint(str(folder / "checkpoint.safetensors"))
    with pytest.raises(FileNotFoundError, match="no such file"):
        named_checkpoint(str(folder / "other.safetensors"))
