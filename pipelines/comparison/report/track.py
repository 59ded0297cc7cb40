"""The section of one track: leaderboard, metrics, curves, costs, and the pictures of its colorizers."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from pipelines.comparison.leaderboard import SHOWN_METRICS, Leaderboard, LeaderboardRow, shown
from pipelines.comparison.report.charts import Point, Series, legend_mark, line_chart, scatter_chart, whisker
from pipelines.comparison.report.tables import Cell, Table, count_text, heat_table, spread_cell
from pipelines.comparison.reproduction import p_text
from pipelines.evaluation.baselines import BASELINES, ORACLES
from pipelines.evaluation.evaluation import RANKING_METRIC, Evaluation
from pipelines.evaluation.gallery import UNPAIRED
from pipelines.evaluation.metrics.definitions import METRICS

PICTURED = 8
"""So many colorizers of a track are shown in pictures, the best first: a page of all of them would not open."""

SIDE_BY_SIDE = 6
"""Pictures that are shown by every colorizer."""

CURVES = ("ciede2000", "hint_ciede2000", "hint_segment_ciede2000", "colorfulness_error", "bleeding")
"""The metrics that are drawn over hints, where there are numbers."""

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


class TrackSection:
    """The parts of the page about one track."""

    def __init__(self, board: Leaderboard, evaluations: Sequence[Evaluation], picture_url: PictureUrl) -> None:
        self.board = board
        self.name = board.track
        by_name = {one.name: one for one in evaluations if one.benchmark_fingerprint == board.benchmark_fingerprint}
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
        return f"{'Gray' if self.name == 'gray' else 'Lines'} to colour"

    @property
    def facts(self) -> dict[str, str]:
        """The properties of the benchmark, for people."""
        if not self.evaluations:
            return {"Benchmark": self.board.benchmark_fingerprint}
        one = max(self.evaluations, key=lambda one: len(one.rows))
        hints = sorted({int(count) for count in one.rows.loc[one.rows["placement"] == "random", "hints"]})
        return {
            "Benchmark": self.board.benchmark_fingerprint,
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

    def difference_of(self, row: LeaderboardRow) -> str:
        """The difference to the reference, in words."""
        if row.name == self.board.reference:
            return "reference"
        if row.difference is None:
            return ""
        found = row.difference
        interval = f"{found['low']:+.3g} to {found['high']:+.3g}" if np.isfinite(found["low"]) else "no interval"
        return f"{found['value']:+.3g} ({interval}), {p_text(found['p_value'])}"

    def verdict_of(self, row: LeaderboardRow) -> str:
        """The verdict on the difference: better, worse, or no clear difference."""
        if row.difference is None:
            return ""
        if row.difference["p_value"] >= 1 - row.difference["confidence"]:
            return "no clear difference"
        return "worse" if row.difference["value"] > 0 else "better"

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
        if not names:
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
