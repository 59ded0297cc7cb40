"""Results carried between machines: trained without Dagster and MLflow, imported, ranked, promoted, exported again."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assets.tracking.model_card import card_path, datasheet_of, recipe_as_trained
from assets.tracking.registry import Registry
from assets.tracking.transfer import export_results, import_results
from models.recipes import recipe_of
from pipelines.__main__ import train_and_evaluate
from pipelines.evaluation.evaluation import find_evaluation, load_evaluation
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake
from pipelines.training.params import TrainingParams
from pipelines.training.run_folder import find_run_folders, read_curves
from pipelines.training.store import current_checkpoint, read_record
from pipelines.training_set import TrainingSet
from tests.assets.tinted import QUICK, Installation, freeze
from tests.pipelines.conftest import WriteLake, drawn_panel, write_lake

TRAINING = TrainingParams(
    steps=4, batch=2, resolution=32, width=8, device="cpu", validate_every=2, sample_every=2, sample_pictures=1
)


def fill(lake: Lake, *, train: str = "moon-cat", test: int = 20) -> None:
    """Writes a lake with a training set: `train` is the title to learn from, `test` the seed of the test pictures."""
    write: WriteLake = write_lake.__wrapped__()
    issues = {
        (train, "1"): ("train", [drawn_panel(seed) for seed in range(3)]),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(test, test + 3)]),
    }
    freeze(write(str(lake.root), issues))


@pytest.fixture(scope="module")
def trained_there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a machine whose processes can import neither Dagster nor MLflow, and the lake that they are from."""
    there = Installation(tmp_path_factory.mktemp("there") / "home")
    fill(there.lake, train="a-sun")
    ban = "import sys; sys.modules['dagster'] = sys.modules['mlflow'] = None; "
    ban += "from pipelines.__main__ import main; main()"
    out = there.root / "results"
    command = [
        sys.executable, "-c", ban, "webtoon_l2", "--lake", str(there.lake.root), "--out", str(out),
        "--training", TRAINING.model_dump_json(), "--benchmark", QUICK.model_dump_json(), "--commit", "c0ffee",
    ]  # fmt: skip
    for _ in range(2):  # the second time everything is there
        printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
        assert printed.strip() == str(out / "webtoon_l2")
    return there.root


@pytest.fixture
def there(trained_there: Path, tmp_path: Path) -> Installation:
    """One of its own; its MLflow store has no runs yet."""
    return Installation(trained_there).copied_to(tmp_path / "there")


@pytest.fixture
def here(trained_there: Path, tmp_path: Path) -> Installation:
    """The machine that results come to: its MLflow store has no runs yet, and its lake is still to be written."""
    return Installation(tmp_path / "here")


@pytest.fixture
def results(there: Installation) -> Path:
    """The folder of results."""
    return there.root / "results"


