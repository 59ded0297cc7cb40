"""A drop in MLflow: pictures of runs on training sets that were withdrawn go; numbers and checkpoints stay, listed."""

from collections.abc import Collection, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from assets.tracking.client import Tracking
from assets.tracking.publish_leaderboard import EXPERIMENT as LEADERBOARDS
from assets.tracking.versions import MODELS
from pipelines.training.run_folder import SAMPLES

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".html", ".svg")
"""Endings of artifacts that show pictures; an HTML report contains them."""

ALIASES = ("champion", "challenger")


def withdraw_pictures(
    tracking: Tracking, training_sets: Collection[str], evaluated: Collection[str] = ()
) -> tuple[int, list[str]]:
    """Removes the pictures of runs on training sets (fingerprints), and those of published leaderboards.

    evaluated: Runs (ids) of trainings on other sets with an evaluation that shows what goes: their samples stay.
    Nobody can tell which panels a picture shows, so all of these go, also those of runs that were deleted in MLflow's
    UI: it keeps their files. Returns the number of files, and what could not be removed, with the reason.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    client = tracking.client()
    removed, failed = 0, []
    for run, is_whole in _runs(client, training_sets, evaluated):
        repository = get_artifact_repository(str(run.info.artifact_uri))
        for path in _pictures(client, run.info.run_id):
            if not is_whole and PurePosixPath(path).name.startswith(SAMPLES):
                continue
            try:
                repository.delete_artifacts(path)
                removed += 1
            except Exception as error:  # each kind of store has its own
                failed.append(f"MLflow run {run.info.run_id}, artifact {path}: {type(error).__name__}: {error}")
    return removed, failed


def learned_versions(tracking: Tracking, checkpoints: Collection[str], training_sets: Collection[str]) -> list[Any]:
    """Registered versions of checkpoints (SHA-256), or on training sets: model, version, recipe, aliases."""
    client = tracking.client()
    found = []
    for model in MODELS.values():
        for version in client.search_model_versions(f"name = '{model}'"):
            tags = version.tags
            if tags.get("checkpoint_sha256") in checkpoints or tags.get("training_set") in training_sets:
                aliases = client.get_registered_model(model).aliases
                served = sorted(name for name in ALIASES if str(aliases.get(name)) == str(version.version))
                found.append(
                    {
                        "model": model,
                        "version": str(version.version),
                        "recipe": tags.get("recipe", ""),
                        "checkpoint_sha256": tags.get("checkpoint_sha256", ""),
                        "aliases": served,
                    }
                )
    return found


def _runs(
    client: "MlflowClient", training_sets: Collection[str], evaluated: Collection[str]
) -> "Iterator[tuple[Run, bool]]":
    """The runs with pictures to remove, and whether all of them go."""
    from mlflow.entities import ViewType

    for experiment in client.search_experiments(view_type=ViewType.ALL):
        token: str | None = None
        while True:
            page = client.search_runs(
                [experiment.experiment_id], run_view_type=ViewType.ALL, max_results=500, page_token=token
            )
            for run in page:
                is_whole = experiment.name == LEADERBOARDS or run.data.tags.get("training_set") in training_sets
                if is_whole or run.info.run_id in evaluated:
                    yield run, is_whole
            token = page.token
            if not token:
                break


def _pictures(client: "MlflowClient", run_id: str, folder: str | None = None) -> list[str]:
    found = []
    for file in client.list_artifacts(run_id, folder):
        if file.is_dir:
            found += _pictures(client, run_id, file.path)
        elif file.path.lower().endswith(PICTURES):
            found.append(file.path)
    return found
