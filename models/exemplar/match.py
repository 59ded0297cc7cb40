"""Matching that starts as the untrained one (`models.matching`) and learns: colours of places by similarity."""

from math import log
from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.exemplar.spec import ExemplarUNet
from models.matching import CHANNELS
from models.precision import full_precision

_QUERY_SCALE = 20.0
"""About the square root of CHANNELS: the entries of a vector of unit length times this are about 1."""
_SOFT_TEMPERATURE = 0.05
_BLOCK = 64  # places at once


class ReferencePlaces(NamedTuple):
    """The places of all references of one picture."""

    features: Tensor
    """(N, CHANNELS), of unit length: `models.matching.Places.features`, seen as the picture itself is seen."""
    lightness: Tensor
    """(N,), L in 0..100 of what was seen."""
    colors: Tensor
    """(N, C): mean ab / AB_SCALE of each place; for lines L / 50 - 1 before them."""
    bonus: Tensor
    """(N,): what is added to the similarity of each place: for a picture that is alike as a whole, or a correction."""
    similarity: Tensor | None = None
    """(M, N) of the M places that look, where it is known already; None: it is computed."""


class Match(nn.Module):
    """The colours that places take from references, by several heads.

    A head is a softmax over all places of all references. It starts as the untrained match at its own temperature;
    what it adds to the similarity is learned. The first head stays untrained but for its temperature.
    """

    def __init__(self, spec: ExemplarUNet) -> None:
        super().__init__()
        self._penalty = spec.lightness_penalty
        self._heads, self._channels = len(spec.temperatures), spec.match_channels
        self.sharpness = nn.Parameter(torch.tensor([-log(temperature) for temperature in spec.temperatures]))
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
        """What M places find.

        Args:
            features: (M, CHANNELS), of unit length.
            lightness: (M,), L in 0..100.
            references: Where they look; N places.

        Returns (M, channels): the heads' mean colours, the standard deviation around each of them, and the highest
        and the smooth highest similarity.
        """
        keys = self._split(self.key(references.features)) / self._channels**0.5 * _QUERY_SCALE
        values = torch.cat([references.colors, references.colors.square()], dim=1).T.contiguous()
        # Without gradients on the CPU a few places at a time: what is held in between stays in the cache.
        is_blocked = not torch.is_grad_enabled() and features.device.type == "cpu"
        rows = _BLOCK if is_blocked else len(features)
        found = [
            self._found(own, own_lightness, similar, references, keys, values)
            for own, own_lightness, similar in zip(
                features.split(rows), lightness.split(rows), _similar(features, references).split(rows), strict=True
            )
        ]
        return torch.cat(found)

    def _found(
        self,
        features: Tensor,
        lightness: Tensor,
        similar: Tensor,
        references: ReferencePlaces,
        keys: Tensor,
        values: Tensor,
    ) -> Tensor:
        """`forward` of some places. similar: (M, N). values: (2 C, N), colours and their squares."""
        with torch.no_grad(), full_precision(features.device):
            light = (lightness[:, None] - references.lightness).abs_().div_(100)
            scored = similar - self._penalty * 100 * light  # (M, N)
            preferred = scored + references.bonus
        queries = self._split(self.query(features))
        means, spreads = [], []
        for head in range(self._heads):
            logits = preferred * self.sharpness[head].exp()
            if head:
                logits = logits + queries[head] @ keys[head].T - self.penalty[head] * 10 * light
            # A variance is a small difference of large numbers: bfloat16 would lose it.
            with full_precision(features.device):
                # Few values by many places: this way round the product takes a fifth of the time.
                mean, square = (values.float() @ torch.softmax(logits.float(), dim=1).T).T.chunk(2, dim=1)
                variance = (square - mean.square()).clamp(min=0).sum(dim=1, keepdim=True)
                means.append(mean)
                spreads.append((variance + 1e-6).sqrt())
        best = scored.amax(dim=1, keepdim=True)
        soft = torch.logsumexp(scored / _SOFT_TEMPERATURE, dim=1, keepdim=True) * _SOFT_TEMPERATURE
        return torch.cat([*means, *spreads, best, soft], dim=1)

    def _split(self, rows: Tensor) -> Tensor:
        """(N, heads * channels) -> (heads, N, channels)."""
        return rows.reshape(len(rows), self._heads, self._channels).transpose(0, 1)


class LookUp(nn.Module):
    """Attention from the U-Net's own state to the references, with values of their features and colours.

    (M, channels) -> (M, channels) to add; starts as nothing.
    """

    _HEADS, _KEY, _VALUE = 4, 32, 8

    def __init__(self, channels: int, colors: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, self._HEADS * self._KEY)
        self.key = nn.Linear(CHANNELS, self._HEADS * self._KEY)
        self.value = nn.Linear(CHANNELS + colors, self._HEADS * self._VALUE)
        self.out = nn.Linear(self._HEADS * (self._VALUE + colors), channels)
        nn.init.zeros_(self.out.weight)

    def forward(self, state: Tensor, references: ReferencePlaces) -> Tensor:
        """The state of M places, (M, channels)."""
        features, colors = references.features, references.colors
        queries = self._split(self.query(state) * (_QUERY_SCALE / self._KEY**0.5))  # (heads, M, _KEY)
        keys = self._split(self.key(features))  # (heads, N, _KEY)
        values = self._split(self.value(torch.cat([features * _QUERY_SCALE, colors], dim=1)))
        # Head by head, few values by many places: all heads at once fill memory that is new to the process each time.
        found = [
            torch.cat([own, colors], dim=1).T.contiguous() @ torch.softmax(query @ key.T, dim=1).T
            for query, key, own in zip(queries, keys, values, strict=True)
        ]
        return self.out(torch.cat(found).T)

    def _split(self, rows: Tensor) -> Tensor:
        return rows.unflatten(1, (self._HEADS, -1)).transpose(0, 1)


@torch.no_grad()
def _similar(features: Tensor, references: ReferencePlaces) -> Tensor:
    """The similarity of places, (M, CHANNELS), and those of references: (M, N) float32 cosines."""
    if references.similarity is not None:
        return references.similarity
    device = "cpu" if features.is_meta else features.device.type
    with torch.autocast(device, enabled=False):
        return features @ references.features.T
