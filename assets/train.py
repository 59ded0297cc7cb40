"""The assets of the group "train": one recipe trained is one materialization and one MLflow run."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from assets.display import picture
from assets.progress import progress_of
from assets.resources import Extractors, LakeResource
from assets.settings import StandingSettings
from assets.stages import stage_asset
from assets.tracking.client import Tracking
from assets.tracking.log_classifier_report import log_classifier_report
from assets.tracking.log_training import log_training
from pipelines.training.params import TrainingParams
from pipelines.training.record import TrainingRecord
from pipelines.training.registry import TRAININGS

Report = Callable[[TrainingRecord, LakeResource, Tracking], Mapping[str, Any]]
"""Further metadata of a training asset about what it has trained."""


def training_asset(name: str, *, description: str, report: Report | None = None) -> dg.AssetsDefinition:
    """The asset that trains the recipes of `TRAININGS[name]`."""

    @stage_asset(name, description=description)
    def trained(
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        settings: StandingSettings,
        extractors: Extractors,
        tracking: Tracking,
    ) -> dg.MaterializeResult:
        partition = context.partition_key if context.has_partition_key else None
        record, unchanged = log_training(
            TRAININGS[name][partition],
            settings.params(context, TrainingParams),
            lake=lake.open(),
            cache=lake.cache,
            extractors=extractors.folder,
            tracking=tracking,
            tags=_tags(context.run.run_id, tracking, name, partition),
            on_step=progress_of(context.log),
        )
        return dg.MaterializeResult(
            metadata={
                **_described(record, tracking),
                "unchanged": unchanged,
                **(report(record, lake, tracking) if report else {}),
            },
            data_version=dg.DataVersion(record.checkpoint_sha256),
        )

    return trained


def _tags(run_id: str, tracking: Tracking, asset: str, partition: str | None) -> dict[str, str]:
    """The tags that link an MLflow run to the run of Dagster."""
    return {
        "dagster_run_id": run_id,
        "dagster_run_url": f"{tracking.dagster_ui}/runs/{run_id}",
        "asset": asset,
        **({"partition": partition} if partition else {}),
    }


def _described(record: TrainingRecord, tracking: Tracking) -> dict[str, Any]:
    """A training as metadata, with links to its MLflow run and to those that it depends on."""
    return {
        "mlflow": dg.MetadataValue.url(tracking.url_of(record.mlflow_run_id)),
        **{f"needs_{role}": dg.MetadataValue.url(tracking.url_of(run)) for role, run in record.dependencies.items()},
        **({"extractor": record.extractor} if record.extractor else {}),
        "recipe": record.recipe,
        "best_step": record.best_step,
        **({} if record.best_validation is None else {"best_validation": record.best_validation}),
        "seconds": record.seconds,
        "pictures_seen": record.pictures_seen,
        "seed": record.seed,
        "training_set": record.training_set,
    }


def _report(record: TrainingRecord, lake: LakeResource, tracking: Tracking) -> dict[str, Any]:
    metrics, shown = log_classifier_report(record, lake=lake.open(), cache=lake.cache, tracking=tracking)
    return {**metrics, **{name: picture(rgb, name) for name, rgb in shown.items()}}


title_classifier = training_asset(
    "title_classifier",
    description="A network that tells the title of a panel, with its accuracies, its confusions and its dead features "
    "(paper 000).",
    report=_report,
)


line_detector = training_asset(
    "line_detector",
    description="A network that draws the lines of a picture in colour; the line loss of paper 003 uses it.",
)


draft = training_asset(
    "draft",
    description="The first stage of a two-stage recipe (paper 003): small pictures in colour, which the recipe's "
    "colorizer refines.",
)


colorizer = training_asset(
    "colorizer",
    description="A recipe trained on the current training set. An interrupted training resumes; an unchanged one is "
    "not repeated.",
)
