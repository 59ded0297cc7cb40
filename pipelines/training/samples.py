"""Sample pictures of a training for people: rows of input, output and truth."""

import numpy as np
import torch
from torch import Tensor

from models.objective import Batch
from models.recipe import Recipe
from pipelines.images.color import gray_to_rgb, network_picture


def colored_pictures(recipe: Recipe, output: Tensor, variant: np.ndarray) -> np.ndarray:
    """A colorizer's output (B, 2 or 3, H, W) for a variant, (B, H, W) uint8, as (B, H, W, 3) uint8 RGB."""
    return network_picture(output.float().cpu().numpy(), variant, recipe.color_space)


def sample_sheet(recipe: Recipe, batch: Batch, output: Tensor, variant: np.ndarray, color: np.ndarray) -> np.ndarray:
    """(B * H, columns * W, 3) uint8 RGB, one row a picture.

    Columns of a colorizer: input | hint, where there are some, as dots on gray | output | truth; of a line detector:
    input | output | truth.

    Args:
        recipe: The recipe, of task "colorize" or "draw_lines".
        batch: The pictures, as the network got them.
        output: The network's output.
        variant: (B, H, W) uint8, the gray, edge or line pictures of the batch.
        color: (B, H, W, 3) uint8 RGB, the truth.
    """
    if recipe.task == "draw_lines":
        lines = np.rint((output.float().cpu().numpy()[:, 0].clip(-1, 1) + 1) * 127.5).astype(np.uint8)
        columns = [color, gray_to_rgb(lines), gray_to_rgb(variant)]
    else:
        hint = [] if batch.hint is None else [_hint_pictures(recipe, batch.hint, variant)]
        columns = [gray_to_rgb(variant), *hint, colored_pictures(recipe, output, variant), color]
    return np.concatenate([np.concatenate(list(column)) for column in columns], axis=1)


def _hint_pictures(recipe: Recipe, hint: Tensor, variant: np.ndarray) -> np.ndarray:
    """The hint's colours where its mask is 1, on the network's input."""
    size = variant.shape[1:]
    enlarged = torch.nn.functional.interpolate(hint.float().cpu(), size, mode="nearest")
    colors = colored_pictures(recipe, enlarged[:, :-1], variant)
    return np.where(enlarged[:, -1].numpy()[..., np.newaxis] > 0, colors, gray_to_rgb(variant))
