"""Whether the weekly schedule trains again, and what."""

from dataclasses import dataclass
from pathlib import Path

from assets.registry import CHAMPIONS, Registry
from assets.tracking import Tracking
from assets.trainings import with_needs
from pipelines.lake import Lake
from pipelines.recipes import RECIPES
from pipelines.retraining_rule import RetrainingRule, decide_retraining


@dataclass(frozen=True)
class Retraining:
    """What is trained again; nothing where `reason` says why not."""

    recipes: list[str]
    """With all that they need, each after what it needs."""
    reason: str


def plan_retraining(lake: Lake, rule: RetrainingRule, *, cache: Path, tracking: Tracking) -> Retraining:
    """The champions' recipes and the candidates of the rule, when the training set changed enough since a champion of
    any track was trained, or when nobody was crowned yet.
    """
    from pipelines.training_set import TrainingSet

    if not lake.training_set.exists():
        return Retraining([], "there is no training set yet: materialize it first")
    current = TrainingSet.open(lake, cache=cache).digests("train")
    drifted = lake.read_json(lake.drift)["drifted"] if lake.drift.exists() else {}
    champions = [
        champion for track in CHAMPIONS.values() if (champion := Registry(tracking, track).at("champion")) is not None
    ]
    learned = [
        TrainingSet.open(lake, champion.tags["training_set"], cache=cache).digests("train") for champion in champions
    ]
    decisions = [decide_retraining(one, current, rule, drifted=drifted) for one in learned or [None]]
    again = [decision for decision in decisions if decision.retrain]
    if not again:
        return Retraining([], "; ".join(decision.reason for decision in decisions))
    candidates = [champion.recipe for champion in champions if champion.recipe in RECIPES]
    return Retraining(with_needs(dict.fromkeys([*candidates, *rule.recipes])), again[0].reason)
