"""Every metric against its definition in plain NumPy, or against the reference implementation."""

import math

import cv2
import numpy as np
import pytest

from pipelines.color import rgb_to_lab
from pipelines.evaluation.metrics import METRICS, PSNR_LIMIT_DB, ciede2000, colorfulness, measure_pictures, ssim


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


def ssim_by_definition(output: np.ndarray, truth: np.ndarray) -> float:
    """Equation 13 of Wang et al. (2004), with OpenCV's Gaussian window of 11 px, sigma 1.5."""
    x, y = output.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y, square_x, square_y, product = (
        cv2.GaussianBlur(values, (11, 11), 1.5) for values in (x, y, x * x, y * y, x * y)
    )
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * (product - mean_x * mean_y) + c2)
    likeness /= (mean_x**2 + mean_y**2 + c1) * (square_x - mean_x**2 + square_y - mean_y**2 + c2)
    return float(likeness.mean())


def test_psnr_and_ssim_are_as_defined(outputs: np.ndarray, truths: np.ndarray) -> None:
    measured = measure_pictures(outputs, truths)
    for index in range(len(outputs)):
        error = np.square(outputs[index].astype(np.float64) - truths[index]).mean()
        assert measured["psnr"][index] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-6)
        assert measured["ssim"][index] == pytest.approx(ssim_by_definition(outputs[index], truths[index]), abs=1e-4)


def test_ssim_of_nearly_flat_pictures_is_not_lost_in_rounding() -> None:
    flat = np.full((32, 32, 3), 250, np.uint8)
    noisy = flat + np.random.default_rng(0).integers(0, 2, flat.shape, dtype=np.uint8)
    assert ssim(flat, noisy) == pytest.approx(ssim_by_definition(flat, noisy), abs=1e-3)


def test_equal_pictures_are_perfect(truths: np.ndarray) -> None:
    measured = measure_pictures(truths, truths)
    for name in ("l1_rgb", "l2_rgb", "l2_ab", "l2_ab_half_sum", "ciede2000", "colorfulness_error"):
        assert (measured[name] == 0).all(), name
    assert (measured["psnr"] == PSNR_LIMIT_DB).all()
    np.testing.assert_allclose(measured["ssim"], 1)


# Pairs of the data that accompany Sharma, Wu and Dalal (2005): hue across 0, opposite hues, large differences.
@pytest.mark.parametrize(
    ("lab", "other", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 3.1571, -77.2803), (50, 0, -82.7485), 2.8615),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
        ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((50, 2.5, 0), (56, -27, -3), 31.9030),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_of_published_pairs(lab: tuple, other: tuple, expected: float) -> None:
    lab, other = np.array(lab, np.float64), np.array(other, np.float64)
    assert float(ciede2000(lab, other)) == pytest.approx(expected, abs=1e-4)
    assert float(ciede2000(other, lab)) == pytest.approx(expected, abs=1e-4)


def test_colorfulness_by_hand() -> None:
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[0] = (200, 0, 0)
    rgb[1] = (0, 0, 100)
    red_green, yellow_blue = [200, 200, 0, 0], [100, 100, -100, -100]
    expected = math.hypot(np.std(red_green), np.std(yellow_blue))
    expected += 0.3 * math.hypot(np.mean(red_green), np.mean(yellow_blue))
    assert colorfulness(rgb) == pytest.approx(expected)
    assert colorfulness(np.full((4, 4, 3), 77, np.uint8)) == 0


def test_gray_share_sees_the_collapse(truths: np.ndarray) -> None:
    gray = np.repeat(truths[..., :1], 3, axis=-1)
    half = gray.copy()
    half[:, :24] = (255, 0, 0)
    assert (measure_pictures(gray, truths)["gray_share"] == 1).all()
    assert (measure_pictures(half, truths)["gray_share"] == 0.5).all()


def test_every_metric_is_defined_and_given_per_picture(outputs: np.ndarray, truths: np.ndarray) -> None:
    measured = measure_pictures(outputs, truths)
    assert list(measured) == list(METRICS)
    assert all(values.shape == (2,) and np.isfinite(values).all() for values in measured.values())
    assert all(spec.unit and spec.scale and spec.definition for spec in METRICS.values())


def test_wrong_pictures_are_errors(outputs: np.ndarray, truths: np.ndarray) -> None:
    with pytest.raises(ValueError, match="one shape"):
        measure_pictures(outputs[:1], truths)
    with pytest.raises(ValueError, match="uint8"):
        measure_pictures(outputs.astype(np.float32), truths.astype(np.float32))
    with pytest.raises(ValueError, match="11 x 11"):
        measure_pictures(outputs[:, :8], truths[:, :8])
