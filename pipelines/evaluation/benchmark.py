"""The benchmark: one function from a colorizer and a test split to a table of named numbers and pictures.

It goes over the test pictures in passes: each style of the track without hints, then, for colorizers that take hints,
the main style with more and more random points, and with the 28 of C-FID, several draws each; and with scribbles in
more and more regions, for Hint-AUC. A pass that is done is kept in the work folder, so what is interrupted goes on
after the last one.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipelines.colorize.hints import Hint
from pipelines.evaluation.baselines import BASELINE_NAMES, ORACLES
from pipelines.evaluation.cost import machine_name, measure_cost
from pipelines.evaluation.evaluation import Evaluation
from pipelines.evaluation.gallery import difficulties, gallery, pick, without_truth
from pipelines.evaluation.metrics.consistency import consistency
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.metrics.distribution import FeatureExtractor, distribution
from pipelines.evaluation.metrics.hint_auc import RATIOS, area_under
from pipelines.evaluation.metrics.measure import measure_pictures
from pipelines.evaluation.params import BenchmarkParams
from pipelines.evaluation.tracks import MAIN_STYLE, LineDrawer, Placement, TestPictures, track_of
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

PAGE_PX = (1700, 1200)
"""Height and width of a page, as scans are."""


@dataclass(frozen=True)
class Pass:
    """Once over all test pictures."""

    style: str
    placement: Placement = "none"
    hints: int = 0
    draw: int = 0

    @property
    def has_features(self) -> bool:
        """True where the pass has FID and KID: without hints, and with those of C-FID, on the main style."""
        return self.style in MAIN_STYLE.values() and self.placement in ("none", "regions")

    @property
    def condition(self) -> str:
        """Its name: `none`, `10_hints`, `regions`, `25_percent`."""
        count = {"random": f"{self.hints}_hints", "scribbles": f"{self.hints}_percent"}
        return count.get(self.placement, self.placement)


@dataclass(frozen=True, eq=False)
class PassResult:
    """The results of one pass."""

    metrics: pd.DataFrame
    """One row a picture, a column a metric."""
    features: np.ndarray
    """(N, F) float32 of the outputs; F is 0 where FID is not taken of them."""
    shown: np.ndarray
    """(M, R, R, 3) uint8 RGB: the outputs of the grid's pictures."""


def passes_of(test: TestPictures, params: BenchmarkParams, *, takes_hints: bool) -> list[Pass]:
    """The passes over the test pictures, in their order."""
    main = MAIN_STYLE[test.track]
    passes = [Pass(style) for style in test.styles]
    if takes_hints:
        for draw in range(params.draws):
            passes += [Pass(main, "random", count, draw) for count in test.hint_counts()]
            passes.append(Pass(main, "regions", REGION_POINTS, draw))
        passes += [Pass(main, "scribbles", round(ratio * 100)) for ratio in RATIOS if ratio]
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
        work: A folder in which passes are kept until all are done; None keeps nothing.
        on_progress: Called with (done, all) pictures after each batch.

    Raises ValueError for an empty test split and for outputs of another shape.
    """
    params = params or BenchmarkParams()
    test = TestPictures(
        training_set, params, track_of(colorizer.variant), drawer, extractor=extractor.name if extractor else "none"
    )
    passes = passes_of(test, params, takes_hints=colorizer.takes_hints and with_hints)
    grid = _grid_places(test)
    # Baselines have no checkpoint, but some of them depend on the train split.
    made_by = [colorizer.name, checkpoint_digest or training_set.fingerprint, test.fingerprint]
    folder = work / digest_of(made_by)[:16] if work else None
    results: dict[Pass, PassResult] = {}
    for number, one in enumerate(passes):
        callback = None if on_progress is None else _part_of(on_progress, number, len(passes), len(test))
        kept = folder / f"{digest_of(asdict(one))[:16]}.npz" if folder else None
        if kept is None or not kept.exists():
            results[one] = _run(one, colorizer, test, extractor, grid, callback)
            if kept:
                _keep(results[one], kept)
        else:
            results[one] = _kept(kept)
        if callback:
            callback(len(test))
    rows = pd.concat([_rows(one, result, test) for one, result in results.items()], ignore_index=True)
    truth_features, gray_features = _reference_features(test, extractor)
    evaluation = Evaluation(
        name=colorizer.name,
        variant=colorizer.variant,
        benchmark_fingerprint=test.fingerprint,
        training_set_fingerprint=training_set.fingerprint,
        resolution=params.resolution,
        seed=params.seed,
        rows=rows,
        sets={
            name: _known(spread)
            for name, spread in {
                **_distributions(results, extractor, truth_features, gray_features, params, test),
                **_consistency(colorizer, test),
                **_hint_auc(rows),
            }.items()
            if not np.isnan(spread["mean"])
        },
        cost=_known({**_cost(colorizer, params), **(costs or {})}),
        machine=machine_name(),
        gallery=_gallery(rows, colorizer, test, {} if colorizer.name in BASELINE_NAMES else unpaired or {}),
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


def _part_of(on_progress: Callable[[int, int], None], number: int, of: int, pictures: int) -> Callable[[int], None]:
    return lambda done: on_progress(number * pictures + done, of * pictures)


def _batches(test: TestPictures) -> Iterator[slice]:
    for start in range(0, len(test), BATCH_PICTURES):
        yield slice(start, min(start + BATCH_PICTURES, len(test)))


def _colored(
    colorizer: "Colorizer", style: str, test: TestPictures, places: slice, hints: list[Hint] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and truths of some places. Raises ValueError for outputs of another shape."""
    truths = test.truths(places)
    if colorizer.name in ORACLES:
        return truths, truths
    outputs = colorizer.colorize_batch(
        test.seen(style, places, by=colorizer.variant),
        hints=hints,
        titles=test.titles[places],
    )
    if outputs.shape != truths.shape or outputs.dtype != np.uint8:
        raise ValueError(
            f"{colorizer.name}: colorize_batch gave {outputs.dtype} {outputs.shape}, expected uint8 {truths.shape}"
        )
    return outputs, truths


