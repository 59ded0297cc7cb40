"""The leaderboard: what is ranked, how sure it is, and what is kept apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines.comparison.challenger import champion_boards
from pipelines.comparison.leaderboard import Leaderboard, build_leaderboard
from pipelines.evaluation.evaluation import ROW_KEYS, Evaluation
from pipelines.evaluation.metrics.definitions import METRICS

NOW, BEFORE = "a" * 64, "b" * 64
PICTURES = 24
HARDNESS = np.random.default_rng(0).uniform(-3, 3, PICTURES)


def result(
    name: str,
    score: float,
    *,
    benchmark: str = NOW,
    variant: str = "gray",
    checkpoint: str | None = None,
    noise: float = 0.2,
) -> Evaluation:
    """A result whose CIEDE2000 is `score` on the mean, and varies from picture to picture as all results do."""
    own = np.random.default_rng(len(name)).normal(0, noise, PICTURES)
    values = score + HARDNESS - HARDNESS.mean() + own - own.mean()
    issues = [f"t__{number // 2}" for number in range(PICTURES)]
    rows = pd.DataFrame(
        {
            "track": "gray" if variant == "gray" else "line", "style": variant,
            "placement": "none", "hints": 0, "draw": 0, "references": "none", "near_duplicates": 0,
            "title": "t", "issue": issues,
            "panel_id": [f"{issue}__{number:04d}" for number, issue in enumerate(issues)],
            **dict.fromkeys(METRICS, 1.0), "hint_ciede2000": np.nan, "ciede2000": values,
        }
    )  # fmt: skip
    assert set(ROW_KEYS) <= set(rows)
    return Evaluation(
        name=name,
        variant=variant,
        benchmark_fingerprint=benchmark,
        training_set_fingerprint="t",
        resolution=64,
        seed=0,
        rows=rows,
        sets={"kid_efflite0/none": {"mean": 0.1, "oracle": 0.0, "baseline": 0.2, "pictures": PICTURES}},
        machine="here",
        cost={"parameters": 10},
        gallery=pd.DataFrame({"kind": [], "panel_id": []}),
        grid=np.zeros((8, 8, 3), np.uint8),
        checkpoint_digest=checkpoint or f"of-{name}",
        mlflow_run_id=f"run-{name}",
    )


def board(*results: Evaluation, **options) -> Leaderboard:
    return build_leaderboard(results, **{"track": "gray", "benchmark_fingerprint": NOW, **options})


FIVE = (
    result("webtoon_l2", 12), result("truth", 0), result("gray_copy", 15), result("frames_gan_gray", 18),
    result("webtoon_twin", 12.01),
)  # fmt: skip


def test_lower_ciede2000_ranks_first_and_baselines_and_findings_are_marked() -> None:
    found = board(*FIVE)
    assert [(row.rank, row.name, row.is_baseline, row.below_baseline) for row in found.rows] == [
        (None, "truth", True, False),
        (1, "webtoon_l2", False, False),
        (2, "webtoon_twin", False, False),
        (3, "gray_copy", True, False),
        (4, "frames_gan_gray", False, True),
    ]
    assert [row.name for row in found.colorizers] == ["webtoon_l2", "webtoon_twin", "frames_gan_gray"]
    for row in found.rows:
        assert row.interval is not None
        assert row.interval[0] < row.score < row.interval[1]


def test_differences_are_paired_and_go_to_the_champion() -> None:
    found = board(*FIVE)
    assert found.reference == "webtoon_l2"
    of = {row.name: row.difference for row in found.rows}
    assert of["webtoon_l2"] is None
    assert of["gray_copy"] is None
    worse, twin = of["frames_gan_gray"], of["webtoon_twin"]
    assert worse is not None
    assert twin is not None
    assert worse["value"] == pytest.approx(6)
    assert 5 < worse["low"] < worse["high"] < 7  # though pictures differ by 3: the difference is of pairs
    assert worse["p_value"] < 0.01
    assert twin["p_value"] > 0.05
    with_champion = board(*FIVE, champion="of-frames_gan_gray")
    assert with_champion.reference == "frames_gan_gray"
    assert next(row.difference for row in with_champion.rows if row.name == "webtoon_l2")["value"] == pytest.approx(-6)  # type: ignore[index]


def test_tracks_and_other_benchmarks_are_kept_apart() -> None:
    found = board(*FIVE, result("old_best", 1, benchmark=BEFORE), result("two_stage", 1, variant="line"))
    assert "two_stage" not in found.to_markdown()
    assert [(row.name, row.rank) for row in found.not_comparable] == [("old_best", None)]
    ranked, apart = found.to_markdown().split("Not comparable")
    assert "| 1 | webtoon_l2 |" in ranked
    assert "frames_gan_gray (below the baseline)" in ranked
    assert "old_best" not in ranked
    assert "old_best" in apart
    assert [row.name for row in board(*FIVE, result("two_stage", 1, variant="line"), track="line").rows] == [
        "two_stage"
    ]


def test_it_is_the_same_again_from_json() -> None:
    import json

    found = board(*FIVE, result("old_best", 1, benchmark=BEFORE))
    again = Leaderboard.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.to_markdown() == found.to_markdown()
    assert again.reference == found.reference
    assert np.isnan(again.rows[0].metrics["hint_ciede2000"])
    assert again.rows[1].difference == found.rows[1].difference


def test_one_picture_has_no_interval() -> None:
    alone = result("webtoon_l2", 12)
    alone = Evaluation(**{**vars(alone), "rows": alone.rows.head(1)})
    again = Leaderboard.from_json(board(alone).to_json())
    assert again.rows[0].interval is None
    assert "webtoon_l2" in again.to_markdown()
    assert again.picture().ndim == 3


def test_two_results_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="two results of one name"):
        board(result("a", 1), result("a", 2))


def test_the_picture_grows_with_what_it_shows() -> None:
    found, longer = board(*FIVE), board(*FIVE, result("old", 1, benchmark=BEFORE))
    picture = found.picture()
    assert (picture.dtype, picture.shape[2]) == (np.uint8, 3)
    assert longer.picture().shape[0] > picture.shape[0]
    # The bars are as long as the numbers say: the gray copy's is 15/18 of the longest.
    blue = (picture == (66, 110, 180)).all(axis=-1).sum(axis=1).max()
    gray = (picture == (160, 160, 160)).all(axis=-1).sum(axis=1).max()
    assert gray / blue == pytest.approx(15 / 18, abs=0.02)


def with_references(name: str, score: float, *, references: str = "r" * 64) -> Evaluation:
    """A result with references of the same issue on the last half of the pictures, the last one a near-duplicate."""
    plain, given = result(name, 15), result(name, score)
    rows = given.rows.iloc[PICTURES // 2 :].assign(references="same_issue")
    rows["near_duplicates"] = [0] * (len(rows) - 1) + [2]
    both = pd.concat([plain.rows, rows], ignore_index=True)
    return replace(plain, rows=both, references_fingerprint=references)


def test_with_references_each_is_ranked_on_the_pictures_that_have_some() -> None:
    found = board(
        *FIVE, with_references("reference_match", 9), with_references("reference_mean", 13),
        with_references("stale", 1, references="s" * 64),
        references="same_issue", references_fingerprint="r" * 64,
    )  # fmt: skip
    assert (found.name, found.issues) == ("gray_same_issue", PICTURES // 4)
    rows = {row.name: row for row in found.rows}
    assert next(row.name for row in found.rows if row.rank == 1) == "reference_match"
    assert {row.pictures for row in found.rows} == {PICTURES // 2}
    assert rows["reference_mean"].is_baseline
    assert [row.name for row in found.not_comparable] == ["stale"]
    beats, loses = rows["reference_match"].against_copy, rows["frames_gan_gray"].against_copy
    assert beats is not None
    assert loses is not None
    assert beats["high"] < 0 < loses["low"]
    assert max(beats["p_value"], loses["p_value"]) < 0.01
    assert rows["gray_copy"].against_copy is None
    assert rows["reference_match"].without_near_duplicates != rows["reference_match"].score
    assert rows["gray_copy"].without_near_duplicates is None
    text = found.to_markdown()
    assert text.startswith("Track gray with references of the same issue, ranked by ciede2000")
    assert "to gray_copy (p) | without near-duplicates |" in text
    again = Leaderboard.from_json(found.to_json())
    assert (again.to_markdown(), again.name) == (text, found.name)

    plain = board(*FIVE, with_references("reference_match", 9), with_references("reference_mean", 13))
    assert "reference_mean" not in {row.name for row in plain.rows}
    (row,) = (row for row in plain.rows if row.name == "reference_match")
    assert row.score == pytest.approx(15, abs=0.1)  # without references
    assert row.pictures == PICTURES
    assert "near-duplicates" not in plain.to_markdown()


def test_the_champion_is_decided_with_references_where_enough_pictures_have_some() -> None:
    plain = board(*FIVE)
    given = replace(plain, references="same_issue", issues=3)
    others = replace(plain, references="other_issues")
    lines = replace(plain, track="line")
    assert champion_boards([plain, given, others, lines]) == [given, lines]
    assert champion_boards([plain, others]) == [others]
    few = replace(given, issues=2)
    assert champion_boards([plain, few]) == [plain]
    assert champion_boards([plain, few, others]) == [others]
    two = replace(plain, issues=2)
    assert champion_boards([two, few]) == [few]
    small = replace(given, rows=tuple(replace(row, pictures=PICTURES // 2 - 1) for row in given.rows))
    assert champion_boards([plain, small]) == [plain]


def test_an_empty_leaderboard_is_drawn_too() -> None:
    found = board()
    assert found.rows == ()
    assert "no results yet" in found.to_markdown()
    assert found.picture().ndim == 3
