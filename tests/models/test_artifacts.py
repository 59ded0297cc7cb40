"""Artifact simulation: what each artifact does to a picture, and how often it comes."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models.artifacts import cloud, distorted, dominant_color, smeared, sprayed, with_artifacts
from models.specs.artifacts import Artifacts

RED, BLUE, PALE, WHITE = (0.8, -0.6, -0.6), (-0.6, -0.6, 0.8), (0.2, 0.2, 0.1), (1.0, 1.0, 1.0)


def flat(*colors: tuple[float, float, float], side: int = 32) -> Tensor:
    """One picture a colour."""
    return torch.tensor(colors)[:, :, None, None].expand(-1, 3, side, side).clone()


def halves(pictures: int, side: int = 32) -> Tensor:
    """Left red, right blue."""
    picture = flat(*[RED] * pictures, side=side)
    picture[..., side // 2 :] = torch.tensor(BLUE)[:, None, None]
    return picture


def smooth(pictures: int, side: int = 32) -> Tensor:
    """Red grows to the right, green downwards."""
    ramp = torch.linspace(-0.9, 0.9, side)
    return torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side), torch.zeros(side, side)]).repeat(
        pictures, 1, 1, 1
    )


@pytest.mark.parametrize("size", [(128, 128), (8, 8), (33, 47), (1, 1)])
@pytest.mark.parametrize(
    "artifact",
    [sprayed, lambda x: smeared(x, 0.25), lambda x: distorted(x, 0.05)],
    ids=["spray", "smear", "distortion"],
)
def test_artifacts_keep_shape_and_range(artifact, size):
    torch.manual_seed(0)
    pictures = torch.rand(3, 3, *size) * 2 - 1
    output = artifact(pictures)
    assert output.shape == pictures.shape
    assert output.dtype == torch.float32
    assert output.isfinite().all()
    assert output.abs().max() <= 1 + 1e-6
    assert artifact(pictures.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("name", ["spray", "smear", "distortion"])
def test_an_artifact_comes_to_a_batch_with_its_probability(name, probability):
    torch.manual_seed(0)
    artifacts = Artifacts(**{"spray": 0.0, "smear": 0.0, "distortion": 0.0, name: probability})
    pictures = torch.cat([halves(1, side=8), smooth(1, side=8)])
    changes = [(with_artifacts(pictures, artifacts) != pictures).flatten(1).any(1) for _ in range(400)]
    assert all(change.all() or not change.any() for change in changes)  # all pictures of a batch, or none
    share = np.mean([bool(change.any()) for change in changes])
    assert share == pytest.approx(probability, abs=0.08 if 0 < probability < 1 else 0)


def test_artifacts_follow_the_global_generator():
    pictures = smooth(2)
    torch.manual_seed(3)
    first = with_artifacts(pictures, Artifacts(spray=1.0, smear=1.0, distortion=1.0))
    torch.manual_seed(3)
    again = with_artifacts(pictures, Artifacts(spray=1.0, smear=1.0, distortion=1.0))
    assert torch.equal(first, again)
    assert not torch.equal(first, with_artifacts(pictures, Artifacts(spray=1.0, smear=1.0, distortion=1.0)))
    assert not torch.equal(first[0], first[1])  # each picture its own


def test_a_spray_is_a_fading_cloud_of_the_dominant_colour():
    torch.manual_seed(0)
    pictures = flat(*[WHITE] * 200)
    pictures[..., :4, :4] = torch.tensor(RED)[:, None, None]  # the only colour that counts
    output = sprayed(pictures)[..., 8:, 8:]  # where the picture was white
    density = (1 - output[:, 1:]) / 1.6  # green and blue go from 1 to -0.6
    assert torch.allclose(density[:, 0], density[:, 1], atol=1e-5)
    assert torch.allclose(output[:, 0], 1 - 0.2 * density[:, 0], atol=1e-5)
    assert density.min() >= -1e-6
    assert density.max() <= 1 + 1e-6
    # Rates are uniform: for a tenth of them the cloud is a veil over half the picture and more.
    veils = (density[:, 0].flatten(1) > 0.3).float().mean(1) > 0.5
    assert 0.03 < veils.float().mean() < 0.4
    assert (density[:, 0].flatten(1).amin(1) < 0.05).float().mean() > 0.5


def test_a_cloud_fades_exponentially_from_its_line():
    start, end = np.array([0.2, 0.3]), np.array([0.6, 0.8])
    density = cloud(
        torch.tensor(np.array([start, start])).float(),
        torch.tensor(np.array([end, start])).float(),  # the second line is a point
        torch.tensor([2.0, 7.0]),
        torch.Size((40, 20)),
    )
    assert density.shape == (2, 1, 40, 20)
    for row, column in ((0, 0), (13, 10), (39, 19), (20, 2), (25, 17)):
        point = np.array([(row + 0.5) / 40, (column + 0.5) / 20])
        on_line = start + np.linspace(0, 1, 100_001)[:, None] * (end - start)
        nearest = np.linalg.norm(on_line - point, axis=1).min()
        assert density[0, 0, row, column].item() == pytest.approx(np.exp(-2 * 4 * nearest), rel=1e-4)
        alone = np.linalg.norm(start - point)
        assert density[1, 0, row, column].item() == pytest.approx(np.exp(-7 * 4 * alone), rel=1e-4)


def test_a_smear_drags_colours_that_lie_near():
    torch.manual_seed(0)
    assert torch.allclose(smeared(flat(RED, BLUE), 0.25), flat(RED, BLUE), atol=1e-5)
    side, length = 64, 0.25
    pictures = halves(100, side=side)
    output = smeared(pictures, length)
    changed = (output - pictures).abs().amax((0, 1, 2)) > 1e-4  # by column, over all pictures
    columns = changed.nonzero().flatten() - (side - 1) / 2
    assert 0 < columns.abs().max() <= length * side + 1
    share = (output[:, 0] - BLUE[0]) / (RED[0] - BLUE[0])  # a mixture of the two colours, nothing else
    assert torch.allclose(output[:, 2], BLUE[2] + share * (RED[2] - BLUE[2]), atol=1e-4)
    assert share.min() >= -1e-5
    assert share.max() <= 1 + 1e-5


def test_a_smear_is_strongest_at_one_place():
    torch.manual_seed(0)
    pictures = torch.rand(200, 3, 32, 32) * 2 - 1
    change = (smeared(pictures, 0.5) - pictures).abs().mean(1)
    corners = change[:, :8, :8].mean((1, 2)), change[:, -8:, -8:].mean((1, 2))
    assert np.corrcoef(corners[0], corners[1])[0, 1] < 0.5
    assert change.mean() > 0.02


def test_a_distortion_moves_pixels_smoothly_by_its_reach():
    torch.manual_seed(0)
    side, reach = 64, 0.05
    pictures = smooth(300, side=side)
    output = distorted(pictures, reach)
    per_side = 1.8 * side / (side - 1)  # what the ramps grow by over one side
    inner = slice(side // 4, -side // 4)
    moved = (output - pictures)[:, :2, inner, inner] / per_side
    assert abs(moved.mean().item()) < 0.01
    assert moved.std().item() == pytest.approx(reach, rel=0.35)  # cubic interpolation between bumps averages a little
    steps = moved.diff(dim=-1).abs()
    assert steps.max() < reach  # a neighbour moves almost alike
    assert torch.allclose(distorted(flat(RED), reach), flat(RED), atol=1e-5)
    assert torch.allclose(distorted(pictures, 0.0), pictures, atol=1e-4)


def test_the_dominant_colour_is_frequent_and_saturated_and_not_near_white():
    picture = flat(PALE, side=10)
    picture[..., :2] = torch.tensor(RED)[:, None, None]  # a fifth, and far more saturated
    mostly_white = flat(WHITE, side=10)
    mostly_white[..., 0, 0] = torch.tensor(BLUE)
    mostly_yellow = flat((1.0, 1.0, 0.2), side=10)  # luma 0.95
    mostly_yellow[..., 0, 0] = torch.tensor(BLUE)
    gray = flat((0.0, 0.0, 0.0), side=10)
    pictures = torch.cat([picture, mostly_white, mostly_yellow, gray, flat(WHITE, side=10)])
    expected = torch.tensor([RED, BLUE, BLUE, (0.0, 0.0, 0.0), (-1.0, -1.0, -1.0)])
    assert torch.allclose(dominant_color(pictures), expected, atol=1e-5)


def test_the_dominant_colours_score_weighs_saturation_against_frequency():
    red, pale = torch.tensor(RED), torch.tensor(PALE)
    rgb = [(color + 1) / 2 for color in (red, pale)]
    scores = [float((c.max() - c.min()) / c.max()) + 0.1 for c in rgb]
    share = scores[1] / (scores[0] + scores[1])  # of red, where both score alike
    for pixels, expected in ((int(share * 400) - 10, pale), (int(share * 400) + 10, red)):
        picture = pale.repeat(400, 1)
        picture[:pixels] = red
        assert torch.allclose(dominant_color(picture.T.reshape(1, 3, 20, 20))[0], expected, atol=1e-5)
