"""The benchmark: one function from a colorizer and a test split to a table of named numbers and pictures.

It goes over the test pictures in passes: each style of the track without hints, then, for colorizers that take hints,
the main style with more and more random points, and with the 28 of C-FID, several draws each; with scribbles in more
and more regions, for Hint-AUC; and with dots as a person gives them. Colorizers that take references see the main style
in each condition of references too, and with some hints beside those of the same issue. A pass that is done is kept in
the work folder, so what is interrupted goes on after the last one.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd

from pipelines.colorize.hints import Hint
from pipelines.colorize.picture import SourcedColorizer
from pipelines.colorize.references import References
from pipelines.colorize.segment_hints import DOTS
from pipelines.evaluation.baselines import BASELINE_NAMES, ORACLES
from pipelines.evaluation.cost import machine_name, measure_cost
from pipelines.evaluation.evaluation import RANKING_METRIC, WITHOUT_NEAR_DUPLICATES, Evaluation
from pipelines.evaluation.gallery import difficulties, gallery, pick, without_truth
from pipelines.evaluation.metrics.consistency import color_changes, excess_of
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.metrics.distribution import FeatureExtractor, distribution
from pipelines.evaluation.metrics.hint_auc import RATIOS, area_under
from pipelines.evaluation.metrics.measure import measure_pictures
from pipelines.evaluation.params import BenchmarkParams
from pipelines.evaluation.reference_sets import ReferenceSets
from pipelines.evaluation.sources import SHOWN_PICTURES, sources_of
from pipelines.evaluation.tracks import (
    MAIN_STYLE,
    REFERENCE_CONDITIONS,
    LineDrawer,
    Placement,
    ReferenceCondition,
    TestPictures,
    track_of,
)
from pipelines.evaluation.unpaired import network_input_of
from pipelines.images.sampling import evenly_spaced
from pipelines.images.sheets import labelled_grid
from pipelines.lake import atomic_write, digest_of

# For annotations only: evaluating on a bare GPU machine needs neither a lake nor its libraries.
if TYPE_CHECKING:
    from pipelines.colorize.picture import Colorizer
    from pipelines.training_set import TrainingSet

BATCH_PICTURES = 8
GRID_ROWS = 6
REGION_POINTS = 28

HINTS_WITH_REFERENCES = (3, 10)
"""Numbers of random points that are given beside references of the same issue."""

COST_REFERENCES = 6
"""Latency is measured with so many references, of colorizers that take some."""

PAGE_PX = (1700, 1200)
"""Height and width of a page, as scans are."""


@dataclass(frozen=True)
class Pass:
    """Once over all test pictures, or over those that are measured in a condition of references."""

    style: str
    placement: Placement = "none"
    hints: int = 0
    draw: int = 0
    references: ReferenceCondition = "none"

    @property
    def has_features(self) -> bool:
        """True where the pass has FID and KID: without hints, and with those of C-FID, on the main style."""
        is_main = self.style in MAIN_STYLE.values() and self.references == "none"
        return is_main and self.placement in ("none", "regions")

    @property
    def condition(self) -> str:
        """Its name: `none`, `10_hints`, `regions`, `25_percent`, `6_segments`, `same_issue`, `same_issue_10_hints`."""
        count = {"random": "hints", "scribbles": "percent", "segments": "segments"}
        hints = f"{self.hints}_{count[self.placement]}" if self.placement in count else self.placement
        parts = [part for part in (self.references, hints) if part != "none"]
        return "_".join(parts) or "none"


@dataclass(frozen=True, eq=False)
class PassResult:
    """The results of one pass."""

    metrics: pd.DataFrame
    """One row a picture, a column a metric."""
    features: np.ndarray
    """(N, F) float32 of the outputs; F is 0 where FID is not taken of them."""
    shown: np.ndarray
    """(M, R, R, 3) uint8 RGB: the outputs of the pictures that are shown of it."""
    shares: list[dict[str, float]]
    """One a picture: the share of it that took its colours from each reference; empty where that is not known."""


def passes_of(
    test: TestPictures, params: BenchmarkParams, *, takes_hints: bool, references: Sequence[ReferenceCondition] = ()
) -> list[Pass]:
    """The passes over the test pictures, in their order.

    references: The conditions that there are pictures for, where the colorizer takes references.
    """
    main = MAIN_STYLE[test.track]
    passes = [Pass(style) for style in test.styles]
    if takes_hints:
        for draw in range(params.draws):
            passes += [Pass(main, "random", count, draw) for count in test.hint_counts()]
            passes.append(Pass(main, "regions", REGION_POINTS, draw))
        passes += [Pass(main, "scribbles", round(ratio * 100)) for ratio in RATIOS if ratio]
        passes.append(Pass(main, "segments", DOTS))
    passes += [Pass(main, references=condition) for condition in references]
    if takes_hints and "same_issue" in references:
        passes += [
            Pass(main, "random", count, draw, "same_issue")
            for draw in range(params.draws)
            for count in HINTS_WITH_REFERENCES
        ]
    return passes


def evaluate(
    colorizer: "Colorizer",
    training_set: "TrainingSet",
    params: BenchmarkParams | None = None,
    *,
    extractor: FeatureExtractor | None = None,
    drawer: LineDrawer | None = None,
    unpaired: Mapping[str, np.ndarray] | None = None,
    with_hints: bool = True,
    costs: dict[str, float] | None = None,
    checkpoint_digest: str | None = None,
    mlflow_run_id: str | None = None,
    work: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Colorizes the test split in every pass and measures every picture.

    Args:
        colorizer: The colorizer to evaluate.
        training_set: Its test split is the benchmark set.
        params: How large the benchmark is.
        extractor: The network of FID and KID; None leaves them out.
        drawer: A trained line detector, for the style `learned` of the track of lines.
        unpaired: Pictures without a truth by name, (H, W) uint8, to be colorized and looked at.
        with_hints: Whether colorizers that take hints are evaluated with them too.
        costs: Costs that are not measured here: `training_seconds`, `pictures_seen`.
        checkpoint_digest: The SHA-256 of the checkpoint; with the benchmark it names the evaluation.
        mlflow_run_id: The run of its training.
        work: A folder in which passes are kept until all are done, and which references look alike; None keeps nothing.
        on_progress: Called with (done, all) pictures after each batch.

    Raises ValueError for an empty test split and for outputs of another shape.
    """
    params = params or BenchmarkParams()
    test = TestPictures(
        training_set, params, track_of(colorizer.variant), drawer, extractor=extractor.name if extractor else "none"
    )
    sets = ReferenceSets(training_set, test, kept=work / "references" if work else None)
    measured = {condition: sets.places(condition) for condition in get_args(ReferenceCondition)}
    conditions: list[ReferenceCondition] = [
        one for one in REFERENCE_CONDITIONS if measured[one] and colorizer.takes_references
    ]
    passes = passes_of(test, params, takes_hints=colorizer.takes_hints and with_hints, references=conditions)
    references_fingerprint = sets.fingerprint if colorizer.takes_references else None
    grid = _grid_places(test)
    # Baselines have no checkpoint, but some of them depend on the train split.
    made_by = [colorizer.name, checkpoint_digest or training_set.fingerprint, test.fingerprint]
    made_by += [references_fingerprint] if references_fingerprint else []
    folder = work / digest_of(made_by)[:16] if work else None
    results: dict[Pass, PassResult] = {}
    done, total = 0, sum(len(measured[one.references]) for one in passes)
    for one in passes:
        callback = None if on_progress is None else _part_of(on_progress, done, total)
        kept = folder / f"{digest_of(asdict(one))[:16]}.npz" if folder else None
        if kept is None or not kept.exists():
            results[one] = _run(one, colorizer, test, sets, extractor, _shown_of(one, grid, measured), callback)
            if kept:
                _keep(results[one], kept)
        else:
            results[one] = _kept(kept)
        done += len(measured[one.references])
        if on_progress:
            on_progress(done, total)
    rows = pd.concat([_rows(one, result, test, sets) for one, result in results.items()], ignore_index=True)
    truth_features, gray_features = _reference_features(test, extractor)
    evaluation = Evaluation(
        name=colorizer.name,
        variant=colorizer.variant,
        benchmark_fingerprint=test.fingerprint,
        training_set_fingerprint=training_set.fingerprint,
        references_fingerprint=references_fingerprint,
        resolution=params.resolution,
        seed=params.seed,
        rows=rows,
        sets={
            name: _known(spread)
            for name, spread in {
                **_distributions(results, extractor, truth_features, gray_features, params, test),
                **_consistency(colorizer, test, sets),
                **_hint_auc(rows),
                **_near_duplicates(rows, sets),
            }.items()
            if not np.isnan(spread["mean"])
        },
        cost=_known({**_cost(colorizer, params, test), **(costs or {})}),
        machine=machine_name(),
        gallery=pd.concat(
            [
                _gallery(rows, colorizer, test, {} if colorizer.name in BASELINE_NAMES else unpaired or {}),
                *(_reference_gallery(rows, one, results, test, sets, colorizer.variant) for one in conditions),
            ],
            ignore_index=True,
        ),
        sources=_sources(results, sets, test),
        grid=_grid(colorizer.name, grid, results, test, colorizer.variant),
        checkpoint_digest=checkpoint_digest,
        mlflow_run_id=mlflow_run_id,
    )
    if folder:
        shutil.rmtree(folder, ignore_errors=True)  # what is left over only costs room
    return evaluation


