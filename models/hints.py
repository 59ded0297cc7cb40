"""Hints as tensors: sparse colour drawn from the truth, as the papers draw it while they train.

A hint is (B, C + 1, h, w): the colours of the truth where the mask, its last channel, is 1, and 0 in all channels
elsewhere. The distributions and their sources are in `models.specs.hints`. What is random comes from torch's global
generator of the truth's device.
"""

from math import ceil, log

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

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


@torch.no_grad()
def sample_hint(sampling: HintSampling, truth: Tensor) -> Tensor:
    """Hints as `sampling` draws them.

    Args:
        sampling: The distribution.
        truth: (B, C, H, W) float in [-1, 1]: ab or RGB.

    Returns (B, C + 1, ceil(H / scale), ceil(W / scale)), in [-1, 1], on the truth's device. Every pixel of the
    hint is the mean over the pixels of the truth that it covers, before anything is drawn.
    """
    height, width = truth.shape[-2:]
    size = (ceil(height / sampling.scale), ceil(width / sampling.scale))
    colors = truth if size == (height, width) else interpolate(truth, size, mode="area")
    colors, mask = _drawn(sampling, colors)
    return torch.cat([colors * mask, mask], dim=1)


def _drawn(sampling: HintSampling, colors: Tensor) -> tuple[Tensor, Tensor]:
    """Colours (B, C, h, w), and the mask (B, 1, h, w) of 0 and 1 that marks where they are shown."""
    match sampling:
        case KeptPixels():
            return colors, _as_mask(_uniform(colors) < sampling.share, colors)
        case KeptChannels():
            return _without_one_channel(colors), torch.ones_like(colors[:, :1])
        case RemovedPatches():
            return _blurred(colors, sampling.blur), _around_patches(sampling, colors)
        case Points():
            return colors, _points(sampling, colors)
        case FewOrManyPoints():
            return colors, _few_or_many(sampling, colors)
        case TruncatedNormalMask():
            return colors, _truncated_normal(sampling, colors)
        case Strokes():
            return _strokes(sampling, colors)
        case ThresholdMask():
            return colors, _as_mask(_uniform(colors) > sampling.threshold, colors)
        case _:
            raise TypeError(f"{type(sampling).__name__}: no way to draw hints")


def _without_one_channel(colors: Tensor) -> Tensor:
    pictures, channels = colors.shape[:2]
    dropped = torch.randint(channels, (pictures, 1), device=colors.device)
    is_kept = torch.arange(channels, device=colors.device) != dropped  # (B, C)
    return colors * is_kept[..., None, None]


def _around_patches(sampling: RemovedPatches, colors: Tensor) -> Tensor:
    pictures, _, height, width = colors.shape
    is_removed = torch.zeros(pictures, 1, height, width, dtype=torch.bool, device=colors.device)
    rows = torch.arange(height, device=colors.device)
    columns = torch.arange(width, device=colors.device)
    patch_height, patch_width = (max(1, round(sampling.side * length)) for length in (height, width))
    for _ in range(sampling.patches):
        top = torch.randint(height - patch_height + 1, (pictures, 1, 1, 1), device=colors.device)
        left = torch.randint(width - patch_width + 1, (pictures, 1, 1, 1), device=colors.device)
        row, column = rows[:, None] - top, columns - left
        is_removed |= (row >= 0) & (row < patch_height) & (column >= 0) & (column < patch_width)
    return _as_mask(~is_removed, colors)


def _points(sampling: Points, colors: Tensor) -> Tensor:
    pictures, _, height, width = colors.shape
    device = colors.device
    counts = torch.randint(sampling.min_count, sampling.max_count + 1, (pictures,), device=device)
    few = torch.randint(1, sampling.few_max + 1, (pictures,), device=device)
    few *= torch.rand(pictures, device=device) < 0.5
    counts = torch.where(torch.rand(pictures, device=device) < sampling.few, few, counts)
    room = min(max(sampling.max_count, sampling.few_max), height * width)
    places = torch.rand(pictures, height * width, device=device).topk(room).indices  # distinct, uniform
    is_shown = torch.arange(room, device=device) < counts[:, None]  # (B, room)
    mask = colors.new_zeros(pictures, height * width).scatter_(1, places, is_shown.to(colors.dtype))
    return mask.reshape(pictures, 1, height, width)


