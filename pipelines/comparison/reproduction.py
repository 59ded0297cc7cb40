"""The tables of the papers beside ours: each number, and whether each ordering that they claim holds on open data.

Works on evaluations and ratings; touches no files. The papers' pictures are not ours, so numbers of one column are not
compared across; what is tested is the order, on the same pictures. What is printed stands in
`pipelines.comparison.paper_tables`.

FID and KID are not tested. Their draws are halves of the same pictures, so the spread over draws says how much the
choice of the half matters and not how much other pictures would; a t-test that takes draws for independent finds a
difference between equals in half of all cases at 30 draws (simulated). Their difference and its direction are given,
undecided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, isnan, nan
from typing import Literal

import pandas as pd

from pipelines.comparison.paper_tables import (
    PAPER_TABLES,
    Claim,
    Measure,
    PaperTable,
    PictureMeasure,
    RatingMeasure,
    SetMeasure,
    Subject,
)
from pipelines.comparison.significance import Estimate, estimate, mean_with_interval, paired_difference
from pipelines.evaluation.evaluation import Evaluation

Verdict = Literal["confirmed", "refuted", "not decided", "not measured"]
VERDICTS: dict[Verdict, str] = {
    "confirmed": "our numbers are in this order, and the interval of the difference leaves out 0; that something "
    "does not help is thus confirmed only where it does significant harm",
    "refuted": "our numbers are in the other order, and the interval of the difference leaves out 0",
    "not decided": "the interval of the difference contains 0, or there is none, as of FID and KID, whose draws "
    "share their pictures",
    "not measured": "a result is missing",
}

RATING_COLUMNS = ("study", "question", "method", "rater", "picture", "value")
CONFIDENCE = 0.95


class NotMeasuredError(LookupError):
    """A result that a table needs is missing: the message says which."""


@dataclass(frozen=True)
class Ours:
    """Our number, or our difference, and how sure it is."""

    value: float
    low: float
    """The ends of the 95 % interval; infinite where there is none."""
    high: float
    count: int
    unit: str
    """The number of issues, pictures, draws or raters that it is a mean of."""
    p_value: float = 1.0
    """Two-sided, of the value being 0: for differences. Not corrected for the number of claims."""
    made_with: str = ""
    """The extractor that a distance between sets looked through."""
    std: float = nan
    """The spread of a distance between sets over draws, which share their pictures: no error of the number."""

    @property
    def is_significant(self) -> bool:
        """The interval leaves out 0."""
        return self.p_value < 1 - CONFIDENCE


@dataclass(frozen=True)
class Pair:
    """One half of a claim: is the first number the lower one?"""

    lower: Subject
    higher: Subject
    difference: Ours | None
    """First less second."""
    missing: str = ""
    """Why there is no difference."""

    @property
    def verdict(self) -> Verdict:
        """The verdict of our numbers."""
        if self.difference is None:
            return "not measured"
        if not self.difference.is_significant:
            return "not decided"
        return "confirmed" if self.difference.value < 0 else "refuted"


@dataclass(frozen=True)
class ClaimResult:
    """The result of a claim: it holds where all its pairs do."""

    claim: Claim
    pairs: tuple[Pair, ...]

    @property
    def verdict(self) -> Verdict:
        """One refuted pair refutes it; else all pairs have to be measured, and decided."""
        found: set[Verdict] = {pair.verdict for pair in self.pairs} or {"not measured"}
        order: tuple[Verdict, ...] = ("refuted", "not measured", "not decided", "confirmed")
        return next(verdict for verdict in order if verdict in found)


@dataclass(frozen=True)
class ReproductionTable:
    """One table of a paper beside ours."""

    paper: PaperTable
    cells: tuple[tuple[Ours | str, ...], ...]
    """Our numbers, row by row as the paper's columns, or why there is none."""
    claims: tuple[ClaimResult, ...]


def reproduce(
    evaluations: Sequence[Evaluation],
    ratings: pd.DataFrame | None = None,
    *,
    tables: Sequence[PaperTable] = PAPER_TABLES,
) -> tuple[ReproductionTable, ...]:
    """Puts our results beside the papers', and tests what they claim.

    Args:
        evaluations: The latest of each colorizer; those of several tracks together.
        ratings: One row an answer: `study` ("mos": 1 to 5 points, "unhinted" and "hinted": paper 004's questions),
            `question` (a key of `pipelines.studies.questions.QUESTIONS`), `method` (the recipe), `rater`, `picture`
            and `value`. None where there are no ratings.
        tables: Which tables.

    Raises ValueError where two evaluations have the same name, or a column of `ratings` is missing.
    """
    by_name = {evaluation.name: evaluation for evaluation in evaluations}
    if len(by_name) != len(evaluations):
        raise ValueError(f"two results of one name among {len(evaluations)}: give only the latest of each colorizer")
    if ratings is not None and (absent := set(RATING_COLUMNS) - set(ratings.columns)):
        raise ValueError(f"ratings lack the columns {', '.join(sorted(absent))}; expected {', '.join(RATING_COLUMNS)}")
    results = _Results(by_name, ratings)
    return tuple(
        ReproductionTable(
            paper=table,
            cells=tuple(
                tuple(_cell(results, row.recipe, column.measure, column.note) for column in table.columns)
                for row in table.rows
            ),
            claims=tuple(
                ClaimResult(claim, tuple(_pair(results, lower, higher) for lower, higher in claim.pairs))
                for claim in table.claims
            ),
        )
        for table in tables
    )


