"""The asset `training_set`: the frozen, fingerprinted arrays that one training reads."""

import dagster as dg

from assets.automation import when_inputs_change
from assets.display import counts
from assets.issue_splits import LEAST_CORRELATION
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from assets.variants import edge_panels, gray_panels, line_panels
from pipelines.training_set import TrainingSetRule


class TrainingSetConfig(dg.Config, TrainingSetRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """What a training set must have."""


@dg.asset(
    deps=[gray_panels, edge_panels, line_panels],
    group_name="3_variants",
    kinds={"numpy", "json"},
    owners=["team:data"],
    code_version="1",
    automation_condition=when_inputs_change,
)
def training_set(
    config: TrainingSetConfig, lake: LakeResource, settings: StandingSettings, catalogue: Catalogue
) -> dg.MaterializeResult:
    """The current training set: which arrays, a fingerprint, and a datasheet with titles, licences, counts, drops."""
    from pipelines.issue_splits import lookalikes_across_splits
    from pipelines.training_set import build_training_set

    # The check blocks its own run only. A leak must not be frozen by another one either.
    if leaks := lookalikes_across_splits(lake.open(), least_correlation=LEAST_CORRELATION):
        raise dg.Failure(f"{len(leaks)} panels look like one of another split: see the check of issue_splits")
    report = build_training_set(
        lake.open(),
        settings.rule("training_set", config, TrainingSetRule),
        sources={key: title.source for key, title in catalogue.titles().items()},
    )
    return dg.MaterializeResult(
        metadata={
            **counts(report.pictures),
            "fingerprint": report.fingerprint,
            "unchanged": report.unchanged,
            "datasheet": dg.MetadataValue.md(report.markdown),
        },
        data_version=dg.DataVersion(report.fingerprint),
    )