def _known(numbers: dict[str, float]) -> dict[str, float]:
    """The numbers that are not NaN."""
    return {name: value for name, value in numbers.items() if not np.isnan(value)}


def _part_of(on_progress: Callable[[int, int], None], before: int, total: int) -> Callable[[int], None]:
    return lambda done: on_progress(before + done, total)


def _batches(places: Sequence[int]) -> Iterator[slice]:
    """Places in ascending order as slices of neighbours, of BATCH_PICTURES at most."""
    start = 0
    for end in range(1, len(places) + 1):
        is_cut = end == len(places) or places[end] != places[end - 1] + 1 or end - start == BATCH_PICTURES
        if is_cut:
            yield slice(places[start], places[end - 1] + 1)
            start = end


def _colored(
    colorizer: "Colorizer",
    style: str,
    test: TestPictures,
    places: slice,
    hints: list[Hint] | None = None,
    references: Sequence[References | None] | None = None,
) -> tuple[np.ndarray, np.ndarray, list[dict[str, float]]]:
    """Outputs and truths of some places, and the shares of their references where the colorizer tells its sources.

    Raises ValueError for outputs of another shape.
    """
    truths = test.truths(places)
    if colorizer.name in ORACLES:
        return truths, truths, []
    seen = test.seen(style, places, by=colorizer.variant)
    shares: list[dict[str, float]] = []
    if references is None:
        outputs = colorizer.colorize_batch(seen, hints=hints, titles=test.titles[places])
    elif isinstance(colorizer, SourcedColorizer):
        given = zip(seen, hints or [None] * len(seen), references, strict=True)
        found = [colorizer.colorize_with_sources(one, hint=hint, references=known) for one, hint, known in given]
        outputs, shares = np.stack([one.rgb for one in found]), [one.proposals.shares for one in found]
    else:
        outputs = colorizer.colorize_batch(seen, hints=hints, titles=test.titles[places], references=references)
    if outputs.shape != truths.shape or outputs.dtype != np.uint8:
        raise ValueError(
            f"{colorizer.name}: colorize_batch gave {outputs.dtype} {outputs.shape}, expected uint8 {truths.shape}"
        )
    return outputs, truths, shares


