"""Folds of a frozen training set: who is tested when, and that training takes a fold as a training set."""

from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from models.recipes import RECIPES
from pipelines.comparison.folds import ChosenRows, Fold, Folds
from pipelines.comparison.params import FoldParams
from pipelines.evaluation.benchmark import evaluate
from pipelines.training.loop import TrainingResult, train
from pipelines.training.params import TrainingParams
from pipelines.training_set import TrainingSet, datasheet_markdown
from tests.pipelines.conftest import WriteLake, drawn_panel
from tests.pipelines.evaluation.conftest import SMALL, Tint, freeze

SPLITS = ("train", "val", "test")


@pytest.fixture
def training_set(tmp_path: Path, write_lake: WriteLake) -> TrainingSet:
    """moon-cat: 7 issues of 1, 2, 3, 1, 2, 3 and 1 panels; a-sun: 2 issues of 2."""
    split_of = {5: "val", 6: "test"}
    issues = {
        ("moon-cat", f"ep{number}"): (
            split_of.get(number, "train"),
            [drawn_panel(10 * number + panel) for panel in range(1 + number % 3)],
        )
        for number in range(7)
    }
    issues["a-sun", "1"] = ("train", [drawn_panel(100), drawn_panel(101)])
    issues["a-sun", "2"] = ("val", [drawn_panel(102), drawn_panel(103)])
    return freeze(write_lake(tmp_path / "lake", issues))


def ids(fold: Fold, split: str) -> tuple[str, ...]:
    return fold.pairs(split, "gray", 32).panel_ids


def issues(panel_ids) -> set[str]:
    return {panel_id.rpartition("__")[0] for panel_id in panel_ids}


@pytest.mark.parametrize(
    "params", [FoldParams(folds=3), FoldParams(by="title"), FoldParams(by="picture", folds=4, seed=3)]
)
def test_every_picture_is_tested_exactly_once(training_set, params):
    every = sorted(panel_id for split in SPLITS for panel_id in training_set.pairs(split, "gray", 32).panel_ids)
    folds = list(Folds(training_set, params))
    assert sorted(panel_id for fold in folds for panel_id in ids(fold, "test")) == every
    for fold in folds:
        assert sorted(panel_id for split in SPLITS for panel_id in ids(fold, split)) == every
        assert all(ids(fold, split) for split in ("train", "test"))
        assert fold.datasheet["pictures"] == {split: len(ids(fold, split)) for split in SPLITS}


def test_issues_stay_whole_and_titles_are_spread(training_set):
    folds = Folds(training_set, FoldParams(folds=3))
    assert len(folds) == 3
    for fold in folds:
        assert not issues(ids(fold, "train")) & issues(ids(fold, "test"))
        assert not issues(ids(fold, "train")) & issues(ids(fold, "val"))
        assert not issues(ids(fold, "val")) & issues(ids(fold, "test"))
        assert "moon-cat" in fold.pairs("test", "gray", 32).titles
    tested = [fold.pairs("test", "gray", 32).titles.count("moon-cat") for fold in folds]
    assert max(tested) - min(tested) <= 3  # the size of its largest issue
    sun = [fold.index for fold in folds if "a-sun" in fold.pairs("test", "gray", 32).titles]
    assert len(sun) == 2


def test_a_title_is_left_out(training_set):
    sun, cat = sorted(Folds(training_set, FoldParams(by="title")), key=lambda fold: len(ids(fold, "test")))
    assert set(sun.pairs("test", "gray", 32).titles) == {"a-sun"}
    assert set(sun.pairs("train", "gray", 32).titles) == set(sun.pairs("val", "gray", 32).titles) == {"moon-cat"}
    assert issues(ids(sun, "val")) == {"moon-cat__ep5"}
    assert set(cat.pairs("test", "gray", 32).titles) == {"moon-cat"}
    assert issues(ids(cat, "val")) == {"a-sun__2"}


def test_the_shuffle_of_frames_is_eight_to_one_to_one(training_set):
    folds = Folds(training_set, FoldParams(by="picture"))
    assert len(folds) == 10
    assert all(len(ids(fold, "test")) in (1, 2) for fold in folds)  # of 17 pictures
    leaks = [fold for fold in folds if issues(ids(fold, "train")) & issues(ids(fold, "test"))]
    assert leaks


@pytest.mark.parametrize(("variant", "resolution"), [("line", 64), ("gray", 48)])
def test_pictures_are_those_of_the_training_set(training_set, variant, resolution):
    stored = {}
    for split in SPLITS:
        pairs = training_set.pairs(split, variant, resolution)
        stored |= {
            panel_id: (pairs.color[row], pairs.variant[row], pairs.titles[row])
            for row, panel_id in enumerate(pairs.panel_ids)
        }
    for split in SPLITS:
        pairs = Folds(training_set, FoldParams(folds=3))[1].pairs(split, variant, resolution)
        assert len(pairs) == len(pairs.panel_ids) == len(pairs.color) == len(pairs.variant)
        for row, panel_id in enumerate(pairs.panel_ids):
            color, pictures, title = stored[panel_id]
            np.testing.assert_array_equal(pairs.color[row], color)
            np.testing.assert_array_equal(pairs.variant[row], pictures)
            assert pairs.titles[row] == title


