"""Trainings with their MLflow runs: found again after a kill, and left alone where nothing changed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING
from uuid import uuid4

import dagster as dg

from assets.home import commit
from assets.tracking.client import TrackedRun, Tracking
from models.recipes import PAPERS, Recipe
from pipelines.lake import Lake
from pipelines.training.dependencies import trained_in
from pipelines.training.lock import die_with_parent, only_trainer
from pipelines.training.params import TrainingParams, command_on_several
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import CHECKPOINT, CURVES, SAMPLES, UNDER_WAY, read_curves, read_samples
from pipelines.training.store import is_trained, keep_run, read_record, set_current
from pipelines.training.workflow import PlannedTraining, machine, plan_training

if TYPE_CHECKING:
    from pipelines.training.loop import StepResult


def log_training(
    recipe: Recipe,
    params: TrainingParams,
    *,
    lake: Lake,
    cache: Path,
    extractors: Path,
    tracking: Tracking,
    tags: dict[str, str],
    on_step: Callable[[int, int], None],
) -> tuple[TrainingRecord, bool]:
    """Trains a recipe on the current training set, in an MLflow run, or finds that this was done before.

    Returns the record, and True where the training was there already.

    Args:
        recipe: What to train.
        params: How to train it.
        lake: Holds the training set and the trainings to build on; keeps the result.
        cache: A local folder; an unfinished training lies below it.
        extractors: The folder of feature extractors' files.
        tracking: The MLflow store.
        tags: Links from the MLflow run back to Dagster.
        on_step: Called after each step with its number and the expected number of steps.

    Raises FileNotFoundError where a training to build on, or an extractor's file, is missing; TrainingError for more
    than one device.
    """
    from pipelines.training_set import TrainingSet

    training_set = TrainingSet.open(lake, cache=cache)
    training = plan_training(recipe, params, training_set, find_training=trained_in(lake, cache), extractors=extractors)
    if is_trained(lake, recipe.name, training.key):
        record = read_record(lake, recipe.name, training.key)
        if tracking.has(record.mlflow_run_id):
            set_current(lake, record)
            return record, True
    if params.devices > 1:
        from pipelines.training.state import TrainingError

        # A run of Dagster is one process. Several, under torchrun, would wait for each other in the pool.
        raise TrainingError(
            f"{recipe.name}: devices is {params.devices}, but Dagster trains in one process: set devices to 1, or "
            f"start `{command_on_several(recipe.name, params.devices)}`, then `tintoon results import OUT`"
        )
    work = cache / "training" / f"{recipe.name}-{training.key}"
    with only_trainer(work):
        die_with_parent()
        revision = commit()
        run = _open_run(training, work, tracking, {**tags, "commit": revision})
        tracking.log_training_set(
            run.run_id,
            name="training_set",
            fingerprint=training_set.fingerprint,
            source=str(lake.training_set),
            profile=json.dumps({"pictures": training_set.datasheet["pictures"]}),
        )

        def log(result: "StepResult") -> None:
            run.metrics(dict(result.metrics), step=result.number)
            if result.samples is not None:
                run.picture(SAMPLES, result.samples, step=result.number)
                run.flush()
            on_step(result.number, round(result.number / result.done))

        try:
            record = training.run(work, commit=revision, on_step=log, before_saving=run.flush)
            log_run_folder(run, work, record)
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
            run.end("KILLED")
            raise
        except Exception:
            run.end("FAILED")
            raise
        run.end()
        record = replace(record, mlflow_run_id=run.run_id)
        keep_run(lake, work, record)
        _empty(work)
    return record, False


def log_run_folder(run: TrackedRun, folder: Path, record: TrainingRecord) -> None:
    """Logs a finished run folder: curves, samples, checkpoint, totals. What the run has already is left out."""
    _log_curves(run, folder)
    run.file(folder / CHECKPOINT, "checkpoint")
    run.metrics({"train/seconds": record.seconds, "train/pictures_seen": record.pictures_seen}, step=record.best_step)
    run.tags({"best_step": str(record.best_step), "key": record.key})


def description_tags(recipe: Recipe, training_set: str) -> dict[str, str]:
    """The tags of a training's run that say what was trained on what; `training_set` is a fingerprint."""
    return {
        "recipe": recipe.name,
        "training_set": training_set,
        "mlflow.note.content": f"{recipe.title}\n\n{PAPERS[recipe.paper]}",
    }


def _open_run(training: PlannedTraining, work: Path, tracking: Tracking, tags: dict[str, str]) -> TrackedRun:
    """The MLflow run of a training: the one that an interrupted part of it began, or a new one."""
    folder = Lake.at(work)
    remembered = folder.root / UNDER_WAY
    known = folder.read_json(remembered) if remembered.exists() else {}
    fingerprint = training.training_set.fingerprint
    tags = {**tags, **description_tags(training.recipe, fingerprint)}
    if "run_id" in known and tracking.has(known["run_id"]):  # begun by an earlier version
        return tracking.reopen(known["run_id"], tags=tags)
    if "attempt" not in known:  # before the run is made: a kill between the two would leave it alone
        known = {"attempt": uuid4().hex, "training_set": fingerprint}
        folder.write_json(remembered, known)
    dependencies = training.dependencies
    run = tracking.start(
        training.recipe.name,
        digest=known["attempt"],
        parameters=training.parameters,
        tags={
            **tags,
            **{f"needs.{role}": record.mlflow_run_id for role, record in dependencies.records.items()},
            **({"extractor": dependencies.extractor} if dependencies.extractor else {}),
            "machine": machine(),
        },
    )
    sized = training.recipe.resized(resolution=training.params.resolution, width=training.params.width)
    run.document(sized.to_json(), "recipe.json")
    _log_curves(run, work)  # an interrupted part whose run was deleted left some
    return run


def _log_curves(run: TrackedRun, folder: Path) -> None:
    """Logs the points and samples of a run folder that the run does not have."""
    if (folder / CURVES).exists():
        for step, metrics in read_curves(folder / CURVES):
            run.metrics(metrics, step=step)
    for step, picture in read_samples(folder):
        run.picture(SAMPLES, picture, step=step)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            rmtree(path)
        else:
            path.unlink()