def _run(
    one: Pass,
    colorizer: "Colorizer",
    test: TestPictures,
    extractor: FeatureExtractor | None,
    grid: list[tuple[int, str]],
    callback: Callable[[int], None] | None,
) -> PassResult:
    measured, features, shown = [], [], []
    wanted = {place for place, style in grid if style == one.style and one.placement == "none"}
    for places in _batches(test):
        hints = test.hints(one.placement, one.hints, one.draw, places)
        outputs, truths = _colored(colorizer, one.style, test, places, hints)
        measured.append(pd.DataFrame(measure_pictures(outputs, truths, hints=hints), columns=list(METRICS)))
        if extractor is not None and one.has_features:
            features.append(extractor(outputs))
        shown += [outputs[place - places.start] for place in range(places.start, places.stop) if place in wanted]
        if callback:
            callback(places.stop)
    empty = np.zeros((0, test.side, test.side, 3), np.uint8)
    return PassResult(
        metrics=pd.concat(measured, ignore_index=True),
        features=np.concatenate(features) if features else np.zeros((len(test), 0), np.float32),
        shown=np.stack(shown) if shown else empty,
    )


def _keep(result: PassResult, path: Path) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, metrics=result.metrics.to_numpy(), features=result.features, shown=result.shown)


def _kept(path: Path) -> PassResult:
    with np.load(path) as found:
        metrics = pd.DataFrame(found["metrics"], columns=list(METRICS))
        return PassResult(metrics, found["features"], found["shown"])


def _rows(one: Pass, result: PassResult, test: TestPictures) -> pd.DataFrame:
    """The rows of one pass, as `Evaluation.rows`."""
    keys = pd.DataFrame(
        {
            "track": test.track,
            "style": one.style,
            "placement": one.placement,
            "hints": one.hints,
            "draw": one.draw,
            "panel_id": list(test.panel_ids),
            "title": list(test.titles),
            "issue": list(test.issues),
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
    for places in _batches(test):
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
    main = rows[rows["style"].isin(MAIN_STYLE.values()) & rows["placement"].isin(["none", "scribbles"])]
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


def _consistency(colorizer: "Colorizer", test: TestPictures) -> dict[str, dict[str, float]]:
    main = MAIN_STYLE[test.track]

    def colored(places: list[int]) -> np.ndarray:
        return np.concatenate([_colored(colorizer, main, test, slice(at, at + 1))[0] for at in places])

    def truths(places: list[int]) -> np.ndarray:
        return np.concatenate([test.truths(slice(at, at + 1)) for at in places])

    return {"consistency_excess": consistency(colored, truths, test.issues)}


def _cost(colorizer: "Colorizer", params: BenchmarkParams) -> dict[str, float]:
    if colorizer.name in ORACLES:
        return {}
    sizes = [(side, side) for side in params.latency_sides]
    return measure_cost(colorizer, [*sizes, PAGE_PX] if params.page else sizes)


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
    of_main = rows[(rows["style"] == main) & (rows["placement"] == "none")]
    difficult = {}
    for places in _batches(test):
        for panel_id, truth in zip(test.panel_ids[places], test.truths(places), strict=True):
            difficult[panel_id] = difficulties(truth)

    def pictures(panel_id: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = test.panel_ids.index(panel_id)
        only = slice(place, place + 1)
        outputs, truths = _colored(colorizer, main, test, only)
        return test.seen(main, only, by=colorizer.variant)[0], outputs[0], truths[0]

    shared = [test.panel_ids[place] for place, _ in _grid_places(test)]
    chosen = gallery(pick(of_main, difficult, shared), of_main, pictures, style=main)
    if not unpaired:
        return chosen
    seen = {name: network_input_of(picture, colorizer.variant) for name, picture in unpaired.items()}
    colored = {name: (picture, colorizer.colorize(picture)) for name, picture in seen.items()}
    return pd.concat([chosen, without_truth(colored)], ignore_index=True)
