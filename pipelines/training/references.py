"""References in training and validation: which pictures of a batch take colours from which, and from which others.

Pictures of a training batch come in groups (`grouped_order`), and those of a group are references of each other, so
that the features of each picture are computed once. Validation pictures have others of their issue.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

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
            issues = [_issue_of(panel_ids[place]) for place in own]
            rank = dict(zip(generator.permutation(sorted(set(issues))), range(len(issues)), strict=False))
            own = own[np.argsort([rank[issue] for issue in issues], kind="stable")]
        places.extend(own)
    whole = len(places) // how.group * how.group
    groups = np.array(places[:whole], int).reshape(-1, how.group)
    return np.concatenate([generator.permutation(groups).reshape(-1), np.array(places[whole:], int)])


def random_references(how: ReferenceSampling, pictures: int, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Random references of the pictures of a training batch: (B, B) bool, and (B,) bool: hues are to be rotated.

    True at (i, j): picture j is a reference of picture i. Their number is uniform, from 1 to the group's others.
    """
    group = torch.arange(pictures, device=device) // how.group
    is_other = (group[:, None] == group) & ~torch.eye(pictures, dtype=torch.bool, device=device)
    is_rotated = (torch.rand(int(group[-1]) + 1, device=device) < how.rotated)[group]
    has_some = (torch.rand(pictures, device=device) >= how.none) | is_rotated
    count = 1 + (torch.rand(pictures, device=device) * is_other.sum(dim=1)).long()
    rank = (torch.rand(pictures, pictures, device=device) + is_other).argsort(dim=1, descending=True).argsort(dim=1)
    return is_other & (rank < count[:, None]) & has_some[:, None], is_rotated & is_other.any(dim=1)


def rotated_hues(colors: Tensor, group: int) -> Tensor:
    """Colours whose last two channels, a and b, are rotated by one random angle a group: (B, C, H, W)."""
    groups = -(-len(colors) // group)
    angles = (torch.rand(groups, device=colors.device) * 2 * torch.pi).repeat_interleave(group)[: len(colors)]
    cos, sin = angles.cos()[:, None, None, None], angles.sin()[:, None, None, None]
    rest, a, b = colors[:, :-2], colors[:, -2:-1], colors[:, -1:]
    return torch.cat([rest, a * cos - b * sin, a * sin + b * cos], dim=1)


def issue_mates(panel_ids: Sequence[str], rows: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """For validation pictures: the rows of their references, and (B, B + R) bool: which are whose.

    Those are the next pictures of the same issue. Every third picture has none.
    """
    by_issue: dict[str, list[int]] = {}
    for place, panel_id in enumerate(panel_ids):
        by_issue.setdefault(_issue_of(panel_id), []).append(place)
    chosen: list[list[int]] = []
    for number, row in enumerate(rows):
        own = by_issue[_issue_of(panel_ids[row])]
        at = own.index(int(row))
        others = own[at + 1 :] + own[:at]
        chosen.append([] if number % 3 == 2 else others[:_MATES])
    mates = sorted({place for places in chosen for place in places})
    allowed = torch.zeros(len(rows), len(rows) + len(mates), dtype=torch.bool)
    for number, places in enumerate(chosen):
        for place in places:
            allowed[number, len(rows) + mates.index(place)] = True
    return np.array(mates, int), allowed


def _issue_of(panel_id: str) -> str:
    """`<title>__<issue>`."""
    return panel_id.rpartition("__")[0]