def _cell(results: "_Results", recipe: str | None, measure: Measure | None, note: str) -> Ours | str:
    if recipe is None:
        return "not a part of this project"
    if measure is None:
        return note
    try:
        return results.number(Subject(recipe, measure))
    except NotMeasuredError as missing:
        return str(missing)


def _pair(results: "_Results", lower: Subject, higher: Subject) -> Pair:
    try:
        return Pair(lower, higher, results.difference(lower, higher))
    except NotMeasuredError as missing:
        return Pair(lower, higher, None, str(missing))


class _Results:
    """All measured values, by recipe and measure."""

    def __init__(self, evaluations: Mapping[str, Evaluation], ratings: pd.DataFrame | None) -> None:
        self._evaluations = evaluations
        self._ratings = ratings

    def number(self, subject: Subject) -> Ours:
        """Raises NotMeasuredError where it is missing."""
        measure = subject.measure
        if isinstance(measure, PictureMeasure):
            rows = self._rows(subject.recipe, measure)
            return _of_estimate(mean_with_interval(rows, measure.metric, seed=self._evaluation(subject.recipe).seed))
        if isinstance(measure, SetMeasure):
            name, spread = self._spread(subject.recipe, measure)
            return _of_draws(spread["mean"], int(spread["draws"]), name, std=spread.get("std", nan))
        points = self._points(subject.recipe, measure)
        return _of_estimate(estimate(points.to_numpy(float)), unit="raters")

    def difference(self, lower: Subject, higher: Subject) -> Ours:
        """First less second, on the same pictures. Raises NotMeasuredError where one is missing."""
        if isinstance(lower.measure, PictureMeasure) and isinstance(higher.measure, PictureMeasure):
            return self._picture_difference(lower.recipe, lower.measure, higher.recipe, higher.measure)
        if isinstance(lower.measure, SetMeasure) and isinstance(higher.measure, SetMeasure):
            return self._set_difference(lower.recipe, lower.measure, higher.recipe, higher.measure)
        if isinstance(lower.measure, RatingMeasure) and isinstance(higher.measure, RatingMeasure):
            paired = (self._points(lower.recipe, lower.measure) - self._points(higher.recipe, higher.measure)).dropna()
            if paired.empty:
                raise NotMeasuredError(f"no rater rated both {lower.recipe} and {higher.recipe}")
            return _of_estimate(estimate(paired.to_numpy(float)), unit="raters")
        raise TypeError(f"{lower} and {higher}: expected two measures of one kind")

    def _picture_difference(
        self, lower: str, lower_measure: PictureMeasure, higher: str, higher_measure: PictureMeasure
    ) -> Ours:
        self._require_same_pictures(lower, higher)
        first, second = (
            self._rows(recipe, measure)[["panel_id", "title", "issue", measure.metric]].rename(
                columns={measure.metric: "value"}
            )
            for recipe, measure in ((lower, lower_measure), (higher, higher_measure))
        )
        return _of_estimate(paired_difference(first, second, "value", seed=self._evaluation(lower).seed))

    def _set_difference(self, lower: str, lower_measure: SetMeasure, higher: str, higher_measure: SetMeasure) -> Ours:
        (name, first), (other, second) = self._spread(lower, lower_measure), self._spread(higher, higher_measure)
        self._require_same_pictures(lower, higher)
        if name != other:
            raise NotMeasuredError(f"{lower} has {name}, {higher} has {other}: evaluate both through one extractor")
        draws = int(min(first["draws"], second["draws"]))
        return _of_draws(first["mean"] - second["mean"], draws, name)

    def _require_same_pictures(self, lower: str, higher: str) -> None:
        """Within a track the benchmarks agree; across tracks, whose benchmarks differ by what is seen, the pictures."""
        first, second = self._evaluation(lower), self._evaluation(higher)
        if first.track == second.track:
            is_same = first.benchmark_fingerprint == second.benchmark_fingerprint
        else:
            is_same = (
                first.training_set_fingerprint == second.training_set_fingerprint
                and first.resolution == second.resolution
                and set(first.unhinted["panel_id"]) == set(second.unhinted["panel_id"])
            )
        if not is_same:
            raise NotMeasuredError(f"{lower} and {higher} were evaluated on different pictures: evaluate both again")

    def _evaluation(self, recipe: str) -> Evaluation:
        if recipe not in self._evaluations:
            raise NotMeasuredError(f"no evaluation of {recipe}")
        return self._evaluations[recipe]

    def _rows(self, recipe: str, measure: PictureMeasure) -> pd.DataFrame:
        rows = self._evaluation(recipe).of_condition
        rows = rows[rows["placement"] == ("random" if measure.hints else "none")]
        rows = rows[rows["hints"] == measure.hints]
        if measure.styles:
            rows = rows[rows["style"].isin(measure.styles)]
        if measure.metric not in rows or not rows[measure.metric].notna().any():
            raise NotMeasuredError(f"no {measure} of {recipe}")
        return rows

    def _spread(self, recipe: str, measure: SetMeasure) -> tuple[str, dict[str, float]]:
        """The name of the number and its draws: the standard extractor's where it is there."""
        found = {
            name: spread
            for name, spread in self._evaluation(recipe).sets.items()
            if name.startswith(f"{measure.family}_")
            and name.endswith(f"/{measure.condition}")
            and not isnan(spread["mean"])
        }
        if not found:
            raise NotMeasuredError(f"no {measure} of {recipe}")
        name = next((name for name in found if "inception" in name), min(found))
        return name.partition("/")[0], found[name]

    def _points(self, recipe: str, measure: RatingMeasure) -> pd.Series:
        """Mean points of each rater."""
        rated = self._ratings
        if rated is None:
            raise NotMeasuredError("no ratings: run a study")
        is_of = (rated["study"] == measure.study) & (rated["question"] == measure.question)
        points = rated[is_of & (rated["method"] == recipe)]
        if points.empty:
            raise NotMeasuredError(f"no {measure} of {recipe}: plan a study with it")
        return points.groupby("rater")["value"].mean()


