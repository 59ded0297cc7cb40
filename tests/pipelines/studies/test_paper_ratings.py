"""Answers and ratings on their way to the papers' tables: whose count, and under which name."""

from pathlib import Path

import pytest

from pipelines.comparison.reproduction import RATING_COLUMNS, Ours, reproduce
from pipelines.lake import Lake
from pipelines.studies.paper_ratings import paper_ratings
from pipelines.studies.plan import GRAY, TRUTH, PlanParams
from pipelines.studies.ratings import store_rating
from pipelines.studies.store import StudyStore
from tests.pipelines.studies.conftest import drawn, plan_study
from tests.pipelines.studies.test_page_ratings import hinted, plain, rating

OURS, BASE = "two_stage", "two_stage_base"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path / "lake")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


def rated(database: str, params: PlanParams, name: str, **points: dict[str, int]) -> None:
    """A study of that name in which each rater gives each method the same points in every answer."""
    store = StudyStore(database)
    study = plan_study(store, params, name=name, methods=(OURS, BASE))
    method_of = {
        drawn(f"p{number:02d}", method): method for number in range(params.pictures) for method in (OURS, BASE)
    }
    method_of |= {drawn(number, method): method for number in range(params.golds) for method in (TRUTH, GRAY)}
    for rater, by_method in points.items():
        while trial := store.next_trial(study, rater):
            value = by_method[method_of[trial.pictures[0]]]
            store.answer(study, rater, trial.position, {question.key: value for question in trial.questions})
    store.close()


def test_nobody_was_asked(lake: Lake, database: str, tmp_path: Path) -> None:
    assert paper_ratings(lake, database) is None
    assert not list(tmp_path.glob("studies.db*"))  # looking made no database
    rated(database, PlanParams(kind="mos", pictures=2, golds=0, repeats=0), "spring")
    assert paper_ratings(lake, database) is None
    with pytest.raises(ValueError, match="no URL"):
        paper_ratings(lake, "nowhere")
    with pytest.raises(RuntimeError, match="is the database there") as raised:
        paper_ratings(lake, "postgresql+psycopg://ada:secret@127.0.0.1:1/none")
    assert "secret" not in str(raised.value)


def test_answers_of_raters_who_count(lake: Lake, database: str) -> None:
    honest = {TRUTH: 5, GRAY: 1}
    rated(
        database,
        PlanParams(kind="mos", pictures=2, golds=1, repeats=1),
        "spring",
        ada={OURS: 4, BASE: 2, **honest},
        bob={OURS: 5, BASE: 3, **honest},
        spammer={OURS: 1, BASE: 5, TRUTH: 3, GRAY: 3},
    )
    found = paper_ratings(lake, database)
    assert found is not None
    assert tuple(found.columns) == RATING_COLUMNS
    assert set(found["rater"]) == {"study spring: ada", "study spring: bob"}
    assert len(found) == 8  # two raters, methods and pictures: no golds, no repeats
    assert found.groupby("method")["value"].mean().to_dict() == {OURS: 4.5, BASE: 2.5}
    assert set(found["study"]) == {"mos"}
    mos = next(table for table in reproduce([], found) if "mean opinion" in table.paper.title)
    cells = [row[0] for row in mos.cells]
    assert [cell.value for cell in cells if isinstance(cell, Ours)] == [2.5, 4.5]
    difference = mos.claims[0].pairs[0].difference
    assert difference is not None
    assert (difference.value, difference.count) == (-2, 2)


def test_each_kind_of_study_and_the_page_by_what_was_asked(lake: Lake, database: str) -> None:
    few = {"pictures": 2, "golds": 0, "repeats": 0}
    for name, params in {
        "plain": PlanParams(kind="questions", **few),
        "hints": PlanParams(kind="questions", with_hints=True, **few),
        "pairs": PlanParams(kind="preference", **few),
    }.items():
        rated(database, params, name, ada={OURS: 1, BASE: 1})
    for one in (
        rating(hinted(5, 4, 3, 0)),
        rating(plain(2, 3), minute=1),
        rating(plain(0, 0), minute=2, snapped=True),
    ):
        store_rating(lake, one)
    found = paper_ratings(lake, database)
    assert found is not None
    counts = {tuple(key): len(rows) for key, rows in found.groupby(["study", "rater"])}
    assert counts == {  # raters of two studies are apart
        ("hinted", "page: Ada"): 4,
        ("hinted", "study hints: ada"): 4 * 4,
        ("unhinted", "page: Ada"): 2,
        ("unhinted", "study plain: ada"): 2 * 4,
    }
    of_page = found[found["rater"].str.startswith("page") & (found["study"] == "unhinted")]
    assert of_page[["question", "method", "value"]].to_numpy().tolist() == [
        ["overall", "sketch_hint", 3],
        ["overflow", "sketch_hint", 2],
    ]
    (sketch,) = (table for table in reproduce([], found) if table.paper.title.startswith("Paper 004"))
    assert [cell.value for cell in sketch.cells[0] if isinstance(cell, Ours)] == [2, 3, 5, 4, 3, 0]
