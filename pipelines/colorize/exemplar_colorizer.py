"""The colorizer that learned when to trust references and hints: the network of `models.exemplar` proposes.

What each place took from where is still known: a proposal's source is the most similar place, as without training; or
the network, where its colour is another one.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import Checkpoint
from models.exemplar.match import ReferencePlaces
from models.exemplar.network import ExemplarUNet
from models.specs.base import AB_SCALE
from pipelines.colorize.hints import Hint, rasterize
from pipelines.colorize.places import PicturePlaces
from pipelines.colorize.proposals import (
    FROM_NETWORK,
    FROM_NOTHING,
    MAX_REFERENCES,
    Proposals,
    bonus_of,
    propose,
    similarities,
)
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.references import References
from pipelines.images.color import gray_to_lightness, resized, rgb_to_lab
from pipelines.images.sampling import evenly_spaced

_ANOTHER_COLOR = 20.0  # units of ab from what the source says: from there on the network itself is the source
_LEAST_CONFIDENCE = 0.05  # the network's colour stays where it expects a large error: nothing better is known
_MAX_PLACES = 3_000  # of all references: the network learned with every second one, and time stays bounded
_MATCH_SHARE = 1.5  # better than 1 on three titles that were held out of training, if not on the one that was not
_UNAIDED_SHARE = 0.7  # of the network's chroma where nothing is given: guesses at titles that it does not know err less


class ExemplarColorizer(ReferenceColorizer):
    """As `ReferenceColorizer`; where neither references nor hints are given, it colours by what it has learned."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(checkpoint.recipe["name"], checkpoint.recipe["variant"])
        network = checkpoint.trained()
        assert isinstance(network, ExemplarUNet)
        self._network = network.float().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    @torch.no_grad()
    def _proposed(
        self, picture: np.ndarray, places: PicturePlaces, references: References | None, hint: Hint | None
    ) -> Proposals:
        """The network's colours at the size at which the picture is looked at, with the sources of the match."""
        found = (references or References()).nearest(places.pooled, MAX_REFERENCES)
        similar = similarities(places, found)
        sources = propose(picture, places, found, hint, similar=similar)
        rows, columns = places.size
        size = (rows * 8, columns * 8)
        lightness = torch.from_numpy(gray_to_lightness(resized(picture, size)))[None, None] / 50 - 1
        features = torch.from_numpy(places.features).float().T.reshape(1, -1, rows, columns)
        known = self._known(found, places, similar) if len(found) else None
        marks = self._marks(hint, size)
        answer = self._network.refine(lightness, features, [known], marks)
        confidence = answer.confidence[0, 0].numpy()
        colors = self._lab(answer.colors[0], lightness[0])
        if known is None and (marks is None or not marks[:, -1].any()):
            colors[..., 1:] *= _UNAIDED_SHARE
        else:
            # Where the match is sure of itself and the network is not, the match has the better colour.
            sureness = np.where(sources.reference == FROM_NOTHING, 0, sources.confidence).astype(np.float32)
            share = np.minimum(_MATCH_SHARE * resized(sureness, size) * (1 - confidence), 1)[..., np.newaxis]
            colors += share * (resized(sources.colors, size) - colors)
        repeats = size[0] // sources.confidence.shape[0]

        def enlarged(values: np.ndarray) -> np.ndarray:
            return values.repeat(repeats, axis=0).repeat(repeats, axis=1)

        reference = enlarged(sources.reference)
        differs = np.linalg.norm((colors - enlarged(sources.colors))[..., 1:], axis=2) > _ANOTHER_COLOR
        reference[differs | (reference == FROM_NOTHING)] = FROM_NETWORK
        return replace(
            sources,
            colors=colors,
            confidence=confidence.clip(min=_LEAST_CONFIDENCE),
            similarity=enlarged(sources.similarity),
            reference=reference,
            place=enlarged(sources.place),
        )

    def _known(self, found: References, places: PicturePlaces, similar: Tensor) -> ReferencePlaces:
        lab = np.concatenate([one.colors.mean(axis=1, dtype=np.float32) for one in found])
        chosen = evenly_spaced(len(lab), _MAX_PLACES)
        return ReferencePlaces(
            features=torch.from_numpy(np.concatenate([one.places.features for one in found])[chosen]).float(),
            lightness=torch.from_numpy(np.concatenate([one.places.lightness for one in found])[chosen]),
            colors=self._inside(torch.from_numpy(lab[chosen])),
            bonus=torch.from_numpy(bonus_of(places, found)[chosen]),
            similarity=similar.index_select(1, torch.from_numpy(chosen)),
        )

    def _marks(self, hint: Hint | None, size: tuple[int, int]) -> Tensor | None:
        if not hint:
            return None
        rgba = rasterize(hint, size)
        mask = torch.from_numpy((rgba[..., 3:] > 0).astype(np.float32))
        lab = torch.from_numpy(rgb_to_lab(np.ascontiguousarray(rgba[..., :3])))
        return torch.cat([self._inside(lab) * mask, mask], dim=-1).permute(2, 0, 1)[None]

    def _inside(self, lab: Tensor) -> Tensor:
        """Lab (..., 3) as the network's colours (..., C)."""
        ab = lab[..., 1:] / AB_SCALE
        return ab if self.variant == "gray" else torch.cat([lab[..., :1] / 50 - 1, ab], dim=-1)

    def _lab(self, colors: Tensor, lightness: Tensor) -> np.ndarray:
        """The network's colours (C, H, W) as Lab, (H, W, 3)."""
        light = lightness if self.variant == "gray" else colors[:1]
        lab = torch.cat([(light + 1) * 50, colors[-2:] * AB_SCALE])
        return np.ascontiguousarray(lab.permute(1, 2, 0).numpy())
