"""What was trained, in the lake: records and checkpoints.

`trained/<recipe>/<key>.safetensors` is the checkpoint of one training and `<key>.json` its record; `current.json` is
the record of the one that counts.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

from upath import UPath

from pipelines.lake import Lake, atomic_write
from pipelines.training.registry import trained_by


@dataclass(frozen=True)
class TrainedRecord:
    """Which checkpoint of a recipe counts, and where it came from."""

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
    needs: dict[str, str]  # role -> MLflow run of the training that it builds on
    extractor: str | None  # name of the feature extractor that the losses look through


def record_path(lake: Lake, recipe: str, key: str = "current") -> UPath:
    """The record of one training of a recipe, or of the current one."""
    return lake.trained(recipe) / f"{key}.json"


def read_record(lake: Lake, recipe: str, key: str = "current") -> TrainedRecord:
    """The record of a training. Raises FileNotFoundError that says how to train the recipe."""
    path = record_path(lake, recipe, key)
    if not path.exists():
        asset, partition = trained_by(recipe)
        place = f"{asset}[{partition}]" if partition else asset
        remedy = f"materialize {place} (tintoon run {asset} --recipe {recipe})"
        raise FileNotFoundError(f"{recipe} has not been trained yet: {remedy}")
    return TrainedRecord(**lake.read_json(path))


def write_record(lake: Lake, record: TrainedRecord) -> None:
    """Keeps a record, as the current one of its recipe."""
    for key in (record.key, "current"):
        lake.write_json(record_path(lake, record.recipe, key), asdict(record))


def local_checkpoint(lake: Lake, recipe: str, cache: Path) -> Path:
    """A local path of a recipe's current checkpoint."""
    return checkpoint_path(lake, recipe, read_record(lake, recipe).checkpoint, cache)


def checkpoint_path(lake: Lake, recipe: str, name: str, cache: Path) -> Path:
    """A local path of a checkpoint: its own, or, when the lake is remote, a copy below `cache`."""
    path = lake.trained(recipe) / name
    if isinstance(path, Path):
        return Path(path)
    copy = cache / "checkpoints" / name
    if not copy.exists():
        with atomic_write(copy) as temporary:
            temporary.write_bytes(path.read_bytes())
    return copy
