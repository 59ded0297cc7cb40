"""The model card says what was recorded: data, licences, numbers with intervals, baselines, weak titles, limits."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest

from models.recipes import RECIPES
from pipelines.comparison.model_card import CardFacts, model_card
from pipelines.comparison.significance import mean_with_interval
from pipelines.evaluation.tracks import ReferenceCondition


@dataclass(frozen=True)
class Measured:
    """As an evaluation, with what a card asks for."""

    rows: pd.DataFrame
    name: str = "two_stage"
    variant: str = "line"
    resolution: int = 256
    sets: dict = field(default_factory=lambda: {"fid_efflite0/none": {"mean": 12.5, "std": 0.5, "oracle": 40.0}})
    cost: dict = field(default_factory=lambda: {"parameters": 54_000_000, "latency_cpu_256x256_ms": 81.25})
    benchmark_fingerprint: str = "bench" * 10
    training_set_fingerprint: str = "data" * 10
    checkpoint_digest: str | None = "check" * 10
    mlflow_run_id: str | None = "run"
    references: ReferenceCondition = "none"
    references_fingerprint: str | None = None

    @property
    def unhinted(self) -> pd.DataFrame:
        return self.rows[self.rows["hints"] == 0]


def rows_of(shift: float = 0.0, *, weak: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(0)
    rows = [
        {
            "title": title,
            "issue": f"{title}__{issue}",
            "style": style,
            "hints": 0,
            "panel_id": f"{title}__{issue}__{panel}",
            "ciede2000": random.normal(20, 2) + shift + (weak if title == "harbour" else 0),
            "bleeding": np.nan,
            "ssim": 0.9,
        }
        for title in ("harbour", "orchard")
        for issue in range(4)
        for panel in range(6)
        for style in ("xdog_0.3", "dilate_5")
    ]
    return pd.DataFrame(rows)


DATASHEET = {
    "titles": {
        "harbour": {
            "licences": ["CC-BY-4.0"],
            "attributions": ["A | B, by hand\n(2020)"],
            "pictures": {"train": 90, "val": 5, "test": 5},
        },
        "orchard": {"licences": ["CC0"], "attributions": ["C"], "pictures": {"train": 80, "val": 5, "test": 5}},
        "meadow": {"licences": [], "attributions": [], "pictures": {"train": 0, "val": 0, "test": 0}},
    }
}


def facts(**changes) -> CardFacts:
    usual = CardFacts(
        version="3",
        evaluation=Measured(rows_of(weak=3.0)),
        recipe=RECIPES["two_stage"].to_json(),
        budget={"pictures_seen": 160_000, "seconds": 5400.5, "seed": 0},
        datasheet=DATASHEET,
        learned_from="data" * 10,
        baselines={"line_copy": rows_of(9.0), "mean_color": rows_of(1.5)},
        reason="two_stage is better than old: ciede2000 21 against 25",
        pictures={"best, median, worst": "pictures/some best.jpg"},
    )
    return replace(usual, **changes)


def test_a_card_has_the_usual_headings_in_their_order():
    headings = [line[3:] for line in model_card(facts()).splitlines() if line.startswith("## ")]
    assert headings == [
        "Model details",
        "Intended use",
        "Factors",
        "Metrics",
        "Evaluation data",
        "Training data",
        "Quantitative analyses",
        "Ethical considerations",
        "Caveats and recommendations",
    ]


def test_what_it_is_and_how_it_is_used():
    card = model_card(facts())
    assert card.startswith("# two_stage, version 3\n")
    for line in (
        "- Recipe: `two_stage`, 512 x 512 pixels",
        "- Pictures seen: 160,000",
        "- Seconds: 5,400",
        "- Parameters: 54,000,000",
        "- Latency cpu 256x256 ms: 81.25",
        "- Decision: two_stage is better than old: ciede2000 21 against 25",
        f"- Checkpoint: `{'check' * 10}`",
        f"- Training set: `{'data' * 10}`",
        f"- Benchmark: `{'bench' * 10}`",
        "tintoon colorize IN OUT --colorizer two_stage",
        "![best, median, worst](<pictures/some best.jpg>)",
    ):
        assert line in card.splitlines()


def test_data_with_licences_and_attributions():
    card = model_card(facts())
    assert "| harbour | 90 | CC-BY-4.0 | A \\| B, by hand (2020) |" in card
    assert "under: CC-BY-4.0, CC0." in card
    assert "meadow" not in card


def test_numbers_with_intervals_and_baselines_beside():
    card = model_card(facts())
    rows = rows_of(weak=3.0)
    found = mean_with_interval(rows, "ciede2000")
    baselines = [rows_of(shift)["ciede2000"].mean() for shift in (9.0, 1.5)]
    expected = f"| `ciede2000` | {found.value:.4g} ({found.low:.4g} to {found.high:.4g}) | "
    expected += " | ".join(f"{value:.4g}" for value in baselines) + " |"
    assert expected in card
    assert "| metric | two_stage | line_copy | mean_color |" in card
    assert "`bleeding`" not in card  # it has no number
    assert "bootstraps that resample whole issues" in card
    assert "| `fid_efflite0/none` | 12.5 | 0.5 | 40 |  |  |" in card


def test_limits_are_named():
    card = model_card(facts())
    assert "- It is better than the baseline `line_copy`: `ciede2000` -" in card
    assert "- It is **not distinguishable** from the baseline `mean_color`" in card
    assert "- Weak titles, significantly worse than its mean: harbour." in card
    assert "Weak styles" not in card
    harbour = next(line for line in card.splitlines() if line.startswith("| harbour | 24 |"))
    assert harbour.endswith("| weak |")
    assert "- Not evaluated on titles that it never saw." in card
    assert "another training set" not in card

    worse = facts(
        baselines={"line_copy": rows_of(-5.0)},
        learned_from="other",
        datasheet={"titles": {"orchard": DATASHEET["titles"]["orchard"]}},
    )
    card = model_card(worse)
    assert "- It is **worse** than the baseline `line_copy`" in card
    assert "- Evaluated on titles that it never saw: harbour." in card
    assert "- It learned from another training set" in card


def test_hints_without_an_evaluation_are_mentioned():
    recipe = RECIPES["two_stage"].to_json()
    hinted = rows_of().assign(hints=10, ciede2000=0.0)
    assert ("takes hints, but was not evaluated" in model_card(facts())) == bool(recipe["hint"])
    both = facts(evaluation=Measured(pd.concat([rows_of(), hinted])), recipe={**recipe, "hint": {"scale": 4}})
    card = model_card(both)
    assert "but was not evaluated with any" not in card
    assert f"| `ciede2000` | {rows_of()['ciede2000'].mean():.4g} (" in card


def test_a_card_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="none of 0 rows has a number"):
        model_card(facts(evaluation=Measured(rows_of().iloc[:0])))
