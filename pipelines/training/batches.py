"""From rows of `Pairs` to batches on the training device: augmentation, ranges, hints and labels.

Reads  pictures from where they lie (`pipelines.training.pictures`), already converted where nothing random comes
       before that.
Gives  `Batch`, float32 in [-1, 1]. Everything after the choice of rows is computed on tensors, for the whole batch
       at once, on the device.

Random numbers come from torch's global generators alone: the same seed before a batch gives the same batch.
"""

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from models.color import gray_of
from models.hints import sample_hint
from models.objective import Batch, References
from models.recipe import Augmentation, Recipe
from pipelines.pairs import Pairs
from pipelines.training.pictures import Converted, can_convert, color_values, unit_pictures, variant_values
from pipelines.training.references import issue_mates, random_references, rotated_hues


class Batches:
    """The batches of one split for one recipe."""

    def __init__(self, recipe: Recipe, pairs: Pairs, device: torch.device, titles: Sequence[str] = ()) -> None:
        """Labels are places in `titles`; a picture of any other title has the label -1."""
        self._recipe = recipe
        self._device = device
        self._converted = Converted(recipe, pairs, device) if can_convert(recipe, pairs, device) else None
        self._pictures = unit_pictures(pairs, device) if self._converted is None else None
        self._styles = pairs.variant.shape[1]
        self._panel_ids = pairs.panel_ids
        places = {title: place for place, title in enumerate(titles)}
        self._labels = torch.tensor([places.get(title, -1) for title in pairs.titles], device=device)

    def train_batch(self, rows: np.ndarray) -> Batch:
        """Training pictures of some rows, in a random style each, augmented."""
        styles = torch.randint(self._styles, (len(rows),))
        recipe, how = self._recipe, self._recipe.augmentation
        batch = self._mirrored(rows, styles) if self._converted else self._augmented(rows, styles)
        if recipe.references:
            batch = self._with_references(batch)
        if not how.lightness_dropout:
            return batch
        is_kept = torch.rand_like(batch.condition[:, :1]) >= how.lightness_dropout
        return replace(batch, condition=batch.condition * is_kept)

    def _mirrored(self, rows: np.ndarray, styles: Tensor) -> Batch:
        """Converted pictures, mirrored at random."""
        assert self._converted is not None
        condition, target = self._converted.at(rows, styles)
        parts = [condition] if target is condition else [condition, target]
        mirror(parts, self._recipe.augmentation)
        return self._complete(rows, condition, target)

    def _augmented(self, rows: np.ndarray, styles: Tensor) -> Batch:
        """Pictures in [0, 1], augmented, then converted."""
        assert self._pictures is not None
        color, variant = self._pictures.at(rows, styles)
        recipe, how = self._recipe, self._recipe.augmentation
        if how.contrast or how.saturation or how.hue:
            color = _jittered(color, how)
            variant = gray_of(color) if recipe.variant == "gray" else variant
        color, variant = _moved(color, variant, how)
        seen = color if recipe.variant == "color" else variant
        if recipe.task != "draw_lines" and recipe.variant in ("edge", "line"):
            seen = _augment_lines(seen, color, how)
        return self._batch(rows, color, variant, seen)

    def eval_batch(self, rows: np.ndarray) -> Batch:
        """Unchanged pictures, each in the style of its row number, always with the same hints.

        Seeds torch's global generators, so that everything random in their evaluation is fixed too.
        """
        torch.manual_seed(int(rows[0]))
        batch = self._unchanged(rows)
        return self._with_issue_mates(batch, rows) if self._recipe.references else batch

    def _unchanged(self, rows: np.ndarray) -> Batch:
        styles = torch.from_numpy(self.eval_styles(rows))
        if self._converted:
            return self._complete(rows, *self._converted.at(rows, styles))
        assert self._pictures is not None
        color, variant = self._pictures.at(rows, styles)
        return self._batch(rows, color, variant, color if self._recipe.variant == "color" else variant)

    def eval_styles(self, rows: np.ndarray) -> np.ndarray:
        """The style of each picture in `eval_batch`."""
        return rows % self._styles

    def _with_references(self, batch: Batch) -> Batch:
        """The batch with the others of each picture's group as references; the hues of some groups are rotated."""
        how = self._recipe.references
        assert how is not None
        chosen, is_rotated = random_references(how, len(batch.target))
        is_rotated = is_rotated.to(self._device)
        target = torch.where(is_rotated[:, None, None, None], rotated_hues(batch.target, how.group), batch.target)
        return replace(
            batch,
            target=target,
            hint=sample_hint(self._recipe.hint, target) if self._recipe.hint else None,
            references=References(batch.condition, target, chosen),
        )

    def _with_issue_mates(self, batch: Batch, rows: np.ndarray) -> Batch:
        """The batch with pictures of the same issues as references, but for every third picture."""
        if self._recipe.hint:
            batch = replace(batch, hint=sample_hint(self._recipe.hint, batch.target))
        mates, chosen = issue_mates(self._panel_ids, rows)
        if not len(mates):
            return replace(batch, references=References(batch.condition, batch.target, chosen))
        others = self._unchanged(mates)
        return replace(
            batch,
            references=References(
                torch.cat([batch.condition, others.condition]),
                torch.cat([batch.target, others.target]),
                chosen,
            ),
        )

    def _batch(self, rows: np.ndarray, color: Tensor, variant: Tensor, seen: Tensor) -> Batch:
        """The batch of `color` (B, 3, H, W), `variant` (B, 1, H, W) and the input `seen`, all in [0, 1]."""
        recipe = self._recipe
        condition = color_values(recipe, seen) if seen.shape[1] == 3 else variant_values(recipe, seen)
        if recipe.task == "tell_title":
            target = condition
        elif recipe.task == "draw_lines":
            target = variant_values(recipe, variant)
        else:
            target = color_values(recipe, color)
        return self._complete(rows, condition, target)

    def _complete(self, rows: np.ndarray, condition: Tensor, target: Tensor) -> Batch:
        """The batch of condition and target, with hints and labels."""
        recipe = self._recipe
        return Batch(
            condition=condition.contiguous(memory_format=torch.channels_last),
            target=target.contiguous(memory_format=torch.channels_last),
            hint=sample_hint(recipe.hint, target) if recipe.hint and not recipe.references else None,
            label=self._labels[torch.from_numpy(rows).to(self._device)] if recipe.with_label else None,
        )


