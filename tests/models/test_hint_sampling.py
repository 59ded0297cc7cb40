"""Hints drawn from the truth: what all distributions promise, and the statistics of each."""

import math

import cv2
import numpy as np
import pytest
import torch

from models.hints import sample_hint
from models.specs.hints import (
    FewOrManyPoints,
    HintSampling,
    KeptChannels,
    KeptPixels,
    Points,
    RemovedPatches,
    Strokes,
    ThresholdMask,
    TruncatedNormalMask,
)

ALL = [
    KeptPixels(),
    KeptChannels(),
    RemovedPatches(),
    Points(),
    TruncatedNormalMask(),
    Strokes(),
    ThresholdMask(),
    FewOrManyPoints(),
]
SHOW_THE_TRUTH = [KeptPixels(share=0.3), Points(), TruncatedNormalMask(sigma=0.3), ThresholdMask(threshold=0.8)]


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(7)


def truth_of(*shape: int) -> torch.Tensor:
    return torch.rand(shape) * 2 - 1


def shown(hint: torch.Tensor) -> torch.Tensor:
    """Number of shown pixels of each picture."""
    return hint[:, -1].sum(dim=(1, 2))


@pytest.mark.parametrize("sampling", ALL, ids=lambda sampling: type(sampling).__name__)
@pytest.mark.parametrize("size", [(64, 64), (33, 47), (5, 90), (1, 1)])
@pytest.mark.parametrize("channels", [2, 3])
def test_hint_has_its_size_a_mask_of_0_and_1_and_zeros_elsewhere(
    sampling: HintSampling, size: tuple[int, int], channels: int
):
    hint = sample_hint(sampling, truth_of(3, channels, *size))
    sides = [math.ceil(side / sampling.scale) for side in size]
    assert hint.shape == (3, channels + 1, *sides)
    mask = hint[:, -1:]
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert torch.all(hint[:, :-1][mask.expand(-1, channels, -1, -1) == 0] == 0)
    assert hint.abs().max() <= 1


