"""The costs of recipes: counted as by hand for a small network, and as published for a large one."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from torch import nn

from models.recipes import CLASSIFIERS, RECIPES
from models.specs.base import NetworkSpec
from models.webtoon.spec import WebtoonL2
from pipelines.training.cost import cost_of


@dataclass(frozen=True)
class _OneLayer(NetworkSpec):
    builds: ClassVar[str] = f"{__name__}:OneLayer"
    width: int = 2


class OneLayer(nn.Conv2d):
    def __init__(self, spec: _OneLayer) -> None:
        super().__init__(1, spec.width, 3, padding=1)


def test_a_layer_counts_as_by_hand():
    recipe = replace(RECIPES["webtoon_l2"], objective=WebtoonL2(_OneLayer()), resolution=100)
    parameters, gflop = cost_of(recipe)
    assert parameters == 2 * 9 + 2
    assert gflop == pytest.approx(2 * 9 * 2 * 100 * 100 / 1e9)


def test_known_networks():
    assert cost_of(RECIPES["webtoon_l2"]).gflop_per_image == pytest.approx(12.0, abs=0.1)  # pix2pix at 256
    at_224 = replace(CLASSIFIERS["resnet50_color"], resolution=224)
    assert cost_of(at_224).gflop_per_image == pytest.approx(2 * 4.09, rel=0.01)  # 4.09 GMAC, as torchvision states it


def test_a_method_has_no_network_to_count():
    assert cost_of(RECIPES["reference_match"]) == (0, 0.0)


def test_passes_of_an_iterative_network_add_up():
    once, twice = cost_of(RECIPES["webtoon_l2"]), cost_of(RECIPES["webtoon_sparse_iterative"])
    assert twice.gflop_per_image == pytest.approx(2 * once.gflop_per_image, rel=0.02)
