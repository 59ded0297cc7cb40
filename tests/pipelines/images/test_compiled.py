"""Compiled loops: kept on disk, and run also where the disk is full or what is kept is damaged."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from numba.core import config

from pipelines.images.compiled import compiled


def double(number: int) -> int:
    return 2 * number


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that compiled loops are kept in."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    return tmp_path


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow longer than four bytes, as on a disk with no more left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_loop_is_compiled_once_and_read_from_disk_then(kept: Path):
    assert compiled(double)(21) == 42
    again: Any = compiled(double)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_loop_runs_where_the_disk_is_full(kept: Path, caplog: pytest.LogCaptureFixture):
    with full_disk():
        result = compiled(double)(21)
    assert result == 42
    assert files_in(kept) == []
    assert "could not be kept" in caplog.text


@pytest.mark.parametrize("damaged", [b"", b"no pickle"])
def test_a_loop_runs_where_what_is_kept_is_damaged(kept: Path, damaged: bytes, caplog: pytest.LogCaptureFixture):
    assert compiled(double)(21) == 42
    for path in files_in(kept):
        path.write_bytes(damaged)
    assert compiled(double)(21) == 42
    assert "could not be read" in caplog.text
    again: Any = compiled(double)
    assert again(21) == 42
    assert sum(again.stats.cache_hits.values()) == 1