@pytest.mark.parametrize("sampling", ALL, ids=lambda sampling: type(sampling).__name__)
def test_the_seed_decides(sampling: HintSampling):
    truth = truth_of(4, 2, 40, 40)

    def drawn(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return sample_hint(sampling, truth)

    assert torch.equal(drawn(1), drawn(1))
    assert len({drawn(seed).numpy().tobytes() for seed in range(8)}) > 1


@pytest.mark.parametrize("sampling", SHOW_THE_TRUTH, ids=lambda sampling: type(sampling).__name__)
def test_shown_colours_are_the_truth_reduced_by_areas(sampling: HintSampling):
    truth = truth_of(6, 3, 64, 48)
    hint = sample_hint(sampling, truth)
    k = sampling.scale
    reduced = truth.numpy().reshape(6, 3, 64 // k, k, 48 // k, k).mean(axis=(3, 5))
    is_shown = np.broadcast_to(hint[:, -1:].numpy() == 1, reduced.shape)
    assert 0 < is_shown.sum() < is_shown.size
    np.testing.assert_allclose(hint[:, :-1].numpy()[is_shown], reduced[is_shown], atol=1e-6)


def test_odd_sizes_cover_every_pixel_of_the_truth():
    hint = sample_hint(ThresholdMask(threshold=-1.0), torch.full((1, 2, 33, 47), 0.5))
    assert hint.shape == (1, 3, 9, 12)
    torch.testing.assert_close(hint[:, :2], torch.full((1, 2, 9, 12), 0.5))


def test_kept_pixels_are_one_in_a_hundred():
    hint = sample_hint(KeptPixels(), truth_of(16, 2, 128, 128))
    # 262,144 draws with probability 0.01: a standard deviation is 0.0002
    assert hint[:, -1].mean().item() == pytest.approx(0.01, abs=0.001)


def test_kept_channels_drop_one_of_them_each_as_often():
    truth = truth_of(600, 2, 4, 4)
    hint = sample_hint(KeptChannels(), truth)
    assert torch.all(hint[:, -1] == 1)
    is_dropped = (hint[:, :-1] == 0).all(dim=(2, 3))  # (B, C)
    assert torch.all(is_dropped.sum(dim=1) == 1)
    assert torch.equal(hint[:, :-1], truth * ~is_dropped[..., None, None])
    assert 240 < int(is_dropped[:, 0].sum()) < 360  # 300 +- 12


def test_removed_patches_leave_what_thirty_squares_of_a_fifth_do_not_cover():
    hint = sample_hint(RemovedPatches(), truth_of(20, 2, 256, 256))
    # 50 of 207 places of a square cover one in the middle, in each direction
    middle = hint[:, -1, 100:156, 100:156].mean().item()
    assert middle == pytest.approx((1 - (50 / 207) ** 2) ** 30, abs=0.05)
    assert hint[:, -1, 0, 0].mean() > 0.9  # only the very first place covers a corner


def test_one_removed_patch_is_a_square_of_its_side():
    hint = sample_hint(RemovedPatches(patches=1), truth_of(5, 2, 256, 256))
    for removed in 1 - hint[:, -1]:
        rows, columns = removed.any(dim=1), removed.any(dim=0)
        assert (rows.sum(), columns.sum(), removed.sum()) == (50, 50, 2500)


def test_colours_beside_patches_are_blurred_by_a_mean_that_ends_at_the_border():
    truth = truth_of(1, 2, 20, 30)
    hint = sample_hint(RemovedPatches(patches=0), truth)
    half_height, half_width = int(100 / 256 * 20 / 2), int(100 / 256 * 30 / 2)
    for y, x in [(0, 0), (10, 15), (19, 3)]:
        window = truth[0, :, max(0, y - half_height) : y + half_height + 1, max(0, x - half_width) : x + half_width + 1]
        torch.testing.assert_close(hint[0, :2, y, x], window.mean(dim=(1, 2)))


def test_points_are_uniform_from_0_to_128():
    counts = shown(sample_hint(Points(), truth_of(2000, 2, 128, 128)[:, :, ::2, ::2]))
    assert (counts.min(), counts.max()) == (0, 128)
    assert counts.mean().item() == pytest.approx(64, abs=3)  # a standard deviation is 0.83
    assert counts.var().item() == pytest.approx((129**2 - 1) / 12, rel=0.1)


def test_points_of_the_released_code():
    counts = shown(sample_hint(Points(scale=1, min_count=5, max_count=65, few=0.4), truth_of(3000, 2, 16, 16)))
    assert set(counts.int().tolist()) == set(range(66))
    none = (counts == 0).float().mean().item()
    assert none == pytest.approx(0.2, abs=0.03)
    up_to_four = ((counts > 0) & (counts < 5)).float().mean().item()
    assert up_to_four == pytest.approx(0.2 * 4 / 5, abs=0.03)
    later = shown(sample_hint(Points(scale=1, min_count=28, max_count=128), truth_of(500, 2, 16, 16)))
    assert later.min() >= 28
    assert later.max() <= 128


def test_points_lie_anywhere_and_fill_at_most_the_picture():
    heat = sample_hint(Points(scale=1, min_count=8, max_count=8), truth_of(4000, 2, 4, 4))[:, -1].mean(dim=0)
    torch.testing.assert_close(heat, torch.full((4, 4), 0.5), atol=0.05, rtol=0)
    assert torch.all(shown(sample_hint(Points(scale=1, min_count=50, max_count=128), truth_of(5, 2, 4, 4))) == 16)


@pytest.mark.parametrize("batch", [4, 8])
def test_half_of_each_batch_is_without_hints(batch: int):
    for _ in range(10):
        counts = shown(sample_hint(TruncatedNormalMask(scale=1, sigma=0.3), truth_of(batch, 2, 16, 16)))
        assert (counts == 0).sum() == batch // 2


def test_a_batch_of_one_is_without_hints_as_often_as_not():
    counts = torch.cat([shown(sample_hint(TruncatedNormalMask(sigma=0.3), truth_of(1, 2, 64, 64))) for _ in range(400)])
    assert (counts == 0).float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_share_of_the_truncated_normal_mask():
    hint = sample_hint(TruncatedNormalMask(scale=1), truth_of(800, 2, 64, 64))
    shares = hint[:, -1].mean(dim=(1, 2))
    has_hints = shares.reshape(-1, 2).max(dim=1).values
    # 1 - X for X from N(1, 0.005) cut off at 1: |N(0, 0.005)|
    assert has_hints.mean().item() == pytest.approx(0.005 * math.sqrt(2 / math.pi), rel=0.12)
    assert has_hints.std().item() == pytest.approx(0.005 * math.sqrt(1 - 2 / math.pi), rel=0.2)


def test_threshold_mask_shows_what_exceeds_it():
    hint = sample_hint(ThresholdMask(), truth_of(16, 3, 256, 256))
    assert hint[:, -1].mean().item() == pytest.approx(0.01, abs=0.001)  # of 65,536; a standard deviation is 0.0004


def test_strokes_have_the_colour_of_their_start():
    # Colours that identify their pixel
    truth = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij"))[None] / 100
    hint = sample_hint(Strokes(scale=1, max_count=3, reach=10), truth.expand(50, -1, -1, -1))
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    for picture in hint:
        is_drawn = picture[-1] == 1
        start_y, start_x = (picture[:2, is_drawn] * 100).round()
        assert torch.all((picture[:2, is_drawn] * 100 - torch.stack([start_y, start_x])).abs() < 1e-3)
        reach = torch.maximum((y[is_drawn] - start_y).abs(), (x[is_drawn] - start_x).abs())
        assert torch.all(reach <= 10 + 2)
        assert len(set(zip(start_y.tolist(), start_x.tolist(), strict=True))) <= 3
    drawn = shown(hint)
    assert 5 < (drawn == 0).sum() < 25  # no stroke at all: one in four


def test_single_points_are_discs_of_their_thickness():
    hint = sample_hint(Strokes(scale=1, max_count=1, points=1, thickness=4), truth_of(600, 2, 40, 40))
    # No stroke, or all within 1/2, 1, 3/2 and 2 pixels: 1, 5, 9 and 13 of them. Borders cut some.
    areas = shown(hint)
    found = {area: int((areas == area).sum()) for area in (0, 1, 5, 9, 13)}
    assert 250 < found.pop(0) < 350
    assert all(40 < count < 110 for count in found.values()), found


def test_strokes_are_connected():
    hint = sample_hint(Strokes(scale=1, max_count=1, thickness=2), truth_of(200, 2, 48, 48))
    border = hint[:, -1].clone()
    border[:, 1:-1, 1:-1] = 0
    inside = hint[border.sum(dim=(1, 2)) == 0, -1].byte().numpy()  # those that no border cuts
    assert len(inside) > 100
    assert {cv2.connectedComponents(mask, connectivity=8)[0] - 1 for mask in inside} == {0, 1}


def test_the_last_stroke_is_on_top():
    pixels = torch.linspace(-1, 1, 2).reshape(1, 1, 1, 2).expand(1, 2, 1, 2)
    hint = sample_hint(Strokes(scale=1, max_count=120, points=1, thickness=4), pixels.expand(300, -1, -1, -1))
    hint = hint[shown(hint) == 2]
    # The last stroke covers both pixels when it is wider than one, which it is in three of four; otherwise its
    # neighbour has the colour of the last stroke that was, or its own.
    alike = (hint[:, 0, 0, 0] == hint[:, 0, 0, 1]).float().mean().item()
    # p = 3/4 + 1/4 * (the last one that painted the other pixel was its neighbour's: 3/7)
    assert alike == pytest.approx(3 / 4 + 1 / 4 * 3 / 7, abs=0.07)


def test_strokes_number_from_none_to_120():
    shares = sample_hint(Strokes(scale=1), truth_of(60, 2, 128, 128))[:, -1].mean(dim=(1, 2))
    assert shares.min() < 0.03
    assert 0.15 < shares.max() < 0.7
    assert 0.08 < shares.mean() < 0.3


def test_an_unknown_way_to_draw_is_refused():
    with pytest.raises(TypeError, match="HintSampling"):
        sample_hint(HintSampling(), truth_of(1, 2, 8, 8))


def test_few_or_many_points_are_as_often_few_as_many():
    counts = shown(sample_hint(FewOrManyPoints(even_px=3), truth_of(400, 2, 32, 32)))
    assert (counts == 0).float().mean() == pytest.approx(0.35, abs=0.08)
    assert counts.max() > 64
    assert ((counts > 0) & (counts < 12)).float().mean() > 0.2


def test_marks_lie_where_there_is_even_colour():
    truth = torch.zeros(100, 2, 32, 32)
    truth[:, :, 10:28, 10:28] = 0.4
    hint = sample_hint(FewOrManyPoints(max_count=4, none=0.0), truth)
    in_square = (hint[:, :1].flatten(1) > 0.3).sum(dim=1) == shown(hint)
    assert in_square.float().mean() > 0.5
    assert ((hint[:, :2] > 0) <= (hint[:, 2:] > 0)).all()
