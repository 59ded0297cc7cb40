"""Hint-AUC against the authors' package, and its rules on pictures with known regions.

The numbers of HINTAUC are what hintauc 0.3.3 (scikit-image 0.26.0, OpenCV 4.11, NumPy 1.26.4) gives for `picture`,
with `path_method="geodesic"` and its stable order. Regions of equal size it orders by its colour codes and we in
reading order, so ratios that cut through those (0.25 and 0.5 here) are left out.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from pipelines.colorize.hints import Hint, rasterize
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.metrics.hint_auc import RATIOS, Mark, Region, area_under, hint_at, regions_of
from pipelines.evaluation.metrics.measure import measure_pictures
from pipelines.images.color import gray_to_rgb, rgb_to_gray

HINTAUC_REGIONS = [1332, 594, 571, 544, 410, 232, 41, 41, 39, 34, 22, 22, 18, 17, 12, 12, 8, 8, 7, 4]
HINTAUC_PIXELS = {0.0: 0, 0.01: 123, 0.03: 238, 0.05: 282, 0.10: 400, 1.0: 595}
HINTAUC_AREAS: dict[Mark, dict[str, float]] = {
    "scribble": {"mse": 0.016541291112, "mae": 0.093097607046, "psnr": 17.816559438054},
    "dot": {"mse": 0.017670059251, "mae": 0.102115897424, "psnr": 17.529117332864},
}


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A face, a house and a cloud in front of a meadow. (256, 256, 3) uint8 RGB."""
    y, x = np.mgrid[0:256, 0:256]
    rgb = np.empty((256, 256, 3), np.uint8)
    rgb[:] = (205, 222, 240)
    rgb[y > 170] = (120, 160, 80)
    rgb[(x - 80) ** 2 + (y - 110) ** 2 < 60**2] = (230, 190, 150)
    rgb[(np.abs(x - 190) < 35) & (np.abs(y - 150) < 70)] = (170, 60, 50)
    rgb[(x - 190) ** 2 / 50**2 + (y - 50) ** 2 / 25**2 < 1] = (250, 250, 250)
    rgb[(x - 60) ** 2 + (y - 95) ** 2 < 14**2] = (40, 70, 130)
    rgb[(x - 100) ** 2 + (y - 95) ** 2 < 14**2] = (40, 70, 130)
    rgb[(np.abs(y - 135 - (x - 80) ** 2 / 60) < 6) & (np.abs(x - 80) < 30)] = (150, 40, 60)
    rgb[(np.abs(x + y - 300) < 5) & (y > 175)] = (240, 220, 70)
    return rgb


@pytest.fixture(scope="module")
def regions(picture: np.ndarray) -> list[Region]:
    return regions_of(picture)


def with_marks(pictures: np.ndarray, hints: Sequence[Hint]) -> np.ndarray:
    """The gray picture, and its hints on it."""
    outputs = gray_to_rgb(pictures)
    for output, hint in zip(outputs, hints, strict=True):
        rgba = np.kron(rasterize(hint, 64), np.ones((4, 4, 1), np.uint8))
        output[rgba[..., 3] > 0] = rgba[rgba[..., 3] > 0, :3]
    return outputs


def test_regions_and_scribbles_are_the_packages(regions: list[Region]) -> None:
    assert len(regions) == 139
    assert [region.area for region in regions[:20]] == HINTAUC_REGIONS
    for ratio, pixels in HINTAUC_PIXELS.items():
        assert np.count_nonzero(rasterize(hint_at(regions, ratio), 64)[..., 3]) == pixels
        dots = rasterize(hint_at(regions, ratio, "dot"), 64)
        assert np.count_nonzero(dots[..., 3]) == int(139 * ratio)


def curves(
    picture: np.ndarray, regions: list[Region], ratios: Sequence[float], mark: Mark
) -> dict[str, dict[float, float]]:
    """Each metric at each ratio, of what follows its hints."""
    found: dict[str, dict[float, float]] = {name: {} for name in METRICS}
    for ratio in ratios:
        outputs = with_marks(rgb_to_gray(picture)[None], [hint_at(regions, ratio, mark)])
        for name, values in measure_pictures(outputs, picture[None]).items():
            found[name][ratio] = float(values[0])
    return found


@pytest.mark.parametrize("mark", ["scribble", "dot"])
def test_the_area_is_the_packages(picture: np.ndarray, regions: list[Region], mark: Mark) -> None:
    found = curves(picture, regions, tuple(HINTAUC_PIXELS), mark)
    expected = HINTAUC_AREAS[mark]  # of RGB in [0, 1]
    assert area_under(found["l2_rgb"]) / 255**2 == pytest.approx(expected["mse"], rel=1e-5)
    assert area_under(found["l1_rgb"]) / 255 == pytest.approx(expected["mae"], rel=1e-5)
    assert area_under(found["psnr"]) == pytest.approx(expected["psnr"], rel=1e-5)


def test_more_hints_are_better_for_who_follows_them(picture: np.ndarray, regions: list[Region]) -> None:
    found = curves(picture, regions, RATIOS, "scribble")["l2_rgb"]
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert found[1.0] < area_under(found) < found[0.0]


def test_the_area_of_the_packages_own_example() -> None:
    scores = {0.0: 0.44, 0.01: 0.33, 0.03: 0.27, 0.05: 0.24, 0.1: 0.2, 0.25: 0.15, 0.5: 0.12, 1.0: 0.1}
    assert area_under(scores) == pytest.approx(0.14095)
    assert area_under({0.0: 3, 1.0: 3}) == 3


def test_the_largest_regions_are_hinted_first_in_their_own_colours() -> None:
    flags = np.empty((128, 128, 3), np.uint8)
    flags[:, :64], flags[:, 64:100], flags[:, 100:] = (200, 30, 30), (30, 160, 60), (30, 40, 170)
    three = regions_of(flags)[:3]
    assert [
        np.abs(np.subtract(region.rgb, color)).max() <= 8
        for region, color in zip(three, [(200, 30, 30), (30, 160, 60), (30, 40, 170)], strict=True)
    ] == [True] * 3
    assert [len(hint_at(three, ratio).strokes) for ratio in (0, 0.33, 0.34, 0.67, 1)] == [0, 0, 1, 2, 3]
    for region, (left, right) in zip(three, [(0, 32), (32, 50), (50, 64)], strict=True):
        assert left <= region.dot[1] < right
        assert np.abs(np.diff(region.path, axis=0)).max() == 1  # neighbour by neighbour
        assert len(region.path) > 30  # the long way of a stripe


def test_ratios_that_make_another_area_are_errors() -> None:
    for ratios in [(0, 0.5), (0.1, 1), ()]:
        with pytest.raises(ValueError, match="from 0 to 1"):
            area_under(dict.fromkeys(ratios, 1.0))
