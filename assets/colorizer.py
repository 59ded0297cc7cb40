"""The asset `colorizer`: one recipe trained on the current training set. One materialization is one MLflow run."""

import dagster as dg

from assets.partitions import recipes
from assets.progress import progress_of
from assets.resources import LakeResource
from assets.settings import StandingSettings
from assets.tracked_training import train_tracked
from assets.tracking import Tracking
from assets.training_set import training_set
from pipelines.recipes import RECIPES
from pipelines.training_rule import TrainingRule


class TrainingConfig(dg.Config, TrainingRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """Size, pace and machine of a training; what is left empty is the recipe's own."""


@dg.asset(
    partitions_def=recipes,
    deps=[training_set],
    pool="gpu",
    group_name="4_train",
    kinds={"torch", "mlflow"},
    owners=["team:models"],
    code_version="1",
)
def colorizer(
    context: dg.AssetExecutionContext,
    config: TrainingConfig,
    lake: LakeResource,
    settings: StandingSettings,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """A recipe trained on the current training set. Killed, it goes on where it was; unchanged, it is left alone."""
    record, unchanged = train_tracked(
        RECIPES[context.partition_key],
        settings.rule("colorizer", config, TrainingRule),
        lake=lake.open(),
        cache=lake.cache,
        tracking=tracking,
        tags={
            "dagster_run_id": context.run.run_id,
            "dagster_run_url": f"{tracking.dagster_ui}/runs/{context.run.run_id}",
            "partition": context.partition_key,
        },
        on_step=progress_of(context.log),
    )
    return dg.MaterializeResult(
        metadata={
            "mlflow": dg.MetadataValue.url(tracking.url_of(record.mlflow_run_id)),
            "best_step": record.best_step,
            "best_validation": record.best_validation,
            "seconds": record.seconds,
            "pictures_seen": record.pictures_seen,
            "seed": record.seed,
            "training_set": record.training_set,
            "unchanged": unchanged,
        },
        data_version=dg.DataVersion(record.checkpoint_sha256),
    )
