"""Checkpoints: a trained network as one safetensors file, with its origin in the metadata. Nothing is pickled.

A file is trusted only after it was looked at: its metadata have the right types and ranges, its tensors are those of
the network that they describe, all numbers are finite, and a digest in the metadata is that of everything else. Files
of earlier versions have no digest: of them everything but that is checked, and whoever has a record of the file (a run
folder, a lake) compares its SHA-256 with `models.weights_file.require_sha256`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from models.build import build_network
from models.digest import content_digest, first_not_finite
from models.kinds import spec_from_json
from models.recipe import Sight, Task
from models.specs.base import ColorSpace, NetworkSpec, spec_to_json
from models.weights_file import CheckpointError

__all__ = ["Checkpoint", "CheckpointError", "load_checkpoint", "save_checkpoint"]

FORMAT = "tintoon-colorizer-1"

MAX_RESOLUTION = 4096
"""Pixels of a side: the limit of the arrays that trainings read."""

_ORIGIN = "tintoon"
_MAX_ORIGIN_BYTES = 1 << 20  # the longest is some ten thousand
_REMEDY = "name another file, or train it again"


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
    _checked: list[nn.Module] = field(default_factory=list, init=False, repr=False, compare=False)
    """The network that `load_checkpoint` has made to check the weights, until somebody asks for it: it takes long."""

    def trained(self) -> nn.Module:
        """The network with these weights, in evaluation mode: each time another one, which shares the weights.

        Raises ValueError, in one line, where the weights are not those of the network.
        """
        if self._checked:
            return self._checked.pop()
        # Not on the device "meta", though all weights are replaced: initializing there loads torch's compiler, which
        # takes seconds.
        with torch.random.fork_rng(devices=[]), _NoLargerThan(self.weights):
            network = build_network(self.network)
        _require_same_tensors(network.state_dict(), self.weights)
        network.load_state_dict(dict(self.weights), assign=True)
        return network.eval()


class _Hint(BaseModel):
    """The sampling of a recipe's hints, as far as its colorizer needs it."""

    model_config = ConfigDict(strict=True)
    scale: int = Field(ge=1, le=MAX_RESOLUTION)


class _Recipe(BaseModel):
    """The values of a recipe that colorizers, trainings and evaluations use; the others are kept as they are."""

    model_config = ConfigDict(strict=True)
    name: str = Field(min_length=1, max_length=200)
    variant: Sight = "gray"
    color_space: ColorSpace = "lab"
    task: Task = "colorize"
    with_label: bool = False
    hint: _Hint | None = None


_Text = Annotated[str, Field(max_length=200)]


class _Origin(BaseModel):
    """The metadata of a checkpoint."""

    model_config = ConfigDict(strict=True, extra="forbid")
    format: Literal["tintoon-colorizer-1"]
    network: dict[str, Any]
    recipe: dict[str, Any]
    fingerprint: _Text
    code_version: _Text
    seed: int = Field(ge=0)
    step: int = Field(ge=0)
    resolution: int = Field(ge=1, le=MAX_RESOLUTION)
    digest: str | None = None
    """Of all other metadata and of the tensors; None in files of earlier versions."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; the folder must exist. Equal checkpoints give equal bytes.

    Raises ValueError for weights that are not finite.
    """
    if spoilt := first_not_finite(checkpoint.weights):
        raise ValueError(f"{path}: not written: {spoilt} of the trained network holds numbers that are not finite")
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
    weights = {name: tensor.contiguous() for name, tensor in checkpoint.weights.items()}
    origin["digest"] = content_digest(origin, weights)
    # One entry: safetensors writes several in a random order, and equal checkpoints should be equal files.
    save_file(weights, path, {_ORIGIN: json.dumps(origin, sort_keys=True)})


