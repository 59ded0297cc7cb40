"""The plan of the weekly schedule: the recipes to train again, and the reason.

A colorizer is trained again when the pictures that it would learn from have changed enough since it was trained, or
when new issues look unlike them (see `drift`). Otherwise a training would give the same again, at full cost.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from models.recipes import RECIPES
from pipelines.comparison.champion import Champion
from pipelines.comparison.params import RetrainingParams
from pipelines.lake import Lake
from pipelines.training.registry import trained_by, with_dependencies
from pipelines.training.store import is_trained, read_record

if TYPE_CHECKING:
    from pipelines.training_set import TrainingSet

MAX_FAILURES = 2
"""A recipe that failed so often on one training set is left out until the training set changes."""


@dataclass(frozen=True)
class Retraining:
    """The recipes to train again."""

    recipes: list[str]
    """With all that they need, each after what it needs; empty where nothing is to be trained."""
    reason: str
    """One sentence for people, with the numbers."""


class RetrainingDecision(NamedTuple):
    """A decision on retraining, with its reason."""

    retrain: bool
    reason: str
    """One sentence for people, with the numbers."""


def plan_retraining(
    lake: Lake,
    params: RetrainingParams,
    *,
    champions: Iterable[Champion],
    cache: Path,
    failed: Mapping[str, tuple[str, int]] | None = None,
) -> Retraining:
    """Plans the champions' recipes and the candidates of the settings, when the training set has changed enough.

    The change is counted from the training set that all of these recipes last learned from and were evaluated after;
    where there is no such one, from that of each champion.

    Args:
        lake: Holds the training sets, the records of trainings and the result of the drift check.
        params: The candidates, and how large a change is enough.
        champions: The colorizers that are served, of all tracks.
        cache: A local folder for arrays of a remote lake.
        failed: By recipe, the fingerprint of the training set on which its last trainings failed, and how many of them
            did one after the other. From MAX_FAILURES on the current training set on, the recipe, and every recipe
            that needs it, is left out.
    """
    from pipelines.training_set import TrainingSet

    if not lake.training_set.exists():
        return Retraining([], "there is no training set yet: materialize it first")
    current = TrainingSet.open(lake, cache=cache)
    champions = list(champions)
    candidates = dict.fromkeys([*(one.recipe for one in champions if one.recipe in RECIPES), *params.recipes])
    failing = {
        recipe: times
        for recipe, (training_set, times) in (failed or {}).items()
        if training_set == current.fingerprint
        and times >= MAX_FAILURES
        and not _is_trained_on(lake, recipe, training_set)
    }
    broken = {name: [one for one in with_dependencies([name]) if one in failing] for name in candidates}
    wanted = with_dependencies(name for name, reasons in broken.items() if not reasons)
    left_out = _left_out(broken, failing)
    if not wanted:
        return Retraining([], left_out)
    evaluated_after = _learned_from(wanted, lake)
    origins = (
        {evaluated_after: "these recipes"} if evaluated_after else {one.training_set: one.recipe for one in champions}
    )
    decisions = [_decide(origin, name, current, params, lake, cache) for origin, name in origins.items()]
    if not origins:
        decisions = [decide_retraining(None, current.digests("train"), params)]
    again = [decision for decision in decisions if decision.retrain]
    reason = again[0].reason if again else "; ".join(decision.reason for decision in decisions)
    return Retraining(wanted if again else [], f"{reason}; {left_out}" if left_out else reason)


def _is_trained_on(lake: Lake, recipe: str, training_set: str) -> bool:
    """True where the current training of a recipe learned from a training set: a person has mended it."""
    return is_trained(lake, recipe) and read_record(lake, recipe).training_set == training_set


def decide_retraining(
    learned: Mapping[str, str] | None,
    current: Mapping[str, str],
    params: RetrainingParams,
    *,
    drifted: Mapping[str, Collection[str]] | None = None,
) -> RetrainingDecision:
    """Decides whether the training set has changed enough since the champion was trained.

    Args:
        learned: The train pictures that the champion learned from: `panel_id` to the digest of its pixels, so that a
            panel that was cut anew counts as changed. None: there is no champion, or its training set is unknown.
        current: The same of the current training set.
        params: How large a change is enough.
        drifted: Issues that look unlike the others, by key, with the features that do (`DriftReport.drifted`).
    """
    if learned is None:
        return RetrainingDecision(True, "nothing was trained yet")
    came = {panel_id for panel_id, digest in current.items() if learned.get(panel_id) != digest}
    went = {panel_id for panel_id, digest in learned.items() if current.get(panel_id) != digest}
    share = len(came | went) / max(len(learned), 1)
    numbers = f"{len(came)} new and {len(went)} gone train pictures of {len(learned)}, a change of {share:.1%}"
    if not came and not went:
        return RetrainingDecision(False, f"the same {len(learned)} train pictures as last time")
    if share >= params.min_change:
        return RetrainingDecision(True, f"{numbers}, at least {params.min_change:.1%}")
    new_issues = {panel_id.rpartition("__")[0] for panel_id in came}
    unlike = {key: features for key, features in (drifted or {}).items() if key in new_issues}
    if unlike and share >= params.min_change_on_drift:
        named = "; ".join(f"{key} ({', '.join(features)})" for key, features in unlike.items())
        return RetrainingDecision(True, f"{numbers}, and issues that look unlike the others: {named}")
    return RetrainingDecision(False, f"{numbers}, less than {params.min_change:.1%}")


def _left_out(broken: Mapping[str, list[str]], failing: Mapping[str, int]) -> str:
    """The recipes that are left out, why, and what to do; empty where there are none."""
    names = [name for name, reasons in broken.items() if reasons]
    if not names:
        return ""
    causes = dict.fromkeys(reason for reasons in broken.values() for reason in reasons)
    failures = "; ".join(f"the training of {name} failed {failing[name]} times on this training set" for name in causes)
    remedies = ", ".join(f"tintoon run {trained_by(name)[0]} --recipe {name}" for name in causes)
    return (
        f"left out: {', '.join(names)}, because {failures}: see the error in the Dagster UI, mend it, and train by "
        f"hand ({remedies}), or take the recipe out of retraining.recipes in settings.yaml"
    )


def _decide(
    origin: str, name: str, current: "TrainingSet", params: RetrainingParams, lake: Lake, cache: Path
) -> RetrainingDecision:
    from pipelines.training_set import TrainingSet

    try:
        learned = TrainingSet.open(lake, origin, cache=cache).digests("train")
    except FileNotFoundError as error:
        return RetrainingDecision(True, f"it is unknown what {name} learned from: {error}")
    drifted: dict[str, list[str]] = {}
    if lake.drift.exists() and lake.read_json(lake.drift)["is_sure"]:
        drifted = lake.read_json(lake.drift)["drifted"]
    return decide_retraining(learned, current.digests("train"), params, drifted=drifted)


def _learned_from(names: list[str], lake: Lake) -> str | None:
    """The fingerprint of the training set that the current checkpoints of all these recipes learned from.

    None where they learned from several, where one was never trained, and where a colorizer was not evaluated since.
    """
    found = set()
    for name in names:
        if not is_trained(lake, name):
            return None
        record = read_record(lake, name)
        # On any benchmark: new test pictures ask for a new evaluation, not for a new training.
        latest = lake.evaluations(name) / "latest.json"
        is_evaluated = latest.exists() and lake.read_json(latest)["checkpoint_digest"] == record.checkpoint_sha256
        if not is_evaluated and name in RECIPES:
            return None
        found.add(record.training_set)
    return found.pop() if len(found) == 1 else None
