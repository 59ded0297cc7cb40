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
    import numpy as np

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
    from pipelines.evaluation.evaluation import save_evaluation, set_latest
    from pipelines.evaluation.tracks import track_of

    record = read_record(lake, recipe)
    context = EvaluationContext(lake, params, cache, weights)
    run = tracking.finished(record.mlflow_run_id)
    found = context.find(recipe, checkpoint=record.checkpoint_sha256, track=track_of(recipe_of(recipe).variant))
    if found is not None:
        looked_at = context.with_learned(found, record)
        if looked_at is not found and looked_at.learned is not None:  # an earlier version did not look
            save_evaluation(lake, looked_at)
        found = looked_at
        set_latest(lake, found)  # the benchmark may have changed there and back
        is_shown = (run.tag("benchmark"), run.tag("references")) == (
            found.benchmark_fingerprint,
            found.references_fingerprint,
        )
        if not is_shown:
            show_evaluation(run, found, step=record.best_step)
        elif found.learned is not None:  # an earlier version did not show that
            run.metrics({"test/learned_test_pictures": len(found.learned)}, step=record.best_step)
            run.flush()
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
    result = context.with_learned(result, record)
    save_evaluation(lake, result)
    show_evaluation(run, result, step=record.best_step)
    return result, False


def show_evaluation(run: TrackedRun, result: "Evaluation", *, step: int) -> None:
    """Puts an evaluation into an MLflow run, at the step of the checkpoint.

    Numbers are metrics `test/...`, curves over hints metrics `hints/...` whose step is the number of hints (with
    references of the same issue `hints_same_issue/...`); tables are artifacts; the grid and each kind of the gallery
    are pictures, with references beside them where the colorizer tells its sources.
    """
    from pipelines.evaluation.gallery import gallery_grid
    from pipelines.evaluation.previews import reference_sheets
    from pipelines.evaluation.sources import sources_table

    run.results({f"test/{name}": value for name, value in result.numbers().items()}, step=step)
    run.table(result.rows, "evaluation/per_picture.parquet")
    for name, table in (("styles", result.styles), ("sets", result.sets), ("cost", result.cost)):
        run.document(dict(table), f"evaluation/{name}.json")
    if len(result.sources):
        run.table(sources_table(result.sources), "evaluation/sources.parquet")
    with_references = result.under("same_issue", result.measured_in("same_issue"))
    for family, shown in (("hints", result), ("hints_same_issue", with_references)):
        for count, metrics in shown.curve.items() if shown.has_hints else ():
            run.results({f"{family}/{name}": value for name, value in metrics.items() if value == value}, step=count)
    run.flush()
    benchmark = result.benchmark_fingerprint[:8]
    run.picture(f"test_{benchmark}", result.grid, step=step)
    sheets: dict[str, np.ndarray] = {**reference_sheets(result)}
    for kind, rows in result.gallery.groupby("kind", sort=False):
        sheet = sheets.get(str(kind))
        run.picture(f"{kind}_{benchmark}", gallery_grid(rows, result.name) if sheet is None else sheet, step=step)
    # Last: from now on all of it is there.
    references = {"references": result.references_fingerprint} if result.references_fingerprint else {}
    run.tags({"track": result.track, "benchmark": result.benchmark_fingerprint, **references})
