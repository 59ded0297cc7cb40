"""A trained recipe judged on the benchmark, with the numbers in its own MLflow run; left alone when unchanged."""

from pathlib import Path
from typing import TYPE_CHECKING

from assets.comparison import is_current
from assets.progress import Progress
from assets.tracking import Tracking
from assets.trained import local_checkpoint, read_record
from pipelines.evaluation.rule import BenchmarkRule
from pipelines.lake import Lake

if TYPE_CHECKING:
    from pipelines.evaluation.benchmark import Evaluation


def evaluate_tracked(
    recipe: str, rule: BenchmarkRule, *, lake: Lake, cache: Path, tracking: Tracking, on_picture: Progress
) -> "tuple[Evaluation, bool]":
    """Judges the current checkpoint of a recipe. Returns the result, and whether it was there already."""
    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.benchmark import evaluate, load_evaluation, save_evaluation
    from pipelines.training_set import TrainingSet

    record = read_record(lake, recipe)
    training_set = TrainingSet.open(lake, cache=cache)
    benchmark = training_set.benchmark_fingerprint(rule.resolution, rule.max_pictures)
    if (lake.evaluations(recipe) / "latest.json").exists():
        found = load_evaluation(lake, recipe)
        if is_current(found, checkpoint=record.checkpoint_sha256, benchmark=benchmark):
            return found, True
    colorizer = TrainedColorizer.load(local_checkpoint(lake, recipe, cache))
    result = evaluate(colorizer, training_set, **rule.model_dump(), on_progress=on_picture)
    path = save_evaluation(
        lake, recipe, result, checkpoint_digest=record.checkpoint_sha256, mlflow_run_id=record.mlflow_run_id
    )
    run = tracking.finished(record.mlflow_run_id)
    run.tags({"benchmark": benchmark})
    run.results({f"test/{name}": value for name, value in result.metrics.items()}, step=record.best_step)
    run.flush()
    run.picture(f"test_{benchmark[:8]}", result.grid, step=record.best_step)
    run.document(lake.read_json(path), "evaluation.json")
    return load_evaluation(lake, recipe), False
