"""The training workflow: it resolves what a recipe builds on, trains, and leaves one run folder.

Orchestration plans a training on what a lake holds, runs it in a work folder, and keeps that folder in the lake.
Without orchestration, `train_with_dependencies` trains a recipe after all that it needs, each in a folder of its own.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.old_names import with_earlier_names
from models.recipes import Recipe, recipe_of
from pipelines.lake import atomic_write, digest_of
from pipelines.training.dependencies import Dependencies, FindTraining, find_dependencies
from pipelines.training.extractors import find_weights
from pipelines.training.params import EXCLUDED_FROM_KEY, TrainingParams
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import (
    CHECKPOINT,
    CURVES,
    Curves,
    drop_from,
    is_finished,
    load_record,
    require_recorded,
    save_record,
    write_sample,
)

if TYPE_CHECKING:
    from pipelines.pairs import Pairs
    from pipelines.training.loop import StepResult
    from pipelines.training_set import TrainingSet


@dataclass(frozen=True)
class PlannedTraining:
    """A recipe, its parameters and all that it builds on, ready to run."""

    recipe: Recipe
    params: TrainingParams
    """Those of this machine: see `TrainingParams.on_this_machine`."""
    training_set: "TrainingSet"
    dependencies: Dependencies

    @cached_property
    def key(self) -> str:
        """A digest (16 hex digits) of all that decides the result.

        That is the code version, the recipe, the parameters, the training set, the checkpoints of the trainings to
        build on, and the file of the feature extractor. A new training therefore asks for new trainings of all
        recipes that build on it.
        """
        return digest_of(
            [
                self.params.code_version,
                with_earlier_names(self.recipe.to_json()),
                None if self.recipe.is_untrained else self.params.model_dump(mode="json", exclude=EXCLUDED_FROM_KEY),
                self.training_set.fingerprint,
                self.dependencies.extractor,
                self.dependencies.digests,
            ]
        )[:16]

    @property
    def resolution(self) -> int:
        """Side of the training pictures in pixels."""
        return self.params.resolution or self.recipe.resolution

    @cached_property
    def pairs(self) -> "dict[str, Pairs]":
        """The pictures of train and val."""
        return {
            split: self.training_set.pairs(split, self.recipe.arrays, self.resolution) for split in ("train", "val")
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of recipe and training by dotted names, and, where it learns, the pictures of each split."""
        if self.recipe.is_untrained:
            return self.params.parameters(self.recipe)
        pictures = {f"pictures_{split}": len(pairs) for split, pairs in self.pairs.items()}
        return {**self.params.parameters(self.recipe), **pictures}

    def run(
        self,
        folder: Path,
        *,
        commit: str,
        on_step: "Callable[[StepResult], None]" = lambda _: None,
        before_saving: Callable[[], None] = lambda: None,
    ) -> TrainingRecord:
        """Trains, or resumes the training, in a folder; returns its record. A finished folder stays as it is.

        A method gets its checkpoint and its record at once.

        Args:
            folder: The run folder, of this training alone.
            commit: The commit of the code, for the record.
            on_step: Called after each step; samples are turned and enlarged for people.
            before_saving: Called before each saved state: results up to now do not come again.

        Raises what `pipelines.training.loop.train` raises, and CheckpointError where the checkpoint of a finished
        folder is not the one of its record.
        """
        if is_finished(folder):
            record = load_record(folder)
            require_recorded(folder / CHECKPOINT, record)
            return record
        if self.recipe.is_untrained:
            return self._keep_method(folder, commit)
        from pipelines.images.sheets import side_by_side
        from pipelines.training.loop import TrainingResult, train

        curves = Curves(folder / CURVES)

        def save() -> None:
            curves.flush()
            before_saving()

        is_first = True
        for result in train(
            self.recipe,
            self.pairs["train"],
            self.pairs["val"],
            params=self.params,
            fingerprint=self.training_set.fingerprint,
            work=folder,
            dependencies=self.dependencies.files,
            before_saving=save,
        ):
            if isinstance(result, TrainingResult):
                save_record(folder, self._record(commit=commit, **vars(result)))
                continue  # now the loop removes its state
            if is_first:
                drop_from(folder, result.number)
                is_first = False
            if result.samples is not None:
                sheet = side_by_side(result.samples, side=self.resolution)
                write_sample(folder, result.number, sheet)
                result = replace(result, samples=sheet)
            curves.add(result.number, result.metrics)
            on_step(result)
        return load_record(folder)  # of several processes, the first one has written it

    def _keep_method(self, folder: Path, commit: str) -> TrainingRecord:
        """Writes the checkpoint of a method, which has no weights, and its record."""
        from models.checkpoint import Checkpoint, save_checkpoint
        from pipelines.training.source_digest import source_digest

        checkpoint = Checkpoint(
            weights={},
            network=self.recipe.objective.network,
            recipe=self.recipe.to_json(),
            fingerprint=self.training_set.fingerprint,
            source_digest=source_digest(),
            seed=self.params.seed,
            step=0,
            resolution=self.recipe.resolution,
        )
        path = folder / CHECKPOINT
        with atomic_write(path) as temporary:
            save_checkpoint(temporary, checkpoint)
        record = self._record(path, commit, best_step=0, best_validation=None, seconds=0.0, pictures_seen=0)
        save_record(folder, record)
        return record

    def _record(
        self,
        checkpoint: Path,
        commit: str,
        *,
        best_step: int,
        best_validation: float | None,
        seconds: float,
        pictures_seen: int,
    ) -> TrainingRecord:
        with checkpoint.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        return TrainingRecord(
            recipe=self.recipe.name,
            checkpoint_sha256=digest,
            training_set=self.training_set.fingerprint,
            best_step=best_step,
            best_validation=best_validation,
            seconds=seconds,
            pictures_seen=pictures_seen,
            seed=self.params.seed,
            extractor=self.dependencies.extractor,
            key=self.key,
            dependencies={role: record.mlflow_run_id for role, record in self.dependencies.records.items()},
            parameters=self.parameters,
            datasheet=self.training_set.datasheet,
            machine=machine(),
            commit=commit,
        )


