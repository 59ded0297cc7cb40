"""The asset `training_set`: the frozen, fingerprinted arrays that one training reads."""

import dagster as dg

from assets.automation import when_inputs_change
from assets.display import counts
from assets.resources import LakeResource
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
def training_set(config: TrainingSetConfig, lake: LakeResource) -> dg.MaterializeResult:
    """The current training set: which arrays, a fingerprint, and a datasheet with titles, licences, counts, drops."""
    from pipelines.training_set import build_training_set

    report = build_training_set(lake.open(), TrainingSetRule(**config.model_dump()))
    return dg.MaterializeResult(
        metadata={
            **counts(report.pictures),
            "fingerprint": report.fingerprint,
            "unchanged": report.unchanged,
            "datasheet": dg.MetadataValue.md(report.markdown),
        },
        data_version=dg.DataVersion(report.fingerprint),
    )
