"""He et al., "Deep Exemplar-based Colorization" (2018): match places with references, then a network that may disagree.

The features are those of the frozen EfficientNet-Lite0, by which the untrained match works (`models.matching`). Each
head of the matching starts as that match and learns a correction. A small U-Net sees what the heads propose, the
hints, and the features; for each pixel it chooses among the proposals and adds a colour of its own.

Colours are ab / AB_SCALE, or L / 50 - 1 and ab / AB_SCALE for lines, all about [-1, 1].
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle, softplus

from models.color import lab_to_rgb
from models.efficientnet import EfficientNetLite0, load_efficientnet_lite0
from models.exemplar.smoothing import smoothed
from models.exemplar.spec import Exemplar, ExemplarUNet as Spec
from models.matching import CHANNELS, places_of
from models.objective import Batch, Objective, OptimizerStep, adams
from models.specs.base import AB_SCALE

_HINT_TEMPERATURE = 0.08
_HINT_PENALTY = 0.02
"""By unit of L between a place and a hint."""
_HINT_DISTANCE = 0.5
"""By side of the picture between a place and a hint."""
_MAX_HINTS = 512
"""Cells with hints that places are compared with: evenly spaced ones of more."""
_SOFT = 0.003
"""The weight of matched colours beside a hint's 1, where both are smoothed."""
_SHARE = 8
"""Channels in which the U-Net's own attention over references works, by head."""
_HEADS = 4


class ReferencePlaces(NamedTuple):
    """The places of all references of one picture."""

    features: Tensor
    """(N, CHANNELS), of unit length."""
    lightness: Tensor
    """(N,), L in 0..100."""
    colors: Tensor
    """(N, C): their colours."""


class Answer(NamedTuple):
    """The colours of a picture."""

    colors: Tensor
    """(B, C, H, W)."""
    confidence: Tensor
    """(B, 1, H, W) in (0, 1): exp(-e / 10) of the expected CIEDE2000 e."""


@lru_cache(maxsize=2)
def _efficientnet(device: torch.device) -> EfficientNetLite0:
    return load_efficientnet_lite0().to(device, memory_format=torch.channels_last)  # never one for two devices: `to` moves a module in place


