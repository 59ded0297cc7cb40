"""Losses that several systems share. Each takes tensors and gives a scalar tensor."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus

from models.precision import full_precision


def real_loss(logits: Tensor) -> Tensor:
    """Mean of -log sigmoid(logits): 0 where a discriminator is sure that all pictures are real."""
    return softplus(-logits).mean()


def fake_loss(logits: Tensor) -> Tensor:
    """Mean of -log(1 - sigmoid(logits)): 0 where a discriminator is sure that all pictures are fake."""
    return softplus(logits).mean()


def share(is_true: Tensor) -> Tensor:
    """Share of True in a tensor of bool, float32 in [0, 1]."""
    return is_true.float().mean()


def discriminator_terms(real_logits: Tensor, fake_logits: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The two terms of a discriminator's loss, and its accuracies: `parts` and `health` of its optimizer step."""
    parts = {"real": real_loss(real_logits), "fake": fake_loss(fake_logits)}
    health = {
        "accuracy_discriminator/real": share(real_logits > 0),
        "accuracy_discriminator/fake": share(fake_logits < 0),
    }
    return parts, health


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, per_pixel: bool = False
) -> Tensor:
    """The gradient penalty of a critic between real and fake pictures: mean of (|grad critic(x)| - 1)^2.

    Gulrajani et al., "Improved Training of Wasserstein GANs", 2017, equation 3: x lies at a uniformly random place on
    the line between each pair. Computed in float32 also under autocast; differentiable with respect to the critic.

    Args:
        critic: From (B, C, H, W) to one number per picture.
        real: (B, C, H, W).
        fake: (B, C, H, W), without gradient.
        per_pixel: The norm over the channels of each pixel instead of over all values of a picture.
    """
    with full_precision(real.device):
        shares = torch.rand(len(real), 1, 1, 1, device=real.device)
        between = torch.lerp(fake.detach().float(), real.detach().float(), shares).requires_grad_()
        (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        return (slopes.norm(2, dim=1 if per_pixel else (1, 2, 3)) - 1).square().mean()
