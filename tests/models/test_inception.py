"""FID's Inception: its size and shape, and that a file of weights fits."""

from pathlib import Path

import pytest
import torch

from models.features import WeightsError
from models.inception import Inception, Mixed, load_inception


@pytest.fixture(scope="module")
def network() -> Inception:
    return Inception()


def test_it_has_the_parameters_of_the_published_network(network: Inception) -> None:
    # Keras' InceptionV3 and torchvision's inception_v3 without its auxiliary head: 23,834,568, of which the
    # classifier of 1,000 has 2,049,000.
    assert sum(parameter.numel() for parameter in network.parameters()) == 23_834_568 - 2_049_000
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_pictures_of_any_size_give_2048_features(network: Inception) -> None:
    with torch.inference_mode():
        assert network(torch.rand(2, 3, 20, 30)).shape == (2, network.num_features)


@pytest.mark.parametrize(("pool", "corner", "center"), [("average", 1 / 4, 1 / 9), ("maximum", 1, 1)])
def test_averages_leave_the_border_out_and_the_last_pooling_is_a_maximum(
    pool: str, corner: float, center: float
) -> None:
    mixed = Mixed(1, [[("branch1x1", 1, (1, 1), 1)]], pool, 1).eval()
    torch.nn.init.ones_(mixed.branch_pool.conv.weight)
    dot = torch.zeros(1, 1, 5, 5)
    dot[..., 1, 1] = 1
    with torch.inference_mode():
        pooled = mixed(dot)[0, 1]
    assert pooled[0, 0] == pytest.approx(corner, abs=1e-3)
    assert pooled[2, 2] == pytest.approx(center, abs=1e-3)
    assert pooled[4, 4] == 0


def test_a_file_of_weights_is_what_it_gives(tmp_path: Path, network: Inception) -> None:
    weights = {**network.state_dict(), "fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    torch.save(weights, tmp_path / "inception.pth")
    picture = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        assert torch.equal(load_inception(tmp_path / "inception.pth")(picture), network(picture))
    del weights["Mixed_7c.branch3x3_2b.conv.weight"]
    torch.save(weights, tmp_path / "part.pth")
    with pytest.raises(WeightsError, match=r"part\.pth"):
        load_inception(tmp_path / "part.pth")