class _Match(nn.Module):
    """Colours by similarity of places, by several heads; each starts as the untrained match at its temperature."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self._penalty = spec.lightness_penalty
        self._heads, self._channels = len(spec.temperatures), spec.match_channels
        self.sharpness = nn.Parameter(torch.log(1 / torch.tensor(spec.temperatures)))
        self.penalty = nn.Parameter(torch.zeros(self._heads))
        learned = self._heads * self._channels
        self.query = nn.Linear(CHANNELS, learned)
        self.key = nn.Linear(CHANNELS, learned)
        nn.init.zeros_(self.query.weight)
        nn.init.zeros_(self.query.bias)

    @staticmethod
    def channels(heads: int, colors: int) -> int:
        """Channels of the result."""
        return heads * (colors + 1) + 2

    def forward(self, features: Tensor, lightness: Tensor, references: ReferencePlaces) -> Tensor:
        """(M, CHANNELS), (M,) -> (M, channels): each head's colours, then each one's spread, then similarity."""
        with torch.no_grad(), torch.autocast(features.device.type, enabled=False):
            similar = features @ references.features.T  # (M, N)
            light = (lightness[:, None] - references.lightness).abs() / 100
            scored = similar - self._penalty * 100 * light
        queries = self._split(self.query(features))
        keys = self._split(self.key(references.features)) / self._channels**0.5 * 20
        means, spreads = [], []
        values = torch.cat([references.colors, references.colors.square()], dim=1)
        for head in range(self._heads):
            logits = scored * self.sharpness[head].exp()
            if head:
                logits = logits + queries[head] @ keys[head].T - self.penalty[head] * 10 * light
            mean, square = (torch.softmax(logits, dim=1) @ values).chunk(2, dim=1)
            means.append(mean)
            spreads.append(((square - mean.square()).clamp(min=0).sum(dim=1, keepdim=True) + 1e-6).sqrt())
        best = scored.amax(dim=1, keepdim=True)
        soft = torch.logsumexp(scored / 0.05, dim=1, keepdim=True) * 0.05
        return torch.cat([*means, *spreads, best, soft], dim=1)

    def _split(self, rows: Tensor) -> Tensor:
        """(N, heads * channels) -> (heads, N, channels)."""
        return rows.reshape(len(rows), self._heads, self._channels).transpose(0, 1)


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, a=0.2)
        nn.init.normal_(self.second.weight, std=0.1 * (2 / (9 * channels)) ** 0.5)
        nn.init.zeros_(self.first.bias)
        nn.init.zeros_(self.second.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(leaky_relu(self.first(leaky_relu(x, 0.2)), 0.2))


class _Attention(nn.Module):
    """What the U-Net itself looks up in the references at stride 16, with what it knows of the whole picture."""

    def __init__(self, channels: int, colors: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, _HEADS * 32)
        self.key = nn.Linear(CHANNELS, _HEADS * 32)
        self.value = nn.Linear(CHANNELS + colors, _HEADS * _SHARE)
        self.out = nn.Linear(_HEADS * (_SHARE + colors), channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, state: Tensor, features: Tensor, colors: Tensor) -> Tensor:
        """(M, channels), references' (N, CHANNELS) and (N, C) -> (M, channels) to add."""
        queries = self.query(state).unflatten(1, (_HEADS, 32)).transpose(0, 1)
        keys = self.key(features).unflatten(1, (_HEADS, 32)).transpose(0, 1)
        weights = torch.softmax(queries @ keys.mT * (20 / 32**0.5), dim=2)  # (heads, M, N)
        values = self.value(torch.cat([features * 20, colors], dim=1)).unflatten(1, (_HEADS, _SHARE)).transpose(0, 1)
        values = torch.cat([values, colors.expand(_HEADS, -1, -1)], dim=2)
        return self.out((weights @ values).transpose(0, 1).flatten(1))


