"""The leaderboard: what is ranked, what is kept apart, and when the champion moves."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.evaluation.benchmark import Evaluation
from pipelines.evaluation.leaderboard import LeaderboardRow, build_leaderboard, choose_champion
from pipelines.evaluation.metrics import METRICS

NOW, BEFORE = "a" * 64, "b" * 64


def result(name: str, l2_ab: float, benchmark: str = NOW, checkpoint: str | None = "c1") -> Evaluation:
    metrics = {**dict.fromkeys(METRICS, 1.0), "l2_ab": l2_ab}
    return Evaluation(
        name=name,
        variant="gray",
        benchmark_fingerprint=benchmark,
        training_set_fingerprint="t",
        resolution=64,
        pictures=3,
        metrics=metrics,
        styles={"gray": metrics},
        worst_style="gray",
        per_picture={metric: [value] * 3 for metric, value in metrics.items()},
        panel_ids=["a__1__0001", "a__1__0002", "a__1__0003"],
        titles=["a"] * 3,
        milliseconds_per_picture=1.0,
        grid=np.zeros((8, 8, 3), np.uint8),
        checkpoint_digest=checkpoint,
        mlflow_run_id=f"run-{name}",
    )


def row_of(evaluation: Evaluation) -> LeaderboardRow:
    return build_leaderboard([evaluation], benchmark_fingerprint=evaluation.benchmark_fingerprint).rows[0]


def test_lower_l2_on_ab_ranks_first_and_floors_are_marked() -> None:
    board = build_leaderboard(
        [result("webtoon_l2", 300), result("gray_copy", 345, checkpoint=None), result("frames_gan_gray", 500)],
        benchmark_fingerprint=NOW,
    )
    assert [(row.rank, row.name, row.is_floor) for row in board.rows] == [
        (1, "webtoon_l2", False),
        (2, "gray_copy", True),
        (3, "frames_gan_gray", False),
    ]
    first = board.to_json()[0]
    assert {"name": "webtoon_l2", "rank": 1, "l2_ab": 300, "pictures": 3, "is_floor": False}.items() <= first.items()
    assert first["mlflow_run_id"] == "run-webtoon_l2"
    assert set(METRICS) <= set(first)
    assert LeaderboardRow.from_json(first) == board.rows[0]


def test_other_benchmarks_are_listed_apart() -> None:
    board = build_leaderboard(
        [result("webtoon_l2", 300), result("old_best", 1, benchmark=BEFORE)], benchmark_fingerprint=NOW
    )
    assert [row.name for row in board.rows] == ["webtoon_l2"]
    assert [(row.name, row.rank) for row in board.not_comparable] == [("old_best", None)]
    assert "old_best" not in str(board.to_json())
    ranked, apart = board.to_markdown().split("Not comparable")
    assert "| 1 | webtoon_l2 |" in ranked
    assert "old_best" not in ranked
    assert "old_best" in apart


def test_two_results_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="two results of one name"):
        build_leaderboard([result("a", 1), result("a", 2)], benchmark_fingerprint=NOW)


def test_the_first_champion_is_the_best_that_is_no_floor() -> None:
    board = build_leaderboard([result("gray_copy", 345), result("webtoon_l2", 400)], benchmark_fingerprint=NOW)
    decision = choose_champion(board, None)
    assert (decision.name, decision.moved) == ("webtoon_l2", True)
    assert "worse than the floor gray_copy" in decision.reason


def test_floors_alone_make_no_champion() -> None:
    decision = choose_champion(build_leaderboard([result("gray_copy", 3)], benchmark_fingerprint=NOW), None)
    assert (decision.name, decision.moved, decision.row) == (None, False, None)


def test_the_champion_moves_only_to_a_better_one() -> None:
    champion = row_of(result("webtoon_l2", 300))
    worse = build_leaderboard([result("webtoon_l2", 300), result("frames", 301)], benchmark_fingerprint=NOW)
    equal = build_leaderboard([result("a_frames", 300)], benchmark_fingerprint=NOW)
    better = build_leaderboard([result("webtoon_l2", 300), result("frames", 299)], benchmark_fingerprint=NOW)
    assert choose_champion(worse, champion).moved is False
    assert (choose_champion(equal, champion).name, choose_champion(equal, champion).moved) == ("webtoon_l2", False)
    decision = choose_champion(better, champion)
    assert (decision.name, decision.moved) == ("frames", True)
    assert "299 against 300" in decision.reason
    assert decision.row == better.rows[0]


def test_a_retrained_recipe_has_to_be_better_than_itself() -> None:
    champion = row_of(result("webtoon_l2", 300))
    worse = build_leaderboard([result("webtoon_l2", 310, checkpoint="c2")], benchmark_fingerprint=NOW)
    better = build_leaderboard([result("webtoon_l2", 290, checkpoint="c2")], benchmark_fingerprint=NOW)
    assert choose_champion(worse, champion).row == champion
    assert choose_champion(better, champion).row == better.rows[0]
    assert choose_champion(better, champion).moved


def test_a_champion_without_a_result_here_stays_until_it_is_evaluated_again() -> None:
    champion = row_of(result("webtoon_l2", 1, benchmark=BEFORE))
    unmeasured = build_leaderboard([result("frames", 200)], benchmark_fingerprint=NOW)
    decision = choose_champion(unmeasured, champion)
    assert (decision.name, decision.moved) == ("webtoon_l2", False)
    assert "evaluate it again" in decision.reason
    retrained = build_leaderboard([result("webtoon_l2", 100, checkpoint="c2")], benchmark_fingerprint=NOW)
    assert choose_champion(retrained, champion).moved is False
    measured = build_leaderboard([result("frames", 200), result("webtoon_l2", 250)], benchmark_fingerprint=NOW)
    assert (choose_champion(measured, champion).name, choose_champion(measured, champion).moved) == ("frames", True)


def test_the_picture_grows_with_what_it_shows() -> None:
    evaluations = [result("webtoon_l2", 300), result("gray_copy", 345)]
    board = build_leaderboard(evaluations, benchmark_fingerprint=NOW)
    longer = build_leaderboard([*evaluations, result("old", 1, benchmark=BEFORE)], benchmark_fingerprint=NOW)
    picture = board.picture()
    assert (picture.dtype, picture.shape[2]) == (np.uint8, 3)
    assert longer.picture().shape[0] > picture.shape[0]
    # The bars are as long as the numbers say: the blue one is 300/345 of the gray one.
    blue = (picture == (66, 110, 180)).all(axis=-1).sum(axis=1).max()
    gray = (picture == (160, 160, 160)).all(axis=-1).sum(axis=1).max()
    assert blue / gray == pytest.approx(300 / 345, abs=0.02)


def test_an_empty_leaderboard_is_drawn_too() -> None:
    board = build_leaderboard([], benchmark_fingerprint=NOW)
    assert board.to_json() == []
    assert "no results yet" in board.to_markdown()
    assert board.picture().ndim == 3


def test_rows_keep_who_made_them() -> None:
    evaluation = replace(result("webtoon_l2", 300), mlflow_run_id=None)
    assert row_of(evaluation).mlflow_run_id is None
    assert row_of(evaluation).checkpoint_digest == "c1"
