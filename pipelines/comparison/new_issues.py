"""New issues compared with those that the champion learned from, and the titles on which champions are weak.

Writes `drift.json`, which the weekly retraining reads. It also keeps the report, and a digest of all that decides it:
while that is the same, no panel is decoded again.
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
    from pydantic import TypeAdapter

    from pipelines.comparison.drift import DriftReport, InsufficientReference, check_drift, inputs_digest
    from pipelines.training_set import TrainingSet

    champion = next(iter(champions.values()), None)
    as_json = TypeAdapter(DriftReport)
    kept = lake.read_json(lake.drift) if lake.drift.exists() else {}
    report, why_not, made_from = None, "", None
    try:
        training_set = TrainingSet.open(lake, champion.training_set if champion else None, cache=cache)
        inputs = inputs_digest(lake, training_set, params)
        # Files of earlier versions have neither the digest nor the report.
        report = as_json.validate_python(kept["report"]) if kept.get("made_from") == inputs else None
        report = report or check_drift(lake, training_set, params)
        made_from = inputs
    except (FileNotFoundError, InsufficientReference) as error:
        why_not = str(error)
    found = {
        # Few issues make a poor reference: what drifted is shown, and starts no training.
        "is_sure": report is not None and report.false_alarms <= params.false_alarms,
        "training_set": report.training_set if report else None,
        "drifted": {key: list(features) for key, features in report.drifted.items()} if report else {},
    }
    unchanged = {name: kept[name] for name in found if name in kept} == found
    written = {**found, "made_from": made_from, "report": report and as_json.dump_python(report, mode="json")}
    if written != kept:
        lake.write_json(lake.drift, written)
    return DriftResult(report, why_not, _weak_titles(lake, champions), digest_of(found), unchanged)


def _weak_titles(lake: Lake, champions: "Mapping[Track, Champion]") -> "dict[Track, pd.DataFrame]":
    """The scores by title of each champion that has a result on the leaderboard's benchmark."""
    from pipelines.comparison.challenger import champion_boards
    from pipelines.comparison.leaderboards import stored_leaderboards
    from pipelines.comparison.weak_spots import weak_spots
    from pipelines.evaluation.evaluation import RANKING_METRIC, find_evaluation, views_of

    if not champions or not lake.leaderboard.exists():
        return {}
    found = {}
    for board in champion_boards(stored_leaderboards(lake)[0]):
        champion = champions.get(board.track)
        if champion is None:
            continue
        evaluation = find_evaluation(
            lake,
            champion.recipe,
            checkpoint=champion.checkpoint_sha256,
            benchmark=board.benchmark_fingerprint,
            references=board.references_fingerprint,
        )
        if evaluation is not None:
            (view,) = views_of([evaluation], board.references)
            rows = view.unhinted if len(view.unhinted) else evaluation.unhinted
            found[board.track] = weak_spots(rows, RANKING_METRIC).set_index("title")
    return found
