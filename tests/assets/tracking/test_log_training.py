"""Trainings that build on others: what is missing is named, and what is trained anew has others trained anew."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from assets.tracking.client import EXPERIMENT, Tracking
from assets.tracking.log_classifier_report import log_classifier_report
from assets.tracking.log_training import log_training
from models.recipes import recipe_of
from pipelines.lake import Lake
from pipelines.training.extractors import WEIGHTS, WeightsUnavailable
from pipelines.training.params import TrainingParams
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import read_curves
from pipelines.training.state import TrainingError
from pipelines.training.store import read_record
from tests.installation import SHARED

PARAMS = {"steps": 2, "batch": 4, "resolution": 32, "width": 8, "device": "cpu"}
HED = SHARED / "weights" / WEIGHTS["hed-vgg16"].name

Train = Callable[..., tuple[TrainingRecord, bool]]


@pytest.fixture
def train(trained_on: Lake, tracking: Tracking, tmp_path: Path) -> Train:
    """Trains a recipe in the small lake: its record, and whether that was there already."""

    def call(name: str, **params: object) -> tuple[TrainingRecord, bool]:
        return log_training(
            recipe_of(name),
            TrainingParams(**{**PARAMS, **params}),
            lake=trained_on,
            cache=tmp_path / "cache",
            extractors=tmp_path / "weights",
            tracking=tracking,
            tags={},
            on_step=lambda done, total: None,
        )

    return call


@pytest.mark.parametrize(
    ("recipe", "place"),
    [
        ("webtoon_vgg_features", r"title_classifier\[vgg16_gray\] \(tintoon run title_classifier --recipe vgg16_gray"),
        ("two_stage_draft", r"materialize line_detector \(tintoon run line_detector --recipe line_detector"),
        ("two_stage", r"materialize draft\[two_stage\] \(tintoon run draft --recipe two_stage_draft"),
    ],
)
def test_what_is_missing_is_named_with_its_asset_and_partition(
    train: Train, recipe: str, place: str, tracking: Tracking
):
    with pytest.raises(FileNotFoundError, match=rf"^{recipe} needs a trained .*{place}"):
        train(recipe)
    assert tracking.client().get_experiment_by_name(EXPERIMENT) is None  # before any run


def test_a_need_that_is_trained_anew_has_what_builds_on_it_trained_anew(train: Train, tracking: Tracking):
    classifier, _ = train("vgg16_gray")
    first, unchanged = train("webtoon_vgg_features")
    assert not unchanged
    assert first.dependencies == {"classifier": classifier.mlflow_run_id}
    assert tracking.client().get_run(first.mlflow_run_id).data.tags["needs.classifier"] == classifier.mlflow_run_id
    assert train("vgg16_gray") == (classifier, True)
    assert train("webtoon_vgg_features") == (first, True)

    other, unchanged = train("vgg16_gray", seed=1)
    assert not unchanged
    assert other.checkpoint_sha256 != classifier.checkpoint_sha256
    second, unchanged = train("webtoon_vgg_features")
    assert not unchanged
    assert second.key != first.key
    assert second.dependencies == {"classifier": other.mlflow_run_id}

    assert train("vgg16_gray") == (classifier, True)  # back to the first: it counts again, and so does what it led to
    assert train("webtoon_vgg_features") == (first, True)


def test_a_recipe_without_needs_does_not_care_what_else_is_trained(train: Train, trained_on: Lake):
    first, _ = train("webtoon_l2")
    train("vgg16_gray")
    assert train("webtoon_l2") == (first, True)
    assert (first.dependencies, first.extractor) == ({}, None)
    assert read_record(trained_on, "webtoon_l2") == first


def test_the_run_carries_the_recipes_name_and_its_own_parameters(train: Train, tracking: Tracking):
    record, _ = train("frames_gan_gray")
    run = tracking.client().get_run(record.mlflow_run_id)
    assert run.info.run_name == "frames_gan_gray"
    assert run.info.status == "FINISHED"
    shown = {"resolution": "32", "steps": "2", "batch": "4", "objective.generator.width": "8"}
    shown |= {"objective.l1_weight": "100.0", "variant": "gray", "pictures_train": "5", "pictures_val": "2"}
    assert shown.items() <= run.data.params.items()
    assert not {"extractor", "needs.classifier"} & set(run.data.tags)
    assert not {"extractor", "weights"} & set(run.data.params)


def test_the_budget_of_the_run_stands_in_place_of_the_recipes(train: Train, tracking: Tracking):
    record, _ = train("webtoon_l2", steps=None, pictures=8)
    parameters = tracking.client().get_run(record.mlflow_run_id).data.params
    assert parameters["pictures"] == "8"
    assert "steps" not in parameters


def test_a_classifier_comes_with_a_report_that_is_made_once(
    train: Train, trained_on: Lake, tracking: Tracking, tmp_path: Path
):
    record, _ = train("vgg16_gray")
    metrics, shown = log_classifier_report(record, lake=trained_on, cache=tmp_path, tracking=tracking)
    assert 0 <= metrics["accuracy"] <= 1
    assert any(name.startswith("dead_share/") for name in metrics)
    assert set(shown) == {"confusion", "activations"}
    run = tracking.client().get_run(record.mlflow_run_id)
    assert run.data.metrics["report/accuracy"] == metrics["accuracy"]
    files = [file.path for file in tracking.client().list_artifacts(record.mlflow_run_id, "images")]
    assert any("confusion" in file for file in files)

    shutil.rmtree(trained_on.root / "training_sets")  # from which it would have to be made again
    again, pictures = log_classifier_report(record, lake=trained_on, cache=tmp_path, tracking=tracking)
    assert again == metrics
    assert all((pictures[name] == shown[name]).all() for name in shown)
    assert [file.path for file in tracking.client().list_artifacts(record.mlflow_run_id, "images")] == files

    for name in shown:
        (trained_on.trained("vgg16_gray") / record.key / "report" / f"{name}.png").unlink()  # by a drop
    assert log_classifier_report(record, lake=trained_on, cache=tmp_path, tracking=tracking) == (metrics, {})


def test_an_extractor_that_is_not_there_is_named_before_any_run(train: Train, tracking: Tracking, tmp_path: Path):
    (tmp_path / "weights").mkdir()
    with pytest.raises(WeightsUnavailable, match=r"hed-vgg16\.safetensors"):
        train("sketch_hint", extractor="hed-vgg16")
    assert tracking.client().get_experiment_by_name(EXPERIMENT) is None


@pytest.mark.skipif(not HED.exists(), reason="needs the weights of hed-vgg16")
def test_the_extractor_is_named_and_its_place_changes_nothing(train: Train, tracking: Tracking, tmp_path: Path):
    there, _ = train("sketch_hint", extractor="hed-vgg16", weights=str(HED.parent))
    assert there.extractor == "hed-vgg16"
    run = tracking.client().get_run(there.mlflow_run_id)
    assert run.data.tags["extractor"] == run.data.params["extractor"] == "hed-vgg16"
    assert any("hed-vgg16" in name for name in run.data.metrics)
    (tmp_path / "weights").mkdir()
    shutil.copy(HED, tmp_path / "weights")
    assert train("sketch_hint", extractor="hed-vgg16") == (there, True)


def test_the_lake_keeps_the_run_folder(train: Train, trained_on: Lake, tmp_path: Path):
    record, _ = train("webtoon_l2")
    folder = Path(str(trained_on.trained("webtoon_l2") / record.key))
    assert json.loads((folder / "record.json").read_text()) == vars(record)
    assert {path.name for path in folder.iterdir()} == {
        "checkpoint.safetensors",
        "curves.jsonl",
        "record.json",
        "samples",
    }
    assert list(dict(read_curves(folder / "curves.jsonl"))) == [1, 2]
    assert [path.name for path in (folder / "samples").iterdir()] == ["2.jpg"]
    assert list((tmp_path / "cache" / "training").glob("*/*")) == []


def test_a_resumed_training_whose_run_was_deleted_is_logged_from_its_first_step(
    trained_on: Lake, tracking: Tracking, tmp_path: Path
):
    def call(on_step: Callable[[int, int], None]) -> TrainingRecord:
        return log_training(
            recipe_of("webtoon_l2"),
            TrainingParams(**{**PARAMS, "steps": 6, "checkpoint_every_s": 1e-9}),
            lake=trained_on,
            cache=tmp_path / "cache",
            extractors=tmp_path / "weights",
            tracking=tracking,
            tags={},
            on_step=on_step,
        )[0]

    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(interrupt)
    client = tracking.client()
    (run,) = client.search_runs([tracking.experiment_id()])
    client.delete_run(run.info.run_id)
    record = call(lambda done, total: None)
    assert record.mlflow_run_id != run.info.run_id
    history = client.get_metric_history(record.mlflow_run_id, "train/loss_generator/total")
    assert [point.step for point in history] == [1, 2, 3, 4, 5, 6]


def test_several_devices_are_refused_with_the_command_that_takes_them(train: Train, tracking: Tracking):
    with pytest.raises(
        TrainingError, match=r"one process: set devices to 1, or start `torchrun .* -m pipelines webtoon_l2"
    ):
        train("webtoon_l2", devices=2)
    assert tracking.client().get_experiment_by_name(EXPERIMENT) is None  # no run was begun
