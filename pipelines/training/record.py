"""The record of a training: what was trained on what, and what it gave. It lies beside the training's files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models.old_names import current_parameter

_EARLIER_NAMES = {"needs": "dependencies"}
"""Fields that earlier versions stored under another name."""

_REMEDY = "put back a copy of it, or remove its folder and train again"

_EARLIER_FIELDS = {"checkpoint"}
"""Fields that only earlier versions stored; the place of a checkpoint follows from its key."""


@dataclass(frozen=True)
class TrainingRecord:
    """One finished training. The last fields are empty where an earlier version did not record them."""

    recipe: str
    checkpoint_sha256: str
    training_set: str
    """Fingerprint."""
    best_step: int
    best_validation: float | None
    """The first validation loss at its lowest; None of a method, which is not validated."""
    seconds: float
    pictures_seen: int
    seed: int
    extractor: str | None
    """Name of the feature extractor of its losses."""
    key: str = ""
    """The name of the training in a lake: a digest of all that decides its result."""
    dependencies: dict[str, str] = field(default_factory=dict)
    """By role, the MLflow run of each training that it builds on; empty names where there is no run."""
    mlflow_run_id: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    """The recipe's values by dotted names, and the training's own, as MLflow compares them."""
    datasheet: dict[str, Any] = field(default_factory=dict)
    """Datasheet of the training set, for model cards in places without that training set."""
    machine: str = ""
    """Processor, GPU where there was one, and Python's version."""
    commit: str = ""


_record = TypeAdapter(TrainingRecord)


def record_from_json(values: Any, *, name: str) -> TrainingRecord:
    """A stored record, of this version or an earlier one. Raises ValueError, with its name, for anything else."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{name}: no record of a training, but {type(values).__name__}; {_REMEDY}")
    current = {_EARLIER_NAMES.get(field, field): value for field, value in values.items()}
    current = {field: value for field, value in current.items() if field not in _EARLIER_FIELDS}
    try:
        record = _record.validate_python(current)
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ValueError(
            f"{name}: no record of a training ({problem}); was it written by another version? If not, {_REMEDY}"
        ) from None
    return replace(record, parameters={current_parameter(key): value for key, value in record.parameters.items()})
