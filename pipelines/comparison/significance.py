"""Means and differences of colorizers with intervals and p-values: paired, and bootstrapped over issues.

Works on per-picture rows (one row a picture, style and hint draw; see `benchmark`); touches no files. A picture's
value is its mean over the rows that have a number, so a colorizer of lines counts each picture once.

Pictures of an issue are not independent: they share light, palette and characters, so the spread over pictures
promises more than a new issue keeps. Issues are therefore resampled whole wherever there are MIN_ISSUES of them.
Below that a bootstrap over issues means little (three issues have ten resamples): from MIN_FOR_T on, Student's t with
issues - 1 degrees of freedom takes its place, on the linearized variance of a mean over clusters [Cochran, "Sampling
Techniques" (1977), section 11.7]. One or two issues give no estimate over issues: pictures are resampled, and `unit`
says so; the result holds for pictures of these very issues, not for others.

Plain percentile intervals of few units are too narrow, by sqrt((n - 1) / n) and for want of Student's t. Percentiles
and p-values are therefore those of the "expanded percentile interval" of Hesterberg, "What Teachers Should Know About
the Bootstrap" (2015), section 5.3; both come from the same resamples. A p-value too small for the resamples to count
goes on with the normal tail, which makes it that of Student's t-test: a family of claims (Holm) needs small ones.
"""

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, isnan, sqrt
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from statsmodels.stats.multitest import multipletests

Unit = Literal["issue", "picture"]

MIN_ISSUES = 8
"""The number of issues from which on issues are resampled."""

MIN_FOR_T = 3
"""The number of issues from which on an interval is about issues."""

MIN_BEYOND = 10
"""With fewer resamples beyond 0, their share is no longer known, and the normal tail takes its place."""

_BLOCK_DRAWS = 2_000_000  # drawn at a time: bounds memory, not results


@dataclass(frozen=True)
class Estimate:
    """A mean over pictures, or a mean difference, and how sure it is."""

    value: float
    low: float
    """The interval's ends; infinite where a single unit was seen."""
    high: float
    p_value: float
    """Two-sided, of the value being 0: for differences."""
    pictures: int
    unit: Unit
    """The unit of the interval: other issues, or other pictures of the same ones."""
    units: int
    confidence: float

    @property
    def is_significant(self) -> bool:
        """Both the interval and the p-value leave out 0."""
        return self.p_value < 1 - self.confidence and not self.low <= 0 <= self.high