def test_results_travel_there_and_back(there: Installation, results: Path, tmp_path: Path):
    lake, tracking = there.lake, there.tracking
    assert import_results(results, lake, tracking=tracking) == [("webtoon_l2", "imported")]
    assert import_results(results, lake, tracking=tracking) == [("webtoon_l2", "already there")]
    record = read_record(lake, "webtoon_l2")
    shutil.rmtree(lake.trained("webtoon_l2"))  # as after a kill just before it was kept
    assert import_results(results, lake, tracking=tracking) == [("webtoon_l2", "imported")]
    assert read_record(lake, "webtoon_l2") == record  # with the same run
    ((folder, result),) = find_run_folders(results)
    assert (
        current_checkpoint(lake, "webtoon_l2", tmp_path).read_bytes()
        == (folder / "checkpoint.safetensors").read_bytes()
    )
    run = tracking.client().get_run(record.mlflow_run_id)
    assert run.data.tags["imported_from"] == result.machine
    assert run.data.tags["commit"] == "c0ffee"
    assert run.data.params["steps"] == "4"
    curve = tracking.client().get_metric_history(record.mlflow_run_id, "train/loss_generator/total")
    assert [point.step for point in curve] == [1, 2, 3, 4]
    assert "test/ciede2000" in run.data.metrics
    evaluation = load_evaluation(lake, "webtoon_l2")
    assert (evaluation.mlflow_run_id, evaluation.checkpoint_digest) == (record.mlflow_run_id, result.checkpoint_sha256)
    assert evaluation.metrics["ciede2000"] == run.data.metrics["test/ciede2000"]

    (exported,) = export_results(["webtoon_l2"], tmp_path / "again", lake, cache=tmp_path, tracking=tracking)
    assert dict(read_curves(exported / "curves.jsonl")).keys() >= dict(read_curves(folder / "curves.jsonl")).keys()
    assert {path.name for path in (exported / "samples").iterdir()} == {
        path.name for path in (folder / "samples").iterdir()
    }
    # What was exported is a result like the first: trained as asked, and evaluated.
    assert evaluated(there, tmp_path / "again") == load_evaluation(lake, "webtoon_l2").key

    elsewhere = Lake.at(tmp_path / "elsewhere")
    assert import_results(tmp_path / "again", elsewhere, tracking=tracking) == [("webtoon_l2", "imported")]
    arrived = load_evaluation(elsewhere, "webtoon_l2")
    assert arrived.rows.equals(evaluation.rows)
    np.testing.assert_array_equal(arrived.grid, evaluation.grid)
    assert arrived.mlflow_run_id != evaluation.mlflow_run_id
    there_as = read_record(elsewhere, "webtoon_l2")
    recipe = recipe_as_trained(there_as, tracking)
    assert (recipe["name"], recipe["resolution"]) == ("webtoon_l2", 32)
    assert recipe == recipe_as_trained(record, tracking)
    assert datasheet_of(there_as, elsewhere, tracking) == TrainingSet.open(lake).datasheet


def test_a_training_of_the_version_before_is_exported_from_mlflow(there: Installation, results: Path, tmp_path: Path):
    lake, tracking = there.lake, there.tracking
    import_results(results, lake, tracking=tracking)
    record = read_record(lake, "webtoon_l2")
    folder = Path(str(lake.trained("webtoon_l2")))
    shutil.move(folder / record.key / "checkpoint.safetensors", folder / f"{record.key}.safetensors")
    shutil.rmtree(folder / record.key)
    later = ("dependencies", "parameters", "datasheet", "machine", "commit")
    earlier = {name: value for name, value in vars(record).items() if name not in later}
    earlier |= {"checkpoint": f"{record.key}.safetensors", "needs": {}}
    for name in (record.key, "current"):
        (folder / f"{name}.json").write_text(json.dumps(earlier))

    (exported,) = export_results(["webtoon_l2"], tmp_path / "again", lake, cache=tmp_path, tracking=tracking)
    ((source, original),) = find_run_folders(results)
    assert dict(read_curves(exported / "curves.jsonl")).keys() == dict(read_curves(source / "curves.jsonl")).keys()
    samples = [{path.name for path in (run / "samples").iterdir()} for run in (exported, source)]
    assert samples[0] == samples[1]
    ((_, found),) = find_run_folders(tmp_path / "again")
    assert (found.machine, found.commit, found.datasheet) == (original.machine, original.commit, original.datasheet)
    assert found.parameters == {name: str(value) for name, value in original.parameters.items()}
    assert evaluated(there, tmp_path / "again") == load_evaluation(lake, "webtoon_l2").key


def evaluated(there: Installation, out: Path, params: BenchmarkParams = QUICK) -> str:
    """Evaluates the results of a folder on a benchmark where that was not done; the key of the evaluation."""
    folder = train_and_evaluate(
        recipe_of("webtoon_l2"), there.lake, TRAINING, params, out=out, weights=out, commit="c0ffee"
    )  # fmt: skip
    return load_evaluation(Lake.at(folder), "webtoon_l2").key


