"""Whether the weekly schedule trains again, and what."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.tracking.client import Tracking
from assets.tracking.registry import CHAMPIONS, Registry
from models.recipes import RECIPES
from pipelines.comparison.params import RetrainingParams
from pipelines.comparison.retraining import RetrainingDecision, decide_retraining
from pipelines.lake import Lake
from pipelines.training.registry import with_dependencies
from pipelines.training.store import read_record, record_path

if TYPE_CHECKING:
    from pipelines.training_set import TrainingSet


@dataclass(frozen=True)
class Retraining:
    """What is trained again; nothing where `reason` says why not."""

    recipes: list[str]
    """With all that they need, each after what it needs."""
    reason: str


def plan_retraining(lake: Lake, params: RetrainingParams, *, cache: Path, tracking: Tracking) -> Retraining:
    """The champions' recipes and the candidates of the rule, when the training set changed enough since all of these
    last learned from one and were judged; before that, since a champion of any track was trained, or when nobody was
    crowned yet.
    """
    from pipelines.training_set import TrainingSet

    if not lake.training_set.exists():
        return Retraining([], "there is no training set yet: materialize it first")
    current = TrainingSet.open(lake, cache=cache)
    champions = [
        champion for track in CHAMPIONS.values() if (champion := Registry(tracking, track).at("champion")) is not None
    ]
    candidates = [champion.recipe for champion in champions if champion.recipe in RECIPES]
    wanted = with_dependencies(dict.fromkeys([*candidates, *params.recipes]))
    # Whoever was tried on newer pictures and kept out need not be tried again for the same ones.
    tried = _learned_from(wanted, lake)
    origins = {tried: "these recipes"} if tried else {one.tags["training_set"]: one.recipe for one in champions}
    decisions = [_decide(origin, who, current, params, lake, cache) for origin, who in origins.items()]
    if not origins:
        decisions = [decide_retraining(None, current.digests("train"), params)]
    again = [decision for decision in decisions if decision.retrain]
    if not again:
        return Retraining([], "; ".join(decision.reason for decision in decisions))
    return Retraining(wanted, again[0].reason)


def _decide(
    origin: str, who: str, current: "TrainingSet", params: RetrainingParams, lake: Lake, cache: Path
) -> RetrainingDecision:
    from pipelines.training_set import TrainingSet

    try:
        learned = TrainingSet.open(lake, origin, cache=cache).digests("train")
    except FileNotFoundError as error:
        return RetrainingDecision(True, f"nobody knows what {who} learned from: {error}")
    drifted: dict[str, list[str]] = {}
    if lake.drift.exists() and lake.read_json(lake.drift)["is_sure"]:
        drifted = lake.read_json(lake.drift)["drifted"]
    return decide_retraining(learned, current.digests("train"), params, drifted=drifted)


def _learned_from(names: list[str], lake: Lake) -> str | None:
    """The fingerprint of the training set that the current checkpoints of all these recipes learned from, each judged
    if it colorizes; None where there is no such one.
    """
    found = set()
    for name in names:
        if not record_path(lake, name).exists():
            return None
        record = read_record(lake, name)
        latest = lake.evaluations(name) / "latest.json"
        is_evaluated = latest.exists() and lake.read_json(latest)["checkpoint_digest"] == record.checkpoint_sha256
        if not is_evaluated and name in RECIPES:
            return None
        found.add(record.training_set)
    return found.pop() if len(found) == 1 else None
