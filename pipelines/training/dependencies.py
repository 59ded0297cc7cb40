"""What a recipe builds on, found: the current checkpoints of the trainings that it needs, and its feature extractor."""

from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from models.recipes import Recipe
from pipelines.lake import Lake
from pipelines.training.params import TrainingParams
from pipelines.training.store import TrainedRecord, local_checkpoint, read_record


@dataclass(frozen=True)
class Dependencies:
    """The files that a training reads beside its pictures."""

    files: dict[str, Path]
    """By role; the extractor's is "features"."""
    digests: dict[str, str]
    """SHA-256 of each file, by role."""
    records: dict[str, TrainedRecord]
    """Of the trained ones, by role."""
    extractor: str | None
    """The extractor's name, as losses carry it."""


def find_dependencies(
    recipe: Recipe, params: TrainingParams, *, lake: Lake, cache: Path, extractors: Path
) -> Dependencies:
    """What a recipe builds on, with the extractor that the rule names, else its own.

    extractors: the folder of feature extractors' files, unless the rule names another one.
    Raises FileNotFoundError that says what to materialize, or which file to put where.
    """
    records, files = {}, {}
    for need in recipe.needs:
        try:
            records[need.role] = read_record(lake, need.recipe)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{recipe.name} needs a trained {need.role.replace('_', ' ')}: {error}") from None
        files[need.role] = local_checkpoint(lake, need.recipe, cache)
    digests = {role: record.checkpoint_sha256 for role, record in records.items()}
    extractor = params.extractor_of(recipe)
    if extractor:
        from pipelines.training.extractors import find_weights

        files["features"] = find_weights(extractor, params.weights_in(extractors))
        with files["features"].open("rb") as file:
            digests["features"] = file_digest(file, "sha256").hexdigest()
    return Dependencies(files, digests, records, extractor)
