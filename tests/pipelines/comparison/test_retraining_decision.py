"""When a colorizer is trained again: each reason for it, and each against it."""

import pytest
from pydantic import ValidationError

from pipelines.comparison.params import RetrainingParams
from pipelines.comparison.retraining import decide_retraining

PARAMS = RetrainingParams()
LEARNED = {f"moon-cat__ep1__{number:04d}": f"digest {number}" for number in range(100)}
DRIFTED = {"moon-cat__ep2": ("chroma", "hue")}


def new(count: int, issue: str = "ep2") -> dict[str, str]:
    return {f"moon-cat__{issue}__{number:04d}": f"new {number}" for number in range(count)}


def without(count: int) -> dict[str, str]:
    return dict(list(LEARNED.items())[count:])


def recut(count: int) -> dict[str, str]:
    return {
        name: f"{digest}, recut" if place < count else digest for place, (name, digest) in enumerate(LEARNED.items())
    }


@pytest.mark.parametrize(
    ("current", "retrain", "reason"),
    [
        (LEARNED, False, "the same 100 train pictures as last time"),
        (LEARNED | new(4), False, "4 new and 0 gone train pictures of 100, a change of 4.0%, less than 5.0%"),
        (LEARNED | new(5), True, "5 new and 0 gone train pictures of 100, a change of 5.0%, at least 5.0%"),
        (without(4), False, "0 new and 4 gone train pictures of 100, a change of 4.0%, less than 5.0%"),
        (without(5), True, "0 new and 5 gone train pictures of 100, a change of 5.0%, at least 5.0%"),
        (without(3) | new(2), True, "2 new and 3 gone train pictures of 100, a change of 5.0%, at least 5.0%"),
        (recut(4), False, "4 new and 4 gone train pictures of 100, a change of 4.0%, less than 5.0%"),
        (recut(5), True, "5 new and 5 gone train pictures of 100, a change of 5.0%, at least 5.0%"),
    ],
)
def test_enough_has_changed_or_not(current, retrain, reason):
    assert decide_retraining(LEARNED, current, PARAMS) == (retrain, reason)


def test_the_first_training():
    assert decide_retraining(None, LEARNED, PARAMS) == (True, "nothing was trained yet")
    assert decide_retraining({}, LEARNED, PARAMS).retrain


def test_drift_counts_where_the_new_pictures_are():
    current = LEARNED | new(1)
    assert not decide_retraining(LEARNED, current, PARAMS).retrain
    decision = decide_retraining(LEARNED, current, PARAMS, drifted=DRIFTED)
    assert decision.retrain
    assert decision.reason.endswith("issues that look unlike the others: moon-cat__ep2 (chroma, hue)")
    # Issues that went to val or test teach nothing, and neither does drift without new pictures.
    assert not decide_retraining(LEARNED, LEARNED | new(1, "ep3"), PARAMS, drifted=DRIFTED).retrain
    assert not decide_retraining(LEARNED, LEARNED, PARAMS, drifted=DRIFTED).retrain
    assert not decide_retraining(LEARNED, current, RetrainingParams(min_change_on_drift=0.02), drifted=DRIFTED).retrain


def test_the_share_is_the_rules():
    assert decide_retraining(LEARNED, LEARNED | new(1), RetrainingParams(min_change=0.01)).retrain
    assert decide_retraining(LEARNED, LEARNED | new(1), RetrainingParams(min_change=0)).retrain
    assert not decide_retraining(LEARNED, LEARNED, RetrainingParams(min_change=0)).retrain
    assert not decide_retraining(LEARNED, LEARNED | new(50), RetrainingParams(min_change=0.6)).retrain


def test_wrong_rules_are_errors():
    with pytest.raises(ValidationError, match="no recipe 'magic'"):
        RetrainingParams(recipes=["magic"])
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        RetrainingParams(min_change=-0.1)
    assert RetrainingParams(recipes=["webtoon_l2", "webtoon_l2"]).recipes == ["webtoon_l2"]
