"""The assets of the group "train": one recipe trained is one materialization and one MLflow run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from assets.dataset import training_set
from assets.display import pictures
from assets.partitions import classifiers, recipes, recipes_with_draft
from assets.resources import Extractors, LakeResource
from assets.settings import StandingSettings
from assets.tracking.client import Tracking
from assets.tracking.log_classifier_report import log_classifier_report
from assets.tracking.log_training import log_training
from pipelines.progress import progress_of
from pipelines.training.params import TrainingParams
from pipelines.training.registry import TRAININGS
from pipelines.training.store import TrainedRecord


def dependency_links(asset: str) -> Sequence[dg.AssetDep]:
    """What the trainings of an asset need: each partition of another asset leads to the partitions that need it."""
    links = {other: _links(other, asset) for other in TRAININGS}
    return [
        dg.AssetDep(other, partition_mapping=None if None in TRAININGS[other] else dg.StaticPartitionMapping(found))
        for other, found in links.items()
        if found
    ]


def _links(needed: str, asset: str) -> dict[str, list[str]]:
    """Partitions of `asset` by the partition of `needed` that they need."""
    links = {
        str(partition): [
            str(key) for key, recipe in TRAININGS[asset].items() if any(n.recipe == trained.name for n in recipe.needs)
        ]
        for partition, trained in TRAININGS[needed].items()
    }
    return {partition: keys for partition, keys in links.items() if keys}


Report = Callable[[TrainedRecord, LakeResource, Tracking], Mapping[str, Any]]
"""What else a training asset has to say about what it has trained, as metadata."""


class TrainingConfig(dg.Config, TrainingParams):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
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
        deps=[training_set, *dependency_links(name)],
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
        record, unchanged = log_training(
            TRAININGS[name][partition],
            settings.params(name, config, TrainingParams),
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


def _report(record: TrainedRecord, lake: LakeResource, tracking: Tracking) -> dict[str, Any]:
    metrics, shown = log_classifier_report(record, lake=lake.open(), cache=lake.cache, tracking=tracking)
    return {**metrics, **pictures(shown)}


title_classifier = training_asset(
    "title_classifier",
    description="A network that tells the title of a panel, with its accuracies, its confusions and its dead features "
    "(paper 000).",
    partitions_def=classifiers,
    report=_report,
)


line_detector = training_asset(
    "line_detector",
    description="A network that draws the lines of a picture in colour; the line loss of paper 003 looks through it.",
)


draft = training_asset(
    "draft",
    description="The first stage of a two-stage recipe (paper 003): small pictures in colour, which the recipe's "
    "colorizer refines.",
    partitions_def=recipes_with_draft,
)


colorizer = training_asset(
    "colorizer",
    description="A recipe trained on the current training set. Killed, it goes on where it was; unchanged, it is "
    "left alone.",
    partitions_def=recipes,
)
