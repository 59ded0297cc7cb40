"""The inputs of a training, checked before anything starts: arrays, titles, devices, and the networks to build on."""

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path

import torch
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor, nn

from models.build import build_objective
from models.checkpoint import load_checkpoint
from models.features import load_extractor
from models.recipes import Recipe
from pipelines.pairs import Pairs
from pipelines.training.batches import blank_batch
from pipelines.training.dependencies import FEATURES
from pipelines.training.params import TrainingParams, command_on_several
from pipelines.training.state import TrainingError


def chosen_titles(recipe: Recipe, params: TrainingParams, pairs: Pairs) -> tuple[str, ...]:
    """The titles to learn from, sorted. Raises TrainingError for a title without pictures."""
    known = sorted(set(pairs.titles))
    for title in params.titles:
        if title not in known:
            raise TrainingError(
                f"{recipe.name}: no picture to learn from is of {title!r}; there are {', '.join(known)}"
            )
    return tuple(sorted(set(params.titles)) or known)


def require_pictures(recipe: Recipe, split: str, pairs: Pairs) -> None:
    """Raises TrainingError for an empty split, and for pictures of another size than the recipe's."""
    if not len(pairs):
        raise TrainingError(f"{recipe.name}: the {split} split has no pictures; add issues, or lower the panel filters")
    side = recipe.resolution
    if pairs.color.shape[1:] != (side, side, 3) or pairs.variant.shape[2:] != (side, side):
        raise TrainingError(
            f"{recipe.name}: the {split} pictures are {pairs.color.shape[1:]} and {pairs.variant.shape[2:]}, expected "
            f"{side} pixels square; set resolution to that of the training set, or build it at {side}"
        )


def require_devices(recipe: Recipe, params: TrainingParams) -> None:
    """Raises TrainingError where there is no GPU, or where not as many processes run as devices are asked for."""
    if params.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(f"{recipe.name}: device is 'cuda', but torch sees no GPU; set device to 'auto' or 'cpu'")
    processes = TorchElasticEnvironment().world_size() if torch.distributed.is_torchelastic_launched() else 1
    if processes == params.devices:
        return
    if processes > 1:
        raise TrainingError(
            f"{recipe.name}: torchrun started {processes} processes, but devices is {params.devices}; add "
            f"--training '{{\"devices\": {processes}}}', or start it without torchrun"
        )
    raise TrainingError(
        f"{recipe.name}: devices is {params.devices}, which needs as many processes: set devices to 1, or start "
        f"`{command_on_several(recipe.name, params.devices)}`"
    )


def load_dependencies(recipe: Recipe, params: TrainingParams, files: Mapping[str, Path]) -> dict[str, nn.Module]:
    """The trained networks and the extractor that a recipe builds on, by role: in evaluation mode, without gradient.

    Raises TrainingError for a missing file, and for a checkpoint of another recipe.
    """
    roles = [need.role for need in recipe.needs] + ([FEATURES] if recipe.extractor else [])
    missing = {need.role: f"{need.role} (recipe {need.recipe})" for need in recipe.needs}
    missing = [missing.get(role, f"{role} (weights of an extractor)") for role in roles if role not in files]
    if missing:
        raise TrainingError(f"{recipe.name}: builds on {', '.join(missing)}; train it first and give its file")
    networks: dict[str, nn.Module] = {}
    for need in recipe.needs:
        checkpoint = load_checkpoint(files[need.role])
        if checkpoint.recipe["name"] != need.recipe:
            raise TrainingError(
                f"{recipe.name}: its {need.role} is trained by {need.recipe}, but {files[need.role]} is of "
                f"{checkpoint.recipe['name']}"
            )
        networks[need.role] = checkpoint.trained()
    if recipe.extractor:
        networks[FEATURES] = load_extractor(params.extractor or recipe.extractor, files[FEATURES])
    return {role: network.requires_grad_(False).eval() for role, network in networks.items()}


def require_same_titles(recipe: Recipe, titles: tuple[str, ...], built_on: Mapping[str, nn.Module]) -> None:
    """Raises TrainingError where labels are used and a network to build on counts other titles than these."""
    if not recipe.with_label:
        return
    for need in recipe.needs:
        others: tuple[str, ...] = getattr(built_on[need.role].spec, "titles", titles)
        if others != titles:
            raise TrainingError(
                f"{recipe.name}: its {need.role} knows the titles {', '.join(others)}, this training set holds "
                f"{', '.join(titles)}; train {need.recipe} on this training set"
            )


def require_batch_norm_can_work(recipe: Recipe, built_on: Mapping[str, nn.Module], *, pictures: int) -> None:
    """Raises TrainingError where batch norm would see one value per channel, which torch refuses.

    Takes the optimizer steps of one picture on shapes alone, so nothing is computed. `pictures` is the number of
    pictures to learn from, for the remedy in the message.
    """
    remedy = "add issues until train has 2 pictures or more" if pictures == 1 else "set batch to 2 or more"

    def require_several_values(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if layer.training and inputs[0].numel() == inputs[0].shape[1]:
            raise TrainingError(
                f"{recipe.name}: with a batch of 1 picture of {recipe.resolution} pixels, "
                f"a {type(layer).__name__} sees a single value per channel; {remedy}, or train at a larger resolution"
            )

    with torch.device("meta"):
        objective = build_objective(
            recipe.objective, {role: deepcopy(network).to("meta") for role, network in built_on.items()}
        )
        norms = [
            layer
            for network in objective.networks.values()
            for layer in network.modules()
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
        ]
        for layer in norms:
            layer.register_forward_pre_hook(require_several_values)
        if norms:
            for _ in objective.optimizer_steps(blank_batch(recipe, 1), 0.0):
                pass
