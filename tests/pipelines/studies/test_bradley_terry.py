"""Bradley-Terry scores against a published fit, a closed form, and what they are fitted to."""

import numpy as np
import pytest

from pipelines.studies.bradley_terry import bradley_terry

BASEBALL = np.array(
    [  # Milwaukee, Detroit, Toronto, New York, Boston, Cleveland, Baltimore
        [0, 7, 9, 7, 7, 9, 11],
        [6, 0, 7, 5, 11, 9, 9],
        [4, 6, 0, 7, 7, 8, 12],
        [6, 8, 6, 0, 6, 7, 10],
        [6, 2, 6, 7, 0, 7, 12],
        [4, 4, 5, 6, 6, 0, 6],
        [2, 4, 1, 3, 1, 7, 0],
    ]
)
"""The American League of 1987, A. Agresti, Categorical Data Analysis, Table 10.10 (of the second edition)."""


def test_the_published_fit():
    scores = bradley_terry(BASEBALL, added_wins=0)
    assert scores - scores[-1] == pytest.approx([1.58, 1.44, 1.29, 1.25, 1.11, 0.68, 0], abs=5e-3)


def test_two_methods_have_the_log_of_their_odds():
    scores = bradley_terry(np.array([[0, 30], [10, 0]]), added_wins=0)
    assert scores[0] - scores[1] == pytest.approx(np.log(3))
    assert scores.sum() == pytest.approx(0)


def test_expected_wins_give_the_scores_back():
    true = np.array([1.2, 0.1, -0.4, -0.9])
    chances = 1 / (1 + np.exp(true[None, :] - true[:, None]))
    np.fill_diagonal(chances, 0)
    assert bradley_terry(1000 * chances, added_wins=0) == pytest.approx(true, abs=1e-6)


def test_who_always_wins_has_a_finite_score_by_half_a_win():
    always = np.array([[0, 8, 8], [0, 0, 4], [0, 4, 0]])
    scores = bradley_terry(always)
    assert np.isfinite(scores).all()
    assert scores[0] - scores[1] > 2
    assert scores[1] == pytest.approx(scores[2])
    with pytest.raises(ValueError, match="do not settle"), np.errstate(divide="ignore", invalid="ignore"):
        bradley_terry(always, added_wins=0)


def test_many_at_once_are_as_each_alone():
    both = np.stack([BASEBALL, BASEBALL.T])
    assert bradley_terry(both)[1] == pytest.approx(bradley_terry(BASEBALL.T))