def test_folds_are_a_function_of_rule_and_pictures(training_set):
    params = FoldParams(folds=3)
    first, again = Folds(training_set, params), Folds(training_set, params)
    assert first.groups == again.groups != Folds(training_set, FoldParams(folds=3, seed=1)).groups
    assert first[0].fingerprint == again[0].fingerprint
    all_params = [
        params,
        FoldParams(folds=4),
        FoldParams(folds=3, seed=1),
        FoldParams(by="picture"),
        FoldParams(by="title"),
    ]
    every = [fold for one in all_params for fold in Folds(training_set, one)]
    for of in ("fingerprint", "benchmark"):
        found = {
            fold.fingerprint if of == "fingerprint" else fold.test_fingerprint(32, metrics_version="3")
            for fold in every
        }
        assert len(found) == len(every)
    assert training_set.fingerprint not in {fold.fingerprint for fold in every}
    assert FoldParams().folds is None
    assert Folds(training_set, FoldParams())[0].fingerprint == Folds(training_set, FoldParams(folds=5))[0].fingerprint


def test_a_folds_benchmark_hangs_on_what_it_tests(training_set):
    fold = Folds(training_set, FoldParams(folds=3))[0]
    assert fold.test_fingerprint(32, metrics_version="3") != fold.test_fingerprint(64, metrics_version="3")
    tested = len(ids(fold, "test"))
    assert fold.test_fingerprint(32, tested, metrics_version="3") == fold.test_fingerprint(32, metrics_version="3")
    assert fold.test_fingerprint(32, tested - 1, metrics_version="3") != fold.test_fingerprint(32, metrics_version="3")


def test_the_datasheet_names_the_fold(training_set):
    fold = Folds(training_set, FoldParams(folds=3))[2]
    assert fold.datasheet["fold"] == {"by": "issue", "folds": 3, "seed": 0, "index": 2}
    by_title = defaultdict(dict)
    for split in SPLITS:
        for title, count in Counter(fold.pairs(split, "gray", 32).titles).items():
            by_title[title][split] = count
    for title, counts in by_title.items():
        assert fold.datasheet["titles"][title]["pictures"] == {split: counts.get(split, 0) for split in SPLITS}
    assert fold.fingerprint in datasheet_markdown(fold.datasheet)


def test_training_takes_a_fold_as_a_training_set(training_set, tmp_path):
    recipe = RECIPES["frames_convnet_gray"]
    params = TrainingParams(steps=2, resolution=32, width=8, batch=4, device="cpu")
    fold = Folds(training_set, FoldParams(folds=3))[0]
    pairs = [fold.pairs(split, recipe.arrays, 32) for split in ("train", "val")]
    *_, last = train(recipe, *pairs, params=params, fingerprint=fold.fingerprint, work=tmp_path / "work")
    assert isinstance(last, TrainingResult)


def test_the_benchmark_over_all_folds_tests_every_picture_once(training_set):
    folds = Folds(training_set, FoldParams(folds=3))
    measured = [evaluate(Tint("warm", (20, 0, -20)), fold, SMALL) for fold in folds]
    every = [panel_id for split in SPLITS for panel_id in training_set.pairs(split, "gray", 64).panel_ids]
    assert sorted(pd.concat([one.rows for one in measured])["panel_id"]) == sorted(every)
    assert len({one.benchmark_fingerprint for one in measured}) == 3
    # Each picture's numbers are those that it has in the split where it is stored.
    stored = evaluate(Tint("warm", (20, 0, -20)), training_set, SMALL).per_picture["ciede2000"]
    dealt = pd.concat([one.per_picture["ciede2000"] for one in measured])
    pd.testing.assert_series_equal(dealt.loc[stored.index], stored)


def test_what_cannot_be_dealt(training_set):
    with pytest.raises(ValidationError, match="one is tested and one validates"):
        FoldParams(folds=2)
    with pytest.raises(ValueError, match="40 folds by issue of 9 issues: collect more issues"):
        Folds(training_set, FoldParams(folds=40))
    with pytest.raises(ValueError, match="3 folds by title of 2 titles"):
        Folds(training_set, FoldParams(by="title", folds=3))
    with pytest.raises(IndexError, match="fold 3: there are 3"):
        Folds(training_set, FoldParams(folds=3))[3]
    with pytest.raises(ValueError, match="train, val, test"):
        Folds(training_set, FoldParams(folds=3))[0].pairs("all")


def test_chosen_rows_read_as_one_array():
    arrays = [np.arange(24).reshape(4, 3, 2), np.arange(24, 36).reshape(2, 3, 2)]
    parts, rows = np.array([1, 0, 0, 1, 0]), np.array([1, 3, 0, 0, 0])
    whole = np.stack([arrays[part][row] for part, row in zip(parts, rows, strict=True)])
    chosen = ChosenRows(arrays, parts, rows)
    assert (chosen.shape, chosen.ndim, chosen.dtype, chosen.nbytes) == (whole.shape, 3, whole.dtype, whole.nbytes)
    some, styles = np.array([4, 0, 3]), np.array([2, 0, 1])
    keys = [2, -1, slice(1, 4), some, [0, 4], whole[:, 0, 0] > 5, np.array([], int), slice(None)]
    for key in [*keys, (2, 1), (some, styles), (some, 1), (slice(1, 3), 1), (some, slice(1, 3)), (slice(None), 0, 1)]:
        np.testing.assert_array_equal(chosen[key], whole[key])
    np.testing.assert_array_equal(np.array(chosen), whole)
    np.testing.assert_array_equal(np.stack(list(chosen)), whole)
    with pytest.raises(IndexError, match="give the rows as a list too"):
        chosen[:, [0, 1]]
    with pytest.raises(IndexError):
        chosen[5]


def test_only_what_is_asked_for_is_read(training_set):
    read = []

    class Noting(np.ndarray):
        def __getitem__(self, key):
            read.append(key)
            return super().__getitem__(key)

    array = np.zeros((50, 2)).view(Noting)
    chosen = ChosenRows([array], np.zeros(30, int), np.arange(30))
    chosen[[3, 7]]
    assert sum(np.size(key[0]) for key in read) == 2