def estimate(
    values: np.ndarray,
    issues: np.ndarray | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of one value a picture, (N,), with an interval over issues, or over pictures where none are given.

    issues: (N,), the issue of each picture. The mean is over pictures either way: larger issues weigh more.
    Raises ValueError for no values, for values that are not finite, and for other settings than make sense.
    """
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} values, of which {np.isfinite(values).sum()} are numbers: expected numbers")
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence {confidence}, resamples {resamples}: expected 0..1 and at least 1")
    values = np.asarray(values, np.float64)
    labels = np.arange(len(values)) if issues is None else pd.factorize(issues)[0]
    sums, sizes = np.bincount(labels, weights=values), np.bincount(labels)
    value = float(values.mean())
    units = len(sums)
    if units == 1:
        low, high, p_value = -inf, inf, 1.0
    elif issues is not None and units < MIN_ISSUES:
        low, high, p_value = _by_t(sums, sizes, confidence)
    else:
        means = _resampled_means(sums, sizes, resamples, seed)
        tail = ndtr(sqrt(units / (units - 1)) * stdtrit(units - 1, (1 - confidence) / 2))
        low, high = (float(end) for end in np.quantile(means, (tail, 1 - tail)))
        p_value = _p_value(means, value, units)
    return Estimate(value, low, high, p_value, len(values), "picture" if issues is None else "issue", units, confidence)


def mean_with_interval(
    rows: pd.DataFrame,
    metric: str,
    *,
    unit: Unit | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of a metric over pictures.

    rows: columns `panel_id`, `title`, `issue` and the metric; rows without a number are left out.
    unit: What the interval is about; None: issues where there are MIN_FOR_T, else pictures.
    Raises ValueError where no row has a number.
    """
    pictures = picture_means(rows, metric)
    issues = _issues(pictures, unit)
    return estimate(pictures[metric].to_numpy(), issues, confidence=confidence, resamples=resamples, seed=seed)


def paired_difference(
    rows: pd.DataFrame,
    others: pd.DataFrame,
    metric: str,
    *,
    unit: Unit | None = None,
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Estimate:
    """The mean of (rows - others) of a metric over the pictures that both have, by a paired bootstrap.

    Below 0 the first has the lower numbers. `pictures` counts those where both have a number.
    Raises ValueError where the two tables hold different pictures, or none with numbers in both.
    """
    if set(rows["panel_id"]) != set(others["panel_id"]):
        different = len(set(rows["panel_id"]) ^ set(others["panel_id"]))
        raise ValueError(f"{metric}: {different} pictures are in one table only: evaluate both on the same benchmark")
    pairs = picture_means(rows, metric)
    pairs["difference"] = pairs[metric] - picture_means(others, metric)[metric]  # aligned by panel_id
    pairs = pairs.dropna(subset=["difference"])
    if pairs.empty:
        raise ValueError(f"{metric}: no picture has a number in both tables")
    differences = pairs["difference"].to_numpy()
    return estimate(differences, _issues(pairs, unit), confidence=confidence, resamples=resamples, seed=seed)


def picture_means(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One row a picture, by `panel_id`: its `title`, its `issue`, and the mean of the metric over its rows.

    Pictures without a number are left out. Raises ValueError where the metric is no column, or has no number at all.
    """
    if metric not in rows:
        raise ValueError(f"no metric {metric!r} in these rows; columns: {', '.join(map(str, rows.columns))}")
    known = rows.dropna(subset=[metric])
    if known.empty:
        raise ValueError(f"{metric}: none of {len(rows)} rows has a number")
    return known.groupby("panel_id", sort=True).agg({"title": "first", "issue": "first", metric: "mean"})


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values of a family of claims, by name: Holm, "A simple sequentially rejective multiple test
    procedure" (1979).

    With those below alpha rejected, the chance of any false claim is at most alpha. Raises ValueError for no number.
    """
    unknown = [name for name, value in p_values.items() if isnan(value)]
    if unknown:
        raise ValueError(f"no p-value of {', '.join(unknown)}: leave them out of the family")
    if not p_values:
        return {}
    gc.freeze()  # multipletests collects garbage at each call: a second beside torch and Dagster, now next to nothing
    try:
        adjusted = np.asarray(multipletests(list(p_values.values()), method="holm")[1])
    finally:
        gc.unfreeze()
    return dict(zip(p_values, adjusted.tolist(), strict=True))


def _issues(pictures: pd.DataFrame, unit: Unit | None) -> np.ndarray | None:
    """The issue of each picture, or None where pictures are resampled."""
    # Two titles may each have an issue "1".
    issues = (pictures["title"] + "__" + pictures["issue"]).to_numpy()
    if unit is None:
        unit = "issue" if len(set(issues)) >= MIN_FOR_T else "picture"
    return issues if unit == "issue" else None


def _by_t(sums: np.ndarray, sizes: np.ndarray, confidence: float) -> tuple[float, float, float]:
    """Interval and p-value of a mean over pictures of a few issues."""
    issues, pictures = len(sums), sizes.sum()
    mean = sums.sum() / pictures
    error = sqrt(issues / (issues - 1) * np.square(sums - mean * sizes).sum()) / pictures
    if error == 0:
        return mean, mean, float(mean == 0)
    half = -stdtrit(issues - 1, (1 - confidence) / 2) * error
    return float(mean - half), float(mean + half), float(2 * stdtr(issues - 1, -abs(mean) / error))


def _resampled_means(sums: np.ndarray, sizes: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Means over pictures of so many resamples of the units, (resamples,)."""
    random = np.random.default_rng(seed)
    units = len(sums)
    block = max(1, _BLOCK_DRAWS // units)
    means = np.empty(resamples)
    for start in range(0, resamples, block):
        drawn = random.integers(units, size=(min(block, resamples - start), units), dtype=np.int32)
        means[start : start + block] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means


def _p_value(means: np.ndarray, value: float, units: int) -> float:
    """Twice the smaller tail beyond 0, as the expanded percentiles count tails."""
    beyond = min(np.count_nonzero(means <= 0), np.count_nonzero(means >= 0))
    tail = (beyond + 1) / (len(means) + 1)
    if beyond < MIN_BEYOND:
        spread = means.std()
        tail = min(tail, float(ndtr(-abs(value) / spread))) if spread else 0.0
    if tail >= 0.5:
        return 1.0
    return float(2 * stdtr(units - 1, ndtri(tail) / sqrt(units / (units - 1))))
