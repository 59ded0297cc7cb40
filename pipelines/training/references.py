"""References in training and validation: which pictures of a batch take colours from which, and from which others.

Pictures of a training batch come in groups (`grouped_order`), and those of a group are references of each other, so
that the features of each picture are computed once. Validation pictures have others of their issue.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from models.color import lab_to_rgb, rgb_to_lab
from models.recipe import ReferenceSampling

_MATES = 3
"""References of a validation picture."""


def grouped_order(panel_ids: Sequence[str], how: ReferenceSampling, generator: np.random.Generator) -> np.ndarray:
    """A random order of places in `panel_ids` in which each `how.group` in succession are a group.

    panel_ids: `<title>__<issue>__<number>`. A group is of one title but where a title ends. The places that are left
    over after the last whole group come last.
    """
    title_of = [panel_id.split("__")[0] for panel_id in panel_ids]
    places: list[int] = []
    for title in generator.permutation(sorted(set(title_of))):
        own = generator.permutation([place for place, other in enumerate(title_of) if other == title])
        if generator.random() < how.same_issue:
            issues = [_issue_of(panel_ids[int(place)]) for place in own]
            rank = dict(zip(generator.permutation(sorted(set(issues))), range(len(issues)), strict=False))
            own = own[np.argsort([rank[issue] for issue in issues], kind="stable")]
        places.extend(own)
    whole = len(places) // how.group * how.group
    groups = np.array(places[:whole], int).reshape(-1, how.group)
    return np.concatenate([generator.permutation(groups).reshape(-1), np.array(places[whole:], int)])


def random_references(how: ReferenceSampling, pictures: int) -> tuple[tuple[tuple[int, ...], ...], Tensor]:
    """Random references of the pictures of a training batch, and (B,) bool: True where hues are to be rotated.

    The references of a picture are places in the batch, of its group and not its own. Their number is uniform, from 1
    to the group's others.
    """
    group = torch.arange(pictures) // how.group
    is_rotated = (torch.rand(int(group[-1]) + 1) < how.rotated)[group]
    chosen: list[tuple[int, ...]] = []
    for own in range(pictures):
        others = [int(other) for other in (group == group[own]).nonzero() if other != own]
        count = int(torch.randint(1, len(others) + 1, ())) if others else 0
        has_some = bool(torch.rand(()) >= how.none) or bool(is_rotated[own])
        order = torch.randperm(len(others))[:count].tolist() if has_some else []
        chosen.append(tuple(others[place] for place in order))
    return tuple(chosen), is_rotated


def rotated_hues(colors: Tensor, group: int) -> Tensor:
    """Colours, ab or RGB, with the hues of each group rotated by one random angle in Lab: (B, C, H, W) in [-1, 1]."""
    groups = -(-len(colors) // group)
    angles = (torch.rand(groups, device=colors.device) * 2 * torch.pi).repeat_interleave(group)[: len(colors)]
    cos, sin = angles.cos()[:, None, None, None], angles.sin()[:, None, None, None]
    lightness, ab = (None, colors) if colors.shape[1] == 2 else rgb_to_lab(colors)
    a, b = ab.split(1, dim=1)
    rotated = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=1)
    return rotated if lightness is None else lab_to_rgb(lightness, rotated)


def issue_mates(panel_ids: Sequence[str], rows: np.ndarray) -> tuple[np.ndarray, tuple[tuple[int, ...], ...]]:
    """References of validation pictures: their rows, and for each picture the places of its own ones.

    Places count the pictures first, then the references. Those are the next pictures of the same issue; every third
    picture has none.
    """
    by_issue: dict[str, list[int]] = {}
    for place, panel_id in enumerate(panel_ids):
        by_issue.setdefault(_issue_of(panel_id), []).append(place)
    chosen: list[list[int]] = []
    for number, row in enumerate(rows):
        own = by_issue[_issue_of(panel_ids[int(row)])]
        at = own.index(int(row))
        chosen.append([] if number % 3 == 2 else (own[at + 1 :] + own[:at])[:_MATES])
    mates = sorted({place for places in chosen for place in places})
    return np.array(mates, int), tuple(tuple(len(rows) + mates.index(place) for place in places) for places in chosen)


def _issue_of(panel_id: str) -> str:
    """`<title>__<issue>`."""
    return panel_id.rpartition("__")[0]
