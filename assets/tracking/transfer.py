"""Results between machines: run folders imported into the lake and MLflow, and exported from them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copyfile
from typing import Literal

from assets.tracking.client import Tracking
from assets.tracking.log_evaluation import show_evaluation
from assets.tracking.log_training import description_tags, log_run_folder
from assets.tracking.model_card import datasheet_of
from models.old_names import current_parameter
from models.recipes import recipe_of
from pipelines.lake import Lake, digest_of
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import (
    CHECKPOINT,
    CURVES,
    SAMPLES,
    find_run_folders,
    require_recorded,
    save_record,
    write_curves,
    write_sample,
)
from pipelines.training.store import (
    checkpoint_path,
    copy_run,
    has_run_folder,
    is_trained,
    keep_run,
    read_record,
    set_current,
)

IMPORTED = "imported_from"
"""The tag of a run that names the machine on which it was trained."""

Outcome = Literal["imported", "new evaluation taken in", "already there"]
"""The effect of importing one run folder."""


def import_results(folder: Path, lake: Lake, *, tracking: Tracking) -> list[tuple[str, Outcome]]:
    """Imports every run folder of a folder: checkpoint, record, curves, samples, evaluations, each in its MLflow run.

    A new training becomes the current one of its recipe. Of a training that was imported before, new evaluations are
    taken in, and the current training stays. The leaderboard ranks those whose benchmark is the current one.

    Returns recipes and outcomes.
    Raises ValueError for a folder without results, and where a checkpoint is not that of its record.
    """
    return [
        (record.recipe, _import_one(path, record, lake, tracking)) for path, record in find_run_folders(Path(folder))
    ]


def _import_one(folder: Path, record: TrainingRecord, lake: Lake, tracking: Tracking) -> Outcome:
    from models.checkpoint import load_checkpoint
    from pipelines.evaluation.evaluation import load_evaluations, save_evaluation

    key = digest_of([record.checkpoint_sha256, record.machine])[:16]
    if is_trained(lake, record.recipe, key):
        known = read_record(lake, record.recipe, key)
        if tracking.has(known.mlflow_run_id):
            return "new evaluation taken in" if _import_evaluations(folder, known, lake, tracking) else "already there"
    require_recorded(folder / CHECKPOINT, record)
    checkpoint = load_checkpoint(folder / CHECKPOINT)  # refused before anything of it is kept
    run = tracking.start(
        record.recipe,
        digest=digest_of([key, str(lake.root)]),
        parameters=record.parameters,
        tags={
            **description_tags(recipe_of(record.recipe), record.training_set),
            "commit": record.commit,
            "machine": record.machine,
            IMPORTED: record.machine,
        },
    )
    imported = replace(record, key=key, mlflow_run_id=run.run_id, dependencies={})
    run.document(dict(checkpoint.recipe), "recipe.json")
    run.document(record.datasheet, "datasheet.json")
    log_run_folder(run, folder, imported)
    run.end()
    for evaluation in load_evaluations(Lake.at(folder)):
        named = evaluation.of_run(run.run_id)
        save_evaluation(lake, named)
        show_evaluation(run, named, step=record.best_step)
    keep_run(lake, folder, imported)  # last: it marks the import as complete
    return "imported"


def _import_evaluations(folder: Path, record: TrainingRecord, lake: Lake, tracking: Tracking) -> bool:
    """Takes in the evaluations of a known training that the lake does not have; returns True if there are any."""
    from pipelines.evaluation.evaluation import find_evaluation, load_evaluations, save_evaluation

    if not is_trained(lake, record.recipe):
        set_current(lake, record)  # an import was interrupted between the two files
    is_current = read_record(lake, record.recipe).key == record.key
    has_new = False
    for evaluation in load_evaluations(Lake.at(folder)):
        known = find_evaluation(
            lake,
            evaluation.name,
            checkpoint=evaluation.checkpoint_digest,
            benchmark=evaluation.benchmark_fingerprint,
            references=evaluation.references_fingerprint,
        )
        if known is None:
            named = evaluation.of_run(record.mlflow_run_id)
            show_evaluation(tracking.finished(record.mlflow_run_id), named, step=record.best_step)
            save_evaluation(lake, named, as_latest=is_current)  # last: it marks the evaluation as taken in
            has_new = True
    return has_new


def export_results(recipes: Sequence[str], folder: Path, lake: Lake, *, cache: Path, tracking: Tracking) -> list[Path]:
    """Writes the current training of each recipe as a run folder, with its latest evaluation; returns the folders.

    Raises FileNotFoundError for a recipe that was never trained.
    """
    return [_export_one(read_record(lake, name), folder / name, lake, cache, tracking) for name in recipes]


def _export_one(record: TrainingRecord, folder: Path, lake: Lake, cache: Path, tracking: Tracking) -> Path:
    from pipelines.evaluation.evaluation import load_evaluation, save_evaluation

    latest = lake.evaluations(record.recipe) / "latest.json"
    if latest.exists():
        evaluation = load_evaluation(lake, record.recipe)
        if evaluation.checkpoint_digest == record.checkpoint_sha256:
            save_evaluation(Lake.at(folder), evaluation)
    if has_run_folder(lake, record):
        copy_run(lake, record, folder)
    else:
        _rebuild_run_folder(record, folder, lake, cache, tracking)
    return folder


def _rebuild_run_folder(record: TrainingRecord, folder: Path, lake: Lake, cache: Path, tracking: Tracking) -> None:
    """Writes the run folder of a training of an earlier version, whose curves and samples only MLflow has."""
    from pipelines.images.decode import decode_picture

    client = tracking.client()
    run = client.get_run(record.mlflow_run_id)
    curves: dict[int, dict[str, float]] = {}
    for name in run.data.metrics:
        if name.split("/")[0] in {"train", "epoch", "val", "speed"}:
            for value in client.get_metric_history(record.mlflow_run_id, name):
                curves.setdefault(value.step, {})[name] = value.value
    folder.mkdir(parents=True, exist_ok=True)
    write_curves(folder / CURVES, curves)
    for picture in client.list_artifacts(record.mlflow_run_id, "images"):
        parts = Path(picture.path).name.split("+")
        if parts[0] == SAMPLES and picture.path.endswith(".png"):
            local = client.download_artifacts(record.mlflow_run_id, picture.path)
            write_sample(folder, int(parts[2]), decode_picture(Path(local).read_bytes(), name=local))
    copyfile(checkpoint_path(lake, record.recipe, record.key, cache), folder / CHECKPOINT)
    save_record(
        folder,
        replace(
            record,
            datasheet=datasheet_of(record, lake, tracking),
            parameters={current_parameter(name): value for name, value in run.data.params.items()},
            machine=run.data.tags.get(IMPORTED) or run.data.tags["machine"],
            commit=run.data.tags["commit"],
        ),
    )
