"""MLflow, for real: a SQLite store below a temporary folder, written, found again and read back."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, event

from assets.tracking.client import Tracking
from tests.prepared import copy_mlflow_store


@pytest.fixture(scope="module")
def tracking(tmp_path_factory) -> Tracking:
    folder = tmp_path_factory.mktemp("mlflow")
    return Tracking(
        uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifacts=(folder / "artifacts").as_uri(),
        ui="http://127.0.0.1:5000",
        dagster_ui="http://127.0.0.1:3000",
    )


def test_a_reopened_run_goes_on_without_writing_a_step_twice(tracking):
    run = tracking.start("webtoon_l2", digest="webtoon_l2", parameters={"steps": 4}, tags={"partition": "webtoon_l2"})
    for step in (1, 2):
        run.metrics({"train/loss": 1 / step}, step=step)
    run.end("KILLED")
    again = tracking.reopen(run.run_id, tags={"dagster_run_id": "second"})
    for step in (1, 2, 3):  # a resumed training replays what came after its last saved state
        again.metrics({"train/loss": 1 / step}, step=step)
    again.end()
    client = tracking.client()
    history = client.get_metric_history(run.run_id, "train/loss")
    assert [(m.step, round(m.value, 3)) for m in history] == [(1, 1.0), (2, 0.5), (3, 0.333)]
    found = client.get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.tags["dagster_run_id"] == "second"
    assert found.data.params == {"steps": "4"}


def test_what_was_begun_goes_on_and_what_was_deleted_begins_again(tracking):
    first = tracking.start("board", digest="aa", parameters={"a": 1}, tags={"b": "1"})
    first.picture("board", np.zeros((8, 8, 3), np.uint8), step=0)
    again = tracking.start("board", digest="aa", parameters={"a": 1}, tags={"b": "2"})
    again.picture("board", np.zeros((8, 8, 3), np.uint8), step=0)
    again.end()
    assert again.run_id == first.run_id
    client = tracking.client()
    assert client.get_run(again.run_id).data.tags["b"] == "2"
    assert len([file for file in client.list_artifacts(again.run_id, "images") if file.path.endswith(".png")]) == 1
    assert tracking.start("board", digest="ab", parameters={}, tags={}).run_id != first.run_id
    assert tracking.start("board", digest="aa", parameters={"a": 1}, tags={}, experiment="other").run_id != first.run_id
    client.delete_run(first.run_id)
    assert tracking.start("board", digest="aa", parameters={}, tags={}).run_id != first.run_id


def test_pictures_and_the_training_set_can_be_found(tracking):
    run = tracking.start("frames_gan_gray", digest="frames_gan_gray", parameters={}, tags={})
    run.picture("samples", np.zeros((8, 8, 3), np.uint8), step=5)
    tracking.log_training_set(run.run_id, name="training_set", fingerprint="f" * 64, source="here", profile="{}")
    run.end()
    client = tracking.client()
    assert any("samples" in file.path for file in client.list_artifacts(run.run_id, "images"))
    (found,) = client.get_run(run.run_id).inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("training_set", "f" * 36)


def test_a_run_that_was_deleted_is_not_there(tracking):
    run = tracking.start("gone", digest="gone", parameters={}, tags={})
    assert tracking.has(run.run_id)
    tracking.client().delete_run(run.run_id)
    assert not tracking.has(run.run_id)
    assert not tracking.has("no-such-run")


def test_to_reopen_a_run_reads_no_history_of_its_metrics(tracking):
    run = tracking.start("long", digest="long", parameters={}, tags={})
    for step in range(1, 2001):
        run.metrics({"train/loss": 1 / step, "train/accuracy": 0.5}, step=step)
    run.end("KILLED")
    statements: list[str] = []

    def remember(connection, cursor, statement, *rest) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", remember)
    try:
        again = tracking.reopen(run.run_id, tags={})
        again.metrics({"train/loss": 7.0, "train/accuracy": 0.7}, step=2000)  # a step that is repeated
        read = list(statements)
        again.metrics({"train/loss": 0.1}, step=2001)
        again.end()
        tracking.finished(run.run_id).results({"report/accuracy": 0.7}, step=3)
        read += statements
    finally:
        event.remove(Engine, "before_cursor_execute", remember)
    assert any("latest_metrics" in statement for statement in read)
    assert not [statement for statement in read if re.search(r"\bFROM metrics\b", statement)]
    last = tracking.client().get_metric_history(run.run_id, "train/loss")[-1]
    assert (last.step, last.value) == (2001, 0.1)


def test_a_run_that_was_deleted_is_brought_back_to_add_results(tracking, caplog):
    run = tracking.start("deleted", digest="deleted", parameters={}, tags={})
    run.end()
    tracking.client().delete_run(run.run_id)
    tracking.finished(run.run_id).results({"ciede2000": 1.0}, step=1)
    assert f"{run.run_id} was deleted; it is brought back" in caplog.text
    assert tracking.has(run.run_id)
    with pytest.raises(ValueError, match=r"no longer has the run 'none' .* train it again"):
        tracking.finished("none")


def test_an_experiment_that_was_deleted_is_brought_back(tmp_path, caplog):
    tracking = store_in(tmp_path)
    run = tracking.start("first", digest="first", parameters={}, tags={})
    tracking.client().delete_experiment(tracking.experiment_id())
    second = tracking.start("second", digest="second", parameters={}, tags={})
    assert "'colorizers' was deleted; it is brought back, with its runs" in caplog.text
    assert tracking.has(run.run_id)
    assert tracking.has(second.run_id)


def store_in(home: Path) -> Tracking:
    """The store of a home, as `Home` names its places."""
    copy_mlflow_store(home / "mlflow" / "mlflow.db")
    return of_home(home)


def of_home(home: Path) -> Tracking:
    return Tracking(
        uri=f"sqlite:///{home / 'mlflow' / 'mlflow.db'}",
        artifacts=(home / "mlflow" / "artifacts").as_uri(),
        ui="http://127.0.0.1:5000",
        dagster_ui="http://127.0.0.1:3000",
    )


@pytest.mark.parametrize("is_moved", [False, True])
def test_a_home_that_was_copied_or_moved_has_its_own_files(tmp_path, caplog, is_moved):
    first, more = store_in(tmp_path / "a home"), tmp_path / "more.txt"
    more.write_text("more")
    run = first.start("first", digest="first", parameters={}, tags={})
    run.end()
    notes = tmp_path / "a home" / "mlflow" / "artifacts" / run.run_id / "artifacts" / "notes"
    notes.mkdir(parents=True)  # not by MLflow, which remembers in this process where it wrote
    (notes / "file.txt").write_text("as it was")
    shutil.copytree(tmp_path / "a home", tmp_path / "copy")
    if is_moved:
        shutil.rmtree(tmp_path / "a home")
    before = sorted(tmp_path.glob("a home/mlflow/artifacts/**/*"))

    copy = of_home(tmp_path / "copy")
    copy.finished(run.run_id).file(more, "notes")
    copy.start("second", digest="second", parameters={}, tags={}).file(more, "notes")
    assert "this home was copied or moved: MLflow's runs now have their files in" in caplog.text
    assert sorted(tmp_path.glob("a home/mlflow/artifacts/**/*")) == before
    assert len(list((tmp_path / "copy").glob("mlflow/artifacts/*/artifacts/notes/more.txt"))) == 2
    found = copy.client().list_artifacts(run.run_id, "notes")
    assert sorted(one.path for one in found) == ["notes/file.txt", "notes/more.txt"]
