"""The model card of a registered version: written into the lake, and as artifacts of its training's run."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from upath import UPath

from assets.tracking.client import Tracking
from assets.tracking.registry import Registry, Version
from pipelines.lake import Lake
from pipelines.training.store import TrainedRecord

if TYPE_CHECKING:
    from pipelines.evaluation.evaluation import Evaluation

SHOWN_KINDS = ("best", "median", "worst")


def card_path(lake: Lake, registry: Registry, version: Version) -> UPath:
    """Where the card of a version is, with its pictures beside it."""
    return lake.root / "cards" / f"{registry.model}-{version.number}" / "model_card.md"


def write_card(
    lake: Lake,
    registry: Registry,
    version: Version,
    record: TrainedRecord,
    evaluation: "Evaluation",
    *,
    reason: str,
    tracking: Tracking,
) -> UPath:
    """Writes the card of a version that was just decided on. Returns its path."""
    from pipelines.comparison.model_card import CardFacts, model_card
    from pipelines.evaluation.baselines import BASELINES, ORACLES
    from pipelines.evaluation.evaluation import load_evaluations
    from pipelines.evaluation.gallery import gallery_grid
    from pipelines.images.sheets import to_png

    baselines = {
        one.name: one.rows
        for one in load_evaluations(lake)
        if one.name in BASELINES[evaluation.track]
        and one.name not in ORACLES
        and one.benchmark_fingerprint == evaluation.benchmark_fingerprint
    }
    run = tracking.client().get_run(record.mlflow_run_id)
    shown = {kind: rows for kind, rows in evaluation.gallery.groupby("kind") if kind in SHOWN_KINDS}
    files = {f"{kind}.png": to_png(gallery_grid(rows, evaluation.name)) for kind, rows in shown.items()}
    facts = CardFacts(
        version=version.number,
        evaluation=evaluation,
        recipe=recipe_as_trained(record, tracking),
        budget={
            "seconds": record.seconds,
            "pictures_seen": record.pictures_seen,
            "best_step": record.best_step,
            "seed": record.seed,
            **{name: run.data.params[name] for name in ("batch", "precision", "device") if name in run.data.params},
        },
        datasheet=datasheet_of(record, lake, tracking),
        learned_from=record.training_set,
        baselines=baselines,
        reason=reason,
        pictures={f"{kind}: input, output, truth": f"{kind}.png" for kind in shown},
    )
    files["model_card.md"] = model_card(facts).encode()
    path = card_path(lake, registry, version)
    with TemporaryDirectory() as folder:
        for name, data in files.items():
            lake.write_bytes(path.parent / name, data)
            (Path(folder) / name).write_bytes(data)
        tracking.finished(record.mlflow_run_id).folder(Path(folder), "card")
    return path


def recipe_as_trained(record: TrainedRecord, tracking: Tracking) -> dict[str, Any]:
    """The recipe of a training, at the size that it was trained at, as its run keeps it."""
    return _kept_by_run(record, "recipe.json", tracking)


def datasheet_of(record: TrainedRecord, lake: Lake, tracking: Tracking) -> dict[str, Any]:
    """Of the training set that a training learned from: the lake's, else as the run of an imported training keeps it.

    Raises FileNotFoundError where neither has it.
    """
    path = lake.root / "training_sets" / f"{record.training_set}.json"
    return lake.read_json(path)["datasheet"] if path.exists() else _kept_by_run(record, "datasheet.json", tracking)


def _kept_by_run(record: TrainedRecord, name: str, tracking: Tracking) -> dict[str, Any]:
    from mlflow.artifacts import load_dict

    client = tracking.client()
    if name not in {file.path for file in client.list_artifacts(record.mlflow_run_id)}:
        raise FileNotFoundError(
            f"{record.recipe}: its MLflow run {record.mlflow_run_id} keeps no {name}, without which there is no model "
            f"card (training set {record.training_set[:12]}): train {record.recipe} again"
        )
    return load_dict(f"{client.get_run(record.mlflow_run_id).info.artifact_uri}/{name}")
