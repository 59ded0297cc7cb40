"""The stage `training_set`: what it freezes, what it gives back, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from upath import UPath

from pipelines.images.seen import resize_square
from pipelines.lake import DamagedFileError, Lake
from pipelines.params import TrainingSetParams, VariantParams
from pipelines.training_set import TrainingSet, build_training_set
from pipelines.variants import KINDS, LINE_STYLES, build_variant, derive, open_array, read_manifest

PARAMS = VariantParams(resolutions=[32, 64])


def build_all(lake: Lake, params: VariantParams = PARAMS, cache: Path | None = None) -> None:
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, lake, params, cache=cache)


@pytest.fixture
def lake(small_lake: Lake) -> Lake:
    build_all(small_lake)
    return small_lake


def test_pairs_are_the_arrays_of_the_variants(lake: Lake) -> None:
    report = build_training_set(lake, TrainingSetParams())
    assert report.pictures == {"train": 5, "val": 2, "test": 3}
    training_set = TrainingSet.open(lake)
    assert training_set.fingerprint == report.fingerprint
    pairs = training_set.pairs("train", "line", 64)
    np.testing.assert_array_equal(pairs.color, open_array(lake, read_manifest(lake, "color", "train"), 64))
    np.testing.assert_array_equal(pairs.variant, open_array(lake, read_manifest(lake, "line", "train"), 64))
    assert pairs.variant.shape == (5, len(LINE_STYLES), 64, 64)
    assert isinstance(pairs.color, np.memmap)
    assert pairs.titles == ("a-sun", *["moon-cat"] * 4)
    assert pairs.panel_ids[0] == "a-sun__1__0001"


@pytest.mark.parametrize("variant", ["gray", "edge", "line"])
def test_a_resolution_between_is_made_from_the_next_larger(lake: Lake, variant: str) -> None:
    build_training_set(lake, TrainingSetParams())
    pairs = TrainingSet.open(lake).pairs("val", variant, 48)
    stored = open_array(lake, read_manifest(lake, "color", "val"), 64)
    reduced = np.stack([resize_square(rgb, 48) for rgb in stored])
    np.testing.assert_array_equal(pairs.color, reduced)
    np.testing.assert_array_equal(pairs.variant, derive(variant, reduced, PARAMS))


def test_impossible_requests_name_what_is_possible(lake: Lake) -> None:
    build_training_set(lake, TrainingSetParams())
    training_set = TrainingSet.open(lake)
    with pytest.raises(ValueError, match="resolution 128: stored are 32, 64"):
        training_set.pairs("train", "gray", 128)
    with pytest.raises(ValueError, match="gray, edge, line"):
        training_set.pairs("train", "color", 32)
    with pytest.raises(ValueError, match="train, val, test"):
        training_set.pairs("all")


def test_the_same_pictures_have_the_same_fingerprint(lake: Lake) -> None:
    first = build_training_set(lake, TrainingSetParams())
    again = build_training_set(lake, TrainingSetParams())
    assert not first.unchanged
    assert again.unchanged
    assert again.fingerprint == first.fingerprint


def test_an_older_training_set_stays_readable(lake: Lake) -> None:
    old = build_training_set(lake, TrainingSetParams())
    build_all(lake, VariantParams(resolutions=[32, 64], canny_low=700, canny_high=900))
    new = build_training_set(lake, TrainingSetParams())
    assert new.fingerprint != old.fingerprint
    assert TrainingSet.open(lake).fingerprint == new.fingerprint
    before = TrainingSet.open(lake, old.fingerprint).pairs("train", "edge", 64).variant
    after = TrainingSet.open(lake).pairs("train", "edge", 64).variant
    assert np.count_nonzero(after) < np.count_nonzero(before)


def test_the_benchmark_fingerprint_hangs_on_the_test_split_only(lake: Lake, write_lake, tmp_path: Path) -> None:
    build_training_set(lake, TrainingSetParams())
    training_set = TrainingSet.open(lake)
    fingerprint = training_set.test_fingerprint(32, metrics_version="3")
    assert training_set.test_fingerprint(32, max_pictures=3, metrics_version="3") == fingerprint  # there are 3
    assert training_set.test_fingerprint(32, max_pictures=2, metrics_version="3") != fingerprint
    assert len({training_set.test_fingerprint(side, metrics_version="3") for side in (32, 48, 64)}) == 3
    # An issue moves from val to train: another training set, the same benchmark.
    splits = lake.read_table(lake.issue_splits)
    rows = splits.to_pylist()
    next(row for row in rows if row["key"] == "moon-cat__ep11")["split"] = "train"
    lake.write_table(lake.issue_splits, splits.from_pylist(rows, splits.schema), made_from="test")
    build_all(lake)
    build_training_set(lake, TrainingSetParams())
    moved = TrainingSet.open(lake)
    assert moved.fingerprint != training_set.fingerprint
    assert moved.test_fingerprint(32, metrics_version="3") == fingerprint


def test_the_datasheet_says_what_is_in_it(lake: Lake) -> None:
    report = build_training_set(lake, TrainingSetParams(), sources={"moon-cat": "naver"})
    moon_cat = report.datasheet["titles"]["moon-cat"]
    assert moon_cat == {
        "source": "naver",
        "licences": ["CC-BY-4.0"],
        "attributions": ["moon-cat by a tester"],
        "issues": 4,
        "pictures": {"train": 4, "val": 2, "test": 2},
        "dropped": {"too_small": 1},
    }
    assert "| moon-cat | 4 | 4 | 2 | 2 | CC-BY-4.0 | moon-cat by a tester |" in report.markdown
    assert "| moon-cat | 1 |" in report.markdown
    assert "| naver | 1 | 8 | CC-BY-4.0 |" in report.markdown
    assert "| not declared any more | 1 | 2 | CC-BY-4.0 |" in report.markdown
    assert "- edge: canny, canny_low 100, canny_high 200, canny_aperture 3" in report.markdown
    frozen = lake.root / "training_sets" / f"{report.fingerprint}.json"
    assert json.loads(frozen.read_text())["datasheet"] == TrainingSet.open(lake).datasheet == report.datasheet
    assert frozen.with_suffix(".md").read_text() == report.markdown


def test_an_empty_train_split_is_an_error_with_a_remedy(tmp_path: Path, write_lake) -> None:
    panel = np.full((40, 40, 3), 200, np.uint8)
    lake = write_lake(tmp_path, {("solo", "1"): ("train", [panel])}, {"solo__1__0001": "too_large"})
    build_all(lake)
    with pytest.raises(ValueError, match=r"train holds 0 panels.*too_large 1.*more issues"):
        build_training_set(lake, TrainingSetParams())


def test_empty_val_and_test_are_frozen_as_they_are(tmp_path: Path, write_lake) -> None:
    lake = write_lake(tmp_path, {("solo", "1"): ("train", [np.full((40, 40, 3), 200, np.uint8)])})
    build_all(lake)
    build_training_set(lake, TrainingSetParams())
    training_set = TrainingSet.open(lake)
    assert len(training_set.pairs("test", "gray", 32)) == 0
    assert len(training_set.pairs("test", "line", 48)) == 0


def test_arrays_that_do_not_fit_together_are_errors(lake: Lake) -> None:
    build_variant("gray", "test", lake, VariantParams(resolutions=[64]))
    with pytest.raises(ValueError, match=r"split test.*materialize .*_panels of partition test again"):
        build_training_set(lake, TrainingSetParams())


def test_a_panel_in_two_splits_is_an_error(lake: Lake) -> None:
    splits = lake.read_table(lake.issue_splits)
    rows = splits.to_pylist()
    next(row for row in rows if row["key"] == "moon-cat__ep12")["split"] = "train"
    lake.write_table(lake.issue_splits, splits.from_pylist(rows, splits.schema), made_from="test")
    for kind in KINDS:
        build_variant(kind, "train", lake, PARAMS)  # and test is left as it was
    with pytest.raises(ValueError, match="moon-cat__ep12__0001 of split test is also in train"):
        build_training_set(lake, TrainingSetParams())


def test_missing_stages_are_named(small_lake: Lake) -> None:
    with pytest.raises(FileNotFoundError, match="materialize gray_panels of partition train"):
        build_training_set(small_lake, TrainingSetParams())
    with pytest.raises(FileNotFoundError, match="materialize training_set"):
        TrainingSet.open(small_lake)
    with pytest.raises(FileNotFoundError, match="never made in this lake"):
        TrainingSet.open(small_lake, "0" * 64)


def test_a_remote_lake_is_read_through_the_cache(tmp_path: Path, write_lake) -> None:
    lake = write_lake(
        "memory://training-set-test/lake", {("solo", "1"): ("train", [np.full((40, 40, 3), 200, np.uint8)])}
    )
    build_all(lake, cache=tmp_path / "cache")
    build_training_set(lake, TrainingSetParams())
    pairs = TrainingSet.open(lake, cache=tmp_path / "cache").pairs("train", "gray", 32)
    assert (pairs.variant == 200).all()


def flip_last_byte(path: UPath) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize(("kind", "split"), [("color", "train"), ("gray", "train"), ("gray", "test")])
def test_an_array_with_one_flipped_bit_is_refused_and_made_again(lake: Lake, kind: str, split: str) -> None:
    before = build_training_set(lake, TrainingSetParams())
    path = lake.variants(kind) / read_manifest(lake, kind, split)["digest"] / f"{split}_32.npy"
    flip_last_byte(path)
    with pytest.raises(DamagedFileError, match=rf"{path.name}: damaged, .*tintoon run gray_panels training_set"):
        TrainingSet.open(lake).pairs(split, "gray", 32)
    assert not build_variant(kind, split, lake, PARAMS).unchanged
    assert build_variant(kind, split, lake, PARAMS).unchanged
    assert build_training_set(lake, TrainingSetParams()).fingerprint == before.fingerprint
    assert len(TrainingSet.open(lake).pairs(split, "gray", 32).panel_ids)


def test_a_damaged_manifest_of_arrays_is_refused_and_made_again(lake: Lake) -> None:
    build_training_set(lake, TrainingSetParams())
    manifest = lake.variants("color") / read_manifest(lake, "color", "train")["digest"] / "manifest.json"
    manifest.write_text("{}")
    with pytest.raises(DamagedFileError, match=r"manifest\.json: damaged, .*tintoon run gray_panels"):
        TrainingSet.open(lake).pairs("train", "gray", 32)
    assert not build_variant("color", "train", lake, PARAMS).unchanged
    assert len(TrainingSet.open(lake).pairs("train", "gray", 32).panel_ids)


def test_other_rows_behind_the_arrays_are_refused(lake: Lake) -> None:
    build_training_set(lake, TrainingSetParams())
    path = lake.variants("color") / read_manifest(lake, "color", "val")["digest"] / "rows.parquet"
    rows = lake.read_table(path)
    lake.write_table(path, rows.slice(1), made_from="")
    with pytest.raises(DamagedFileError, match=r"rows\.parquet: damaged, .*tintoon run gray_panels training_set"):
        TrainingSet.open(lake).pairs("val", "gray", 32)


def test_a_training_set_that_lists_other_arrays_is_refused(lake: Lake) -> None:
    build_training_set(lake, TrainingSetParams())
    manifest = lake.read_json(lake.training_set)
    del manifest["arrays"]["line/test"]
    lake.write_json(lake.training_set, manifest)
    with pytest.raises(DamagedFileError, match=r"fingerprint is not that of what it lists; .*tintoon run training_set"):
        TrainingSet.open(lake)