def _shown_of(
    one: Pass, grid: list[tuple[int, str]], measured: Mapping[ReferenceCondition, Sequence[int]]
) -> list[int]:
    """The places of the pictures that are shown of a pass."""
    if one.placement != "none":
        return []
    if one.references == "none":
        return [place for place, style in grid if style == one.style]
    return _spread(measured[one.references])


def _spread(places: Sequence[int]) -> list[int]:
    """The places whose references are shown."""
    return [places[at] for at in evenly_spaced(len(places), SHOWN_PICTURES)]


def _run(
    one: Pass,
    colorizer: "Colorizer",
    test: TestPictures,
    sets: ReferenceSets,
    extractor: FeatureExtractor | None,
    wanted: Sequence[int],
    callback: Callable[[int], None] | None,
) -> PassResult:
    measured, features, shown, shares, done = [], [], [], [], 0
    for places in _batches(sets.places(one.references)):
        hints = test.hints(one.placement, one.hints, one.draw, places)
        known = None
        if one.references != "none":
            known = [sets.of(one.references, place) for place in range(places.start, places.stop)]
        outputs, truths, found = _colored(colorizer, one.style, test, places, hints, known)
        shares += found
        measured.append(pd.DataFrame(measure_pictures(outputs, truths, hints=hints), columns=list(METRICS)))
        if extractor is not None and one.has_features:
            features.append(extractor(outputs))
        shown += [outputs[place - places.start] for place in range(places.start, places.stop) if place in wanted]
        done += places.stop - places.start
        if callback:
            callback(done)
    empty = np.zeros((0, test.side, test.side, 3), np.uint8)
    return PassResult(
        metrics=pd.concat(measured, ignore_index=True),
        features=np.concatenate(features) if features else np.zeros((done, 0), np.float32),
        shown=np.stack(shown) if shown else empty,
        shares=shares,
    )


