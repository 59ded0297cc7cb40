"""The metrics of a picture: pixels against their definitions and published numbers, and all of them together."""

import numpy as np
import pytest

from pipelines.colorize.hints import Hint, hint_of_truth
from pipelines.evaluation.metrics.definitions import METRICS, PSNR_LIMIT_DB
from pipelines.evaluation.metrics.measure import measure_pictures
from pipelines.evaluation.metrics.pixels import ciede2000
from pipelines.images.color import gray_to_rgb, rgb_to_gray, rgb_to_lab

OF_HINTS = ("hint_ciede2000", "hint_segment_ciede2000")


@pytest.fixture(scope="module")
def truths() -> np.ndarray:
    y, x = np.mgrid[0:48, 0:40]
    waves = [128 + 100 * np.sin(x / 5 + phase) * np.cos(y / 7) for phase in range(6)]
    return np.stack(waves, axis=-1).reshape(48, 40, 2, 3).transpose(2, 0, 1, 3).astype(np.uint8)


@pytest.fixture(scope="module")
def outputs(truths: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, 20, truths.shape)
    return (truths + noise).clip(0, 255).astype(np.uint8)


def test_pixel_distances(outputs: np.ndarray, truths: np.ndarray) -> None:
    measured = measure_pictures(outputs, truths)
    difference = outputs.astype(np.float64) - truths
    np.testing.assert_allclose(measured["l1_rgb"], np.abs(difference).mean(axis=(1, 2, 3)))
    np.testing.assert_allclose(measured["l2_rgb"], (difference**2).mean(axis=(1, 2, 3)))


def test_ab_distances(outputs: np.ndarray, truths: np.ndarray) -> None:
    measured = measure_pictures(outputs, truths)
    difference = (rgb_to_lab(outputs) - rgb_to_lab(truths))[..., 1:].astype(np.float64)
    np.testing.assert_allclose(measured["l2_ab"], (difference**2).sum(axis=-1).mean(axis=(1, 2)), rtol=1e-5)


def test_half_sum_is_the_l2_loss_of_a_256_px_picture() -> None:
    random = np.random.default_rng(0)
    output, truth = random.integers(0, 256, (2, 1, 256, 256, 3), dtype=np.uint8)
    scaled = (rgb_to_lab(output) - rgb_to_lab(truth))[..., 1:].astype(np.float64) / 128
    np.testing.assert_allclose(measure_pictures(output, truth)["l2_ab_half_sum"], [(scaled**2).sum() / 2], rtol=1e-5)


def test_psnr_is_as_defined(outputs: np.ndarray, truths: np.ndarray) -> None:
    measured = measure_pictures(outputs, truths)
    error = np.square(outputs.astype(np.float64) - truths).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(measured["psnr"], 10 * np.log10(255**2 / error), rtol=1e-6)


def test_equal_pictures_are_perfect(truths: np.ndarray) -> None:
    measured = measure_pictures(truths, truths)
    distances = ("l1_rgb", "l2_rgb", "l2_ab", "l2_ab_half_sum", "ciede2000", "colorfulness_error")
    for name in (*distances, "saturation_distance", "hue_distance"):
        assert (measured[name] == 0).all(), name
    assert (measured["psnr"] == PSNR_LIMIT_DB).all()
    np.testing.assert_allclose(measured["ssim"], 1)
    np.testing.assert_allclose(measured["ms_ssim"], 1)


