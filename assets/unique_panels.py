"""The asset `unique_panels`: one decision for every panel of every issue."""

import dagster as dg

from assets.display import counts, pictures
from assets.panels import panels
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from pipelines.unique_panels import UniqueRule


class UniqueConfig(dg.Config, UniqueRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """How alike two panels must be to count as the same."""


@dg.asset(
    deps=[panels],
    group_name="2_select",
    kinds={"imagehash", "parquet"},
    owners=["team:data"],
    code_version="1",
)
def unique_panels(
    config: UniqueConfig, lake: LakeResource, settings: StandingSettings, catalogue: Catalogue
) -> dg.MaterializeResult:
    """One decision a panel: kept, or dropped and why, and which earlier panel it repeats."""
    from pipelines.previews import preview_decisions
    from pipelines.unique_panels import build_unique_panels

    opened = lake.open()
    report = build_unique_panels(
        opened, settings.rule("unique_panels", config, UniqueRule), title_order=list(catalogue.titles())
    )
    return dg.MaterializeResult(
        metadata={
            **counts(report.counts),
            "issues": report.issues,
            "unchanged": report.unchanged,
            **pictures(preview_decisions(opened)),
        },
        data_version=dg.DataVersion(report.digest),
    )
