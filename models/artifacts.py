"""Artifact simulation: what is done to a draft so that the second stage learns to repair drafts.

Paper 003, section 3.5 and Figure 7: colour spray, colour smear, distortion, after Zhang et al., "Two-Stage Sketch
Colorization", 2018. The paper gives no formula. Spray follows the authors' code (one cloud along a line, in the
dominant colour); it sprays a grid of 4 x 4 cells and enlarges it, here the same cloud is computed for each pixel.
Smear and distortion are our reading [I]: colours dragged in a straight line, and a smooth random displacement.

Everything works on the batch's device and draws from torch's global generators: whether a batch has an artifact from
the CPU's, so that the CPU does not wait for the device, and all else from the device's.
"""

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from models.specs.artifacts import Artifacts

_CELLS = 4  # distances in a spray are in quarters of the side: 30 of 128 pixels in the released code
_LEVELS = 8  # of each channel, where colours are counted
_SMEAR_SAMPLES = 16
_BUMPS = 4  # of a distortion, along each side


def with_artifacts(pictures: Tensor, artifacts: Artifacts) -> Tensor:
    """(B, 3, H, W) RGB in [-1, 1] -> the same shape and range; each artifact comes to all pictures or to none."""
    if torch.rand(()) < artifacts.distortion:
        pictures = distorted(pictures, artifacts.distortion_reach)
    if torch.rand(()) < artifacts.smear:
        pictures = smeared(pictures, artifacts.smear_length)
    if torch.rand(()) < artifacts.spray:
        pictures = sprayed(pictures)
    return pictures


def sprayed(pictures: Tensor) -> Tensor:
    """A cloud of each picture's dominant colour, densest along a random line, fading by a random rate.

    The density is exp(-rate * distance), with the distance to the line in quarters of the side and the rate from
    U(0.01, 10), as in the released code: from a veil over everything to a thin stroke.
    """
    batch, device = len(pictures), pictures.device
    start, end = torch.rand(2, batch, 2, device=device)
    rate = torch.empty(batch, device=device).uniform_(0.01, 10)
    density = cloud(start, end, rate, pictures.shape[-2:]).to(pictures.dtype)
    color = dominant_color(pictures)[:, :, None, None]
    return torch.lerp(pictures, color.expand_as(pictures), density)


def cloud(start: Tensor, end: Tensor, rate: Tensor, size: torch.Size) -> Tensor:
    """The density of a spray: 1 on the line from `start` to `end`, both (B, 2) as (y, x) in [0, 1] of the sides,
    fading by `rate`, (B,), a quarter of the side -> (B, 1, H, W) in (0, 1].
    """
    y, x = ((torch.arange(side, device=rate.device) + 0.5) / side for side in size)
    points = torch.stack(torch.meshgrid(y, x, indexing="ij"))  # (2, H, W)
    start, along = start[:, :, None, None], (end - start)[:, :, None, None]
    position = ((points - start) * along).sum(1, keepdim=True) / along.square().sum(1, keepdim=True).clamp(min=1e-9)
    distance = (points - start - position.clamp(0, 1) * along).norm(dim=1, keepdim=True)  # (B, 1, H, W)
    return torch.exp(-rate[:, None, None, None] * distance * _CELLS)


def smeared(pictures: Tensor, length: float) -> Tensor:
    """Colours dragged along a random direction, over up to `length` of the side, around a random place."""
    batch, device = len(pictures), pictures.device
    angle = torch.rand(batch, device=device) * 2 * torch.pi
    reach = torch.rand(batch, device=device) * length * 2  # the sampling grid's sides are 2
    step = torch.stack([angle.cos(), angle.sin()], dim=1) * reach[:, None]  # (B, 2): x, y
    grid = _still_grid(pictures)
    dragged = torch.zeros_like(pictures)
    for share in torch.linspace(0, 1, _SMEAR_SAMPLES).tolist():
        dragged += _sampled(pictures, grid - step[:, None, None] * share) / _SMEAR_SAMPLES
    center = torch.rand(batch, 1, 1, 2, device=device) * 2 - 1
    radius = torch.empty(batch, 1, 1, device=device).uniform_(0.2, 0.8)
    strength = torch.exp(-(grid - center).square().sum(-1) / (2 * radius.square()))  # (B, H, W)
    return torch.lerp(pictures, dragged, strength.unsqueeze(1).to(pictures.dtype))


def distorted(pictures: Tensor, reach: float) -> Tensor:
    """Each pixel taken from elsewhere: a smooth random displacement with a standard deviation of `reach` sides."""
    batch, _, height, width = pictures.shape
    bumps = torch.randn(batch, 2, _BUMPS, _BUMPS, device=pictures.device) * reach * 2  # the grid's sides are 2
    shift = interpolate(bumps, size=(height, width), mode="bicubic", align_corners=True)
    return _sampled(pictures, _still_grid(pictures) + shift.permute(0, 2, 3, 1))


def dominant_color(pictures: Tensor) -> Tensor:
    """The colour with the greatest (saturation + 0.1) * pixels, without near-whites: (B, 3, H, W) -> (B, 3).

    As in the released code, which counts exact colours; here colours are counted in 8 x 8 x 8 boxes and the mean
    of the box is given, so that shaded areas count as one. Near-white: a luma above 0.9 of video range, or every
    channel above 230. Black (-1) where everything is near-white.
    """
    colors = ((pictures.float() + 1) / 2).clamp(0, 1).flatten(2)  # (B, 3, H * W)
    levels = (colors * _LEVELS).long().clamp(max=_LEVELS - 1)
    box = (levels[:, 0] * _LEVELS + levels[:, 1]) * _LEVELS + levels[:, 2]  # (B, H * W)
    pixels = torch.zeros(len(box), _LEVELS**3, device=box.device).scatter_add_(1, box, torch.ones_like(colors[:, 0]))
    sums = torch.zeros(len(box), 3, _LEVELS**3, device=box.device)
    sums.scatter_add_(2, box.unsqueeze(1).expand_as(colors), colors)
    means = sums / pixels.unsqueeze(1).clamp(min=1)  # (B, 3, 512)
    red, green, blue = means.unbind(1)
    brightest, darkest = means.amax(1), means.amin(1)
    saturation = (brightest - darkest) / brightest.clamp(min=1e-6)
    video_luma = (0.257 * red + 0.504 * green + 0.098 * blue) * 255 / 219  # ITU-R 601 without its offset of 16
    is_near_white = (video_luma > 0.9) | (darkest > 230 / 255)
    score = ((saturation + 0.1) * pixels).masked_fill(is_near_white, 0)
    best = score.argmax(1)
    chosen = means.gather(2, best[:, None, None].expand(-1, 3, 1)).squeeze(2) * 2 - 1
    return torch.where(score.amax(1, keepdim=True) > 0, chosen, -torch.ones_like(chosen)).to(pictures.dtype)


def _still_grid(pictures: Tensor) -> Tensor:
    """(B, H, W, 2): where `grid_sample` finds each pixel itself."""
    identity = torch.eye(2, 3, device=pictures.device).expand(len(pictures), 2, 3)
    return affine_grid(identity, list(pictures.shape), align_corners=False)


def _sampled(pictures: Tensor, grid: Tensor) -> Tensor:
    return grid_sample(pictures.float(), grid, padding_mode="border", align_corners=False).to(pictures.dtype)
