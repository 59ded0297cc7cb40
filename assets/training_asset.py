"""What the four training assets share: their settings, their body, and how they are declared."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from assets.progress import progress_of
from assets.resources import Extractors, LakeResource
from assets.settings import StandingSettings
from assets.tracked_training import train_tracked
from assets.tracking import Tracking
from assets.trained import TrainedRecord
from assets.training_set import training_set
from assets.trainings import TRAININGS, needed_deps
from pipelines.training_rule import TrainingRule

Report = Callable[[TrainedRecord, LakeResource, Tracking], Mapping[str, Any]]
"""What else a training asset has to say about what it has trained, as metadata."""


class TrainingConfig(dg.Config, TrainingRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """Size, pace and machine of a training; what is left empty is the recipe's own."""


def training_asset(
    name: str,
    *,
    description: str,
    partitions_def: dg.PartitionsDefinition | None = None,
    report: Report | None = None,
) -> dg.AssetsDefinition:
    """An asset that trains the recipes of `TRAININGS[name]`, each after what it needs. All share the pool `gpu`."""

    @dg.asset(
        name=name,
        description=description,
        partitions_def=partitions_def,
        deps=[training_set, *needed_deps(name)],
        pool="gpu",
        group_name="4_train",
        kinds={"torch", "mlflow"},
        owners=["team:models"],
        code_version="1",
    )
    def trained(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        lake: LakeResource,
        settings: StandingSettings,
        extractors: Extractors,
        tracking: Tracking,
    ) -> dg.MaterializeResult:
        partition = context.partition_key if context.has_partition_key else None
        record, unchanged = train_tracked(
            TRAININGS[name][partition],
            settings.rule(name, config, TrainingRule),
            lake=lake.open(),
            cache=lake.cache,
            extractors=extractors.folder,
            tracking=tracking,
            tags={
                "dagster_run_id": context.run.run_id,
                "dagster_run_url": f"{tracking.dagster_ui}/runs/{context.run.run_id}",
                "asset": name,
                **({"partition": partition} if partition else {}),
            },
            on_step=progress_of(context.log),
        )
        return dg.MaterializeResult(
            metadata={
                "mlflow": dg.MetadataValue.url(tracking.url_of(record.mlflow_run_id)),
                **{f"needs_{role}": dg.MetadataValue.url(tracking.url_of(run)) for role, run in record.needs.items()},
                **({"extractor": record.extractor} if record.extractor else {}),
                "recipe": record.recipe,
                "best_step": record.best_step,
                "best_validation": record.best_validation,
                "seconds": record.seconds,
                "pictures_seen": record.pictures_seen,
                "seed": record.seed,
                "training_set": record.training_set,
                "unchanged": unchanged,
                **(report(record, lake, tracking) if report else {}),
            },
            data_version=dg.DataVersion(record.checkpoint_sha256),
        )

    return trained
