"""Which place of one picture resembles which place of others: features by place, and matching by similarity.

The features are those of the frozen EfficientNet-Lite0 (`models.efficientnet`), of strides 8, 16 and 32. Exemplar-based
colorization matches in the same way (He et al. 2018, "Deep Exemplar-based Colorization"; Zhang et al. 2019), with
features of VGG19.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from models.efficientnet import STAGE_CHANNELS, EfficientNetLite0

STRIDE = 8
"""Picture pixels from one place to the next."""

SIDE_MULTIPLE = 32
"""Pictures have sides that are multiples of this."""

_WEIGHTS = {2: 0.7, 4: 1.0, 6: 0.7}  # by stage: strides 8, 16, 32; measured, other weights change little
CHANNELS = sum(STAGE_CHANNELS[stage] for stage in _WEIGHTS)

ALIKE_BONUS = 0.5
"""For the places of a reference, by unit of cosine of the pooled features: a picture in the same light is the better
one. Networks are trained with it, so what serves them takes it from here."""


class Places(NamedTuple):
    """The places of pictures of one size."""

    features: Tensor
    """(B, CHANNELS, H / STRIDE, W / STRIDE), of unit length at each place."""
    pooled: Tensor
    """(B, 1280): the whole picture, for retrieval."""


@torch.no_grad()
def places_of(network: EfficientNetLite0, gray: Tensor) -> Places:
    """The places of gray pictures or lines: (B, 1, H, W) in [-1, 1], H and W multiples of SIDE_MULTIPLE."""
    found = network.features(gray.expand(-1, 3, -1, -1))
    size = found.stages[2].shape[-2:]
    parts = [
        weight * interpolate(_unit(found.stages[stage].float()), size, mode="bilinear")
        for stage, weight in _WEIGHTS.items()
    ]
    return Places(_unit(torch.cat(parts, dim=1)), found.pooled)


def _unit(vectors: Tensor) -> Tensor:
    """Of unit length along the second axis. `torch.nn.functional.normalize` takes ten times as long for maps."""
    return vectors * torch.rsqrt(vectors.square().sum(dim=1, keepdim=True).clamp(min=1e-24))
