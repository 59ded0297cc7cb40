"""What is trained when nobody names it, and when: by the weekly schedule, the command line and the demo.

A colorizer is trained again when the pictures that it would learn from have changed enough since it was trained, or
when new issues look unlike them (see `drift`). Otherwise a training would give the same again, at full cost.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from pydantic import BaseModel, Field, field_validator

from pipelines.recipes import RECIPES


class RetrainingRule(BaseModel, frozen=True, extra="forbid"):
    """The recipes of an installation, and when they are trained again. What they need is trained before them."""

    recipes: list[str] = Field(
        default=["webtoon_l2", "frames_gan_gray"],
        min_length=1,
        description="Names, as `tintoon recipes` lists them.",
    )
    least_change: float = Field(
        default=0.05,
        ge=0,
        description="Train again from so many new or gone train pictures on, as a share of those learned from.",
    )
    least_change_on_drift: float = Field(
        default=0.01,
        ge=0,
        description="The same where new ones are of an issue that looks unlike the others, and enough issues say "
        "what is usual; 1 or more: drift alone never asks for a training.",
    )

    @field_validator("recipes")
    @classmethod
    def _known(cls, recipes: list[str]) -> list[str]:
        for name in recipes:
            if name not in RECIPES:
                raise ValueError(f"no recipe {name!r} of a colorizer; there are: {', '.join(RECIPES)}")
        return list(dict.fromkeys(recipes))


class RetrainingDecision(NamedTuple):
    """Whether to train again, and why or why not."""

    retrain: bool
    reason: str
    """One sentence for people, with the numbers."""


def decide_retraining(
    learned: Mapping[str, str] | None,
    current: Mapping[str, str],
    rule: RetrainingRule,
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
    if share >= rule.least_change:
        return RetrainingDecision(True, f"{numbers}, at least {rule.least_change:.1%}")
    new_issues = {panel_id.rpartition("__")[0] for panel_id in came}
    unlike = {key: features for key, features in (drifted or {}).items() if key in new_issues}
    if unlike and share >= rule.least_change_on_drift:
        named = "; ".join(f"{key} ({', '.join(features)})" for key, features in unlike.items())
        return RetrainingDecision(True, f"{numbers}, and issues that look unlike the others: {named}")
    return RetrainingDecision(False, f"{numbers}, less than {rule.least_change:.1%}")
