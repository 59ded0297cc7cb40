"""What a training minimizes: its networks, its optimizers, and the turns that they take on one batch.

The loop (`pipelines.training`) owns the steps; an objective owns the mathematics. It reads like its paper:

    def turns(self, batch):
        fake = self.networks["generator"](batch.condition)
        yield Turn("discriminator", loss=...)     # the loop minimizes this before it asks for the next turn
        yield Turn("generator", loss=...)         # so this one sees the discriminator that has just learned
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from models.specs import Adam


@dataclass(frozen=True)
class Batch:
    """Pictures to learn from, float32 in [-1, 1]."""

    condition: Tensor  # (B, 1, H, W): what a colorizer sees
    target: Tensor  # (B, C, H, W): ab (C = 2) or RGB (C = 3)


@dataclass(frozen=True)
class Turn:
    """One optimizer's step: the loss to minimize, and what to report about it."""

    optimizer: str
    loss: Tensor  # scalar
    parts: dict[str, Tensor]  # the terms of the loss before their weights
    health: dict[str, Tensor] = field(default_factory=dict)  # signs that learning goes well, by name


class Objective(ABC):
    """One way to learn. `networks["generator"]` is what colorizes: condition -> output like the target."""

    networks: dict[str, nn.Module]
    """The loop may put wrapped networks here, so `turns` looks them up each time."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """New optimizers, by the names that turns use."""

    @abstractmethod
    def turns(self, batch: Batch) -> Iterator[Turn]:
        """The turns on one batch, in order. The loop takes each step before it asks for the next turn."""

    @abstractmethod
    def distances(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Validation losses by name, means over the pictures; the first one decides which step is the best."""


def adam(network: nn.Module, settings: Adam) -> torch.optim.Adam:
    """Adam over all parameters of a network, in its fused form (one pass over memory a step)."""
    betas = (settings.beta1, settings.beta2)
    return torch.optim.Adam(network.parameters(), lr=settings.learning_rate, betas=betas, fused=True)


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Gradients run through the network, not into it: half of a backward pass saved where another one learns."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
