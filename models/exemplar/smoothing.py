"""The fast global smoother of Min et al. (2014), "Fast Global Image Smoothing Based on Weighted Least Squares".

OpenCV has it for pictures (`cv2.ximgproc.fastGlobalSmootherFilter`); a network needs it for batches.
"""

import torch
from torch import Tensor

_SIGMA = 1.5 * 100 / 255  # L between neighbours at which their bond falls to 1/e; 1.5 gray levels
_STRENGTH = 300.0
_PASSES = 3


@torch.no_grad()
def smoothed(signals: Tensor, lightness: Tensor) -> Tensor:
    """Signals spread where the lightness is even.

    Args:
        signals: (B, C, H, W) float.
        lightness: (B, 1, H, W), L in 0..100.

    Returns (B, C, H, W) float32. Sparse values are divided by their smoothed weights to become a picture.
    """
    across = torch.exp(-(lightness[..., 1:] - lightness[..., :-1]).abs() / _SIGMA).permute(3, 0, 1, 2).contiguous()
    down = torch.exp(-(lightness[..., 1:, :] - lightness[..., :-1, :]).abs() / _SIGMA).permute(2, 0, 1, 3).contiguous()
    values = signals.float()
    for number in range(_PASSES):
        strength = _STRENGTH / 4**number
        values = _solved(values.permute(3, 0, 1, 2).contiguous(), across * strength).permute(1, 2, 3, 0)
        values = _solved(values.permute(2, 0, 1, 3).contiguous(), down * strength).permute(1, 2, 0, 3)
    return values


def _solved(values: Tensor, bonds: Tensor) -> Tensor:
    """Solves (1 + Laplacian) x = values along the first axis, in place, by Thomas's algorithm.

    values: (N, B, C, K); bonds: (N - 1, B, 1, K), between each place and the next.
    """
    diagonal = torch.ones_like(values[:, :, :1])
    diagonal[1:] += bonds
    diagonal[:-1] += bonds
    ratios = torch.empty_like(bonds)
    inverse = 1 / diagonal[0]
    values[0] *= inverse
    for i in range(1, len(values)):
        bond = bonds[i - 1]
        torch.mul(bond, inverse, out=ratios[i - 1])
        inverse = torch.reciprocal(torch.addcmul(diagonal[i], bond, ratios[i - 1], value=-1))
        values[i].addcmul_(bond, values[i - 1]).mul_(inverse)
    for i in range(len(values) - 2, -1, -1):
        values[i].addcmul_(ratios[i], values[i + 1])
    return values
