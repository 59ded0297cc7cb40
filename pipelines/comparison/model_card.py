"""The model card of a registered version, as Markdown: its recipe, its training data, its results and its limits.

Headings follow Mitchell et al., "Model Cards for Model Reporting" (2019), section 4. Works on what training and
evaluation recorded; touches no files. Every claim of "better" or "worse" is a paired bootstrap (see `significance`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from models.recipe import PAPERS
from pipelines.comparison.leaderboard import GIVEN
from pipelines.comparison.significance import Estimate, mean_with_interval, paired_difference
from pipelines.comparison.weak_spots import weak_spots
from pipelines.evaluation.evaluation import RANKING_METRIC, Evaluation
from pipelines.evaluation.metrics.definitions import METRICS

CARD_METRICS = (
    RANKING_METRIC, "l1_rgb", "l2_ab", "psnr", "ssim", "colorfulness_error", "gray_share", "bleeding", "white_chroma",
)  # fmt: skip

SEES = {"gray": "gray pictures", "edge": "Canny edges", "line": "line drawings"}


@dataclass(frozen=True, eq=False)
class CardFacts:
    """The contents of a card."""

    version: str
    """The number of the registered version."""
    evaluation: Evaluation
    recipe: Mapping[str, Any]
    """`Recipe.to_json()`, as trained."""
    budget: Mapping[str, Any]
    """The budget of the training: `seconds`, `pictures_seen`, `best_step`, `seed`, and some parameters."""
    datasheet: Mapping[str, Any]
    """The datasheet of the training set that it learned from."""
    learned_from: str
    """The fingerprint of that training set."""
    baselines: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    """Rows of the baselines by name, on the same benchmark and in the same condition, without the oracle."""
    reason: str = ""
    """Why it was promoted, or not."""
    pictures: Mapping[str, str] = field(default_factory=dict)
    """Captions, and paths or addresses as seen from the card."""


def model_card(facts: CardFacts) -> str:
    """The card. Raises ValueError where there is nothing to report on: no rows without hints, or no score in them."""
    rows = facts.evaluation.unhinted
    baselines = {name: _unhinted(table) for name, table in facts.baselines.items()}
    sections = [
        [f"# {facts.evaluation.name}, version {facts.version}"],
        _details(facts),
        _use(facts),
        _factors(rows),
        _metrics(rows),
        _evaluation_data(facts, rows),
        _training_data(facts),
        _analyses(facts, rows, baselines),
        _ethics(facts),
        _caveats(facts, rows, baselines),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _details(facts: CardFacts) -> list[str]:
    recipe = facts.recipe
    lines = ["## Model details", "", f"{recipe['title']}.", ""]
    if recipe.get("paper") in PAPERS:
        lines.append(f"- Paper: {PAPERS[recipe['paper']]}")
    lines += [
        f"- Recipe: `{recipe['name']}`, {recipe['resolution']} x {recipe['resolution']} pixels",
        f"- Sees {SEES[facts.evaluation.variant]}; {'takes' if _takes_hints(recipe) else 'takes no'} hints"
        f"{'' if facts.evaluation.references_fingerprint is None else ' and references'}",
        *(f"- {_words(name)}: {_value(value)}" for name, value in facts.budget.items()),
        *(f"- {_words(name)}: {_value(value)}" for name, value in facts.evaluation.cost.items()),
    ]
    if facts.reason:
        lines.append(f"- Decision: {facts.reason}")
    identities = {
        "Checkpoint": facts.evaluation.checkpoint_digest,
        "MLflow run": facts.evaluation.mlflow_run_id,
        "Training set": facts.learned_from,
        "Benchmark": facts.evaluation.benchmark_fingerprint,
    }
    return [*lines, *(f"- {name}: `{identity}`" for name, identity in identities.items() if identity)]


def _use(facts: CardFacts) -> list[str]:
    name = facts.evaluation.name
    return [
        "## Intended use",
        "",
        f"Colour for {SEES[facts.evaluation.variant]} of comics like those of the training data: a first draft for a "
        "person who goes on from it.",
        "",
        "```sh",
        f"tintoon colorize IN OUT --colorizer {name}",
        "```",
        "",
        "Out of scope: photographs, finding the very colours that an artist chose, and publishing pictures that no "
        "person has looked at.",
    ]


def _factors(rows: pd.DataFrame) -> list[str]:
    styles = rows["style"].nunique()
    return [
        "## Factors",
        "",
        f"Results are given by title ({rows['title'].nunique()}) and by style of input ({styles} "
        f"{'style' if styles == 1 else 'styles'}).",
    ]


def _metrics(rows: pd.DataFrame) -> list[str]:
    lines = ["## Metrics", ""]
    for name in _known(rows):
        spec = METRICS[name]
        better = "" if spec.direction == "neither" else f"; {spec.direction} is better"
        lines.append(f"- `{name}` ({spec.unit}{better}): {spec.definition}")
    return lines


def _evaluation_data(facts: CardFacts, rows: pd.DataFrame) -> list[str]:
    score = mean_with_interval(rows, RANKING_METRIC)
    issues = rows.groupby(["title", "issue"]).ngroups
    what = "whole issues" if score.unit == "issue" else "pictures, for there are few issues"
    titles = ", ".join(sorted(rows["title"].unique()))
    side = facts.evaluation.resolution
    return [
        "## Evaluation data",
        "",
        f"{rows['panel_id'].nunique()} pictures of {issues} issues of {titles}, the test split of training set "
        f"`{facts.evaluation.training_set_fingerprint[:12]}`, at {side} x {side} pixels{_given(facts)}. Intervals are "
        f"{score.confidence:.0%} bootstraps that resample {what}.",
    ]


def _training_data(facts: CardFacts) -> list[str]:
    titles: Mapping[str, Mapping[str, Any]] = facts.datasheet["titles"]
    learned = {name: title for name, title in titles.items() if title["pictures"]["train"]}
    return [
        "## Training data",
        "",
        *_table(
            ["title", "train pictures", "licence", "attribution"],
            (
                [name, title["pictures"]["train"], ", ".join(title["licences"]), "; ".join(title["attributions"])]
                for name, title in learned.items()
            ),
        ),
    ]


def _analyses(facts: CardFacts, rows: pd.DataFrame, baselines: Mapping[str, pd.DataFrame]) -> list[str]:
    by_title, by_style = weak_spots(rows, RANKING_METRIC), weak_spots(rows, RANKING_METRIC, by=["style"])
    lines = ["## Quantitative analyses", "", "Mean over pictures, without hints; baselines learn nothing."]
    lines += ["", *_table(["metric", facts.evaluation.name, *baselines], _metric_rows(rows, baselines))]
    if facts.evaluation.sets:
        lines += ["", "Numbers of the whole set:", ""]
        columns = ["mean", "std", "oracle", "baseline", "pictures"]
        lines += _table(
            ["", *columns],
            (
                [f"`{name}`", *(_value(numbers[column]) if column in numbers else "" for column in columns)]
                for name, numbers in facts.evaluation.sets.items()
            ),
        )
    lines += ["", f"`{RANKING_METRIC}` by title:", "", *_breakdown(rows, by_title, "title")]
    lines += ["", f"`{RANKING_METRIC}` by style:", "", *_breakdown(rows, by_style, "style")]
    for caption, path in facts.pictures.items():
        lines += ["", f"![{caption}](<{path}>)"]
    return lines


def _metric_rows(rows: pd.DataFrame, baselines: Mapping[str, pd.DataFrame]) -> Iterable[list[str]]:
    for name in _known(rows):
        beside = (
            _value(mean_with_interval(table, name).value) if name in table and table[name].notna().any() else ""
            for table in baselines.values()
        )
        yield [f"`{name}`", _interval(mean_with_interval(rows, name)), *beside]


def _breakdown(rows: pd.DataFrame, groups: pd.DataFrame, by: str) -> list[str]:
    return _table(
        [by, "pictures", RANKING_METRIC, ""],
        (
            [
                group[by],
                group["pictures"],
                _interval(mean_with_interval(rows[rows[by] == group[by]], RANKING_METRIC)),
                "weak" if group["is_weak"] else "",
            ]
            for _, group in groups.iterrows()
        ),
    )


def _ethics(facts: CardFacts) -> list[str]:
    licences = sorted({licence for title in facts.datasheet["titles"].values() for licence in title["licences"]})
    return [
        "## Ethical considerations",
        "",
        f"It learned from the work of the people named above, under: {', '.join(licences)}. To pass it or its pictures "
        "on, keep to these terms and name the authors. It repeats their palettes, and the skin and hair colours "
        "that they draw.",
    ]


def _caveats(facts: CardFacts, rows: pd.DataFrame, baselines: Mapping[str, pd.DataFrame]) -> list[str]:
    lines = ["## Caveats and recommendations", ""]
    for name, table in baselines.items():
        against = paired_difference(rows, table, RANKING_METRIC)
        if against.is_significant and against.value < 0:
            verdict = "better than"
        elif against.is_significant:
            verdict = "**worse** than"
        else:
            verdict = "**not distinguishable** from"
        lines.append(f"- It is {verdict} the baseline `{name}`: `{RANKING_METRIC}` {_interval(against, signed=True)}.")
    for by in ("title", "style"):
        found = weak_spots(rows, RANKING_METRIC, by=[by])
        weak = [str(name) for name in found.loc[found["is_weak"], by]]
        if weak:
            lines.append(f"- Weak {by}s, significantly worse than its mean: {', '.join(weak)}.")
    learned = {name for name, title in facts.datasheet["titles"].items() if title["pictures"]["train"]}
    unseen = sorted(set(rows["title"].unique()) - learned)
    lines.append(
        f"- Evaluated on titles that it never saw: {', '.join(unseen)}."
        if unseen
        else "- Not evaluated on titles that it never saw."
    )
    if _takes_hints(facts.recipe) and not (facts.evaluation.rows["hints"] > 0).any():
        lines.append("- It takes hints, but was not evaluated with any.")
    if facts.evaluation.training_set_fingerprint != facts.learned_from:
        lines.append("- It learned from another training set than the one of the test pictures.")
    return [
        *lines,
        "- Not evaluated on scanned pages or on line art that was never coloured: for these there is no truth to "
        "compare with, so look at the pictures.",
    ]


def _takes_hints(recipe: Mapping[str, Any]) -> bool:
    """True for a recipe with hints, and for a method, which has no steps."""
    return bool(recipe.get("hint")) or recipe.get("steps") == 0


def _given(facts: CardFacts) -> str:
    given = GIVEN[facts.evaluation.references]
    return f", {given}" if given else ""


def _unhinted(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["hints"] == 0]


def _known(rows: pd.DataFrame) -> list[str]:
    return [name for name in CARD_METRICS if name in rows and rows[name].notna().any()]


def _table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[str]:
    lines = [f"| {' | '.join(headers)} |", "|---" * len(headers) + "|"]
    for row in rows:
        cells = (" ".join(str(cell).split()).replace("|", "\\|") for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _interval(found: Estimate, *, signed: bool = False) -> str:
    value, low, high = (_value(number, signed=signed) for number in (found.value, found.low, found.high))
    return f"{value} ({low} to {high})"


def _value(value: Any, *, signed: bool = False) -> str:
    """Numbers with four significant digits and no exponent, all else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    sign = "+" if signed else ""
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:{sign},.0f}"
    return f"{value:{sign}.4g}"


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
