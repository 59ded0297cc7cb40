"""Whether the weekly schedule trains again, and what."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.registry import CHAMPIONS, Registry, Version
from assets.tracking import Tracking
from assets.trained import read_record, record_path
from assets.trainings import with_needs
from pipelines.lake import Lake
from pipelines.recipes import RECIPES
from pipelines.retraining_rule import RetrainingDecision, RetrainingRule, decide_retraining

if TYPE_CHECKING:
    from pipelines.training_set import TrainingSet


@dataclass(frozen=True)
class Retraining:
    """What is trained again; nothing where `reason` says why not."""

    recipes: list[str]
    """With all that they need, each after what it needs."""
    reason: str


def plan_retraining(lake: Lake, rule: RetrainingRule, *, cache: Path, tracking: Tracking) -> Retraining:
    """The champions' recipes and the candidates of the rule, when the training set changed enough since a champion of
    any track was trained, or when nobody was crowned yet; nothing where all of them learned from it already.
    """
    from pipelines.training_set import TrainingSet

    if not lake.training_set.exists():
        return Retraining([], "there is no training set yet: materialize it first")
    current = TrainingSet.open(lake, cache=cache)
    champions = [
        champion for track in CHAMPIONS.values() if (champion := Registry(tracking, track).at("champion")) is not None
    ]
    decisions = [_decide(champion, current, rule, lake, cache) for champion in champions or [None]]
    again = [decision for decision in decisions if decision.retrain]
    if not again:
        return Retraining([], "; ".join(decision.reason for decision in decisions))
    candidates = [champion.recipe for champion in champions if champion.recipe in RECIPES]
    wanted = with_needs(dict.fromkeys([*candidates, *rule.recipes]))
    if all(_has_learned_from(name, current.fingerprint, lake) for name in wanted):
        learned = f"{', '.join(wanted)} learned from the current training set already"
        return Retraining([], f"{learned} ({again[0].reason})")
    return Retraining(wanted, again[0].reason)


def _decide(
    champion: Version | None, current: "TrainingSet", rule: RetrainingRule, lake: Lake, cache: Path
) -> RetrainingDecision:
    from pipelines.training_set import TrainingSet

    learned = None
    if champion is not None:
        try:
            learned = TrainingSet.open(lake, champion.tags["training_set"], cache=cache).digests("train")
        except FileNotFoundError as error:
            return RetrainingDecision(True, f"nobody knows what {champion.recipe} learned from: {error}")
    drifted = lake.read_json(lake.drift)["drifted"] if lake.drift.exists() else {}
    return decide_retraining(learned, current.digests("train"), rule, drifted=drifted)


def _has_learned_from(name: str, training_set: str, lake: Lake) -> bool:
    """Whether the current checkpoint of a recipe was trained on it, and judged if it colorizes."""
    if not record_path(lake, name).exists():
        return False
    record = read_record(lake, name)
    latest = lake.evaluations(name) / "latest.json"
    is_judged = latest.exists() and lake.read_json(latest)["checkpoint_digest"] == record.checkpoint_sha256
    return record.training_set == training_set and (is_judged or name not in RECIPES)
