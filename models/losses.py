"""Losses that several systems share. Each takes tensors and gives a scalar tensor."""

from torch import Tensor
from torch.nn.functional import softplus


def says_real(logits: Tensor) -> Tensor:
    """Mean of -log sigmoid(logits): 0 where a discriminator is sure that everything is real."""
    return softplus(-logits).mean()


def says_fake(logits: Tensor) -> Tensor:
    """Mean of -log(1 - sigmoid(logits)): 0 where a discriminator is sure that nothing is real."""
    return softplus(logits).mean()


def share(is_true: Tensor) -> Tensor:
    """Share of True in a tensor of bool, float32 in [0, 1]."""
    return is_true.float().mean()
