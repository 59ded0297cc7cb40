"""EfficientNet-Lite0's features."""

import pytest
import torch
from torch import Tensor

from models.efficientnet import STAGE_CHANNELS, STAGE_STRIDES, EfficientNetLite0, load_efficientnet_lite0


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_efficientnet_lite0()


def waves() -> Tensor:
    """A fixed picture, (1, 3, 64, 96) in [-1, 1]."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 96), indexing="ij")
    return torch.stack([torch.sin(9 * x + 4 * y), torch.cos(7 * y - 3 * x), torch.sin(20 * x * y)])[None]


# Of efficientnet-lite-pytorch 0.1.0 with the same weights: mean, deviation, and the place (1, 1) of channel 3.
EXPECTED_STAGES = [
    (0.048978, 7.873614, -10.328663),
    (0.286331, 10.643936, 8.737612),
    (-0.303092, 9.817337, -23.938015),
    (0.054501, 8.352555, -8.731603),
    (0.409086, 5.742624, -1.411225),
    (0.606801, 6.268326, 0.000320),
    (0.096615, 2.921114, -7.354241),
]

POOLED_AT = [5, 7, 17, 36]
POOLED = [0.4837919, 1.1387985, 4.6710324, 0.4473264, 4.1730714, 3.0159800]
SCALED = [0.1229217, 0.4589081, 0.1293847, 0.1597879, 3.1245952, 0.2218470]
"""Mean, deviation and four places of the vector, as the package gave them."""


@pytest.mark.parametrize("number", range(7))
def test_stages_are_those_of_the_package_that_the_weights_were_converted_with(
    network: EfficientNetLite0, number: int
) -> None:
    found = network.features(waves()).stages[number]
    values = [found.mean(), found.std(), found[0, 3, 1, 1]]
    assert torch.stack(values).tolist() == pytest.approx(EXPECTED_STAGES[number], rel=1e-4, abs=1e-4)


def test_pooled_vector_is_that_of_the_package(network: EfficientNetLite0) -> None:
    pooled = network.features(waves()).pooled[0]
    assert [pooled.mean().item(), pooled.std().item(), *pooled[POOLED_AT].tolist()] == pytest.approx(POOLED, abs=1e-5)


def test_forward_scales_pictures_to_the_side_that_the_network_learned_at(network: EfficientNetLite0) -> None:
    vector = network(waves())[0]
    assert [vector.mean().item(), vector.std().item(), *vector[POOLED_AT].tolist()] == pytest.approx(SCALED, abs=1e-5)


def test_shapes_of_odd_sides_are_rounded_down() -> None:
    features = EfficientNetLite0().features(torch.zeros(2, 3, 97, 163))
    expected = [(2, c, 97 // s, 163 // s) for c, s in zip(STAGE_CHANNELS, STAGE_STRIDES, strict=True)]
    assert [tuple(found.shape) for found in features.stages] == expected
    assert features.pooled.shape == (2, 1280)


def test_never_learns_but_gradients_reach_the_picture(network: EfficientNetLite0) -> None:
    picture = waves().requires_grad_()
    network.features(picture).pooled.sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert not any(weight.requires_grad for weight in network.parameters())
    assert not network.training
