"""The model card of a registered version: written into the lake, and as artifacts of its training's run."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from assets.tracking.client import Tracking
from assets.tracking.registry import Registry
from assets.tracking.versions import Version
from pipelines.lake import Lake
from pipelines.training.record import TrainingRecord

if TYPE_CHECKING:
    from upath import UPath

    from pipelines.evaluation.evaluation import Evaluation


def card_path(lake: Lake, registry: Registry, version: Version) -> "UPath":
    """The path of a version's card, with its pictures beside it."""
    return lake.root / "cards" / f"{registry.model}-{version.number}" / "model_card.md"


def write_card(
    lake: Lake,
    registry: Registry,
    version: Version,
    record: TrainingRecord,
    evaluation: "Evaluation",
    *,
    reason: str,
    tracking: Tracking,
) -> "UPath":
    """Writes the card of a version that was just decided on. Returns its path."""
    from pipelines.comparison.card_files import card_files

    files = card_files(
        lake,
        record,
        evaluation,
        version=version.number,
        recipe=recipe_as_trained(record, tracking),
        settings=tracking.client().get_run(record.mlflow_run_id).data.params,
        datasheet=datasheet_of(record, lake, tracking),
        reason=reason,
    )
    path = card_path(lake, registry, version)
    with TemporaryDirectory() as folder:
        for name, data in files.items():
            lake.write_bytes(path.parent / name, data)
            (Path(folder) / name).write_bytes(data)
        tracking.finished(record.mlflow_run_id).folder(Path(folder), "card")
    return path


def recipe_as_trained(record: TrainingRecord, tracking: Tracking) -> dict[str, Any]:
    """The recipe of a training, at the size that it was trained at, as its run keeps it."""
    return _kept_by_run(record, "recipe.json", tracking)


def datasheet_of(record: TrainingRecord, lake: Lake, tracking: Tracking) -> dict[str, Any]:
    """The datasheet of a training's training set: the lake's, else as the run of an imported training keeps it.

    Raises FileNotFoundError where neither has it.
    """
    path = lake.frozen_training_set(record.training_set)
    return lake.read_json(path)["datasheet"] if path.exists() else _kept_by_run(record, "datasheet.json", tracking)


def _kept_by_run(record: TrainingRecord, name: str, tracking: Tracking) -> dict[str, Any]:
    from mlflow.artifacts import load_dict

    client = tracking.client()
    if name not in {file.path for file in client.list_artifacts(record.mlflow_run_id)}:
        raise FileNotFoundError(
            f"{record.recipe}: its MLflow run {record.mlflow_run_id} keeps no {name}, without which there is no model "
            f"card (training set {record.training_set[:12]}): train {record.recipe} again"
        )
    return load_dict(f"{client.get_run(record.mlflow_run_id).info.artifact_uri}/{name}")
