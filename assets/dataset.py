"""The assets of the group "dataset": the inputs of colorizers, the frozen training set, and references by title."""

import dagster as dg

from assets.display import counts, pictures
from assets.progress import progress_of
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from assets.stages import stage_asset
from pipelines.colorize.params import ReferencesParams
from pipelines.issue_pages.params import FetchParams
from pipelines.params import TrainingSetParams, VariantParams

DESCRIPTIONS = {
    "gray": "Gray pictures of a split, as arrays at the training resolutions.",
    "edge": "Canny edges of a split, as arrays at the training resolutions.",
    "line": "Line art of a split in five styles (XDoG at three sigmas, dilate-abs-sub at two kernels; paper 003).",
}


def variant_asset(kind: str) -> dg.AssetsDefinition:
    """The asset of one kind of variant."""

    @stage_asset(f"{kind}_panels", description=DESCRIPTIONS[kind])
    def panels_of_split(
        context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings
    ) -> dg.MaterializeResult:
        from pipelines.previews.variants import variant_previews
        from pipelines.variants import build_variant

        split, opened = context.partition_key, lake.open()
        report = build_variant(kind, split, opened, settings.params(context, VariantParams), cache=lake.cache)
        return dg.MaterializeResult(
            metadata={
                "pictures": report.pictures,
                **counts(report.pictures_by_title, "pictures_"),
                "bytes": report.size_bytes,
                "unchanged": report.unchanged,
                **pictures(variant_previews(kind, split, opened, cache=lake.cache)),
            },
            data_version=dg.DataVersion(report.digest),
        )

    return panels_of_split


gray_panels = variant_asset("gray")
edge_panels = variant_asset("edge")
line_panels = variant_asset("line")


@stage_asset("training_set")
def training_set(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings, catalogue: Catalogue
) -> dg.MaterializeResult:
    """The current training set: which arrays, a fingerprint, and a datasheet with titles, licences, counts, drops."""
    from pipelines.issue_splits import check_lookalikes
    from pipelines.training_set import build_training_set

    # The check stops its own run only. No other run may freeze a leak either.
    if leaks := check_lookalikes(lake.open()):
        raise dg.Failure(f"{len(leaks)} panels look like one of another split: see the check of issue_splits")
    report = build_training_set(
        lake.open(),
        settings.params(context, TrainingSetParams),
        sources={key: title.source for key, title in catalogue.titles().items()},
        terms=catalogue.terms(FetchParams(**settings.of("issue_pages")).licences),
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


@stage_asset("references")
def references(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings
) -> dg.MaterializeResult:
    """The coloured panels of a title as an index to take colours from: features by place, and colours; no pictures."""
    from pipelines.colorize.title_references import build_title_references, reference_previews

    title, opened = context.partition_key, lake.open()
    params = settings.params(context, ReferencesParams)
    report = build_title_references(opened, title, params, cache=lake.cache, on_panel=progress_of(context.log))
    return dg.MaterializeResult(
        metadata={
            **counts(report.panels, "panels_"),
            "kept panels of the title": report.kept_panels,
            "limit": params.max_panels,
            "variants": ", ".join(params.variants),
            "added": report.added,
            "removed": report.removed,
            "bytes": report.size_bytes,
            "unchanged": report.unchanged,
            **pictures(reference_previews(opened, title, report, cache=lake.cache)),
        },
        data_version=dg.DataVersion(report.digest),
    )
