"""Pictures that can be learnt, and a loop without a trainer: what the tests of objectives share."""

import torch
from torch import nn

from models.objective import Batch, Objective


def batch_of(*, channels: int, pictures: int = 4, side_px: int = 32) -> Batch:
    """Pictures whose colour follows from their gray; squares of 8 pixels."""
    generator = torch.Generator().manual_seed(3)
    gray = torch.rand(pictures, 1, side_px // 8, side_px // 8, generator=generator) * 2 - 1
    gray = gray.repeat_interleave(8, 2).repeat_interleave(8, 3)
    return Batch(condition=gray, target=torch.cat([gray * 0.8, -gray * 0.5, gray.square() - 0.5][:channels], 1))


def minimize(objective: Objective, batch: Batch, *, steps: int) -> list[dict[str, float]]:
    """Repeats the optimizer steps on one batch; returns every loss of every step."""
    optimizers = objective.optimizers()
    history = []
    for step in range(steps):
        losses = {}
        for optimizer_step in objective.optimizer_steps(batch, step / steps):
            optimizers[optimizer_step.optimizer].zero_grad()
            optimizer_step.loss.backward()
            optimizers[optimizer_step.optimizer].step()
            losses |= {
                f"{optimizer_step.optimizer}/{part}": value.item() for part, value in optimizer_step.parts.items()
            }
            losses[f"{optimizer_step.optimizer}/total"] = optimizer_step.loss.item()
        history.append(losses)
    return history


def parameters_of(network: nn.Module) -> int:
    """How many numbers it learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def without_gradient(network: nn.Module) -> list[str]:
    """The names of the parameters that a backward pass has not reached."""
    return [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
