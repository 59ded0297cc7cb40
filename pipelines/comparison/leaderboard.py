"""The leaderboard of a track and a condition of references: colorizers ranked on one benchmark, each with its interval
and its distances to the first and to the picture itself.

Works on evaluations; touches no files. Only results with the current benchmark fingerprint, and of those with
references with their current fingerprint, are ranked; others are listed apart and never compared. A colorizer that has
learned from test pictures (`pipelines.evaluation.learned`) is not ranked either, and named with their number. Where
there are references, a colorizer that takes none is ranked by its results without, on the same pictures.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from pipelines.comparison.significance import Estimate, holm, mean_with_interval, paired_difference
from pipelines.evaluation.baselines import BASELINE_NAMES, BASELINES, ORACLES, REFERENCE_BASELINES
from pipelines.evaluation.evaluation import RANKING_METRIC, Evaluation, views_of
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.old_names import current_row
from pipelines.evaluation.tracks import ReferenceCondition, Track

GIVEN: dict[ReferenceCondition, str] = {
    "none": "",
    "same_issue": "with references of the same issue",
    "other_issues": "with references of other issues",
}
"""Each condition of references in words."""

SHOWN_METRICS = ("ciede2000", "l2_ab", "l1_rgb", "l2_rgb", "psnr", "ssim", "colorfulness_error")


NOT_KNOWN = "their training set is not in this lake; of shipped weights see models/weights/README.md"


@dataclass(frozen=True)
class LeaderboardRow:
    """One colorizer's place."""

    name: str
    rank: int | None
    """1 is best. None where the result is not comparable, and for the truth."""
    variant: str
    is_baseline: bool
    """It learned nothing, and is never promoted. The oracle is one of them."""
    pictures: int
    metrics: dict[str, float]
    benchmark_fingerprint: str
    checkpoint_digest: str | None
    mlflow_run_id: str | None
    interval: tuple[float, float] | None = None
    """The 95 % interval of the ranking metric's mean."""
    difference: dict[str, Any] | None = None
    """The difference of the ranking metric to the reference: an `Estimate`, its `p_value` after Holm over the table."""
    against_copy: dict[str, Any] | None = None
    """The same to the picture itself: below 0 and significant, it beats the picture without colour."""
    without_near_duplicates: float | None = None
    """The score without the pictures that a reference nearly repeats; None where there are none such, or no others."""
    references_fingerprint: str | None = None
    """Of the references that it was evaluated with; None for a colorizer that takes none."""
    worst_style: str | None = None
    """On the track of lines."""
    below_baseline: bool = False
    """Worse than the picture itself: a finding, not a result."""
    learned: int | None = None
    """The number of test pictures that it has learned from; None where that is not known."""
    sets: dict[str, dict[str, float]] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, evaluation: Evaluation) -> "LeaderboardRow":
        """A result before it is ranked."""
        return cls(
            name=evaluation.name,
            rank=None,
            variant=evaluation.variant,
            is_baseline=evaluation.name in BASELINE_NAMES,
            pictures=evaluation.pictures,
            metrics=evaluation.metrics,
            benchmark_fingerprint=evaluation.benchmark_fingerprint,
            checkpoint_digest=evaluation.checkpoint_digest,
            mlflow_run_id=evaluation.mlflow_run_id,
            without_near_duplicates=_without_near_duplicates(evaluation),
            references_fingerprint=evaluation.references_fingerprint,
            worst_style=evaluation.worst_style if len(evaluation.styles) > 1 else None,
            learned=0 if evaluation.name in BASELINE_NAMES else _count(evaluation.learned),
            sets=evaluation.sets,
            cost=evaluation.cost,
        )

    @property
    def score(self) -> float:
        """The number that it is ranked by."""
        return self.metrics[RANKING_METRIC]

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values: None for numbers that are not finite."""
        return _finite(asdict(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "LeaderboardRow":
        """The row that `to_json` gave, also that of an earlier version."""
        values = current_row(values)
        stored = {**dict.fromkeys(METRICS), **values["metrics"]}  # a metric may be newer than the file
        metrics = {name: float("nan") if value is None else value for name, value in stored.items()}
        low, high = values["interval"] or (None, None)
        return cls(**{**values, "metrics": metrics, "interval": None if low is None else (low, high)})


@dataclass(frozen=True)
class Leaderboard:
    """Colorizers of one track and condition on one benchmark, best first; beside them those of other benchmarks."""

    track: Track
    benchmark_fingerprint: str
    reference: str | None
    """The row that differences are to: the champion where it is among them, else the best colorizer."""
    rows: tuple[LeaderboardRow, ...]
    not_comparable: tuple[LeaderboardRow, ...] = ()
    learned: tuple[LeaderboardRow, ...] = ()
    """Colorizers that are not ranked, for they learned from test pictures."""
    references: ReferenceCondition = "none"
    """What its colorizers were given beside the picture."""
    references_fingerprint: str | None = None
    """Results with references compare only where this agrees too."""
    issues: int = 0
    """The number of issues that its pictures are from."""

    @property
    def name(self) -> str:
        """The track, with the condition where there are references: `gray`, `line_same_issue`."""
        return self.track if self.references == "none" else f"{self.track}_{self.references}"

    @property
    def colorizers(self) -> list[LeaderboardRow]:
        """The rows of trained colorizers, best first."""
        return [row for row in self.rows if not row.is_baseline]

    def to_json(self) -> dict[str, Any]:
        """The leaderboard as JSON values, which `from_json` reads."""
        return {
            "track": self.track,
            "references": self.references,
            "benchmark": self.benchmark_fingerprint,
            "references_fingerprint": self.references_fingerprint,
            "issues": self.issues,
            "reference": self.reference,
            "rows": [row.to_json() for row in self.rows],
            "not_comparable": [row.to_json() for row in self.not_comparable],
            "learned": [row.to_json() for row in self.learned],
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Leaderboard":
        """The leaderboard that `to_json` gave, also that of an earlier version."""
        ranked, apart, learned = (
            tuple(map(LeaderboardRow.from_json, values.get(part, ()))) for part in ("rows", "not_comparable", "learned")
        )
        given = {name: values[name] for name in ("references", "references_fingerprint", "issues") if name in values}
        return cls(values["track"], values["benchmark"], values["reference"], ranked, apart, learned, **given)

    def to_markdown(self) -> str:
        """Tables for people: the ranks, then what does not compare."""
        lines = [_subtitle(self), ""]
        ends = f"95 % | to {self.reference} (p) | to {BASELINES[self.track][0]} (p)"
        has_near = any(row.without_near_duplicates is not None for row in self.rows)
        ends += " | without near-duplicates" if has_near else ""
        lines.append(f"| rank | name | sees | {' | '.join(SHOWN_METRICS)} | {ends} |")
        lines.append("|---" * (6 + has_near + len(SHOWN_METRICS)) + "|")
        for row in self.rows:
            values = " | ".join(shown(row.metrics[name]) for name in SHOWN_METRICS)
            place = str(row.rank) if row.rank else ""
            ends = f"{_interval(row)} | {_difference(row.difference)} | {_difference(row.against_copy)}"
            ends += f" | {_known(row.without_near_duplicates)}" if has_near else ""
            lines.append(f"| {place} | {_label(row)} | {row.variant} | {values} | {ends} |")
        if self.not_comparable:
            lines += ["", "Not comparable, for they were measured on another benchmark (evaluate them again):", ""]
            lines += [f"- {row.name} (benchmark `{row.benchmark_fingerprint[:12]}`)" for row in self.not_comparable]
        if self.learned:
            lines += ["", "Not ranked, for they learned from test pictures (train them again):", ""]
            lines += [f"- {learned_in_words(row)}" for row in self.learned]
        if self.not_known:
            names = ", ".join(self.not_known)
            lines += ["", f"Whether these learned from test pictures is not known ({NOT_KNOWN}): {names}."]
        return "\n".join(lines) + "\n"

    @property
    def not_known(self) -> list[str]:
        """The names of the ranked colorizers of which it is not known whether they learned from test pictures."""
        return [row.name for row in self.colorizers if row.learned is None]

    def picture(self) -> np.ndarray:
        """The table as a picture, with a bar for the score of each colorizer. uint8 RGB."""
        from pipelines.comparison.leaderboard_picture import draw_leaderboard

        return draw_leaderboard(self, subtitle=_subtitle(self), metrics=SHOWN_METRICS, label=_label, text=shown)


def build_leaderboard(
    evaluations: Sequence[Evaluation],
    *,
    track: Track,
    benchmark_fingerprint: str,
    champion: str | None = None,
    references: ReferenceCondition = "none",
    references_fingerprint: str | None = None,
) -> Leaderboard:
    """Ranks by the mean CIEDE2000, lower first, ties by name; baselines are ranked too, and marked.

    Results of other tracks are left out.

    Args:
        evaluations: The latest of each colorizer.
        track: Which track.
        benchmark_fingerprint: The current one of that track.
        champion: The SHA-256 of the checkpoint that the others are compared with; None: with the best.
        references: What colorizers are given beside the picture.
        references_fingerprint: The current one; counts where there are references.

    Raises ValueError where two results of one benchmark have the same name.
    """
    of_track = [
        one
        for one in evaluations
        if one.track == track and (references != "none" or one.name not in REFERENCE_BASELINES.values())
    ]
    known = (None, references_fingerprint) if references != "none" else None
    comparable = [
        one
        for one in of_track
        if one.benchmark_fingerprint == benchmark_fingerprint and (known is None or one.references_fingerprint in known)
    ]
    others = sorted((one for one in of_track if one not in comparable), key=lambda one: one.name)
    learned_from = sorted((one for one in comparable if one.learned), key=lambda one: one.name)
    comparable = [one for one in comparable if not one.learned]
    comparable = views_of(comparable, references)
    names = [evaluation.name for evaluation in comparable]
    if len(set(names)) != len(names):
        raise ValueError(f"two results of one name among {', '.join(sorted(names))}: give only the latest of each")
    comparable.sort(key=lambda one: (one.metrics[RANKING_METRIC], one.name))
    learned = [one for one in comparable if one.name not in BASELINE_NAMES]
    reference = next((one for one in learned if champion and one.checkpoint_digest == champion), None)
    reference = reference or next(iter(learned), None)
    differences = _differences(learned, reference)
    copy = next((one for one in comparable if one.name == BASELINES[track][0]), None)
    against_copy = _differences([*learned, copy], copy) if copy else {}
    rows, rank = [], 0
    for evaluation in comparable:
        rank += evaluation.name not in ORACLES
        estimate = mean_with_interval(evaluation.unhinted, RANKING_METRIC, seed=evaluation.seed)
        rows.append(
            replace(
                LeaderboardRow.of(evaluation),
                rank=None if evaluation.name in ORACLES else rank,
                interval=(estimate.low, estimate.high),
                difference=differences.get(evaluation.name),
                against_copy=against_copy.get(evaluation.name),
                below_baseline=bool(copy) and evaluation.metrics[RANKING_METRIC] > copy.metrics[RANKING_METRIC],
            )
        )
    return Leaderboard(
        track=track,
        benchmark_fingerprint=benchmark_fingerprint,
        reference=reference.name if reference else None,
        rows=tuple(rows),
        not_comparable=tuple(map(LeaderboardRow.of, others)),
        learned=tuple(map(LeaderboardRow.of, learned_from)),
        references=references,
        references_fingerprint=references_fingerprint if references != "none" else None,
        issues=comparable[0].unhinted["issue"].nunique() if comparable else 0,
    )


def _differences(learned: Sequence[Evaluation], reference: Evaluation | None) -> dict[str, dict[str, Any]]:
    """Each score less the reference's, by name, with Holm's p-values over all of them."""
    if reference is None:
        return {}
    found: dict[str, Estimate] = {
        one.name: paired_difference(one.unhinted, reference.unhinted, RANKING_METRIC, seed=reference.seed)
        for one in learned
        if one is not reference
    }
    adjusted = holm({name: estimate.p_value for name, estimate in found.items()})
    return {name: {**asdict(estimate), "p_value": adjusted[name]} for name, estimate in found.items()}


def _without_near_duplicates(evaluation: Evaluation) -> float | None:
    rows = evaluation.unhinted
    is_repeated = rows["near_duplicates"] > 0
    has_both = is_repeated.any() and not is_repeated.all()
    return float(rows.loc[~is_repeated].groupby("panel_id")[RANKING_METRIC].mean().mean()) if has_both else None


def learned_in_words(row: LeaderboardRow) -> str:
    """e.g. "webtoon_l2: 12 of 12 test pictures"."""
    return f"{row.name}: {row.learned} of {row.pictures} test pictures"


def _count(learned: dict[str, str] | None) -> int | None:
    return None if learned is None else len(learned)


def _label(row: LeaderboardRow) -> str:
    if row.is_baseline:
        return f"{row.name} ({'oracle' if row.name in ORACLES else 'baseline'})"
    return f"{row.name} (below the baseline)" if row.below_baseline else row.name


def shown(value: float) -> str:
    """The value with about four significant digits; empty for NaN."""
    if np.isnan(value):
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _interval(row: LeaderboardRow) -> str:
    return f"{shown(row.interval[0])} to {shown(row.interval[1])}" if row.interval else ""


def _difference(found: dict[str, Any] | None) -> str:
    return f"{found['value']:+.3g} ({found['p_value']:.2g})" if found else ""


def _known(value: float | None) -> str:
    return "" if value is None else shown(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _few(leaderboard: Leaderboard) -> str:
    """A remark where intervals and p-values do not hold for other issues."""
    about = {row.difference["unit"] for row in leaderboard.rows if row.difference}
    return " of two issues or one, so intervals and p are about these very issues" if "picture" in about else ""


def _subtitle(leaderboard: Leaderboard) -> str:
    pictures = (
        f"{leaderboard.rows[0].pictures} test pictures{_few(leaderboard)}" if leaderboard.rows else "no results yet"
    )
    spec = METRICS[RANKING_METRIC]
    about = f"{leaderboard.track} {GIVEN[leaderboard.references]}".strip()
    return (
        f"Track {about}, ranked by {spec.name} ({spec.unit}, {spec.direction} is better); {pictures}; "
        f"benchmark {leaderboard.benchmark_fingerprint[:12]}"
    )