def _keep(result: PassResult, path: Path) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            metrics=result.metrics.to_numpy(),
            features=result.features,
            shown=result.shown,
            shares=json.dumps(result.shares, ensure_ascii=False),
        )


def _kept(path: Path) -> PassResult:
    with np.load(path) as found:
        metrics = pd.DataFrame(found["metrics"], columns=list(METRICS))
        return PassResult(metrics, found["features"], found["shown"], json.loads(str(found["shares"])))


def _rows(one: Pass, result: PassResult, test: TestPictures, sets: ReferenceSets) -> pd.DataFrame:
    """The rows of one pass, as `Evaluation.rows`."""
    places = sets.places(one.references)
    keys = pd.DataFrame(
        {
            "track": test.track,
            "style": one.style,
            "placement": one.placement,
            "hints": one.hints,
            "draw": one.draw,
            "references": one.references,
            "near_duplicates": [sets.near_duplicates(one.references, place) for place in places],
            "panel_id": [test.panel_ids[place] for place in places],
            "title": [test.titles[place] for place in places],
            "issue": [test.issues[place] for place in places],
        }
    )
    return pd.concat([keys, result.metrics], axis=1)


def _reference_features(
    test: TestPictures, extractor: FeatureExtractor | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Features of the truths, and of their gray copies, the baseline."""
    if extractor is None:
        return None, None
    truths, grays = [], []
    for places in _batches(range(len(test))):
        seen = test.seen(MAIN_STYLE[test.track], places, by=test.track)
        truths.append(extractor(test.truths(places)))
        grays.append(extractor(np.repeat(seen[..., np.newaxis], 3, axis=-1)))
    return np.concatenate(truths), np.concatenate(grays)


def _distributions(
    results: dict[Pass, PassResult],
    extractor: FeatureExtractor | None,
    truths: np.ndarray | None,
    grays: np.ndarray | None,
    params: BenchmarkParams,
    test: TestPictures,
) -> dict[str, dict[str, float]]:
    """FID and KID without hints (`none`), and C-FID (`regions`)."""
    if extractor is None or truths is None or grays is None or len(test) < 2:
        return {}
    conditions: dict[str, list[np.ndarray]] = {}
    for one, result in results.items():
        if one.has_features:
            conditions.setdefault(one.condition, []).append(result.features)
    return {
        f"{name}/{condition}": spread
        for condition, draws in conditions.items()
        for name, spread in distribution(
            draws, truths, grays, extractor=extractor.name, draws=params.draws, seed=params.seed
        ).items()
    }


def _hint_auc(rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """The area under each metric over the share of regions that have a scribble; none without hints."""
    is_main = rows["style"].isin(MAIN_STYLE.values()) & (rows["references"] == "none")
    main = rows[is_main & rows["placement"].isin(["none", "scribbles"])]
    means = main.groupby("hints")[list(METRICS)].mean()
    if len(means) < len(RATIOS):
        return {}
    pictures = main["panel_id"].nunique()
    return {
        f"hint_auc/{name}": {
            "mean": area_under({int(str(p)) / 100: v for p, v in means[name].items()}),
            "pictures": pictures,
        }
        for name in means.columns[means.notna().all()]
    }


def _consistency(colorizer: "Colorizer", test: TestPictures, sets: ReferenceSets) -> dict[str, dict[str, float]]:
    """The consistency of all pictures, and in each condition of references that of those measured there.

    A colorizer that takes no references has there its outputs without.
    """
    main = MAIN_STYLE[test.track]

    def truths(places: list[int]) -> np.ndarray:
        return np.concatenate([test.truths(slice(at, at + 1)) for at in places])

    def colored_with(references: ReferenceCondition) -> Callable[[list[int]], np.ndarray]:
        def colored(places: list[int]) -> np.ndarray:
            known = {at: None if references == "none" else [sets.of(references, at)] for at in places}
            return np.concatenate(
                [_colored(colorizer, main, test, slice(at, at + 1), references=known[at])[0] for at in places]
            )

        return colored

    without = color_changes(colored_with("none"), truths, test.issues)
    found = {"consistency_excess": excess_of(without, pictures=len(test))}
    for condition in REFERENCE_CONDITIONS:
        places = set(sets.places(condition))
        if colorizer.takes_references:
            changes = color_changes(colored_with(condition), truths, test.issues, among=places)
        else:
            changes = [one for one in without if {one.first, one.second} <= places]
        found[f"consistency_excess/{condition}"] = excess_of(changes, pictures=len(places))
    return found


def _near_duplicates(rows: pd.DataFrame, sets: ReferenceSets) -> dict[str, dict[str, float]]:
    """CIEDE2000 in each condition of references without the pictures that a reference nearly repeats, and with them."""
    found = {}
    for condition in REFERENCE_CONDITIONS:
        own = rows[(rows["references"] == condition) & (rows["placement"] == "none")]
        if own.empty:
            continue
        repeated = own["near_duplicates"] > 0
        found[f"{WITHOUT_NEAR_DUPLICATES}/{condition}"] = {
            "mean": float(own.loc[~repeated, RANKING_METRIC].mean()),
            "with_near_duplicates": float(own[RANKING_METRIC].mean()),
            "near_duplicates": int(own["near_duplicates"].sum()),
            "pictures_with_near_duplicates": int(repeated.sum()),
            "pictures": len(own),
            "issues_left_out": sets.left_out[condition],
        }
    return found


def _cost(colorizer: "Colorizer", params: BenchmarkParams, test: TestPictures) -> dict[str, float]:
    sizes = [(side, side) for side in params.latency_sides]
    sizes += [PAGE_PX] if params.page else []
    if colorizer.name in ORACLES:
        return {}
    references = None
    if sizes and colorizer.takes_references:
        truths = test.truths(slice(0, COST_REFERENCES))
        variant = "gray" if test.track == "gray" else "line"
        references = References.of(((str(at), truth) for at, truth in enumerate(truths)), variant=variant)
    return measure_cost(colorizer, sizes, references=references)


def _grid_places(test: TestPictures) -> list[tuple[int, str]]:
    """Places of the grid's pictures, evenly spread, each in one style, in turn, so that all styles are seen."""
    places = evenly_spaced(len(test), GRID_ROWS).tolist()
    return [(place, test.styles[index % len(test.styles)]) for index, place in enumerate(places)]


def _grid(
    name: str, grid: list[tuple[int, str]], results: dict[Pass, PassResult], test: TestPictures, variant: str
) -> np.ndarray:
    left = {style: list(results[Pass(style)].shown) for _, style in grid}
    rows = []
    for place, style in grid:
        only = slice(place, place + 1)
        rows.append([test.seen(style, only, by=variant)[0], left[style].pop(0), test.truths(only)[0]])
    labels = [f"{test.panel_ids[place]}  ({style})" for place, style in grid]
    return labelled_grid(rows, ["input", name, "truth"], labels=labels)


def _gallery(
    rows: pd.DataFrame, colorizer: "Colorizer", test: TestPictures, unpaired: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    main = MAIN_STYLE[test.track]
    of_main = rows[(rows["style"] == main) & (rows["placement"] == "none") & (rows["references"] == "none")]
    difficult = {}
    for places in _batches(range(len(test))):
        for panel_id, truth in zip(test.panel_ids[places], test.truths(places), strict=True):
            difficult[panel_id] = difficulties(truth)

    def pictures(panel_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = test.panel_ids.index(panel_id)
        only = slice(place, place + 1)
        outputs, truths, _ = _colored(colorizer, main, test, only)
        return test.seen(main, only, by=colorizer.variant)[0], outputs[0], truths[0]

    shared = [test.panel_ids[place] for place, _ in _grid_places(test)]
    chosen = gallery(pick(of_main, difficult, shared), of_main, pictures, style=main)
    if not unpaired:
        return chosen
    seen = {name: network_input_of(picture, colorizer.variant) for name, picture in unpaired.items()}
    colored = {name: (picture, colorizer.colorize(picture)) for name, picture in seen.items()}
    return pd.concat([chosen, without_truth(colored)], ignore_index=True)


def _reference_gallery(
    rows: pd.DataFrame,
    condition: ReferenceCondition,
    results: Mapping[Pass, PassResult],
    test: TestPictures,
    sets: ReferenceSets,
    variant: str,
) -> pd.DataFrame:
    """The pictures that are shown of a condition of references; the condition is their kind."""
    main = MAIN_STYLE[test.track]
    places = _spread(sets.places(condition))
    outputs = dict(zip(places, results[Pass(main, references=condition)].shown, strict=True))
    place_of = {test.panel_ids[place]: place for place in places}

    def pictures(panel_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = place_of[panel_id]
        only = slice(place, place + 1)
        return test.seen(main, only, by=variant)[0], outputs[place], test.truths(only)[0]

    of_condition = rows[(rows["references"] == condition) & (rows["placement"] == "none")]
    return gallery([(condition, panel_id) for panel_id in place_of], of_condition, pictures, style=main)


def _sources(results: Mapping[Pass, PassResult], sets: ReferenceSets, test: TestPictures) -> pd.DataFrame:
    tables = []
    for one, result in results.items():
        if one.references == "none" or one.placement != "none" or not result.shares:
            continue
        places = sets.places(one.references)
        shown = {test.panel_ids[place]: sets.pictures(one.references, place) for place in _spread(places)}
        shares = dict(zip((test.panel_ids[place] for place in places), result.shares, strict=True))
        tables.append(sources_of(one.references, shares, shown))
    return pd.concat(tables, ignore_index=True) if tables else sources_of("none", {}, {})
