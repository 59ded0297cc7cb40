"""The trainings of a lake: their run folders, and which one is the current one of its recipe.

    trained/<recipe>/<key>/...       the folder of one training: see `pipelines.training.run_folder`
    trained/<recipe>/current.json    {"key": ...}: the training that counts

Earlier versions kept `<key>.safetensors` and `<key>.json` in the recipe's folder, and the whole record of the current
training in `current.json`. Both are read.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from models.weights_file import CheckpointError
from pipelines.lake import Lake, atomic_write
from pipelines.training.record import TrainingRecord, record_from_json
from pipelines.training.registry import trained_by
from pipelines.training.run_folder import CHECKPOINT, CURVES, RECORD, SAMPLES, require_recorded, save_record

if TYPE_CHECKING:
    from upath import UPath

_EARLIER_SUFFIX = ".safetensors"
"""Registered versions of earlier versions name a file of this suffix in place of a key."""


class NotTrainedError(FileNotFoundError):
    """A recipe was not trained in this lake. The message says how to train it."""


def is_trained(lake: Lake, recipe: str, key: str | None = None) -> bool:
    """True where the lake holds a training of a recipe: the one of a key, or a current one."""
    return (_record_file(lake, recipe, key) if key else _current_file(lake, recipe)).exists()


def read_record(lake: Lake, recipe: str, key: str | None = None) -> TrainingRecord:
    """The record of a training by its key, or of the current one. Raises NotTrainedError."""
    if not is_trained(lake, recipe, key):
        asset, partition = trained_by(recipe)
        place = f"{asset}[{partition}]" if partition else asset
        remedy = f"materialize {place} (tintoon run {asset} --recipe {recipe})"
        raise NotTrainedError(f"{recipe} has not been trained yet: {remedy}")
    path = _record_file(lake, recipe, key or lake.read_json(_current_file(lake, recipe))["key"])
    return record_from_json(lake.read_json(path), name=str(path))


def keep_run(lake: Lake, folder: Path, record: TrainingRecord) -> None:
    """Copies the folder of a finished training into the lake, with this record, as the current one of its recipe.

    Raises CheckpointError where its checkpoint is not the one of the record.
    """
    require_recorded(folder / CHECKPOINT, record)
    kept = lake.trained(record.recipe) / record.key
    names = [CHECKPOINT, CURVES, *(f"{SAMPLES}/{path.name}" for path in sorted((folder / SAMPLES).glob("*.jpg")))]
    for name in names:
        if (folder / name).exists():
            lake.write_bytes(kept / name, (folder / name).read_bytes())
    lake.write_json(kept / RECORD, vars(record))  # last: it marks the folder as finished
    set_current(lake, record)


def set_current(lake: Lake, record: TrainingRecord) -> None:
    """Makes a kept training the current one of its recipe."""
    lake.write_json(_current_file(lake, record.recipe), {"key": record.key})


def has_run_folder(lake: Lake, record: TrainingRecord) -> bool:
    """False for a training of an earlier version, of which the lake holds checkpoint and record alone."""
    return (lake.trained(record.recipe) / record.key / RECORD).exists()


def copy_run(lake: Lake, record: TrainingRecord, folder: Path) -> None:
    """Copies the folder of a kept training out of the lake.

    Raises CheckpointError where its checkpoint is not the one of the record.
    """
    kept = lake.trained(record.recipe) / record.key
    for path in [kept / CHECKPOINT, kept / CURVES, *(kept / SAMPLES).glob("*.jpg")]:
        if path.exists():
            copy = folder / SAMPLES / path.name if path.suffix == ".jpg" else folder / path.name
            with atomic_write(copy) as temporary:
                temporary.write_bytes(path.read_bytes())
    require_recorded(folder / CHECKPOINT, record)
    save_record(folder, record)


def current_checkpoint(lake: Lake, recipe: str, cache: Path) -> Path:
    """A local path of a recipe's current checkpoint. Raises NotTrainedError."""
    return checkpoint_path(lake, recipe, read_record(lake, recipe).key, cache)


def checkpoint_path(lake: Lake, recipe: str, key: str, cache: Path) -> Path:
    """A local path of the checkpoint of a training: its own, or, where the lake is remote, a copy below `cache`.

    Raises CheckpointError where it is not the checkpoint that was recorded.
    """
    key = key.removesuffix(_EARLIER_SUFFIX)
    path = lake.trained(recipe) / key / CHECKPOINT
    if not path.exists():
        path = lake.trained(recipe) / f"{key}{_EARLIER_SUFFIX}"
    record = read_record(lake, recipe, key)
    if isinstance(path, Path):
        require_recorded(Path(path), record)
        return Path(path)
    copy = cache / "checkpoints" / f"{key}.safetensors"
    try:
        require_recorded(copy, record)
    except (FileNotFoundError, CheckpointError):  # no copy yet, or a spoilt one
        with atomic_write(copy) as temporary:
            temporary.write_bytes(path.read_bytes())
        require_recorded(copy, record)
    return copy


def _current_file(lake: Lake, recipe: str) -> "UPath":
    return lake.trained(recipe) / "current.json"


def _record_file(lake: Lake, recipe: str, key: str) -> "UPath":
    key = key.removesuffix(_EARLIER_SUFFIX)
    path = lake.trained(recipe) / key / RECORD
    earlier = lake.trained(recipe) / f"{key}.json"
    return earlier if earlier.exists() and not path.exists() else path
