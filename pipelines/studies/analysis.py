"""The analysis of a study: scores with intervals, paired tests, agreement, and one row a rater for the heat map.

Reads the table of `StudyStore.answers`; touches no files. Raters are left out by `exclusions`, with reasons. Checks do
not count; of a trial that came twice, the first answer does. Raters who stopped early count with their answers.

Scores     mean over answers: points, or where two are compared the share of comparisons won
Intervals  95 %, percentile bootstrap. `low, high`: over raters, so other people, these pictures.
           `low_pictures, high_pictures`: over raters and pictures both, so other pictures like these, too
Tests      for each two methods, each rater's mean difference over the pictures that they rated by both, or the share
           of comparisons won less the share lost; Wilcoxon's signed-rank test over raters, two-sided; p adjusted by
           Holm's method over all pairs and questions of the study
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from pipelines.comparison.significance import holm
from pipelines.studies.agreement import alpha_interval, ordinal_alpha
from pipelines.studies.bradley_terry import bradley_terry
from pipelines.studies.exclusions import ExclusionParams, check_raters, counted
from pipelines.studies.judgements import Judgements, points_of, preferences_of
from pipelines.studies.questions import LEFT, MAIN_QUESTION

DRAWS = 2000


@dataclass(frozen=True, eq=False)
class Analysis:
    """A study's results, as tables."""

    raters: pd.DataFrame
    """One row a rater: `exclusions.CHECK_COLUMNS`."""
    scores: pd.DataFrame
    """One row a question and method, the best first: question, method, mean, std (of answers), low, high,
    low_pictures, high_pictures, raters, answers."""
    strengths: pd.DataFrame
    """Bradley-Terry scores in natural log units, of mean 0, the best first: method, score, low, high, low_pictures,
    high_pictures. Empty where single pictures are rated."""
    comparisons: pd.DataFrame
    """One row a question and two methods: question, better, worse, difference, low, high (over raters), raters, p,
    p_holm. The one with the higher mean is called better, whether or not p is small."""
    agreement: pd.DataFrame
    """Krippendorff's ordinal alpha of each question: question, alpha, low, high (over what was rated)."""
    heat_map: pd.DataFrame
    """The answers to the main question: one row a rater who counts, one column a method and picture. Where two are
    compared, one column a method, with its share won. NaN where there is no answer."""


