"""Evaluations and leaderboards that earlier versions stored are read by the names of today."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipelines.comparison.leaderboard import Leaderboard, build_leaderboard
from pipelines.comparison.leaderboards import stored_leaderboards
from pipelines.evaluation.evaluation import load_evaluation, load_evaluations, save_evaluation
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake
from tests.pipelines.evaluation.handmade import BENCHMARKS, evaluated

EARLIER = {"oracle": "floor", "baseline": "ceiling"}


def earlier_sets(sets: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    return {name: {EARLIER.get(key, key): value for key, value in one.items()} for name, one in sets.items()}


def test_an_evaluation_of_an_earlier_version_loads(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    evaluation = evaluated("webtoon_l2", sets={"fid_efflite0/none": (10.0, 1.0)})
    path = save_evaluation(lake, evaluation)
    for file in (path, path.parent / "latest.json"):
        values = lake.read_json(file)
        lake.write_json(file, {**values, "sets": earlier_sets(values["sets"])})
    assert "floor" in path.read_text()
    assert load_evaluation(lake, "webtoon_l2").sets == evaluation.sets


def test_an_evaluation_from_before_a_metric_was_added_stands_apart(tmp_path: Path) -> None:
    lake, before = Lake.at(tmp_path), evaluated("webtoon_l2", benchmark_fingerprint="0" * 64)
    save_evaluation(lake, replace(before, rows=before.rows.drop(columns="psnr")))
    (loaded,) = load_evaluations(lake)
    assert np.isnan(loaded.metrics["psnr"])
    assert loaded.metrics["ciede2000"] == before.metrics["ciede2000"]
    board = build_leaderboard([loaded, evaluated("gray_copy")], track="gray", benchmark_fingerprint=BENCHMARKS["gray"])
    assert [row.name for row in board.not_comparable] == ["webtoon_l2"]


def test_a_leaderboard_from_before_a_metric_was_added_loads() -> None:
    stored = build_leaderboard([evaluated("webtoon_l2")], track="gray", benchmark_fingerprint=BENCHMARKS["gray"])
    values = stored.to_json()
    del values["rows"][0]["metrics"]["psnr"]
    loaded = Leaderboard.from_json(values)
    assert "webtoon_l2" in loaded.to_markdown()
    assert np.isnan(loaded.rows[0].metrics["psnr"])


def test_leaderboards_of_an_earlier_version_load(tmp_path: Path) -> None:
    lake, params = Lake.at(tmp_path), BenchmarkParams(resolution=48)
    found = [
        evaluated(name, values={"ciede2000": score}, sets={"fid_efflite0/none": (10.0, 1.0)})
        for name, score in (("webtoon_l2", 9), ("gray_copy", 12), ("frames_gan_gray", 15))
    ]
    board = build_leaderboard(found, track="gray", benchmark_fingerprint=BENCHMARKS["gray"])
    stored = board.to_json()
    for row in stored["rows"]:
        row["is_floor"], row["below_floor"] = row.pop("is_baseline"), row.pop("below_baseline")
        row["sets"] = earlier_sets(row["sets"])
    lake.write_json(lake.leaderboard, {"digest": "d", "rule": params.model_dump(mode="json"), "boards": [stored]})
    (loaded,), its_params = stored_leaderboards(lake)
    assert loaded.to_json() == board.to_json()
    assert [row.below_baseline for row in loaded.rows] == [False, False, True]
    assert its_params == params
