"""The tracks: what colorizers of one kind are shown of the test pictures. Results of two tracks never compare.

`gray` is from gray to colour. `line` is from lines to colour, in every style of lines that there is: over-fitting to
one style is what paper 003 is about. Colorizers of edges and of lines are evaluated on the same styles, each in its own
polarity: edges are light on dark, lines dark on light.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from pipelines.colorize.hints import Hint, hint_of_truth, segment_hint_of_truth
from pipelines.colorize.segment_hints import hint_of_largest_segments
from pipelines.evaluation.metrics.hint_auc import Region, hint_at, regions_of
from pipelines.images.sampling import evenly_spaced
from pipelines.lake import digest_of

if TYPE_CHECKING:
    from pipelines.evaluation.params import BenchmarkParams
    from pipelines.training_set import TrainingSet

Track = Literal["gray", "line"]
TRACKS: tuple[Track, ...] = ("gray", "line")

Placement = Literal["none", "random", "regions", "scribbles", "segments"]
"""The places of hints: anywhere; the 28 points of C-FID; scribbles in the largest regions, as in Hint-AUC; dots in the
largest segments, as a person gives them."""

ReferenceCondition = Literal["none", "same_issue", "other_issues"]
"""The references that colorizers are given: see `pipelines.evaluation.reference_sets`."""

REFERENCE_CONDITIONS: tuple[ReferenceCondition, ...] = ("same_issue", "other_issues")
"""Those with references."""

NEAR_BITS = 8
"""References are near-duplicates of a picture up to this many different bits of pHash's 64."""

MAIN_STYLE: dict[Track, str] = {"gray": "gray", "line": "xdog_0.4"}
"""The style on which hints are given, and FID is taken: the middle one of paper 003's three sigmas."""

EQUALIZED = "_equalized"
LEARNED = "learned"

HINT_PX = 4
"""A hint point covers so many pixels of a test picture, as in paper 003: 128 hint pixels for 512."""


def track_of(variant: str) -> Track:
    """The track of a colorizer, by what it sees."""
    return "gray" if variant == "gray" else "line"


@dataclass(frozen=True)
class LineDrawer:
    """A trained line detector: draws the lines of pictures in colour as one more style, `learned`."""

    draw: Callable[[np.ndarray], np.ndarray]
    """(N, H, W, 3) uint8 RGB -> (N, H, W) uint8, dark on light."""
    digest: str
    """SHA-256 of its checkpoint: with another one, results do not compare."""


class TestPictures:
    """The test pictures of one track: truths, and what colorizers see of them. Arrays stay on disk until asked for."""

    __test__ = False  # pytest: this is no test

    def __init__(
        self,
        training_set: "TrainingSet",
        params: "BenchmarkParams",
        track: Track,
        drawer: LineDrawer | None = None,
        *,
        extractor: str = "none",
    ) -> None:
        """`extractor` is the name of the feature extractor of FID.

        Raises ValueError where the test split is empty; it says which titles need more issues.
        """
        variants = ("gray",) if track == "gray" else ("edge", "line")
        self._pairs = {name: training_set.pairs("test", name, params.resolution) for name in variants}
        pairs = self._pairs[variants[0]]
        if not len(pairs):
            raise ValueError(_empty_test(training_set))
        self.track: Track = track
        self.side = params.resolution
        self._params = params
        self._drawer = drawer if track == "line" else None
        self._regions: dict[str, list[Region]] = {}
        self._chosen = evenly_spaced(len(pairs), params.max_pictures or len(pairs))
        self.split_rows = {panel_id: row for row, panel_id in enumerate(pairs.panel_ids)}
        """The row of each panel of the whole test split, whether or not it is among the test pictures."""
        self.panel_ids = tuple(pairs.panel_ids[row] for row in self._chosen)
        self.titles = tuple(pairs.titles[row] for row in self._chosen)
        self.issues = tuple(panel_id.rpartition("__")[0] for panel_id in self.panel_ids)
        names: dict[str, list[str]] = training_set.datasheet["styles"]
        self._places = {style: (variant, at) for variant in variants for at, style in enumerate(names[variant])}
        self.styles = (
            *self._places,
            *(f"{style}{EQUALIZED}" for style in (names["line"] if track == "line" else ())),
            *((LEARNED,) if self._drawer else ()),
        )
        self.fingerprint = digest_of(
            {
                "pictures": training_set.test_fingerprint(
                    params.resolution, params.max_pictures, metrics_version=params.code_version
                ),
                "track": track,
                "hints": params.hint_counts,
                "draws": params.draws,
                "seed": params.seed,
                "extractor": extractor,
                "line_drawer": self._drawer.digest if self._drawer else None,
            }
        )

    def __len__(self) -> int:
        return len(self._chosen)

    def truths(self, places: slice) -> np.ndarray:
        """Colour, (N, R, R, 3) uint8 RGB."""
        return np.asarray(next(iter(self._pairs.values())).color[self._chosen[places]])

    def picture_of(self, panel_id: str) -> np.ndarray:
        """A panel of the whole test split in colour, (R, R, 3) uint8 RGB."""
        return np.asarray(next(iter(self._pairs.values())).color[self.split_rows[panel_id]])

    def seen(self, style: str, places: slice, *, by: str) -> np.ndarray:
        """The input of a colorizer of the variant `by`, (N, R, R) uint8."""
        if style == LEARNED:
            assert self._drawer is not None
            pictures, is_light_on_dark = self._drawer.draw(self.truths(places)), False
        else:
            variant, at = self._places[style.removesuffix(EQUALIZED)]
            pictures = np.asarray(self._pairs[variant].variant[self._chosen[places], at])
            is_light_on_dark = variant == "edge"
        if style.endswith(EQUALIZED):
            pictures = np.stack([cv2.equalizeHist(picture) for picture in pictures])
        if self.track == "line" and is_light_on_dark != (by == "edge"):
            pictures = 255 - pictures
        return pictures

    def hints(self, placement: Placement, count: int, draw: int, places: slice) -> list[Hint] | None:
        """True colours at places that are the same for every colorizer; None without hints.

        count: Points, or, of scribbles, the percentage of the regions that have one.
        """
        if placement == "none":
            return None
        if placement == "segments":
            return [hint_of_largest_segments(truth, count) for truth in self.truths(places)]
        hint_side = max(8, self.side // HINT_PX)
        hints = []
        for panel_id, truth in zip(self.panel_ids[places], self.truths(places), strict=True):
            seed = int(digest_of([self._params.seed, draw, panel_id])[:8], 16)
            if placement == "scribbles":
                if panel_id not in self._regions:
                    self._regions[panel_id] = regions_of(truth)
                hints.append(hint_at(self._regions[panel_id], count / 100))
            elif placement == "regions":
                hints.append(segment_hint_of_truth(truth, side=hint_side, seed=seed))
            else:
                hints.append(hint_of_truth(truth, count, side=hint_side, seed=seed))
        return hints

    def hint_counts(self) -> list[int]:
        """The numbers of random points that fit on these pictures."""
        return [count for count in self._params.hint_counts if count <= max(8, self.side // HINT_PX) ** 2]


def _empty_test(training_set: "TrainingSet") -> str:
    declared = training_set.datasheet["titles"]
    titles = ", ".join(f"{name} ({title['issues']} issues)" for name, title in declared.items())
    return (
        f"the test split holds no pictures; titles: {titles}. A title has a test split from three issues with kept "
        "panels on: collect more issues, then materialize issue_splits, the variants and training_set again"
    )