@dataclass(frozen=True, eq=False)
class _Draws:
    """The counts of raters, (draws, raters), and of pictures, (draws, pictures), in each draw of the bootstrap."""

    raters: np.ndarray
    pictures: np.ndarray

    @classmethod
    def of(cls, judgements: Judgements, draws: int, random: np.random.Generator) -> "_Draws":
        raters, pictures = (
            random.multinomial(count, np.full(count, 1 / count), draws) for count in judgements.sums.shape[:2]
        )
        return cls(raters, pictures)

    def sums(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sums over raters and pictures, raters drawn, and both drawn: (R, P, ...) -> twice (draws, ...)."""
        of_pictures = np.tensordot(self.raters, values, axes=1)  # (draws, P, ...)
        return of_pictures.sum(axis=1), np.einsum("dp,dp...->d...", self.pictures, of_pictures)


def analyse(
    answers: pd.DataFrame, *, params: ExclusionParams | None = None, draws: int = DRAWS, seed: int = 0
) -> Analysis:
    """All tables of a study's answers. The same answers and seed give the same tables.

    Raises ValueError where the answers of fewer than two raters count.
    """
    raters = check_raters(answers, params or ExclusionParams())
    rated = counted(answers, raters)
    if rated["rater"].nunique() < 2:
        reasons = "".join(f"; {row['rater']} {row['reason']}" for row in raters.to_dict("records") if row["reason"])
        raise ValueError(
            f"of {len(raters)} raters, {rated['rater'].nunique()} gave answers that count; "
            f"intervals need two: wait for more{reasons}"
        )
    is_paired = bool(rated["right_method"].notna().any())
    random = np.random.default_rng(seed)
    scores, comparisons, agreement = [], [], []
    strengths = pd.DataFrame()
    for question, of_question in rated.groupby("question", sort=False):
        judgements = preferences_of(of_question) if is_paired else points_of(of_question)
        drawn = _Draws.of(judgements, draws, random)
        scores += [{"question": question, **row} for row in _scores(judgements, drawn)]
        comparisons += [{"question": question, **row} for row in _comparisons(judgements, drawn)]
        if judgements.wins is not None:
            strengths = _strengths(judgements.methods, judgements.wins, drawn)
        low, high = alpha_interval(judgements.units, draws=draws, seed=seed)
        agreement.append({"question": question, "alpha": ordinal_alpha(judgements.units), "low": low, "high": high})
    compared = pd.DataFrame(comparisons, columns=["question", *_COMPARED])
    adjusted = holm({str(place): float(p) for place, p in enumerate(compared["p"])})
    compared["p_holm"] = list(adjusted.values())
    main = rated[rated["question"] == MAIN_QUESTION]
    return Analysis(
        raters=raters,
        scores=pd.DataFrame(scores),
        strengths=strengths,
        comparisons=compared,
        agreement=pd.DataFrame(agreement),
        heat_map=_shares_won(main) if is_paired else _points(main),
    )


def paired_p(differences: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test that differences lie about 0; zeros do not count, none gives 1."""
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    result: Any = wilcoxon(differences)
    return float(result.pvalue)


def _scores(judgements: Judgements, drawn: _Draws) -> list[dict[str, Any]]:
    """One row a method, the best first."""
    counts = judgements.counts.sum(axis=(0, 1))
    means = judgements.sums.sum(axis=(0, 1)) / counts
    # 0 where rounding makes the variance of equal answers negative.
    variances = np.maximum(judgements.squares.sum(axis=(0, 1)) / counts - means**2, 0)
    with np.errstate(invalid="ignore"):  # a draw may hold no answer about a method
        over_raters, over_both = (
            _interval(sums / numbers)
            for sums, numbers in zip(drawn.sums(judgements.sums), drawn.sums(judgements.counts), strict=True)
        )
    return [
        {
            "method": judgements.methods[index],
            "mean": means[index],
            "std": np.sqrt(variances[index]),
            **_named(over_raters[:, index], over_both[:, index]),
            "raters": int(judgements.counts[:, :, index].any(axis=1).sum()),
            "answers": int(counts[index]),
        }
        for index in np.argsort(-means, kind="stable")
    ]


_COMPARED = ("better", "worse", "difference", "low", "high", "raters", "p")


def _comparisons(judgements: Judgements, drawn: _Draws) -> list[dict[str, Any]]:
    """One row for each two methods that somebody rated both of."""
    rows = []
    is_there = np.isfinite(judgements.differences)
    counts = is_there.sum(axis=1)  # (R, M, M)
    sums = np.nan_to_num(judgements.differences).sum(axis=1)
    for first, second in combinations(range(len(judgements.methods)), 2):
        has_both = counts[:, first, second] > 0
        if not has_both.any():
            continue
        if sums[has_both, first, second].mean() < 0:
            first, second = second, first
        of_raters = sums[has_both, first, second] / counts[has_both, first, second]
        weights = drawn.raters[:, has_both]
        with np.errstate(invalid="ignore"):
            low, high = _interval(weights @ of_raters / weights.sum(axis=1))
        better, worse = judgements.methods[first], judgements.methods[second]
        values = (better, worse, of_raters.mean(), low, high, int(has_both.sum()), paired_p(of_raters))
        rows.append(dict(zip(_COMPARED, values, strict=True)))
    return rows


def _strengths(methods: list[str], wins: np.ndarray, drawn: _Draws) -> pd.DataFrame:
    """Bradley-Terry scores, the best first."""
    scores = bradley_terry(wins.sum(axis=(0, 1)))
    over_raters, over_both = (_interval(bradley_terry(counts)) for counts in drawn.sums(wins))
    table = pd.DataFrame({"method": methods, "score": scores, **_named(over_raters, over_both)})
    return table.sort_values("score", ascending=False, kind="stable", ignore_index=True)


def _interval(drawn: np.ndarray) -> np.ndarray:
    """95 % of the draws lie within: (draws, ...) -> (2, ...). A draw without a value does not count."""
    return np.nanquantile(drawn, (0.025, 0.975), axis=0)


def _named(over_raters: np.ndarray, over_both: np.ndarray) -> dict[str, Any]:
    low, high = over_raters
    low_pictures, high_pictures = over_both
    return {"low": low, "high": high, "low_pictures": low_pictures, "high_pictures": high_pictures}


def _points(main: pd.DataFrame) -> pd.DataFrame:
    return main.pivot_table(index="rater", columns=["method", "picture"], values="value")


def _shares_won(main: pd.DataFrame) -> pd.DataFrame:
    is_left = main["value"] == LEFT
    sides = [main.assign(won=is_left), main.assign(method=main["right_method"], won=~is_left)]
    return pd.concat(sides).astype({"won": float}).pivot_table(index="rater", columns="method", values="won")
