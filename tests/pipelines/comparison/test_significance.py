"""Means and differences with intervals, against closed forms and against what they promise in repeated draws."""

import time
from math import inf, sqrt

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

from pipelines.comparison.significance import (
    MIN_ISSUES,
    estimate,
    holm,
    mean_with_interval,
    paired_difference,
    picture_means,
)


def rows_of(values, *, per_issue: int = 5, metric: str = "ciede2000") -> pd.DataFrame:
    """One row a picture: p000, p001, ... in issues of `per_issue`."""
    numbers = range(len(values))
    return pd.DataFrame(
        {
            "panel_id": [f"p{number:03d}" for number in numbers],
            "title": "moon-cat",
            "issue": [str(number // per_issue) for number in numbers],
            metric: values,
        }
    )


def test_the_interval_of_many_pictures_is_the_normal_one():
    values = np.random.default_rng(0).gamma(2.0, 3.0, 1000)
    found = estimate(values)
    error = values.std(ddof=1) / sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)
    assert (found.pictures, found.unit, found.units) == (1000, "picture", 1000)


@pytest.mark.parametrize("shift", [0.1, 0.3, 0.45])
def test_the_p_value_of_few_pictures_is_that_of_students_t(shift):
    values = np.random.default_rng(1).normal(0, 1, 20)
    values += shift - values.mean()
    found = estimate(values, resamples=40_000)
    assert found.p_value == pytest.approx(ttest_1samp(values, 0).pvalue, abs=0.025)
    assert found.is_significant == (found.low > 0)


def test_p_values_below_what_resamples_can_count_are_those_of_students_t():
    values = np.random.default_rng(1).normal(4, 1, 10)
    found = estimate(values, resamples=1000)
    assert found.p_value == pytest.approx(ttest_1samp(values, 0).pvalue, rel=0.5)
    assert found.p_value < 1e-5
    assert found.is_significant
    assert estimate(np.full(10, 4.0)).p_value == 0


def covered(draw, by_issue: bool, *, draws: int = 300) -> float:
    hits = 0
    for seed in range(draws):
        values, issues = draw(np.random.default_rng(seed))
        found = estimate(values, issues if by_issue else None, resamples=600, seed=seed)
        hits += found.low <= 0 <= found.high
    return hits / draws


def test_intervals_cover_the_truth_as_often_as_they_say():
    share = covered(lambda random: (random.normal(0, 1, 12), None), by_issue=False)
    assert 0.92 <= share <= 0.98  # 0.95 +- 2.4 standard errors


def test_only_resampled_issues_cover_it_where_pictures_of_an_issue_are_alike():
    def draw(random):
        issues = np.repeat(np.arange(MIN_ISSUES), 10)
        return random.normal(0, 1, MIN_ISSUES)[issues] + random.normal(0, 1, len(issues)), issues

    assert 0.90 <= covered(draw, by_issue=True) <= 0.98
    assert covered(draw, by_issue=False) < 0.75


def test_identical_results_are_no_difference():
    rows = rows_of(np.linspace(1, 9, 30))
    found = paired_difference(rows, rows, "ciede2000")
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert not found.is_significant


def test_pairs_see_what_intervals_of_each_do_not():
    hardness = np.random.default_rng(2).normal(20, 8, 60)
    better, worse = rows_of(hardness - 0.5), rows_of(hardness + np.random.default_rng(3).normal(0, 0.5, 60))
    shuffled = worse.sample(frac=1, random_state=0)  # joined by panel_id, not by place
    found = paired_difference(better, shuffled, "ciede2000")
    assert found.is_significant
    assert found.high < 0
    assert mean_with_interval(better, "ciede2000").high > mean_with_interval(worse, "ciede2000").low


def test_a_few_issues_have_students_interval():
    values = np.random.default_rng(3).normal(1.0, 2.0, (5, 4)) + np.arange(5)[:, None]
    found = mean_with_interval(rows_of(values.ravel(), per_issue=4), "ciede2000")
    expected = ttest_1samp(values.mean(axis=1), 0)  # of equally large issues it is that of their means
    low, high = expected.confidence_interval(0.95)
    assert (found.unit, found.units, found.pictures) == ("issue", 5, 20)
    assert (found.low, found.high, found.p_value) == pytest.approx((low, high, expected.pvalue))


def test_without_a_difference_a_few_issues_seldom_claim_one():
    """Issues differ as much as their pictures do: as if pictures were independent, more than half would be claims."""
    random = np.random.default_rng(0)
    claims = {3: 0, 5: 0, 8: 0}
    for issues in claims:
        for _ in range(200):
            values = random.normal(size=(issues, 1)) + random.normal(size=(issues, 20))
            rows = rows_of(values.ravel(), per_issue=20)
            claims[issues] += mean_with_interval(rows, "ciede2000", resamples=1000).is_significant
    assert all(count <= 20 for count in claims.values()), claims  # 10 are expected


def test_of_two_issues_only_their_own_pictures_speak():
    assert mean_with_interval(rows_of(np.arange(10.0)), "ciede2000").unit == "picture"


def test_issues_are_resampled_where_there_are_enough():
    few, enough = rows_of(np.arange(35.0)), rows_of(np.arange(40.0))
    found = mean_with_interval(enough, "ciede2000")
    assert (found.unit, found.units, found.pictures) == ("issue", MIN_ISSUES, 40)
    by_picture = mean_with_interval(enough, "ciede2000", unit="picture")
    assert by_picture.high - by_picture.low < found.high - found.low
    # Issues of one name are of two titles.
    other = few.assign(title="a-sun", panel_id=few["panel_id"] + "b")
    assert mean_with_interval(pd.concat([few, other]), "ciede2000").units == 14


def test_larger_issues_weigh_more():
    assert estimate(np.array([1.0, 1, 1, 5]), np.array(["a", "a", "a", "b"])).value == 2


def test_a_picture_counts_once_however_many_rows_it_has():
    rows = pd.concat([rows_of([1.0, np.nan, 3.0]), rows_of([3.0, np.nan, np.nan])])
    assert picture_means(rows, "ciede2000")["ciede2000"].to_dict() == {"p000": 2.0, "p002": 3.0}


def test_pictures_without_a_number_on_either_side_are_left_out():
    found = paired_difference(rows_of([1.0, np.nan, 3.0, 8.0]), rows_of([0.0, 1.0, np.nan, 4.0]), "ciede2000")
    assert (found.value, found.pictures) == (2.5, 2)
    with pytest.raises(ValueError, match="no picture has a number in both"):
        paired_difference(rows_of([1.0, np.nan]), rows_of([np.nan, 1.0]), "ciede2000")
    with pytest.raises(ValueError, match="none of 2 rows has a number"):
        mean_with_interval(rows_of([np.nan, np.nan]), "ciede2000")


def test_other_pictures_are_refused():
    with pytest.raises(ValueError, match="2 pictures are in one table only"):
        paired_difference(rows_of([1.0, 2.0, 3.0]), rows_of([1.0]), "ciede2000")
    with pytest.raises(ValueError, match="no metric 'beauty'"):
        mean_with_interval(rows_of([1.0]), "beauty")


def test_one_picture_says_nothing():
    found = estimate(np.array([3.0]))
    assert (found.value, found.low, found.high, found.p_value) == (3, -inf, inf, 1)


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        ([], {}, "0 values"),
        ([1.0, inf], {}, "1 are numbers"),
        ([1.0, 2.0], {"confidence": 1.0}, "confidence 1.0"),
    ],
)
def test_what_cannot_be_estimated_is_an_error(values, settings, message):
    with pytest.raises(ValueError, match=message):
        estimate(np.array(values), **settings)


def test_the_same_seed_gives_the_same_interval():
    values = np.random.default_rng(4).normal(0, 1, 50)
    assert estimate(values, seed=5) == estimate(values, seed=5) != estimate(values, seed=6)


def test_ten_thousand_resamples_of_a_thousand_pictures_take_less_than_a_second():
    values = np.random.default_rng(0).normal(0, 1, 1000)
    started = time.process_time()
    estimate(values, resamples=10_000)
    assert time.process_time() - started < 1


def test_holm_as_in_a_worked_example():
    # By hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 lifted to 0.06.
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
    with pytest.raises(ValueError, match="no p-value of b"):
        holm({"a": 0.1, "b": float("nan")})
