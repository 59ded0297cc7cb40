"""Results carried between machines: trained without Dagster and MLflow, imported, exported, imported elsewhere."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from assets.carried_results import export_results, import_results
from assets.tracking import Tracking
from assets.trained import local_checkpoint, read_record
from pipelines.evaluation.evaluation import load_evaluation
from pipelines.lake import Lake
from pipelines.results import read_curves, read_results

TRAINING = {
    "steps": 4, "batch": 2, "resolution": 32, "width": 8, "device": "cpu", "validate_every": 2, "sample_every": 2,
}  # fmt: skip
BENCHMARK = {"resolution": 32, "extractor": "none", "latency_sides": [], "page": False}


@pytest.fixture
def results(trained_on: Lake, tmp_path: Path) -> Path:
    """What `python -m pipelines.results` writes, in a process that can import neither Dagster nor MLflow."""
    ban = (
        "import sys; sys.modules['dagster'] = sys.modules['mlflow'] = None; from pipelines.results import main; main()"
    )
    out = tmp_path / "results"
    command = [
        sys.executable, "-c", ban, "webtoon_l2", "--lake", str(trained_on.root), "--out", str(out),
        "--training", json.dumps(TRAINING), "--benchmark", json.dumps(BENCHMARK), "--commit", "c0ffee",
    ]  # fmt: skip
    for _ in range(2):  # the second time everything is there
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
        assert said.strip() == str(out / "webtoon_l2")
    return out


def test_results_travel_there_and_back(results: Path, trained_on: Lake, tracking: Tracking, tmp_path: Path):
    assert import_results(results, trained_on, tracking=tracking) == [("webtoon_l2", False)]
    assert import_results(results, trained_on, tracking=tracking) == [("webtoon_l2", True)]
    record = read_record(trained_on, "webtoon_l2")
    ((folder, result),) = read_results(results)
    assert (
        local_checkpoint(trained_on, "webtoon_l2", tmp_path).read_bytes()
        == (folder / "checkpoint.safetensors").read_bytes()
    )
    run = tracking.client().get_run(record.mlflow_run_id)
    assert run.data.tags["imported_from"] == result.machine
    assert run.data.tags["commit"] == "c0ffee"
    assert run.data.params["steps"] == "4"
    curve = tracking.client().get_metric_history(record.mlflow_run_id, "train/loss_generator/total")
    assert [point.step for point in curve] == [1, 2, 3, 4]
    assert "test/ciede2000" in run.data.metrics
    evaluation = load_evaluation(trained_on, "webtoon_l2")
    assert (evaluation.mlflow_run_id, evaluation.checkpoint_digest) == (record.mlflow_run_id, result.checkpoint_sha256)
    assert evaluation.metrics["ciede2000"] == run.data.metrics["test/ciede2000"]

    (exported,) = export_results(["webtoon_l2"], tmp_path / "again", trained_on, cache=tmp_path, tracking=tracking)
    assert dict(read_curves(exported / "curves.jsonl")).keys() >= dict(read_curves(folder / "curves.jsonl")).keys()
    assert {path.name for path in (exported / "samples").iterdir()} == {
        path.name for path in (folder / "samples").iterdir()
    }
    elsewhere = Lake.at(tmp_path / "elsewhere")
    assert import_results(tmp_path / "again", elsewhere, tracking=tracking) == [("webtoon_l2", False)]
    there = load_evaluation(elsewhere, "webtoon_l2")
    assert there.rows.equals(evaluation.rows)
    np.testing.assert_array_equal(there.grid, evaluation.grid)
    assert there.mlflow_run_id != evaluation.mlflow_run_id


def test_what_is_no_result_is_refused(results: Path, trained_on: Lake, tracking: Tracking, tmp_path: Path):
    with pytest.raises(ValueError, match="no results here; expected <recipe>/result"):
        import_results(tmp_path / "nothing", trained_on, tracking=tracking)
    checkpoint = results / "webtoon_l2" / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    with pytest.raises(ValueError, match="not the checkpoint of"):
        import_results(results, trained_on, tracking=tracking)
    (results / "webtoon_l2" / "result.json").write_text('{"recipe": "webtoon_l2"}')
    with pytest.raises(ValueError, match=r"no result .*another version"):
        import_results(results, trained_on, tracking=tracking)
