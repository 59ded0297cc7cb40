"""References in the benchmark: who gives them to whom, what is measured with them, and where colours came from."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.references import References
from pipelines.evaluation.baselines import Copy, build_baseline
from pipelines.evaluation.benchmark import HINTS_WITH_REFERENCES, evaluate, passes_of
from pipelines.evaluation.evaluation import find_evaluation, load_evaluation, save_evaluation
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.previews import evaluation_previews
from pipelines.evaluation.reference_sets import ReferenceSets
from pipelines.evaluation.sources import sources_of, sources_table
from pipelines.evaluation.tracks import MAIN_STYLE, TestPictures
from pipelines.images.color import gray_to_rgb, rgb_to_lab
from pipelines.lake import Lake
from pipelines.training_set import TrainingSet
from tests.pipelines.conftest import drawn_panel, writing_lake
from tests.pipelines.evaluation.conftest import SMALL, freeze

FIRST_SIX = [f"moon-cat__9__{number:04d}" for number in range(1, 7)]
MEASURED = ["moon-cat__9__0007", "moon-cat__9__0008"]


def twin(rgb: np.ndarray) -> np.ndarray:
    return np.clip(rgb.astype(int) + 3, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures() -> dict[str, Any]:
    """A title with an issue of eight test panels, the last one a repetition of the first; and one of two."""
    panels = [drawn_panel(seed) for seed in range(7)]
    return {
        ("moon-cat", "1"): ("train", [drawn_panel(20), drawn_panel(6), drawn_panel(21)]),
        ("moon-cat", "2"): ("val", [drawn_panel(6)]),
        ("moon-cat", "9"): ("test", [*panels, twin(panels[0])]),
        ("a-sun", "1"): ("test", [drawn_panel(30), drawn_panel(31)]),
        ("b-sea", "1"): ("train", [drawn_panel(6)]),
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory, pictures) -> Lake:
    return writing_lake(tmp_path_factory.mktemp("lake"), pictures)


@pytest.fixture(scope="module")
def training_set(lake: Lake) -> TrainingSet:
    return freeze(lake)


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Evaluations in here look only once for what is alike."""
    return tmp_path_factory.mktemp("work")


class Taking(Copy):
    """Takes references, notes which, and gives the colours of the first one; says that all came from the last."""

    takes_references = True

    def __init__(self, variant: Any = "gray", *, takes_hints: bool = False) -> None:
        super().__init__(f"taking_{variant}", variant)
        self.takes_hints = takes_hints
        self.given: list[tuple[str, ...] | None] = []

    def colorize(self, picture, *, hint=None, title=None, references=None) -> np.ndarray:
        self.given.append(references and references.names)
        colored = gray_to_rgb(picture)
        if references:
            colored = cv2.add(colored, np.full_like(colored, (20, 0, 0)))
        return colored

    def colorize_batch(self, pictures, *, hints=None, titles=None, references=None) -> np.ndarray:
        references = references or [None] * len(pictures)
        return np.stack([self.colorize(one, references=known) for one, known in zip(pictures, references, strict=True)])


def test_references_are_the_first_panels_of_the_issue_or_alike_ones_of_train(training_set: TrainingSet) -> None:
    test = TestPictures(training_set, SMALL, "gray")
    sets = ReferenceSets(training_set, test)
    assert [test.panel_ids[place] for place in sets.places("same_issue")] == MEASURED
    assert sets.left_out == {"same_issue": 1, "other_issues": 1}  # an issue of two panels; a title without train panels
    last = test.panel_ids.index(MEASURED[1])
    given = sets.of("same_issue", last)
    assert given is not None
    assert list(given.names) == FIRST_SIX
    assert given.variant == "gray"
    assert sets.of("same_issue", last).entries[0] is given.entries[0]  # type: ignore[union-attr]  # made once
    assert sets.of("none", last) is None
    assert [test.panel_ids[place] for place in sets.places("other_issues")] == [*FIRST_SIX, *MEASURED]
    seventh = test.panel_ids.index(MEASURED[0])
    others = sets.of("other_issues", seventh)
    assert others is not None
    assert set(others.names) == {f"moon-cat__1__{number:04d}" for number in (1, 2, 3)}  # neither val nor another title
    assert others.names[0] == "moon-cat__1__0002"  # the same drawing: most alike
    assert [sets.near_duplicates("same_issue", place) for place in (seventh, last)] == [0, 1]
    assert sets.near_duplicates("other_issues", seventh) == 1
    lines = ReferenceSets(training_set, TestPictures(training_set, SMALL, "line")).of("same_issue", last)
    assert lines is not None
    assert lines.variant == "line"


