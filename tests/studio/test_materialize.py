"""What runs from the command line do around Dagster: the words of errors, and what killed processes left."""

import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
import torch
from dagster_shared.error import SerializableErrorInfo
from PIL import Image

from models.weights_file import require_sha256
from pipelines.errors.said import said
from pipelines.lake import Lake
from studio.materialize import PROCESS_TAG, Materialized, Selection, materialize, open_instance, register_issues
from tests.installation import Installation


def _spoken(failing: Callable[[], object]) -> str:
    try:
        failing()
    except Exception as error:
        info = SerializableErrorInfo.from_traceback(traceback.TracebackException.from_exception(error))
        return said(info.message, info.stack)
    raise AssertionError("nothing failed")


def test_the_kind_of_an_error_that_we_raise_is_left_out(tmp_path: Path):
    (tmp_path / "x").touch()
    ours = [
        lambda: require_sha256(tmp_path / "x", "0", what="it", remedy="copy it again"),
        lambda: Lake.at("nowhere://bucket"),
    ]
    for failing in ours:
        assert "Error: " not in _spoken(failing)


@pytest.mark.parametrize(
    "failing",
    [
        lambda: np.zeros(3).reshape(2),
        lambda: torch.zeros(3).reshape(2),
        lambda: torch.nn.Linear(1, 2).load_state_dict({}),
        lambda: Path("/nowhere/at/all").read_bytes(),
    ],
)
def test_the_kind_of_a_librarys_error_stays(failing: Callable[[], object]):
    assert _spoken(failing).partition(":")[0] in ("ValueError", "RuntimeError", "FileNotFoundError")


def test_half_written_files_are_looked_for_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Not below Dagster's records of runs, which are many."""
    installation = Installation.with_stores(tmp_path / "home")
    home = installation.home
    monkeypatch.setenv("TINTOON_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    for folder in (home / "lake" / "panels", home / "dagster", home / "dagster" / "storage"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".a.0123abcd.part").touch()
        os.utime(folder / ".a.0123abcd.part", (0, 0))
    open_instance().dispose()
    assert [path.parent.name for path in home.rglob(".*.part")] == ["storage"]
    left = home / "lake" / "panels" / ".b.0123abcd.part"
    left.touch()
    os.utime(left, (0, 0))
    open_instance().dispose()
    assert left.exists()
    os.utime(home / "dagster" / "leftovers_removed", (0, 0))
    open_instance().dispose()
    assert not left.exists()


def test_a_run_that_ended_before_it_was_started_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """On a full disk Dagster may not get to write that a run has started, nor that it failed."""
    home = Installation.with_stores(tmp_path / "home").home
    monkeypatch.setenv("TINTOON_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    with open_instance() as instance:
        ours = f"{socket.gethostname()}:1:0.00"  # no process started then
        run = instance.create_run_for_job(dg.GraphDefinition(name="job").to_job(), tags={PROCESS_TAG: ours})
        others = instance.create_run_for_job(dg.GraphDefinition(name="job").to_job())
    with open_instance() as instance:
        found = {record.dagster_run.run_id: record.dagster_run.status for record in instance.get_run_records()}
    assert found == {run.run_id: dg.DagsterRunStatus.FAILURE, others.run_id: dg.DagsterRunStatus.NOT_STARTED}


@pytest.fixture
def one_issue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An installation with one issue of one page in a folder."""
    home = Installation.with_stores(tmp_path / "home").home
    (tmp_path / "drawn" / "1").mkdir(parents=True)
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(tmp_path / "drawn" / "1" / "1.png")
    (tmp_path / "titles.yaml").write_text(
        "titles:\n  drawn: {source: folder, address: drawn, licence: CC0-1.0, attribution: A tester}\n"
    )
    monkeypatch.setenv("TINTOON_HOME", str(home))
    monkeypatch.setenv("TINTOON_TITLES", str(tmp_path / "titles.yaml"))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    with open_instance() as instance:
        register_issues(["drawn__1"], instance)
        yield instance


def test_an_issue_starts_once_and_an_interrupt_is_no_failure_of_it(one_issue):
    started: list[tuple[str, str | None, int, int]] = []
    ended: list[Materialized] = []

    def collect(on_start: Callable[..., None]) -> None:
        materialize(
            ["issue_pages"],
            Selection(recipes=[]),
            instance=one_issue,
            config={},
            on_start=on_start,
            on_progress=lambda *_: None,
            on_end=ended.append,
        )

    with pytest.raises(KeyboardInterrupt):
        collect(lambda *_: signal.raise_signal(signal.SIGINT))
    assert ended == []
    collect(lambda *call: started.append(call))
    assert started == [("issue_pages", "drawn__1", 0, 1)]
    assert [(one.partition, one.problem) for one in ended] == [("drawn__1", None)]
