"""The evaluation of a trained recipe, with its numbers in the recipe's own MLflow run; left alone when unchanged."""

from pathlib import Path
from typing import TYPE_CHECKING

from assets.tracking.client import TrackedRun, Tracking
from models.recipes import recipe_of
from pipelines.evaluation.context import EvaluationContext
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake
from pipelines.progress import Progress
from pipelines.training.store import current_checkpoint, read_record

if TYPE_CHECKING:
    from pipelines.evaluation.evaluation import Evaluation


def log_evaluation(
    recipe: str,
    params: BenchmarkParams,
    *,
    lake: Lake,
    cache: Path,
    weights: Path,
    tracking: Tracking,
    on_picture: Progress,
) -> "tuple[Evaluation, bool]":
    """Evaluates the current checkpoint of a recipe, and logs the result. Returns it, and whether it was there already.

    weights: The folder of feature extractors' files.
    """
    from pipelines.colorize.load import load_colorizer
    from pipelines.evaluation.evaluation import find_evaluation, save_evaluation, set_latest
    from pipelines.evaluation.tracks import track_of

    record = read_record(lake, recipe)
    context = EvaluationContext(lake, params, cache, weights)
    benchmark = context.benchmark(track_of(recipe_of(recipe).variant))
    run = tracking.finished(record.mlflow_run_id)
    found = find_evaluation(lake, recipe, checkpoint=record.checkpoint_sha256, benchmark=benchmark)
    if found is not None:
        set_latest(lake, found)  # the benchmark may have changed there and back
        is_shown = run.tag("benchmark") == benchmark
        if not is_shown:
            show_evaluation(run, found, step=record.best_step)
        return found, is_shown
    checkpoint = current_checkpoint(lake, recipe, cache)
    result = context.evaluate(
        load_colorizer(checkpoint),
        unpaired=context.unpaired(),
        costs={
            "training_seconds": record.seconds,
            "pictures_seen": record.pictures_seen,
            **context.peak_memory(checkpoint),
        },
        checkpoint_digest=record.checkpoint_sha256,
        mlflow_run_id=record.mlflow_run_id,
        on_progress=on_picture,
    )
    save_evaluation(lake, result)
    show_evaluation(run, result, step=record.best_step)
    return result, False


def show_evaluation(run: TrackedRun, result: "Evaluation", *, step: int) -> None:
    """Puts an evaluation into an MLflow run, at the step of the checkpoint.

    Numbers are metrics `test/...`, curves over hints metrics `hints/...` whose step is the number of hints; tables
    are artifacts; the grid and each kind of the gallery are pictures.
    """
    from pipelines.evaluation.gallery import gallery_grid

    run.results({f"test/{name}": value for name, value in result.numbers().items()}, step=step)
    run.table(result.rows, "evaluation/per_picture.parquet")
    for name, table in (("styles", result.styles), ("sets", result.sets), ("cost", result.cost)):
        run.document(dict(table), f"evaluation/{name}.json")
    for count, metrics in result.curve.items() if result.has_hints else ():
        run.results({f"hints/{name}": value for name, value in metrics.items() if value == value}, step=count)
    run.flush()
    benchmark = result.benchmark_fingerprint[:8]
    run.picture(f"test_{benchmark}", result.grid, step=step)
    for kind, rows in result.gallery.groupby("kind", sort=False):
        run.picture(f"{kind}_{benchmark}", gallery_grid(rows, result.name), step=step)
    # Last: from now on all of it is there.
    run.tags({"track": result.track, "benchmark": result.benchmark_fingerprint})
