"""The state of an interrupted training: one safetensors file of networks, optimizers and progress.

Nothing is ever pickled or unpickled.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from models.digest import content_digest
from pipelines.lake import atomic_write, digest_of

_FORMAT = "tintoon-training-state-2"

_STORED_PARTS = {"params": "rule", "dependencies": "needs"}
"""Parts of an identity that files hold under a name of earlier versions."""


class TrainingError(ValueError):
    """A training cannot start or go on as asked. The message names what differs and what to do."""


def write_state(
    path: Path, *, identity: Mapping[str, Any], progress: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """Writes a state whole or not at all. Identity and progress are JSON values."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = {
        "format": _FORMAT,
        "identity": json.dumps(
            {_STORED_PARTS.get(part, part): value for part, value in identity.items()}, sort_keys=True
        ),
        "progress": json.dumps(progress),
    }
    with atomic_write(path) as temporary:
        save_file(stored, str(temporary), {**about, "digest": content_digest(about, stored)})


def read_state(path: Path, identity: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Returns progress and tensors as `write_state` took them.

    Raises TrainingError for a file that is no state or that was damaged, and for the state of another training; the
    message names the first part of the identity that differs.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except SafetensorError as error:
        raise TrainingError(f"{path}: no training state ({error}); remove it to start anew") from None
    if metadata.get("format") != _FORMAT:
        raise TrainingError(f"{path}: format is {metadata.get('format')!r}, expected {_FORMAT!r}; remove it")
    digest = metadata.pop("digest", None)  # states of earlier versions have none
    is_whole = (
        metadata.keys() == {"format", "identity", "progress"}
        if digest is None
        else (digest == content_digest(metadata, tensors))
    )
    if not is_whole:
        raise TrainingError(f"{path}: damaged: its content is not what was written; remove it to start anew")
    try:
        stored, progress = json.loads(metadata["identity"]), json.loads(metadata["progress"])
    except (KeyError, ValueError, RecursionError) as error:
        raise TrainingError(f"{path}: damaged, unreadable metadata ({error}); remove it to start anew") from None
    for part, asked in identity.items():
        found = stored.get(_STORED_PARTS.get(part, part))
        if digest_of(found) != digest_of(asked):
            raise TrainingError(
                f"{path}: the interrupted training differs in {part}:\n  stored {json.dumps(found)}\n"
                f"  asked  {json.dumps(asked)}\nAsk for the same, or remove the file to start anew"
            )
    return progress, tensors


def state_tensors(networks: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
    """The tensors of networks and of their optimizers, by name."""
    tensors = {
        f"network.{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    names = _parameter_names(networks)
    for name, optimizer in optimizers.items():
        for parameter, entries in optimizer.state.items():
            prefix = f"optimizer.{name}.{names[id(parameter)]}"
            tensors |= {f"{prefix}.{entry}": tensor for entry, tensor in entries.items()}
    return tensors


def load_state(
    networks: Mapping[str, nn.Module], optimizers: Mapping[str, Optimizer], tensors: Mapping[str, Tensor]
) -> None:
    """Loads the tensors of `state_tensors` into networks and optimizers."""
    for name, network in networks.items():
        network.load_state_dict(below(f"network.{name}.", tensors))
    names = _parameter_names(networks)
    for name, optimizer in optimizers.items():
        for parameter in (p for group in optimizer.param_groups for p in group["params"]):
            entries = below(f"optimizer.{name}.{names[id(parameter)]}.", tensors)
            if not entries:
                continue  # a parameter that never had a gradient
            optimizer.state[parameter] = {
                # Moments lie in memory like their parameter; the fused step relies on it.
                entry: torch.empty_like(parameter).copy_(value)
                if value.shape == parameter.shape
                else value.to(parameter.device)
                for entry, value in entries.items()
            }


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _parameter_names(networks: Mapping[str, nn.Module]) -> dict[int, str]:
    return {
        id(parameter): f"{network_name}.{name}"
        for network_name, network in networks.items()
        for name, parameter in network.named_parameters()
    }
