"""Does the same character keep its colour from panel to panel?

Panels of an issue that show the same drawing are found by the truth's gray alone, and laid over one another; where
they agree, an output should give both the same colour, as far as the truth does. The papers name the problem (000:
"colour swap"; 001, Figure 12) and give no number; this one is ours [I].

    pairs    ORB features (Rublee et al., 2011) of two panels that agree on one shift, turn and scale (RANSAC).
    regions  Squares of 1/16 of the side, inside the hull of those features, where the laid-over grays agree. Regions
             and not pixels, for the fit is only good to a few pixels.
    excess   CIEDE2000 between the mean colours of a region in both panels, less the same of the truth: ambient light
             changes in the truth too. The mean over regions, then over pairs.

A colorizer that gives everything one colour is consistent: read it beside the distances to the truth. Works on
arrays; touches no files.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import cv2
import numpy as np

from pipelines.color import resized, rgb_to_gray, rgb_to_lab
from pipelines.evaluation.pixels import ciede2000

SIDE_PX = 256
"""Panels are compared at this size."""

_CELLS = 16
_FEATURES = 500
_LEAST_FEATURES = 12  # that agree: of 1,492 pairs of Pepper&Carrot across issues none has so many, within issues 5
_ALIKE_BITS = 64  # of ORB's 256 that may differ
_FIT_PX = 3.0
_SCALES = (0.5, 2.0)
_SAME_GRAY = 10.0  # gray levels, the mean over a region
_LEAST_REGIONS = 4

Load = Callable[[list[int]], np.ndarray]
"""Places in the set -> (len(places), H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class Consistency:
    """How much more colours change between panels than they should."""

    mean: float
    """The excess over the truth, delta E, mean over pairs; NaN without pairs. The truth's own is 0."""
    std: float
    """Over pairs; NaN for fewer than 2."""
    output: float
    """The colour difference itself, delta E, mean over pairs."""
    truth: float
    """That of the truth."""
    pairs: int
    regions: int
    """In all pairs together."""
    pictures: int
    """In the set, whether or not they have a pair."""


@dataclass(frozen=True, eq=False)
class Match:
    """Two panels that show the same drawing."""

    first: int
    second: int
    """Their places among the panels."""
    to_first: np.ndarray
    """(2, 3): from pixels of the second to those of the first, at SIDE_PX."""
    is_region: np.ndarray
    """(_CELLS, _CELLS) bool: the squares of the first that the second shows too."""


def consistency(colored: Load, truths: Load, issues: Sequence[str]) -> dict[str, float]:
    """The excess of a set, as the values of a Consistency.

    Args:
        colored: Outputs of some places. Only asked for panels that have a pair, issue by issue.
        truths: The true pictures of some places.
        issues: The issue of each place, unique over titles. Only panels of one issue are compared.
    """
    output_means, truth_means, regions = [], [], 0
    for issue in dict.fromkeys(issues):
        places = [place for place, of_place in enumerate(issues) if of_place == issue]
        true = truths(places)
        matches = match_panels(true)
        outputs = _of_paired(colored, places, matches)
        for match in matches:
            output_means.append(float(_changes(outputs[match.first], outputs[match.second], match).mean()))
            truth_means.append(float(_changes(true[match.first], true[match.second], match).mean()))
            regions += int(match.is_region.sum())
    excess = np.subtract(output_means, truth_means)
    return asdict(
        Consistency(
            mean=float(excess.mean()) if len(excess) else float("nan"),
            std=float(excess.std(ddof=1)) if len(excess) > 1 else float("nan"),
            output=float(np.mean(output_means)) if len(excess) else float("nan"),
            truth=float(np.mean(truth_means)) if len(excess) else float("nan"),
            pairs=len(excess),
            regions=regions,
            pictures=len(issues),
        )
    )


def match_panels(truths: np.ndarray) -> list[Match]:
    """All pairs of panels that show the same drawing: (N, H, W, 3) uint8 RGB."""
    grays = [resized(rgb_to_gray(truth), (SIDE_PX, SIDE_PX)) for truth in truths]
    orb = cv2.ORB.create(nfeatures=_FEATURES)
    features = [orb.detectAndCompute(gray, None) for gray in grays]
    matches = []
    for first, second in combinations(range(len(grays)), 2):
        match = _match(first, second, grays, features)
        if match is not None:
            matches.append(match)
    return matches


def _match(first: int, second: int, grays: list[np.ndarray], features: list) -> Match | None:
    (points, descriptors), (other_points, other_descriptors) = features[first], features[second]
    if min(len(points), len(other_points)) < _LEAST_FEATURES:
        return None
    alike = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors, other_descriptors)
    alike = [one for one in alike if one.distance <= _ALIKE_BITS]
    if len(alike) < _LEAST_FEATURES:
        return None
    here = np.array([points[one.queryIdx].pt for one in alike], np.float32)
    there = np.array([other_points[one.trainIdx].pt for one in alike], np.float32)
    to_first, fits = cv2.estimateAffinePartial2D(there, here, ransacReprojThreshold=_FIT_PX)
    if to_first is None or np.count_nonzero(fits) < _LEAST_FEATURES:
        return None
    if not _SCALES[0] <= np.hypot(to_first[0, 0], to_first[1, 0]) <= _SCALES[1]:
        return None
    hull = cv2.convexHull(here[fits.ravel() > 0]).round().astype(np.int32)
    shared = cv2.fillConvexPoly(np.zeros((SIDE_PX, SIDE_PX), np.uint8), hull, 1)
    shared &= _laid(np.ones_like(shared), to_first)
    apart = cv2.absdiff(grays[first], _laid(grays[second], to_first))
    is_region = (_cells(shared.astype(np.float32)) == 1) & (_cells(apart.astype(np.float32)) < _SAME_GRAY)
    return Match(first, second, to_first, is_region) if is_region.sum() >= _LEAST_REGIONS else None


def _of_paired(colored: Load, places: list[int], matches: list[Match]) -> dict[int, np.ndarray]:
    """The outputs of the panels that have a pair, by their place among the issue's panels."""
    paired = sorted({place for match in matches for place in (match.first, match.second)})
    return dict(zip(paired, colored([places[place] for place in paired]), strict=True)) if paired else {}


def _changes(picture: np.ndarray, other: np.ndarray, match: Match) -> np.ndarray:
    """CIEDE2000 of each region between two panels: (R,)."""
    lab, other_lab = (rgb_to_lab(resized(rgb, (SIDE_PX, SIDE_PX))) for rgb in (picture, other))
    here, there = _cells(lab)[match.is_region], _cells(_laid(other_lab, match.to_first))[match.is_region]
    return ciede2000(here, there)


def _laid(picture: np.ndarray, to_first: np.ndarray) -> np.ndarray:
    return cv2.warpAffine(picture, to_first, (SIDE_PX, SIDE_PX), flags=cv2.INTER_LINEAR)


def _cells(picture: np.ndarray) -> np.ndarray:
    """Means of squares: (SIDE_PX, SIDE_PX, ...) -> (_CELLS, _CELLS, ...)."""
    return cv2.resize(picture, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
