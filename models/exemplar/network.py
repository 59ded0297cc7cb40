"""He et al., "Deep Exemplar-based Colorization" (2018): match places with references, then a network that may disagree.

The features are those of the frozen EfficientNet-Lite0, by which the untrained match works (`models.matching`). Each
head of the matching starts as that match and learns a correction. A small U-Net sees what the heads propose, the
hints, and the features; for each pixel it chooses among the proposals and adds a colour of its own. Before it has
learned anything it gives the untrained answer: matched colours, spread under the lightness.

Inside, colours are ab / AB_SCALE under the given lightness; for lines they are L / 50 - 1 and ab / AB_SCALE. Unlike the
paper, the references are several, they are matched again by what the U-Net knows, and hints are references too.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu, normalize, pad, pixel_shuffle, pixel_unshuffle

from models.color import lab_to_rgb, lightness_of, rgb_to_lab
from models.efficientnet import EfficientNetLite0, load_efficientnet_lite0
from models.exemplar.hinted import match_hints
from models.exemplar.match import LookUp, Match, ReferencePlaces
from models.exemplar.smoothing import smoothed
from models.exemplar.spec import Exemplar
from models.exemplar.spec import ExemplarUNet as Spec
from models.matching import ALIKE_BONUS, CHANNELS, SIDE_MULTIPLE, STRIDE, Places, places_of
from models.objective import Batch, Objective, OptimizerStep, References, adams
from models.precision import full_precision
from models.specs.base import AB_SCALE

_MATCHED_WEIGHT = 0.003
"""The weight of matched colours beside a hint's 1, where both are spread."""
_SPREAD = 15.0
"""Units of ab around a matched colour at which its weight is halved."""
_FEATURE_SCALE = 20.0
_OWN_SCALE = 0.3
_ABSENT = 30.0
"""Logits that a proposal loses where there is none."""
_DOUBT = 10.0
"""Units of CIEDE2000 at which confidence is 1/e."""


class Answer(NamedTuple):
    """The colours of a picture."""

    colors: Tensor
    """(B, C, H, W), inside the network's ranges (see the module)."""
    confidence: Tensor
    """(B, 1, H, W) in (0, 1): exp(-e / 10) of the CIEDE2000 e that is to be expected."""


