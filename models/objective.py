"""Objectives: the networks of a training, its optimizers, and their steps on one batch.

The loop (`pipelines.training.loop`) owns the steps; an objective owns the mathematics. It reads like its paper:

    def optimizer_steps(self, batch, done):
        fake = self.networks["generator"](*batch.given)
        yield OptimizerStep("discriminator", loss=...)  # the loop takes this step before it asks for the next one
        yield OptimizerStep("generator", loss=...)      # so this one uses the updated discriminator

Random numbers come from torch's global generators, which the loop seeds at every step.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from models.specs.base import Adam, ObjectiveSpec


class References(NamedTuple):
    """Coloured pictures from which the pictures of a batch may take colours."""

    lightness: Tensor  # (R, 1, H, W): what the network sees of each; the first B are the batch's own pictures
    colors: Tensor  # (R, C, H, W): the target of each
    of: tuple[tuple[int, ...], ...]  # for each picture of the batch, which of the R are its references; never itself


@dataclass(frozen=True)
class Batch:
    """A batch of pictures, float32 in [-1, 1]."""

    condition: Tensor  # (B, C, H, W): what the network sees; one channel but for networks that see colour
    target: Tensor  # (B, C, H, W): ab (C = 2), RGB (C = 3) or lines (C = 1)
    hint: Tensor | None = None  # (B, C + 1, ceil(H / k), ceil(W / k)): the target's colours where the mask, the
    #                             last channel, is 1; all channels 0 elsewhere
    label: Tensor | None = None  # (B,) int64: the title's place in the specification's `titles`
    references: References | None = None

    @property
    def given(self) -> tuple[Any, ...]:
        """The arguments of a network: the condition, then hint, references and label where its recipe has them."""
        parts = (self.condition, self.hint, self.references, self.label)
        return tuple(part for part in parts if part is not None)


@dataclass(frozen=True)
class OptimizerStep:
    """One step of one optimizer: the loss to minimize, and numbers to report."""

    optimizer: str
    loss: Tensor  # scalar
    parts: dict[str, Tensor]  # the terms of the loss before their weights
    health: dict[str, Tensor] = field(default_factory=dict)  # signs of a healthy training, by name


class Objective(ABC):
    """An objective, built from (specification, needs): `needs` are trained networks by role, in evaluation mode."""

    model: ClassVar[str] = "generator"
    """The network that the training is for."""

    output_sees_hints: ClassVar[bool] = True
    """True where `output` uses all parts of a batch; False where hints serve learning alone and evaluation has none."""

    networks: dict[str, nn.Module]
    """The networks that are trained and stored. Parts that never learn have `requires_grad` off."""

    frozen: Mapping[str, nn.Module] = MappingProxyType({})
    """Networks that losses use and that never change: feature extractors, classifiers, line detectors."""

    @abstractmethod
    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """New optimizers, by the names that optimizer steps use."""

    @abstractmethod
    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The optimizer steps on one batch, in order. The loop takes each step before it asks for the next one.

        `done` is the finished share of the budget, in [0, 1).
        """

    def output(self, batch: Batch) -> Tensor:
        """The model's output for a batch."""
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


def adams(networks: Mapping[str, nn.Module], spec: ObjectiveSpec) -> dict[str, torch.optim.Optimizer]:
    """An Adam for each network, by its name, with the settings in the specification's field `<name>_optimizer`."""
    return {name: adam(network, getattr(spec, f"{name}_optimizer")) for name, network in networks.items()}


def set_learning_rates(optimizer: torch.optim.Optimizer, done: float) -> None:
    """Applies the drops of `Adam.drops` up to the finished share `done` of the budget."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] * 0.1 ** sum(done >= drop for drop in group["drops"])


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Switches off the gradients of a network's parameters; gradients still run through it to its inputs."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
