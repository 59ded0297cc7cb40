"""The report on a trained title classifier, in its MLflow run and in its run folder."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from assets.tracking.client import Tracking
from models.recipes import recipe_of
from pipelines.lake import Lake
from pipelines.training.record import TrainingRecord
from pipelines.training.store import checkpoint_path

if TYPE_CHECKING:
    import numpy as np

PICTURES = ("confusion", "activations")


def log_classifier_report(
    record: TrainingRecord, *, lake: Lake, cache: Path, tracking: Tracking
) -> tuple[dict[str, float], "dict[str, np.ndarray]"]:
    """Numbers and pictures (uint8 RGB) on the validation split, by name; made once for each checkpoint.

    Pictures that were removed, with a training set that was dropped, are left out.
    `pipelines.training.classifier_report.ClassifierReport` describes them.
    """
    from pipelines.images.decode import decode_picture
    from pipelines.images.sheets import to_png

    folder = lake.trained(record.recipe) / record.key / "report"
    numbers = folder / "report.json"
    shown = {name: folder / f"{name}.png" for name in PICTURES}
    if not numbers.exists():
        metrics, found = _report(record, lake, cache)
        run = tracking.finished(record.mlflow_run_id)
        run.results({f"report/{name}": value for name, value in metrics.items()}, step=record.best_step)
        run.flush()
        for name, picture in found.items():
            run.picture(name, picture, step=record.best_step)
            lake.write_bytes(shown[name], to_png(picture))
        lake.write_json(numbers, metrics)  # last: it marks the report as complete
    there = {name: path for name, path in shown.items() if path.exists()}
    pictures = {name: decode_picture(path.read_bytes(), name=path.name) for name, path in there.items()}
    return lake.read_json(numbers), pictures


def _report(record: TrainingRecord, lake: Lake, cache: Path) -> tuple[dict[str, float], "dict[str, np.ndarray]"]:
    from models.checkpoint import load_checkpoint
    from models.classifiers.network import TitleNetwork
    from pipelines.training.classifier_report import report_on
    from pipelines.training_set import TrainingSet

    checkpoint = load_checkpoint(checkpoint_path(lake, record.recipe, record.key, cache))
    training_set = TrainingSet.open(lake, record.training_set, cache=cache)
    pairs = training_set.pairs("val", recipe_of(record.recipe).arrays, checkpoint.resolution)
    report = report_on(cast(TitleNetwork, checkpoint.trained()), pairs)
    return report.metrics, {"confusion": report.confusion_picture(), "activations": report.activations}
