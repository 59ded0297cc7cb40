"""A training with its MLflow run: found again after a kill, and left alone when nothing changed.

The key of a training is the digest of all that it hangs on: code version, recipe, rule, training set, the
checkpoints of the trainings that it needs, the file of its feature extractor. So what is trained anew has all
that hangs on it trained anew, when that is asked for.
"""

import json
import platform
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import dagster as dg

from assets.home import code_version
from assets.tracking.client import TrackedRun, Tracking
from models.old_names import with_earlier_names
from models.recipes import PAPERS, Recipe
from pipelines.lake import Lake, digest_of
from pipelines.training.dependencies import Dependencies, find_dependencies
from pipelines.training.lock import die_with_parent, only_trainer
from pipelines.training.params import EXCLUDED_FROM_KEY, TrainingParams
from pipelines.training.store import TrainedRecord, read_record, record_path, write_record


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
) -> tuple[TrainedRecord, bool]:
    """Trains a recipe on the current training set, or finds that it was done. Returns the record, and whether it was.

    extractors: the folder of feature extractors' files.
    tags: what links the MLflow run back to Dagster.
    Raises FileNotFoundError for a training or an extractor's file that it needs and that is not there.
    """
    from pipelines.images.sheets import side_by_side
    from pipelines.training.loop import TrainingResult, train
    from pipelines.training_set import TrainingSet

    training_set = TrainingSet.open(lake, cache=cache)
    needs = find_dependencies(recipe, params, lake=lake, cache=cache, extractors=extractors)
    key = digest_of(
        [
            TrainingParams.code_version,
            with_earlier_names(recipe.to_json()),
            params.model_dump(mode="json", exclude=EXCLUDED_FROM_KEY),
            training_set.fingerprint,
            needs.extractor,
            needs.digests,
        ]
    )[:16]
    if record_path(lake, recipe.name, key).exists():
        record = read_record(lake, recipe.name, key)
        if tracking.has(record.mlflow_run_id):
            write_record(lake, record)
            return record, True

    work = cache / "training" / f"{recipe.name}-{key}"
    with only_trainer(work):
        die_with_parent()
        resolution = params.resolution or recipe.resolution
        pairs = {
            split: training_set.pairs(split, variant=recipe.arrays, resolution=resolution) for split in ("train", "val")
        }
        run = _open_run(
            recipe,
            params,
            needs,
            work=work,
            tracking=tracking,
            tags={**tags, "recipe": recipe.name, "training_set": training_set.fingerprint, "commit": code_version()},
            pictures={split: len(found) for split, found in pairs.items()},
        )
        tracking.log_training_set(
            run.run_id,
            name="training_set",
            fingerprint=training_set.fingerprint,
            source=str(lake.training_set),
            profile=json.dumps({"pictures": training_set.datasheet["pictures"]}),
        )
        trained: TrainingResult | None = None
        try:
            for fact in train(
                recipe,
                pairs["train"],
                pairs["val"],
                params=params,
                fingerprint=training_set.fingerprint,
                dependencies=needs.files,
                work=work,
                before_saving=run.flush,
            ):
                if isinstance(fact, TrainingResult):
                    trained = fact
                    break  # its state stays until the result is stored below
                run.metrics(dict(fact.metrics), step=fact.number)
                if fact.samples is not None:
                    run.picture("samples", side_by_side(fact.samples, side=resolution), step=fact.number)
                    run.flush()
                on_step(fact.number, round(fact.number / fact.done))
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
            run.end("KILLED")
            raise
        except Exception:
            run.end("FAILED")
            raise
        assert trained is not None
        data = trained.checkpoint.read_bytes()
        name = f"{key}.safetensors"
        lake.write_bytes(lake.trained(recipe.name) / name, data)
        run.file(trained.checkpoint, "checkpoint")
        run.metrics(
            {"train/seconds": trained.seconds, "train/pictures_seen": trained.pictures_seen}, step=trained.best_step
        )
        run.tags({"best_step": str(trained.best_step), "key": key})
        run.end()
        record = TrainedRecord(
            recipe=recipe.name,
            key=key,
            checkpoint=name,
            checkpoint_sha256=sha256(data).hexdigest(),
            training_set=training_set.fingerprint,
            mlflow_run_id=run.run_id,
            best_step=trained.best_step,
            best_validation=trained.best_validation,
            seconds=trained.seconds,
            pictures_seen=trained.pictures_seen,
            seed=params.seed,
            needs={role: needed.mlflow_run_id for role, needed in needs.records.items()},
            extractor=needs.extractor,
        )
        write_record(lake, record)
        for leftover in sorted(work.iterdir()):
            leftover.unlink()
    return record, False


def _open_run(
    recipe: Recipe,
    params: TrainingParams,
    needs: Dependencies,
    *,
    work: Path,
    tracking: Tracking,
    tags: dict[str, str],
    pictures: Mapping[str, int],
) -> TrackedRun:
    """The MLflow run of a training: the one that an interrupted part of it began, or a new one."""
    folder = Lake.at(work)
    remembered = folder.root / "mlflow_run.json"
    run_id = folder.read_json(remembered)["run_id"] if remembered.exists() else ""
    if run_id and tracking.has(run_id):
        return tracking.reopen(run_id, tags=tags)
    sized = recipe.resized(resolution=params.resolution, width=params.width)
    run = tracking.start(
        recipe.name,
        parameters={
            **params.parameters(recipe),
            **{f"pictures_{split}": count for split, count in pictures.items()},
        },
        tags={
            **tags,
            **{f"needs.{role}": record.mlflow_run_id for role, record in needs.records.items()},
            **({"extractor": needs.extractor} if needs.extractor else {}),
            "mlflow.note.content": f"{recipe.title}\n\n{PAPERS[recipe.paper]}",
            "machine": f"{platform.machine()} {platform.python_version()}",
        },
    )
    run.document(sized.to_json(), "recipe.json")
    folder.write_json(remembered, {"run_id": run.run_id})
    return run
