"""Proposals: a colour for each place of a picture, with its confidence and its source.

Candidates of a place are the most similar places of the references, and all places that a person's hint marks. One
softmax chooses among all of them, so hints and references are one mechanism with different weights.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from models.matching import ALIKE_BONUS
from pipelines.colorize.hints import Hint, rasterize
from pipelines.colorize.places import PicturePlaces
from pipelines.colorize.references import References
from pipelines.images.color import gray_to_lightness, resized, rgb_to_lab
from pipelines.images.sampling import evenly_spaced

MAX_REFERENCES = 24
"""At most so many pictures are matched, the most alike ones: time and memory stay bounded."""

CANDIDATES = 64
"""So many places of references are candidates of each place."""

MAX_HINT_PLACES = 512

FROM_NOTHING, FROM_HINT, FROM_NETWORK = -1, -2, -3
"""Values of `Proposals.reference` for places without a proposal, with a hint's colour, and with one of a network."""

FINE = 4
"""Places of a proposal by side of a place of the features: stride 2."""

_TEMPERATURE = 0.05
_LIGHTNESS_PENALTY = 0.01
_HINT_TEMPERATURE = 0.08
_HINT_LIGHTNESS_PENALTY = 0.02
_HINT_DISTANCE_PENALTY = 0.5  # by longer side of the picture
_HINT_BIAS = 14.0  # in favour of a hint against a place of a reference, in logits
_NEUTRAL_SCORE = -0.25  # without references, what is less like every mark stays as it is: one mark tints no page
_SPREAD = 15.0  # Lab units of spread at which the confidence is a half
_BLOCK = 64  # places at once, so that what is held in between stays in the cache


@dataclass(frozen=True, eq=False)
class Proposals:
    """Colours for the places of one picture, h rows by w columns."""

    colors: np.ndarray
    """(h, w, 3) float32 Lab."""
    confidence: np.ndarray
    """(h, w) float32 in [0, 1]; 0 where there was neither a reference nor a hint to choose from."""
    similarity: np.ndarray
    """(h, w) float32: the score of the best candidate, at most 1."""
    reference: np.ndarray
    """(h, w) int32: the best candidate's picture in `names`, FROM_HINT, FROM_NETWORK or FROM_NOTHING."""
    place: np.ndarray
    """(h, w, 2) float32: x and y of the best candidate as shares of its picture."""
    names: tuple[str, ...]
    """The references that were looked at."""

    @property
    def shares(self) -> dict[str, float]:
        """The share of the places that each reference gave its colour to, the largest first."""
        counts = np.bincount(self.reference[self.reference >= 0], minlength=len(self.names)) / self.reference.size
        return {self.names[at]: float(counts[at]) for at in np.argsort(-counts, kind="stable") if counts[at] > 0}


def similarities(places: PicturePlaces, found: References) -> Tensor:
    """Cosines of the features: (places of the picture, places of all references) float32."""
    if not len(found):
        return torch.zeros(len(places.features), 0)
    features = torch.from_numpy(np.concatenate([one.places.features for one in found])).float()
    return torch.from_numpy(places.features).float() @ features.T


