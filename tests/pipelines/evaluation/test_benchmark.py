"""The benchmark: its numbers against the metrics of each picture, its fingerprints, its picture and its files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.colorize.picture import GrayCopy
from pipelines.evaluation.benchmark import (
    evaluate,
    load_evaluation,
    load_evaluations,
    save_evaluation,
)
from pipelines.evaluation.metrics import METRICS, measure_pictures
from pipelines.lake import Lake
from pipelines.training_set import TrainingSet
from pipelines.variants import LINE_STYLES


def test_the_floor_is_measured_on_every_test_picture(training_set: TrainingSet) -> None:
    evaluation = evaluate(GrayCopy(), training_set, resolution=64)
    pairs = training_set.pairs("test", "gray", 64)
    expected = measure_pictures(np.repeat(pairs.variant[:, 0, ..., None], 3, axis=-1), pairs.color)
    assert evaluation.pictures == 3
    assert evaluation.panel_ids == list(pairs.panel_ids)
    for name in METRICS:
        np.testing.assert_allclose(evaluation.per_picture[name], expected[name])
        assert evaluation.metrics[name] == pytest.approx(expected[name].mean())
    assert evaluation.metrics["gray_share"] == 1
    assert evaluation.benchmark_fingerprint == training_set.benchmark_fingerprint(64)
    assert evaluation.training_set_fingerprint == training_set.fingerprint


def test_lines_are_judged_in_every_style(training_set: TrainingSet, tint) -> None:
    evaluation = evaluate(tint("tint", (20, 0, -20), "line"), training_set, resolution=64)
    assert list(evaluation.styles) == list(LINE_STYLES)
    by_style = [evaluation.styles[style]["l2_rgb"] for style in LINE_STYLES]
    assert len(set(by_style)) == len(LINE_STYLES)
    assert evaluation.metrics["l2_rgb"] == pytest.approx(np.mean(by_style))
    assert evaluation.styles[evaluation.worst_style]["l2_ab"] == max(
        values["l2_ab"] for values in evaluation.styles.values()
    )
    assert np.mean(evaluation.per_picture["l2_rgb"]) == pytest.approx(evaluation.metrics["l2_rgb"])


def test_fewer_pictures_are_another_benchmark(training_set: TrainingSet) -> None:
    everything = evaluate(GrayCopy(), training_set, resolution=64)
    some = evaluate(GrayCopy(), training_set, resolution=64, max_pictures=2)
    assert some.panel_ids == [everything.panel_ids[0], everything.panel_ids[-1]]
    assert some.benchmark_fingerprint != everything.benchmark_fingerprint
    with pytest.raises(ValueError, match="at least 1"):
        evaluate(GrayCopy(), training_set, resolution=64, max_pictures=0)


def test_progress_ends_with_everything(training_set: TrainingSet, tint) -> None:
    seen = []
    evaluate(tint("t", (0, 0, 0), "line"), training_set, resolution=64, on_progress=lambda *at: seen.append(at))
    assert seen == [(3 * style, 15) for style in range(1, 6)]


def test_the_grid_shows_input_output_and_truth(training_set: TrainingSet) -> None:
    first = evaluate(GrayCopy(), training_set, resolution=64)
    again = evaluate(GrayCopy(), training_set, resolution=64)
    np.testing.assert_array_equal(first.grid, again.grid)
    height, width, channels = first.grid.shape
    assert channels == 3
    assert (height > 3 * 192, 3 * 192 < width < 3 * 192 + 60) == (True, True)
    colored = np.ptp(first.grid.astype(int), axis=-1) > 30
    assert colored[:, -200:].any()
    assert not colored[:, :400].any()  # input and the gray copy


def test_an_empty_test_split_names_titles_and_remedy(tmp_path: Path, write_lake, freeze_lake) -> None:
    lake = write_lake(tmp_path, {("solo", "1"): ("train", [np.full((40, 40, 3), 200, np.uint8)])})
    with pytest.raises(ValueError, match=r"solo \(1 issues\).*collect more issues"):
        evaluate(GrayCopy(), freeze_lake(lake), resolution=64)


def test_outputs_of_another_shape_are_an_error(training_set: TrainingSet) -> None:
    class Flat(GrayCopy):
        name = "flat"

        def colorize_batch(self, pictures: np.ndarray, **given: object) -> np.ndarray:
            return pictures

    with pytest.raises(ValueError, match=r"flat: colorize_batch gave uint8 \(3, 64, 64\)"):
        evaluate(Flat(), training_set, resolution=64)


def test_colorizers_are_told_the_titles(training_set: TrainingSet) -> None:
    told = []

    class Listening(GrayCopy):
        def colorize_batch(self, pictures: np.ndarray, **given: Any) -> np.ndarray:
            told.extend(given["titles"])
            return super().colorize_batch(pictures, **given)

    evaluation = evaluate(Listening(), training_set, resolution=64)
    assert told == evaluation.titles == ["a-sun", "moon-cat", "moon-cat"]


def test_an_evaluation_survives_its_files(small_lake: Lake, training_set: TrainingSet) -> None:
    evaluation = evaluate(GrayCopy(), training_set, resolution=64)
    with pytest.raises(FileNotFoundError, match="materialize evaluation of gray_copy"):
        load_evaluation(small_lake, "gray_copy")
    path = save_evaluation(small_lake, "gray_copy", evaluation, checkpoint_digest="c0ffee", mlflow_run_id="run1")
    assert path == small_lake.evaluations("gray_copy") / "latest.json"
    loaded = load_evaluation(small_lake, "gray_copy")
    assert (loaded.checkpoint_digest, loaded.mlflow_run_id) == ("c0ffee", "run1")
    assert loaded.metrics == evaluation.metrics
    assert loaded.per_picture == evaluation.per_picture
    np.testing.assert_array_equal(loaded.grid, evaluation.grid)
    assert [found.name for found in load_evaluations(small_lake)] == ["gray_copy"]
