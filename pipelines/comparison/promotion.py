"""The decision whether a challenger becomes the champion: better on the score, and within margins elsewhere.

Works on the per-picture rows of two evaluations of one benchmark; touches no files. Only rows without hints count, for
a served colorizer starts without any, and of those the condition of references that the evaluations are views of.

The score must differ significantly (see `significance`): a champion that changes by chance is worse than one that is
late. Guards are held to their margins by their means alone. Asking that the whole interval keeps the margin would let
small benchmarks promote nothing, and asking for significant harm would let them promote anything.
"""

from dataclasses import dataclass, field
from math import inf

import pandas as pd

from pipelines.comparison.leaderboard import GIVEN
from pipelines.comparison.params import PromotionParams
from pipelines.comparison.significance import Estimate, paired_difference, picture_means
from pipelines.evaluation.evaluation import Evaluation
from pipelines.evaluation.metrics.definitions import METRICS


@dataclass(frozen=True)
class MetricComparison:
    """One metric of both, over the pictures of the track."""

    challenger: float | None
    """None where it has no number."""
    champion: float | None
    difference: Estimate | None
    """Challenger less champion; None where no picture has a number of both."""
    margin: float | None
    """None for the score."""
    passed: bool


@dataclass(frozen=True)
class Decision:
    """The outcome for a challenger."""

    promoted: bool
    reason: str
    """For people: one sentence with the numbers."""
    comparisons: dict[str, MetricComparison] = field(default_factory=dict)
    """The metrics by name, the score first; empty where there was nothing to compare."""


def decide(
    challenger: Evaluation, champion: Evaluation | None, params: PromotionParams, *, challengers: int = 1
) -> Decision:
    """Decides whether the challenger becomes the champion.

    challengers: The number of challengers that are compared now. The more there are, the surer each must be
        (Bonferroni), because the best of many is better by chance.
    Raises ValueError where a metric of the parameters was not measured, or where two results of one fingerprint are of
    different pictures.
    """
    if challengers < 1:
        raise ValueError(f"challengers {challengers}: expected at least 1, this one")
    if champion is not None and challenger.track != champion.track:
        return _kept(champion, f"{challenger.name} is of the track {challenger.track}, which has its own champion")
    rows = _headline(challenger, params)
    missing = _pictures_without(rows, params.score)
    if missing:
        return _kept(champion, f"{challenger.name} has no {params.score} on {missing} pictures: evaluate it again")
    if champion is None:
        score = picture_means(rows, params.score)[params.score].mean()
        return Decision(True, f"{challenger.name} is the first champion: {params.score} {score:.4g}")
    if challenger.checkpoint_digest is not None and challenger.checkpoint_digest == champion.checkpoint_digest:
        return _kept(champion, f"{challenger.name} is the same checkpoint")
    if challenger.benchmark_fingerprint != champion.benchmark_fingerprint:
        return _kept(
            champion,
            f"{challenger.name} was measured on benchmark {challenger.benchmark_fingerprint[:12]}, the champion on "
            f"{champion.benchmark_fingerprint[:12]}, and these do not compare: evaluate the champion again",
        )
    current = _headline(champion, params)
    if _pictures_without(current, params.score):
        return _kept(champion, f"its own {params.score} is incomplete: evaluate it again")

    comparisons = {params.score: _compare_score(rows, current, params, challengers)}
    comparisons |= {name: _compare_guard(rows, current, name, margin, params) for name, margin in params.guards.items()}
    score = " ".join(filter(None, (params.score, GIVEN[challenger.references], _against(comparisons[params.score]))))
    name = f"{challenger.name}, trained again," if challenger.name == champion.name else challenger.name
    if not comparisons[params.score].passed:
        return _kept(champion, f"{name} is not significantly better: {score}", comparisons)
    issues = rows["issue"].nunique()
    if issues < params.min_issues:
        return _kept(
            champion,
            f"{challenger.name} is better ({score}), but {issues} test issues say nothing about others: collect more "
            "issues, or see champion.min_issues in settings.yaml",
            comparisons,
        )
    broken = [
        f"{name} {_against(comparisons[name])}, margin {margin:g}"
        for name, margin in params.guards.items()
        if not comparisons[name].passed
    ]
    broken += _slower(challenger, champion, params)
    if broken:
        return _kept(champion, f"{name} is better ({score}) but breaks {'; '.join(broken)}", comparisons)
    return Decision(True, f"{name} is better than {champion.name}: {score}", comparisons)


