"""Cross-validation: a recipe trained once a fold, so that every picture is evaluated on a colorizer that never saw its
issue. Small titles are evaluated so, never on one or two test issues.

What a recipe builds on (classifiers, drafts, line detectors) is trained on the same fold: else they would have seen the
test pictures. Reads a frozen training set; writes below a work folder, where a fold that is done is kept, so what is
interrupted goes on after it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from models.old_names import with_earlier_names
from models.recipes import Recipe
from pipelines.colorize.load import load_colorizer
from pipelines.comparison.folds import Fold, Folds
from pipelines.comparison.params import CrossValidationParams, FoldParams
from pipelines.comparison.significance import mean_with_interval, paired_difference
from pipelines.evaluation.baselines import BASELINES, build_baseline
from pipelines.evaluation.benchmark import evaluate
from pipelines.evaluation.evaluation import RANKING_METRIC, views_of
from pipelines.evaluation.params import BenchmarkParams
from pipelines.evaluation.tracks import track_of
from pipelines.lake import atomic_write, digest_of
from pipelines.progress import Progress
from pipelines.training.params import TrainingParams
from pipelines.training.registry import with_dependencies
from pipelines.training.run_folder import CHECKPOINT, is_finished
from pipelines.training.workflow import train_with_dependencies
from pipelines.training_set import TrainingSet

EVALUATED_BASELINES = 2
"""The picture itself, and the mean of train; the nearest panel and the truth say nothing new here."""

PERCENT = 100
"""The progress of one fold that is done."""


@dataclass(frozen=True)
class FoldResult:
    """The rows of one fold."""

    fold: int
    folds: int
    rows: pd.DataFrame
    """One a picture, style and colorizer, as `Evaluation.rows`, with the columns `name` and `fold` before."""


def cross_validate(
    recipe: Recipe,
    training_set: TrainingSet,
    params: CrossValidationParams,
    *,
    weights: Path,
    work: Path,
    on_progress: Progress = lambda *_: None,
) -> Iterator[FoldResult]:
    """Trains and evaluates a recipe, beside its baselines, on each fold; yields each fold as it ends.

    Args:
        recipe: The recipe of a colorizer.
        training_set: All of its pictures are tested, each once.
        params: The folds, and the budget of each training.
        weights: The folder of extractors' files, unless the parameters name another one.
        work: A folder for what is under way and for the folds that are done.
        on_progress: Called with the finished percent of all trainings, each fold 100, and the percents of all folds.

    Raises ValueError where there are fewer issues, titles or pictures than folds, and WeightsUnavailable.
    """
    params = params.on_this_machine()
    folds = Folds(training_set, FoldParams(by=params.by, folds=params.folds, seed=params.seed))
    own = {name: value for name, value in params.model_dump().items() if name in TrainingParams.model_fields}
    training = TrainingParams(**own)
    benchmark = BenchmarkParams(
        resolution=params.test_resolution,
        max_pictures=params.max_pictures,
        latency_sides=[],
        page=False,
        extractor="none",
    )
    key = cross_validation_key(recipe, params, training_set.fingerprint)
    for index, fold in enumerate(folds[number] for number in range(len(folds))):
        kept = work / f"{recipe.name}-{key}" / f"fold_{index}.parquet"
        if not kept.exists():
            place, total = PERCENT * index, PERCENT * len(folds)
            rows = _evaluated(
                recipe,
                fold,
                training,
                benchmark,
                weights,
                kept.with_suffix(""),
                lambda share, place=place, total=total: on_progress(place + int(PERCENT * share), total),
            )
            rows.insert(0, "fold", index)
            with atomic_write(kept) as temporary:
                rows.to_parquet(temporary, index=False)
        on_progress(PERCENT * (index + 1), PERCENT * len(folds))
        yield FoldResult(index, len(folds), pd.read_parquet(kept))


def cross_validation_key(recipe: Recipe, params: CrossValidationParams, training_set: str) -> str:
    """A digest of all that a cross-validation hangs on; `training_set` is a fingerprint."""
    # `log_every` changes no result, and keys of earlier versions are without it.
    values = params.model_dump(mode="json", exclude={"log_every"})
    return digest_of([params.code_version, with_earlier_names(recipe.to_json()), values, training_set])[:16]


def _evaluated(
    recipe: Recipe,
    fold: Fold,
    training: TrainingParams,
    benchmark: BenchmarkParams,
    weights: Path,
    work: Path,
    on_share: Callable[[float], None],
) -> pd.DataFrame:
    trained = [*with_dependencies(need.recipe for need in recipe.needs), recipe.name]
    shares = {name: float(is_finished(work / name)) for name in trained}

    def on_step(name: str, share: float) -> None:
        shares[name] = share
        on_share(sum(shares.values()) / len(shares))

    folder = train_with_dependencies(recipe, training, fold, out=work, extractors=weights, commit="", on_step=on_step)
    colorizer = load_colorizer(folder / CHECKPOINT)
    baselines = BASELINES[track_of(colorizer.variant)][:EVALUATED_BASELINES]
    colorizers = [colorizer, *(build_baseline(name, fold, benchmark.resolution) for name in baselines)]
    found = [evaluate(one, fold, benchmark, with_hints=False, work=work / "evaluation") for one in colorizers]
    # Where it takes references, all are compared on the pictures that have some of their own issue.
    views = views_of(found, "same_issue" if found[0].measured_in("same_issue") else "none")
    return (
        pd.concat({view.name: view.rows for view in views}, names=["name"]).reset_index("name").reset_index(drop=True)
    )


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a colorizer (the index), over all folds: the mean CIEDE2000 over all pictures with its 95 % interval,
    and the paired difference to the first baseline, the picture itself, with interval and p-value.
    """
    by_name = {str(name): part for name, part in rows.groupby("name", sort=False)}
    itself = next(names[0] for names in BASELINES.values() if names[0] in by_name)
    table = []
    for name, part in by_name.items():
        mean = mean_with_interval(part, RANKING_METRIC)
        against = paired_difference(part, by_name[itself], RANKING_METRIC)
        table.append(
            {
                "name": name,
                RANKING_METRIC: mean.value,
                "low": mean.low,
                "high": mean.high,
                f"to {itself}": against.value,
                "difference low": against.low,
                "difference high": against.high,
                "p": against.p_value,
                "pictures": mean.pictures,
                "resampled": mean.unit,
            }
        )
    return pd.DataFrame(table).set_index("name").sort_values(RANKING_METRIC)
