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


def test_processes_begin_once_there_is_work_to_share():
    keys = ["a", "b", "missing", "c", "d", "e"]
    found = dict(on_all_cores(place, keys, was_quick=lambda _: True))
    assert {key for key, result in found.items() if result == os.getpid()} == {"a", "b"}
    error = found.pop("missing")
    assert isinstance(error, FileNotFoundError)
    assert error.filename == "/nowhere"
    assert all(isinstance(result, int) for result in found.values())
    assert set(found) == set(keys) - {"missing"}


def test_a_killed_process_fails_what_is_left_and_the_end_of_the_iteration_ends_the_others():
    found = dict(on_all_cores(place, ["a", "killed", "killed", "killed"], was_quick=lambda _: False))
    assert [str(found["killed"])] == ["killed: the process that worked on it was killed, as for memory; run it again"]
    others = set(multiprocessing.active_children())
    results = on_all_cores(place, ["a", "missing", "long", "long"], was_quick=lambda _: False)
    assert next(results)[0] == "a"
    key, error = next(results)
    assert key == "missing"
    assert "in place" in "".join(getattr(error, TRACEBACK).format())
    results.close()
    assert set(multiprocessing.active_children()) <= others
