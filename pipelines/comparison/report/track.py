"""The section of one track and condition of references: leaderboard, metrics, curves, costs, and the pictures of its
colorizers, with the references that their colours came from.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from pipelines.colorize.segment_hints import DOTS
from pipelines.comparison.leaderboard import GIVEN, SHOWN_METRICS, Leaderboard, LeaderboardRow, shown
from pipelines.comparison.report.charts import Point, Series, legend_mark, line_chart, scatter_chart, whisker
from pipelines.comparison.report.tables import Cell, Table, count_text, heat_table, spread_cell
from pipelines.comparison.reproduction import p_text
from pipelines.evaluation.baselines import BASELINES, ORACLES
from pipelines.evaluation.evaluation import RANKING_METRIC, WITHOUT_NEAR_DUPLICATES, Evaluation, views_of
from pipelines.evaluation.gallery import UNPAIRED
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.tracks import MAIN_STYLE, NEAR_BITS

PICTURED = 8
"""So many colorizers of a track are shown in pictures, the best first: a page of all of them would not open."""

SIDE_BY_SIDE = 6
"""Pictures that are shown by every colorizer."""

CURVES = ("ciede2000", "hint_ciede2000", "hint_segment_ciede2000", "colorfulness_error", "bleeding")
"""The metrics that are drawn over hints, where there are numbers."""

SOURCED = 3
"""So many colorizers are shown with their references, the best first."""

GIVEN_REFERENCES = {
    "same_issue": "the first six panels of the picture's own issue, which are not measured",
    "other_issues": "of the train panels of its title the 24 that look most alike",
}

EXAMPLES = ("best", "median", "worst")
FAILURES = ("bubbles", "texture", "lettering", "large_object", "color_swap")

PictureUrl = Callable[[bytes], str]


@dataclass(frozen=True)
class Example:
    """One picture that a colorizer made, beside what it saw and the truth."""

    name: str
    panel_id: str
    ciede2000: str
    input: str
    output: str
    truth: str
    side: int


@dataclass(frozen=True)
class Source:
    """A reference that a picture took colours from."""

    name: str
    share: str
    picture: str


class TrackSection:
    """The parts of the page about one track, in one condition of references."""

    def __init__(self, board: Leaderboard, evaluations: Sequence[Evaluation], picture_url: PictureUrl) -> None:
        self.board = board
        self.name = board.name
        self.has_references = board.references != "none"
        known = (None, board.references_fingerprint)
        ranked = {row.name for row in board.rows}
        comparable = [
            one
            for one in evaluations
            if one.name in ranked
            and one.benchmark_fingerprint == board.benchmark_fingerprint
            and (not self.has_references or one.references_fingerprint in known)
        ]
        by_name = {one.name: one for one in views_of(comparable, board.references)}
        self.evaluations = [by_name[row.name] for row in board.rows if row.name in by_name]
        self._learned = [by_name[row.name] for row in board.colorizers if row.name in by_name]
        self._picture_url = picture_url
        self.columns = [METRICS[name] for name in SHOWN_METRICS]
        self.copy = next((row for row in board.rows if row.name == BASELINES[board.track][0]), None)
        line_at = self.copy.score if self.copy else None
        high = max((row.score for row in board.rows), default=1.0) * 1.05 or 1.0
        self.whiskers = {row.name: whisker(row.score, row.interval, high=high, line_at=line_at) for row in board.rows}

    @property
    def label(self) -> str:
        """The heading of the section."""
        given = GIVEN[self.board.references]
        return f"{'Gray' if self.board.track == 'gray' else 'Lines'} to colour{f', {given}' if given else ''}"

    @property
    def facts(self) -> dict[str, str]:
        """The properties of the benchmark, for people."""
        if not self.evaluations:
            return {"Benchmark": self.board.benchmark_fingerprint}
        one = max(self.evaluations, key=lambda one: len(one.rows))
        hints = sorted({int(count) for count in one.rows.loc[one.rows["placement"] == "random", "hints"]})
        references = {}
        if self.has_references:
            references = {
                "References": GIVEN_REFERENCES[self.board.references],
                "Fingerprint of the references": str(self.board.references_fingerprint),
                "Near-duplicates": self._near_duplicates,
            }
        return {
            "Benchmark": self.board.benchmark_fingerprint,
            **references,
            "Training set": ", ".join(sorted({each.training_set_fingerprint for each in self.evaluations})),
            "Test pictures": f"{one.pictures} of {one.unhinted['issue'].nunique()} issues, "
            f"{one.resolution} x {one.resolution} pixels",
            "Titles": ", ".join(sorted(one.unhinted["title"].unique())),
            "Shown as": ", ".join(one.styles),
            "Random hints": ", ".join(map(str, hints)) or "none",
            "Seed": str(one.seed),
        }

    def kind_of(self, row: LeaderboardRow) -> str:
        """The kind of a row in a few words; empty for a result."""
        if row.name in ORACLES:
            return "oracle"
        if row.is_baseline:
            return "baseline"
        return "below the baseline" if row.below_baseline else ""

    @property
    def _near_duplicates(self) -> str:
        found = next(
            (one.sets[WITHOUT_NEAR_DUPLICATES] for one in self.evaluations if WITHOUT_NEAR_DUPLICATES in one.sets), None
        )
        if found is None:
            return "of each picture"
        text = (
            f"{found['pictures_with_near_duplicates']:.0f} of {found['pictures']:.0f} pictures have a reference that "
        )
        text += f"nearly repeats them (pHash within {NEAR_BITS} bits)"
        left_out = found["issues_left_out"]
        return f"{text}; {left_out:.0f} test issues are left out for want of panels" if left_out else text

    def difference_of(self, row: LeaderboardRow) -> str:
        """The difference to the reference, in words."""
        return "reference" if row.name == self.board.reference else difference_text(row.difference)

    @property
    def has_near_duplicates(self) -> bool:
        """True where scores without near-duplicates differ from the others."""
        return any(row.without_near_duplicates is not None for row in self.board.rows)

    def interval_of(self, row: LeaderboardRow) -> str:
        """The interval of the score, in words."""
        if row.interval is None:
            return ""
        return f"{shown(row.interval[0])} to {shown(row.interval[1])}" if np.isfinite(row.interval[0]) else "none"

    @property
    def summary(self) -> str:
        """One sentence."""
        best = next(iter(self.board.colorizers), None)
        if best is None:
            return "No colorizer has been evaluated on this track yet."
        text = f"{best.name} is the first of {len(self.board.colorizers)}: {shown(best.score)} delta E"
        text += f" ({self.interval_of(best)})." if best.interval else "."
        if best.against_copy and self.copy:
            words = {"better": "better than", "worse": "worse than"}
            verdict = words.get(verdict_of(best.against_copy), "not clearly different from")
            text += f" It is {verdict} {self.copy.name}: {difference_text(best.against_copy)}."
        below = [row.name for row in self.board.colorizers if row.below_baseline]
        if below:
            text += (
                f" {len(below)} of {len(self.board.colorizers)} {'is' if len(below) == 1 else 'are'} worse than the "
                "picture itself: a finding, not a result."
            )
        return text

    @property
    def all_metrics(self) -> Table:
        """Every metric, heat by column."""
        numbers = {one.name: [one.metrics[name] for name in METRICS] for one in self.evaluations}
        directions = [METRICS[name].direction for name in METRICS]
        return heat_table("Every metric, mean over pictures, without hints", list(METRICS), numbers, directions)

    @property
    def by_title(self) -> Table:
        """The ranking metric of each title."""
        means = {one.name: one.unhinted.groupby("title")[RANKING_METRIC].mean() for one in self.evaluations}
        titles = sorted({str(title) for found in means.values() for title in found.index})
        numbers = {name: [float(found.get(title, np.nan)) for title in titles] for name, found in means.items()}
        return heat_table("CIEDE2000 of each title", titles, numbers)

    @property
    def by_style(self) -> Table | None:
        """The ranking metric of each style, and by how much the worst is above the mean; None where there is one."""
        styles = list(dict.fromkeys(style for one in self.evaluations for style in one.styles))
        if len(styles) < 2:
            return None
        numbers = {
            one.name: [one.styles.get(style, {}).get(RANKING_METRIC, np.nan) for style in styles]
            for one in self.evaluations
        }
        return heat_table("CIEDE2000 of each way of drawing lines", styles, numbers)

    @property
    def by_person(self) -> Table | None:
        """The ranking metric with dots in the largest segments; None where no colorizer takes hints."""
        hinted = [one for one in self.evaluations if one.largest_segments]
        if not hinted:
            return None
        numbers = {}
        for one in hinted:
            score = one.largest_segments[RANKING_METRIC]
            main = one.unhinted[one.unhinted["style"] == MAIN_STYLE[one.track]][RANKING_METRIC].mean()
            numbers[one.name] = [float(main), score, one.largest_segments["hint_segment_ciede2000"]]
        columns = ["without hints", f"{DOTS} dots", f"{DOTS} dots, in the segments of the dots"]
        return heat_table(f"CIEDE2000 with a dot in each of the {DOTS} largest segments", columns, numbers)

    @property
    def sourced(self) -> list[tuple[str, list[tuple[Example, list[Source]]]]]:
        """Pictures of the best colorizers that tell their sources, each with the references that gave it most."""
        return [
            (one.name, [(example, self._sources_of(one, example)) for example in self._of_kind(one, one.references)])
            for one in [one for one in self._learned if len(one.sources)][:SOURCED]
        ]

    def _sources_of(self, one: Evaluation, example: Example) -> list[Source]:
        own = one.sources[one.sources["panel_id"] == example.panel_id].to_dict("records")
        return [
            Source(row["reference"], f"{row['share']:.0%}", self._picture_url(bytes(row["picture"])))
            for row in own
            if row["picture"]
        ]

    @property
    def sets(self) -> Table | None:
        """Numbers of the whole set: mean and spread over draws, with the oracle and the baseline as rows."""
        names = sorted({name for one in self.evaluations for name in one.sets})
        if not names:
            return None
        known = {name: next(one.sets[name] for one in self.evaluations if name in one.sets) for name in names}
        rows: list[tuple[str, Sequence[Cell]]] = [
            (label, [Cell(shown(known[name].get(end, np.nan))) for name in names])
            for end, label in (("oracle", "the truths themselves (oracle)"), ("baseline", "gray copies (baseline)"))
        ]
        for one in self.evaluations:
            rows.append((one.name, [spread_cell(one.sets.get(name), known[name]) for name in names]))
        return Table("Mean ± standard deviation over draws", names, rows)

    @property
    def costs(self) -> Table | None:
        """The costs of each colorizer."""
        names = list(dict.fromkeys(name for one in self.evaluations for name in one.cost))
        if not names or self.has_references:
            return None
        rows = [
            (one.name, [Cell(count_text(one.cost.get(name, np.nan))) for name in names])
            for one in self.evaluations
            if one.name not in ORACLES
        ]
        return Table("Cost", names, rows)

    @property
    def cost_chart(self) -> Markup | None:
        """Latency against quality; None where no latency was measured."""
        names = sorted({name for one in self.evaluations for name in one.cost if name.startswith("latency_")})
        counts = {name: sum(name in one.cost for one in self.evaluations) for name in names}
        if not names:
            return None
        name = max(names, key=lambda name: (counts[name], "256x256" in name, name))
        _, device, size, _ = name.split("_")
        ranks = {row.name: row for row in self.board.rows}
        points = [
            Point(
                one.name, str(ranks[one.name].rank), one.cost[name], ranks[one.name].score, ranks[one.name].is_baseline
            )
            for one in self.evaluations
            if one.cost.get(name, 0) > 0 and one.name not in ORACLES
        ]
        x_label = f"ms for {size.replace('x', ' x ')} pixels, {device.upper()}"
        return scatter_chart(
            points, label="Quality against latency", x_label=x_label, y_label=METRICS[RANKING_METRIC].unit
        )

    @property
    def hinted(self) -> list[Evaluation]:
        """The results with hints, best first."""
        return [one for one in self.evaluations if len(one.curve) > 1]

    @property
    def curves(self) -> list[tuple[str, Markup, Table]]:
        """Metric, chart, and the same as a table."""
        if not self.hinted:
            return []
        found = []
        for metric in CURVES:
            series = [
                Series(one.name, {count: row[metric] for count, row in one.curve.items() if np.isfinite(row[metric])})
                for one in self.hinted
            ]
            counts = sorted({count for one in series for count in one.values})
            if len(counts) < 2:
                continue
            baselines = {}
            if self.copy and 0 in counts and np.isfinite(self.copy.metrics[metric]):
                baselines[self.copy.name] = self.copy.metrics[metric]
            chart = line_chart(
                series, label=f"{metric} over random hints", x_label="random hint points", baselines=baselines
            )
            numbers = {one.name: [one.values.get(count, np.nan) for count in counts] for one in series}
            found.append((metric, chart, heat_table(f"{metric} over random hints", list(map(str, counts)), numbers)))
        return found

    @property
    def legend(self) -> list[tuple[Markup, str]]:
        """The marks and names of the curves."""
        return [(legend_mark(number), one.name) for number, one in enumerate(self.hinted)]

    @property
    def side_by_side(self) -> list[tuple[str, Example, list[tuple[str, Example | None]]]]:
        """Panels that most colorizers have a picture of: (panel, any example of it, each colorizer's or None)."""
        shown_ones = self._learned[:PICTURED]
        rows = {
            one.name: {row["panel_id"]: row for row in one.gallery.to_dict("records") if row["kind"] != UNPAIRED}
            for one in shown_ones
        }
        having = Counter(panel_id for found in rows.values() for panel_id in found)
        found = []
        for panel_id in sorted(sorted(having, key=lambda panel_id: (-having[panel_id], panel_id))[:SIDE_BY_SIDE]):
            examples = [
                (one.name, self._example(one, rows[one.name][panel_id]) if panel_id in rows[one.name] else None)
                for one in shown_ones
            ]
            found.append((panel_id, next(example for _, example in examples if example), examples))
        return found

    @property
    def examples(self) -> list[tuple[str, list[tuple[str, list[Example]]]]]:
        """The best, median and worst pictures of each colorizer."""
        return [(one.name, [(kind, self._of_kind(one, kind)) for kind in EXAMPLES]) for one in self._learned[:PICTURED]]

    @property
    def failures(self) -> list[tuple[str, list[Example]]]:
        """The failures by kind, those of the best colorizer first."""
        return [
            (kind, [example for one in self._learned[:PICTURED] for example in self._of_kind(one, kind)])
            for kind in FAILURES
        ]

    @property
    def unpaired(self) -> list[tuple[str, Example, list[tuple[str, Example]]]]:
        """Pictures without a truth: (name, any example of it, each colorizer's)."""
        by_picture: dict[str, list[tuple[str, Example]]] = {}
        for one in self._learned[:PICTURED]:
            for example in self._of_kind(one, UNPAIRED):
                by_picture.setdefault(example.panel_id, []).append((one.name, example))
        return [(name, examples[0][1], examples) for name, examples in by_picture.items()]

    def _of_kind(self, one: Evaluation, kind: str) -> list[Example]:
        rows = one.gallery[one.gallery["kind"] == kind]
        return [self._example(one, row) for row in rows.to_dict("records")]

    def _example(self, one: Evaluation, row: Mapping[Any, Any]) -> Example:
        urls = {part: self._picture_url(bytes(row[part])) if row[part] else "" for part in ("input", "output", "truth")}
        return Example(one.name, row["panel_id"], shown(row["ciede2000"]), **urls, side=one.resolution)


def difference_text(found: Mapping[str, Any] | None) -> str:
    """A paired difference in words; empty for None."""
    if found is None:
        return ""
    interval = f"{found['low']:+.3g} to {found['high']:+.3g}" if np.isfinite(found["low"]) else "no interval"
    return f"{found['value']:+.3g} ({interval}), {p_text(found['p_value'])}"


def verdict_of(found: Mapping[str, Any] | None) -> str:
    """The verdict on a paired difference: better, worse, or no clear difference; empty for None."""
    if found is None:
        return ""
    if found["p_value"] >= 1 - found["confidence"]:
        return "no clear difference"
    return "worse" if found["value"] > 0 else "better"
