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
    """Solves (1 + Laplacian) x = values along the first axis.

    values: (N, B, C, K); bonds: (N - 1, B, 1, K), between each place and the next.
    """
    return _reduced(values, bonds, torch.ones_like(values[:, :, :1]))


def _reduced(values: Tensor, bonds: Tensor, own: Tensor) -> Tensor:
    """Solves (own + Laplacian) x = values by cyclic reduction: every second place is expressed by its two neighbours,
    so half of the places are left, in log2(N) steps of large operations, where Thomas's algorithm takes 2 N small ones.
    All terms are positive and nothing is subtracted, so no digits are lost.
    """
    if len(values) == 1:
        return values / own
    before, after = bonds[::2], bonds[1::2]  # of the places 1, 3, ...; the last one may have nothing after it
    kept, ends = len(before), len(after)
    inverse = own[1::2] + before
    inverse[:ends] += after
    inverse.reciprocal_()
    to_before, to_after = before * inverse, after * inverse[:ends]

    def handed_on(given: Tensor) -> Tensor:
        """What the places 0, 2, ... have when those between them have handed on theirs."""
        even, odd = given[::2].clone(), given[1::2]
        even[:kept].addcmul_(to_before, odd)
        even[1 : 1 + ends].addcmul_(to_after, odd[:ends])
        return even

    even = _reduced(handed_on(values), before[:ends] * to_after, handed_on(own))
    odd = values[1::2] * inverse
    odd.addcmul_(to_before, even[:kept])
    odd[:ends].addcmul_(to_after, even[1 : 1 + ends])
    solved = torch.empty_like(values)
    solved[::2], solved[1::2] = even, odd
    return solved
