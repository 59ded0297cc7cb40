"""Results as folders: what a training and its evaluation gave, on a machine that has neither Dagster nor MLflow.

    <folder>/<recipe>/checkpoint.safetensors
    <folder>/<recipe>/curves.jsonl              one line a step: {"step": 1, "metrics": {...}}
    <folder>/<recipe>/state.safetensors         of a training that is not done: it goes on from there
    <folder>/<recipe>/samples/<step>.jpg        as MLflow shows them
    <folder>/<recipe>/evaluations/<name>/...    as in the lake; see `pipelines.evaluation.evaluation`
    <folder>/<recipe>/result.json               the rest; written last, so a folder without it is not done

`python -m pipelines.training.run_folder --help` trains and judges recipes on a training set that was carried there;
`tintoon results import` takes the folder into the lake and MLflow, and `tintoon results export` writes one.

Results compare with those of a lake where the benchmark's fingerprint agrees: the same test split, the same settings of
the evaluation, and the same judges. A folder's `line_detector` draws lines for the track of lines, and its
`vgg16_color` is the extractor `title_vgg16`: export the lake's own into the folder before anything is judged, or import
the folder's with its results. The commit is for the record alone.
"""

import argparse
import json
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.recipes import LINE_DETECTOR, RECIPES, Recipe, recipe_of
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake, atomic_write
from pipelines.training.params import EXCLUDED_FROM_KEY, TrainingParams

if TYPE_CHECKING:
    import numpy as np

    from pipelines.evaluation.metrics.distribution import FeatureExtractor
    from pipelines.evaluation.tracks import LineDrawer
    from pipelines.training_set import TrainingSet

CHECKPOINT = "checkpoint.safetensors"
CURVES = "curves.jsonl"
SAMPLES = "samples"


@dataclass(frozen=True)
class Result:
    """What one training gave, beside its files."""

    recipe: str
    parameters: dict[str, Any]
    """The recipe's values by dotted names, and the training's own, as MLflow compares them."""
    training_set: str
    """Fingerprint."""
    datasheet: dict[str, Any]
    """Of the training set, for model cards where nobody has it."""
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
    with atomic_write(folder / "result.json") as temporary:
        temporary.write_text(json.dumps(asdict(result), indent=2))


def read_results(folder: Path) -> Iterator[tuple[Path, Result]]:
    """Every result below a folder, by name. Raises ValueError where there is none, and for one that is none."""
    found = sorted(Path(folder).glob("*/result.json"))
    if not found:
        raise ValueError(
            f"{folder}: no results here; expected <recipe>/result.json, as pipelines.training.run_folder writes them"
        )
    for path in found:
        yield path.parent, _read_result(path)


def _read_result(path: Path) -> Result:
    try:
        return Result(**json.loads(path.read_text()))
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: no result ({error}); was it written by another version?") from None


def write_curves(path: Path, curves: Mapping[int, Mapping[str, float]]) -> None:
    """Metrics by step, a line each."""
    with atomic_write(path) as temporary, temporary.open("w") as file:
        for step in sorted(curves):
            file.write(json.dumps({"step": step, "metrics": dict(curves[step])}) + "\n")


