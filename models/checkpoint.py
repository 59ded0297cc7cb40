"""A trained colorizer as one safetensors file: the generator's weights, and in its metadata where they come from.

Nothing is ever pickled or unpickled.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.build import build_generator
from models.specs import GeneratorSpec, generator_from_json, generator_to_json

FORMAT = "tintoon-colorizer-1"


class CheckpointError(ValueError):
    """A file is no checkpoint, or not one that this version can read. The message names the file."""


@dataclass(frozen=True)
class Checkpoint:
    """A generator and its origin."""

    weights: Mapping[str, Tensor]
    network: GeneratorSpec
    recipe: Mapping[str, Any]
    """The recipe as JSON values, `recipe["name"]` among them."""
    fingerprint: str
    """Of the training set."""
    code_version: str
    seed: int
    step: int
    """Optimizer steps behind these weights."""
    resolution: int
    """Side of the training pictures in pixels."""

    def generator(self) -> nn.Module:
        """The network with these weights, ready to colorize (in evaluation mode)."""
        network = build_generator(self.network)
        network.load_state_dict(dict(self.weights))
        return network.eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; the folder must exist."""
    metadata = {
        "format": FORMAT,
        "network": generator_to_json(checkpoint.network),
        "recipe": json.dumps(checkpoint.recipe, sort_keys=True),
        "fingerprint": checkpoint.fingerprint,
        "code_version": checkpoint.code_version,
        "seed": str(checkpoint.seed),
        "step": str(checkpoint.step),
        "resolution": str(checkpoint.resolution),
    }
    save_file({name: tensor.contiguous() for name, tensor in checkpoint.weights.items()}, path, metadata)


def load_checkpoint(path: Path) -> Checkpoint:
    """What `save_checkpoint` wrote, on the CPU.

    Raises FileNotFoundError, or CheckpointError when the file is something else.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except SafetensorError as error:
        raise CheckpointError(f"{path}: no safetensors file ({error}); expected a colorizer's checkpoint") from None
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format is {metadata.get('format')!r}, expected {FORMAT!r}; "
            "name a checkpoint.safetensors that a training has written"
        )
    try:
        checkpoint = Checkpoint(
            weights=weights,
            network=generator_from_json(metadata["network"]),
            recipe=json.loads(metadata["recipe"]),
            fingerprint=metadata["fingerprint"],
            code_version=metadata["code_version"],
            seed=int(metadata["seed"]),
            step=int(metadata["step"]),
            resolution=int(metadata["resolution"]),
        )
        checkpoint.generator()
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: the metadata does not describe its weights: {error}") from None
    return checkpoint
