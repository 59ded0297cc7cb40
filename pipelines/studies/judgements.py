"""A study's answers to one question as arrays by rater, picture and method: what every statistic starts from.

One form for both kinds of trial. Where one picture is rated, an answer is its points. Where two are compared, it is 1
for the method that was preferred and 0 for the other.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipelines.studies.questions import LEFT


@dataclass(frozen=True, eq=False)
class Judgements:
    """R raters, P pictures, M methods; float64."""

    methods: list[str]
    sums: np.ndarray
    """(R, P, M): of answers about a method."""
    squares: np.ndarray
    """(R, P, M): of answers' squares."""
    counts: np.ndarray
    """(R, P, M): of answers."""
    differences: np.ndarray
    """(R, P, M, M): answer about the first less that about the second; NaN where one is missing."""
    units: np.ndarray
    """(R, units): what raters can agree on, NaN where there is no answer. Of pairs, 1 where the first name won."""
    wins: np.ndarray | None
    """(R, P, M, M): how often the first was preferred to the second; None where single pictures are rated."""


def points_of(answers: pd.DataFrame) -> Judgements:
    """The judgements of answers about single pictures, at most one for each rater, picture and method."""
    (rater, raters), (picture, pictures), (method, methods) = (
        pd.factorize(answers[name], sort=True) for name in ("rater", "picture", "method")
    )
    points = np.full((len(raters), len(pictures), len(methods)), np.nan)
    points[rater, picture, method] = answers["value"]
    return Judgements(
        methods=list(methods),
        sums=np.nan_to_num(points),
        squares=np.nan_to_num(points**2),
        counts=np.isfinite(points).astype(float),
        differences=points[..., :, None] - points[..., None, :],
        units=points.reshape(len(points), -1),
        wins=None,
    )


def preferences_of(answers: pd.DataFrame) -> Judgements:
    """The judgements of answers about pairs, at most one for each rater, picture and two methods."""
    is_left = answers["value"] == LEFT
    preferred = answers["method"].where(is_left, answers["right_method"])
    other = answers["right_method"].where(is_left, answers["method"])
    (rater, raters), (picture, pictures) = (pd.factorize(answers[name], sort=True) for name in ("rater", "picture"))
    methods = sorted({*preferred, *other})
    places = {method: index for index, method in enumerate(methods)}
    wins = np.zeros((len(raters), len(pictures), len(methods), len(methods)))
    wins[rater, picture, preferred.map(places), other.map(places)] = 1
    losses = wins.swapaxes(2, 3)
    differences = np.where(wins + losses > 0, wins - losses, np.nan)
    first, second = np.triu_indices(len(methods), 1)
    return Judgements(
        methods=methods,
        sums=wins.sum(axis=3),
        squares=wins.sum(axis=3),
        counts=(wins + losses).sum(axis=3),
        differences=differences,
        units=(differences[:, :, first, second].reshape(len(raters), -1) + 1) / 2,
        wins=wins,
    )