def _kept(champion: Evaluation | None, why: str, comparisons: dict[str, MetricComparison] | None = None) -> Decision:
    stays = f"{champion.name} stays" if champion else "there is no champion yet"
    return Decision(False, f"{stays}: {why}", comparisons or {})


def _headline(contender: Evaluation, params: PromotionParams) -> pd.DataFrame:
    rows = contender.rows
    for metric in (params.score, *params.guards):
        if metric not in rows:
            raise ValueError(
                f"{contender.name}: {metric} was not measured; evaluate it again, or take it out of champion.guards"
            )
    return contender.unhinted


def _pictures_without(rows: pd.DataFrame, metric: str) -> int:
    """Pictures of which some row has no number."""
    return rows.loc[rows[metric].isna(), "panel_id"].nunique()


def _compare_score(
    rows: pd.DataFrame, current: pd.DataFrame, params: PromotionParams, challengers: int
) -> MetricComparison:
    confidence = 1 - (1 - params.confidence) / challengers
    difference = paired_difference(
        rows, current, params.score, confidence=confidence, resamples=params.resamples, seed=params.seed
    )
    better = difference.is_significant and _worsening(params.score, difference.value) < 0
    return MetricComparison(_mean(rows, params.score), _mean(current, params.score), difference, None, better)


def _compare_guard(
    rows: pd.DataFrame, current: pd.DataFrame, metric: str, margin: float, params: PromotionParams
) -> MetricComparison:
    """Over the pictures where both have a number. Bleeding, for one, has none on a picture without chroma, so holes
    are no fault; but where the champion has numbers the challenger needs some.
    """
    known, known_before = (set(table.dropna(subset=[metric])["panel_id"]) for table in (rows, current))
    difference = None
    if known & known_before:
        difference = paired_difference(
            rows, current, metric, confidence=params.confidence, resamples=params.resamples, seed=params.seed
        )
    keeps = _worsening(metric, difference.value) <= margin if difference else not known_before
    return MetricComparison(_mean(rows, metric), _mean(current, metric), difference, margin, keeps)


def _slower(challenger: Evaluation, champion: Evaluation, params: PromotionParams) -> list[str]:
    """Latencies that are too long; those of two machines do not compare.

    With references there is more to do than without: a colorizer that takes some, beside a champion that takes none,
    may take `reference_latency_ms` in any case.
    """
    if challenger.machine != champion.machine:
        return []
    takes_more = challenger.references_fingerprint is not None and champion.references_fingerprint is None
    allowed = params.reference_latency_ms if takes_more else 0.0
    return [
        f"{name} {milliseconds:.4g} against {champion.cost[name]:.4g}, at most {params.latency_factor:g} times as much"
        + (f" or {allowed:g}" if allowed else "")
        for name, milliseconds in challenger.cost.items()
        if name.startswith("latency_")
        and milliseconds > max(allowed, params.latency_factor * champion.cost.get(name, inf))
    ]


def _mean(rows: pd.DataFrame, metric: str) -> float | None:
    return float(picture_means(rows, metric)[metric].mean()) if rows[metric].notna().any() else None


def _worsening(metric: str, difference: float) -> float:
    """Above 0 where the challenger is worse. What only describes, such as `gray_share`, guards against more of it."""
    return -difference if metric in METRICS and METRICS[metric].direction == "higher" else difference


def _of(found: Estimate) -> str:
    return f" of {found.units} issues" if found.unit == "issue" else ""


def _against(comparison: MetricComparison) -> str:
    """e.g. "18.2 against 19.1 (-0.9, 95 % interval -1.4 to -0.4, 37 pictures)"."""
    challenger, champion = (
        "no number" if value is None else f"{value:.4g}" for value in (comparison.challenger, comparison.champion)
    )
    found = comparison.difference
    if found is None:
        return f"{challenger} against {champion}"
    return (
        f"{challenger} against {champion} ({found.value:+.3g}, {found.confidence:.4g} interval {found.low:+.3g} to "
        f"{found.high:+.3g}, {found.pictures} pictures{_of(found)})"
    )
