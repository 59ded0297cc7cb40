"""The asset `title_classifier`: networks that tell a panel's title, on which recipes of paper 000 build."""

from typing import Any

from assets.display import pictures
from assets.partitions import classifiers
from assets.resources import LakeResource
from assets.tracked_report import report_tracked
from assets.tracking import Tracking
from assets.trained import TrainedRecord
from assets.training_asset import training_asset


def _report(record: TrainedRecord, lake: LakeResource, tracking: Tracking) -> dict[str, Any]:
    metrics, shown = report_tracked(record, lake=lake.open(), cache=lake.cache, tracking=tracking)
    return {**metrics, **pictures(shown)}


title_classifier = training_asset(
    "title_classifier",
    description="A network that tells the title of a panel, with its accuracies, its confusions and its dead features "
    "(paper 000).",
    partitions_def=classifiers,
    report=_report,
)
