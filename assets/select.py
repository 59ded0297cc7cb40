"""The assets of the group "select": which panels are kept, and which split each issue is in."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.display import counts, notices, pictures, table_of
from assets.resources import Catalogue, LakeResource
from assets.settings import StandingSettings
from assets.stages import stage_asset
from pipelines.issue_pages.params import FetchParams
from pipelines.params import SplitParams, UniqueParams

if TYPE_CHECKING:
    from pipelines.issue_splits import Lookalikes


@stage_asset("unique_panels")
def unique_panels(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings, catalogue: Catalogue
) -> dg.MaterializeResult:
    """One decision a panel: kept, or dropped and why, and which earlier panel it repeats."""
    from pipelines.previews.decisions import decision_previews
    from pipelines.unique_panels import build_unique_panels

    opened = lake.open()
    terms = catalogue.terms(FetchParams(**settings.of("issue_pages")).licences)
    report = build_unique_panels(
        opened, settings.params(context, UniqueParams), title_order=list(terms.licences), terms=terms
    )
    return dg.MaterializeResult(
        metadata={
            **counts(report.counts),
            "issues": report.issues,
            "unchanged": report.unchanged,
            **pictures(decision_previews(opened)),
        },
        data_version=dg.DataVersion(report.digest),
    )


def _remedy(leaks: "list[Lookalikes]") -> str:
    """What helps: a larger radius against upright lookalikes, and to drop what is mirrored."""
    upright = [leak.distance_bits for leak in leaks if not leak.is_mirrored]
    remedies = [f"raise radius_bits of unique_panels to {max(upright)}"] if upright else []
    if any(leak.is_mirrored for leak in leaks):
        remedies.append("drop the pages of one of each mirrored pair (tintoon drop TITLE__ISSUE:PAGE --keep-copies)")
    return "; ".join(remedies) or "none"


@stage_asset("issue_splits")
def issue_splits(
    context: dg.AssetExecutionContext, lake: LakeResource, settings: StandingSettings
) -> dg.MaterializeResult:
    """Train, val or test for every issue: per title, by issue, sticky."""
    from pipelines.issue_splits import build_issue_splits, check_lookalikes
    from pipelines.previews.decisions import leak_previews, title_previews

    opened = lake.open()
    report = build_issue_splits(opened, settings.params(context, SplitParams))
    leaks = check_lookalikes(opened)
    check = dg.AssetCheckResult(
        passed=not leaks,
        check_name="no_lookalikes_across_splits",
        metadata={
            "leaks": len(leaks),
            "remedy": _remedy(leaks),
            **pictures(leak_previews(opened, leaks)),
        },
    )
    return dg.MaterializeResult(
        metadata={
            **counts(report.counts),
            **counts(report.left_out, "left_out_"),
            "new_issues": report.new_issues,
            **notices(report.notices),
            "unchanged": report.unchanged,
            "splits by title": table_of(report.table),
            **pictures(title_previews(opened)),
        },
        data_version=dg.DataVersion(report.digest),
        check_results=[check],
    )
