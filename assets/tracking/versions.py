"""The registered version that an alias names, and a champion's checkpoint, without Dagster and, mostly, without mlflow.

A command that colours one page would spend most of its time on importing the two. MLflow's registry stays the only
place that says which version is the champion: where it is a database, its tables are read as they are.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assets.tracking.schema import make_schema
from pipelines.comparison.champion import Champion
from pipelines.lake import Lake
from pipelines.training.store import checkpoint_path

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from pipelines.evaluation.tracks import Track

MODELS: "dict[Track, str]" = {"gray": "colorizer", "line": "colorizer_line"}
"""The registered model of each track: results of two tracks do not compare, so each has its champion."""

CHAMPIONS: "dict[str, Track]" = {"champion": "gray", "champion_line": "line"}
"""The name by which commands and pages call the champion of a track."""

Alias = Literal["champion", "challenger"]


@dataclass(frozen=True)
class Version:
    """One registered colorizer."""

    number: str
    run_id: str
    tags: dict[str, str]

    @property
    def recipe(self) -> str:
        """The name of its recipe."""
        return self.tags["recipe"]

    @property
    def sha256(self) -> str:
        """The SHA-256 of its checkpoint."""
        return self.tags["checkpoint_sha256"]

    @property
    def champion(self) -> Champion:
        """The version as comparisons take it."""
        return Champion(self.recipe, self.tags["checkpoint"], self.sha256, self.tags["training_set"], self.run_id)


def version_at(store: str, track: "Track", alias: Alias) -> Version | None:
    """The version of a track that an alias names, or None; makes no store where there is none.

    store: The URI of MLflow's store. Of a server, and of tables that this version of Tintoon does not know, mlflow is
    asked. Raises what mlflow raises.
    """
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DatabaseError
    from sqlalchemy.pool import NullPool

    try:
        place = make_url(store)
    except ArgumentError:  # a folder
        return _asked(store, track, alias)
    if place.get_backend_name() not in ("sqlite", "postgresql"):
        return _asked(store, track, alias)
    if place.get_backend_name() == "sqlite" and not Path(place.database or "").exists():
        return None
    named = {"model": MODELS[track], "alias": alias}
    try:
        with create_engine(place, poolclass=NullPool).connect() as connection:
            found = connection.execute(text(_VERSION_OF_ALIAS), named).one_or_none()
            if found is None:
                return None
            tags = connection.execute(text(_TAGS), {"model": MODELS[track], "version": found.version})
            return Version(str(found.version), str(found.run_id), {row.key: row.value for row in tags})
    except DatabaseError:
        return _asked(store, track, alias)


_VERSION_OF_ALIAS = """
SELECT v.version, v.run_id FROM registered_model_aliases AS a
JOIN model_versions AS v ON v.workspace = a.workspace AND v.name = a.name AND v.version = a.version
WHERE a.workspace = 'default' AND a.name = :model AND a.alias = :alias AND v.current_stage <> 'Deleted_Internal'
"""
_TAGS = "SELECT key, value FROM model_version_tags WHERE workspace = 'default' AND name = :model AND version = :version"


def _asked(store: str, track: "Track", alias: Alias) -> Version | None:
    """The same by MLflow's own client."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    make_schema(store)
    try:
        client = MlflowClient(tracking_uri=store, registry_uri=store)
        return version_of(client.get_model_version_by_alias(MODELS[track], alias))
    except MlflowException as error:
        if is_absent(error):
            return None
        raise


def version_of(found: "ModelVersion") -> Version:
    """A version as MLflow gives it."""
    return Version(str(found.version), str(found.run_id), dict(found.tags))


def is_absent(error: Any) -> bool:
    """True for an error of mlflow that means that there is no such thing; any other error is a failure."""
    # MLflow 3 answers INVALID_PARAMETER_VALUE for an alias that is not set and for an invalid run number.
    return error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}


def champion_checkpoint(lake: Lake, *, cache: Path, store: str, track: "Track" = "gray") -> Path:
    """A local path of a champion's checkpoint.

    store: The URI of MLflow's store. Raises FileNotFoundError when there is no champion yet.
    """
    champion = version_at(store, track, "champion")
    if champion is None:
        raise FileNotFoundError(
            f"there is no champion yet of track {track}: train and compare first (tintoon run all, or make demo)"
        )
    return checkpoint_path(lake, champion.recipe, champion.tags["checkpoint"], cache)
