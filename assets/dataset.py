"""The assets of the group "dataset": what a colorizer sees of each panel, and the frozen training set."""

import dagster as dg

from assets.automation import when_inputs_change
from assets.display import counts, pictures
from assets.partitions import splits
from assets.resources import Catalogue, LakeResource
from assets.select import MIN_CORRELATION, issue_splits
from assets.settings import StandingSettings
from pipelines.params import TrainingSetParams, VariantParams

DESCRIPTIONS = {
    "gray": "Gray pictures of a split, as arrays at the training resolutions.",
    "edge": "Canny edges of a split, as arrays at the training resolutions.",
    "line": "Line art of a split in five styles (XDoG at three sigmas, dilate-abs-sub at two kernels; paper 003).",
}


class VariantConfig(dg.Config, VariantParams):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """Resolutions, and the parameters of edges and lines."""


def variant_asset(kind: str) -> dg.AssetsDefinition:
    """The asset of one kind of variant."""

    @dg.asset(
        name=f"{kind}_panels",
        description=DESCRIPTIONS[kind],
        partitions_def=splits,
        deps=[issue_splits],
        group_name="3_variants",
        kinds={"opencv", "numpy"},
        owners=["team:data"],
        code_version="1",
        automation_condition=when_inputs_change,
    )
    def panels_of_split(
        context: dg.AssetExecutionContext, config: VariantConfig, lake: LakeResource, settings: StandingSettings
    ) -> dg.MaterializeResult:
        from pipelines.previews import preview_variant
        from pipelines.variants import build_variant

        split, opened = context.partition_key, lake.open()
        report = build_variant(
            kind, split, opened, settings.params(f"{kind}_panels", config, VariantParams), cache=lake.cache
        )
        seen = preview_variant(kind, split, opened, cache=lake.cache)
        return dg.MaterializeResult(
            metadata={
                "pictures": report.pictures,
                **counts(report.pictures_by_title, "pictures_"),
                "bytes": report.size_bytes,
                "unchanged": report.unchanged,
                **pictures(seen),
            },
            data_version=dg.DataVersion(report.digest),
        )

    return panels_of_split


gray_panels = variant_asset("gray")
edge_panels = variant_asset("edge")
line_panels = variant_asset("line")


class TrainingSetConfig(dg.Config, TrainingSetParams):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
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
    if leaks := lookalikes_across_splits(lake.open(), min_correlation=MIN_CORRELATION):
        raise dg.Failure(f"{len(leaks)} panels look like one of another split: see the check of issue_splits")
    report = build_training_set(
        lake.open(),
        settings.params("training_set", config, TrainingSetParams),
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