class ExemplarUNet(nn.Module):
    """See the module. (B, 1, H, W) lightness -> (B, C, H, W) colours; H and W are multiples of 32."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        colors, heads, width = spec.out_channels, len(spec.temperatures), spec.width
        self._colors, self._heads = colors, heads
        self.match = _Match(spec)
        given = 4 + (colors + 1) + (colors + 1) + (colors + 2) + _Match.channels(heads, colors) + (colors + 1) + 2
        widths = (width, 2 * width, 4 * width, 6 * width, 6 * width)
        self.enter = nn.Conv2d(given, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(widths, widths[1:], strict=False))
        self.project = nn.ModuleList(nn.Conv2d(CHANNELS, channels, 1) for channels in widths[2:])
        self.encode = nn.ModuleList(_Residual(channels) for channels in widths[1:])
        self.look_up = _Attention(widths[3], colors)
        self.statistics = nn.Linear(2 * colors + 3, widths[3])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in zip(widths, widths[1:], strict=False))
        self.decode = nn.ModuleList(_Residual(channels) for channels in widths[:-1])
        self.candidates = heads + 4  # nothing, the smoothed answer, each head, matched hints, smoothed hints
        self.leave = nn.Conv2d(width, 4 * (self.candidates + colors + 1), 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        with torch.no_grad():
            self.leave.bias[4:8] = 4.0  # the smoothed answer

    # The frozen features have no place among the weights: they come with an installed package.

    def places(self, lightness: Tensor) -> Tensor:
        """Features by place of pictures, (B, 1, H, W) in [-1, 1] -> (B, CHANNELS, H / 8, W / 8)."""
        with torch.no_grad():
            gray = lab_to_rgb(lightness, torch.zeros_like(lightness).expand(-1, 2, -1, -1))[:, :1]
            return places_of(_efficientnet(lightness.device), gray).features

    def forward(self, condition: Tensor, hint: Tensor | None = None, references: "Tensor | None" = None) -> Tensor:
        """Colours of a batch; see `answer`."""
        return self.answer(condition, hint, references).colors

    def answer(self, condition: Tensor, hint: Tensor | None = None, references=None) -> Answer:
        if references is None:
            return self.refine(condition, self.places(condition), [None] * len(condition), hint)
        lightness, colors, allowed = references
        places = self.places(lightness)
        small_light = avg_pool2d(lightness, 8).flatten(1) * 50 + 50
        small_colors = avg_pool2d(colors, 8).flatten(2).mT
        features = places.flatten(2).mT
        if self.training:  # half of the places are enough to learn from
            chosen = torch.randperm(features.shape[1])[::2]
            features, small_light, small_colors = features[:, chosen], small_light[:, chosen], small_colors[:, chosen]
        given = [
            ReferencePlaces(features[row].flatten(0, 1), small_light[row].flatten(), small_colors[row].flatten(0, 1))
            if row.any()
            else None
            for row in allowed
        ]
        return self.refine(condition, places[: len(condition)], given, hint)

    def refine(
        self,
        lightness: Tensor,
        places: Tensor,
        references: "list[ReferencePlaces | None]",
        hint: Tensor | None = None,
    ) -> Answer:
        """
        lightness (B,1,H,W) in [-1,1]; places (B, CHANNELS, H/8, W/8); hint (B, C+1, H, W).
        """
        pictures, _, height, width = lightness.shape
        if hint is None:
            hint = lightness.new_zeros(pictures, self._colors + 1, height, width)
        light8 = avg_pool2d(lightness, 8) * 50 + 50
        features = places.flatten(2).mT  # (B, M, CHANNELS)
        matched = torch.stack(
            [
                self.match(features[i], light8[i].flatten(), found)
                if found is not None
                else features.new_zeros(features.shape[1], _Match.channels(self._heads, self._colors))
                for i, found in enumerate(references)
            ]
        )
        matched = matched.mT.unflatten(2, places.shape[-2:])  # (B, channels, H/8, W/8)
        has_references = lightness.new_tensor([found is not None for found in references])[:, None, None, None]
        has_hints = (hint[:, -1:].flatten(1).sum(1) > 0).to(lightness.dtype)[:, None, None, None]
        half = (height // 2, width // 2)
        from_hints = self._match_hints(lightness, places, hint)
        from_places = interpolate(matched, half, mode="bilinear")
        answers = self._smoothed(lightness, hint, from_hints, from_places, has_references)
        spread_hints, answer = avg_pool2d(answers, 2).chunk(2, dim=1)
        cells = avg_pool2d(hint, 2) * 4
        flags = torch.cat([has_references, has_hints], dim=1).expand(-1, -1, *half)
        x = torch.cat(
            [pixel_unshuffle(lightness, 2), cells, spread_hints, from_hints, from_places, answer, flags], dim=1
        )
        output = self._unet(x, places, references, hint)
        output = pixel_shuffle(output, 2)
        choice, own, doubt = output.split([self.candidates, self._colors, 1], dim=1)
        matched = torch.cat([from_places[:, : self._heads * self._colors], from_hints[:, : self._colors]], dim=1)
        spread_hints, answer = answers.chunk(2, dim=1)
        proposals = [
            answer[:, : self._colors],
            interpolate(matched, (height, width), mode="bilinear"),
            spread_hints[:, : self._colors],
        ]
        is_there = torch.cat(
            [
                torch.ones_like(has_hints),
                torch.maximum(has_references, has_hints),
                has_references.expand(-1, self._heads, -1, -1),
                has_hints.expand(-1, 2, -1, -1),
            ],
            dim=1,
        )
        weights = torch.softmax(choice - 30 * (1 - is_there), dim=1)
        stacked = torch.cat(proposals, dim=1).unflatten(1, (self.candidates - 1, self._colors))
        colors = (weights[:, 1:, None] * stacked).sum(dim=1) + own * 0.3
        return Answer(colors, torch.sigmoid(doubt))

    def _unet(self, x: Tensor, places: Tensor, references: "list[ReferencePlaces | None]", hint: Tensor) -> Tensor:
        maps = [self.enter(x)]
        for level, (down, encode) in enumerate(zip(self.down, self.encode, strict=True)):
            y = down(leaky_relu(maps[-1], 0.2))
            if level:
                y = y + self.project[level - 1](avg_pool2d(places, 2 ** (level - 1)) * 20)
            y = encode(y)
            if level == 2:
                y = self._with_references(y, places, references, hint)
            maps.append(y)
        y = maps.pop()
        for up, decode in zip(reversed(self.up), reversed(self.decode), strict=True):
            skip = maps.pop()
            y = decode(skip + interpolate(up(y), skip.shape[-2:], mode="nearest"))
        return self.leave(leaky_relu(y, 0.2))

    def _with_references(
        self, y: Tensor, places: Tensor, references: "list[ReferencePlaces | None]", hint: Tensor
    ) -> Tensor:
        """What the references say about the picture as a whole and, by attention, about its places."""
        counts = hint[:, -1].flatten(1).sum(1)
        mean_hint = hint[:, :-1].flatten(2).sum(2) / counts.clamp(min=1)[:, None]
        rows = []
        for i, found in enumerate(references):
            mean = found.colors.mean(0) if found is not None else mean_hint.new_zeros(self._colors)
            chroma = found.colors[:, -2:].norm(dim=1).mean() if found is not None else mean.sum()
            rows.append(torch.cat([mean, chroma[None], mean_hint[i], (counts[i] > 0)[None].to(mean.dtype)]))
        told = torch.stack(rows)
        told = torch.cat([told, torch.log1p(counts)[:, None]], dim=1)
        y = y + self.statistics(told)[..., None, None]
        added = []
        for i, found in enumerate(references):
            state = y[i].flatten(1).T
            if found is None:
                added.append(torch.zeros_like(state))
                continue
            added.append(self.look_up(state, found.features, found.colors))
        return y + torch.stack(added).mT.unflatten(2, y.shape[-2:])

    def _match_hints(self, lightness: Tensor, places: Tensor, hint: Tensor) -> Tensor:
        """Each place's colours by the picture's own hints: (B, C + 2, H / 2, W / 2): colours, spread, similarity."""
        size = (lightness.shape[-2] // 2, lightness.shape[-1] // 2)
        light = avg_pool2d(lightness, 2) * 50 + 50
        rows, columns = torch.meshgrid(
            *(torch.linspace(0, 1, n, device=lightness.device) for n in size), indexing="ij"
        )
        found = []
        # Hints in cells of 2 x 2 pixels; the last but one channel is the lightness under them.
        cells = avg_pool2d(torch.cat([hint[:, :-1], lightness * hint[:, -1:], hint[:, -1:]], dim=1), 2)
        for i in range(len(lightness)):
            where = cells[i, -1].nonzero()
            if not len(where):
                found.append(lightness.new_zeros(self._colors + 2, *size))
                continue
            where = where[torch.linspace(0, len(where) - 1, min(len(where), _MAX_HINTS)).long()]
            y, x = where.unbind(1)
            keys = places[i, :, y // 4, x // 4].T  # (N, CHANNELS)
            colors, key_light = (cells[i, :-1, y, x] / cells[i, -1, y, x]).split([self._colors, 1])
            similar = (keys @ places[i].flatten(1)).unflatten(1, places.shape[-2:])
            similar = interpolate(similar[None], size, mode="bilinear")[0]  # (N, H / 2, W / 2)
            similar -= _HINT_PENALTY * (light[i] - key_light.T[..., None] * 50 - 50).abs()
            far = (rows - rows[y, 0, None, None]) ** 2 + (columns - columns[0, x, None, None]) ** 2
            similar -= _HINT_DISTANCE * far.sqrt()
            weights = torch.softmax(similar / _HINT_TEMPERATURE, dim=0).flatten(1)  # (N, K)
            mean = colors @ weights
            spread = (colors.square() @ weights - mean.square()).clamp(min=0).sum(0, keepdim=True).sqrt()
            best = similar.amax(0).flatten()[None]
            found.append(torch.cat([mean, spread, best]).unflatten(1, size))
        return torch.stack(found)

    def _smoothed(
        self, lightness: Tensor, hint: Tensor, from_hints: Tensor, from_places: Tensor, has_references: Tensor
    ) -> Tensor:
        """Hints spread under the lightness and their weight; then the untrained answer and its weight."""
        c, heads, size = self._colors, self._heads, lightness.shape[-2:]
        marks = torch.cat([hint[:, :c] * hint[:, c:], hint[:, c:]], dim=1)
        has_hints = (hint[:, -1:].amax(dim=(2, 3), keepdim=True) > 0).to(hint.dtype)
        hint_colors, reference_colors = from_hints[:, :c].detach(), from_places[:, :c].detach()
        spread = from_places[:, heads * c : heads * c + 1].detach() * AB_SCALE
        hint_weight = _SOFT * has_hints * torch.ones_like(hint_colors[:, :1])
        weight = _SOFT * has_references / (1 + (spread / 15) ** 2)
        soft = torch.cat([hint_colors * hint_weight + reference_colors * weight, hint_weight + weight], dim=1)
        soft = interpolate(soft, size, mode="bilinear")
        out = smoothed(torch.cat([marks, marks + soft], dim=1), lightness * 50 + 50)
        hints, hint_mass, answer, mass = out.split([c, 1, c, 1], dim=1)
        return torch.cat(
            [
                hints / hint_mass.clamp(min=1e-9) * has_hints,
                (hint_mass.clamp(min=1e-6).log() + 7) / 4,
                answer / mass.clamp(min=1e-9),
                (mass.clamp(min=1e-6).log() + 7) / 4,
            ],
            dim=1,
        )


def color_difference(output: Tensor, truth: Tensor) -> Tensor:
    """CIEDE2000's chroma and hue terms for colours of about the same lightness: (B, 2, H, W) each -> (B, 1, H, W).

    In units of CIEDE2000. Without its rotation term, and with the hue's weight 1 (Sharma et al. 2005).
    """
    output, truth = output * AB_SCALE, truth * AB_SCALE
    chroma, true_chroma = ((x.square().sum(1, keepdim=True) + 1e-2).sqrt() for x in (output, truth))
    mean = (chroma + true_chroma).detach() / 2
    along = chroma - true_chroma
    across = ((output - truth).square().sum(1, keepdim=True) - along.square()).clamp(min=0)
    return ((along / (1 + 0.045 * mean)) ** 2 + across / (1 + 0.015 * mean) ** 2 + 0.1).sqrt()


class ExemplarObjective(Objective):
    """See `models.exemplar.spec.Exemplar`."""

    def __init__(self, spec: Exemplar, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks = {"generator": ExemplarUNet(spec.generator)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        answer = self.networks["generator"].answer(*batch.given)
        with torch.autocast(batch.target.device.type, enabled=False):
            colors = answer.colors.float()
            error = _error(colors, batch.target)
            lacking = _lacking(colors, batch.target)
            doubt = (answer.confidence.float() - torch.exp(-error.detach() / 10)).square().mean()
        loss = error.mean() + self._spec.chroma_weight * lacking + self._spec.confidence_weight * doubt
        yield OptimizerStep("generator", loss, {"difference": error.mean(), "lacking": lacking, "doubt": doubt})

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        return {"difference": _error(output, batch.target).mean()}


def _error(output: Tensor, truth: Tensor) -> Tensor:
    """The colour difference by pixel, and for lines that of lightness, which CIEDE2000 weighs about as much."""
    error = color_difference(output[:, -2:], truth[:, -2:])
    if output.shape[1] == 2:
        return error
    return (error.square() + ((output[:, :1] - truth[:, :1]) * 50 / 1.2).square()).sqrt()


def _lacking(output: Tensor, truth: Tensor) -> Tensor:
    """The chroma, in units of ab, that regions of 32 pixels lack."""
    chroma, true_chroma = (
        avg_pool2d((x[:, -2:].square().sum(1, keepdim=True) + 1e-4).sqrt(), 32) * AB_SCALE for x in (output, truth)
    )
    return (true_chroma - chroma).clamp(min=0).mean()