def read_curves(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """What `write_curves` wrote."""
    with path.open() as file:
        for line in file:
            values = json.loads(line)
            yield values["step"], values["metrics"]


def train_and_evaluate(
    recipe: Recipe,
    lake: Lake,
    params: TrainingParams,
    benchmark: BenchmarkParams,
    *,
    out: Path,
    weights: Path,
    commit: str,
    as_need: bool = False,
) -> Path:
    """Trains a recipe after all that it needs, judges it where it colorizes, and writes `<out>/<recipe>`.

    What is interrupted goes on where it was: a training from its last state, a result that was not judged on this
    benchmark with that. What can be refused is refused before anything is trained.

    Args:
        recipe: What to train.
        lake: Holds the training set.
        rule: How to train. What the recipe needs is trained by it too, unless it is there.
        benchmark: How to judge. Where its extractor is `title_vgg16`, that is the `vgg16_color` in `out`, trained like
            a need unless it is there; the `line_detector` in `out`, if any, draws a style of the track of lines. Both
            judge whatever they learned from, as those of a lake do.
        out: Where results go. A result that is there stays.
        weights: The folder of extractors' files, unless the rule names another one.
        commit: Of the code, for the record.
        as_need: A result that is there will do, whatever its parameters.

    Returns the folder of the recipe.
    Raises ValueError where a result is there of another training set, or of other parameters, and for an empty test
    split; WeightsUnavailable without an extractor's file; what `train` raises.
    """
    from pipelines.evaluation.metrics.distribution import TITLE_CLASSIFIER
    from pipelines.evaluation.tracks import TestPictures, track_of
    from pipelines.evaluation.unpaired import pictures_of
    from pipelines.training.extractors import find_weights
    from pipelines.training.loop import STATE_NAME
    from pipelines.training_set import TrainingSet

    def needed(name: str) -> Path:
        asked = recipe_of(name)
        return train_and_evaluate(asked, lake, params, benchmark, out=out, weights=weights, commit=commit, as_need=True)

    folder = out / recipe.name
    training_set = TrainingSet.open(lake)
    result = _result_of(recipe, params, training_set.fingerprint, folder, as_need=as_need)
    is_evaluated = recipe.name in RECIPES
    extractor, unpaired = None, {}
    if is_evaluated:
        TestPictures(training_set, benchmark, track_of(recipe.variant))  # refuses an empty test split
        unpaired = pictures_of(Path(benchmark.unpaired)) if benchmark.unpaired else {}
        if benchmark.extractor == "title_vgg16" and not (out / TITLE_CLASSIFIER / "result.json").exists():
            needed(TITLE_CLASSIFIER)
        extractor = _extractor(benchmark, out, weights)
    needs: dict[str, Path] = {}
    if result is None:
        if name := params.extractor_of(recipe):
            needs["features"] = find_weights(name, params.weights_in(weights))
        needs |= {need.role: needed(need.recipe) / CHECKPOINT for need in recipe.needs}
    drawer = _line_drawer(out) if is_evaluated and track_of(recipe.variant) == "line" else None
    is_new = result is None
    if result is None:
        result = _train(recipe, training_set, params, needs, folder, commit)
    if is_evaluated:
        _evaluate(result, training_set, benchmark, folder, extractor, drawer, unpaired)
    if is_new:
        write_result(folder, result)
    # Only now: whoever is interrupted before finds the training as it ended.
    (folder / STATE_NAME).unlink(missing_ok=True)
    return folder


def _result_of(
    recipe: Recipe, params: TrainingParams, training_set: str, folder: Path, *, as_need: bool
) -> Result | None:
    """The result that is there, or None. Raises ValueError for one of another training."""
    path = folder / "result.json"
    if not path.exists():
        return None
    result = _read_result(path)
    there, asked = {"training set": result.training_set}, {"training set": training_set}
    if not as_need:
        parameters = params.parameters(recipe)
        names = (parameters.keys() | TrainingParams.model_fields.keys()) - EXCLUDED_FROM_KEY
        # As strings: MLflow, from which results are exported, holds no others.
        there |= {name: str(result.parameters.get(name, "")) for name in names}
        asked |= {name: str(parameters.get(name, "")) for name in names}
        there["extractor"], asked["extractor"] = result.extractor or "", params.extractor_of(recipe) or ""
    differ = [
        f"{name} is {there[name]!r}, asked {asked[name]!r}" for name in sorted(there) if there[name] != asked[name]
    ]
    if differ:
        raise ValueError(
            f"{folder}: there is a result of another training: {'; '.join(differ)}. Ask for the same, name another "
            f"folder (--out), or remove this one to train {recipe.name} anew"
        )
    return result


def _train(
    recipe: Recipe,
    training_set: "TrainingSet",
    params: TrainingParams,
    needs: Mapping[str, Path],
    folder: Path,
    commit: str,
) -> Result:
    """Trains, or goes on from the state in the folder. The state stays there."""
    import cv2
    import torch

    from pipelines.training.loop import STATE_NAME, TrainingResult, train

    curves: dict[int, Mapping[str, float]] = {}
    samples = folder / SAMPLES
    if (folder / STATE_NAME).exists():
        curves |= dict(read_curves(folder / CURVES))
    elif samples.exists():
        shutil.rmtree(samples)  # of a training that left no state
    resolution = params.resolution or recipe.resolution
    trained: TrainingResult | None = None
    for fact in train(
        recipe,
        training_set.pairs("train", recipe.arrays, resolution),
        training_set.pairs("val", recipe.arrays, resolution),
        params=params,
        fingerprint=training_set.fingerprint,
        dependencies=needs,
        work=folder,
        before_saving=lambda: write_curves(folder / CURVES, curves),
    ):
        if isinstance(fact, TrainingResult):
            trained = fact
            break  # its state stays until the result is written
        curves[fact.number] = fact.metrics
        if fact.samples is not None:
            samples.mkdir(exist_ok=True)
            cv2.imwrite(str(samples / f"{fact.number}.jpg"), fact.samples[..., ::-1])
    assert trained is not None, "a training ends with what it has trained"
    with trained.checkpoint.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return Result(
        recipe=recipe.name,
        parameters=params.parameters(recipe),
        training_set=training_set.fingerprint,
        datasheet=training_set.datasheet,
        checkpoint_sha256=digest,
        best_step=trained.best_step,
        best_validation=trained.best_validation,
        seconds=trained.seconds,
        pictures_seen=trained.pictures_seen,
        seed=params.seed,
        extractor=params.extractor_of(recipe),
        machine=" ".join(filter(None, (platform.machine(), gpu, platform.python_version()))),
        commit=commit,
    )


def _evaluate(
    result: Result,
    training_set: "TrainingSet",
    benchmark: BenchmarkParams,
    folder: Path,
    extractor: "FeatureExtractor | None",
    drawer: "LineDrawer | None",
    unpaired: "Mapping[str, np.ndarray]",
) -> None:
    """The evaluation of a result on a benchmark, as the latest one: found, or made."""
    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.benchmark import evaluate
    from pipelines.evaluation.evaluation import find_evaluation, save_evaluation
    from pipelines.evaluation.tracks import TestPictures, track_of

    colorizer = TrainedColorizer.load(folder / CHECKPOINT)
    test = TestPictures(
        training_set,
        benchmark,
        track_of(colorizer.variant),
        drawer,
        extractor=extractor.name if extractor else "none",
    )
    kept = Lake.at(folder)
    digest = result.checkpoint_sha256
    found = find_evaluation(kept, result.recipe, checkpoint=digest, benchmark=test.fingerprint)
    save_evaluation(
        kept,
        found
        or evaluate(
            colorizer,
            training_set,
            benchmark,
            extractor=extractor,
            drawer=drawer,
            unpaired=unpaired,
            costs={"training_seconds": result.seconds, "pictures_seen": result.pictures_seen},
            checkpoint_digest=digest,
            work=folder / "evaluating",
        ),
    )


def _extractor(benchmark: BenchmarkParams, out: Path, weights: Path) -> "FeatureExtractor | None":
    """What a benchmark looks through."""
    from pipelines.evaluation.metrics.distribution import TITLE_CLASSIFIER, load_feature_extractor, load_title_extractor

    if benchmark.extractor == "none":
        return None
    if benchmark.extractor != "title_vgg16":
        return load_feature_extractor(benchmark.extractor, weights)
    result = _read_result(out / TITLE_CLASSIFIER / "result.json")
    return load_title_extractor(out / TITLE_CLASSIFIER / CHECKPOINT, result.checkpoint_sha256)


def _line_drawer(out: Path) -> "LineDrawer | None":
    """The line detector among the results, if there is one."""
    from pipelines.evaluation.learned_lines import load_line_drawer

    path = out / LINE_DETECTOR.name / "result.json"
    if not path.exists():
        return None
    return load_line_drawer(path.with_name(CHECKPOINT), digest=_read_result(path).checkpoint_sha256)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m pipelines.training.run_folder`: trains and judges recipes without Dagster and MLflow."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.training.run_folder",
        description="Trains and judges recipes without Dagster and MLflow. What was interrupted goes on, told again.",
        epilog="Results compare with a lake's where test split, --benchmark and judges are the same: line_detector for "
        "colorizers of lines, vgg16_color for the extractor title_vgg16. Put the lake's into --out by `tintoon results "
        "export` first, or import those of --out with the other results.",
    )
    parser.add_argument("recipes", nargs="+", help="names, as `tintoon recipes` lists them")
    parser.add_argument("--lake", required=True, help="the lake, or a part of it, that holds the training set")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of extractors' files")
    parser.add_argument("--training", default="{}", help="JSON: settings of the training, as in settings.yaml")
    parser.add_argument("--benchmark", default="{}", help="JSON: settings of the evaluation")
    parser.add_argument("--commit", default="unknown", help="of the code, for the record")
    told = parser.parse_args(arguments)
    for name in sorted(told.recipes, key=lambda name: name != LINE_DETECTOR.name):  # it judges those of lines
        folder = train_and_evaluate(
            recipe_of(name),
            Lake.at(told.lake),
            TrainingParams.model_validate_json(told.training),
            BenchmarkParams.model_validate_json(told.benchmark),
            out=told.out,
            weights=told.weights,
            commit=told.commit,
        )
        print(folder)  # noqa: T201  # a program's output


if __name__ == "__main__":
    main()
