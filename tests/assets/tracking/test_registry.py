"""MLflow's registry, for real: versions, aliases and tags in a SQLite store."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from assets.home import PROJECT
from assets.tracking.client import Tracking
from assets.tracking.registry import Registry
from assets.tracking.versions import Version, version_at


@pytest.fixture
def registered(tracking: Tracking, tmp_path: Path):
    """Registers a checkpoint of a run of its own."""
    checkpoint = tmp_path / "checkpoint.safetensors"

    def register(registry: Registry, name: str):
        checkpoint.write_bytes(name.encode())
        run = tracking.start(name, digest=name, parameters={}, tags={})
        run.file(checkpoint, "checkpoint")
        run.end()
        return registry.register(run.run_id, tags={"recipe": name, "checkpoint_sha256": name.encode().hex()})

    return register


def test_aliases_move_and_versions_are_found_by_their_checkpoint(tracking, registered):
    registry = Registry(tracking, "gray")
    assert registry.at("champion") is None
    registry.clear("challenger")  # nobody has it: nothing happens
    first, second = registered(registry, "first"), registered(registry, "second")
    assert (first.number, second.number) == ("1", "2")
    for version in (first, second):
        registry.point("champion", version)
        found = registry.at("champion")
        assert found is not None
        assert (found.recipe, found.number, found.run_id) == (version.recipe, version.number, version.run_id)
    registry.point("challenger", first)
    registry.clear("challenger")
    assert registry.at("challenger") is None
    registry.tag(first, {"undone": "now"})
    again = registry.of_checkpoint(first.sha256)
    assert again is not None
    assert (again.number, again.tags["undone"]) == ("1", "now")
    assert registry.of_checkpoint("00") is None
    found = registry.numbered("2")
    assert found
    assert found.recipe == "second"
    assert registry.numbered("7") is None
    assert [version.number for version in registry.undone()] == ["1"]


def test_each_track_has_its_own_versions(tracking, registered):
    gray, line = Registry(tracking, "gray"), Registry(tracking, "line")
    registry_version = registered(gray, "first")
    gray.point("champion", registry_version)
    assert line.at("champion") is None
    assert line.of_checkpoint(registry_version.sha256) is None
    assert registered(line, "drawn").number == "1"
    assert gray.at("champion") == registry_version


def test_an_alias_is_read_as_mlflow_reads_it_and_makes_no_store(tracking, registered, tmp_path):
    missing = tmp_path / "none" / "mlflow.db"
    assert version_at(f"sqlite:///{missing}", "gray", "champion") is None
    assert not missing.parent.exists()
    registry = Registry(tracking, "gray")
    for name in ("first", "second"):
        registry.point("champion", registered(registry, name))
        asked = tracking.client().get_model_version_by_alias(registry.model, "champion")
        assert registry.at("champion") == Version(str(asked.version), asked.run_id, dict(asked.tags))
    with sqlite3.connect(tracking.uri.removeprefix("sqlite:///")) as store:  # as tables of another version
        store.execute("ALTER TABLE registered_model_aliases RENAME COLUMN alias TO called")
    with pytest.raises(MlflowException):
        registry.at("champion")
    store.close()


def test_a_champion_is_looked_up_without_dagster_and_mlflow(tracking, registered):
    registry = Registry(tracking, "gray")
    registry.point("champion", registered(registry, "first"))
    code = (
        "import sys; from assets.tracking.versions import version_at; "
        f"found = version_at({tracking.uri!r}, 'gray', 'champion').number; "
        "print(found, sorted({'dagster', 'mlflow'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert found.stdout == "1 []\n"