def _of_estimate(found: Estimate, *, unit: str | None = None) -> Ours:
    return Ours(found.value, found.low, found.high, found.units, unit or f"{found.unit}s", found.p_value)


def _of_draws(value: float, draws: int, made_with: str, *, std: float = nan) -> Ours:
    """Without an interval, and undecided: see the module."""
    return Ours(value, -inf, inf, draws, "draws", made_with=made_with, std=std)


def number_text(ours: Ours) -> str:
    """Value, interval, and over what: "1590 (1510 to 1660; 12 issues)"; of draws "39.8 ± 1.75 (3 draws)"."""
    if ours.unit == "draws":
        return f"{_shown(ours.value)}{'' if isnan(ours.std) else f' ± {_shown(ours.std)}'} ({ours.count} draws)"
    interval = f"{_shown(ours.low)} to {_shown(ours.high)}" if isfinite(ours.low) else "no interval"
    return f"{_shown(ours.value)} ({interval}; {ours.count} {ours.unit})"


def difference_text(pair: Pair) -> str:
    """The result of one pair in words: difference, interval and p, or why there are none."""
    if pair.difference is None:
        return pair.missing
    found = pair.difference
    if found.unit == "draws":
        order = "in this order" if found.value < 0 else "in the other order" if found.value > 0 else "equal"
        return f"{_shown(found.value, '+')}, {order} (not tested: the {found.count} draws share their pictures)"
    interval = f"{_shown(found.low, '+')} to {_shown(found.high, '+')}" if isfinite(found.low) else "no interval"
    return f"{_shown(found.value, '+')} ({interval}; {p_text(found.p_value)}; {found.count} {found.unit})"


def p_text(p_value: float) -> str:
    """The p-value with two digits, "< 0.001" below that, where the bootstrap is not precise."""
    return "p < 0.001" if p_value < 0.001 else f"p {p_value:.2g}"


def pair_text(pair: Pair) -> str:
    """A pair in words: "A < B, metric"."""
    first, second = pair.lower, pair.higher
    if first.measure == second.measure:
        return f"{first.recipe} < {second.recipe}, {first.measure}"
    return f"{first.recipe}, {first.measure} < {second.recipe}, {second.measure}"


def _shown(value: float, sign: str = "") -> str:
    return f"{value:{sign}.0f}" if abs(value) >= 1000 else f"{value:{sign}.3g}"


def reproduction_markdown(tables: Sequence[ReproductionTable]) -> str:
    """The tables for people, as Markdown, after what each verdict means."""
    lines = [*(f"- **{verdict}**: {meaning}" for verdict, meaning in VERDICTS.items()), ""]
    for table in tables:
        paper = table.paper
        lines += [f"## {paper.title}", "", f"{paper.source}. {paper.note}", ""]
        heads = [f"{column.label}: {whose}" for column in paper.columns for whose in ("paper", "ours")]
        lines += [f"| as in the paper | recipe | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
        for row, cells in zip(paper.rows, table.cells, strict=True):
            shown = [
                text
                for printed, cell in zip(row.printed, cells, strict=True)
                for text in (str(printed or ""), cell if isinstance(cell, str) else number_text(cell))
            ]
            lines.append(f"| {row.label} | {row.recipe or ''} | {' | '.join(shown)} |")
        lines += ["", "| claim | where | on ours | difference |", "|---|---|---|---|"]
        for result in table.claims:
            found = "; ".join(f"{pair_text(pair)}: {difference_text(pair)}" for pair in result.pairs)
            found = found or result.claim.note
            lines.append(f"| {result.claim.says} | {result.claim.source} | **{result.verdict}** | {found} |")
        lines.append("")
    return "\n".join(lines)
