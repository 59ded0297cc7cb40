"""The training workflow: keys, precision, states of earlier versions, several processes."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from models.checkpoint import load_checkpoint
from models.methods.spec import ReferenceMatch
from models.precision import computes_in_bfloat16
from models.recipes import recipe_of
from pipelines.comparison.cross_validation import cross_validation_key
from pipelines.comparison.params import CrossValidationParams
from pipelines.images.color import rgb_to_gray
from pipelines.lake import Lake
from pipelines.pairs import Pairs
from pipelines.training.dependencies import Dependencies
from pipelines.training.loop import StepResult
from pipelines.training.params import TrainingParams, command_on_several
from pipelines.training.run_folder import CHECKPOINT, load_record, read_curves, read_samples
from pipelines.training.workflow import PlannedTraining, plan_training
from pipelines.training_set import TrainingSet
from tests.assets.tinted import freeze
from tests.installation import PROJECT
from tests.pipelines.conftest import WriteLake, drawn_panel

DEMO = TrainingParams(
    steps=600,
    batch=16,
    resolution=64,
    width=32,
    validate_every=100,
    sample_every=200,
    checkpoint_every_s=30,
    precision="32-true",
)
NOTHING = Dependencies({}, {}, {}, None)
FINGERPRINT = "70b05137736de66c0c5a8d7f923bb08934d073f14d52adb034500ef87f3c106c"


class DrawnSet:
    """A training set of flat pictures in memory."""

    fingerprint = "f1"
    datasheet: ClassVar[dict[str, Any]] = {}

    def pairs(self, split: str, variant: str, resolution: int) -> Pairs:
        random = np.random.default_rng(len(split))
        color = random.integers(40, 216, (8, 1, 1, 3)).astype(np.uint8)
        color = color.repeat(resolution, 1).repeat(resolution, 2)
        names = tuple(f"drawn__ep01__{number:04d}" for number in range(8))
        return Pairs(color, rgb_to_gray(color)[:, np.newaxis], names, ("drawn",) * 8)


SMALL = TrainingParams(
    steps=6, batch=4, resolution=32, width=8, device="cpu", validate_every=2, sample_every=2, checkpoint_every_s=1e-9
)


def planned(name: str, params: TrainingParams = SMALL, training_set: Any = None) -> PlannedTraining:
    return PlannedTraining(recipe_of(name), params, cast(TrainingSet, training_set or DrawnSet()), NOTHING)


class NoPictures(DrawnSet):
    """A training set whose pictures are not to be read."""

    def pairs(self, split: str, variant: str, resolution: int) -> Pairs:
        raise AssertionError("a method needs no pictures")


def test_a_method_leaves_a_checkpoint_without_weights_and_a_record(tmp_path: Path):
    training = planned("reference_match_line", training_set=NoPictures())
    record = training.run(tmp_path, commit="c")
    assert load_record(tmp_path) == record
    assert (record.recipe, record.training_set, record.key) == ("reference_match_line", "f1", training.key)
    assert (record.pictures_seen, record.best_validation) == (0, None)
    checkpoint = load_checkpoint(tmp_path / CHECKPOINT)
    assert checkpoint.weights == {}
    assert checkpoint.recipe["variant"] == "line"
    assert checkpoint.network == ReferenceMatch()
    assert training.run(tmp_path, commit="other") == record


def test_the_size_of_a_training_changes_no_method():
    assert planned("levin_hints", SMALL).key == planned("levin_hints", DEMO).key
    assert planned("levin_hints").key != planned("propagate_hints").key
    assert planned("levin_hints").parameters["objective.method.version"] == 1
    assert "validate_every" not in planned("levin_hints").parameters


# Another key means that all trainings are made again: raise `code_version` where that is meant.
@pytest.mark.parametrize(
    ("recipe", "key"), [("webtoon_l2", "4d0f6a2e6ae575a3"), ("frames_gan_gray", "24ec7bc91c77222f")]
)
def test_keys_stay_while_the_version_does(recipe: str, key: str):
    training_set = SimpleNamespace(fingerprint=FINGERPRINT)
    assert planned(recipe, DEMO, training_set).key == key
    assert planned(recipe, DEMO.model_copy(update={"log_every": 7}), training_set).key == key


def test_keys_of_cross_validations_stay_while_the_version_does():
    key = cross_validation_key(recipe_of("two_stage"), CrossValidationParams(steps=2, precision="32-true"), "f" * 64)
    assert key == "191a7332a7a7cd46"


def test_auto_is_resolved_before_key_and_parameters():
    training_set = cast(TrainingSet, DrawnSet())
    asked = SMALL.model_copy(update={"precision": "auto"})
    training = plan_training(recipe_of("webtoon_l2"), asked, training_set, find_training=untrained, extractors=Path())
    taken = training.parameters["precision"]
    assert taken == ("bf16-mixed" if computes_in_bfloat16("cpu") else "32-true")
    assert training.key == planned("webtoon_l2", SMALL.model_copy(update={"precision": taken})).key


def untrained(recipe: str) -> tuple[Path, Any]:
    raise AssertionError(recipe)


def test_a_raised_version_changes_the_key_of_a_cross_validation(monkeypatch: pytest.MonkeyPatch):
    before = cross_validation_key(recipe_of("two_stage"), CrossValidationParams(steps=2, precision="32-true"), "f" * 64)
    monkeypatch.setattr(CrossValidationParams, "code_version", "1.3.7")
    assert (
        cross_validation_key(recipe_of("two_stage"), CrossValidationParams(steps=2, precision="32-true"), "f" * 64)
        != before
    )


def test_states_are_those_of_the_version_before_and_resume(tmp_path: Path):
    """Takes the fields away that the version before did not write."""
    stopped_at = interrupt(tmp_path, after=4)
    path = tmp_path / "state.safetensors"
    with safe_open(path, "pt") as file:
        metadata = {name: value for name, value in file.metadata().items() if name != "digest"}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    identity, progress = json.loads(metadata["identity"]), json.loads(metadata["progress"])
    assert set(identity) == {"recipe", "fingerprint", "rule", "extractor", "needs"}
    assert "least_crop" in identity["recipe"]["augmentation"]
    assert "log_every" not in identity["rule"]
    del progress["point_sums"]
    save_file(tensors, path, {**metadata, "progress": json.dumps(progress)})
    (tmp_path / "curves.jsonl").unlink()

    seen: list[int] = []
    record = planned("webtoon_l2").run(tmp_path, commit="c", on_step=lambda result: seen.append(result.number))
    assert seen == list(range(stopped_at + 1, 7))
    assert list(dict(read_curves(tmp_path / "curves.jsonl"))) == seen
    assert record == load_record(tmp_path)
    assert not path.exists()


def interrupt(folder: Path, *, after: int) -> int:
    """Ends a training in its fourth step; the step of the state that is left."""

    def stop(result: StepResult) -> None:
        if result.number == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        planned("webtoon_l2").run(folder, commit="c", on_step=stop)
    with safe_open(folder / "state.safetensors", "pt") as file:
        return json.loads(file.metadata()["progress"])["step"]


def test_an_interrupted_run_folder_becomes_the_same_as_a_whole_one(tmp_path: Path):
    whole = planned("webtoon_l2").run(tmp_path / "whole", commit="c")
    interrupt(tmp_path / "parts", after=5)
    record = planned("webtoon_l2").run(tmp_path / "parts", commit="c")
    assert record.checkpoint_sha256 == whole.checkpoint_sha256
    curves, others = (dict(read_curves(tmp_path / name / "curves.jsonl")) for name in ("parts", "whole"))
    assert list(curves) == list(others) == list(range(1, 7))
    assert all(
        curves[step]["train/loss_generator/total"] == others[step]["train/loss_generator/total"] for step in curves
    )
    assert [step for step, _ in read_samples(tmp_path / "parts")] == [2, 4, 6]
    assert planned("webtoon_l2").run(tmp_path / "parts", commit="other") == record  # finished: it stays


def test_several_processes_train_and_one_evaluates(write_lake: WriteLake, tmp_path: Path):
    lake: Lake = write_lake(
        tmp_path / "lake",
        {
            ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(4)]),
            ("moon-cat", "2"): ("val", [drawn_panel(10)]),
            ("moon-cat", "3"): ("test", [drawn_panel(20)]),
        },
    )
    freeze(lake)
    training = SMALL.model_copy(update={"devices": 2, "steps": 2})
    benchmark = {"resolution": 32, "extractor": "none", "latency_sides": [], "page": False, "draws": 1}
    # The command that errors recommend, as it is written there.
    command = shlex.split(command_on_several("webtoon_vgg_features", 2))
    values = {
        "torchrun": str(Path(sys.executable).with_name("torchrun")),
        "LAKE": str(lake.root),
        "OUT": str(tmp_path / "out"),
        '{"devices": 2}': training.model_dump_json(),
    }
    assert values.keys() <= set(command)
    command = [*(values.get(part, part) for part in command), "--benchmark", json.dumps(benchmark)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "out" / "webtoon_vgg_features")]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"webtoon_vgg_features", "vgg16_gray"}
    assert list((tmp_path / "out" / "webtoon_vgg_features" / "evaluations").rglob("latest.json"))
