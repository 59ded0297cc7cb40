"""A cross-validation with its MLflow run: each fold a step of the curves, the pooled rows an artifact."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.tracking.client import Tracking
from assets.tracking.registry import registry_lock
from models.recipes import RECIPES
from pipelines.comparison.params import CrossValidationParams
from pipelines.lake import Lake
from pipelines.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

EXPERIMENT = "cross_validations"
"""Beside the runs of trainings, so that these stay comparable."""


@dataclass(frozen=True)
class CrossValidated:
    """The result of a cross-validation."""

    table: "pd.DataFrame"
    """A row a colorizer: mean, interval, and its difference to the picture itself."""
    folds: int
    pictures: int
    url: str
    digest: str
    unchanged: bool


def log_cross_validation(
    name: str,
    params: CrossValidationParams,
    *,
    lake: Lake,
    cache: Path,
    extractors: Path,
    tracking: Tracking,
    on_fold: Progress,
) -> CrossValidated:
    """Cross-validates a recipe on the current training set, or returns the stored result.

    `on_fold` is called with percents, 100 for each fold: also while a fold is trained.

    Writes `cross_validations/<recipe>/<digest>.parquet`, the rows of all folds.
    """
    import pandas as pd
    import pyarrow as pa

    from pipelines.comparison.cross_validation import cross_validate, cross_validation_key
    from pipelines.evaluation.metrics.definitions import METRICS
    from pipelines.training_set import TrainingSet

    recipe = RECIPES[name]
    training_set = TrainingSet.open(lake, cache=cache)
    params = params.on_this_machine()
    digest = cross_validation_key(recipe, params, training_set.fingerprint)
    folder = lake.root / "cross_validations" / name
    path, record = folder / f"{digest}.parquet", folder / f"{digest}.json"

    def stored() -> CrossValidated | None:
        run_id = lake.read_json(record)["mlflow_run_id"] if record.exists() else None
        if run_id is None or not tracking.has(run_id):
            return None
        return _summary(lake.read_table(path).to_pandas(), tracking, run_id, digest, unchanged=True)

    if found := stored():
        return found
    work = cache / "cross_validation"
    folds = cross_validate(recipe, training_set, params, weights=extractors, work=work, on_progress=on_fold)
    rows = pd.concat([fold.rows for fold in folds], ignore_index=True)
    with registry_lock(cache):
        if found := stored():  # another process was faster
            return found
        run = tracking.start(
            f"{name} ({params.by})",
            experiment=EXPERIMENT,
            digest=digest,
            parameters={"recipe": name, **params.model_dump(mode="json", exclude_none=True)},
            tags={"training_set": training_set.fingerprint, "recipe": name},
        )
        for (fold, one), part in rows.groupby(["fold", "name"], sort=False):
            means = part[list(METRICS)].mean().dropna()
            run.results({f"{one}/{metric}": value for metric, value in means.items()}, step=int(str(fold)))
        run.table(rows, "per_picture.parquet")
        found = _summary(rows, tracking, run.run_id, digest, unchanged=False)
        run.table(found.table.reset_index(), "summary.parquet")
        run.end()
        lake.write_table(path, pa.Table.from_pandas(rows, preserve_index=False), made_from=digest)
        lake.write_json(record, {"mlflow_run_id": run.run_id, "params": params.model_dump(mode="json")})
    return found


def _summary(rows: "pd.DataFrame", tracking: Tracking, run_id: str, digest: str, *, unchanged: bool) -> CrossValidated:
    from pipelines.comparison.cross_validation import summary

    return CrossValidated(
        table=summary(rows),
        folds=int(rows["fold"].nunique()),
        pictures=int(rows["panel_id"].nunique()),
        url=tracking.url_of(run_id, experiment=EXPERIMENT),
        digest=digest,
        unchanged=unchanged,
    )
