"""What a training minimizes: its networks, its optimizers, and the turns that they take on one batch.

The loop (`pipelines.training.loop`) owns the steps; an objective owns the mathematics. It reads like its paper:

    def turns(self, batch, done):
        fake = self.networks["generator"](*batch.given)
        yield Turn("discriminator", loss=...)     # the loop minimizes this before it asks for the next turn
        yield Turn("generator", loss=...)         # so this one sees the discriminator that has just learned

What is random in a turn draws from torch's global generators: the loop seeds them at every step.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from models.specs.base import Adam


@dataclass(frozen=True)
class Batch:
    """Pictures to learn from, float32 in [-1, 1]."""

    condition: Tensor  # (B, C, H, W): what the network sees; one channel but for networks that see colour
    target: Tensor  # (B, C, H, W): ab (C = 2), RGB (C = 3) or lines (C = 1)
    hint: Tensor | None = None  # (B, C + 1, ceil(H / k), ceil(W / k)): the target's colours where the mask, the
    #                             last channel, is 1; all channels 0 elsewhere
    label: Tensor | None = None  # (B,) int64: the title's place in the specification's `titles`

    @property
    def given(self) -> tuple[Tensor, ...]:
        """What a network is called with: the condition, then hint and label where its recipe has them."""
        return tuple(tensor for tensor in (self.condition, self.hint, self.label) if tensor is not None)


@dataclass(frozen=True)
class OptimizerStep:
    """One optimizer's step: the loss to minimize, and what to report about it."""

    optimizer: str
    loss: Tensor  # scalar
    parts: dict[str, Tensor]  # the terms of the loss before their weights
    health: dict[str, Tensor] = field(default_factory=dict)  # signs that learning goes well, by name


class Objective(ABC):
    """One way to learn. Built from (specification, needs): trained networks by role, in evaluation mode."""

    model: ClassVar[str] = "generator"
    """The network that the training is for."""

    output_sees_hints: ClassVar[bool] = True
    """Whether `output` is from all that a batch has. False: hints are for learning alone, and it is judged without."""

    networks: dict[str, nn.Module]
    """What is trained and stored. Parts that never learn have `requires_grad` off."""

    frozen: dict[str, nn.Module]
    """What losses look through and nothing changes: feature extractors, classifiers, line detectors."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """New optimizers, by the names that turns use."""

    @abstractmethod
    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The turns on one batch, in order. The loop takes each step before it asks for the next turn.

        done: share of the budget that is behind, in [0, 1).
        """

    def output(self, batch: Batch) -> Tensor:
        """What the product gives for a batch."""
        return self.networks[self.model](*batch.given)

    @abstractmethod
    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Validation losses by name, means over the pictures; the first one decides which step is the best."""


def adam(network: nn.Module, settings: Adam) -> torch.optim.Adam:
    """Adam over all parameters of a network that learn, in its fused form (one pass over memory a step)."""
    group = {
        "params": [parameter for parameter in network.parameters() if parameter.requires_grad],
        "initial_lr": settings.learning_rate,
        "drops": settings.drops,
    }
    return torch.optim.Adam([group], settings.learning_rate, (settings.beta1, settings.beta2), fused=True)


def set_learning_rates(optimizer: torch.optim.Optimizer, done: float) -> None:
    """Applies the drops of `Adam.drops` that lie behind a share `done` of the budget."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * 0.1 ** sum(done >= drop for drop in group["drops"])


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
