"""Work in several processes: every result comes, an error is that of its key, and nothing goes on after the end."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipelines.panels import on_all_cores as module
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


def test_a_killed_process_fails_only_what_it_worked_on():
    keys = ["a", "b", "killed", "c", "d", "e"]
    found = dict(on_all_cores(place, keys, worth_s=0))
    assert sorted(found) == sorted(keys)
    error = found.pop("killed")
    assert str(error) == "killed: the process that worked on it was killed, as for memory; run it again"
    assert all(isinstance(process, int) for process in found.values())


def hold(pipe: Path, key: str) -> None:
    """Holds the pipe open for long, but for the key "a"."""
    if key != "a":
        with pipe.open("w") as writer:
            writer.write(key)
            writer.flush()
            time.sleep(60)


def hold_in_two_processes(pipe: Path) -> None:
    os.sched_getaffinity = lambda _: {0, 1}
    list(on_all_cores(partial(hold, pipe), ["a", "b", "c"], worth_s=0))


def test_processes_end_with_a_killed_parent(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    parent = multiprocessing.get_context("spawn").Process(target=hold_in_two_processes, args=(pipe,))
    parent.start()
    with pipe.open() as reader:
        assert {reader.read(1), reader.read(1)} == {"b", "c"}
        parent.kill()
        killed = time.monotonic()
        assert reader.read() == ""  # ends when nobody holds the pipe any more
    assert time.monotonic() - killed < 30
    parent.join()


@pytest.fixture
def sigterm_is_ignored() -> Iterator[None]:
    """As in a run that a shell's background job starts."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("sigterm_is_ignored")
def test_the_end_of_the_iteration_ends_the_processes():
    others = set(multiprocessing.active_children())
    results = on_all_cores(place, ["a", "missing", "long", "long"], worth_s=0)
    assert next(results)[0] == "a"
    key, error = next(results)
    assert key == "missing"
    assert "in place" in "".join(getattr(error, TRACEBACK).format())
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 30
    assert set(multiprocessing.active_children()) <= others


def begin_late(begun: Path) -> None:
    """The first process begins at once, the others later."""
    try:
        begun.touch(exist_ok=False)
    except FileExistsError:
        time.sleep(5)
    module._begin()


@pytest.mark.timeout(60)
@pytest.mark.usefixtures("sigterm_is_ignored")
def test_the_end_does_not_wait_for_a_process_that_still_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_begin", partial(begin_late, tmp_path / "begun"))
    others = set(multiprocessing.active_children())
    results = on_all_cores(place, ["a", "b", "long", "long"], worth_s=0)
    assert [key for key, _ in (next(results), next(results))] == ["a", "b"]
    results.close()
    assert set(multiprocessing.active_children()) <= others


def test_cores_are_counted_where_a_process_cannot_be_bound_to_some(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert set(dict(on_all_cores(place, ["a", "b", "c"], worth_s=0)).values()) == {os.getpid()}
