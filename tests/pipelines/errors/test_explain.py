"""Errors of the machine are one line with what, where and the remedy; errors of our own stay as they are."""

import errno
import resource
import sqlite3
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
