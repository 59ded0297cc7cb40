"""New issues compared with those that the champion learned from, and the titles on which champions are weak.

Writes `drift.json`, which the weekly retraining reads.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.comparison.champion import Champion
from pipelines.comparison.params import DriftParams
from pipelines.lake import Lake, digest_of

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.comparison.drift import DriftReport
    from pipelines.evaluation.tracks import Track


@dataclass(frozen=True)
class DriftResult:
    """The comparison of new issues, and the titles on which champions are weak."""

    report: "DriftReport | None"
    """None where there was nothing to compare with."""
    why_not: str
    """The reason where there is no report, else empty."""
    weak: "dict[Track, pd.DataFrame]"
    """By track, the titles of the champion's result on the leaderboard's benchmark, with their scores."""
    digest: str
    unchanged: bool


def compare_new_issues(
    lake: Lake, params: DriftParams, *, champions: "Mapping[Track, Champion]", cache: Path
) -> DriftResult:
    """Compares issues of which the champion's training set has no panel with that set, and writes `drift.json`.

    Before there is a champion, the current training set takes its place. There is no report where there is no
    training set yet, where one of its issues was cut anew, and where it was never in this lake.
    """
    from pipelines.comparison.drift import InsufficientReference, check_drift
    from pipelines.training_set import TrainingSet

    champion = next(iter(champions.values()), None)
    report, why_not = None, ""
    try:
        training_set = TrainingSet.open(lake, champion.training_set if champion else None, cache=cache)
        report = check_drift(lake, training_set, params)
    except (FileNotFoundError, InsufficientReference) as error:
        why_not = str(error)
    found = {
        # Few issues make a poor reference: what drifted is shown, and starts no training.
        "is_sure": report is not None and report.false_alarms <= params.false_alarms,
        "training_set": report.training_set if report else None,
        "drifted": {key: list(features) for key, features in report.drifted.items()} if report else {},
    }
    unchanged = lake.drift.exists() and lake.read_json(lake.drift) == found
    if not unchanged:
        lake.write_json(lake.drift, found)
    return DriftResult(report, why_not, _weak_titles(lake, champions), digest_of(found), unchanged)


def _weak_titles(lake: Lake, champions: "Mapping[Track, Champion]") -> "dict[Track, pd.DataFrame]":
    """The scores by title of each champion that has a result on the leaderboard's benchmark."""
    from pipelines.comparison.leaderboards import stored_leaderboards
    from pipelines.comparison.weak_spots import weak_spots
    from pipelines.evaluation.evaluation import RANKING_METRIC, find_evaluation

    if not champions or not lake.leaderboard.exists():
        return {}
    found = {}
    for board in stored_leaderboards(lake)[0]:
        champion = champions.get(board.track)
        if champion is None:
            continue
        evaluation = find_evaluation(
            lake, champion.recipe, checkpoint=champion.checkpoint_sha256, benchmark=board.benchmark_fingerprint
        )
        if evaluation is not None:
            found[board.track] = weak_spots(evaluation.unhinted, RANKING_METRIC).set_index("title")
    return found
