"""Errors of the machine are one line with what, where and the remedy; errors of our own stay as they are."""

import errno
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy
from mlflow.exceptions import MlflowException
from safetensors import SafetensorError

from pipelines.errors.explain import explain, summary


def raised(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on its disk; free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no right"),
        (errno.EIO, "its disk reports an error"),
        (errno.ENOTDIR, "a file"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EMFILE, "ulimit -n"),
    ],
)
def test_errors_of_the_operating_system(number: int, words: str):
    line = str(explain(OSError(number, "raw", "/there/lake/panels.parquet")))
    assert line.startswith("/there/lake/panels.parquet: ")
    assert words in line


def test_the_half_written_neighbour_is_not_named(tmp_path: Path):
    error = OSError(errno.ENOSPC, "raw", str(tmp_path / ".leaderboard.json.0123abcd.part"))
    assert str(explain(error)).startswith(f"{tmp_path / 'leaderboard.json'}: no space left")


def test_messages_that_hold_the_number_in_words(tmp_path: Path):
    said = "Error while serializing: I/O error: No space left on device (os error 28)"
    assert explain(SafetensorError(said), home=tmp_path) == explain(OSError(errno.ENOSPC, ""), home=tmp_path)
    arrow = OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device")
    assert "no space left" in str(explain(arrow, home=tmp_path))


def test_databases(tmp_path: Path):
    def ask(url: str, statement: str) -> BaseException:
        def call() -> None:
            with sqlalchemy.create_engine(url).connect() as connection:
                connection.execute(sqlalchemy.text(statement))

        return raised(call)

    missing = ask(f"sqlite:///{tmp_path / 'no' / 'store.db'}", "select 1")
    assert f"a database of {tmp_path}: it cannot be opened" in str(explain(missing, home=tmp_path))
    (tmp_path / "noise.db").write_bytes(b"no database at all" * 100)
    damaged = ask(f"sqlite:///{tmp_path / 'noise.db'}", "select * from x")
    assert "it is damaged; put back a copy of it" in str(explain(damaged, home=tmp_path))
    full = sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))
    assert "no space left" in str(explain(full, home=tmp_path))
    assert "held it for too long" in str(explain(sqlite3.OperationalError("database is locked")))


def test_a_wrapper_of_a_library_gives_way_to_its_cause(tmp_path: Path):
    def call() -> None:
        try:
            raise OSError(errno.ENOSPC, "raw", "/there/mlflow.db")
        except OSError as error:
            raise MlflowException("BAD_REQUEST: (sqlite3...)") from error

    assert str(explain(raised(call))).startswith("/there/mlflow.db: no space left")
    assert "MLflow: no such run; look at its store (MLFLOW_TRACKING_URI" in str(
        explain(MlflowException("no such run"), home=tmp_path)
    )


def test_our_own_errors_stay_as_they_are():
    def call() -> None:
        try:
            raise OSError(errno.ENOSPC, "raw", "/there")
        except OSError as error:
            raise ValueError("page 3: damaged; put back a copy") from error

    assert explain(raised(call)) is None
    assert explain(FileNotFoundError("no training set: tintoon run training_set")) is None
    assert explain(TypeError("a fault")) is None


def test_object_stores():
    kind = type("ParamValidationError", (Exception,), {"__module__": "botocore.exceptions"})
    line = str(explain(kind('Parameter validation failed:\nInvalid bucket name "a b"')))
    assert line.startswith("the lake cannot be reached (ParamValidationError: Parameter validation failed: Invalid")
    assert "check TINTOON_LAKE" in line


def test_a_real_limit(tmp_path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        error = raised(lambda: (tmp_path / "large").write_bytes(bytes(5000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "ulimit -f" in str(explain(error, home=tmp_path))


def test_a_summary_is_one_short_line():
    assert summary(ValueError("a\n  b\n" * 1000)).startswith("a b a b")
    assert len(summary(ValueError("a\n  b\n" * 1000))) == 600
    assert summary(KeyError()) == "KeyError"


def with_full_disks(monkeypatch: pytest.MonkeyPatch, *full: Path) -> None:
    """Says of the disks below these folders that they are full: a test cannot mount one."""
    usage = shutil.disk_usage
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage(path)._replace(free=0 if Path(path) in full else 1 << 40)
    )


def test_the_disk_that_is_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    home, mount = tmp_path / "home", tmp_path / "mnt"
    for folder in (home, mount):
        folder.mkdir()
    without_name = OSError(errno.ENOSPC, "No space left on device")
    with_full_disks(monkeypatch, mount)
    line = str(explain(without_name, home=home, places=[mount / "out" / "book.cbz"]))
    assert line.startswith(f"{mount / 'out' / 'book.cbz'}: no space left on its disk; free some space there")
    assert "TINTOON_HOME" not in line
    with_full_disks(monkeypatch, home)
    assert str(explain(without_name, home=home, places=[mount])).startswith(f"{home}: no space left")
    with_full_disks(monkeypatch, Path(tempfile.gettempdir()))
    assert str(explain(without_name, home=home, places=[mount])).startswith(f"{tempfile.gettempdir()}: no space left")
    with_full_disks(monkeypatch)
    line = str(explain(without_name, home=home, places=[mount]))
    assert line.startswith(f"no space left on its disk, at one of {home}, {mount}")


def test_a_named_place_outside_the_home_is_not_mended_by_another_home(tmp_path: Path):
    error = OSError(errno.ENOSPC, "raw", "/mnt/out/page.png")
    line = str(explain(error, home=tmp_path))
    assert line.startswith("/mnt/out/page.png: no space left")
    assert "TINTOON_HOME" not in line


def test_an_output_that_cannot_be_written_is_named():
    script = (
        "import sys\nfrom pipelines.errors.explain import explain\n"
        "try:\n    print('x', flush=True)\nexcept OSError as error:\n    sys.stderr.write(str(explain(error)))\n"
    )
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([sys.executable, "-c", script], stdout=full, stderr=subprocess.PIPE, text=True)
    assert "the output could not be written: no space left" in ended.stderr
