"""Work in several processes: every result comes, an error is that of its key, and nothing goes on after the end."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from pipelines.panels.on_all_cores import TRACEBACK, on_all_cores


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def place(key: str) -> int:
    """The process that works; "missing" is a file that is not there, "killed" ends the process."""
    if key == "missing":
        Path("/nowhere").read_bytes()
    if key == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if key == "long":
        time.sleep(60)
    return os.getpid()


def test_processes_begin_where_there_is_enough_work():
    keys = ["a", "missing", "b", "c"]
    found = dict(on_all_cores(place, keys))
    error = found.pop("missing")
    assert isinstance(error, FileNotFoundError)
    assert set(found.values()) == {os.getpid()}
    found = dict(on_all_cores(place, keys, worth_s=0))
    error = found.pop("missing")
    assert isinstance(error, FileNotFoundError)
    assert error.filename == "/nowhere"
    assert found.pop("a") == os.getpid()
    assert set(found) == {"b", "c"}
    assert os.getpid() not in found.values()


def test_a_killed_process_fails_what_is_left_and_the_end_of_the_iteration_ends_the_others():
    found = dict(on_all_cores(place, ["a", "killed", "killed", "killed"], worth_s=0))
    assert [str(found["killed"])] == ["killed: the process that worked on it was killed, as for memory; run it again"]
    others = set(multiprocessing.active_children())
    results = on_all_cores(place, ["a", "missing", "long", "long"], worth_s=0)
    assert next(results)[0] == "a"
    key, error = next(results)
    assert key == "missing"
    assert "in place" in "".join(getattr(error, TRACEBACK).format())
    results.close()
    assert set(multiprocessing.active_children()) <= others