def test_an_imported_colorizer_is_promoted_though_nobody_has_its_training_set(here: Installation, results: Path):
    fill(here.lake)  # it has the very test pictures, and other ones to learn from
    import_results(results, here.lake, tracking=here.tracking)
    board = here.compare().boards[0]
    assert [row.name for row in board.colorizers] == ["webtoon_l2"]
    (promotions,) = here.promote()
    assert (promotions.version.recipe, promotions.moved) == ("webtoon_l2", True)
    card = card_path(here.lake, Registry(here.tracking, "gray"), promotions.version).read_text()
    assert "| a-sun | 3 | CC-BY-4.0 | a-sun by a tester |" in card
    assert read_record(here.lake, "webtoon_l2").training_set in card
    assert "Recipe: `webtoon_l2`, 32 x 32 pixels" in card


def test_results_of_another_benchmark_are_listed_apart(here: Installation, results: Path):
    fill(here.lake, test=40)
    import_results(results, here.lake, tracking=here.tracking)
    board = here.compare().boards[0]
    assert [row.name for row in board.not_comparable] == ["webtoon_l2"]
    assert board.colorizers == []
    with pytest.raises(ValueError, match="no colorizer has a result on this benchmark; train and evaluate"):
        here.promote()


def test_what_keeps_no_recipe_has_no_card(there: Installation):
    run = there.tracking.start("webtoon_l2", digest="empty", parameters={}, tags={})
    record = replace(there.train("webtoon_l2", 0.1), mlflow_run_id=run.run_id)
    with pytest.raises(FileNotFoundError, match=r"keeps no recipe.json, .*: train webtoon_l2 again"):
        recipe_as_trained(record, there.tracking)


def test_a_new_evaluation_of_what_is_there_is_taken_in(there: Installation, results: Path):
    lake, tracking = there.lake, there.tracking
    import_results(results, lake, tracking=tracking)
    record = read_record(lake, "webtoon_l2")

    second = evaluated(there, results, QUICK.model_copy(update={"seed": 1}))
    assert import_results(results, lake, tracking=tracking) == [("webtoon_l2", "new evaluation taken in")]
    latest = load_evaluation(lake, "webtoon_l2")
    assert (latest.key, latest.mlflow_run_id) == (second, record.mlflow_run_id)
    tags = tracking.client().get_run(record.mlflow_run_id).data.tags
    assert tags["benchmark"] == latest.benchmark_fingerprint

    current = there.train("webtoon_l2", 0.1)  # trained here since, and evaluated
    there.evaluate("webtoon_l2")
    evaluated(there, results, QUICK.model_copy(update={"seed": 2}))
    assert import_results(results, lake, tracking=tracking) == [("webtoon_l2", "new evaluation taken in")]
    assert read_record(lake, "webtoon_l2") == current
    assert load_evaluation(lake, "webtoon_l2").checkpoint_digest == current.checkpoint_sha256
    third = load_evaluation(Lake.at(results / "webtoon_l2"), "webtoon_l2")
    assert find_evaluation(
        lake, "webtoon_l2", checkpoint=record.checkpoint_sha256, benchmark=third.benchmark_fingerprint
    )


def test_what_is_no_result_is_refused(there: Installation, results: Path, tmp_path: Path):
    lake, tracking = there.lake, there.tracking
    with pytest.raises(ValueError, match="no results here; expected <recipe>/record"):
        import_results(tmp_path / "nothing", lake, tracking=tracking)
    checkpoint = results / "webtoon_l2" / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not the checkpoint of"):
        import_results(results, lake, tracking=tracking)
    (results / "webtoon_l2" / "record.json").write_text(json.dumps({"recipe": "webtoon_l2"}))
    with pytest.raises(ValueError, match=r"no record .*another version"):
        import_results(results, lake, tracking=tracking)
