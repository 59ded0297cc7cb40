"""The folder that one training leaves: the lake keeps it, MLflow is logged from it, export and import copy it.

checkpoint.safetensors   weights of the best validation, with their origin
curves.jsonl             one line for each step that has numbers: {"step": 1, "metrics": {...}}
samples/<step>.jpg       sample pictures
record.json              the rest; written last, so a folder without it is not finished
mlflow_run.json          only while it is not finished: what finds its MLflow run, and its training set's fingerprint
state.safetensors        only while the training is not finished: a later call resumes from it
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from models.weights_file import require_sha256
from pipelines.lake import atomic_write, read_json
from pipelines.training.record import TrainingRecord, record_from_json
from pipelines.training.registry import trained_by

if TYPE_CHECKING:
    import numpy as np

CHECKPOINT = "checkpoint.safetensors"
CURVES = "curves.jsonl"
SAMPLES = "samples"
RECORD = "record.json"
STATE = "state.safetensors"
UNDER_WAY = "mlflow_run.json"

_EARLIER_RECORD = "result.json"
"""The record in folders of results that an earlier version wrote."""


def is_finished(folder: Path) -> bool:
    """True for the folder of a finished training."""
    return any((folder / name).exists() for name in (RECORD, _EARLIER_RECORD))


def save_record(folder: Path, record: TrainingRecord) -> None:
    """Writes a record, which marks the folder as finished."""
    with atomic_write(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(asdict(record), indent=2))


def load_record(folder: Path) -> TrainingRecord:
    """The record of a finished training. Raises ValueError for a file that is none."""
    path = folder / RECORD if (folder / RECORD).exists() else folder / _EARLIER_RECORD
    return record_from_json(read_json(path), name=str(path))


def require_recorded(checkpoint: Path, record: TrainingRecord) -> None:
    """Raises CheckpointError where a checkpoint is not, byte for byte, the one of its record."""
    asset, _ = trained_by(record.recipe)
    remedy = f"copy it again, or train it again: remove its folder, then tintoon run {asset} --recipe {record.recipe}"
    require_sha256(checkpoint, record.checkpoint_sha256, what="the checkpoint of its record", remedy=remedy)


def find_run_folders(folder: Path) -> Iterator[tuple[Path, TrainingRecord]]:
    """Every finished training in the folders of a folder, by name. Raises ValueError where there is none."""
    found = [path for path in sorted(Path(folder).glob("*/")) if is_finished(path)]
    if not found:
        raise ValueError(f"{folder}: no results here; expected <recipe>/{RECORD}, as `python -m pipelines` writes them")
    for path in found:
        yield path, load_record(path)


class Curves:
    """The curves of a running training. Points are held until `flush`, so that the file never passes the state."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Takes the numbers of a step, if there are any."""
        if metrics:
            self._lines.append(_line(step, metrics))

    def flush(self) -> None:
        """Appends to the file what was added."""
        with self._path.open("a") as file:
            file.writelines(self._lines)
        self._lines.clear()


def write_curves(path: Path, curves: Mapping[int, Mapping[str, float]]) -> None:
    """Writes metrics by step, a line each."""
    with atomic_write(path) as temporary, temporary.open("w") as file:
        file.writelines(_line(step, curves[step]) for step in sorted(curves))


def read_curves(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """The steps and metrics of a file of curves, up to a line that was not written whole."""
    with path.open() as file:
        for line in file:
            if not line.endswith("\n"):
                return
            values = json.loads(line)
            yield values["step"], values["metrics"]


def drop_from(folder: Path, step: int) -> None:
    """Removes the points and samples of a step and of all later ones: a resumed training writes them again."""
    if (folder / CURVES).exists():
        write_curves(
            folder / CURVES, {number: metrics for number, metrics in read_curves(folder / CURVES) if number < step}
        )
    for number, path in _sample_files(folder):
        if number >= step:
            path.unlink()


def write_sample(folder: Path, step: int, picture: "np.ndarray") -> None:
    """Keeps a sample picture, uint8 RGB (H, W, 3), as JPEG."""
    import cv2

    path = folder / SAMPLES / f"{step}.jpg"
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])


def read_samples(folder: Path) -> Iterator[tuple[int, "np.ndarray"]]:
    """The sample pictures, uint8 RGB (H, W, 3), by step."""
    from pipelines.images.decode import decode_picture

    for step, path in _sample_files(folder):
        yield step, decode_picture(path.read_bytes(), name=str(path))


def _sample_files(folder: Path) -> list[tuple[int, Path]]:
    return sorted((int(path.stem), path) for path in (folder / SAMPLES).glob("*.jpg"))


def _line(step: int, metrics: Mapping[str, float]) -> str:
    return json.dumps({"step": step, "metrics": dict(metrics)}) + "\n"