def blank_batch(recipe: Recipe, pictures: int, size: tuple[int, int] | None = None) -> Batch:
    """A batch of middle gray, on the default device, with the shapes that a recipe's batches have.

    size: (H, W) in pixels; None: the recipe's resolution.
    """
    height, width = size or (recipe.resolution, recipe.resolution)
    seen = 3 if recipe.variant == "color" else 1
    given = {"tell_title": seen, "draw_lines": 1, "colorize": 2 if recipe.color_space == "lab" else 3}[recipe.task]
    target = torch.zeros(pictures, given, height, width)
    return Batch(
        condition=torch.zeros(pictures, seen, height, width),
        target=target,
        hint=sample_hint(recipe.hint, target) if recipe.hint else None,
        references=_blank_references(target) if recipe.references else None,
        label=torch.zeros(pictures, dtype=torch.long) if recipe.with_label else None,
    )


def _blank_references(target: Tensor) -> References:
    """Each picture is a reference of all others."""
    pictures, _, height, width = target.shape
    others = tuple(tuple(other for other in range(pictures) if other != own) for own in range(pictures))
    return References(torch.zeros(pictures, 1, height, width), target, others)


# Augmentation. Pictures are (B, C, H, W) in [0, 1]; each draws its own numbers.


def _uniform(pictures: Tensor, low: float, high: float) -> Tensor:
    """(B, 1, 1, 1)."""
    return torch.rand(len(pictures), 1, 1, 1, device=pictures.device) * (high - low) + low


def _happens(pictures: Tensor, probability: float) -> Tensor:
    """(B, 1, 1, 1) bool."""
    return torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < probability


def mirror(parts: Sequence[Tensor], how: Augmentation) -> None:
    """Mirrors pictures in place, (B, C, H, W) each, channels-last, all parts of one picture alike."""
    for probability, dimension in ((how.flip, 3), (how.flip_vertical, 2)):
        if not probability:
            continue
        chosen = torch.nonzero(torch.rand(len(parts[0])) < probability)[:, 0]  # on the CPU: no wait for a GPU
        for part in parts:
            if part.device.type == "cpu":
                pictures = part.permute(0, 2, 3, 1).numpy()  # (B, H, W, C), the same memory
                for place in chosen.tolist():
                    cv2.flip(pictures[place], dimension - 2, dst=pictures[place])  # six times as fast as Tensor.flip
            else:
                places = chosen.to(part.device)
                part[places] = part[places].flip(dimension)


