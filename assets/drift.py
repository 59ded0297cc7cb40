"""The asset `drift`: whether new issues look like what the champion learned from, and where it is weak."""

import dagster as dg

from assets.display import picture, table_of
from assets.drifted import compare_new_issues
from assets.resources import LakeResource
from assets.settings import StandingSettings
from assets.tracking import Tracking
from assets.unique_panels import unique_panels
from pipelines.drift_rule import DriftRule


class DriftConfig(dg.Config, DriftRule):  # pyright: ignore[reportGeneralTypeIssues]  # dg.Config is not frozen
    """What counts as unlike."""


@dg.asset(
    deps=[unique_panels],
    group_name="5_compare",
    kinds={"opencv"},
    owners=["team:models"],
    code_version="1",
)
def drift(
    config: DriftConfig, lake: LakeResource, settings: StandingSettings, tracking: Tracking
) -> dg.MaterializeResult:
    """New issues against what the champion learned from, in colour, style and lines; titles on which it is weak."""
    found = compare_new_issues(
        lake.open(), settings.rule("drift", config, DriftRule), cache=lake.cache, tracking=tracking
    )
    weak = {f"{track}: weak spots": table_of(table) for track, table in found.weak.items()}
    if found.report is None:
        return dg.MaterializeResult(metadata={"not compared": found.why_not, "unchanged": found.unchanged, **weak})
    return dg.MaterializeResult(
        metadata={
            "new issues": len(found.report.issues),
            "drifted": len(found.report.drifted),
            "unchanged": found.unchanged,
            "distances": dg.MetadataValue.md(found.report.to_markdown()),
            **({"picture": picture(found.report.picture(), "distances")} if found.report.issues else {}),
            **weak,
        },
        data_version=dg.DataVersion(found.digest),
    )