class ExemplarUNet(nn.Module):
    """See the module. `forward` serves training and batches, `refine` pictures whose features are known already."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        colors, heads, width = spec.out_channels, len(spec.temperatures), spec.width
        self._colors, self._heads = colors, heads
        self.match = Match(spec)
        lightness, hint, spread_hints, answer, flags = 4, colors + 1, colors + 1, colors + 1, 2
        given = lightness + hint + spread_hints + (colors + 2) + Match.channels(heads, colors) + answer + flags
        widths = (width, 2 * width, 4 * width, 6 * width, 6 * width)  # at strides 2, 4, 8, 16, 32
        self.enter = nn.Conv2d(given, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in pairwise(widths))
        self.project = nn.ModuleList(nn.Conv2d(CHANNELS, channels, 1) for channels in widths[2:])
        self.encode = nn.ModuleList(_Residual(channels) for channels in widths[1:])
        self.look_up = LookUp(widths[3], colors)
        self.statistics = nn.Linear(2 * colors + 3, widths[3])
        self.up = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.decode = nn.ModuleList(_Residual(channels) for channels in widths[:-1])
        self.candidates = heads + 4  # no colour, the untrained answer, each head, matched hints, spread hints
        self.leave = nn.Conv2d(width, 4 * (self.candidates + colors + 1), 3, padding=1)
        preferred = torch.zeros(len(self.leave.weight))
        preferred[4:8] = 4.0  # the untrained answer, in its four pixels
        nn.init.zeros_(self.leave.weight)
        self.leave.bias = nn.Parameter(preferred)

    def forward(self, condition: Tensor, hint: Tensor | None = None, references: References | None = None) -> Tensor:
        """The colours of a batch, in the ranges of its recipe.

        Args:
            condition: (B, 1, H, W) in [-1, 1]: lightness, or lines as gray values.
            hint: (B, C + 1, H, W): ab (C = 2) or RGB (C = 3) where the mask is 1.
            references: Pictures of the batch and others; None: there are none.

        Returns (B, C, H, W): ab, or RGB for lines.
        """
        colors = self.answer(condition, hint, references).colors
        return colors if self._colors == 2 else lab_to_rgb(colors[:, :1], colors[:, 1:])

    def answer(self, condition: Tensor, hint: Tensor | None = None, references: References | None = None) -> Answer:
        """As `forward`, in the ranges inside the network and with the confidence."""
        height, width = condition.shape[-2:]
        missing = (0, -width % SIDE_MULTIPLE, 0, -height % SIDE_MULTIPLE)
        lightness = self._lightness(condition)
        if references is None:
            known: list[ReferencePlaces | None] = [None] * len(condition)
            places = self.places(_padded(lightness, missing))
        else:
            places = self.places(_padded(self._lightness(references.lightness), missing))
            known = self._known(places, references, missing)
        hint = None if hint is None else pad(self._inside(hint), missing)
        found = self.refine(_padded(lightness, missing), places.features[: len(condition)], known, hint)
        return Answer(found.colors[..., :height, :width], found.confidence[..., :height, :width])

    @torch.no_grad()
    def places(self, lightness: Tensor) -> Places:
        """The features of pictures: (B, 1, H, W), L / 50 - 1."""
        gray = lab_to_rgb(lightness, lightness.new_zeros(()).expand(len(lightness), 2, *lightness.shape[2:]))[:, :1]
        with full_precision(lightness.device):
            return places_of(_efficientnet(lightness.device), gray)

    def refine(
        self,
        lightness: Tensor,
        features: Tensor,
        references: Sequence[ReferencePlaces | None],
        hint: Tensor | None = None,
    ) -> Answer:
        """The colours of pictures whose features are known.

        Args:
            lightness: (B, 1, H, W), L / 50 - 1; H and W are multiples of SIDE_MULTIPLE.
            features: (B, CHANNELS, H / 8, W / 8), of unit length (`places`, or `models.matching.places_of`).
            references: Of each picture; None: it has none.
            hint: (B, C + 1, H, W): colours inside the network's ranges where the mask, the last channel, is 1, and 0
                elsewhere.
        """
        pictures, _, height, width = lightness.shape
        hint = lightness.new_zeros(pictures, self._colors + 1, height, width) if hint is None else hint
        has_references = lightness.new_tensor([one is not None for one in references])[:, None, None, None]
        has_hints = hint[:, -1:].amax(dim=(2, 3), keepdim=True)
        half = (height // 2, width // 2)
        from_hints = match_hints(lightness, features, hint)
        from_places = interpolate(self._matched(lightness, features, references), half, mode="bilinear")
        spread = self._spread(lightness, hint, from_hints, from_places, has_references)
        flags = torch.cat([has_references, has_hints], dim=1).expand(-1, -1, *half)
        small_hint, small_spread = avg_pool2d(hint, 2) * 4, avg_pool2d(spread, 2)
        spread_hints, answer = small_spread.chunk(2, dim=1)
        given = [pixel_unshuffle(lightness, 2), small_hint, spread_hints, from_hints, from_places, answer, flags]
        output = pixel_shuffle(self._unet(torch.cat(given, dim=1), features, references, hint), 2)
        choice, own, doubt = output.split([self.candidates, self._colors, 1], dim=1)
        colors = self._chosen(choice, spread, from_places, from_hints, has_references, has_hints)
        return Answer(colors + own * _OWN_SCALE, torch.sigmoid(doubt))

    def _lightness(self, condition: Tensor) -> Tensor:
        return condition if self._colors == 2 else lightness_of(condition)

    def _inside(self, hint: Tensor) -> Tensor:
        """A hint inside the network's ranges."""
        return (
            hint
            if self._colors == 2
            else torch.cat([torch.cat(rgb_to_lab(hint[:, :3]), 1) * hint[:, 3:], hint[:, 3:]], 1)
        )

    def _known(
        self, places: Places, references: References, missing: tuple[int, int, int, int]
    ) -> list[ReferencePlaces | None]:
        """The places of each picture's references."""
        light = avg_pool2d(_padded(self._lightness(references.lightness), missing), STRIDE).flatten(1) * 50 + 50
        inside = references.colors if self._colors == 2 else torch.cat(rgb_to_lab(references.colors), dim=1)
        colors = avg_pool2d(_padded(inside, missing), STRIDE).flatten(2).mT
        features, pooled = places.features.flatten(2).mT, normalize(places.pooled.float())
        if self.training:  # half of the places are enough to learn from
            chosen = torch.randperm(features.shape[1], device=features.device)[::2]
            features, light, colors = features[:, chosen], light[:, chosen], colors[:, chosen]
        known: list[ReferencePlaces | None] = []
        for picture, own in enumerate(references.of):
            if not own:
                known.append(None)
                continue
            at = [*own]
            bonus = ALIKE_BONUS * (pooled[at] @ pooled[picture])
            known.append(
                ReferencePlaces(
                    features[at].flatten(0, 1),
                    light[at].flatten(),
                    colors[at].flatten(0, 1),
                    bonus.repeat_interleave(features.shape[1]),
                )
            )
        return known

    def _matched(self, lightness: Tensor, features: Tensor, references: Sequence[ReferencePlaces | None]) -> Tensor:
        """What the heads of the matching find: (B, channels, H / 8, W / 8)."""
        light = avg_pool2d(lightness, STRIDE).flatten(1) * 50 + 50
        rows = features.flatten(2).mT  # (B, M, CHANNELS)
        nothing = features.new_zeros(rows.shape[1], Match.channels(self._heads, self._colors))
        found = [
            nothing if one is None else self.match(own, own_light, one)
            for own, own_light, one in zip(rows, light, references, strict=True)
        ]
        return torch.stack(found).mT.unflatten(2, features.shape[-2:])

    def _spread(
        self, lightness: Tensor, hint: Tensor, from_hints: Tensor, from_places: Tensor, has_references: Tensor
    ) -> Tensor:
        """Hints spread under the lightness and their weight, then the untrained answer and its weight.

        Returns (B, 2 (C + 1), H, W).
        """
        c = self._colors
        has_hints = hint[:, -1:].amax(dim=(2, 3), keepdim=True)
        marks = torch.cat([hint[:, :c] * hint[:, c:], hint[:, c:]], dim=1)
        hint_weight = _MATCHED_WEIGHT * has_hints * torch.ones_like(from_hints[:, :1])
        deviation = from_places[:, self._heads * c, None].detach() * AB_SCALE
        weight = _MATCHED_WEIGHT * has_references / (1 + (deviation / _SPREAD) ** 2)
        colors = from_hints[:, :c] * hint_weight + from_places[:, :c].detach() * weight
        soft = interpolate(torch.cat([colors, hint_weight + weight], dim=1), lightness.shape[-2:], mode="bilinear")
        out = smoothed(torch.cat([marks, marks + soft], dim=1), lightness * 50 + 50)
        hints, hint_mass, answer, mass = out.split([c, 1, c, 1], dim=1)
        return torch.cat(
            [
                hints / hint_mass.clamp(min=1e-9) * has_hints,
                _of_mass(hint_mass),
                answer / mass.clamp(min=1e-9),
                _of_mass(mass),
            ],
            dim=1,
        )

    def _chosen(
        self,
        choice: Tensor,
        spread: Tensor,
        from_places: Tensor,
        from_hints: Tensor,
        has_references: Tensor,
        has_hints: Tensor,
    ) -> Tensor:
        """The proposals weighted by pixel: (B, C, H, W)."""
        c, heads = self._colors, self._heads
        matched = torch.cat([from_places[:, : heads * c], from_hints[:, :c]], dim=1)
        spread_hints, answer = spread.chunk(2, dim=1)
        proposals = torch.cat(
            [answer[:, :c], interpolate(matched, choice.shape[-2:], mode="bilinear"), spread_hints[:, :c]], dim=1
        ).unflatten(1, (self.candidates - 1, c))
        is_there = torch.cat(
            [
                torch.ones_like(has_hints),
                torch.maximum(has_references, has_hints),
                has_references.expand(-1, heads, -1, -1),
                has_hints.expand(-1, 2, -1, -1),
            ],
            dim=1,
        )
        weights = torch.softmax(choice - _ABSENT * (1 - is_there), dim=1)
        return (weights[:, 1:, None] * proposals).sum(dim=1)

    def _unet(
        self, given: Tensor, features: Tensor, references: Sequence[ReferencePlaces | None], hint: Tensor
    ) -> Tensor:
        maps = [self.enter(given)]
        for level, (down, encode) in enumerate(zip(self.down, self.encode, strict=True)):
            x = down(leaky_relu(maps[-1], 0.2))
            if level:
                x = x + self.project[level - 1](avg_pool2d(features, 2 ** (level - 1)) * _FEATURE_SCALE)
            x = encode(x)
            if level == 2:
                x = x + self._facts(references, hint)[..., None, None] + self._looked_up(x, references)
            maps.append(x)
        x = maps.pop()
        for up, decode in zip(reversed(self.up), reversed(self.decode), strict=True):
            skip = maps.pop()
            x = decode(skip + interpolate(up(x), skip.shape[-2:], mode="nearest"))
        return self.leave(leaky_relu(x, 0.2))

    def _facts(self, references: Sequence[ReferencePlaces | None], hint: Tensor) -> Tensor:
        """What the references and the hints say about a picture as a whole: (B, channels)."""
        counts = hint[:, -1].flatten(1).sum(dim=1, keepdim=True)
        mean_hint = hint[:, :-1].flatten(2).sum(dim=2) / counts.clamp(min=1)
        nothing = mean_hint.new_zeros(self._colors + 1)
        means = [
            nothing if one is None else torch.cat([one.colors.mean(0), one.colors[:, -2:].norm(dim=1).mean()[None]])
            for one in references
        ]
        return self.statistics(
            torch.cat([torch.stack(means), mean_hint, (counts > 0).to(counts.dtype), torch.log1p(counts)], dim=1)
        )

    def _looked_up(self, x: Tensor, references: Sequence[ReferencePlaces | None]) -> Tensor:
        """(B, channels, h, w) to add to x."""
        states = x.flatten(2).mT
        found = [
            torch.zeros_like(state) if one is None else self.look_up(state, one)
            for state, one in zip(states, references, strict=True)
        ]
        return torch.stack(found).mT.unflatten(2, x.shape[-2:])


