"""Each line of the rule alone, at its edge."""

import pandas as pd
import pytest

from pipelines.studies.exclusions import ExclusionParams, check_raters
from pipelines.studies.store import COLUMNS

PARAMS = ExclusionParams()


def trials(*rows: tuple, seconds: float = 5, rater: str = "ada") -> pd.DataFrame:
    """(purpose, picture, method, right_method, value)."""
    known = [
        (rater, place, purpose, picture, "", "", left, right, "overall", value, seconds)
        for place, (purpose, picture, left, right, value) in enumerate(rows, 1)
    ]
    return pd.DataFrame(known, columns=list(COLUMNS))


def only(answers: pd.DataFrame, params: ExclusionParams = PARAMS) -> dict:
    (row,) = check_raters(answers, params).to_dict("records")
    return row


@pytest.mark.parametrize(("truth", "gray", "reason"), [(4, 3, ""), (3, 3, "1 of 1"), (1, 2, "1 of 1")])
def test_a_gold_of_points(truth, gray, reason):
    found = only(trials(("gold", "g", "truth", None, truth), ("gold", "g", "gray", None, gray)))
    assert reason in found["reason"]
    assert bool(found["reason"]) == bool(reason)
    assert (found["golds"], found["failed_golds"]) == (1, int(bool(reason)))


def test_half_a_gold_is_none():
    found = only(trials(("gold", "g", "gray", None, 5), ("gold", "h", "truth", None, 1)))
    assert (found["golds"], found["reason"]) == (0, "")


@pytest.mark.parametrize(("left", "right", "value", "failed"), [
    ("truth", "gray", 0, 0), ("gray", "truth", 1, 0), ("truth", "gray", 1, 1), ("gray", "truth", 0, 1),
])  # fmt: skip
def test_a_gold_of_a_pair(left, right, value, failed):
    assert only(trials(("gold", "g", left, right, value)))["failed_golds"] == failed


@pytest.mark.parametrize(("again", "failed"), [(3, 0), (4, 0), (2, 0), (5, 1), (1, 1)])
def test_a_repeat_of_points_may_differ_by_one(again, failed):
    found = only(trials(("rated", "p", "a", None, 3), ("repeat", "p", "a", None, again)))
    assert (found["repeats"], found["failed_repeats"]) == (1, failed)


@pytest.mark.parametrize(("again", "failed"), [(1, 0), (0, 1)])
def test_a_repeat_of_a_pair_has_its_sides_exchanged(again, failed):
    found = only(trials(("rated", "p", "a", "b", 0), ("rated", "p", "a", "c", 1), ("repeat", "p", "b", "a", again)))
    assert (found["repeats"], found["failed_repeats"]) == (1, failed)


def test_most_checks_failed_counts_from_four_checks():
    rated = [("rated", f"p{index}", "a", None, 1) for index in range(5)]

    def failing(count: int, of: int) -> pd.DataFrame:
        return trials(*rated, *(("repeat", f"p{index}", "a", None, 5 if index < count else 1) for index in range(of)))

    assert only(failing(3, 3))["reason"] == ""
    assert only(failing(2, 4))["reason"] == ""
    assert only(failing(3, 5))["reason"] == ""
    assert only(failing(3, 4))["reason"] == "failed 3 of 4 checks"


def test_constant_answers_count_from_ten():
    assert only(trials(*(("rated", f"p{index}", "a", None, 4) for index in range(9))))["reason"] == ""
    reason = only(trials(*(("rated", f"p{index}", "a", None, 4) for index in range(10))))["reason"]
    assert reason == "gave one answer 100% of the time"
    varied = trials(*(("rated", f"p{index}", "a", None, 4 - (index == 0)) for index in range(10)))
    assert only(varied)["reason"] == ""


def test_always_the_left_one_is_constant():
    rows = [("rated", f"p{index}", *("ab" if index % 2 else "ba"), 0) for index in range(20)]
    assert "one answer 100%" in only(trials(*rows))["reason"]


@pytest.mark.parametrize(("seconds", "is_out"), [(0.9, True), (1.0, False), (9000, False)])
def test_half_the_trials_too_fast(seconds, is_out):
    rows = [("rated", f"p{index}", "a", None, 1 + index % 5) for index in range(10)]
    assert ("took less than 0.9 s" in only(trials(*rows, seconds=seconds))["reason"]) == is_out


def test_every_rater_has_a_row_in_order_and_reasons_add_up():
    good = trials(("rated", "p", "a", None, 3), rater="zoe")
    bad = trials(
        ("gold", "g", "truth", None, 3), ("gold", "g", "gray", None, 3),
        *(("rated", f"p{index}", "a", None, 3) for index in range(9)), seconds=0.2,
    )  # fmt: skip
    first, second = check_raters(pd.concat([good, bad]), PARAMS).to_dict("records")
    assert (first["rater"], first["reason"], first["repeats"], first["golds"]) == ("zoe", "", 0, 0)
    assert second["reason"].count(";") == 2


def test_other_questions_than_the_main_one_make_no_check():
    answers = trials(("rated", "p", "a", None, 3), ("repeat", "p", "a", None, 3))
    answers = pd.concat([answers, answers.assign(question="overflow", value=[0, 5])])
    found = only(answers)
    assert (found["answers"], found["repeats"], found["failed_repeats"]) == (2, 1, 0)
