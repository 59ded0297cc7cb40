"""What a person sees of an error: one line, whatever the terminal; the way to it in the code is in the log."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from studio.cli.app import _in_words
from tests.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "home")


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}])
def test_a_korean_name_on_any_terminal(tmp_path: Path, variables: dict[str, str]):
    process = Installation(tmp_path, variables).start("colorize", "없다.png", "out.png")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("tintoon: ")
    assert errors.endswith(".png: no such file or folder\n")
    assert errors.count("\n") == 1


def test_nobody_reads_on(installation: Installation):
    """`tintoon recipes | head -1` says nothing more."""
    process = installation.start("recipes", "--json")
    assert process.stdout
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    assert process.wait(60) != 0


def test_ctrl_c_is_one_line(tmp_path: Path):
    installation = Installation.with_stores(tmp_path / "home")
    process = subprocess.Popen(
        [Path(sys.executable).with_name("tintoon"), "run", "unique_panels"],
        env={**installation.environment, "PATH": "/usr/bin"},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # make test may ignore it
    )
    log = installation.home / "logs" / "tintoon.log"
    deadline = time.monotonic() + 60
    while not (log.exists() and "unique_panels: started" in log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (1, 130)  # without panels the stage may have failed before
    assert "Traceback" not in errors
    if process.returncode == 130:
        assert errors.splitlines()[-1] == "tintoon: interrupted; the next run continues from here"


def test_an_error_that_nobody_foresaw_is_one_line_too(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    installation.home.mkdir()
    monkeypatch.setenv("TINTOON_HOME", str(installation.home))
    try:
        {}["page"]
    except KeyError as error:
        line = _in_words(error)
    log = installation.home / "logs" / "tintoon.log"
    assert line == f"this should not happen: KeyError: 'page'; report it with {log}"
    assert "Traceback (most recent call last)" in log.read_text()


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_home_that_is_a_file(tmp_path: Path, place: str):
    (tmp_path / "file").touch()
    done = Installation(tmp_path / place).try_to("run", "unique_panels")
    assert (done.returncode, done.stdout) == (1, "")
    assert "name another place, or move the file away" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_place_that_is_none_for_a_lake(tmp_path: Path):
    done = Installation(tmp_path, {"TINTOON_LAKE": "nowhere://bucket"}).try_to("leaderboard")
    assert done.returncode == 1
    assert "nowhere://bucket: no place for a lake" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_failed_step_says_why_on_the_terminal(tmp_path: Path):
    installation = Installation.with_stores(tmp_path / "home")
    done = installation.try_to("run", "training_set")
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert lines[0] == "training_set: started"
    assert lines[1].startswith("training_set : ")
    assert "home/lake" in lines[1]
    assert str(tmp_path / "home" / "logs" / "tintoon.log") in lines[-1]
    assert "Traceback" not in done.stderr
    assert "Stack Trace" in (tmp_path / "home" / "logs" / "tintoon.log").read_text()