def load_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint in a file, on the CPU.

    Raises FileNotFoundError, and CheckpointError for any other file, for one that was damaged since it was written, and
    for weights that do not fit their network or are not finite.
    """
    text, weights = _read(path)
    values = _json_of(path, text)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else values
        raise CheckpointError(
            f"{path}: format is {_short(found)}, expected {FORMAT!r}; "
            "name a checkpoint.safetensors that a training has written"
        )
    try:
        origin = _Origin.model_validate(values)
        _Recipe.model_validate(origin.recipe)
        network = spec_from_json(origin.network)
    except ValidationError as error:
        raise CheckpointError(f"{path}: its metadata are wrong: {_first(error)}; {_REMEDY}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its metadata are wrong: network: {_line(error)}; {_REMEDY}") from None
    if not isinstance(network, NetworkSpec):
        raise CheckpointError(f"{path}: its metadata are wrong: {type(network).__name__} is no network; {_REMEDY}")
    if origin.digest is not None and origin.digest != content_digest(_without_digest(values), weights):
        raise CheckpointError(
            f"{path}: damaged: its content is not what was written (its digest differs); copy it again, or {_REMEDY}"
        )
    checkpoint = Checkpoint(
        weights=weights,
        network=network,
        recipe=origin.recipe,
        fingerprint=origin.fingerprint,
        source_digest=origin.code_version,
        seed=origin.seed,
        step=origin.step,
        resolution=origin.resolution,
    )
    try:
        trained = checkpoint.trained()
    except (ArithmeticError, LookupError, MemoryError, RecursionError, RuntimeError, TypeError, ValueError) as error:
        # What a specification of right types and wrong numbers ends in is up to the network's class.
        raise CheckpointError(
            f"{path}: the metadata does not describe its weights: {_line(error)}; {_REMEDY}"
        ) from None
    # After the types: of one that no network has, torch may not know whether its numbers are finite.
    if spoilt := first_not_finite(weights):
        raise CheckpointError(f"{path}: damaged: {spoilt} holds numbers that are not finite; {_REMEDY}")
    checkpoint._checked.append(trained)
    return checkpoint


class _NoLargerThan(TorchFunctionMode):
    """Stops the making of a network that is much larger than its weights, before its memory is used."""

    _MARGIN = 1 << 22  # numbers; buffers that are not stored, as of noise

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._left = 4 * sum(tensor.numel() for tensor in weights.values()) + self._MARGIN

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn):
            self._left -= result.numel()
            if self._left < 0:
                raise ValueError("the network is larger than its weights")
        return result


def _read(path: Path) -> tuple[str | None, dict[str, Tensor]]:
    """The origin as text, and the tensors."""
    if path.exists() and not path.is_file():
        raise CheckpointError(f"{path}: no file; name a checkpoint.safetensors that a training has written")
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_ORIGIN)
            return text, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, RuntimeError, OverflowError, MemoryError) as error:
        raise CheckpointError(
            f"{path}: no safetensors file ({_line(error)}); expected a colorizer's checkpoint"
        ) from None


def _json_of(path: Path, text: str | None) -> Any:
    if text is None:
        return {}
    if len(text) > _MAX_ORIGIN_BYTES:
        raise CheckpointError(f"{path}: its metadata have {len(text):,} characters, no checkpoint's have; {_REMEDY}")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: its metadata are damaged ({_line(error)}); {_REMEDY}") from None


def _without_digest(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "digest"}


def _require_same_tensors(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raises ValueError where names, types or shapes differ; the message names the first tensor."""
    problems = list(_differences(expected, found))
    if problems:
        others = f", and {len(problems) - 1} more tensors do not fit" if len(problems) > 1 else ""
        raise ValueError(f"{problems[0]}{others}")


def _differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Iterator[str]:
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            yield f"tensor {name} is missing"
        elif name not in expected:
            yield f"tensor {_short(name)} belongs to no part of the network"
        elif found[name].shape != expected[name].shape:
            yield f"tensor {name} has the shape {tuple(found[name].shape)}, expected {tuple(expected[name].shape)}"
        elif found[name].dtype != expected[name].dtype:
            yield f"tensor {name} is {found[name].dtype}, expected {expected[name].dtype}"


def _first(error: ValidationError) -> str:
    """The first problem of metadata: "step is 'many': expected ..."."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"{place} is missing"
    return f"{_short(place)[1:-1]} is {_short(first['input'])}: {first['msg'][:1].lower()}{first['msg'][1:]}"


def _short(value: Any) -> str:
    """A value as a person reads it, in at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line(error: BaseException) -> str:
    """An error's message on one line of at most 200 characters."""
    text = " ".join((str(error) or type(error).__name__).split())
    return text if len(text) <= 200 else f"{text[:197]}..."
