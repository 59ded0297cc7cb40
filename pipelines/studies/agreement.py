"""The agreement of raters: Krippendorff's alpha for ordinal values, by the package krippendorff.

Source: K. Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), sections C and D.
"""

import krippendorff
import numpy as np


def ordinal_alpha(values: np.ndarray) -> float:
    """Agreement beyond chance: 1 is perfect, 0 is chance, below 0 is systematic disagreement.

    values: (raters, units) floats, NaN where a rater did not answer. Units with fewer than two answers do not count.
    NaN where all answers are one value, or no unit has two: alpha is then not defined.
    """
    return _alpha(*_counts(values))


def alpha_interval(values: np.ndarray, *, draws: int, seed: int) -> tuple[float, float]:
    """A 95 % percentile interval of `ordinal_alpha`, by bootstrap over units.

    Over units, because a rater who is drawn twice would agree with themself.
    """
    counts, domain = _counts(values)
    units = len(counts)
    drawn = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), draws)
    alphas = np.array([_alpha(np.repeat(counts, times, axis=0), domain) for times in drawn])
    defined = alphas[np.isfinite(alphas)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)


def _counts(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of answers of each value, (units, values), and the values in their order."""
    domain = np.unique(values[np.isfinite(values)])
    return (values[:, :, None] == domain).sum(axis=0), domain


def _alpha(counts: np.ndarray, domain: np.ndarray) -> float:
    counts = counts[counts.sum(axis=1) >= 2]
    if (counts > 0).any(axis=0).sum() < 2:
        return float("nan")
    return float(krippendorff.alpha(value_counts=counts, value_domain=domain, level_of_measurement="ordinal"))
