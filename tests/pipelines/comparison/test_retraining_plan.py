"""The trainings of the weekly schedule, and their reasons, from champions in MLflow and training sets in the lake."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from assets.tracking.registry import Registry, read_champions
from pipelines.comparison.params import PromotionParams, RetrainingParams
from pipelines.comparison.retraining import Retraining, plan_retraining
from tests.assets.tinted import Installation, freeze
from tests.pipelines.conftest import WriteLake, drawn_panel, write_lake

__all__ = ["write_lake"]

A, B = "webtoon_l2", "webtoon_no_skips"
PARAMS = RetrainingParams(recipes=[B])


def grow(root: Path, write: WriteLake, *, train_panels: int) -> str:
    """A lake with so many train panels and a training set, whose fingerprint it returns."""
    issues = {
        ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(train_panels)]),
        ("moon-cat", "2"): ("val", [drawn_panel(100)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(200, 204)]),
    }
    return freeze(write(root / "lake", issues))


@pytest.fixture
def here(tmp_path: Path, write_lake: WriteLake) -> Installation:
    """Twenty train panels, on which nothing was trained."""
    grow(tmp_path / "home", write_lake, train_panels=20)
    return Installation(tmp_path / "home")


def planned(
    here: Installation, params: RetrainingParams = PARAMS, failed: Mapping[str, tuple[str, int]] | None = None
) -> Retraining:
    champions = read_champions(here.tracking).values()
    return plan_retraining(here.lake, params, champions=champions, cache=here.cache, failed=failed)


def promote(here: Installation, name: str, tint: float) -> None:
    here.train(name, tint)
    here.evaluate(name)
    here.compare()
    here.promote(PromotionParams(resamples=100, guards={}))


def test_from_nothing_to_a_champion_and_on(here, write_lake):
    empty = Installation(here.root / "empty")
    assert planned(empty) == Retraining([], "there is no training set yet: materialize it first")
    assert planned(here) == Retraining([B], "nothing was trained yet")
    two_stages = RetrainingParams(recipes=["two_stage"])
    assert planned(here, two_stages).recipes == ["line_detector", "two_stage_draft", "two_stage"]

    promote(here, A, 0.2)
    assert planned(here) == Retraining([], "the same 20 train pictures as last time")

    grow(here.root, write_lake, train_panels=21)
    change = "1 new and 0 gone train pictures of 20, a change of 5.0%, at least 5.0%"
    assert planned(here) == Retraining([A, B], change)  # the champion's recipe first
    lazier = RetrainingParams(recipes=[B], min_change=0.1)
    assert planned(here, lazier) == Retraining(
        [], "1 new and 0 gone train pictures of 20, a change of 5.0%, less than 10.0%"
    )
    here.lake.write_json(here.lake.drift, {"is_sure": False, "drifted": {"moon-cat__1": ["hue"]}})
    assert planned(here, lazier).recipes == []
    here.lake.write_json(here.lake.drift, {"is_sure": True, "drifted": {"moon-cat__1": ["hue"]}})
    unlike = planned(here, lazier)
    assert unlike.recipes == [A, B]
    assert unlike.reason.endswith("and issues that look unlike the others: moon-cat__1 (hue)")

    # Both were trained again, and the champion stayed: not every week anew.
    here.train(A, 0.6)
    here.train(B, 0.6)
    assert planned(here).recipes == [A, B]  # not evaluated yet
    here.evaluate(A)
    here.evaluate(B)
    assert planned(here) == Retraining([], "the same 21 train pictures as last time")
    here.train(B, 0.7)  # another checkpoint, which was not evaluated
    assert planned(here).recipes == [A, B]


def test_any_track_with_a_champion_of_other_pictures_asks_for_training(here, write_lake):
    promote(here, A, 0.2)
    grow(here.root, write_lake, train_panels=22)
    promote(here, "frames_convnet_edge", 0.2)
    found = planned(here)
    assert found.recipes == [A, "frames_convnet_edge", B]
    assert found.reason.startswith("2 new and 0 gone train pictures of 20")


def test_what_a_champion_learned_from_may_be_gone(here):
    promote(here, A, 0.2)
    champion = Registry(here.tracking, "gray").at("champion")
    assert champion is not None
    shutil.rmtree(here.root / "lake" / "training_sets")
    found = planned(here)
    assert found.recipes == [A, B]
    assert found.reason.startswith(f"it is unknown what {A} learned from: ")
    assert found.reason.endswith("no such training set: it was never made in this lake, or was removed")


def test_a_recipe_that_failed_twice_on_this_training_set_is_left_out(here, write_lake):
    trained_on = here.lake.read_json(here.lake.training_set)["fingerprint"]
    promote(here, A, 0.2)
    before = grow(here.root, write_lake, train_panels=22)
    assert planned(here, failed={B: (before, 1)}).recipes == [A, B]  # once may be chance
    assert planned(here, failed={B: (trained_on, 5)}).recipes == [A, B]  # that was another training set
    found = planned(here, failed={B: (before, 2)})
    assert found.recipes == [A]
    assert found.reason.startswith("2 new and 0 gone train pictures of 20")
    assert f"left out: {B}, because the training of {B} failed 2 times on this training set" in found.reason
    assert f"tintoon run colorizer --recipe {B}" in found.reason

    # The others were trained again: the one that fails no longer asks for a training every week.
    here.train(A, 0.3)
    here.evaluate(A)
    assert planned(here, failed={B: (before, 2)}).recipes == []
    assert planned(here).recipes == [A, B]


def test_a_recipe_whose_dependency_fails_is_left_out_with_it(here):
    fingerprint = here.lake.read_json(here.lake.training_set)["fingerprint"]
    params = RetrainingParams(recipes=["two_stage", B])
    found = planned(here, params, failed={"line_detector": (fingerprint, 3)})
    assert found.recipes == [B]
    assert "left out: two_stage, because the training of line_detector failed 3 times" in found.reason
    alone = planned(here, RetrainingParams(recipes=["two_stage"]), failed={"line_detector": (fingerprint, 3)})
    assert alone.recipes == []
    assert alone.reason.startswith("left out: two_stage")


def test_a_recipe_that_was_trained_by_hand_since_it_failed_is_planned_again(here, write_lake):
    promote(here, A, 0.2)
    current = grow(here.root, write_lake, train_panels=22)
    here.train(B, 0.3)
    found = planned(here, failed={B: (current, 2)})
    assert found.recipes == [A, B]
    assert "left out" not in found.reason
