"""The drift of new issues from a training set: colour, texture and lines, each against its own threshold.

Reads the panel tables of issues, and the rows of a frozen training set; writes nothing.

An issue is described by the mean of its panels' histograms, one a feature; the training set by the mean of its
train issues. The distance is the earth mover's between the two, in shares of the feature's range (around the circle for
hues and directions). The thresholds come from the training issues: each is compared with the mean of the others, its
distances in units of the feature's median, and the threshold of the largest of them is the quantile that split
conformal prediction takes [Vovk, Gammerman and Shafer, 2005]: an issue like the others passes any threshold with the
chance `false_alarms`, or 1 / (n + 1) where so few issues cannot promise less.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np

from pipelines.comparison.params import DriftParams
from pipelines.images.color import resized, rgb_to_gray, rgb_to_lab
from pipelines.images.sampling import evenly_spaced
from pipelines.images.seen import to_edges
from pipelines.lake import Lake, digest_of
from pipelines.panels.pixels import panels_of
from pipelines.training_set import TrainingSet

MIN_TRAINING_ISSUES = 3

BINS = 32
CONTRAST_WINDOW_PX = 9
MIN_CHROMA = 5.0
"""Below it a hue means nothing."""

CIRCULAR = frozenset({"hue", "direction"})

FEATURES: dict[str, str] = {
    "lightness": "L of CIELAB, 0 to 100",
    "chroma": "C*ab of CIELAB, 0 to 100",
    "hue": "hue of CIELAB, weighted by chroma, around the circle",
    "direction": "direction of the brightness gradient, weighted by its size, around the half circle",
    "contrast": f"standard deviation of the gray in windows of {CONTRAST_WINDOW_PX} pixels, 0 to 100",
    "line_density": "share of Canny edge pixels of a panel, 0 to 0.4",
}
"""The features, and the scale of each. The first three are colour, the next two style, the last is lines."""


class InsufficientReference(ValueError):
    """The training set is too small for a reference; the message has the numbers."""


@dataclass(frozen=True)
class IssueDrift:
    """One new issue against the training set."""

    key: str
    panels: int
    """That were compared."""
    distances: Mapping[str, float]
    """The distances by feature, in shares of its range; empty where there were too few panels."""
    drifted: tuple[str, ...]
    """The features that are further away than their thresholds."""


@dataclass(frozen=True)
class DriftReport:
    """New issues against the training set."""

    training_set: str
    """Its fingerprint."""
    training_issues: int
    false_alarms: float
    """With what chance an ordinary issue is flagged; at least 1 / (training issues + 1)."""
    thresholds: Mapping[str, float]
    issues: tuple[IssueDrift, ...]

    @property
    def drifted(self) -> dict[str, tuple[str, ...]]:
        """The issues that drifted, and in what."""
        return {issue.key: issue.drifted for issue in self.issues if issue.drifted}

    def to_markdown(self) -> str:
        """A table for people: distances, those beyond their thresholds in bold."""
        lines = [
            f"{len(self.drifted)} of {len(self.issues)} new issues look unlike the {self.training_issues} issues that "
            f"training set `{self.training_set[:12]}` learns from. Earth mover's distances, as shares of each "
            f"feature's range; an ordinary issue passes a threshold by chance in {self.false_alarms:.0%} of cases.",
            "",
            f"| issue | panels | {' | '.join(FEATURES)} |",
            "|---" * (len(FEATURES) + 2) + "|",
            f"| threshold | | {' | '.join(f'{self.thresholds[name]:.3f}' for name in FEATURES)} |",
        ]
        lines += [
            f"| {issue.key} | {issue.panels} | {' | '.join(_cell(issue, name) for name in FEATURES)} |"
            for issue in self.issues
        ]
        return "\n".join([*lines, "", *(f"- {name}: {what}" for name, what in FEATURES.items())]) + "\n"

    def picture(self) -> np.ndarray:
        """The distances as bars, a mark at each threshold, what drifted in red. uint8 RGB."""
        from pipelines.comparison.drift_picture import draw_drift

        return draw_drift(self, tuple(FEATURES))


def check_drift(
    lake: Lake, training_set: TrainingSet, params: DriftParams, *, keys: Sequence[str] | None = None
) -> DriftReport:
    """Compares issues with those that the training set learns from.

    keys: The issues to compare; None: every issue with panels of which the training set has none.
    Raises InsufficientReference for a training set of fewer than MIN_TRAINING_ISSUES issues, or whose panels are gone;
    FileNotFoundError for an issue without a panel table.
    """
    learned, new = _learned_and_new(lake, training_set)
    keys = new if keys is None else keys
    described = [
        describe(read_panels_of(lake, key, params, only=panel_ids), params)
        for key, panel_ids in sorted(learned.items())
    ]
    reference = Reference.of(described, params)
    issues = []
    for key in keys:
        panels = list(read_panels_of(lake, key, params))
        distances = reference.distances(describe(panels, params)) if len(panels) >= params.min_panels else {}
        drifted = tuple(name for name, distance in distances.items() if distance > reference.thresholds[name])
        issues.append(IssueDrift(key, len(panels), distances, drifted))
    return DriftReport(
        training_set.fingerprint, len(described), reference.false_alarms, reference.thresholds, tuple(issues)
    )


def inputs_digest(lake: Lake, training_set: TrainingSet, params: DriftParams) -> str:
    """A digest of all that decides the result of `check_drift` for every new issue; decodes no panel.

    Raises FileNotFoundError for an issue without a panel table.
    """
    learned, new = _learned_and_new(lake, training_set)
    columns = ["panel_id", "drop_reason", "is_gray", "sha256"]
    panels = {key: lake.read_table(lake.panels(key), columns).to_pylist() for key in (*sorted(learned), *new)}
    return digest_of([DriftParams.code_version, params.model_dump(), training_set.fingerprint, panels])


def _learned_and_new(lake: Lake, training_set: TrainingSet) -> tuple[dict[str, set[str]], list[str]]:
    """The train panels by issue, and the issues with panels of which the training set has none."""
    smallest = min(training_set.resolutions)
    held = {split: training_set.pairs(split, "gray", smallest).panel_ids for split in ("train", "val", "test")}
    learned: dict[str, set[str]] = {}
    for panel_id in held["train"]:
        learned.setdefault(_key(panel_id), set()).add(panel_id)
    known = {_key(panel_id) for panel_ids in held.values() for panel_id in panel_ids}
    return learned, [key for key in lake.keys_with("panels") if key not in known]


@dataclass(frozen=True)
class Reference:
    """The mean of the training issues, and the distance from it that one of them may have."""

    means: Mapping[str, np.ndarray]
    thresholds: Mapping[str, float]
    false_alarms: float

    @classmethod
    def of(cls, issues: Sequence[Mapping[str, np.ndarray]], params: DriftParams) -> "Reference":
        """Builds the reference from the features of training issues. Raises InsufficientReference for too few."""
        if len(issues) < MIN_TRAINING_ISSUES:
            raise InsufficientReference(
                f"the training set learns from {len(issues)} issues; a reference needs at least "
                f"{MIN_TRAINING_ISSUES}: collect more issues"
            )
        means, distances = {}, []
        for name in FEATURES:
            every = np.stack([issue[name] for issue in issues])
            means[name] = every.mean(axis=0)
            others = (every.sum(axis=0) - every) / (len(issues) - 1)
            distances.append([distance(name, *pair) for pair in zip(every, others, strict=True)])
        # One number an issue, the largest of its distances in units of what is usual: a threshold a feature would
        # each have its own false alarms.
        usual = np.maximum(np.median(distances, axis=1), 1e-6)
        largest = np.sort((np.array(distances) / usual[:, np.newaxis]).max(axis=0))
        place = min(ceil((len(issues) + 1) * (1 - params.false_alarms)), len(issues))
        thresholds = dict(zip(FEATURES, (usual * largest[place - 1]).tolist(), strict=True))
        return cls(means, thresholds, max(params.false_alarms, 1 / (len(issues) + 1)))

    def distances(self, issue: Mapping[str, np.ndarray]) -> dict[str, float]:
        """The distances of an issue from the mean, by feature."""
        return {name: distance(name, issue[name], self.means[name]) for name in FEATURES}


def describe(panels: Iterable[np.ndarray], params: DriftParams) -> dict[str, np.ndarray]:
    """The mean histograms of an issue's panels, uint8 RGB (H, W, 3) of any size: by feature (BINS,), each of sum 1.

    Raises ValueError without panels.
    """
    every = [_histograms(panel, params.side_px) for panel in panels]
    if not every:
        raise ValueError("no panels to describe")
    return {name: np.mean([histograms[name] for histograms in every], axis=0) for name in FEATURES}


def distance(feature: str, one: np.ndarray, other: np.ndarray) -> float:
    """The earth mover's distance of two histograms of sum 1, as a share of the feature's range.

    On a line from end to end it is 1, between opposite sides of a circle 0.5.
    """
    carried = np.cumsum(one - other)
    if feature in CIRCULAR:
        # Around a circle it is best to start where as much is carried one way as the other [Werman et al., 1985].
        return float(np.abs(carried - np.median(carried)).mean())
    return float(np.abs(carried[:-1]).sum() / (len(carried) - 1))


def read_panels_of(lake: Lake, key: str, params: DriftParams, *, only: set[str] | None = None) -> Iterator[np.ndarray]:
    """Panels of an issue, evenly spread: those of `only`, or all in colour that no filter drops. uint8 RGB.

    Raises InsufficientReference where one of `only` is not there any more.
    """
    rows = lake.read_table(lake.panels(key), ["panel_id", "drop_reason", "is_gray"]).to_pylist()
    gone = (only or set()) - {row["panel_id"] for row in rows}
    if gone:
        raise InsufficientReference(
            f"{key}: {len(gone)} panels that the training set holds are no longer there: materialize the training set "
            "again, and train on it"
        )
    usable = [
        row["panel_id"]
        for row in rows
        if (row["panel_id"] in only if only is not None else not row["drop_reason"] and not row["is_gray"])
    ]
    chosen = [usable[place] for place in evenly_spaced(len(usable), params.panels_per_issue)]
    for _, rgb in panels_of(lake, key, chosen):
        yield rgb


def _key(panel_id: str) -> str:
    return panel_id.rpartition("__")[0]


def _histograms(panel: np.ndarray, side_px: int) -> dict[str, np.ndarray]:
    height, width = panel.shape[:2]
    scale = min(1.0, side_px / max(height, width))
    rgb = resized(panel, (max(1, round(height * scale)), max(1, round(width * scale))))
    lab, gray = rgb_to_lab(rgb), rgb_to_gray(rgb).astype(np.float32)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    hue = np.arctan2(lab[..., 2], lab[..., 1]) % (2 * np.pi)
    across, down = cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    window = (CONTRAST_WINDOW_PX, CONTRAST_WINDOW_PX)
    variance = cv2.blur(gray**2, window) - cv2.blur(gray, window) ** 2
    edge_share = float((to_edges(rgb) > 0).mean())
    return {
        "lightness": _shares(lab[..., 0], 100),
        "chroma": _shares(chroma, 100),
        "hue": _shares(hue, 2 * np.pi, np.where(chroma >= MIN_CHROMA, chroma, 0)),
        "direction": _shares(np.arctan2(down, across) % np.pi, np.pi, np.hypot(across, down)),
        "contrast": _shares(np.sqrt(np.maximum(variance, 0)), 100),
        "line_density": _shares(np.array([edge_share]), 0.4),
    }


def _shares(values: np.ndarray, highest: float, weights: np.ndarray | None = None) -> np.ndarray:
    """The histogram of values in 0..highest, what is above in the last bin; all bins alike where nothing weighs."""
    places = np.minimum(values.ravel() / highest * BINS, BINS - 1).astype(np.int64)
    counts = np.bincount(places, None if weights is None else weights.ravel(), minlength=BINS)
    total = counts.sum()
    return counts / total if total > 0 else np.full(BINS, 1 / BINS)


def _cell(issue: IssueDrift, feature: str) -> str:
    if not issue.distances:
        return "too few panels"
    shown = f"{issue.distances[feature]:.3f}"
    return f"**{shown}**" if feature in issue.drifted else shown