def test_the_fingerprint_of_the_references_hangs_on_their_panels(training_set: TrainingSet, pictures, tmp_path) -> None:
    def fingerprints(training_set: TrainingSet, **changes: Any) -> tuple[str, str]:
        test = TestPictures(training_set, SMALL.model_copy(update=changes), "gray")
        return test.fingerprint, ReferenceSets(training_set, test).fingerprint

    benchmark, references = fingerprints(training_set)
    assert fingerprints(training_set) == (benchmark, references)
    assert fingerprints(training_set, resolution=32)[1] != references
    more = {**pictures, ("moon-cat", "1"): ("train", [drawn_panel(20), drawn_panel(6), drawn_panel(22)])}
    assert fingerprints(freeze(writing_lake(tmp_path / "more", more)))[0] == benchmark
    assert fingerprints(freeze(writing_lake(tmp_path / "more", more)))[1] != references
    elsewhere = {**pictures, ("b-sea", "1"): ("train", [drawn_panel(23)])}  # no title of the test pictures
    assert fingerprints(freeze(writing_lake(tmp_path / "elsewhere", elsewhere))) == (benchmark, references)


def test_what_looks_alike_is_written_down(training_set: TrainingSet, tmp_path) -> None:
    test = TestPictures(training_set, SMALL.model_copy(update={"max_pictures": 2}), "gray")
    first, other = (ReferenceSets(training_set, test, kept=tmp_path / "kept") for _ in range(2))
    (place,) = first.places("other_issues")
    found = first.of("other_issues", place)
    assert found is not None
    (kept,) = (tmp_path / "kept").iterdir()
    assert json.loads(kept.read_text()) == {test.panel_ids[place]: list(found.names)}
    kept.write_text(json.dumps({test.panel_ids[place]: ["moon-cat__1__0003"]}))
    again = other.of("other_issues", place)
    assert again is not None
    assert again.names == ("moon-cat__1__0003",)  # read, not looked for again


def test_colorizers_get_their_references_in_each_condition(training_set: TrainingSet, work: Path) -> None:
    params = SMALL.model_copy(update={"hint_counts": [1], "draws": 2})
    test = TestPictures(training_set, params, "gray")
    named = [one.condition for one in passes_of(test, params, takes_hints=True, references=["same_issue"])]
    assert named[-6:] == ["6_segments", "same_issue", *["same_issue_3_hints", "same_issue_10_hints"] * 2]
    assert [one.condition for one in passes_of(test, params, takes_hints=False, references=["other_issues"])] == [
        "none", "other_issues",
    ]  # fmt: skip
    assert HINTS_WITH_REFERENCES == (3, 10)
    colorizer = Taking(takes_hints=True)
    seen: list[tuple[int, int]] = []
    evaluation = evaluate(colorizer, training_set, params, work=work, on_progress=lambda *at: seen.append(at))
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    rows = evaluation.rows
    assert list(rows.loc[(rows["references"] == "same_issue") & (rows["placement"] == "none"), "panel_id"]) == MEASURED
    assert list(rows.loc[rows["references"] == "same_issue", "near_duplicates"].unique()) == [0, 1]
    assert set(rows.loc[rows["references"] == "same_issue", "hints"]) == {0, 3, 10}
    assert None in colorizer.given
    assert tuple(FIRST_SIX) in colorizer.given
    assert {*evaluation.measured_in("other_issues")} == {*FIRST_SIX, *MEASURED}
    assert evaluation.pictures == 10
    assert {*evaluation.unhinted["references"]} == {"none"}
    numbers = evaluation.numbers()
    assert numbers["ciede2000"] != numbers["same_issue/ciede2000"]
    spread = evaluation.sets["ciede2000_without_near_duplicates/same_issue"]
    assert spread["mean"] != spread["with_near_duplicates"] == numbers["same_issue/ciede2000"]
    assert (spread["near_duplicates"], spread["pictures_with_near_duplicates"]) == (1, 1)
    assert (spread["pictures"], spread["issues_left_out"]) == (2, 1)


def test_a_view_shows_one_condition(training_set: TrainingSet, work: Path) -> None:
    taking, copy = (evaluate(one, training_set, SMALL, work=work) for one in (Taking(), Copy("gray_copy", "gray")))
    pictures = taking.measured_in("same_issue")
    assert pictures == set(MEASURED)
    assert copy.measured_in("same_issue") == frozenset()
    with_references, without = (one.under("same_issue", pictures) for one in (taking, copy))
    for view in (with_references, without):
        assert list(view.per_picture.index) == MEASURED
        assert set(view.rows["references"]) == {"same_issue"}
    np.testing.assert_allclose(without.per_picture, copy.per_picture.loc[MEASURED])  # it takes none: as without
    assert list(with_references.gallery["kind"].unique()) == ["same_issue"]
    assert set(without.gallery["panel_id"]) <= set(MEASURED)
    assert "ciede2000_without_near_duplicates" in with_references.sets
    plain = taking.under("none", taking.measured_in("none"))
    assert plain.per_picture.equals(taking.per_picture)
    assert not {*plain.gallery["kind"]} & {"same_issue", "other_issues"}
    assert not [name for name in plain.sets if name.endswith("_issue")]


