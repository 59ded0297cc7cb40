"""References in training: groups of one issue, and who is whose reference."""

import numpy as np
import torch

from models.recipe import ReferenceSampling
from pipelines.training.references import grouped_order, issue_mates, random_references, rotated_hues

IDS = tuple(f"title{t}__ep{e}__{n:04d}" for t in range(2) for e in range(3) for n in range(6))


def test_an_order_holds_every_picture_once_in_groups_of_one_issue():
    order = grouped_order(IDS, ReferenceSampling(group=3, same_issue=1.0), np.random.default_rng(0))
    assert sorted(order) == list(range(len(IDS)))
    for start in range(0, len(order), 3):
        assert len({IDS[place].rpartition("__")[0] for place in order[start : start + 3]}) == 1


def test_without_the_issue_groups_are_of_one_title():
    order = grouped_order(IDS, ReferenceSampling(group=6, same_issue=0.0), np.random.default_rng(0))
    groups = [order[start : start + 6] for start in range(0, len(order), 6)]
    assert all(len({IDS[place].split("__")[0] for place in group}) == 1 for group in groups)
    assert any(len({IDS[place].rpartition("__")[0] for place in group}) > 1 for group in groups)


def test_what_is_left_over_comes_last():
    order = grouped_order(IDS[:10], ReferenceSampling(group=4), np.random.default_rng(0))
    assert sorted(order) == list(range(10))


def test_references_are_others_of_the_group():
    torch.manual_seed(0)
    chosen, is_rotated = random_references(ReferenceSampling(group=3, none=0.5, rotated=0.5), 30)
    for own, references in enumerate(chosen):
        assert own not in references
        assert len(set(references)) == len(references)
        assert all(other // 3 == own // 3 for other in references)
        assert references or not is_rotated[own]
    assert {len(references) for references in chosen} == {0, 1, 2}
    assert 0 < is_rotated.sum() < 30


def test_a_group_of_one_has_no_reference():
    chosen, _ = random_references(ReferenceSampling(group=3), 1)
    assert chosen == ((),)


def test_hues_of_a_group_are_rotated_alike():
    torch.manual_seed(0)
    colors = torch.tensor([[0.3, 0.1], [0.3, 0.1], [0.3, 0.1]])[..., None, None]
    found = rotated_hues(colors, 2)
    assert torch.allclose(found[0], found[1])
    assert not torch.allclose(found[0], found[2])
    assert torch.allclose(found.norm(dim=1), colors.norm(dim=1))


def test_rgb_keeps_its_lightness():
    torch.manual_seed(0)
    gray = torch.full((1, 3, 2, 2), 0.25)
    assert torch.allclose(rotated_hues(gray, 1), gray, atol=0.01)


def test_validation_pictures_have_others_of_their_issue():
    rows = np.array([0, 7, 13, 20])
    mates, chosen = issue_mates(IDS, rows)
    every = [*rows, *mates]
    assert [len(places) for places in chosen] == [3, 3, 0, 3]
    for row, places in zip(rows, chosen, strict=True):
        for place in places:
            assert place >= len(rows)
            assert every[place] != row
            assert IDS[every[place]].rpartition("__")[0] == IDS[row].rpartition("__")[0]
