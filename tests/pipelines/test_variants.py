"""The stage `variants`: each picture against its definition, and the arrays against the tables they come from."""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from pipelines import variants
from pipelines.images.seen import dilate_lines, resize_square, to_edges, to_gray, xdog_lines
from pipelines.issue_splits import build_issue_splits
from pipelines.lake import DamagedFileError, Lake
from pipelines.panels.hashing import phash
from pipelines.params import SPLITS, SplitParams, UniqueParams, VariantParams
from pipelines.previews.decisions import decision_previews
from pipelines.unique_panels import build_unique_panels
from pipelines.variants import (
    DILATE_KERNELS_PX,
    KINDS,
    LINE_STYLES,
    XDOG_SIGMAS_PX,
    build_variant,
    derive,
    open_array,
    read_manifest,
)
from tests.pipelines.conftest import drawn_panel, put_panels

PARAMS = VariantParams(resolutions=[32, 48])
PEPPER = Path(__file__).resolve().parents[2] / "../shared/data/comics/pepper-carrot/ep05/P02.jpg"


@pytest.fixture
def scene() -> np.ndarray:
    """Smooth colour with black lines: every branch of XDoG's threshold is in it."""
    y, x = np.mgrid[0:96, 0:128]
    rgb = np.stack([x * 2, y * 2, 255 - x], axis=-1).clip(0, 255).astype(np.uint8)
    cv2.line(rgb, (10, 10), (110, 80), (0, 0, 0), 3)
    cv2.circle(rgb, (64, 48), 20, (20, 10, 10), -1)
    return rgb