# The data that accompany Sharma, Wu and Dalal (2005), Table 1: all 34 pairs.
SHARMA = np.array(
    [
        (50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425),
        (50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615),
        (50, 2.8361, -74.02, 50, 0, -82.7485, 3.4412),
        (50, -1.3802, -84.2814, 50, 0, -82.7485, 1),
        (50, -1.1848, -84.8006, 50, 0, -82.7485, 1),
        (50, -0.9009, -85.5211, 50, 0, -82.7485, 1),
        (50, 0, 0, 50, -1, 2, 2.3669),
        (50, -1, 2, 50, 0, 0, 2.3669),
        (50, 2.49, -0.001, 50, -2.49, 0.0009, 7.1792),
        (50, 2.49, -0.001, 50, -2.49, 0.001, 7.1792),
        (50, 2.49, -0.001, 50, -2.49, 0.0011, 7.2195),
        (50, 2.49, -0.001, 50, -2.49, 0.0012, 7.2195),
        (50, -0.001, 2.49, 50, 0.0009, -2.49, 4.8045),
        (50, -0.001, 2.49, 50, 0.001, -2.49, 4.8045),
        (50, -0.001, 2.49, 50, 0.0011, -2.49, 4.7461),
        (50, 2.5, 0, 50, 0, -2.5, 4.3065),
        (50, 2.5, 0, 73, 25, -18, 27.1492),
        (50, 2.5, 0, 61, -5, 29, 22.8977),
        (50, 2.5, 0, 56, -27, -3, 31.903),
        (50, 2.5, 0, 58, 24, 15, 19.4535),
        (50, 2.5, 0, 50, 3.1736, 0.5854, 1),
        (50, 2.5, 0, 50, 3.2972, 0, 1),
        (50, 2.5, 0, 50, 1.8634, 0.5757, 1),
        (50, 2.5, 0, 50, 3.2592, 0.335, 1),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.263),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.248, -4.962, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.694, 23.0331, 14.973, -42.5619, 2.0373),
        (36.4612, 47.858, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.441, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.135, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)


def test_ciede2000_of_published_pairs() -> None:
    lab, other, expected = SHARMA[:, :3], SHARMA[:, 3:6], SHARMA[:, 6]
    np.testing.assert_allclose(ciede2000(lab, other), expected, atol=1e-4)
    np.testing.assert_allclose(ciede2000(other, lab), expected, atol=1e-4)


def test_every_metric_is_defined_and_given_per_picture(outputs: np.ndarray, truths: np.ndarray) -> None:
    hints = [hint_of_truth(truth, 5, side=16, seed=0) for truth in truths]
    measured = measure_pictures(outputs, truths, hints=hints)
    assert list(measured) == list(METRICS)
    assert all(values.shape == (2,) for values in measured.values())
    for name, values in measured.items():  # waves have neither lines nor anything white
        assert np.isnan(values).all() if name in ("bleeding", "white_chroma") else np.isfinite(values).all(), name
    assert all(spec.unit and spec.scale and spec.definition for spec in METRICS.values())


def test_what_is_about_hints_is_nan_without_one(outputs: np.ndarray, truths: np.ndarray) -> None:
    some = measure_pictures(outputs, truths, hints=[hint_of_truth(truths[0], 5, side=16, seed=0), None])
    none, empty = measure_pictures(outputs, truths), measure_pictures(outputs, truths, hints=[Hint(), Hint()])
    for name in OF_HINTS:
        assert np.isfinite(some[name]).tolist() == [True, False]
        assert np.isnan(none[name]).all()
        assert np.isnan(empty[name]).all()
    np.testing.assert_array_equal(some["ciede2000"], none["ciede2000"])


def test_the_gray_copy_is_the_worst_in_what_sees_gray(outputs: np.ndarray, truths: np.ndarray) -> None:
    gray = measure_pictures(gray_to_rgb(rgb_to_gray(truths)), truths)
    noisy = measure_pictures(outputs, truths)
    assert (gray["colorfulness"] == 0).all()
    assert (gray["gray_share"] == 1).all()
    for name in ("colorfulness_error", "gray_share", "saturation_distance", "hue_distance", "ciede2000", "l2_ab"):
        assert (gray[name] > noisy[name]).all(), name


def test_wrong_pictures_are_errors(outputs: np.ndarray, truths: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one shape"):
        measure_pictures(outputs[:1], truths)
    with pytest.raises(ValueError, match="uint8"):
        measure_pictures(outputs.astype(np.float32), truths.astype(np.float32))
    with pytest.raises(ValueError, match="11 x 11"):
        measure_pictures(outputs[:, :8], truths[:, :8])
    with pytest.raises(ValueError, match="1 hints for 2 pictures"):
        measure_pictures(outputs, truths, hints=[None])
