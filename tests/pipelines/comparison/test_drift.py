"""Drift: new issues that look like the others pass, and those that look otherwise are flagged for what differs."""

import cv2
import numpy as np
import pytest

from pipelines.comparison.drift import BINS, FEATURES, Reference, check_drift, describe, distance
from pipelines.comparison.params import DriftParams
from pipelines.lake import Lake
from pipelines.params import TrainingSetParams, VariantParams
from pipelines.training_set import TrainingSet, build_training_set
from pipelines.variants import KINDS, build_variant
from tests.pipelines.conftest import put_panels

PARAMS = DriftParams(side_px=64)
COLOR = {"lightness", "chroma", "hue"}


def panel(seed: int) -> np.ndarray:
    """Circles of any colour on any paper: one world, seen again and again."""
    random = np.random.default_rng(seed)
    rgb = np.full((64, 64, 3), random.integers(150, 256, 3), np.uint8)
    for _ in range(6):
        center = tuple(int(place) for place in random.integers(0, 64, 2))
        cv2.circle(rgb, center, int(random.integers(5, 14)), random.integers(40, 256, 3).tolist(), -1)
        cv2.circle(rgb, center, 10, (0, 0, 0), 1)
    return rgb


def issue(number: int) -> list[np.ndarray]:
    return [panel(20 * number + place) for place in range(12)]


def grayed(pictures):
    return [np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., np.newaxis], 3, axis=-1) // 4 * 3 for rgb in pictures]


def reddened(pictures):
    return [np.stack([rgb[..., 0], rgb[..., 1] // 3, rgb[..., 2] // 3], axis=-1) for rgb in pictures]


def hatched(pictures):
    drawn = [rgb.copy() for rgb in pictures]
    for rgb in drawn:
        rgb[:, ::4] //= 3
    return drawn


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference.of([describe(issue(number), PARAMS) for number in range(24)], PARAMS)


def flagged(reference: Reference, pictures) -> set[str]:
    found = reference.distances(describe(pictures, PARAMS))
    return {name for name, far in found.items() if far > reference.thresholds[name]}


def test_ordinary_issues_are_flagged_as_rarely_as_promised(reference):
    flags = [flagged(reference, issue(number)) for number in range(100, 160)]
    shares = {name: np.mean([name in found for found in flags]) for name in FEATURES}
    assert max(shares.values()) <= 0.2  # 0.05 +- what 24 issues know of a quantile
    assert np.mean(list(shares.values())) <= 0.1
    assert reference.false_alarms == 0.05


@pytest.mark.parametrize(
    ("change", "features"),
    [
        (grayed, {"chroma", "lightness"}),  # gray counts as all hues alike, and so do all colours together
        (reddened, {"chroma", "hue", "lightness"}),
        (hatched, {"direction", "contrast", "line_density"}),
        (lambda pictures: [cv2.GaussianBlur(rgb, (0, 0), 4) for rgb in pictures], {"contrast", "line_density"}),
    ],
)
def test_what_differs_is_named(reference, change, features):
    assert features <= flagged(reference, change(issue(300)))


def test_distances_by_hand():
    at = np.eye(BINS)
    assert distance("lightness", at[0], at[0]) == 0
    assert distance("lightness", at[0], at[BINS - 1]) == 1
    assert distance("lightness", at[3], at[7]) == pytest.approx(4 / (BINS - 1))
    assert distance("hue", at[0], at[BINS - 1]) == pytest.approx(1 / BINS)  # neighbours on the circle
    assert distance("hue", at[0], at[BINS // 2]) == pytest.approx(0.5)
    assert distance("hue", at[5], at[30]) == pytest.approx(7 / BINS) == distance("hue", at[30], at[5])


def test_histograms_by_hand():
    red = np.full((20, 20, 3), (255, 0, 0), np.uint8)  # L 53.2, C 104.6, hue 40 degrees
    found = describe([red], PARAMS)
    assert all(histogram.sum() == pytest.approx(1) for histogram in found.values())
    assert found["lightness"].argmax() == int(53.2 / 100 * BINS)
    assert found["chroma"].argmax() == BINS - 1
    assert found["hue"].argmax() == int(40 / 360 * BINS)
    assert (found["contrast"].argmax(), found["line_density"].argmax()) == (0, 0)
    np.testing.assert_allclose(found["direction"], 1 / BINS)  # nothing has a direction here
    steps = np.zeros((20, 20, 3), np.uint8)
    steps[:, 10:] = 255
    assert describe([steps], PARAMS)["direction"].argmax() == 0
    assert describe([steps.transpose(1, 0, 2)], PARAMS)["direction"].argmax() == BINS // 2


def test_few_issues_promise_less(reference):
    with pytest.raises(ValueError, match="learns from 2 issues; a reference needs at least 3"):
        Reference.of([describe(issue(number), PARAMS) for number in range(2)], PARAMS)
    few = Reference.of([describe(issue(number), PARAMS) for number in range(4)], PARAMS)
    assert few.false_alarms == pytest.approx(0.2)
    with pytest.raises(ValueError, match="no panels"):
        describe([], PARAMS)


@pytest.fixture
def lake(tmp_path, write_lake) -> Lake:
    """Six issues to learn from, one to validate and one to test with."""
    split_of = {6: "val", 7: "test"}
    issues = {("moon-cat", str(number)): (split_of.get(number, "train"), issue(number)) for number in range(8)}
    lake = write_lake(tmp_path, issues, {"moon-cat__2__0001": "too_small"})
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, lake, VariantParams(resolutions=[32]))
    build_training_set(lake, TrainingSetParams())
    return lake


def add_issue(lake: Lake, name: str, pictures, **columns) -> None:
    put_panels(
        lake, "moon-cat", name, pictures, **{column: [value] * len(pictures) for column, value in columns.items()}
    )


def test_new_issues_of_a_lake(lake):
    assert check_drift(lake, TrainingSet.open(lake), PARAMS).issues == ()
    add_issue(lake, "8", issue(8))
    add_issue(lake, "9", reddened(issue(9)))
    add_issue(lake, "10", issue(10)[:3])
    add_issue(lake, "11", issue(11), drop_reason="too_small")
    report = check_drift(lake, TrainingSet.open(lake), PARAMS)
    assert [(found.key, found.panels) for found in report.issues] == [
        ("moon-cat__8", 12),
        ("moon-cat__9", 12),
        ("moon-cat__10", 3),
        ("moon-cat__11", 0),
    ]
    usual, red, short, dropped = report.issues
    assert set(red.drifted) >= COLOR
    assert all(usual.distances[name] < red.distances[name] for name in COLOR)
    assert not set(usual.drifted) >= COLOR
    assert short.distances == dropped.distances == {}
    assert report.training_issues == 6
    assert report.false_alarms == pytest.approx(1 / 7)
    assert "moon-cat__9" in report.drifted

    text = report.to_markdown()
    assert f"| moon-cat__9 | 12 | **{red.distances['lightness']:.3f}** |" in text
    assert "| moon-cat__10 | 3 | too few panels |" in text
    picture = report.picture()
    assert picture.dtype == np.uint8
    assert (picture == (200, 60, 50)).all(axis=-1).any()

    only = check_drift(lake, TrainingSet.open(lake), PARAMS, keys=["moon-cat__7"])
    assert [found.key for found in only.issues] == ["moon-cat__7"]

    add_issue(lake, "0", issue(0)[:5])
    with pytest.raises(ValueError, match="moon-cat__0: 7 panels that the training set holds are no longer there"):
        check_drift(lake, TrainingSet.open(lake), PARAMS)