def plan_training(
    recipe: Recipe,
    params: TrainingParams,
    training_set: "TrainingSet",
    *,
    find_training: FindTraining,
    extractors: Path,
) -> PlannedTraining:
    """A training with all that it builds on.

    Args:
        recipe: What to train.
        params: How to train it.
        training_set: The pictures.
        find_training: Finds the trainings to build on.
        extractors: The folder of feature extractors' files, unless the parameters name another one.

    Raises NotTrainedError and WeightsUnavailable, as `find_dependencies` does.
    """
    dependencies = find_dependencies(recipe, params, find_training=find_training, extractors=extractors)
    params = params if recipe.is_untrained else params.on_this_machine()
    return PlannedTraining(recipe, params, training_set, dependencies)


def train_with_dependencies(
    recipe: Recipe,
    params: TrainingParams,
    training_set: "TrainingSet",
    *,
    out: Path,
    extractors: Path,
    commit: str,
    on_step: Callable[[str, float], None] = lambda *_: None,
) -> Path:
    """Trains a recipe after all that it needs, each in `<out>/<recipe>`; returns the recipe's run folder.

    All are trained with the same parameters. Finished trainings stay; interrupted ones are resumed. A dependency that
    is there is taken whatever its parameters. `on_step` is called with the name of the recipe that is trained and the
    finished share of its training: 0 at its start, then after each step, and 1 once its result is saved.

    Raises ValueError where there is another training of the recipe, or one of another training set;
    WeightsUnavailable, before anything is trained; what `pipelines.training.loop.train` raises.
    """
    require_same_training(recipe, params, training_set, out)
    _require_weights(recipe, params, out, extractors)

    def find_training(name: str) -> tuple[Path, TrainingRecord]:
        folder = train(recipe_of(name))
        return folder / CHECKPOINT, load_record(folder)

    def train(one: Recipe) -> Path:
        folder = out / one.name
        if is_finished(folder):
            _require_same(folder, {"training set": training_set.fingerprint}, _origin(load_record(folder)))
        else:
            planned = plan_training(one, params, training_set, find_training=find_training, extractors=extractors)

            def report(result: "StepResult") -> None:
                if result.done < 1:
                    on_step(one.name, result.done)

            on_step(one.name, 0.0)
            planned.run(folder, commit=commit, on_step=report)
            on_step(one.name, 1.0)
        return folder

    return train(recipe)


def require_same_training(recipe: Recipe, params: TrainingParams, training_set: "TrainingSet", out: Path) -> None:
    """Raises ValueError where `<out>/<recipe>` holds a training of other parameters or of another training set."""
    folder = out / recipe.name
    if not is_finished(folder):
        return
    params = params if recipe.is_untrained else params.on_this_machine()
    record, parameters = load_record(folder), params.parameters(recipe)
    names = (parameters.keys() | TrainingParams.model_fields.keys()) - EXCLUDED_FROM_KEY
    # As strings: records that were exported from MLflow hold no other values.
    asked = {name: str(parameters.get(name, "")) for name in names}
    found = {name: str(record.parameters.get(name, "")) for name in names}
    _require_same(
        folder,
        {**asked, "training set": training_set.fingerprint, "extractor": params.extractor_of(recipe) or ""},
        {**found, **_origin(record), "extractor": record.extractor or ""},
    )


def machine() -> str:
    """Processor, GPU where there is one, and Python's version."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return " ".join(filter(None, (platform.machine(), gpu, platform.python_version())))


def _origin(record: TrainingRecord) -> dict[str, str]:
    return {"training set": record.training_set}


def _require_same(folder: Path, asked: dict[str, str], found: dict[str, str]) -> None:
    differ = [
        f"{name} is {found[name]!r}, asked {asked[name]!r}" for name in sorted(asked) if found[name] != asked[name]
    ]
    if differ:
        raise ValueError(
            f"{folder}: there is a result of another training: {'; '.join(differ)}. Ask for the same, name another "
            f"folder (--out), or remove this one to train {folder.name} anew"
        )


def _require_weights(recipe: Recipe, params: TrainingParams, out: Path, extractors: Path) -> None:
    """Finds the extractors' files of all trainings that are still to be done."""
    if is_finished(out / recipe.name):
        return
    if name := params.extractor_of(recipe):
        find_weights(name, params.weights_in(extractors))
    for need in recipe.needs:
        _require_weights(recipe_of(need.recipe), params, out, extractors)
