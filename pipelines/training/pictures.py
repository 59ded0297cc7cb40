"""Where the pictures of a training lie: on disk, in memory, or in memory in the recipe's own values.

Reads  the uint8 arrays of `Pairs`.
Gives  float32 tensors on the training device.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import psutil
import torch
from torch import Tensor

from models.color import lightness_of, rgb_to_lab
from models.recipe import Recipe
from pipelines.pairs import Pairs

HELD_SHARE = 0.5
"""Arrays move into a GPU's memory where they take at most this share of what is free."""

CONVERTED_SHARE = 0.25
"""The same of pictures in a recipe's own values, before there are networks: those of training and of validation."""

_LIMIT, _USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")


class Pictures(Protocol):
    """A source of pictures."""

    def at(self, rows: np.ndarray, styles: Tensor) -> tuple[Tensor, Tensor]:
        """Colour (B, 3, R, R) and variant (B, 1, R, R), float32 in [0, 1], on the device."""
        ...


class Held:
    """Pictures in the memory of the device."""

    def __init__(self, pairs: Pairs, device: torch.device) -> None:
        self._color, self._variant = (
            torch.from_numpy(np.array(array)).to(device) for array in (pairs.color, pairs.variant)
        )

    def at(self, rows: np.ndarray, styles: Tensor) -> tuple[Tensor, Tensor]:
        """See `Pictures`."""
        places = torch.from_numpy(rows).to(self._color.device)
        return _as_unit(self._color[places], self._variant[places, styles.to(places.device)])


class Mapped:
    """Pictures on disk, or in the memory of this machine."""

    def __init__(self, pairs: Pairs, device: torch.device) -> None:
        self._color, self._variant = pairs.color, pairs.variant
        self._device = device

    def at(self, rows: np.ndarray, styles: Tensor) -> tuple[Tensor, Tensor]:
        """See `Pictures`."""
        color, variant = self._color[rows], self._variant[rows, styles.numpy()]
        return _as_unit(*(torch.from_numpy(np.asarray(array)).to(self._device) for array in (color, variant)))


def unit_pictures(pairs: Pairs, device: torch.device) -> Pictures:
    """Pictures in [0, 1]: from the GPU's memory where they fit, else from where `Pairs` has them."""
    is_held = device.type == "cuda" and _fits(pairs.color.nbytes + pairs.variant.nbytes, device, HELD_SHARE)
    return Held(pairs, device) if is_held else Mapped(pairs, device)


class Converted:
    """Pictures in the values that a recipe's network sees and gives, kept in memory from their first use on.

    Only where nothing that is drawn anew for each batch comes before the conversion: see `can_convert`.
    """

    def __init__(self, recipe: Recipe, pairs: Pairs, device: torch.device) -> None:
        styles, side = pairs.variant.shape[1:3]
        is_lab = recipe.color_space == "lab"
        self._recipe, self._styles = recipe, styles
        self._color = _Kept(
            lambda row: pairs.color[row],
            (len(pairs), side, side, 2 if recipe.task == "colorize" and is_lab else 3),
            lambda unit: color_values(recipe, unit),
            device,
        )
        self._variant = _Kept(
            lambda place: pairs.variant[divmod(place, styles)][..., np.newaxis],
            (len(pairs) * styles, side, side, 1),
            lambda unit: variant_values(recipe, unit),
            device,
        )

    def at(self, rows: np.ndarray, styles: Tensor) -> tuple[Tensor, Tensor]:
        """Condition and target (B, C, R, R) of `Batch`, channels-last, of the caller's own."""
        recipe, places = self._recipe, rows * self._styles + styles.numpy()
        if recipe.task == "tell_title":
            seen = self._color.at(rows) if recipe.variant == "color" else self._variant.at(places)
            return seen, seen
        color, variant = self._color.at(rows), self._variant.at(places)
        return (color, variant) if recipe.task == "draw_lines" else (variant, color)


def can_convert(recipe: Recipe, pairs: Pairs, device: torch.device) -> bool:
    """Whether a recipe's pictures can be `Converted`: no augmentation needs RGB or levels, and there is memory."""
    how = recipe.augmentation
    if how.contrast or how.saturation or how.hue or how.equalize or how.gray_instead:
        return False
    if how.line_brightness < 1 or how.min_crop < 1 or (recipe.task == "colorize" and recipe.variant == "color"):
        return False
    floats = torch.float32.itemsize
    return _fits((pairs.color.nbytes + pairs.variant.nbytes) * floats, device, CONVERTED_SHARE)


def color_values(recipe: Recipe, unit: Tensor) -> Tensor:
    """What a recipe's network sees or gives of colour: (B, 3, H, W) in [0, 1] -> ab, or RGB in [-1, 1]."""
    rgb = unit * 2 - 1
    return rgb_to_lab(rgb)[1] if recipe.color_space == "lab" and recipe.task == "colorize" else rgb


def variant_values(recipe: Recipe, unit: Tensor) -> Tensor:
    """What it sees or gives of the variant: (B, 1, H, W) in [0, 1] -> lightness, gray or lines in [-1, 1]."""
    levels = unit * 2 - 1
    return lightness_of(levels) if recipe.color_space == "lab" and recipe.task != "draw_lines" else levels


class _Kept:
    """Arrays that are converted at their first use: (N, H, W, C) float32."""

    def __init__(
        self,
        read: Callable[[int], np.ndarray],
        shape: tuple[int, int, int, int],
        convert: Callable[[Tensor], Tensor],
        device: torch.device,
    ) -> None:
        self._read, self._convert = read, convert
        self._values = torch.empty(shape, device=device)  # a CPU gives memory when it is written
        self._is_there = np.zeros(len(self._values), bool)

    def at(self, places: np.ndarray) -> Tensor:
        """(B, C, H, W), channels-last."""
        for place in places:
            if not self._is_there[place]:
                levels = torch.from_numpy(np.array(self._read(int(place)))).to(self._values.device)
                unit = levels.permute(2, 0, 1).unsqueeze(0).float() / 255
                self._values[place] = self._convert(unit)[0].permute(1, 2, 0)
                self._is_there[place] = True
        chosen = self._values.index_select(0, torch.from_numpy(places).to(self._values.device))
        return chosen.permute(0, 3, 1, 2)


def _as_unit(color: Tensor, variant: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 (B, R, R, 3) and (B, R, R) -> float32 (B, 3, R, R) and (B, 1, R, R) in [0, 1]."""
    return color.permute(0, 3, 1, 2).float() / 255, variant.unsqueeze(1).float() / 255


def _fits(wanted: int, device: torch.device, share: float) -> bool:
    """Whether so many bytes are at most a share of the device's free memory."""
    if device.type == "cuda":
        return wanted <= share * torch.cuda.mem_get_info(device)[0]
    free = psutil.virtual_memory().available
    if _LIMIT.exists() and (limit := _LIMIT.read_text().strip()) != "max":  # a container's own
        free = min(free, int(limit) - int(_USED.read_text()))
    return wanted <= share * free
