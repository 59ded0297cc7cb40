"""Results as folders: what a training and its evaluation gave, on a machine that has neither Dagster nor MLflow.

    <folder>/<recipe>/checkpoint.safetensors
    <folder>/<recipe>/curves.jsonl              one line a step: {"step": 1, "metrics": {...}}
    <folder>/<recipe>/samples/<step>.jpg        as MLflow shows them
    <folder>/<recipe>/evaluations/<name>/...    as in the lake; see `pipelines.evaluation.evaluation`
    <folder>/<recipe>/result.json               the rest; written last, so a folder without it is not done

`python -m pipelines.results --help` trains and judges recipes on a training set that was carried there; `tintoon
results import` takes the folder into the lake and MLflow, and `tintoon results export` writes one.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

from pipelines.lake import Lake, written_aside
from pipelines.recipes import Recipe, recipe_of


@dataclass(frozen=True)
class Result:
    """What one training gave, beside its files."""

    recipe: str
    parameters: dict[str, Any]
    """The recipe's values by dotted names, and the training's own, as MLflow compares them."""
    training_set: str
    """Fingerprint."""
    checkpoint_sha256: str
    best_step: int
    best_validation: float
    seconds: float
    pictures_seen: int
    seed: int
    extractor: str | None
    machine: str
    """Processor, and GPU where there was one; Python's version."""
    commit: str


def write_result(folder: Path, result: Result) -> None:
    """Says that a folder is done."""
    with written_aside(folder / "result.json") as aside:
        aside.write_text(json.dumps(asdict(result), indent=2))


def read_results(folder: Path) -> Iterator[tuple[Path, Result]]:
    """Every result below a folder, by name. Raises ValueError where there is none, and for one that is none."""
    found = sorted(Path(folder).glob("*/result.json"))
    if not found:
        raise ValueError(f"{folder}: no results here; expected <recipe>/result.json, as pipelines.results writes them")
    for path in found:
        try:
            yield path.parent, Result(**json.loads(path.read_text()))
        except (TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{path}: no result ({error}); was it written by another version?") from None


def write_curves(path: Path, curves: Mapping[int, Mapping[str, float]]) -> None:
    """Metrics by step, a line each."""
    with written_aside(path) as aside, aside.open("w") as file:
        for step in sorted(curves):
            file.write(json.dumps({"step": step, "metrics": dict(curves[step])}) + "\n")


def read_curves(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """What `write_curves` wrote."""
    with path.open() as file:
        for line in file:
            values = json.loads(line)
            yield values["step"], values["metrics"]


def train_and_judge(
    recipe: Recipe,
    lake: Lake,
    rule: Any,
    benchmark: Any,
    *,
    out: Path,
    weights: Path,
    commit: str,
) -> Path:
    """Trains a recipe after all that it needs, judges it where it colorizes, and writes `<out>/<recipe>`.

    Args:
        recipe: What to train.
        lake: Holds the training set.
        rule: A `TrainingRule`.
        benchmark: A `BenchmarkRule`.
        out: Where results go. A recipe whose result is there is left alone.
        weights: The folder of extractors' files.
        commit: Of the code, for the record.

    Returns the folder of the recipe.
    """
    import cv2
    import torch

    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.benchmark import evaluate
    from pipelines.evaluation.distribution import load_feature_extractor
    from pipelines.evaluation.evaluation import save_evaluation
    from pipelines.extractors import find_weights
    from pipelines.recipes import RECIPES
    from pipelines.training import Trained, train
    from pipelines.training_set import TrainingSet

    folder = out / recipe.name
    if (folder / "result.json").exists():
        return folder
    needs = {
        need.role: train_and_judge(
            recipe_of(need.recipe), lake, rule, benchmark, out=out, weights=weights, commit=commit
        )
        / "checkpoint.safetensors"
        for need in recipe.needs
    }
    extractor = (rule.extractor or recipe.extractor) if recipe.extractor else None
    if extractor:
        needs["features"] = find_weights(extractor, weights)
    training_set = TrainingSet.open(lake)
    resolution = rule.resolution or recipe.resolution
    curves: dict[int, Mapping[str, float]] = {}
    trained: Trained | None = None
    for fact in train(
        recipe,
        training_set.pairs("train", recipe.arrays, resolution),
        training_set.pairs("val", recipe.arrays, resolution),
        rule=rule,
        fingerprint=training_set.fingerprint,
        needs=needs,
        work=folder,
    ):
        if isinstance(fact, Trained):
            trained = fact
            continue
        curves[fact.number] = fact.metrics
        if fact.samples is not None:
            (folder / "samples").mkdir(exist_ok=True)
            cv2.imwrite(str(folder / "samples" / f"{fact.number}.jpg"), fact.samples[..., ::-1])
    assert trained is not None, "a training ends with what it has trained"
    write_curves(folder / "curves.jsonl", curves)
    with trained.checkpoint.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    if recipe.name in RECIPES:
        extracted = None if benchmark.extractor == "none" else load_feature_extractor(benchmark.extractor, weights)
        evaluation = evaluate(
            TrainedColorizer.load(trained.checkpoint),
            training_set,
            benchmark,
            extractor=extracted,
            costs={"training_seconds": trained.seconds, "pictures_seen": trained.pictures_seen},
            checkpoint_digest=digest,
            work=folder / "evaluating",
        )
        save_evaluation(Lake.at(folder), evaluation)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    write_result(
        folder,
        Result(
            recipe=recipe.name,
            parameters={
                **dict(recipe.resized(resolution=rule.resolution, width=rule.width).parameters()),
                **rule.model_dump(mode="json", exclude_none=True),
            },
            training_set=training_set.fingerprint,
            checkpoint_sha256=digest,
            best_step=trained.best_step,
            best_validation=trained.best_validation,
            seconds=trained.seconds,
            pictures_seen=trained.pictures_seen,
            seed=rule.seed,
            extractor=extractor,
            machine=" ".join(filter(None, (platform.machine(), gpu, platform.python_version()))),
            commit=commit,
        ),
    )
    return folder


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m pipelines.results`: trains and judges recipes without Dagster and MLflow."""
    from pipelines.evaluation.rule import BenchmarkRule
    from pipelines.training_rule import TrainingRule

    parser = argparse.ArgumentParser(prog="python -m pipelines.results", description=main.__doc__)
    parser.add_argument("recipes", nargs="+", help="names, as `tintoon recipes` lists them")
    parser.add_argument("--lake", required=True, help="the lake, or a part of it, that holds the training set")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of extractors' files")
    parser.add_argument("--training", default="{}", help="JSON: settings of the training, as in settings.yaml")
    parser.add_argument("--benchmark", default="{}", help="JSON: settings of the evaluation")
    parser.add_argument("--commit", default="unknown", help="of the code, for the record")
    told = parser.parse_args(arguments)
    for name in told.recipes:
        folder = train_and_judge(
            recipe_of(name),
            Lake.at(told.lake),
            TrainingRule.model_validate_json(told.training),
            BenchmarkRule.model_validate_json(told.benchmark),
            out=told.out,
            weights=told.weights,
            commit=told.commit,
        )
        print(folder)  # noqa: T201  # a program's output


if __name__ == "__main__":
    main()
