"""Colorizers that take references go from training to the champion, and say where their colours came from."""

from pathlib import Path

import pytest

from assets.tracking.log_evaluation import log_evaluation
from assets.tracking.log_training import log_training
from assets.tracking.model_card import card_path
from assets.tracking.registry import Registry
from models.recipes import recipe_of
from pipelines.comparison.report.page import report_html
from pipelines.evaluation.context import EvaluationContext
from pipelines.evaluation.evaluation import load_evaluation
from pipelines.training.params import TrainingParams
from pipelines.training.record import TrainingRecord
from tests.assets.tinted import QUICK, Installation, freeze
from tests.pipelines.conftest import WriteLake, drawn_panel, write_lake

__all__ = ["write_lake"]

BENCHMARK = QUICK.model_copy(update={"hint_counts": [10], "max_pictures": 3})
NAME, TRAINED = "reference_match", "webtoon_l2"


@pytest.fixture
def here(tmp_path: Path, write_lake: WriteLake) -> Installation:
    panels = [drawn_panel(seed) for seed in range(20, 27)]
    issues = {
        ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(2)]),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", panels),
    }
    freeze(write_lake(tmp_path / "here" / "lake", issues))
    return Installation(tmp_path / "here")


def train(here: Installation) -> TrainingRecord:
    record, _ = log_training(
        recipe_of(NAME),
        TrainingParams(),
        lake=here.lake,
        cache=here.cache,
        extractors=here.root / "weights",
        tracking=here.tracking,
        tags={},
        on_step=lambda done, total: None,
    )
    return record


def evaluate(here: Installation):
    return log_evaluation(
        NAME,
        BENCHMARK,
        lake=here.lake,
        cache=here.cache,
        weights=here.root / "weights",
        tracking=here.tracking,
        on_picture=lambda done, total: None,
    )


def test_a_colorizer_with_references_becomes_the_champion_of_those(here: Installation, tmp_path: Path):
    record = train(here)
    result, unchanged = evaluate(here)
    assert not unchanged
    assert evaluate(here)[1]
    run = here.tracking.client().get_run(record.mlflow_run_id)
    assert run.data.tags["references"] == result.references_fingerprint
    assert run.data.metrics["test/same_issue/ciede2000"] > 0
    tables = {file.path for file in here.tracking.client().list_artifacts(record.mlflow_run_id, "evaluation")}
    assert "evaluation/sources.parquet" in tables

    here.train(TRAINED, 0.4)
    here.evaluate(TRAINED, BENCHMARK)
    found = here.compare(BENCHMARK)
    boards = {board.name: board for board in found.boards}
    assert list(boards) == ["gray", "gray_same_issue", "gray_other_issues"]
    given = boards["gray_same_issue"]
    assert {row.name for row in given.rows} == {row.name for row in boards["gray"].rows} | {"reference_mean"}
    assert {row.pictures for row in given.rows} == {1}  # the seventh panel
    assert {row.pictures for row in boards["gray_other_issues"].rows} == {3}
    assert here.compare(BENCHMARK).unchanged

    (promotion,) = here.promote()
    decided = boards["gray_other_issues"]  # the same issue has one picture of three
    assert (promotion.moved, promotion.version.recipe) == (True, decided.colorizers[0].name)
    card = card_path(here.lake, Registry(here.tracking, "gray"), promotion.version).read_text()
    assert "3 pictures of 1 issues of moon-cat" in card
    assert "with references of other issues" in card

    datasheet = here.lake.read_json(here.lake.training_set)["datasheet"]
    page = report_html(found.boards, found.evaluations, datasheet=datasheet)
    assert 'id="gray_same_issue"' in page
    assert "Gray to colour, with references of the same issue" in page
    assert "Where the colours came from" in page
    assert "Hints as a person gives them" in page


def test_new_train_panels_make_results_with_references_old_and_no_others(here: Installation, write_lake: WriteLake):
    train(here)
    here.train(TRAINED, 0.4)
    for name in (NAME, TRAINED):
        here.evaluate(name, BENCHMARK)
    here.compare(BENCHMARK)
    before = load_evaluation(here.lake, NAME)
    issues = {
        ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(3)]),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(20, 27)]),
    }
    freeze(write_lake(here.lake.root, issues))
    boards = {board.name: board for board in here.compare(BENCHMARK).boards}
    assert {row.name for row in boards["gray"].colorizers} == {NAME, TRAINED}  # the test pictures are the same
    assert [row.name for row in boards["gray_same_issue"].colorizers] == [TRAINED]
    assert [row.name for row in boards["gray_same_issue"].not_comparable] == [NAME]
    context = EvaluationContext(here.lake, BENCHMARK, here.cache, here.root / "weights")
    assert context.benchmark("gray") == before.benchmark_fingerprint
    assert context.references("gray") != before.references_fingerprint
    assert context.find(NAME, checkpoint=before.checkpoint_digest, track="gray") is None  # it is to be made again