def _few_or_many(sampling: FewOrManyPoints, colors: Tensor) -> Tensor:
    pictures, _, height, width = colors.shape
    device, room = colors.device, min(sampling.max_count, height * width)
    counts = torch.exp(torch.rand(pictures, device=device) * log(room + 1)).long().clamp(max=room)
    counts *= torch.rand(pictures, device=device) >= sampling.none
    # Each place draws a number; the highest have the hints. Places where the colour changes are set back.
    is_marked = torch.rand(pictures, 1, device=device) < 0.5
    set_back = is_marked & ~_is_even_and_colored(sampling, colors).flatten(1)
    places = (torch.rand(pictures, height * width, device=device) - set_back.float()).topk(room).indices
    is_shown = torch.arange(room, device=device) < counts[:, None]
    mask = colors.new_zeros(pictures, height * width).scatter_(1, places, is_shown.to(colors.dtype))
    mask = mask.reshape(pictures, 1, height, width)
    size = torch.where(is_marked[:, 0], torch.randint(3, (pictures,), device=device), 0)
    dots = [mask, *(max_pool2d(mask, side, 1, side // 2) for side in (3, 5))]
    return torch.stack(dots, dim=1)[torch.arange(pictures, device=device), size]


def _is_even_and_colored(sampling: FewOrManyPoints, colors: Tensor) -> Tensor:
    """(B, 1, H, W) bool, by blocks of a third of the window: the colour about it is even, and is no gray."""
    block = max(1, min(sampling.even_px // 3, *colors.shape[-2:]))
    mean, square = (
        avg_pool2d(avg_pool2d(x, block, ceil_mode=True), 3, 1, 1, count_include_pad=False)
        for x in (colors, colors.square())
    )
    is_even = (square - mean.square()).sum(dim=1, keepdim=True) < sampling.uneven**2
    tint = mean - mean.mean(dim=1, keepdim=True) if colors.shape[1] == 3 else mean
    fits = is_even & (tint.square().sum(dim=1, keepdim=True) > sampling.neutral**2)
    whole = fits.repeat_interleave(block, dim=2).repeat_interleave(block, dim=3)
    return whole[..., : colors.shape[-2], : colors.shape[-1]]


def _truncated_normal(sampling: TruncatedNormalMask, colors: Tensor) -> Tensor:
    pictures, device = len(colors), colors.device
    # N(1, sigma) cut off above 1 is 1 - |N(0, sigma)|; what is cut off below 0 lies 200 sigma away.
    thresholds = 1 - sampling.sigma * torch.randn(pictures, 1, 1, 1, device=device).abs()
    # A coin decides if the first picture has hints, so that odd batches, and batches of one, have both kinds.
    coin = torch.randint(2, (), device=device)
    has_hints = (torch.arange(pictures, device=device) + coin) % 2 == 0
    return _as_mask((_uniform(colors) >= thresholds) & has_hints[:, None, None, None], colors)


def _strokes(sampling: Strokes, colors: Tensor) -> tuple[Tensor, Tensor]:
    """Every stroke is drawn in a window about its start; where strokes cross, the last one is on top."""
    pictures, channels, height, width = colors.shape
    device, strokes = colors.device, sampling.max_count

    def integers(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high + 1, shape, device=device)

    counts = integers(0, strokes, pictures, 1)
    start_x, start_y = integers(0, width - 1, pictures, strokes), integers(0, height - 1, pictures, strokes)
    thickness = integers(1, sampling.thickness, pictures, strokes, 1)
    points = integers(1, sampling.points, pictures, strokes)
    box = integers(1, sampling.reach, pictures, strokes, 1, 2)
    steps = (2 * torch.rand(pictures, strokes, sampling.points, 2, device=device) - 1) * box
    steps = steps.round()
    steps[:, :, 0] = 0  # each stroke touches its start, the pixel that gives its colour

    reach = sampling.reach + sampling.thickness // 2
    offsets = torch.arange(-reach, reach + 1, device=device)
    window = torch.cartesian_prod(offsets, offsets).to(steps.dtype)  # (P, 2): x, y
    nearest = (window**2).sum(dim=1).expand(pictures, strokes, -1)  # squared distances to the stroke, (B, S, P)
    for corner in range(sampling.points - 1):
        distances = _squared_distances(window, steps[:, :, corner], steps[:, :, corner + 1])
        nearest = torch.where((corner + 1 < points)[..., None], torch.minimum(nearest, distances), nearest)

    x = start_x[..., None] + window[:, 0].long()  # (B, S, P)
    y = start_y[..., None] + window[:, 1].long()
    numbers = torch.arange(1, strokes + 1, device=device)[:, None]  # 1 is the first stroke, 0 no stroke
    is_drawn = (4 * nearest <= thickness**2) & (numbers <= counts[..., None])
    is_drawn &= (x >= 0) & (x < width) & (y >= 0) & (y < height)
    pixels = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).flatten(1)
    top = torch.zeros(pictures, height * width, dtype=torch.long, device=device)
    top.scatter_reduce_(1, pixels, (numbers * is_drawn).flatten(1), "amax")  # amax: in whatever order they come

    starts = (start_y * width + start_x)[:, None].expand(-1, channels, -1)
    paints = pad(colors.flatten(2).gather(2, starts), (1, 0))  # (B, C, 1 + S)
    painted = paints.gather(2, top[:, None].expand(-1, channels, -1))
    return painted.reshape(colors.shape), _as_mask(top.reshape(pictures, 1, height, width) > 0, colors)


def _squared_distances(places: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """From each of (P, 2) places to the lines between (..., 2) and (..., 2): (..., P)."""
    along = end - start
    from_start = places - start[..., None, :]
    share = (from_start * along[..., None, :]).sum(-1) / (along**2).sum(-1, keepdim=True).clamp(min=1e-6)
    return ((from_start - share.clamp(0, 1)[..., None] * along[..., None, :]) ** 2).sum(-1)


def _blurred(colors: Tensor, share: float) -> Tensor:
    """Mean over a window whose sides are a share of the picture's; beyond the borders lies nothing."""
    half_height, half_width = (int(share * length / 2) for length in colors.shape[-2:])
    rows = avg_pool2d(colors, (2 * half_height + 1, 1), 1, (half_height, 0), count_include_pad=False)
    return avg_pool2d(rows, (1, 2 * half_width + 1), 1, (0, half_width), count_include_pad=False)


def _uniform(colors: Tensor) -> Tensor:
    """U[0, 1) for each pixel, (B, 1, h, w) float32."""
    return torch.rand(len(colors), 1, *colors.shape[-2:], device=colors.device)


def _as_mask(is_shown: Tensor, colors: Tensor) -> Tensor:
    return is_shown.to(colors.dtype)
