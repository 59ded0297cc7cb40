"""Test pictures that a checkpoint has learned from: found by pixels, in another encoding and mirrored; said where it is
not known; and never ranked.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from models.recipes import RECIPES
from pipelines.comparison.challenger import _on_the_rest
from pipelines.comparison.leaderboard import Leaderboard, build_leaderboard
from pipelines.evaluation.evaluation import load_evaluation, save_evaluation
from pipelines.evaluation.learned import learned_pictures
from pipelines.lake import Lake
from pipelines.panels.hashing import is_flat, phash, pixels_sha256, thumbnail
from pipelines.training.record import TrainingRecord
from pipelines.training_set import TrainingSet
from tests.pipelines.conftest import WriteLake, drawn_panel
from tests.pipelines.evaluation.handmade import BENCHMARKS, evaluated, panel_ids

PICTURES = [drawn_panel(seed) for seed in range(12)]


def record(training_set: str, recipe: str = "webtoon_l2", **changes) -> TrainingRecord:
    values = {
        "recipe": recipe, "checkpoint_sha256": "c", "training_set": training_set, "best_step": 1,
        "best_validation": 1.0, "seconds": 1.0, "pictures_seen": 1, "seed": 0, "extractor": None,
    }  # fmt: skip
    return TrainingRecord(**{**values, **changes})


@pytest.fixture
def freeze_splits(tmp_path: Path, write_lake: WriteLake, freeze_lake):
    """Writes issues with the splits of their pictures, and freezes them."""

    def freeze(**splits: tuple[str, list[np.ndarray]]) -> tuple[Lake, TrainingSet]:
        lake = write_lake(tmp_path / "lake", {("saga", issue): found for issue, found in splits.items()})
        return lake, freeze_lake(lake)

    return freeze


def know(lake: Lake, *pictures: np.ndarray) -> None:
    """Writes hashes and thumbnails of pictures, as `unique_panels` has them."""
    rows = [
        {
            **{"title": "saga", "issue": "1", "panel_id": f"saga__1__{number:04d}", "kept": True, "reason": None},
            **{"sha256": pixels_sha256(rgb), "phash": phash(rgb), "is_flat": is_flat(rgb), "thumbnail": thumbnail(rgb)},
        }
        for number, rgb in enumerate(pictures)
    ]
    lake.write_table(lake.unique_panels, pa.Table.from_pylist(rows), made_from="test")


def test_pictures_that_were_train_or_val_are_found_under_any_name(freeze_splits):
    _, old = freeze_splits(ep1=("train", PICTURES[:3]), ep2=("val", PICTURES[3:5]), ep3=("test", PICTURES[5:7]))
    lake, new = freeze_splits(
        ep1=("train", PICTURES[7:9]), ep2=("val", PICTURES[9:10]), ep3=("test", [*PICTURES[1:4], PICTURES[5]])
    )
    assert learned_pictures(lake, record(old.fingerprint), new) == {
        "saga__ep3__0001": "train", "saga__ep3__0002": "train", "saga__ep3__0003": "val",
    }  # fmt: skip
    assert learned_pictures(lake, record(new.fingerprint), new) == {}


def test_other_encodings_and_mirror_images_are_found_too(freeze_splits):
    noisy = np.clip(PICTURES[0].astype(int) + np.random.default_rng(0).integers(-2, 3, PICTURES[0].shape), 0, 255)
    mirrored = np.ascontiguousarray(PICTURES[2][:, ::-1])
    _, old = freeze_splits(ep1=("train", PICTURES[:3]), ep2=("val", PICTURES[3:5]), ep3=("test", PICTURES[5:7]))
    test = [noisy.astype(np.uint8), mirrored, PICTURES[6]]
    lake, new = freeze_splits(ep1=("train", PICTURES[7:9]), ep2=("val", PICTURES[9:10]), ep3=("test", test))
    know(lake, *PICTURES, *test)
    assert learned_pictures(lake, record(old.fingerprint), new) == {
        "saga__ep3__0001": "train (near)", "saga__ep3__0002": "train (mirrored)",
    }  # fmt: skip


def test_what_a_recipe_builds_on_counts(freeze_splits):
    _, old = freeze_splits(ep1=("train", PICTURES[:3]), ep2=("val", PICTURES[3:5]), ep3=("test", PICTURES[5:7]))
    lake, new = freeze_splits(ep1=("train", PICTURES[5:9]), ep2=("val", PICTURES[9:10]), ep3=("test", PICTURES[:2]))
    name = next(recipe.name for recipe in RECIPES.values() if recipe.needs)
    need = RECIPES[name].needs[0]
    draft = record(old.fingerprint, need.recipe, mlflow_run_id="r", key="k")
    lake.write_json(lake.trained(need.recipe) / "k" / "record.json", vars(draft))
    built = record(new.fingerprint, name, dependencies={need.role: "r"})
    assert learned_pictures(lake, built, new) == {"saga__ep3__0001": "train", "saga__ep3__0002": "train"}
    gone = record(new.fingerprint, name, dependencies={need.role: "another"})
    assert learned_pictures(lake, gone, new) is None


def test_what_is_not_known_is_none(training_set, small_lake):
    assert learned_pictures(small_lake, record("0" * 64), training_set) is None  # trained in another lake
    assert learned_pictures(small_lake, record(training_set.fingerprint, "shipped"), training_set) is None
    assert learned_pictures(small_lake, record(training_set.fingerprint, "reference_match"), training_set) == {}


def test_a_colorizer_that_learned_from_test_pictures_is_not_ranked():
    best = evaluated("webtoon_l2", values={"ciede2000": 2}, learned={panel_ids()[0]: "train", panel_ids()[1]: "val"})
    second = evaluated("webtoon_no_skips", values={"ciede2000": 9}, learned={})
    imported = evaluated("frames_gan_gray", values={"ciede2000": 12}, learned=None)
    board = build_leaderboard([best, second, imported], track="gray", benchmark_fingerprint=BENCHMARKS["gray"])
    assert [row.name for row in board.rows] == ["webtoon_no_skips", "frames_gan_gray"]
    assert [(row.name, row.learned) for row in board.learned] == [("webtoon_l2", 2)]
    assert board.not_known == ["frames_gan_gray"]
    text = board.to_markdown()
    assert "- webtoon_l2: 2 of 16 test pictures" in text
    assert "is not known" in text
    assert Leaderboard.from_json(board.to_json()).to_json() == board.to_json()
    before = board.to_json()
    del before["learned"]  # a leaderboard of an earlier version
    assert Leaderboard.from_json(before).learned == ()


@pytest.mark.parametrize(("seen", "is_judged"), [(4, True), (9, False)])
def test_a_champion_that_learned_from_test_pictures_is_judged_on_the_others(seen, is_judged):
    champion = evaluated("webtoon_l2", learned=dict.fromkeys(panel_ids()[:seen], "train"))
    other = evaluated("webtoon_no_skips", learned={})
    held, (challenger,), note = _on_the_rest(champion, [other])
    assert (held is not None) == is_judged
    assert f"learned from {seen} of 16 test pictures" in note
    assert challenger.pictures == (16 - seen if is_judged else 16)


def test_an_evaluation_keeps_what_it_learned_and_older_ones_stay_readable(tmp_path):
    lake = Lake.at(tmp_path)
    found = evaluated("webtoon_l2", learned={panel_ids()[0]: "train"})
    path = save_evaluation(lake, found)
    assert load_evaluation(lake, "webtoon_l2").learned == {panel_ids()[0]: "train"}
    assert load_evaluation(lake, "webtoon_l2").numbers()["learned_test_pictures"] == 1
    for file in (path, path.with_name("latest.json")):
        values = lake.read_json(file)
        del values["learned"]
        lake.write_json(file, values)
    older = load_evaluation(lake, "webtoon_l2")
    assert older.learned is None
    assert "learned_test_pictures" not in older.numbers()
    pd.testing.assert_frame_equal(older.rows, found.rows)
