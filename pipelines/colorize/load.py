"""Any checkpoint as a colorizer: what was trained, and the methods that need no training."""

from pathlib import Path

from models.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from models.exemplar.spec import ExemplarUNet
from models.methods.spec import HintPropagation, LevinPropagation, Method, ReferenceMatch, Shipped
from models.recipes import RECIPES
from pipelines.colorize.hint_colorizer import HintColorizer
from pipelines.colorize.picture import Colorizer, TrainedColorizer
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.shipped import default_colorizer


def load_colorizer(path: Path, device: str = "auto") -> Colorizer:
    """The colorizer of a checkpoint file, whatever its recipe, on "cpu", "cuda" or "auto". Methods run on the CPU.

    Raises FileNotFoundError, or CheckpointError for a file that is no checkpoint of a colorizer.
    """
    checkpoint = load_checkpoint(path)
    _require_colorizer(checkpoint, path)
    if isinstance(checkpoint.network, Method):
        _require_current(checkpoint, path)
    name, variant = checkpoint.recipe["name"], checkpoint.recipe["variant"]
    match checkpoint.network:
        case HintPropagation():
            return HintColorizer(name, variant)
        case LevinPropagation():
            from pipelines.colorize.levin import LevinColorizer  # scipy takes a moment

            return LevinColorizer(name)
        case ReferenceMatch():
            return ReferenceColorizer(name, variant)
        case Shipped():
            colorizer = default_colorizer(variant)
            colorizer.name = name
            return colorizer
        case ExemplarUNet():
            from pipelines.colorize.exemplar_colorizer import ExemplarColorizer

            return ExemplarColorizer(checkpoint)
        case _:
            return TrainedColorizer(checkpoint, device=device)


def _require_colorizer(checkpoint: Checkpoint, path: Path) -> None:
    """Raises CheckpointError for a network with another task, and for a recipe that lacks what colorizers need."""
    recipe = checkpoint.recipe
    if recipe.get("task", "colorize") != "colorize":
        raise CheckpointError(
            f"{path}: {recipe['name']} is no colorizer, its task is {recipe['task']}; name another file"
        )
    missing = [name for name in ("variant", "color_space") if name not in recipe]
    if missing:
        raise CheckpointError(f"{path}: its metadata lack the recipe's {missing[0]}; name another file")


def _require_current(checkpoint: Checkpoint, path: Path) -> None:
    """Raises CheckpointError for a method that gives other colours today than when its checkpoint was evaluated."""
    name = checkpoint.recipe["name"]
    if name in RECIPES and RECIPES[name].objective.network != checkpoint.network:
        raise CheckpointError(
            f"{path}: {name} has changed since; make and evaluate it again: "
            f"tintoon run colorizer evaluation --recipe {name}"
        )
