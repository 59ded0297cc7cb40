"""Consistency: colour differences of the same drawing between panels.

Panels of an issue that show the same drawing are found by the truth's gray alone; where they show it, an output
should give both the same colour, as far as the truth does. The papers name the problem (000: "colour swap"; 001,
Figure 12) and give no number; this one is ours [I].

    pairs    ORB features (Rublee et al., 2011) of two panels that agree on one shift, turn and scale (RANSAC).
    regions  Squares of 1/15 of the side around those features, each where its panel has it. Regions and not pixels,
             for drawings are drawn again, and the fit is only good to a few pixels.
    excess   CIEDE2000 between the mean colours of a region in both panels, less the same of the truth: ambient light
             changes in the truth too. The mean over regions, then over pairs.

Time grows with the square of an issue's panels, and is spent on every colorizer: of a longer issue COMPARED panels
stand for all. `BenchmarkParams.code_version` is not raised for it: results of issues up to that length are the same as
before there was a limit, and older ones of longer issues are means over more pairs of the same kind.

A colorizer that gives everything one colour is consistent: read it beside the distances to the truth. Works on
arrays; touches no files.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import cv2
import numpy as np

from pipelines.evaluation.metrics.pixels import ciede2000
from pipelines.images.color import resized, rgb_to_gray, rgb_to_lab
from pipelines.images.sampling import evenly_spaced

SIDE_PX = 256
"""Panels are compared at this size."""

COMPARED = 32
"""So many panels of an issue are compared, evenly spread over it: 496 pairs at most."""

_REGION_PX = 17
_FEATURES = 500
_MIN_FEATURES = 12  # that agree: of 1,492 pairs of Pepper&Carrot across issues none has so many, within issues 5
_ALIKE_BITS = 64  # of ORB's 256 that may differ
_FIT_PX = 3.0
_SCALES = (0.5, 2.0)

Load = Callable[[list[int]], np.ndarray]
"""Places in the set -> (len(places), H, W, 3) uint8 RGB."""


@dataclass(frozen=True)
class Consistency:
    """The change of colours between panels beyond that of the truth."""

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
    """In the set, whether or not they were compared or have a pair."""


@dataclass(frozen=True, eq=False)
class Match:
    """Two panels that show the same drawing."""

    first: int
    second: int
    """Their places among the panels."""
    places: np.ndarray
    """(R, 2) int x and y of the centers of regions in the first, at SIDE_PX."""
    other_places: np.ndarray
    """Those of the same regions in the second."""


@dataclass(frozen=True)
class Change:
    """The change of colours between two panels that show the same drawing."""

    first: int
    second: int
    """Their places in the set."""
    output: float
    """Mean CIEDE2000 over regions."""
    truth: float
    regions: int


def consistency(colored: Load, truths: Load, issues: Sequence[str]) -> dict[str, float]:
    """The excess of a set, as the values of a Consistency. Arguments as in `color_changes`."""
    return excess_of(color_changes(colored, truths, issues), pictures=len(issues))


def color_changes(
    colored: Load, truths: Load, issues: Sequence[str], *, among: Collection[int] | None = None
) -> list[Change]:
    """The changes of all pairs.

    Args:
        colored: Outputs of some places. Only asked for panels that have a pair, issue by issue.
        truths: The true pictures of some places. Only asked for the COMPARED panels of each issue.
        issues: The issue of each place, unique over titles. Only panels of one issue are compared.
        among: Only pairs of these places count; None: all. The same panels stand for an issue either way.
    """
    changes = []
    for issue in dict.fromkeys(issues):
        of_issue = [place for place, of_place in enumerate(issues) if of_place == issue]
        places = [of_issue[index] for index in evenly_spaced(len(of_issue), COMPARED)]
        places = [place for place in places if among is None or place in among]
        if len(places) < 2:
            continue
        true = truths(places)
        matches = match_panels(true)
        outputs = _of_paired(colored, places, matches)
        changes += [
            Change(
                first=places[match.first],
                second=places[match.second],
                output=float(_changes(outputs[match.first], outputs[match.second], match).mean()),
                truth=float(_changes(true[match.first], true[match.second], match).mean()),
                regions=len(match.places),
            )
            for match in matches
        ]
    return changes


def excess_of(changes: Sequence[Change], *, pictures: int) -> dict[str, float]:
    """The excess of pairs, as the values of a Consistency; `pictures` is how many the set has."""
    output_means, truth_means = [one.output for one in changes], [one.truth for one in changes]
    excess = np.subtract(output_means, truth_means)
    return asdict(
        Consistency(
            mean=float(excess.mean()) if len(excess) else float("nan"),
            std=float(excess.std(ddof=1)) if len(excess) > 1 else float("nan"),
            output=float(np.mean(output_means)) if len(excess) else float("nan"),
            truth=float(np.mean(truth_means)) if len(excess) else float("nan"),
            pairs=len(excess),
            regions=sum(one.regions for one in changes),
            pictures=pictures,
        )
    )


def match_panels(truths: np.ndarray) -> list[Match]:
    """All pairs of panels that show the same drawing: (N, H, W, 3) uint8 RGB."""
    grays = [resized(rgb_to_gray(truth), (SIDE_PX, SIDE_PX)) for truth in truths]
    orb = cv2.ORB.create(nfeatures=_FEATURES)
    features = [orb.detectAndCompute(gray, None) for gray in grays]
    matches = []
    for first, second in combinations(range(len(grays)), 2):
        match = _match(first, second, features)
        if match is not None:
            matches.append(match)
    return matches


def _match(first: int, second: int, features: list) -> Match | None:
    (points, descriptors), (other_points, other_descriptors) = features[first], features[second]
    if min(len(points), len(other_points)) < _MIN_FEATURES:
        return None
    alike = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(descriptors, other_descriptors)
    alike = [one for one in alike if one.distance <= _ALIKE_BITS]
    if len(alike) < _MIN_FEATURES:
        return None
    here = np.array([points[one.queryIdx].pt for one in alike], np.float32)
    there = np.array([other_points[one.trainIdx].pt for one in alike], np.float32)
    to_first, fits = cv2.estimateAffinePartial2D(there, here, ransacReprojThreshold=_FIT_PX)
    if to_first is None or np.count_nonzero(fits) < _MIN_FEATURES:
        return None
    if not _SCALES[0] <= np.hypot(to_first[0, 0], to_first[1, 0]) <= _SCALES[1]:
        return None
    does_fit = fits.ravel() > 0
    return Match(first, second, *(points[does_fit].round().astype(int) for points in (here, there)))


def _of_paired(colored: Load, places: list[int], matches: list[Match]) -> dict[int, np.ndarray]:
    """The outputs of the panels that have a pair, by their place among the issue's panels."""
    paired = sorted({place for match in matches for place in (match.first, match.second)})
    return dict(zip(paired, colored([places[place] for place in paired]), strict=True)) if paired else {}


def _changes(picture: np.ndarray, other: np.ndarray, match: Match) -> np.ndarray:
    """CIEDE2000 of each region between two panels: (R,)."""
    return ciede2000(_region_means(picture, match.places), _region_means(other, match.other_places))


def _region_means(picture: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Mean Lab of the squares around places: (H, W, 3) uint8 RGB, (R, 2) -> (R, 3)."""
    means = cv2.blur(rgb_to_lab(resized(picture, (SIDE_PX, SIDE_PX))), (_REGION_PX, _REGION_PX))
    return means[places[:, 1], places[:, 0]]
