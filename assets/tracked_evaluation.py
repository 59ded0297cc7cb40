"""A trained recipe judged on the benchmark, with the numbers in its own MLflow run; left alone when unchanged."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from assets.progress import Progress
from assets.tracked_training import local_checkpoint, read_record
from assets.tracking import Tracking
from pipelines.lake import Lake

FLOOR = "gray_copy"


def evaluate_tracked(
    recipe: str, rule: Any, *, lake: Lake, cache: Path, tracking: Tracking, on_picture: Progress
) -> tuple[Any, np.ndarray, bool]:
    """Judges the current checkpoint of a recipe. Returns the Evaluation, its grid, and whether it was there already.

    rule: a BenchmarkRule. The grid is uint8 RGB (H, W, 3): input | output | truth.
    """
    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.benchmark import evaluate, load_evaluation, save_evaluation
    from pipelines.training_set import TrainingSet

    record = read_record(lake, recipe)
    training_set = TrainingSet.open(lake, cache=cache)
    found = load_evaluation(lake, recipe)
    fingerprint = training_set.benchmark_fingerprint(rule.resolution, rule.max_pictures)
    if found and (found.benchmark_fingerprint, found.checkpoint) == (fingerprint, record.checkpoint_sha256):
        return found, found.grid, True
    colorizer = TrainedColorizer.load(local_checkpoint(lake, recipe, cache))
    result = evaluate(colorizer, training_set, rule, on_progress=on_picture)
    result = replace(
        result,
        checkpoint=record.checkpoint_sha256,
        training_set=record.training_set,
        mlflow_run_id=record.mlflow_run_id,
    )
    run = tracking.reopen(record.mlflow_run_id, tags={"benchmark": fingerprint})
    run.metrics({f"test/{name}": value for name, value in result.metrics.items()}, step=record.best_step)
    run.picture("test", result.grid, step=record.best_step)
    run.document(result.to_json(), "evaluation.json")
    run.end()
    save_evaluation(lake, result)
    return result, result.grid, False
