"""New issues held against what the champion learned from; the result is in the lake, for the weekly retraining."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.tracking.client import Tracking
from assets.tracking.registry import CHAMPIONS, Registry
from pipelines.comparison.params import DriftParams
from pipelines.lake import Lake, digest_of

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.comparison.drift import DriftReport


@dataclass(frozen=True)
class DriftResult:
    """What the comparison found, and the titles on which champions are weak."""

    report: "DriftReport | None"
    """None where there was nothing to compare with."""
    why_not: str
    weak: "dict[str, pd.DataFrame]"
    """By track, the titles of the champion's benchmark with their scores; none where nobody was crowned."""
    digest: str
    unchanged: bool


def compare_new_issues(lake: Lake, params: DriftParams, *, cache: Path, tracking: Tracking) -> DriftResult:
    """Compares issues that the champion's training set has nothing of with that set; before a champion, the current
    one. Writes `drift.json`.

    That set may not say what is usual: there is none yet, an issue of it was cut anew, or it was never in this lake.
    """
    from pipelines.comparison.drift import InsufficientReference, check_drift
    from pipelines.training_set import TrainingSet

    champion = next(filter(None, (Registry(tracking, track).at("champion") for track in CHAMPIONS.values())), None)
    report, why_not = None, ""
    try:
        training_set = TrainingSet.open(lake, champion.tags["training_set"] if champion else None, cache=cache)
        report = check_drift(lake, training_set, params)
    except (FileNotFoundError, InsufficientReference) as error:
        why_not = str(error)
    found = {
        # Few issues do not say what is usual: what drifted is shown, and starts no training.
        "is_sure": report is not None and report.false_alarms <= params.false_alarms,
        "training_set": report.training_set if report else None,
        "drifted": {key: list(features) for key, features in report.drifted.items()} if report else {},
    }
    unchanged = lake.drift.exists() and lake.read_json(lake.drift) == found
    if not unchanged:
        lake.write_json(lake.drift, found)
    return DriftResult(report, why_not, _weak_spots(lake, tracking), digest_of(found), unchanged)


def _weak_spots(lake: Lake, tracking: Tracking) -> "dict[str, pd.DataFrame]":
    from pipelines.comparison.weak_spots import weak_spots
    from pipelines.evaluation.evaluation import RANKING_METRIC, find_evaluation

    found = {}
    for track in CHAMPIONS.values():
        champion = Registry(tracking, track).at("champion")
        if champion is None:
            continue
        evaluation = find_evaluation(
            lake, champion.recipe, checkpoint=champion.sha256, benchmark=champion.tags["benchmark"]
        )
        if evaluation is not None:
            found[track] = weak_spots(evaluation.unhinted, RANKING_METRIC).set_index("title")
    return found
