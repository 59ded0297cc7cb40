"""What is trained when nobody names it, and when: by the weekly schedule, the command line and the demo.

A colorizer is trained again when the pictures that it would learn from have changed enough since it was trained, or
when new issues look unlike them (see `drift`). Otherwise a training would give the same again, at full cost.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from pipelines.comparison.params import RetrainingParams


class RetrainingDecision(NamedTuple):
    """Whether to train again, and why or why not."""

    retrain: bool
    reason: str
    """One sentence for people, with the numbers."""


def decide_retraining(
    learned: Mapping[str, str] | None,
    current: Mapping[str, str],
    params: RetrainingParams,
    *,
    drifted: Mapping[str, Collection[str]] | None = None,
) -> RetrainingDecision:
    """Whether the training set has changed enough since the champion was trained.

    Args:
        learned: The train pictures that the champion learned from: `panel_id` to the digest of its pixels, so that a
            panel that was cut anew counts as changed. None: there is no champion, or nobody knows.
        current: The same of the current training set.
        rule: What is enough.
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
