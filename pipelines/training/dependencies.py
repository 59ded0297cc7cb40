"""The files that a recipe builds on: checkpoints of the trainings that it needs, and its feature extractor."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from models.recipes import Recipe
from pipelines.lake import Lake
from pipelines.training.params import TrainingParams
from pipelines.training.record import TrainingRecord
from pipelines.training.store import NotTrainedError, checkpoint_path, read_record

FEATURES = "features"
"""The role of a feature extractor among the dependencies of a recipe."""

FindTraining = Callable[[str], tuple[Path, TrainingRecord]]
"""Finds the training of a recipe by its name: its checkpoint as a local file, and its record."""


@dataclass(frozen=True)
class Dependencies:
    """The files that a training reads beside its pictures."""

    files: dict[str, Path]
    """By role; the extractor's role is FEATURES."""
    digests: dict[str, str]
    """SHA-256 of each file, by role."""
    records: dict[str, TrainingRecord]
    """Records of the trained ones, by role."""
    extractor: str | None
    """The extractor's name, as losses carry it."""


def trained_in(lake: Lake, cache: Path) -> FindTraining:
    """Finds the current trainings of a lake. `cache` is a local folder for copies from a remote lake."""

    def find(recipe: str) -> tuple[Path, TrainingRecord]:
        record = read_record(lake, recipe)
        return checkpoint_path(lake, recipe, record.key, cache), record

    return find


def find_dependencies(
    recipe: Recipe, params: TrainingParams, *, find_training: FindTraining, extractors: Path
) -> Dependencies:
    """The files that a recipe builds on, with the extractor that the parameters name, or else the recipe's own.

    `extractors` is the folder of feature extractors' files, unless the parameters name another one.
    Raises NotTrainedError, which says what to materialize, and WeightsUnavailable, which says which file belongs where.
    """
    records, files = {}, {}
    for need in recipe.needs:
        try:
            files[need.role], records[need.role] = find_training(need.recipe)
        except NotTrainedError as error:
            raise NotTrainedError(f"{recipe.name} needs a trained {need.role.replace('_', ' ')}: {error}") from None
    digests = {role: record.checkpoint_sha256 for role, record in records.items()}
    extractor = params.extractor_of(recipe)
    if extractor:
        from pipelines.training.extractors import find_weights

        files[FEATURES] = find_weights(extractor, params.weights_in(extractors))
        with files[FEATURES].open("rb") as file:
            digests[FEATURES] = file_digest(file, "sha256").hexdigest()
    return Dependencies(files, digests, records, extractor)
