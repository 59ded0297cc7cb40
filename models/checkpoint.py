"""Checkpoints: a trained network as one safetensors file, with its origin in the metadata. Nothing is pickled."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from models.build import build_network
from models.kinds import spec_from_json
from models.specs.base import NetworkSpec, spec_to_json

FORMAT = "tintoon-colorizer-1"

_ORIGIN = "tintoon"


class CheckpointError(ValueError):
    """A file is not a checkpoint that this version can read. The message names the file."""


@dataclass(frozen=True)
class Checkpoint:
    """A trained network and its origin."""

    weights: Mapping[str, Tensor]
    network: NetworkSpec
    recipe: Mapping[str, Any]
    """The recipe as JSON values; `recipe["name"]` is its name."""
    fingerprint: str
    """Fingerprint of the training set."""
    source_digest: str
    """Digest of the sources that decide what a training gives; stored as `code_version`."""
    seed: int
    step: int
    """Optimizer steps behind these weights."""
    resolution: int
    """Side of the training pictures in pixels."""

    def trained(self) -> nn.Module:
        """The network with these weights, in evaluation mode."""
        # Not on the device "meta", though all weights are replaced: initializing there loads torch's compiler, which
        # takes seconds.
        with torch.random.fork_rng(devices=[]):
            network = build_network(self.network)
        network.load_state_dict(dict(self.weights), assign=True)
        return network.eval()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; the folder must exist. Equal checkpoints give equal bytes."""
    origin = {
        "format": FORMAT,
        "network": spec_to_json(checkpoint.network),
        "recipe": checkpoint.recipe,
        "fingerprint": checkpoint.fingerprint,
        "code_version": checkpoint.source_digest,
        "seed": checkpoint.seed,
        "step": checkpoint.step,
        "resolution": checkpoint.resolution,
    }
    # One entry: safetensors writes several in a random order, and equal checkpoints should be equal files.
    metadata = {_ORIGIN: json.dumps(origin, sort_keys=True)}
    save_file({name: tensor.contiguous() for name, tensor in checkpoint.weights.items()}, path, metadata)


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file, on the CPU.

    Raises FileNotFoundError, and CheckpointError for any other file.
    """
    try:
        with safe_open(path, "pt") as file:
            origin = json.loads((file.metadata() or {}).get(_ORIGIN, "{}"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except SafetensorError as error:
        raise CheckpointError(f"{path}: no safetensors file ({error}); expected a colorizer's checkpoint") from None
    if origin.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format is {origin.get('format')!r}, expected {FORMAT!r}; "
            "name a checkpoint.safetensors that a training has written"
        )
    try:
        checkpoint = Checkpoint(
            weights=weights,
            network=spec_from_json(origin["network"]),
            recipe=origin["recipe"],
            fingerprint=origin["fingerprint"],
            source_digest=origin["code_version"],
            seed=origin["seed"],
            step=origin["step"],
            resolution=origin["resolution"],
        )
        checkpoint.trained()
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: the metadata does not describe its weights: {error}") from None
    return checkpoint
