"""The asset `panels`: an issue's pages cut into panels, size-filtered, marked and hashed."""

import dagster as dg

from assets.display import pictures
from assets.issue_pages import issue_pages
from assets.partitions import issues
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from pipelines.lake import split_issue_key
from pipelines.panels.rule import PanelRule


class PanelConfig(dg.Config, PanelRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """How pages are cut; a title's own settings in titles.yaml come on top."""


@dg.asset(
    partitions_def=issues,
    deps=[issue_pages],
    group_name="1_collect",
    kinds={"opencv", "parquet"},
    owners=["team:data"],
    code_version="1",
)
def panels(
    context: dg.AssetExecutionContext,
    config: PanelConfig,
    lake: LakeResource,
    settings: StandingSettings,
    catalogue: Catalogue,
) -> dg.MaterializeResult:
    """Panels of an issue: stitched, cut at the common background, size-filtered, gray ones marked, hashed."""
    from pipelines.panels.build import build_panels
    from pipelines.previews import preview_cut, preview_panels

    key = context.partition_key
    title = catalogue.titles().get(split_issue_key(key)[0])
    rule = settings.rule("panels", config, PanelRule)
    opened = lake.open()
    report = build_panels(key, opened, title.panel_rule(rule) if title else rule)
    seen = {"cut": preview_cut(opened, key), **preview_panels(opened, key)}
    return dg.MaterializeResult(
        metadata={
            "panels": report.panels,
            "passing": report.kept,
            "too_small": report.too_small,
            "too_large": report.too_large,
            "extreme_aspect": report.extreme_aspect,
            "high_key": report.high_key,
            "low_key": report.low_key,
            "skewed_color": report.skewed_color,
            "gray": report.gray,
            "pages": report.pages,
            "layout": report.layout,
            "unchanged": report.unchanged,
            **pictures(seen),
        },
        data_version=dg.DataVersion(report.digest),
    )