def propose(
    seen: np.ndarray,
    places: PicturePlaces,
    references: References | None = None,
    hint: Hint | None = None,
    *,
    similar: Tensor | None = None,
) -> Proposals:
    """The proposals for a picture.

    Args:
        seen: (H, W) uint8, the gray picture or lines.
        places: Its places (`find_places`).
        references: Pictures whose colours may be taken over.
        hint: A person's colours.
        similar: `similarities` to the references that are matched, where it is known.
    """
    rows, columns = places.size
    size = (rows * FINE, columns * FINE)
    lightness = torch.from_numpy(gray_to_lightness(resized(seen, size)))
    found = (references or References()).nearest(places.pooled, MAX_REFERENCES)
    marked = _marked(hint, size)
    if not len(found) and not len(marked.rows):
        return _nothing(size)
    colors, confidence, similarity = (torch.zeros(size[0], size[1], depth) for depth in (3, 1, 1))
    chosen = torch.zeros(size, dtype=torch.int64)
    neutral = torch.tensor([[100.0, 0.0, 0.0]])  # paper
    looked_up = _LookedUp(places, found, similarities(places, found) if similar is None else similar)
    hinted = _Hinted(places, lightness, marked)
    for first in range(0, rows * columns, _BLOCK):
        at = torch.arange(first, min(first + _BLOCK, rows * columns))
        top, left = at // columns * FINE, at % columns * FINE
        y = (top[:, None, None] + torch.arange(FINE)[:, None]).expand(-1, FINE, FINE).reshape(len(at), -1)
        x = (left[:, None, None] + torch.arange(FINE)).expand(-1, FINE, FINE).reshape(len(at), -1)
        here = lightness[y, x]  # (n, FINE ** 2)
        scored, lab = looked_up.candidates(at, here)
        scored_hints, lab_hints = hinted.candidates(y, x, here)
        if not len(found):
            scored_hints = torch.cat([scored_hints, scored_hints.new_full((*here.shape, 1), _NEUTRAL_SCORE)], dim=2)
            lab_hints = torch.cat([lab_hints, neutral])
        logits = torch.cat([scored / _TEMPERATURE, scored_hints / _HINT_TEMPERATURE + _HINT_BIAS], dim=2)
        weights = torch.softmax(logits, dim=2)
        count = scored.shape[2]
        mean = weights[..., :count] @ lab + weights[..., count:] @ lab_hints
        squares = weights[..., :count] @ lab.square() + weights[..., count:] @ lab_hints.square()
        spread = (squares - mean.square())[..., 1:].clamp(min=0).sum(dim=2).sqrt()
        best = logits.argmax(dim=2)
        colors[y, x] = mean
        confidence[y, x] = (1 / (1 + (spread / _SPREAD).square()))[..., None]
        similarity[y, x] = torch.cat([scored, scored_hints], dim=2).gather(2, best[..., None])
        chosen[y, x] = torch.where(best < count, looked_up.sources(at, best.clamp(max=count - 1)), -1 - (best - count))
    return _with_sources(colors, confidence[..., 0], similarity[..., 0], chosen, found, marked, size)


@dataclass(frozen=True, eq=False)
class _Marked:
    """The places that a hint marks, at the resolution of the proposals."""

    rows: np.ndarray
    columns: np.ndarray
    lab: np.ndarray
    """(N, 3) float32."""


def _marked(hint: Hint | None, size: tuple[int, int]) -> _Marked:
    rgba = rasterize(hint or Hint(), size)
    rows, columns = np.nonzero(rgba[..., 3])
    chosen = evenly_spaced(len(rows), MAX_HINT_PLACES) if len(rows) else np.zeros(0, np.int64)
    rows, columns = rows[chosen], columns[chosen]
    lab = rgb_to_lab(np.ascontiguousarray(rgba[rows, columns, :3])[np.newaxis])[0] if len(rows) else np.zeros((0, 3))
    return _Marked(rows, columns, lab.astype(np.float32))


