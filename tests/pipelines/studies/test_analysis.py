"""The analysis of a study, against hand-made answers, SciPy, and simulated crowds whose preferences are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from pipelines.studies.analysis import analyse, paired_p
from pipelines.studies.exclusions import ExclusionParams
from pipelines.studies.plan import PlanParams
from pipelines.studies.store import COLUMNS, StudyStore
from tests.pipelines.studies.conftest import METHODS, Clock, drawn, plan_study
from tests.pipelines.studies.simulated import crowd

MOS, PAIRS = PlanParams(kind="mos"), PlanParams(kind="preference")


def answers_of(rows: list[tuple]) -> pd.DataFrame:
    """Rated trials: (rater, picture, method, right_method, value), all of the main question."""
    known = [
        (rater, place, "rated", picture, "", "", method, right, "overall", value, 5.0)
        for place, (rater, picture, method, right, value) in enumerate(rows, 1)
    ]
    return pd.DataFrame(known, columns=list(COLUMNS))


def test_points_by_hand():
    found = analyse(
        answers_of(
            [
                ("ada", "p", "a", None, 5), ("ada", "p", "b", None, 3),
                ("ada", "q", "a", None, 4), ("ada", "q", "b", None, 1),
                ("bob", "p", "a", None, 2), ("bob", "p", "b", None, 2), ("bob", "q", "a", None, 3),
            ]
        )
    )  # fmt: skip
    best, worst = found.scores.to_dict("records")
    assert (best["method"], best["mean"], best["raters"], best["answers"]) == ("a", 3.5, 2, 4)
    assert best["std"] == pytest.approx(np.std([5, 4, 2, 3]))
    assert (worst["method"], worst["mean"], worst["answers"]) == ("b", 2, 3)
    assert (best["low"], best["high"]) == (2.5, 4.5)  # each rater alone
    (compared,) = found.comparisons.to_dict("records")
    assert (compared["better"], compared["worse"], compared["raters"]) == ("a", "b", 2)
    assert compared["difference"] == (2.5 + 0) / 2  # bob rated only p by both
    assert found.heat_map.loc["bob", ("a", "q")] == 3
    assert np.isnan(found.heat_map.loc["bob"].get(("b", "q"), np.nan))
    assert found.strengths.empty


def test_preferences_by_hand():
    found = analyse(
        answers_of(
            [("ada", "p", "a", "b", 0), ("ada", "q", "b", "a", 0), ("bob", "p", "b", "a", 1), ("bob", "q", "a", "b", 0)]
        )
    )
    assert found.scores[["method", "mean", "answers"]].to_dict("records") == [
        {"method": "a", "mean": 0.75, "answers": 4},
        {"method": "b", "mean": 0.25, "answers": 4},
    ]
    (compared,) = found.comparisons.to_dict("records")
    assert compared["difference"] == 0.5  # ada 0, bob 1
    assert found.strengths["score"].tolist() == pytest.approx([np.log(3.5 / 1.5) / 2, -np.log(3.5 / 1.5) / 2])
    assert found.heat_map.loc["ada"].to_dict() == {"a": 0.5, "b": 0.5}


def test_the_paired_test_is_wilcoxons():
    differences = np.array([0.5, 1.2, -0.3, 0.8, 2.0, 0.1, -0.2, 0.9])
    assert paired_p(differences) == wilcoxon(differences).pvalue
    assert paired_p(np.array([0.0, 0.0])) == 1
    # One-sided changes of six raters: 2 / 2^6.
    assert paired_p(np.arange(1.0, 7)) == pytest.approx(2 / 64)


@pytest.mark.parametrize("params", [MOS, PAIRS])
def test_known_preferences_are_recovered_within_the_intervals(params):
    """95 % intervals of ten studies of 40 raters: 30 truths, of which 27 at least lie inside (p = 0.06 for fewer)."""
    inside = inside_wide = 0
    for seed in range(10):
        people = crowd(params.model_copy(update={"seed": seed}), seed=seed)
        found = analyse(people.answers(), draws=500)
        table, column = (found.scores, "mean") if params.kind == "mos" else (found.strengths, "score")
        truth = people.true_means() if params.kind == "mos" else people.true_strengths()
        assert table["method"].tolist() == ["ours", "pix2pix", "base"]
        for row in table.to_dict("records"):
            assert row["low_pictures"] <= row["low"] <= row[column] <= row["high"] <= row["high_pictures"]
            assert row["high"] - row["low"] < 0.6  # an interval that holds everything says nothing
            inside += row["low"] <= truth[row["method"]] <= row["high"]
            inside_wide += row["low_pictures"] <= truth[row["method"]] <= row["high_pictures"]
        best = found.comparisons.query("better == 'ours'")
        assert (best["p_holm"] < 0.01).all()  # as paper 003 tests
        assert len(best) == 2
        assert 0.1 < found.agreement["alpha"].item() < 0.6
    assert inside >= 27
    assert inside_wide >= inside


@pytest.mark.parametrize("params", [MOS, PAIRS])
def test_spammers_are_found_and_honest_raters_are_not(params):
    missed = unlucky = 0
    for seed in range(10):
        people = crowd(params.model_copy(update={"seed": seed}), seed=seed)
        raters = analyse(people.answers(), draws=10).raters.set_index("rater")
        left_out = set(raters.index[raters["reason"] != ""])
        unlucky += len(left_out - people.spammers)
        missed += len(people.spammers - left_out)
        for name in people.spammers - left_out:  # chance alone passes the golds
            assert people.people[name].habit == "random"
        assert all(raters.loc[name, "answers"] == stop for name, stop in people.stops_after.items())
    assert missed <= 4  # of 60
    assert unlucky <= 2  # of 340: even an honest rater fails a gold once in a thousand


def test_spammers_would_have_blurred_the_scores():
    people = crowd(MOS, seed=3, spammers=15)
    answers = people.answers()
    nobody_out = ExclusionParams(failed_golds=99, failed_share=1, constant_share=1, min_seconds=0)
    lax, strict = analyse(answers, params=nobody_out, draws=200), analyse(answers, draws=200)
    truth = people.true_means()

    def error(found) -> float:
        means = found.scores.set_index("method")["mean"]
        return max(abs(means[method] - truth[method]) for method in METHODS)

    assert error(strict) < error(lax) / 2
    assert strict.agreement["alpha"].item() > lax.agreement["alpha"].item()


def test_no_preference_is_no_significance():
    """Five crowds that see no difference: no small p after Holm's adjustment."""
    random = np.random.default_rng(0)
    for _ in range(5):
        rows = [
            (f"r{rater}", f"p{picture}", method, None, int(random.integers(1, 6)))
            for rater in range(20)
            for picture in range(6)
            for method in METHODS
        ]
        found = analyse(answers_of(rows), draws=50)
        assert (found.comparisons["p_holm"] > 0.05).all()
        assert abs(found.agreement["alpha"].item()) < 0.1


