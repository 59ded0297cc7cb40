"""Results carried between machines: from a folder into the lake and MLflow, and from these into a folder."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import cv2

from assets.tracking.client import Tracking
from assets.tracking.log_evaluation import show_evaluation
from assets.tracking.model_card import datasheet_of
from models.recipes import PAPERS, recipe_of
from pipelines.images.decode import decode_picture
from pipelines.lake import Lake, digest_of
from pipelines.training.run_folder import (
    CHECKPOINT,
    CURVES,
    SAMPLES,
    Result,
    read_curves,
    read_results,
    write_curves,
    write_result,
)
from pipelines.training.store import TrainedRecord, checkpoint_path, read_record, record_path, write_record

IMPORTED = "imported_from"
"""The tag of a run that says on which machine it was trained."""


def import_results(folder: Path, lake: Lake, *, tracking: Tracking) -> list[tuple[str, bool]]:
    """Takes every result of a folder in: checkpoint, record, curves, samples, evaluation, each in its MLflow run.

    What is new becomes the current training of its recipe. Of what was there already, evaluations that were not are
    taken in, and what is current stays current. The leaderboard ranks those whose benchmark is the current one.

    Returns (recipe, whether it was there already).
    Raises ValueError for a folder without results, and where a checkpoint is not the one that was trained.
    """
    return [(result.recipe, _import_one(path, result, lake, tracking)) for path, result in read_results(folder)]


def _import_one(folder: Path, result: Result, lake: Lake, tracking: Tracking) -> bool:
    from models.checkpoint import load_checkpoint
    from pipelines.evaluation.evaluation import load_evaluations, save_evaluation

    key = digest_of([result.checkpoint_sha256, result.machine])[:16]
    if record_path(lake, result.recipe, key).exists():
        record = read_record(lake, result.recipe, key)
        if tracking.has(record.mlflow_run_id):
            _import_evaluations(folder, record, lake, tracking)
            return True
    data = (folder / CHECKPOINT).read_bytes()
    if sha256(data).hexdigest() != result.checkpoint_sha256:
        raise ValueError(f"{folder / CHECKPOINT}: not the checkpoint of {folder / 'result.json'}")
    recipe = recipe_of(result.recipe)
    run = tracking.start(
        recipe.name,
        parameters=result.parameters,
        tags={
            "recipe": recipe.name,
            "training_set": result.training_set,
            "commit": result.commit,
            "machine": result.machine,
            IMPORTED: result.machine,
            "mlflow.note.content": f"{recipe.title}\n\n{PAPERS[recipe.paper]}",
        },
    )
    run.document(dict(load_checkpoint(folder / CHECKPOINT).recipe), "recipe.json")
    run.document(result.datasheet, "datasheet.json")
    for step, metrics in read_curves(folder / CURVES):
        run.metrics(metrics, step=step)
    for path in sorted((folder / SAMPLES).glob("*.jpg"), key=lambda path: int(path.stem)):
        run.picture(SAMPLES, decode_picture(path.read_bytes(), name=str(path)), step=int(path.stem))
    run.file(folder / CHECKPOINT, "checkpoint")
    run.metrics({"train/seconds": result.seconds, "train/pictures_seen": result.pictures_seen}, step=result.best_step)
    run.tags({"best_step": str(result.best_step), "key": key})
    run.end()
    name = f"{key}.safetensors"
    lake.write_bytes(lake.trained(recipe.name) / name, data)
    record = TrainedRecord(
        recipe=recipe.name,
        key=key,
        checkpoint=name,
        checkpoint_sha256=result.checkpoint_sha256,
        training_set=result.training_set,
        mlflow_run_id=run.run_id,
        best_step=result.best_step,
        best_validation=result.best_validation,
        seconds=result.seconds,
        pictures_seen=result.pictures_seen,
        seed=result.seed,
        needs={},
        extractor=result.extractor,
    )
    for evaluation in load_evaluations(Lake.at(folder)):
        named = evaluation.of_run(run.run_id)
        save_evaluation(lake, named)
        show_evaluation(run, named, step=result.best_step)
    write_record(lake, record)  # last: it says that all is there
    return False


def _import_evaluations(folder: Path, record: TrainedRecord, lake: Lake, tracking: Tracking) -> None:
    """Takes evaluations of a known training in that the lake does not have."""
    from pipelines.evaluation.evaluation import find_evaluation, load_evaluations, save_evaluation

    if not record_path(lake, record.recipe).exists():
        write_record(lake, record)  # an import was interrupted between the two files
    is_current = read_record(lake, record.recipe).key == record.key
    for evaluation in load_evaluations(Lake.at(folder)):
        checkpoint, benchmark = evaluation.checkpoint_digest, evaluation.benchmark_fingerprint
        if find_evaluation(lake, evaluation.name, checkpoint=checkpoint, benchmark=benchmark) is None:
            named = evaluation.of_run(record.mlflow_run_id)
            show_evaluation(tracking.finished(record.mlflow_run_id), named, step=record.best_step)
            save_evaluation(lake, named, as_latest=is_current)  # last: it says that all is there


def export_results(recipes: Sequence[str], folder: Path, lake: Lake, *, cache: Path, tracking: Tracking) -> list[Path]:
    """Writes the current result of recipes, as `import_results` reads them. Returns their folders.

    Raises FileNotFoundError for a recipe that was never trained.
    """
    return [_export_one(read_record(lake, name), folder / name, lake, cache, tracking) for name in recipes]


def _export_one(record: TrainedRecord, folder: Path, lake: Lake, cache: Path, tracking: Tracking) -> Path:
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
            (folder / SAMPLES).mkdir(exist_ok=True)
            sample = decode_picture(Path(local).read_bytes(), name=local)
            cv2.imwrite(str(folder / SAMPLES / f"{parts[2]}.jpg"), sample[..., ::-1])
    shutil.copyfile(checkpoint_path(lake, record.recipe, record.checkpoint, cache), folder / CHECKPOINT)
    latest = lake.evaluations(record.recipe) / "latest.json"
    if latest.exists():
        from pipelines.evaluation.evaluation import load_evaluation, save_evaluation

        evaluation = load_evaluation(lake, record.recipe)
        if evaluation.checkpoint_digest == record.checkpoint_sha256:
            save_evaluation(Lake.at(folder), evaluation)
    values = {name: value for name, value in asdict(record).items() if name in Result.__dataclass_fields__}
    write_result(
        folder,
        Result(
            **values,
            datasheet=datasheet_of(record, lake, tracking),
            parameters=dict(run.data.params),
            machine=run.data.tags.get(IMPORTED) or run.data.tags["machine"],
            commit=run.data.tags["commit"],
        ),
    )
    return folder