class _LookedUp:
    """The candidates among references."""

    def __init__(self, places: PicturePlaces, found: References, similar: Tensor) -> None:
        self._count = min(CANDIDATES, similar.shape[1])
        if not self._count:
            return
        lightness = np.concatenate([one.places.lightness for one in found])
        bonus = bonus_of(places, found)
        self._colors = torch.from_numpy(np.concatenate([one.colors for one in found])).float()
        similarity = np.empty((len(similar), self._count), np.float32)
        at = np.empty(similarity.shape, np.int64)
        for first in range(0, len(similar), _BLOCK):
            block = slice(first, first + _BLOCK)
            preferred = similar[block].numpy() + bonus
            score = np.abs(places.lightness[block, np.newaxis] - lightness)
            score *= -_LIGHTNESS_PENALTY
            score += preferred
            # numpy's selection takes half of the time of torch.topk.
            at[block] = np.argpartition(score, -self._count, axis=1)[:, -self._count :]
            similarity[block] = np.take_along_axis(preferred, at[block], axis=1)
        self._at, self._similarity = torch.from_numpy(at), torch.from_numpy(similarity)
        # The lightness of a reference's colour is not that of its lines, which alone can be compared with lines.
        self._penalty = 0.0 if found.variant == "line" else _LIGHTNESS_PENALTY

    def candidates(self, at: Tensor, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (n, f, c) and Lab (n, c, 3) for n places of f parts with the lightness (n, f)."""
        if not self._count:
            return torch.zeros(*lightness.shape, 0), torch.zeros(len(at), 0, 3)
        lab = self._colors[self._at[at]]  # (n, CANDIDATES, parts, 3)
        similarity = self._similarity[at].repeat_interleave(lab.shape[2], dim=1)
        lab = lab.flatten(1, 2)
        distance = (lightness[..., None] - lab[:, None, :, 0]).abs_()
        return similarity[:, None] - distance.mul_(self._penalty), lab

    def sources(self, at: Tensor, best: Tensor) -> Tensor:
        """Places of the references, counted over all of them, of the candidates `best` (n, f)."""
        if not self._count:
            return torch.zeros_like(best)
        return self._at[at].gather(1, best // self._colors.shape[1])


def bonus_of(places: PicturePlaces, found: References) -> np.ndarray:
    """What is added to the score of each place of the references: (places of all references,) float32."""
    alike = np.array([float(one.places.pooled @ places.pooled) for one in found])
    bonus = ALIKE_BONUS * (alike - alike.max()) + [_TEMPERATURE * np.log(one.weight) for one in found]
    return np.repeat(bonus, [len(one.places.lightness) for one in found]).astype(np.float32)


class _Hinted:
    """The candidates among the places that a hint marks."""

    def __init__(self, places: PicturePlaces, lightness: Tensor, marked: _Marked) -> None:
        size = lightness.shape
        self._count = len(marked.rows)
        if not self._count:
            return
        rows, columns = places.size
        coarse = torch.from_numpy(places.features).float().T.reshape(1, -1, rows, columns)
        y, x = torch.from_numpy(marked.rows), torch.from_numpy(marked.columns)
        # Similarities are linear in the features, so they are computed at the places and then scaled up.
        fine = normalize(interpolate(coarse, size, mode="bilinear")[0][:, y, x], dim=0)  # (D, N)
        similar = (fine.T @ coarse.flatten(2)[0]).reshape(1, self._count, rows, columns)
        self._similar = interpolate(similar, size, mode="bilinear")[0]  # (N, h, w)
        self._y, self._x, self._side = y, x, max(size)
        self._lightness = lightness[y, x]
        self._lab = torch.from_numpy(marked.lab)

    def candidates(self, y: Tensor, x: Tensor, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (n, f, c) and Lab (c, 3) for the places y, x (n, f)."""
        if not self._count:
            return torch.zeros(*y.shape, 0), torch.zeros(0, 3)
        similar = self._similar[:, y, x].permute(1, 2, 0)
        distance = torch.hypot((y[..., None] - self._y).float(), (x[..., None] - self._x).float()) / self._side
        light = (lightness[..., None] - self._lightness).abs_()
        return similar - _HINT_LIGHTNESS_PENALTY * light - _HINT_DISTANCE_PENALTY * distance, self._lab


def _nothing(size: tuple[int, int]) -> Proposals:
    zeros = np.zeros(size, np.float32)
    return Proposals(
        colors=np.zeros((*size, 3), np.float32),
        confidence=zeros,
        similarity=zeros,
        reference=np.full(size, FROM_NOTHING, np.int32),
        place=np.zeros((*size, 2), np.float32),
        names=(),
    )


def _with_sources(
    colors: Tensor,
    confidence: Tensor,
    similarity: Tensor,
    chosen: Tensor,
    found: References,
    marked: _Marked,
    size: tuple[int, int],
) -> Proposals:
    """The proposals. `chosen` counts the places of all references; -1, -2, ... are the marks, and then no proposal."""
    at = chosen.numpy()
    reference = np.full(size, FROM_HINT, np.int32)
    place = np.zeros((*size, 2), np.float32)
    first = 0
    for number, one in enumerate(found):
        rows, columns = one.places.size
        is_here = (at >= first) & (at < first + rows * columns)
        own = at[is_here] - first
        reference[is_here] = number
        place[is_here] = np.stack([(own % columns + 0.5) / columns, (own // columns + 0.5) / rows], axis=1)
        first += rows * columns
    is_nothing = at == -1 - len(marked.rows)
    reference[is_nothing] = FROM_NOTHING
    is_hint = (at < 0) & ~is_nothing
    marks = -1 - at[is_hint]
    place[is_hint] = np.stack([(marked.columns[marks] + 0.5) / size[1], (marked.rows[marks] + 0.5) / size[0]], axis=1)
    return Proposals(colors.numpy(), confidence.numpy(), similarity.numpy(), reference, place, found.names)