def test_the_seed_gives_the_same_tables():
    answers = crowd(MOS, seed=1).answers()
    first, again, other = (analyse(answers, draws=50, seed=seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first.scores, again.scores)
    pd.testing.assert_frame_equal(first.comparisons, again.comparisons)
    assert not first.scores.equals(other.scores)


def test_a_study_without_answers_that_count_is_an_error():
    with pytest.raises(ValueError, match="of 0 raters, 0 gave answers that count"):
        analyse(pd.DataFrame(columns=list(COLUMNS)))
    constant = answers_of([("bob", f"p{index}", "a", None, 4) for index in range(10)])
    with pytest.raises(ValueError, match=r"of 2 raters, 1 gave .*; bob gave one answer 100%"):
        analyse(pd.concat([answers_of([("ada", "p1", "a", None, 4)]), constant]))


def test_forty_raters_through_a_database():
    """The same crowd, by the calls that a page makes, gives what was analysed without a database."""
    clock = Clock()
    store = StudyStore("sqlite://", clock=clock)  # in memory: test_store.py knows disks
    params = PAIRS.model_copy(update={"pictures": 4, "golds": 2, "repeats": 2, "trials": 6})
    study = plan_study(store, params)
    of_picture = {
        **{drawn(f"p{index:02d}", method): (f"p{index:02d}", method) for index in range(4) for method in METHODS},
        **{drawn(index, kind): (f"g{index}", kind) for index in range(params.golds) for kind in ("truth", "gray")},
    }
    people = crowd(params, seed=4)
    for rater, person in people.people.items():
        answered = 0
        while answered != people.stops_after.get(rater) and (trial := store.next_trial(study, rater)):
            shown = [of_picture[png] for png in trial.pictures]
            (picture, left), (_, right) = shown
            value = people.answer(rater, picture, left, right)
            clock.wait(person.seconds())
            store.answer(study, rater, trial.position, {"overall": value})
            answered += 1
    answers = store.answers(study)
    store.close()
    found = analyse(answers, draws=500)
    kept = found.raters[found.raters["reason"] == ""]
    assert set(people.people) - set(kept["rater"]) <= people.spammers
    assert len(kept) <= 36
    assert found.scores["method"].tolist() == ["ours", "pix2pix", "base"]
    truth = people.true_strengths()
    for row in found.strengths.to_dict("records"):
        assert row["low_pictures"] <= truth[row["method"]] <= row["high_pictures"]
    expected = analyse(crowd(params, seed=4).answers(), draws=500)
    pd.testing.assert_frame_equal(found.raters, expected.raters, atol=1e-5)  # the clock has microseconds
    pd.testing.assert_frame_equal(found.scores, expected.scores)
