"""The surroundings of every test: a folder in memory, one thread a process, no installation of the person."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextvars import Context
from pathlib import Path

import pytest
from hypothesis import settings

from tests.prepared import RUN_FOLDER

MEMORY = Path("/dev/shm")
NEEDED_BYTES = 4 * 1024**3

SLOWEST_FIRST = (
    "test_shuushuu.py",
    "test_pages.py",
    "test_kills.py",
    "test_disks.py",
    "test_retraining.py",
    "test_interrupted.py",
    "test_lineage.py",
    "test_every_source.py",
    "test_every_recipe.py",
)
"""Files that one process works at for long: begun last, the other processes would wait for it."""

SET_BY_LIBRARIES = ("PYTORCH_NVML_BASED_CUDA_CHECK", "TORCHINDUCTOR_CACHE_DIR", "_RJEM_MALLOC_CONF")
"""Variables that libraries set for their own use, once a process."""

# Before torch is imported: threads of several processes on the same cores wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("tintoon", deadline=None, derandomize=True, database=None)
settings.load_profile("tintoon")


@pytest.hookimpl(tryfirst=True)  # before pytest makes its own temporary folder
def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):  # a process of xdist: all this was done by the one that started it
        return
    for name in list(os.environ):
        if (
            name.startswith(("TINTOON_", "DAGSTER_", "MLFLOW_")) and name != "TINTOON_FAULTS"
        ):  # the form of tests/faults
            del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix=f"tintoon-tests-{os.getpid()}-", dir=_memory()))
    (folder / "tmp").mkdir()
    os.environ[RUN_FOLDER] = str(folder)
    os.environ["TINTOON_HOME"] = str(folder / "no-home")  # a test that forgets to name one
    os.environ["TMPDIR"] = str(folder / "tmp")  # also of processes that tests start
    os.environ["COLUMNS"] = "200"
    os.environ["MLFLOW_LOGGING_LEVEL"] = "WARNING"  # as `tintoon` does, before mlflow is imported
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    tempfile.tempdir = None
    if not config.option.basetemp:
        config.option.basetemp = str(folder / "pytest")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ[RUN_FOLDER], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))  # stable


def pytest_collection_finish() -> None:
    """Resolves the definitions that tests import: Dagster asks the instance opened last, even one that is gone."""
    if "assets.definitions" in sys.modules:
        Context().run(sys.modules["assets.definitions"].defs.get_repository_def)


def _memory() -> Path | None:
    """A folder in memory with room for a test run, free of what killed runs have left; None without one."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < NEEDED_BYTES:
        return None
    for left in MEMORY.glob("tintoon-tests-*"):
        if not Path(f"/proc/{left.name.split('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return MEMORY


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    """No test leaves the environment changed for the next one."""
    before = dict(os.environ)
    yield
    changed = {name for name, _ in before.items() ^ os.environ.items()}
    assert changed - {"PYTEST_CURRENT_TEST", *SET_BY_LIBRARIES} == set()
