"""Colours by example: the smoother, what the network gives before it has learned anything, and who sees what."""

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from models.exemplar.network import ExemplarUNet, _difference
from models.exemplar.smoothing import smoothed
from models.exemplar.spec import ExemplarUNet as Spec
from models.objective import References

SIDE = 64


@pytest.fixture(scope="module")
def network() -> ExemplarUNet:
    torch.manual_seed(0)
    return ExemplarUNet(Spec(width=8)).eval()


def squares(count: int, seed: int = 0) -> Tensor:
    """Lightness of pictures of 16 flat squares, (count, 1, SIDE, SIDE) in [-1, 1]."""
    levels = np.random.default_rng(seed).uniform(-0.8, 0.8, (count, 1, 4, 4)).astype(np.float32)
    return torch.from_numpy(levels.repeat(SIDE // 4, 2).repeat(SIDE // 4, 3))


def flat(count: int, a: float, b: float) -> Tensor:
    return torch.tensor([a, b])[None, :, None, None].expand(count, 2, SIDE, SIDE)


@torch.no_grad()
def colored(network: ExemplarUNet, lightness: Tensor, **given) -> Tensor:
    return network(lightness, **given)


def test_the_smoother_is_opencvs():
    random = np.random.default_rng(0)
    gray = cv2.GaussianBlur(random.integers(0, 256, (24, 40)).astype(np.uint8), (0, 0), 3)
    signal = random.uniform(0, 100, gray.shape).astype(np.float32)
    expected = cv2.ximgproc.fastGlobalSmootherFilter(gray, signal, 300.0, 1.5)
    found = smoothed(torch.from_numpy(signal)[None, None], torch.from_numpy(gray / 2.55).float()[None, None])
    assert np.abs(found[0, 0].numpy() - expected).max() < 0.02


def test_with_nothing_given_a_new_network_gives_gray(network: ExemplarUNet):
    assert colored(network, squares(2)).abs().max() < 1e-6


def test_a_new_network_takes_the_colour_of_its_references(network: ExemplarUNet):
    lightness = squares(2)
    references = References(lightness, flat(2, 0.4, -0.2), ((1,), ()))
    first, second = colored(network, lightness, references=references)
    assert (first - flat(1, 0.4, -0.2)[0]).norm(dim=0).mean() < 0.05
    assert second.abs().max() < 1e-6


def test_only_its_own_references_change_a_picture(network: ExemplarUNet):
    lightness = squares(3)
    colors = torch.cat([flat(1, 0.0, 0.0), flat(1, 0.4, 0.1), flat(1, -0.3, 0.2)])
    of = ((1,), (), (0,))
    before = colored(network, lightness, references=References(lightness, colors, of))
    changed = torch.cat([colors[:2], flat(1, 0.1, 0.5)])
    after = colored(network, lightness, references=References(lightness, changed, of))
    assert torch.equal(before, after)


def test_a_hint_colours_the_square_that_it_lies_in(network: ExemplarUNet):
    hint = torch.zeros(1, 3, SIDE, SIDE)
    hint[0, :, 8, 8] = torch.tensor([0.5, 0.3, 1.0])
    found = colored(network, squares(1), hint=hint)
    assert (found[0, :, 2:14, 2:14] - torch.tensor([0.5, 0.3])[:, None, None]).norm(dim=0).mean() < 0.1


def test_any_size(network: ExemplarUNet):
    lightness = squares(1)[..., :45, :37]
    references = References(lightness, flat(1, 0.1, 0.1)[..., :45, :37], ((),))
    assert colored(network, lightness, references=references).shape == (1, 2, 45, 37)


def test_refine_gives_what_a_batch_gives(network: ExemplarUNet):
    lightness = squares(2)
    references = References(lightness, flat(2, 0.2, 0.3), ((1,), ()))
    with torch.no_grad():
        places = network.places(lightness)
        known = network._known(places, references, (0, 0, 0, 0))
        found = network.refine(lightness, places.features, known)
    assert torch.equal(found.colors, colored(network, lightness, references=references))
    assert ((found.confidence > 0) & (found.confidence < 1)).all()


def test_lines_get_lightness_too():
    torch.manual_seed(0)
    network = ExemplarUNet(Spec(width=8, out_channels=3)).eval()
    lines = squares(2).sign()
    red = torch.tensor([0.8, -0.6, -0.6])[None, :, None, None].expand(2, 3, SIDE, SIDE)
    first, _ = colored(network, lines, references=References(lines, red, ((1,), ())))
    assert first.shape == (3, SIDE, SIDE)
    assert (first - red[0]).abs().mean() < 0.15


def test_the_difference_is_about_ciede2000():
    from pipelines.evaluation.metrics.pixels import ciede2000

    random = np.random.default_rng(0)
    ab = random.uniform(-40, 40, (2, 200, 2)).astype(np.float32)
    lab = [np.concatenate([np.full((1, 200, 1), 60, np.float32), one[None]], axis=2) for one in ab]
    expected = ciede2000(*lab).mean()
    found = _difference(*(torch.from_numpy(one.T[None, :, None] / 128) for one in ab)).mean()
    assert abs(float(found) / expected - 1) < 0.15