def xdog_reference(rgb: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """float64, as the definition reads: the lines, and the distance of each pixel to the jump at epsilon."""
    floats = rgb.astype(np.float64)
    small = cv2.GaussianBlur(floats, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    large = cv2.GaussianBlur(floats, (0, 0), 4.5 * sigma, borderType=cv2.BORDER_REFLECT)
    s = small - 0.95 * large
    lines = np.where(s < -0.1, 1, 1 + np.tanh(200 * s)) * 127.5
    return lines @ [0.299, 0.587, 0.114], np.abs(s + 0.1).min(axis=-1)


def assert_close_to_reference(rgb: np.ndarray, sigma: float) -> None:
    lines = xdog_lines(rgb, sigma)
    expected, distance = xdog_reference(rgb, sigma)
    off_the_jump = distance > 1e-6
    assert off_the_jump.mean() > 0.999
    assert np.abs(lines - expected)[off_the_jump].max() <= 1


@pytest.mark.parametrize("sigma", XDOG_SIGMAS_PX)
def test_xdog_is_within_one_gray_level_of_float64(scene: np.ndarray, sigma: float) -> None:
    assert_close_to_reference(scene, sigma)


@pytest.mark.skipif(not PEPPER.exists(), reason=f"needs the open comics at {PEPPER}")
@pytest.mark.parametrize("sigma", XDOG_SIGMAS_PX)
def test_xdog_is_within_one_gray_level_of_float64_on_a_real_page(sigma: float) -> None:
    assert_close_to_reference(resize_square(cv2.imread(str(PEPPER), cv2.IMREAD_COLOR_RGB), 256), sigma)


def test_xdog_draws_gray_lines_on_white(scene: np.ndarray) -> None:
    scene[:8] = 255
    lines = xdog_lines(scene, 0.5)
    assert lines.dtype == np.uint8
    assert (lines[:4] == 255).all()
    # What is far darker than its surroundings is neither black nor white (paper 003, Figure 3: 120 to 140).
    assert np.count_nonzero((lines >= 120) & (lines <= 140)) > 50


@pytest.mark.skipif(not PEPPER.exists(), reason=f"needs the open comics at {PEPPER}")
def test_xdog_lines_have_the_brightness_of_figure_3() -> None:
    lines = xdog_lines(resize_square(cv2.imread(str(PEPPER), cv2.IMREAD_COLOR_RGB), 512), 0.4)
    dark = lines[lines <= 240]
    assert np.mean((dark >= 120) & (dark <= 140)) > 0.4
    assert np.mean(dark < 60) < 0.1


@pytest.mark.parametrize("kernel", DILATE_KERNELS_PX)
def test_dilate_lines_follow_algorithm_1(scene: np.ndarray, kernel: int) -> None:
    # OpenCV's anchor of a kernel is its middle, rounded down.
    before, after = kernel // 2, kernel - 1 - kernel // 2
    padded = np.pad(scene, ((before, after), (before, after), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(0, 1))
    dilated = windows.max(axis=(-2, -1)).astype(int)
    expected = (255 - (dilated - scene)) @ [0.299, 0.587, 0.114]
    assert np.abs(dilate_lines(scene, kernel) - expected).max() <= 1


def test_gray_and_edges() -> None:
    rgb = np.zeros((32, 32, 3), np.uint8)
    rgb[:, 16:] = (255, 0, 0)
    gray = to_gray(rgb)
    assert gray[0, 0] == 0
    assert gray[0, 31] == 76  # 0.299 of red
    edges = to_edges(rgb)
    assert set(np.unique(edges)) == {0, 255}
    assert set(np.nonzero(edges)[1]) <= {15, 16}
    assert not to_edges(rgb, low=1000, high=2000).any()


@pytest.mark.parametrize(("height", "width"), [(100, 100), (20, 20), (100, 20), (64, 64)])
def test_resize_square_keeps_flat_colour_and_size(height: int, width: int) -> None:
    rgb = np.full((height, width, 3), (10, 200, 90), np.uint8)
    assert (resize_square(rgb, 64) == (10, 200, 90)).all()
    assert resize_square(rgb, 64).shape == (64, 64, 3)


def test_resize_square_averages_what_shrinks() -> None:
    checkers = np.indices((64, 64)).sum(axis=0) % 2 * 200
    small = resize_square(np.repeat(checkers[..., None], 3, axis=-1).astype(np.uint8), 32)
    assert (small == 100).all()


def test_arrays_hold_the_kept_panels_in_order(small_lake: Lake) -> None:
    report = build_variant("color", "train", small_lake, PARAMS)
    folder = small_lake.variants("color") / report.digest
    ids = pq.read_table(folder / "rows.parquet")["panel_id"].to_pylist()
    assert ids == [
        "a-sun__1__0001",
        *(f"moon-cat__ep9__{n}" for n in ("0001", "0003")),
        "moon-cat__ep10__0001",
        "moon-cat__ep10__0002",
    ]
    assert report.pictures == 5
    assert report.pictures_by_title == {"a-sun": 1, "moon-cat": 4}
    colors = np.load(folder / "train_32.npy", mmap_mode="r")
    assert colors.shape == (5, 32, 32, 3)
    np.testing.assert_array_equal(colors[2], resize_square(drawn_panel(4), 32))


@pytest.mark.parametrize(("kind", "styles"), [("gray", 1), ("edge", 1), ("line", len(LINE_STYLES))])
def test_variants_are_computed_at_each_resolution(small_lake: Lake, kind: str, styles: int) -> None:
    report = build_variant(kind, "train", small_lake, PARAMS)
    for side in PARAMS.resolutions:
        colors = open_array(small_lake, read_manifest(small_lake, "color", "train"), side)
        variants = open_array(small_lake, read_manifest(small_lake, kind, "train"), side)
        assert variants.shape == (5, styles, side, side)
        np.testing.assert_array_equal(variants, derive(kind, colors, PARAMS))
    assert not report.unchanged
    assert report.size_bytes == 5 * styles * (32**2 + 48**2)


def test_line_styles_come_in_their_order(small_lake: Lake) -> None:
    build_variant("line", "val", small_lake, PARAMS)
    color = open_array(small_lake, read_manifest(small_lake, "color", "val"), 48)[0]
    lines = open_array(small_lake, read_manifest(small_lake, "line", "val"), 48)[0]
    drawn = [
        xdog_lines(color, 0.3),
        xdog_lines(color, 0.4),
        xdog_lines(color, 0.5),
        dilate_lines(color, 4),
        dilate_lines(color, 5),
    ]
    np.testing.assert_array_equal(lines, drawn)
    assert LINE_STYLES == ("xdog_0.3", "xdog_0.4", "xdog_0.5", "dilate_4", "dilate_5")


def test_nothing_is_computed_twice(small_lake: Lake) -> None:
    first = build_variant("gray", "train", small_lake, PARAMS)
    colors = small_lake.variants("color") / read_manifest(small_lake, "color", "train")["digest"] / "train_32.npy"
    written = colors.stat().st_mtime_ns
    again = build_variant("gray", "train", small_lake, PARAMS)
    edges = build_variant("edge", "train", small_lake, PARAMS)
    assert again.unchanged
    assert again.digest == first.digest
    assert not edges.unchanged
    assert colors.stat().st_mtime_ns == written


def test_new_settings_make_a_new_folder_and_leave_the_old_one(small_lake: Lake) -> None:
    old = build_variant("edge", "val", small_lake, PARAMS)
    new = build_variant("edge", "val", small_lake, VariantParams(resolutions=[32, 48], canny_high=120))
    assert old.digest != new.digest
    assert (small_lake.variants("edge") / old.digest / "val_32.npy").exists()
    assert read_manifest(small_lake, "edge", "val")["digest"] == new.digest
    assert build_variant("edge", "val", small_lake, PARAMS).unchanged
    assert read_manifest(small_lake, "edge", "val")["digest"] == old.digest


@pytest.mark.parametrize("kind", KINDS)
def test_a_split_without_pictures_is_an_array_of_length_0(tmp_path: Path, write_lake, kind: str) -> None:
    lake = write_lake(tmp_path, {("solo", "1"): ("train", [np.zeros((40, 40, 3), np.uint8)])})
    report = build_variant(kind, "test", lake, PARAMS)
    assert report.pictures == 0
    assert len(open_array(lake, read_manifest(lake, kind, "test"), 32)) == 0


def test_a_remote_lake_gives_the_same_arrays(small_lake: Lake, write_lake, tmp_path: Path) -> None:
    issues = {("moon-cat", "ep1"): ("train", [np.full((40, 40, 3), 90, np.uint8)])}
    local, remote = write_lake(tmp_path / "local", issues), write_lake("memory://variants-test/lake", issues)
    here = build_variant("line", "train", local, PARAMS)
    there = build_variant("line", "train", remote, PARAMS, cache=tmp_path / "cache")
    assert here.digest == there.digest
    expected = open_array(local, read_manifest(local, "line", "train"), 32)
    copied = open_array(remote, read_manifest(remote, "line", "train"), 32, tmp_path / "cache")
    np.testing.assert_array_equal(copied, expected)
    with pytest.raises(ValueError, match="cache folder"):
        open_array(remote, read_manifest(remote, "line", "train"), 32)
    (copy,) = (tmp_path / "cache").glob("line/*/train_32.npy")
    spoilt = copy.read_bytes()[:-1] + b"\x07"
    copy.write_bytes(spoilt)
    with pytest.raises(DamagedFileError, match=r"train_32\.npy: damaged, its pixels"):
        open_array(remote, read_manifest(remote, "line", "train"), 32, tmp_path / "cache")
    again = open_array(remote, read_manifest(remote, "line", "train"), 32, tmp_path / "cache")
    np.testing.assert_array_equal(again, expected)


def test_a_failed_build_leaves_nothing_and_the_retry_succeeds(small_lake: Lake) -> None:
    key = "moon-cat__ep10"
    table = small_lake.read_table(small_lake.issue_pages(key))
    broken = table.to_pylist()
    broken[1]["image"] = {"bytes": b"no picture", "path": None}
    small_lake.write_table(small_lake.issue_pages(key), table.from_pylist(broken, table.schema), made_from="test")
    with pytest.raises(ValueError, match=r"moon-cat, issue ep10, page 2 \(2\.png\)"):
        build_variant("gray", "train", small_lake, PARAMS)
    assert not [path for path in small_lake.variants("color").rglob("*") if path.is_file()]
    small_lake.write_table(small_lake.issue_pages(key), table, made_from="test")
    assert build_variant("gray", "train", small_lake, PARAMS).pictures == 5


def test_an_issue_whose_pages_changed_does_not_hold_the_others_up(tmp_path: Path) -> None:
    lake, pictures = Lake.at(tmp_path), [drawn_panel(seed) for seed in range(8)]
    for issue in range(4):
        own = pictures[2 * issue : 2 * issue + 2]
        put_panels(lake, "saga", str(issue), own, phash=[phash(rgb) for rgb in own], made_from=str(issue))
    build_unique_panels(lake, UniqueParams(), title_order=["saga"])
    build_issue_splits(lake, SplitParams())
    table = lake.read_table(lake.issue_pages("saga__0"))
    rows = [row | {"sha256": row["sha256"][::-1]} for row in table.to_pylist()]
    lake.write_table(lake.issue_pages("saga__0"), table.from_pylist(rows, table.schema), made_from="other bytes")
    counts = build_unique_panels(lake, UniqueParams(), title_order=["saga"]).counts
    assert counts == {"panels": 8, "kept": 6, "pages_changed": 2}
    assert decision_previews(lake).keys() == {"kept panels"}
    build_issue_splits(lake, SplitParams())
    assert sum(build_variant("gray", split, lake, PARAMS).pictures for split in SPLITS) == 6


def test_the_slower_of_two_runs_takes_what_the_faster_one_made(small_lake: Lake, monkeypatch) -> None:
    def derive_while_another_run_finishes(kind, pictures, params):
        monkeypatch.setattr(variants, "derive", derive)
        build_variant("gray", "val", small_lake, PARAMS)
        return derive(kind, pictures, params)

    monkeypatch.setattr(variants, "derive", derive_while_another_run_finishes)
    report = build_variant("gray", "val", small_lake, VariantParams(resolutions=[32, 48]))
    assert report.pictures == 2
    assert sorted(path.name for path in small_lake.variants("gray").iterdir()) == sorted([report.digest, "val.json"])


def test_a_folder_that_is_not_whole_is_an_error_with_a_remedy(small_lake: Lake) -> None:
    folder = small_lake.variants("color") / build_variant("color", "val", small_lake, PARAMS).digest
    (folder / "manifest.json").unlink()
    with pytest.raises(FileExistsError, match=r"no manifest\.json.*remove it"):
        build_variant("color", "val", small_lake, PARAMS)


@dataclass(frozen=True)
class RacedLake(Lake):
    """A lake where another run, with other settings, ends whenever a kind and split of this one has become current."""

    raced: set[str] = field(default_factory=set)

    def write_json(self, path, value) -> None:
        super().write_json(path, value)
        if path.parent.name not in self.raced:
            self.raced.add(path.parent.name)
            build_variant(path.parent.name, path.stem, Lake(self.root), VariantParams(resolutions=[16]))


def test_two_runs_with_other_settings_do_not_mix(small_lake: Lake) -> None:
    alone = build_variant("edge", "val", small_lake, PARAMS)
    shutil.rmtree(small_lake.root / "variants")
    raced = build_variant("edge", "val", RacedLake(small_lake.root), PARAMS)
    assert raced == alone


def test_what_a_killed_run_left_is_swept_a_day_later(small_lake: Lake) -> None:
    folder = small_lake.variants("gray")
    old, young = folder / ".0a.11111111.part", folder / ".0b.22222222.part"
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "train_32.npy").write_bytes(b"half")
        os.utime(left, (0, 0))
    os.utime(old / "train_32.npy", (0, 0))
    build_variant("gray", "val", small_lake, PARAMS)
    assert not old.exists()
    assert young.exists()


def test_panels_that_changed_since_the_decisions_are_an_error(small_lake: Lake) -> None:
    key = "moon-cat__ep10"
    table = small_lake.read_table(small_lake.panels(key))
    rows = table.to_pylist()
    rows[0]["sha256"] = "f" * 64
    small_lake.write_table(small_lake.panels(key), table.from_pylist(rows, table.schema), made_from="test")
    with pytest.raises(ValueError, match=r"moon-cat__ep10.*materialize unique_panels again"):
        build_variant("color", "train", small_lake, PARAMS)


def test_missing_stages_are_named(tmp_path: Path, small_lake: Lake) -> None:
    with pytest.raises(FileNotFoundError, match="materialize issue_splits"):
        build_variant("gray", "train", Lake.at(tmp_path / "empty"), PARAMS)
    with pytest.raises(FileNotFoundError, match="materialize edge_panels of partition val"):
        read_manifest(small_lake, "edge", "val")


def test_wrong_names_are_errors(small_lake: Lake) -> None:
    with pytest.raises(ValueError, match="color, gray, edge, line"):
        build_variant("sketch", "train", small_lake, PARAMS)
    with pytest.raises(ValueError, match="train, val, test"):
        build_variant("gray", "testing", small_lake, PARAMS)


def test_the_manifest_describes_the_arrays(small_lake: Lake) -> None:
    report = build_variant("edge", "train", small_lake, PARAMS)
    manifest = json.loads((small_lake.variants("edge") / report.digest / "manifest.json").read_text())
    assert manifest["arrays"]["48"]["shape"] == [5, 1, 48, 48]
    assert manifest["made_from"]["canny_high"] == 200
    assert manifest["made_from"]["color"] == read_manifest(small_lake, "color", "train")["digest"]


@pytest.mark.parametrize(
    "settings",
    [{"resolutions": []}, {"resolutions": [8]}, {"canny_low": 300}, {"canny_aperture": 4}, {"sigma": 0.3}],
)
def test_impossible_rules_are_errors(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        VariantParams(**settings)
