"""The asset `cross_validation`: a recipe trained once a fold, so that every picture is judged unseen."""

import dagster as dg

from assets.display import table_of
from assets.partitions import recipes
from assets.progress import progress_of
from assets.resources import Extractors, LakeResource
from assets.settings import StandingSettings
from assets.tracked_cross_validation import cross_validate_tracked
from assets.tracking import Tracking
from assets.training_set import training_set
from pipelines.cross_validation_rule import CrossValidationRule


class CrossValidationConfig(dg.Config, CrossValidationRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """The folds, and the budget of each training."""


@dg.asset(
    partitions_def=recipes,
    deps=[training_set],
    pool="gpu",
    group_name="5_compare",
    kinds={"torch", "mlflow"},
    owners=["team:models"],
    code_version="1",
)
def cross_validation(
    context: dg.AssetExecutionContext,
    config: CrossValidationConfig,
    lake: LakeResource,
    settings: StandingSettings,
    extractors: Extractors,
    tracking: Tracking,
) -> dg.MaterializeResult:
    """Each picture judged by a colorizer that never saw its issue (or its title): how small titles are compared."""
    found = cross_validate_tracked(
        context.partition_key,
        settings.rule("cross_validation", config, CrossValidationRule),
        lake=lake.open(),
        cache=lake.cache,
        extractors=extractors.folder,
        tracking=tracking,
        on_fold=progress_of(context.log),
    )
    return dg.MaterializeResult(
        metadata={
            "mlflow": dg.MetadataValue.url(found.url),
            "folds": found.folds,
            "pictures": found.pictures,
            "unchanged": found.unchanged,
            "results": table_of(found.table),
        },
        data_version=dg.DataVersion(found.digest),
    )
