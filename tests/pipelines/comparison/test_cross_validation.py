"""Cross-validation: every picture is evaluated once, by a colorizer that never saw its issue, and it resumes."""

from pathlib import Path

import pandas as pd
import pytest

from models.recipes import RECIPES, recipe_of
from pipelines.comparison.cross_validation import cross_validate, summary
from pipelines.comparison.params import CrossValidationParams
from pipelines.training.extractors import WeightsUnavailable
from pipelines.training_set import TrainingSet
from tests.pipelines.conftest import drawn_panel
from tests.pipelines.evaluation.conftest import freeze

PARAMS = CrossValidationParams(
    folds=3,
    steps=2,
    batch=2,
    resolution=32,
    width=8,
    device="cpu",
    test_resolution=32,
    validate_every=2,
    sample_every=2,
)


@pytest.fixture
def training_set(small_lake) -> TrainingSet:
    return freeze(small_lake)


def test_every_picture_is_evaluated_once_and_folds_that_are_done_are_kept(training_set: TrainingSet, tmp_path: Path):
    recipe = RECIPES["webtoon_l2"]
    results = cross_validate(recipe, training_set, PARAMS, weights=tmp_path, work=tmp_path)
    first = next(results)
    results.close()  # the power goes out
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fold_*.parquet")}
    assert len(kept) == 1
    folds = list(cross_validate(recipe, training_set, PARAMS, weights=tmp_path, work=tmp_path))
    assert [(one.fold, one.folds) for one in folds] == [(0, 3), (1, 3), (2, 3)]
    assert folds[0].rows.equals(first.rows)
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    rows = pd.concat([one.rows for one in folds])
    for name in ("webtoon_l2", "gray_copy", "mean_chroma"):
        tested = rows.loc[rows["name"] == name, "panel_id"]
        assert sorted(tested) == sorted(p for split in ("train", "val", "test") for p in training_set.digests(split))
    assert (rows.groupby("issue")["fold"].nunique() == 1).all()
    table = summary(rows)
    assert set(table.index) == {"webtoon_l2", "gray_copy", "mean_chroma"}
    assert table.loc["gray_copy", "to gray_copy"] == 0
    assert table.loc["webtoon_l2", "pictures"] == 10
    own = rows[rows["name"] == "webtoon_l2"]["ciede2000"].mean() - rows[rows["name"] == "gray_copy"]["ciede2000"].mean()
    assert table.loc["webtoon_l2", "to gray_copy"] == pytest.approx(own)
    assert table.loc["webtoon_l2", "low"] < table.loc["webtoon_l2", "ciede2000"] < table.loc["webtoon_l2", "high"]


def test_what_takes_references_is_compared_on_the_pictures_that_have_some(write_lake, tmp_path: Path):
    issues = {
        ("moon-cat", str(number)): (split, [drawn_panel(10 * number + panel) for panel in range(7)])
        for number, split in enumerate(("train", "val", "test"))
    }
    training_set = freeze(write_lake(tmp_path / "lake", issues))
    params = PARAMS.model_copy(update={"max_pictures": 2})  # the first and the last of each issue
    folds = list(cross_validate(recipe_of("reference_match"), training_set, params, weights=tmp_path, work=tmp_path))
    rows = pd.concat([one.rows for one in folds])
    assert set(rows["name"]) == {"reference_match", "gray_copy", "mean_chroma"}
    assert set(rows["references"]) == {"same_issue"}
    assert set(rows["panel_id"]) == {f"moon-cat__{number}__0007" for number in range(3)}
    assert summary(rows).loc["reference_match", "pictures"] == 3


def test_what_a_recipe_builds_on_is_trained_on_the_same_fold(training_set: TrainingSet, tmp_path: Path):
    recipe = RECIPES["webtoon_classification_loss"]
    (need,) = recipe.needs
    seen: list[tuple[int, int]] = []
    next(
        cross_validate(
            recipe,
            training_set,
            PARAMS,
            weights=tmp_path,
            work=tmp_path,
            on_progress=lambda done, total: seen.append((done, total)),
        )
    )
    # Two trainings of two steps each, then the evaluation of the fold.
    assert seen == [(done, 300) for done in (0, 25, 50, 50, 75, 100, 100)]
    (folder,) = (path for path in tmp_path.glob("*/fold_0") if path.is_dir())
    assert {path.name for path in folder.iterdir()} >= {recipe.name, need.recipe}


def test_what_a_need_looks_through_is_found_as_its_own(training_set: TrainingSet, tmp_path: Path):
    recipe = RECIPES["two_stage_histeq_only"]  # it looks through nothing; the draft that it needs does
    assert recipe.extractor is None
    params = PARAMS.model_copy(update={"extractor": "hed-vgg16"})
    with pytest.raises(WeightsUnavailable, match=r"hed-vgg16.safetensors.*there"):
        next(cross_validate(recipe, training_set, params, weights=tmp_path / "there", work=tmp_path))


def test_more_folds_than_issues_are_an_error(training_set: TrainingSet, tmp_path: Path):
    params = PARAMS.model_copy(update={"folds": 7})
    with pytest.raises(ValueError, match="7 folds by issue of 6 issues"):
        next(cross_validate(RECIPES["webtoon_l2"], training_set, params, weights=tmp_path, work=tmp_path))