class ExemplarObjective(Objective):
    """See `models.exemplar.spec.Exemplar`."""

    def __init__(self, spec: Exemplar, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self._network = ExemplarUNet(spec.generator)
        self.networks = {"generator": self._network}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See `Objective`."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """See `Objective`."""
        answer = self._network.answer(*batch.given)
        colors, truth = answer.colors.float(), _inside(batch.target)
        error = _difference(colors, truth)
        lacking = _lacking_chroma(colors, truth)
        doubt = (answer.confidence.float() - torch.exp(-error.detach() / _DOUBT)).square().mean()
        loss = error.mean() + self._spec.chroma_weight * lacking + self._spec.confidence_weight * doubt
        yield OptimizerStep("generator", loss, {"difference": error.mean(), "lacking_chroma": lacking, "doubt": doubt})

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """See `Objective`: the mean colour difference, in units of CIEDE2000."""
        return {"difference": _difference(_inside(output), _inside(batch.target)).mean()}


class _Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; nearly the identity at first."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, a=0.2)
        nn.init.normal_(self.second.weight, std=0.1 * (2 / (9 * channels)) ** 0.5)
        for layer in (self.first, self.second):
            layer.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) -> the same."""
        return x + self.second(leaky_relu(self.first(leaky_relu(x, 0.2)), 0.2))


@lru_cache(maxsize=2)
def _efficientnet(device: torch.device) -> EfficientNetLite0:
    """The frozen features: no part of the network's weights, as they come with an installed package."""
    if device.type == "meta":  # shapes alone
        return EfficientNetLite0().to(device)
    return load_efficientnet_lite0().to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _padded(pictures: Tensor, missing: tuple[int, int, int, int]) -> Tensor:
    return pad(pictures, missing, mode="replicate") if any(missing) else pictures


def _of_mass(mass: Tensor) -> Tensor:
    """A smoothed weight as a number of about -1 to 1."""
    return (mass.clamp(min=1e-6).log() + 7) / 4


def _inside(colors: Tensor) -> Tensor:
    """Colours of a batch inside the network's ranges: ab as they are, RGB as lightness and ab."""
    return colors if colors.shape[1] == 2 else torch.cat(rgb_to_lab(colors), dim=1)


def _difference(output: Tensor, truth: Tensor) -> Tensor:
    """About the CIEDE2000 by pixel (Sharma et al. 2005): (B, C, H, W) each -> (B, 1, H, W).

    Its terms of chroma and hue without the rotation term, with 1 in place of what hue weighs at each angle; for lines
    lightness is weighed by its mean weight.
    """
    ab, true_ab = output[:, -2:] * AB_SCALE, truth[:, -2:] * AB_SCALE
    chroma, true_chroma = ((x.square().sum(1, keepdim=True) + 1e-2).sqrt() for x in (ab, true_ab))
    mean = (chroma + true_chroma).detach() / 2
    along = chroma - true_chroma
    across = ((ab - true_ab).square().sum(1, keepdim=True) - along.square()).clamp(min=0)
    squares = (along / (1 + 0.045 * mean)) ** 2 + across / (1 + 0.015 * mean) ** 2
    if output.shape[1] == 3:
        squares = squares + ((output[:, :1] - truth[:, :1]) * 50 / 1.2).square()
    return (squares + 0.1).sqrt()


def _lacking_chroma(output: Tensor, truth: Tensor) -> Tensor:
    """How much chroma regions of 32 pixels lack, in units of ab."""
    chroma, true_chroma = (
        avg_pool2d((x[:, -2:].square().sum(1, keepdim=True) + 1e-4).sqrt(), 32) * AB_SCALE for x in (output, truth)
    )
    return (true_chroma - chroma).clamp(min=0).mean()
