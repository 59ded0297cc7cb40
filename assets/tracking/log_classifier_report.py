"""The report on a trained title classifier, in its MLflow run, and kept beside its checkpoint."""

from pathlib import Path
from typing import cast

import numpy as np

from assets.tracking.client import Tracking
from models.recipes import recipe_of
from pipelines.lake import Lake
from pipelines.training.store import TrainedRecord, checkpoint_path

PICTURES = ("confusion", "activations")


def log_classifier_report(
    record: TrainedRecord, *, lake: Lake, cache: Path, tracking: Tracking
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Numbers and pictures (uint8 RGB) on the validation split, by name; made once for each checkpoint.

    What they say: `pipelines.training.classifier_report.ClassifierReport`.
    """
    from pipelines.images.decode import decode_picture
    from pipelines.images.sheets import to_png

    numbers = lake.trained(record.recipe) / f"{record.key}_report.json"
    shown = {name: lake.trained(record.recipe) / f"{record.key}_{name}.png" for name in PICTURES}
    if not numbers.exists():
        metrics, found = _report(record, lake, cache)
        run = tracking.finished(record.mlflow_run_id)
        run.results({f"report/{name}": value for name, value in metrics.items()}, step=record.best_step)
        run.flush()
        for name, picture in found.items():
            run.picture(name, picture, step=record.best_step)
            lake.write_bytes(shown[name], to_png(picture))
        lake.write_json(numbers, metrics)  # last: it says that all is there
    pictures = {name: decode_picture(path.read_bytes(), name=path.name) for name, path in shown.items()}
    return lake.read_json(numbers), pictures


def _report(record: TrainedRecord, lake: Lake, cache: Path) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    from models.checkpoint import load_checkpoint
    from models.classifiers.network import TitleNetwork
    from pipelines.training.classifier_report import report_on
    from pipelines.training_set import TrainingSet

    checkpoint = load_checkpoint(checkpoint_path(lake, record.recipe, record.checkpoint, cache))
    training_set = TrainingSet.open(lake, record.training_set, cache=cache)
    pairs = training_set.pairs("val", recipe_of(record.recipe).arrays, checkpoint.resolution)
    report = report_on(cast(TitleNetwork, checkpoint.trained()), pairs)
    return report.metrics, {"confusion": report.confusion_picture(), "activations": report.activations}
