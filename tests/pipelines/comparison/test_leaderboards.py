"""The leaderboards in the lake: baselines evaluated once a benchmark, tracks apart, and nothing mixed."""

from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

from assets.tracking.log_evaluation import log_evaluation
from pipelines.comparison.leaderboards import stored_leaderboards
from pipelines.comparison.params import PromotionParams
from pipelines.evaluation.baselines import BASELINES
from pipelines.evaluation.context import EvaluationContext
from pipelines.evaluation.evaluation import load_evaluation
from pipelines.evaluation.learned import KnownPictures
from tests.assets.tinted import QUICK, Installation, freeze, small_installation
from tests.pipelines.conftest import WriteLake, drawn_panel, write_lake

__all__ = ["write_lake"]

A, B, LINES = "webtoon_l2", "webtoon_no_skips", "frames_convnet_edge"
OTHER = QUICK.model_copy(update={"seed": 1})


@pytest.fixture
def here(tmp_path: Path, write_lake: WriteLake) -> Installation:
    return small_installation(tmp_path / "home", write_lake)


def names(board) -> set[str]:
    return {row.name for row in board.rows}


def test_boards_hold_results_of_their_benchmark_with_the_baselines(here):
    with pytest.raises(FileNotFoundError, match="no leaderboard yet"):
        stored_leaderboards(here.lake)
    found = here.compare()
    assert [board.track for board in found.boards] == ["gray"]  # no colorizer of lines
    assert names(found.boards[0]) == set(BASELINES["gray"])
    baselines = {path: path.stat().st_mtime_ns for path in (here.root / "lake" / "evaluations").rglob("*.parquet")}
    assert not found.unchanged

    here.train(A, 0.3)
    here.evaluate(A)
    found = here.compare()
    assert (names(found.boards[0]), found.unchanged) == ({A, *BASELINES["gray"]}, False)
    assert found.boards[0].reference == A
    again = here.compare()
    assert (again.unchanged, again.digest) == (True, found.digest)
    assert baselines == {path: path.stat().st_mtime_ns for path in baselines}  # evaluated once

    here.train(LINES, 0.3)
    here.evaluate(LINES)
    gray, line = here.compare().boards
    assert (gray.track, line.track) == ("gray", "line")
    assert LINES not in names(gray)
    assert names(line) == {LINES, *BASELINES["line"]}
    assert gray.benchmark_fingerprint != line.benchmark_fingerprint

    boards, params = stored_leaderboards(here.lake)
    assert [board.to_json() for board in boards] == [gray.to_json(), line.to_json()]
    assert params == QUICK


def test_the_reference_is_the_champion_and_other_benchmarks_stand_apart(here):
    for name, tint in ((A, 0.3), (B, 0.1)):
        here.train(name, tint)
        here.evaluate(name)
        board = here.compare().boards[0]
        here.promote(PromotionParams(resamples=100, confidence=0.999, guards={}))
    assert board.reference == A  # the first champion, not the best
    assert board.colorizers[0].name == B

    here.evaluate(B, OTHER)
    board = here.compare(OTHER).boards[0]
    assert A not in names(board)
    assert [row.name for row in board.not_comparable] == [A]
    assert board.reference == B  # the champion is not on this benchmark
    assert f"- {A} (benchmark `" in board.to_markdown()


def test_baselines_follow_the_pictures_that_they_learn_from(here, write_lake):
    red = [drawn_panel(seed) // np.array([1, 4, 4], np.uint8) for seed in range(3)]
    issues = {
        ("moon-cat", "1"): ("train", red),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(20, 24)]),
    }
    freeze(write_lake(here.root / "lake", issues))
    here.compare()
    first = load_evaluation(here.lake, "mean_chroma")
    issues["moon-cat", "1"] = ("train", [drawn_panel(seed) for seed in range(3)])
    freeze(write_lake(here.root / "lake", issues))
    here.compare()
    second = load_evaluation(here.lake, "mean_chroma")
    assert first.benchmark_fingerprint == second.benchmark_fingerprint  # the test pictures are the same
    assert first.metrics["ciede2000"] != second.metrics["ciede2000"]


def test_what_mlflow_missed_is_shown_again(here):
    record = here.train(A, 0.1)
    here.evaluate(A)  # killed before it was logged
    place = {"lake": here.lake, "cache": here.cache, "weights": here.root, "tracking": here.tracking}
    found, unchanged = log_evaluation(A, QUICK, **place, on_picture=lambda done, total: None)
    assert not unchanged
    run = here.tracking.client().get_run(record.mlflow_run_id)
    assert run.data.metrics["test/ciede2000"] == found.metrics["ciede2000"]
    assert run.data.tags["benchmark"] == found.benchmark_fingerprint
    assert log_evaluation(A, QUICK, **place, on_picture=lambda done, total: None)[1]


def test_what_an_earlier_version_did_not_look_for_is_shown_in_mlflow(here):
    record = here.train(A, 0.1)
    place = {"lake": here.lake, "cache": here.cache, "weights": here.root, "tracking": here.tracking}
    with patch.object(EvaluationContext, "with_learned", lambda _, found, __: found):  # as it did
        log_evaluation(A, QUICK, **place, on_picture=lambda done, total: None)
    run = here.tracking.client().get_run(record.mlflow_run_id)
    assert "test/learned_test_pictures" not in run.data.metrics
    for _ in range(2):
        found, unchanged = log_evaluation(A, QUICK, **place, on_picture=lambda done, total: None)
        assert (found.learned, unchanged) == ({}, True)
        run = here.tracking.client().get_run(record.mlflow_run_id)
        assert run.data.metrics["test/learned_test_pictures"] == 0
    history = here.tracking.client().get_metric_history(record.mlflow_run_id, "test/learned_test_pictures")
    assert len(history) == 1


def test_the_pictures_of_a_lake_are_read_once_for_all_trainings(here):
    with patch.object(EvaluationContext, "with_learned", lambda _, found, __: found):
        for name in (A, B):
            here.train(name, 0.1)
            here.evaluate(name)
    with patch.object(KnownPictures, "of", side_effect=KnownPictures.of) as read:
        assert {one.name for one in here.compare().evaluations if one.learned is not None} >= {A, B}
    assert read.call_count == 1
