"""The benchmark: its numbers against the metrics of each picture, its passes, its fingerprints, and how it resumes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.evaluation.baselines import BASELINES, Copy, build_baseline
from pipelines.evaluation.benchmark import Pass, evaluate, passes_of
from pipelines.evaluation.evaluation import (
    RANKING_METRIC,
    OtherVersion,
    find_evaluation,
    load_evaluation,
    load_evaluations,
    save_evaluation,
)
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.metrics.distribution import FeatureExtractor
from pipelines.evaluation.metrics.measure import measure_pictures
from pipelines.evaluation.tracks import LineDrawer, TestPictures
from pipelines.lake import Lake
from pipelines.training_set import TrainingSet
from pipelines.variants import LINE_STYLES
from tests.pipelines.evaluation.conftest import SMALL

GRAY_COPY = Copy("gray_copy", "gray")


def small(**changes: Any):
    return SMALL.model_copy(update=changes)


def test_the_baseline_is_measured_on_every_test_picture(training_set: TrainingSet) -> None:
    evaluation = evaluate(GRAY_COPY, training_set, SMALL)
    pairs = training_set.pairs("test", "gray", 64)
    expected = measure_pictures(np.repeat(pairs.variant[:, 0, ..., None], 3, axis=-1), pairs.color)
    assert evaluation.pictures == 3
    assert list(evaluation.per_picture.index) == list(pairs.panel_ids)
    for name in METRICS:
        np.testing.assert_allclose(evaluation.per_picture[name], expected[name])
    assert evaluation.metrics["gray_share"] == 1
    assert evaluation.metrics["ciede2000"] == pytest.approx(expected["ciede2000"].mean())
    assert np.isnan(evaluation.metrics["hint_ciede2000"])
    assert "hint_ciede2000" not in evaluation.numbers()
    assert evaluation.training_set_fingerprint == training_set.fingerprint
    assert (evaluation.rows["issue"] == evaluation.rows["panel_id"].str[:-6]).all()


def test_lines_and_edges_are_evaluated_on_the_same_styles_each_in_its_polarity(training_set: TrainingSet, tint) -> None:
    evaluations = {
        variant: evaluate(tint(variant, (20, 0, -20), variant), training_set, SMALL) for variant in ("line", "edge")
    }
    styles = ["canny", *LINE_STYLES, *(f"{style}_equalized" for style in LINE_STYLES)]
    for evaluation in evaluations.values():
        assert list(evaluation.styles) == styles
        assert evaluation.metrics["l2_rgb"] == pytest.approx(np.mean([s["l2_rgb"] for s in evaluation.styles.values()]))
        worst = max(values[RANKING_METRIC] for values in evaluation.styles.values())
        assert evaluation.styles[evaluation.worst_style][RANKING_METRIC] == worst
    assert evaluations["line"].benchmark_fingerprint == evaluations["edge"].benchmark_fingerprint
    test = TestPictures(training_set, SMALL, "line")
    everything = slice(0, 3)
    np.testing.assert_array_equal(
        test.seen("canny", everything, by="edge"), training_set.pairs("test", "edge", 64).variant[:, 0]
    )
    np.testing.assert_array_equal(
        test.seen("canny", everything, by="line"), 255 - test.seen("canny", everything, by="edge")
    )
    np.testing.assert_array_equal(
        test.seen("xdog_0.4", everything, by="edge"), 255 - test.seen("xdog_0.4", everything, by="line")
    )


def test_equalizing_spreads_gray_lines_and_a_line_drawer_is_a_style_and_another_benchmark(
    training_set: TrainingSet,
) -> None:
    plain = TestPictures(training_set, SMALL, "line")
    everything = slice(0, 3)
    assert plain.seen("xdog_0.4", everything, by="line").min() > 100  # lines at 127
    assert plain.seen("xdog_0.4_equalized", everything, by="line").min() == 0
    drawer = LineDrawer(lambda pictures: pictures[..., 1], digest="d1")
    drawn = TestPictures(training_set, SMALL, "line", drawer)
    assert drawn.styles == (*plain.styles, "learned")
    np.testing.assert_array_equal(drawn.seen("learned", everything, by="line"), drawn.truths(everything)[..., 1])
    assert drawn.fingerprint != plain.fingerprint
    assert (
        TestPictures(training_set, SMALL, "gray", drawer).fingerprint
        == TestPictures(training_set, SMALL, "gray").fingerprint
    )


def test_hints_are_drawn_several_times_the_same_for_all(training_set: TrainingSet, tint) -> None:
    params = small(hint_counts=[1, 64, 1000], draws=2)  # 1000 points do not fit on 16 x 16
    evaluation = evaluate(tint("hinted", (0, 0, 0), takes_hints=True), training_set, params)
    test = TestPictures(training_set, params, "gray")
    assert passes_of(test, params, takes_hints=False) == [Pass("gray")]
    conditions = [(one.condition, one.draw) for one in passes_of(test, params, takes_hints=True)]
    assert conditions == [
        ("none", 0),
        *((name, draw) for draw in (0, 1) for name in ("1_hints", "64_hints", "regions")),
        *((f"{percent}_percent", 0) for percent in (1, 3, 5, 10, 25, 50, 100)),
        ("6_segments", 0),
    ]
    assert list(evaluation.curve) == [0, 1, 64]
    errors = [row["l1_rgb"] for row in evaluation.curve.values()]
    assert errors[0] > errors[2]
    assert evaluation.curve[64]["hint_ciede2000"] < 12 < evaluation.metrics["ciede2000"] + 12
    assert np.isnan(evaluation.curve[0]["hint_ciede2000"])
    scribbled = evaluation.rows[evaluation.rows["placement"] == "scribbles"]
    assert sorted(set(scribbled["hints"])) == [1, 3, 5, 10, 25, 50, 100]
    areas = evaluation.sets["hint_auc/ciede2000"]
    assert 0 < areas["mean"] < evaluation.curve[0]["ciede2000"] * 1.2
    assert areas["pictures"] == 3
    assert "hint_auc/hint_ciede2000" not in evaluation.sets
    regions = evaluation.rows[evaluation.rows["placement"] == "regions"]
    assert (regions["hints"] == 28).all()
    assert sorted(regions["draw"]) == [0] * 3 + [1] * 3
    assert test.hints("random", 10, 0, slice(0, 3)) == TestPictures(training_set, params, "gray").hints(
        "random", 10, 0, slice(0, 3)
    )
    first, second = (test.hints("random", 10, draw, slice(0, 1)) for draw in (0, 1))
    assert first != second
    assert test.hints("random", 10, 0, slice(1, 2)) == test.hints("random", 10, 0, slice(0, 3))[1:2]  # type: ignore[index]


def test_what_changes_the_benchmark_changes_its_fingerprint_and_nothing_else_does(training_set: TrainingSet) -> None:
    def fingerprint(**changes: Any) -> str:
        return TestPictures(training_set, small(**changes), "gray").fingerprint

    assert fingerprint(latency_sides=[32], page=True) == fingerprint()
    others = [
        fingerprint(max_pictures=2), fingerprint(resolution=32), fingerprint(seed=1), fingerprint(draws=4),
        fingerprint(hint_counts=[2]), TestPictures(training_set, SMALL, "gray", extractor="efflite0").fingerprint,
        TestPictures(training_set, SMALL, "line").fingerprint,
    ]  # fmt: skip
    assert len({*others, fingerprint()}) == len(others) + 1
    some = evaluate(GRAY_COPY, training_set, small(max_pictures=2))
    everything = evaluate(GRAY_COPY, training_set, SMALL)
    assert list(some.per_picture.index) == [everything.per_picture.index[0], everything.per_picture.index[-1]]


def test_the_truth_has_no_latency_and_others_have(training_set: TrainingSet) -> None:
    params = small(latency_sides=[32])
    assert evaluate(build_baseline("truth", training_set, 64), training_set, params).cost == {}
    assert set(evaluate(GRAY_COPY, training_set, params).cost) == {"parameters", "latency_cpu_32x32_ms"}


def test_baselines_and_oracle_are_ordered(training_set: TrainingSet) -> None:
    for names in BASELINES.values():
        found = {name: evaluate(build_baseline(name, training_set, 64), training_set, SMALL).metrics for name in names}
        itself, mean, nearest, truth = (found[name] for name in names)
        assert truth["ciede2000"] == 0
        assert itself["gray_share"] == 1
        assert min(one["ciede2000"] for one in (itself, mean, nearest)) > 5
    assert mean["colorfulness"] == pytest.approx(0, abs=60)  # of the lines: one flat colour
    gray_mean = evaluate(build_baseline("mean_chroma", training_set, 64), training_set, SMALL).metrics
    assert (
        0
        < gray_mean["colorfulness"]
        < evaluate(build_baseline("truth", training_set, 64), training_set, SMALL).metrics["colorfulness"]
    )
    train = training_set.pairs("train", "gray", 64)
    seen = np.asarray(train.variant[:, 0])
    np.testing.assert_allclose(
        build_baseline("nearest_panel", training_set, 64).colorize_batch(seen), train.color, atol=3
    )


def test_fid_and_kid_are_taken_of_each_condition_between_oracle_and_baseline(
    write_lake, freeze_lake, tmp_path, tint
) -> None:
    from tests.pipelines.conftest import drawn_panel

    panels = [drawn_panel(seed) for seed in range(16)]
    training_set = freeze_lake(
        write_lake(tmp_path, {("a", "1"): ("train", panels[:4]), ("a", "2"): ("test", panels[4:])})
    )

    class MeanOfColors:
        name = "means"

        def __call__(self, pictures: np.ndarray) -> np.ndarray:
            return pictures.reshape(len(pictures), -1, 3).mean(axis=1).astype(np.float32) / 255

    extractor: Any = MeanOfColors()
    params = small(hint_counts=[1], draws=3)
    evaluation = evaluate(tint("t", (0, 0, 0), takes_hints=True), training_set, params, extractor=extractor)
    taken = {name for name in evaluation.sets if "_means" in name}
    assert taken == {f"{kind}_means/{condition}" for kind in ("fid", "kid") for condition in ("none", "regions")}
    plain = evaluation.sets["fid_means/none"]
    assert plain["pictures"] == 12
    assert plain["draws"] == 3
    assert plain["mean"] == pytest.approx(plain["baseline"])  # it is the gray copy
    assert plain["oracle"] < plain["baseline"]
    assert isinstance(FeatureExtractor, type)
    assert evaluation.numbers()["fid_means/none"] == plain["mean"]


def test_an_interrupted_evaluation_goes_on_after_the_last_pass(training_set: TrainingSet, tint, tmp_path: Path) -> None:
    calls: list[int] = []

    class Failing(type(tint("", (0, 0, 0)))):
        fails = True

        def colorize_batch(self, pictures: np.ndarray, **given: Any) -> np.ndarray:
            calls.append(len(pictures))
            if self.fails and len(calls) == 4:
                raise RuntimeError("the power went out")
            return super().colorize_batch(pictures, **given)

    colorizer = Failing("line", (9, 0, 0), "line")
    with pytest.raises(RuntimeError, match="power"):
        evaluate(colorizer, training_set, SMALL, work=tmp_path / "work")
    colorizer.fails = False
    resumed = evaluate(colorizer, training_set, SMALL, work=tmp_path / "work")
    of_both = len(calls)
    whole = evaluate(colorizer, training_set, SMALL)
    # Three passes were done when the power went out, and not done again; the consistency and the gallery ask anew.
    assert len(calls) - of_both == of_both - 1
    assert resumed.rows.equals(whole.rows)
    np.testing.assert_array_equal(resumed.grid, whole.grid)
    assert not list((tmp_path / "work").iterdir())


def test_progress_ends_with_everything(training_set: TrainingSet, tint) -> None:
    seen = []
    evaluate(tint("t", (0, 0, 0), "line"), training_set, SMALL, on_progress=lambda *at: seen.append(at))
    assert seen[-1] == (33, 33)
    assert seen == sorted(seen)


def test_the_grid_and_the_gallery_show_input_output_and_truth(training_set: TrainingSet) -> None:
    first = evaluate(GRAY_COPY, training_set, SMALL)
    again = evaluate(GRAY_COPY, training_set, SMALL)
    np.testing.assert_array_equal(first.grid, again.grid)
    height, width, channels = first.grid.shape
    assert channels == 3
    assert (height > 3 * 192, 3 * 192 < width < 3 * 192 + 60) == (True, True)
    colored = np.ptp(first.grid.astype(int), axis=-1) > 30
    assert colored[:, -200:].any()
    assert not colored[:, :400].any()  # input and the gray copy
    best = first.gallery[first.gallery["kind"] == "best"]
    assert list(best["ciede2000"]) == sorted(first.per_picture["ciede2000"])
    assert best["input"].iloc[0][:2] == b"\xff\xd8"


def test_an_empty_test_split_names_titles_and_remedy(tmp_path: Path, write_lake, freeze_lake) -> None:
    lake = write_lake(tmp_path, {("solo", "1"): ("train", [np.full((40, 40, 3), 200, np.uint8)])})
    with pytest.raises(ValueError, match=r"solo \(1 issues\).*collect more issues"):
        evaluate(GRAY_COPY, freeze_lake(lake), SMALL)


def test_outputs_of_another_shape_are_an_error(training_set: TrainingSet) -> None:
    class Flat(Copy):
        def colorize_batch(self, pictures: np.ndarray, **given: object) -> np.ndarray:
            return pictures

    with pytest.raises(ValueError, match=r"flat: colorize_batch gave uint8 \(3, 64, 64\)"):
        evaluate(Flat("flat", "gray"), training_set, SMALL)


def test_colorizers_receive_the_titles(training_set: TrainingSet) -> None:
    titles: list[str] = []

    class Listening(Copy):
        def colorize_batch(self, pictures: np.ndarray, **given: Any) -> np.ndarray:
            titles.extend(given["titles"])
            return super().colorize_batch(pictures, **given)

    evaluate(Listening("listening", "gray"), training_set, SMALL)
    assert titles[:3] == ["a-sun", "moon-cat", "moon-cat"]


def test_an_evaluation_survives_its_files(small_lake: Lake, training_set: TrainingSet) -> None:
    evaluation = evaluate(
        GRAY_COPY,
        training_set,
        SMALL,
        checkpoint_digest="c0ffee",
        mlflow_run_id="run1",
        costs={"training_seconds": 2.0},
    )
    with pytest.raises(FileNotFoundError, match="materialize evaluation of gray_copy"):
        load_evaluation(small_lake, "gray_copy")
    path = save_evaluation(small_lake, evaluation)
    assert path == small_lake.evaluations("gray_copy") / f"{evaluation.key}.json"
    loaded = load_evaluation(small_lake, "gray_copy")
    assert (loaded.checkpoint_digest, loaded.mlflow_run_id) == ("c0ffee", "run1")
    assert loaded.rows.equals(evaluation.rows)
    assert loaded.gallery.equals(evaluation.gallery)
    assert (loaded.sets, loaded.cost) == (evaluation.sets, evaluation.cost)
    assert loaded.cost["training_seconds"] == 2.0
    np.testing.assert_array_equal(loaded.grid, evaluation.grid)
    assert [found.name for found in load_evaluations(small_lake)] == ["gray_copy"]
    benchmark = evaluation.benchmark_fingerprint
    assert find_evaluation(small_lake, "gray_copy", checkpoint="c0ffee", benchmark=benchmark) is not None
    assert find_evaluation(small_lake, "gray_copy", checkpoint="tea", benchmark=benchmark) is None
    save_evaluation(small_lake, evaluate(GRAY_COPY, training_set, SMALL, checkpoint_digest="tea"), as_latest=False)
    assert load_evaluation(small_lake, "gray_copy").checkpoint_digest == "c0ffee"
    assert find_evaluation(small_lake, "gray_copy", checkpoint="tea", benchmark=benchmark) is not None


def test_evaluations_of_other_versions_are_made_again(small_lake: Lake, training_set: TrainingSet) -> None:
    evaluation = evaluate(GRAY_COPY, training_set, SMALL, checkpoint_digest="c0ffee")
    path = save_evaluation(small_lake, evaluation)
    for file in (path, path.parent / "latest.json"):
        values = small_lake.read_json(file)
        del values["machine"]
        small_lake.write_json(file, values)
    with pytest.raises(OtherVersion, match="written by another version: materialize evaluation of gray_copy again"):
        load_evaluation(small_lake, "gray_copy")
    benchmark = evaluation.benchmark_fingerprint
    assert find_evaluation(small_lake, "gray_copy", checkpoint="c0ffee", benchmark=benchmark) is None
    assert load_evaluations(small_lake) == []


def test_pictures_of_some_titles_are_passed_on(training_set: TrainingSet) -> None:
    evaluation = evaluate(GRAY_COPY, training_set, SMALL)
    shown = evaluation.with_pictures_of(["a-sun"]).gallery
    assert 0 < len(shown) < len(evaluation.gallery)
    assert set(shown["panel_id"]) == {"a-sun__2__0001"}
