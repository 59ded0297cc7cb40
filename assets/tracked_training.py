"""A training with its MLflow run: found again after a kill, and left alone when nothing changed.

In the lake, `colorizers/<recipe>/<key>.safetensors` is the checkpoint of one training and `<key>.json` its record,
where the key is the digest of code version, recipe, rule and training-set fingerprint; `current.json` is the record of
the one that counts.
"""

import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import dagster as dg
from upath import UPath

from assets.home import code_version
from assets.single_trainer import die_with_parent, only_trainer
from assets.tracking import Tracking
from pipelines.lake import Lake, digest_of, written_aside
from pipelines.pictures import side_by_side
from pipelines.recipes import PAPERS, Recipe
from pipelines.training_rule import CODE_VERSION, TrainingRule


@dataclass(frozen=True)
class TrainedColorizerRecord:
    """What `current.json` holds: which checkpoint of a recipe counts, and where it came from."""

    recipe: str
    key: str
    checkpoint: str  # file name in the recipe's folder
    checkpoint_sha256: str
    training_set: str  # fingerprint
    mlflow_run_id: str
    best_step: int
    best_validation: float
    seconds: float
    pictures_seen: int
    seed: int


def _current(lake: Lake, recipe: str) -> UPath:
    return lake.colorizers(recipe) / "current.json"


def read_record(lake: Lake, recipe: str) -> TrainedColorizerRecord:
    """The current training of a recipe. Raises FileNotFoundError that says how to train it."""
    path = _current(lake, recipe)
    if not path.exists():
        raise FileNotFoundError(f"{recipe} has not been trained yet: materialize `colorizer` (tintoon run colorizer)")
    return TrainedColorizerRecord(**lake.read_json(path))


def local_checkpoint(lake: Lake, recipe: str, cache: Path) -> Path:
    """A local path of a recipe's current checkpoint."""
    return checkpoint_path(lake, recipe, read_record(lake, recipe).checkpoint, cache)


def checkpoint_path(lake: Lake, recipe: str, name: str, cache: Path) -> Path:
    """A local path of a checkpoint: its own, or, when the lake is remote, a copy below `cache`."""
    path = lake.colorizers(recipe) / name
    if isinstance(path, Path):
        return Path(path)
    copy = cache / "checkpoints" / name
    if not copy.exists():
        with written_aside(copy) as aside:
            aside.write_bytes(path.read_bytes())
    return copy


def train_tracked(
    recipe: Recipe,
    rule: TrainingRule,
    *,
    lake: Lake,
    cache: Path,
    tracking: Tracking,
    tags: dict[str, str],
    on_step: Callable[[int, int], None],
) -> tuple[TrainedColorizerRecord, bool]:
    """Trains a recipe on the current training set, or finds that it was done. Returns the record, and whether it was.

    tags: what links the MLflow run back to Dagster.
    """
    from pipelines.training import Trained, train
    from pipelines.training_set import TrainingSet

    training_set = TrainingSet.open(lake, cache=cache)
    key = digest_of([CODE_VERSION, recipe.to_json(), rule.model_dump(mode="json"), training_set.fingerprint])[:16]
    found = lake.colorizers(recipe.name) / f"{key}.json"
    if found.exists():
        record = TrainedColorizerRecord(**lake.read_json(found))
        if tracking.has(record.mlflow_run_id):
            lake.write_json(_current(lake, recipe.name), asdict(record))
            return record, True

    work = cache / "training" / f"{recipe.name}-{key}"
    with only_trainer(work):
        die_with_parent()
        sized = recipe.sized(resolution=rule.resolution, width=rule.width)
        pairs = {
            split: training_set.pairs(split, variant=recipe.variant, resolution=sized.resolution)
            for split in ("train", "val")
        }
        run_file = Lake.at(work)
        remembered = run_file.root / "mlflow_run.json"
        run_id = run_file.read_json(remembered)["run_id"] if remembered.exists() else ""
        tags = {**tags, "recipe": recipe.name, "training_set": training_set.fingerprint, "commit": code_version()}
        if run_id and tracking.has(run_id):
            run = tracking.reopen(run_id, tags=tags)
        else:
            run = tracking.start(
                recipe.name,
                parameters={
                    **{
                        name: getattr(sized, name)
                        for name in ("variant", "color_space", "resolution", "batch", "steps")
                    },
                    **rule.model_dump(mode="json", exclude_none=True),
                    "pictures_train": len(pairs["train"]),
                    "pictures_val": len(pairs["val"]),
                },
                tags={
                    **tags,
                    "mlflow.note.content": f"{recipe.title}\n\n{PAPERS[recipe.paper]}",
                    "machine": f"{platform.machine()} {platform.python_version()}",
                },
            )
            run.document(sized.to_json(), "recipe.json")
            run_file.write_json(remembered, {"run_id": run.run_id})
            tracking.log_training_set(
                run.run_id,
                name="training_set",
                fingerprint=training_set.fingerprint,
                source=str(lake.training_set),
                profile=json.dumps({"pictures": training_set.datasheet["pictures"]}),
            )
        steps = rule.steps or recipe.steps
        trained: Trained | None = None
        try:
            for fact in train(
                recipe,
                pairs["train"],
                pairs["val"],
                rule=rule,
                fingerprint=training_set.fingerprint,
                work=work,
                before_saving=run.flush,
            ):
                if isinstance(fact, Trained):
                    trained = fact
                    break  # its state stays until the result is stored below
                run.metrics(dict(fact.metrics), step=fact.number)
                if fact.samples is not None:
                    run.picture("samples", side_by_side(fact.samples), step=fact.number)
                    run.flush()
                on_step(fact.number, steps)
        except (dg.DagsterExecutionInterruptedError, KeyboardInterrupt):
            run.end("KILLED")
            raise
        except Exception:
            run.end("FAILED")
            raise
        assert trained is not None
        data = trained.checkpoint.read_bytes()
        name = f"{key}.safetensors"
        lake.write_bytes(lake.colorizers(recipe.name) / name, data)
        run.file(trained.checkpoint, "checkpoint")
        run.metrics(
            {"train/seconds": trained.seconds, "train/pictures_seen": trained.pictures_seen}, step=trained.best_step
        )
        run.tags({"best_step": str(trained.best_step), "key": key})
        run.end()
        record = TrainedColorizerRecord(
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
            seed=rule.seed,
        )
        for path in (found, _current(lake, recipe.name)):
            lake.write_json(path, asdict(record))
        for leftover in sorted(work.iterdir()):
            leftover.unlink()
    return record, False
