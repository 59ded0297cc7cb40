"""How far raters agree: Krippendorff's alpha for ordinal values.

Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), sections C and D.
"""

import numpy as np


def ordinal_alpha(values: np.ndarray) -> float:
    """Agreement beyond chance: 1 is perfect, 0 is chance, below 0 is systematic disagreement.

    values: (raters, units) floats, NaN where a rater did not answer. Units with fewer than two answers do not count.
    NaN where all answers are one value, or no unit has two: alpha is then not defined.
    """
    return float(_alphas(_coincidences(values), np.ones((1, values.shape[1])))[0])


def alpha_interval(values: np.ndarray, *, draws: int, seed: int) -> tuple[float, float]:
    """A 95 % percentile interval of `ordinal_alpha`, by bootstrap over units.

    Over units, since a rater who is drawn twice would agree with themself.
    """
    units = values.shape[1]
    weights = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), draws)
    alphas = _alphas(_coincidences(values), weights)
    defined = alphas[np.isfinite(alphas)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)


def _coincidences(values: np.ndarray) -> np.ndarray:
    """Pairs of values within each unit, each unit's weighing as many as its answers: (units, values, values)."""
    categories = np.unique(values[np.isfinite(values)])
    counts = (values[:, :, None] == categories).sum(axis=0).astype(float)  # (units, values)
    answers = counts.sum(axis=1)
    is_pairable = answers >= 2
    pairs = counts[:, :, None] * counts[:, None, :] - np.eye(len(categories)) * counts[:, None, :]
    pairs[is_pairable] /= (answers[is_pairable] - 1)[:, None, None]
    pairs[~is_pairable] = 0
    return pairs


def _alphas(coincidences: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Alpha for each row of weights of units: (draws, units) -> (draws,)."""
    observed = np.einsum("bu,uij->bij", weights, coincidences)
    totals = observed.sum(axis=2)  # (draws, values)
    # The ordinal distance of two values: how many answers lie from one to the other, each end by half.
    below = np.cumsum(totals, axis=1) - totals / 2
    distances = (below[:, :, None] - below[:, None, :]) ** 2
    disagreement = (observed * distances).sum(axis=(1, 2))
    expected = np.einsum("bi,bj,bij->b", totals, totals, distances)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (totals.sum(axis=1) - 1) * disagreement / expected
