"""SSIM and MS-SSIM against torchmetrics, and what makes them fall."""

import cv2
import numpy as np
import pytest
import torch
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from pipelines.evaluation.metrics.structural_similarity import number_of_scales, ssim_and_ms_ssim

BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def drawn(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(height)
    rgb = np.full((height, width, 3), 230, np.uint8)
    for _ in range(12):
        center = random.integers(0, (width, height)).tolist()
        cv2.circle(rgb, center, int(random.integers(4, 20)), random.integers(0, 256, 3).tolist(), -1)
    return rgb


def noisy(rgb: np.ndarray, deviation: float) -> np.ndarray:
    return (rgb + np.random.default_rng(1).normal(0, deviation, rgb.shape)).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width", "scales"), [(64, 64, 3), (96, 71, 3), (176, 178, 5)])
def test_both_are_those_of_torchmetrics(height: int, width: int, scales: int) -> None:
    truth = drawn(height, width)
    output = noisy(truth, 25)
    ssim, ms_ssim = ssim_and_ms_ssim(output, truth)
    pair = torch.from_numpy(np.stack([output, truth])).permute(0, 3, 1, 2).double()
    betas = tuple(beta / sum(BETAS[:scales]) for beta in BETAS[:scales])
    expected = multiscale_structural_similarity_index_measure(pair[:1], pair[1:], data_range=255.0, betas=betas)
    assert number_of_scales(truth.shape) == scales
    assert ssim == pytest.approx(float(structural_similarity_index_measure(pair[:1], pair[1:], data_range=255.0)))
    assert ms_ssim == pytest.approx(float(expected))


def test_nearly_flat_pictures_are_not_lost_in_rounding() -> None:
    flat = np.full((32, 32, 3), 250, np.uint8)
    output = flat + np.random.default_rng(0).integers(0, 2, flat.shape, dtype=np.uint8)
    pair = torch.from_numpy(np.stack([flat, output])).permute(0, 3, 1, 2).double()
    expected = float(structural_similarity_index_measure(pair[:1], pair[1:], data_range=255.0))
    assert ssim_and_ms_ssim(flat, output)[0] == pytest.approx(expected)


def test_more_noise_is_less_alike() -> None:
    truth = drawn(64, 64)
    little, much = (ssim_and_ms_ssim(noisy(truth, deviation), truth) for deviation in (5, 40))
    assert 1 > little[0] > much[0]
    assert 1 > little[1] > much[1]


def test_the_opposite_is_not_alike_and_the_smallest_pictures_have_a_number() -> None:
    truth = noisy(np.full((11, 11, 3), 128, np.uint8), 40)
    ssim, ms_ssim = ssim_and_ms_ssim(255 - truth, truth)
    assert ssim < 0
    assert ms_ssim == 0