def _moved(color: Tensor, variant: Tensor, how: Augmentation) -> tuple[Tensor, Tensor]:
    """Mirrors and crops, the variant together with its colour."""
    both = torch.cat([color, variant], dim=1).contiguous(memory_format=torch.channels_last)
    mirror([both], how)
    if how.min_crop < 1:
        side = _uniform(both, how.min_crop, 1.0).reshape(-1)
        centers = (torch.rand(len(both), 2, device=both.device) * 2 - 1) * (1 - side[:, None])
        window = torch.zeros(len(both), 2, 3, device=both.device)
        window[:, 0, 0] = window[:, 1, 1] = side
        window[:, :, 2] = centers
        places = affine_grid(window, list(both.shape), align_corners=False)
        both = grid_sample(both, places, padding_mode="border", align_corners=False)
    return both[:, :3], both[:, 3:]


def _jittered(color: Tensor, how: Augmentation) -> Tensor:
    """Contrast, saturation and hue as torchvision's ColorJitter defines them, in this order."""
    if how.contrast:
        mean = gray_of(color).mean(dim=(2, 3), keepdim=True)
        color = _blended(color, mean, _uniform(color, max(0.0, 1 - how.contrast), 1 + how.contrast))
    if how.saturation:
        color = _blended(color, gray_of(color), _uniform(color, max(0.0, 1 - how.saturation), 1 + how.saturation))
    return rotate_hue(color, _uniform(color, -how.hue, how.hue)) if how.hue else color


def _blended(color: Tensor, other: Tensor, share: Tensor) -> Tensor:
    return (other + share * (color - other)).clamp(0, 1)


def rotate_hue(color: Tensor, rotation: Tensor) -> Tensor:
    """Pictures with rotated hue of HSV: (B, 3, H, W), (B, 1, 1, 1) in full rotations -> (B, 3, H, W)."""
    red, green, blue = color.unbind(1)
    value = color.amax(dim=1)
    chroma = value - color.amin(dim=1)
    by = chroma.clamp(min=1e-6)
    sector = torch.where(
        value == red,
        (green - blue) / by,
        torch.where(value == green, 2 + (blue - red) / by, 4 + (red - green) / by),
    )
    sector = sector + 6 * rotation[:, 0]
    # Each channel falls from the value by the chroma as its distance to the sector grows from 1 to 2.
    places = torch.stack([(offset + sector) % 6 for offset in (5, 3, 1)], dim=1)
    return value[:, None] - chroma[:, None] * torch.minimum(places, 4 - places).clamp(0, 1)


def _augment_lines(lines: Tensor, color: Tensor, how: Augmentation) -> Tensor:
    """Replaces lines by the gray picture, equalizes them, makes them fainter: (B, 1, H, W) -> (B, 1, H, W).

    The order is that of paper 003's released code: fainter last, since equalizing would undo it.
    """
    if how.gray_instead:
        lines = torch.where(_happens(lines, how.gray_instead), gray_of(color), lines)
    if how.equalize:
        lines = torch.where(_happens(lines, how.equalize), equalized(lines), lines)
    if how.line_brightness < 1:
        lines = 1 - (1 - lines) * _uniform(lines, how.line_brightness, 1.0)
    return lines


def equalized(pictures: Tensor) -> Tensor:
    """Pictures with an equalized histogram of 256 levels, each by itself, as cv2.equalizeHist: (B, 1, H, W) in [0, 1].

    A picture of one single level stays as it is.
    """
    levels = (pictures * 255).round().long().flatten(1)  # (B, H * W)
    histogram = torch.zeros(len(levels), 256, device=levels.device).scatter_add_(
        1, levels, torch.ones_like(pictures).flatten(1)
    )
    up_to = histogram.cumsum(dim=1)
    darkest = histogram.gather(1, levels.amin(dim=1, keepdim=True))  # how many pixels have the darkest level
    others = levels.shape[1] - darkest
    table = ((up_to - darkest) * (255 / others)).round() / 255
    return torch.where(others > 0, table.gather(1, levels), pictures.flatten(1)).reshape(pictures.shape)
