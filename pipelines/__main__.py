"""`python -m pipelines`: trains and evaluates recipes on a machine that has neither Dagster nor MLflow.

Reads the training set of a lake, or of a part of it that was carried there. Writes, for each recipe and for each
recipe that it needs, the run folder `<out>/<recipe>` (see `pipelines.training.run_folder`), and in it
`evaluations/<recipe>/...` as in a lake. `tintoon results import` takes the folders into the lake and MLflow, and
`tintoon results export` writes them.

Results compare with those of a lake where the benchmark's fingerprint agrees: the same test split, the same settings of
the evaluation, the same networks that measure. The `line_detector` in the output folder draws lines for the track of
lines, and its `vgg16_color` is the extractor `title_vgg16`: export the lake's own into the folder before anything is
evaluated, or import the folder's with its results. The commit is for the record alone.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.recipes import LINE_DETECTOR, RECIPES, Recipe, recipe_of
from pipelines.errors.explain import explain
from pipelines.evaluation.context import EvaluationContext
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake
from pipelines.progress import Progress, each_tenth
from pipelines.training.dependencies import FindTraining
from pipelines.training.params import TrainingParams, command_on_several
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import CHECKPOINT, is_finished, load_record, require_recorded
from pipelines.training.store import NotTrainedError
from pipelines.training.workflow import require_same_training, train_with_dependencies

if TYPE_CHECKING:
    import numpy as np


def train_and_evaluate(
    recipe: Recipe,
    lake: Lake,
    params: TrainingParams,
    benchmark: BenchmarkParams,
    *,
    out: Path,
    weights: Path,
    commit: str,
    report: Callable[[str], None] = lambda _: None,
) -> Path:
    """Trains a recipe after all that it needs, and evaluates it if it colorizes; returns its run folder.

    An interrupted training is resumed, and a training without an evaluation on this benchmark is evaluated. What can
    be refused is refused before anything is trained.

    Args:
        recipe: What to train.
        lake: Holds the training set.
        params: How to train, also what the recipe needs, unless that is there.
        benchmark: How to evaluate. Where its extractor is `title_vgg16`, the `vgg16_color` in `out` is used, and
            trained first unless it is there. The `line_detector` in `out`, if any, draws a style of the track of lines.
        out: The folder of the results. A result that is there stays.
        weights: The folder of extractors' files, unless the parameters name another one.
        commit: The commit of the code, for the record.
        report: Called with a line at the start, at each tenth and at the end of each training and of the evaluation.

    Raises ValueError where there is a result of another training set or of other parameters, and for an empty test
    split; WeightsUnavailable without an extractor's file; what `pipelines.training.loop.train` raises.
    """
    from pipelines.evaluation.metrics.distribution import TITLE_CLASSIFIER
    from pipelines.evaluation.tracks import TestPictures, track_of
    from pipelines.evaluation.unpaired import pictures_of

    context = EvaluationContext(lake, benchmark, cache=out, weights=weights, find_training=_finished_in(out))
    training_set = context.training_set
    require_same_training(recipe, params, training_set, out)
    on_step = _training_lines(report)

    def train(one: Recipe) -> Path:
        return train_with_dependencies(
            one, params, training_set, out=out, extractors=weights, commit=commit, on_step=on_step
        )

    if recipe.name not in RECIPES:
        return train(recipe)
    TestPictures(training_set, benchmark, track_of(recipe.variant))  # refuses an empty test split
    unpaired = pictures_of(Path(benchmark.unpaired)) if benchmark.unpaired else {}
    if benchmark.extractor == "title_vgg16" and not is_finished(out / TITLE_CLASSIFIER):
        train(recipe_of(TITLE_CLASSIFIER))
    _ = context.extractor  # refuses a missing file
    folder = train(recipe)
    if _is_first_process():
        _evaluate(folder, context, unpaired, report)
    return folder


def _training_lines(report: Callable[[str], None]) -> Callable[[str, float], None]:
    """A listener for `train_with_dependencies`."""
    tenths: dict[str, Progress] = {}

    def call(name: str, share: float) -> None:
        if share == 0:
            report(f"{name}: training started")
            tenths[name] = each_tenth(lambda done, _: report(f"{name}: training {done} % done"))
        elif share == 1:
            report(f"{name}: training done")
        else:
            tenths[name](int(100 * share), 100)

    return call


def _finished_in(out: Path) -> FindTraining:
    """Finds the finished trainings among the results."""

    def find(name: str) -> tuple[Path, TrainingRecord]:
        folder = out / name
        if not is_finished(folder):
            raise NotTrainedError(f"{folder}: no finished training of {name}: name it among the recipes")
        return folder / CHECKPOINT, load_record(folder)

    return find


def _evaluate(
    folder: Path, context: EvaluationContext, unpaired: "Mapping[str, np.ndarray]", report: Callable[[str], None]
) -> None:
    """Makes the evaluation of a run folder on the benchmark its latest one; evaluates where there is none yet."""
    from pipelines.colorize.load import load_colorizer
    from pipelines.evaluation.evaluation import save_evaluation, set_latest
    from pipelines.evaluation.tracks import track_of

    record, kept = load_record(folder), Lake.at(folder)
    name, digest = record.recipe, record.checkpoint_sha256
    require_recorded(folder / CHECKPOINT, record)
    colorizer = load_colorizer(folder / CHECKPOINT)
    found = context.find(name, checkpoint=digest, track=track_of(colorizer.variant), lake=kept)
    if found is not None:
        set_latest(kept, found)
        return
    report(f"{name}: evaluation started")
    result = context.evaluate(
        colorizer,
        unpaired=unpaired,
        costs={"training_seconds": record.seconds, "pictures_seen": record.pictures_seen},
        checkpoint_digest=digest,
        work=folder / "evaluating",
        on_progress=each_tenth(lambda done, total: report(f"{name}: evaluation, {done} of {total} pictures")),
    )
    result = context.with_learned(result, record)
    save_evaluation(kept, result)
    report(f"{name}: evaluation done")


def _is_first_process() -> bool:
    """False in the other processes of a training on several devices: the first one evaluates and reports."""
    import torch
    from torch.distributed.distributed_c10d import get_node_local_rank

    if torch.distributed.is_initialized():
        return torch.distributed.get_rank() == 0
    return get_node_local_rank(fallback_rank=0) == 0  # known before a training connects the processes


def _print_progress(line: str) -> None:
    """Prints a line on stderr, but not in the other processes that train along."""
    if _is_first_process():
        print(line, file=sys.stderr, flush=True)  # noqa: T201  # a program's output


def main(arguments: Sequence[str] | None = None) -> None:
    """The program."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines",
        description="Train and evaluate recipes without Dagster and MLflow. The same command again resumes what was "
        "interrupted.",
        epilog="Results compare with a lake's where test split, --benchmark and the measuring networks are the same: "
        "line_detector for colorizers of lines, vgg16_color for the extractor title_vgg16. Put the lake's into --out "
        "by `tintoon results export` first, or import those of --out with the other results. On several GPUs, "
        f"one recipe a command: {command_on_several('RECIPE', 2)}",
    )
    parser.add_argument("recipes", nargs="+", help="names, as `tintoon recipes` lists them")
    parser.add_argument("--lake", required=True, help="the lake, or a part of it, that holds the training set")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--weights", type=Path, default=Path("weights"), help="folder of extractors' files")
    parser.add_argument("--training", default="{}", help="JSON: settings of the training, as in settings.yaml")
    parser.add_argument("--benchmark", default="{}", help="JSON: settings of the evaluation")
    parser.add_argument("--commit", default="unknown", help="commit of the code, for the record")
    options = parser.parse_args(arguments)
    params = TrainingParams.model_validate_json(options.training)
    if params.devices > 1 and len(options.recipes) > 1:
        # While the first process evaluates one recipe, the others would wait for it in the next, and give up.
        parser.error(f"several devices train one recipe a command, not {len(options.recipes)}")
    # The line detector first: it draws lines for the evaluation of the others.
    for name in sorted(options.recipes, key=lambda name: name != LINE_DETECTOR.name):
        folder = train_and_evaluate(
            recipe_of(name),
            Lake.at(options.lake),
            params,
            BenchmarkParams.model_validate_json(options.benchmark),
            out=options.out,
            weights=options.weights,
            commit=options.commit,
            report=_print_progress,
        )
        if _is_first_process():
            print(folder)  # noqa: T201  # a program's output


def program() -> None:
    """The entry point: an error is one line and a non-zero exit."""
    try:
        main()
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        sys.exit(f"python -m pipelines: {explain(error) or error}")
    except KeyboardInterrupt:
        sys.exit("python -m pipelines: interrupted; the same command again resumes")


if __name__ == "__main__":
    program()
