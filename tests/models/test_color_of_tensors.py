"""Colour conversion on tensors: OpenCV's values, the network's ranges, gradients that stay finite."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from models.color import gray_of, lab_to_rgb, lightness_of, rgb_to_lab
from models.specs.base import AB_SCALE
from pipelines.images import color as by_opencv

LEVELS = np.arange(0, 256, 5, dtype=np.uint8)
CUBE = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS, indexing="ij"), axis=-1)  # with all eight corners


def tensor_of(rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(by_opencv.network_target(rgb, "rgb"))


def difference(tensor: Tensor, array: np.ndarray) -> float:
    return float(np.abs(tensor.numpy() - array).max())


def test_lab_is_opencvs():
    lightness, ab = rgb_to_lab(tensor_of(CUBE))
    lab = np.moveaxis(by_opencv.rgb_to_lab(CUBE), -1, 1)
    assert difference(lightness, lab[:, :1] / 50 - 1) < 1e-3
    assert difference(ab, lab[:, 1:] / AB_SCALE) < 1e-3


def test_rgb_is_opencvs_and_clipped():
    random = np.random.default_rng(0)
    lab = random.uniform((0, -100, -100), (100, 100, 100), (4, 50, 50, 3)).astype(np.float32)
    tensor = torch.from_numpy(np.moveaxis(lab, -1, 1).copy())
    rgb = lab_to_rgb(tensor[:, :1] / 50 - 1, tensor[:, 1:] / AB_SCALE)
    by_hand = tensor_of(by_opencv.lab_to_rgb(lab)).numpy()
    assert difference(rgb, by_hand) < 1 / 127.5  # those are rounded to a level of 255
    assert (rgb.abs() == 1).float().mean() > 0.2  # much of that box is outside of sRGB


def test_there_and_back():
    rgb = tensor_of(CUBE)
    assert difference(lab_to_rgb(*rgb_to_lab(rgb)), rgb.numpy()) < 1e-3


def test_the_lightness_of_gray_is_what_networks_see():
    gray = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    plain = torch.from_numpy(by_opencv.network_input(gray, "rgb"))
    assert difference(lightness_of(plain), by_opencv.network_input(gray, "lab")) < 1e-4
    assert torch.allclose(rgb_to_lab(plain.expand(1, 3, 16, 16))[0], lightness_of(plain), atol=1e-5)


def test_gray_is_luma():
    assert difference(gray_of(tensor_of(CUBE)), by_opencv.network_input(by_opencv.rgb_to_gray(CUBE), "rgb")) < 1 / 127.5


@pytest.mark.parametrize(
    "convert", [lambda rgb: torch.cat(rgb_to_lab(rgb), 1), lambda lab: lab_to_rgb(lab[:, :1], lab[:, 1:]), lightness_of]
)
def test_gradients_are_finite_everywhere(convert: Callable[[Tensor], Tensor]):
    ends = torch.tensor([-1.0, -0.9999, -0.92, 0.0, 1.0])
    colors = torch.cartesian_prod(ends, ends, ends).reshape(1, 3, 5, 25).requires_grad_()
    convert(colors).square().sum().backward()
    assert colors.grad is not None
    assert torch.isfinite(colors.grad).all()
    assert (colors.grad != 0).any()


def test_gradients_are_those_of_differences():
    random = torch.Generator().manual_seed(0)
    colors = (torch.rand(1, 3, 4, 4, generator=random) * 1.6 - 0.8).double().requires_grad_()
    way = torch.randn(1, 3, 4, 4, generator=random)
    for convert in (lambda x: torch.cat(rgb_to_lab(x), 1), lambda x: lab_to_rgb(x[:, :1] * 0.5, x[:, 1:] * 0.1)):
        weights = torch.randn(1, 3, 4, 4, generator=random)
        (slope,) = torch.autograd.grad((convert(colors) * weights).sum(), colors)
        measured = ((convert(colors + 1e-3 * way) - convert(colors - 1e-3 * way)) * weights).sum() / 2e-3
        assert float((slope * way).sum()) == pytest.approx(float(measured.detach()), rel=0.02)


def test_half_precision_does_not_reach_the_colors():
    rgb = tensor_of(CUBE)
    with torch.autocast("cpu", torch.bfloat16):
        inside = rgb_to_lab(rgb)
    assert all(torch.equal(left, right) for left, right in zip(inside, rgb_to_lab(rgb), strict=True))
