"""A picture's own hints as references: each place takes the colours of the hints whose places are like it."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from models.matching import STRIDE

MAX_HINTS = 512
"""Cells with hints that places are compared with: evenly spaced ones of more."""

_CELL_PX = 2
_TEMPERATURE = 0.08
_PENALTY = 0.02
"""By unit of L between a place and a hint."""
_DISTANCE = 0.5
"""By side of the picture between a place and a hint."""


def match_hints(lightness: Tensor, features: Tensor, hint: Tensor) -> Tensor:
    """The colours of cells of 2 x 2 pixels by the hints of their own picture.

    Args:
        lightness: (B, 1, H, W), L / 50 - 1.
        features: (B, CHANNELS, H / 8, W / 8), of unit length.
        hint: (B, C + 1, H, W): colours where the mask, the last channel, is 1.

    Returns (B, C + 2, H / 2, W / 2): colours, the standard deviation around them, and the highest similarity; zeros
    for a picture without hints.
    """
    cells = avg_pool2d(torch.cat([hint[:, :-1], lightness * hint[:, -1:], hint[:, -1:]], dim=1), _CELL_PX)
    light = avg_pool2d(lightness, _CELL_PX) * 50 + 50
    return torch.stack([_matched(*one) for one in zip(light[:, 0], features, cells, strict=True)])


def _matched(light: Tensor, features: Tensor, cells: Tensor) -> Tensor:
    """One picture: (h, w), (CHANNELS, h / 4, w / 4), (C + 2, h, w) -> (C + 2, h, w)."""
    size = light.shape
    where = cells[-1].nonzero() if not cells.is_meta else cells[-1, :0]  # shapes alone: how many there are is unknown
    if not len(where):
        return torch.zeros_like(cells)
    where = where[torch.linspace(0, len(where) - 1, min(len(where), MAX_HINTS), device=where.device).long()]
    y, x = where.unbind(1)
    colors, hint_light = (cells[:-1, y, x] / cells[-1, y, x]).tensor_split([-1])
    by_place = STRIDE // _CELL_PX
    similar = features[:, y // by_place, x // by_place].T @ features.flatten(1)  # (N, places)
    similar = interpolate(similar.unflatten(1, features.shape[1:])[None], size, mode="bilinear")[0]  # (N, h, w)
    similar -= _PENALTY * (light - hint_light.T[..., None] * 50 - 50).abs()
    rows, columns = (torch.linspace(0, 1, length, device=light.device) for length in size)
    far = (rows - rows[y, None])[..., None].square() + (columns - columns[x, None])[:, None].square()
    similar -= _DISTANCE * far.sqrt()
    weights = torch.softmax(similar / _TEMPERATURE, dim=0).flatten(1)
    mean = colors @ weights
    spread = (colors.square() @ weights - mean.square()).clamp(min=0).sum(dim=0, keepdim=True).sqrt()
    return torch.cat([mean, spread, similar.amax(dim=0).flatten()[None]]).unflatten(1, size)
