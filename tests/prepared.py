"""Things that are made once a test run, however many processes it has, and then copied by the tests that need them."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

RUN_FOLDER = "TINTOON_TEST_RUN"
"""The variable that names the folder of this test run; tests/conftest.py makes the folder and removes it."""


def prepared(name: str, make: Callable[[Path], None]) -> Path:
    """The folder `name` of this test run; the first process that asks for it fills it with `make`. Read it only."""
    folder = Path(os.environ[RUN_FOLDER]) / "prepared" / name
    folder.parent.mkdir(exist_ok=True)
    done = folder.with_name(f"{name}.done")
    with FileLock(folder.with_name(f"{name}.lock")):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a `make` that failed has left
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def copy_mlflow_store(target: Path) -> None:
    """Puts an empty MLflow store at a path: its schema takes MLflow more than a second to make."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(prepared("mlflow", _make_mlflow_store) / "mlflow.db", target)


def copy_dagster_store(target: Path) -> None:
    """Puts the stores of an instance where nothing has happened into a folder, which is to be DAGSTER_HOME."""
    shutil.copytree(prepared("dagster", _make_dagster_store), target, dirs_exist_ok=True)


def _make_mlflow_store(folder: Path) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()


def _make_dagster_store(folder: Path) -> None:
    import dagster as dg

    from assets.home import PROJECT

    shutil.copy(PROJECT / "dagster.yaml", folder)
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        instance.get_run_records()
        instance.all_instigator_state()
