"""The cost of a recipe's network: its parameters, and the operations for one picture. Counted on shapes alone.

An operation is a multiplication or an addition: a multiply-accumulate counts as two.
"""

from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.build import build_network
from models.recipes import Recipe
from pipelines.training.batches import blank_batch

TITLES = 5
"""Number of titles for networks that have titles as input or output: that of paper 000 (Table I)."""


class Cost(NamedTuple):
    """The cost of the network that a recipe trains, with the trained parts that it contains."""

    parameters: int
    gflop_per_image: float
    """Billions of operations of convolutions and matrix products, at the recipe's own resolution."""


def cost_of(recipe: Recipe) -> Cost:
    """Counts a recipe's network in use: with hints and titles, one pass over one picture.

    Nothing is computed and no memory is taken, so the largest network costs a moment. A method has no network that was
    trained: 0 of both.
    """
    if recipe.is_untrained:
        return Cost(parameters=0, gflop_per_image=0.0)
    recipe = recipe.fitted(tuple(f"title {number}" for number in range(TITLES)))
    with torch.device("meta"):
        network = build_network(recipe.objective.network).eval()
        batch = blank_batch(recipe, 1)
        given = (batch.condition,) if recipe.task == "tell_title" else batch.given
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(*given)
    return Cost(sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() / 1e9)
