"""The assets of the group "select": which panels are kept, and which split each issue is in."""

import dagster as dg

from assets.collect import panels
from assets.display import counts, pictures, table_of
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from pipelines.params import SplitParams, UniqueParams


class UniqueConfig(dg.Config, UniqueParams):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
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
        opened, settings.params("unique_panels", config, UniqueParams), title_order=list(catalogue.titles())
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


MIN_CORRELATION = 0.99


class SplitConfig(dg.Config, SplitParams):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """The goals of the split."""


@dg.asset(
    deps=[unique_panels],
    group_name="2_select",
    kinds={"pandas", "parquet"},
    owners=["team:data"],
    code_version="1",
    check_specs=[
        dg.AssetCheckSpec(
            "no_lookalikes_across_splits",
            asset="issue_splits",
            blocking=True,
            description="No kept panel looks like one of another split, by colour thumbnails (not by the hash).",
        )
    ],
)
def issue_splits(config: SplitConfig, lake: LakeResource, settings: StandingSettings) -> dg.MaterializeResult:
    """Train, val or test for every issue: per title, by issue, sticky."""
    from pipelines.issue_splits import build_issue_splits, lookalikes_across_splits
    from pipelines.previews import preview_leaks, preview_titles

    opened = lake.open()
    report = build_issue_splits(opened, settings.params("issue_splits", config, SplitParams))
    leaks = lookalikes_across_splits(opened, min_correlation=MIN_CORRELATION)
    check = dg.AssetCheckResult(
        passed=not leaks,
        check_name="no_lookalikes_across_splits",
        metadata={
            "leaks": len(leaks),
            "remedy": f"raise radius_bits of unique_panels to {max(leak.distance_bits for leak in leaks)}"
            if leaks
            else "none",
            **pictures(preview_leaks(opened, leaks)),
        },
    )
    return dg.MaterializeResult(
        metadata={
            **counts(report.counts),
            "new_issues": report.new_issues,
            "unchanged": report.unchanged,
            "splits by title": table_of(report.table),
            **pictures(preview_titles(opened)),
        },
        data_version=dg.DataVersion(report.digest),
        check_results=[check],
    )
