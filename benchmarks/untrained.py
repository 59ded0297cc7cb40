"""Networks as they are before training: what they cost does not depend on their weights."""

from models.build import build_network
from models.checkpoint import Checkpoint
from models.recipe import Recipe


def untrained_checkpoint(recipe: Recipe) -> Checkpoint:
    """A recipe's checkpoint with first weights, by torch's global generator."""
    network = build_network(recipe.objective.network)
    return Checkpoint(
        weights=network.state_dict(),
        network=recipe.objective.network,
        recipe=recipe.to_json(),
        fingerprint="",
        source_digest="",
        seed=0,
        step=0,
        resolution=recipe.resolution,
    )
