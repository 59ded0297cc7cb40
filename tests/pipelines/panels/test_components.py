import cv2
import numpy as np
import pytest

from pipelines.panels.components import components, runs, windows
from pipelines.panels.medians import colour_medians
from pipelines.panels.view import shrunk


def specks(seed, share):
    return np.random.default_rng(seed).random((37, 53)) < share


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 0.6, 1.0])
def test_components_are_those_of_opencv(connectivity, share):
    mask = specks(1, share)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    found = components(mask, connectivity=connectivity)
    assert len(found.areas) == count
    assert np.array_equal(found.labels, labels)
    assert np.array_equal(found.boxes[1:], stats[1:, :4])
    assert np.array_equal(found.areas[1:], stats[1:, cv2.CC_STAT_AREA])


@pytest.mark.parametrize("gap", [1, 3])
def test_windows_are_tight_apart_and_hold_everything(gap):
    mask = specks(2, 0.02)
    seen = np.zeros(mask.shape, int)
    for x, y, w, h in windows(mask, gap=gap):
        own = mask[y : y + h, x : x + w]
        assert own[0].any()
        assert own[-1].any()
        assert own[:, 0].any()
        assert own[:, -1].any()
        seen[y : y + h, x : x + w] += 1
    assert seen.max() == 1
    assert not mask[seen == 0].any()


def test_a_grid_of_panels_has_a_window_each():
    mask = np.zeros((400, 300), bool)
    boxes = [(10, 10, 280, 100), (10, 130, 130, 120), (160, 130, 130, 120), (10, 260, 280, 130)]
    for x, y, w, h in boxes:
        mask[y : y + h, x : x + w] = True
    assert list(windows(mask)) == boxes
    assert list(windows(mask, gap=21)) == [(10, 10, 280, 380)]
    assert list(windows(np.zeros((5, 5), bool))) == []


def test_runs_nearer_than_a_gap_are_one():
    is_set = np.array([1, 1, 0, 1, 0, 0, 0, 1], bool)
    assert runs(is_set) == [(0, 2), (3, 4), (7, 8)]
    assert runs(is_set, gap=2) == [(0, 4), (7, 8)]
    assert runs(is_set, min_length=2) == [(0, 2)]


@pytest.mark.parametrize("length", [1, 2, 9, 200])
def test_medians_are_those_of_numpy(length):
    lines = np.random.default_rng(length).integers(0, 256, (4, length, 3), dtype=np.uint8)
    assert np.array_equal(colour_medians(lines), np.median(lines, axis=1))


@pytest.mark.parametrize("shape", [(20, 12), (21, 13, 3), (1, 7, 3), (2, 2)])
def test_a_shrunk_picture_has_the_means_of_squares(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    small = shrunk(image, 3)
    for row, column in np.ndindex(small.shape[:2]):
        square = image[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
        assert np.abs(square.mean(axis=(0, 1)) - small[row, column]).max() <= 0.51
    assert shrunk(image, 1) is image