def test_the_mean_of_the_references_is_a_baseline(training_set: TrainingSet, work: Path) -> None:
    colors = np.full((48, 64, 3), (200, 60, 60), np.uint8)
    known = References.of([("a", colors)])
    gray = np.full((20, 30), 120, np.uint8)
    mean = build_baseline("reference_mean", training_set, 64)
    assert np.array_equal(mean.colorize(gray), gray_to_rgb(gray))
    colored = mean.colorize(gray, references=known)
    np.testing.assert_allclose(rgb_to_lab(colored)[0, 0, 1:], rgb_to_lab(colors)[0, 0, 1:], atol=3)
    of_lines = build_baseline("reference_mean_line", training_set, 64)
    assert np.abs(of_lines.colorize(gray, references=known).astype(int) - (200, 60, 60)).max() <= 2
    evaluation = evaluate(mean, training_set, SMALL, work=work)
    assert evaluation.measured_in("same_issue") == set(MEASURED)
    assert evaluation.references_fingerprint
    assert set(evaluation.under("same_issue", MEASURED).rows["style"]) == {"gray"}


def test_an_evaluation_tells_where_its_colours_came_from(lake: Lake, training_set: TrainingSet, work: Path) -> None:
    evaluation = evaluate(ReferenceColorizer(), training_set, SMALL, with_hints=False, work=work)
    sources = evaluation.sources
    assert set(sources["references"]) == {"same_issue", "other_issues"}
    own = sources[(sources["references"] == "same_issue") & (sources["panel_id"] == MEASURED[1])]
    assert set(own["reference"]) <= set(FIRST_SIX)
    assert own["share"].is_monotonic_decreasing
    assert own["share"].sum() == pytest.approx(1, abs=1e-3)
    assert own["reference"].iloc[0] == FIRST_SIX[0]  # it is that very drawing
    assert own["picture"].iloc[0][:2] == b"\xff\xd8"
    table = sources_table(sources)
    assert list(table.columns) == ["references", "colours from"]
    assert FIRST_SIX[0] in table.loc[MEASURED[1], "colours from"].iloc[0]
    assert sources_table(sources_of("none", {}, {})).empty
    with_references = evaluation.under("same_issue", MEASURED)
    assert with_references.metrics["ciede2000"] < evaluation.unhinted["ciede2000"].mean()

    save_evaluation(lake, evaluation)
    loaded = load_evaluation(lake, "reference_match")
    assert loaded.sources.equals(sources)
    assert loaded.references_fingerprint == evaluation.references_fingerprint
    found = {"checkpoint": None, "benchmark": evaluation.benchmark_fingerprint}
    assert find_evaluation(lake, "reference_match", **found) is None
    assert find_evaluation(lake, "reference_match", **found, references="others") is None
    assert find_evaluation(lake, "reference_match", **found, references=evaluation.references_fingerprint) is not None
    shown = evaluation_previews(lake, evaluation)
    assert {"references | input | output | truth, same_issue", "references | input | output | truth, other_issues"} < {
        *shown
    }
    assert evaluation.with_pictures_of(["a-sun"]).sources.empty


def test_evaluations_from_before_references_are_read(lake: Lake, training_set: TrainingSet) -> None:
    evaluation = evaluate(Copy("gray_copy", "gray"), training_set, SMALL)
    path = save_evaluation(lake, evaluation)
    rows = lake.read_table(path.parent / f"{evaluation.key}.parquet").drop_columns(["references", "near_duplicates"])
    lake.write_table(path.parent / f"{evaluation.key}.parquet", rows, made_from="test")
    for file in (path, path.parent / "latest.json"):
        values = lake.read_json(file)
        del values["references_fingerprint"]
        lake.write_json(file, values)
    loaded = load_evaluation(lake, "gray_copy")
    assert loaded.metrics.keys() == dict.fromkeys(METRICS).keys()
    assert loaded.per_picture.equals(evaluation.per_picture)
    assert loaded.under("same_issue", MEASURED).pictures == 2


def test_lines_are_measured_with_references_on_the_main_style(training_set: TrainingSet) -> None:
    evaluation = evaluate(Taking("line"), training_set, SMALL.model_copy(update={"max_pictures": 6}))
    rows = evaluation.rows
    assert set(rows.loc[rows["references"] != "none", "style"]) == {MAIN_STYLE["line"]}
    assert len(evaluation.styles) > 2
