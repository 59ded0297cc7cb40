"""The evaluation of a colorizer on one benchmark: every number of every picture, and its files in the lake.

    evaluations/<name>/<key>.parquet            a row for each picture, style and hint: the metrics of METRICS
    evaluations/<name>/<key>_gallery.parquet    the pictures that people should see, as JPEG files
    evaluations/<name>/<key>_sources.parquet    the references that each picture took its colours from
    evaluations/<name>/<key>.png                input, output and truth of a fixed choice of pictures
    evaluations/<name>/<key>.json               the rest: numbers of the whole set, costs, fingerprints; written last
    evaluations/<name>/latest.json              the <key>.json that counts

The key is a digest of checkpoint and benchmark, and of the references where it takes some: any two evaluations can be
compared again, without a GPU.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from upath import UPath

from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.old_names import current_sets
from pipelines.evaluation.sources import sources_of
from pipelines.evaluation.tracks import MAIN_STYLE, REFERENCE_CONDITIONS, ReferenceCondition, Track, track_of
from pipelines.images.decode import decode_picture
from pipelines.images.sheets import to_png
from pipelines.lake import Lake, digest_of

RANKING_METRIC = "ciede2000"
"""The metric that colorizers are ranked by: perceptual, and with lightness, which those of lines have to invent."""

WITHOUT_NEAR_DUPLICATES = f"{RANKING_METRIC}_without_near_duplicates"
"""A number of the whole set in a condition of references: without the pictures that a reference nearly repeats."""

ROW_KEYS = (
    "track",
    "style",
    "placement",
    "hints",
    "draw",
    "references",
    "near_duplicates",
    "panel_id",
    "title",
    "issue",
)
"""The columns of `Evaluation.rows` that are no metrics."""

_BEFORE_REFERENCES: dict[str, Any] = {"references": "none", "near_duplicates": 0}  # rows of earlier versions


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The results of a colorizer on one benchmark."""

    name: str
    variant: str
    """The input of the colorizer: gray, edge or line."""
    benchmark_fingerprint: str
    """Results are comparable only where this agrees; those of two tracks never do."""
    training_set_fingerprint: str
    """The training set that the test split belongs to."""
    resolution: int
    seed: int
    """The seed of the hints, the draws and the intervals."""
    rows: pd.DataFrame = field(repr=False)
    """One a picture, style, hint, draw and condition of references: the columns ROW_KEYS, then a column a metric (NaN:
    it does not apply). `placement` and `references` are as in `tracks`; `hints` is the number of points, of scribbles
    the percentage of regions; `near_duplicates` the number of references that nearly repeat the picture."""
    sets: dict[str, dict[str, float]]
    """Numbers of the whole set, by name and condition (`fid_efflite0/none`): mean and std over draws, the values of
    the oracle and the baseline beside them where there are some, and the number of pictures."""
    cost: dict[str, float]
    """Parameters, latency, memory, and what training took; see `pipelines.evaluation.cost`."""
    machine: str
    """The machine that costs were measured on: those of two machines do not compare."""
    gallery: pd.DataFrame = field(repr=False)
    """Pictures for people; see `pipelines.evaluation.gallery`."""
    grid: np.ndarray = field(repr=False)
    """uint8 RGB: input, output and truth of up to six pictures, always the same."""
    checkpoint_digest: str | None = None
    mlflow_run_id: str | None = None
    references_fingerprint: str | None = None
    """Of the references that it was given; None for a colorizer that takes none. Results with references compare only
    where this agrees too."""
    learned: dict[str, str] | None = None
    """The test pictures that its checkpoint has learned from, as `pipelines.evaluation.learned` gives them; None where
    that is not known."""
    sources: pd.DataFrame = field(default_factory=lambda: sources_of("none", {}, {}), repr=False)
    """Where its colours came from; see `pipelines.evaluation.sources`."""
    references: ReferenceCondition = "none"
    """The condition whose results the properties below are about; see `under`."""

    @property
    def track(self) -> Track:
        """The track that it was evaluated on."""
        return track_of(self.variant)

    @property
    def key(self) -> str:
        """Names its files."""
        return _key(self.checkpoint_digest, self.benchmark_fingerprint, self.references_fingerprint)

    @cached_property
    def of_condition(self) -> pd.DataFrame:
        """The rows of the condition of references."""
        return self.rows[self.rows["references"] == self.references]

    @cached_property
    def unhinted(self) -> pd.DataFrame:
        """The rows without hints: what colorizers are ranked by."""
        return self.of_condition[self.of_condition["placement"] == "none"]

    def measured_in(self, references: ReferenceCondition) -> frozenset[str]:
        """The panel_ids that it has own results of in a condition of references."""
        return frozenset(self.rows.loc[self.rows["references"] == references, "panel_id"])

    def under(self, references: ReferenceCondition, pictures: Collection[str]) -> "Evaluation":
        """A view of one condition of references: its rows are those alone, and its properties are about them.

        A colorizer that takes no references gives the same pictures with and without: its results without, on the main
        style, stand for those with them.

        Args:
            references: The condition.
            pictures: The panel_ids that are measured in it (`measured_in`); others are left out.
        """
        own = self.rows[self.rows["references"] == references]
        is_own = len(own) > 0
        if not is_own:
            own = self.rows[(self.rows["references"] == "none") & (self.rows["style"] == MAIN_STYLE[self.track])]
        kind, panel_id = self.gallery["kind"], self.gallery["panel_id"]
        if references == "none":
            is_shown, sets = ~kind.isin(REFERENCE_CONDITIONS), _without(self.sets)
        else:
            is_shown = kind == references if is_own else ~kind.isin(REFERENCE_CONDITIONS) & panel_id.isin(pictures)
            sets = _of_condition(self.sets, references)
        return replace(
            self,
            rows=own[own["panel_id"].isin(pictures)].assign(references=references).reset_index(drop=True),
            sets=sets,
            gallery=self.gallery[is_shown].reset_index(drop=True),
            sources=self.sources[self.sources["references"] == references].reset_index(drop=True),
            references=references,
        )

    @property
    def pictures(self) -> int:
        """The number of test pictures."""
        return self.unhinted["panel_id"].nunique()

    @cached_property
    def per_picture(self) -> pd.DataFrame:
        """Each metric of each picture without hints, mean over styles: indexed by `panel_id`, in the set's order."""
        return self.unhinted.groupby("panel_id", sort=False)[list(METRICS)].mean()

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Mean over styles, then over pictures, without hints. NaN where a metric applies to no picture."""
        return {str(name): float(value) for name, value in self.per_picture.mean().items()}

    @cached_property
    def styles(self) -> dict[str, dict[str, float]]:
        """The metrics of each style, as in `metrics`."""
        means = self.unhinted.groupby("style", sort=False)[list(METRICS)].mean()
        return {str(style): {str(k): float(v) for k, v in row.items()} for style, row in means.iterrows()}

    @property
    def worst_style(self) -> str:
        """The style with the worst ranking metric: over-fitting to a line style shows here (paper 003)."""
        return max(self.styles, key=lambda style: self.styles[style][RANKING_METRIC])

    @cached_property
    def curve(self) -> dict[int, dict[str, float]]:
        """Each metric over the number of random hints, on the track's main style; 0 hints among them."""
        rows = self.of_condition
        main = rows[(rows["style"] == MAIN_STYLE[self.track]) & rows["placement"].isin(["none", "random"])]
        means = main.groupby("hints")[list(METRICS)].mean()
        return {int(str(count)): {str(k): float(v) for k, v in row.items()} for count, row in means.iterrows()}

    @property
    def has_hints(self) -> bool:
        """True where results with hints are included."""
        return bool((self.of_condition["placement"] != "none").any())

    @cached_property
    def largest_segments(self) -> dict[str, float]:
        """Each metric with dots in the largest segments, as a person gives them; empty where that was not measured."""
        rows = self.of_condition[self.of_condition["placement"] == "segments"]
        return {str(name): float(value) for name, value in rows[list(METRICS)].mean().items()} if len(rows) else {}

    def that_learned(self, learned: dict[str, str] | None) -> "Evaluation":
        """A copy that names the test pictures that its checkpoint learned from, of those that it was measured on."""
        measured = {*self.rows["panel_id"]}
        return replace(self, learned=learned and {name: how for name, how in learned.items() if name in measured})

    def of_run(self, mlflow_run_id: str) -> "Evaluation":
        """A copy that names the MLflow run of its training."""
        return replace(self, mlflow_run_id=mlflow_run_id)

    def with_pictures_of(self, titles: Collection[str]) -> "Evaluation":
        """A copy with a gallery of these titles only: not every picture may be passed on."""
        gallery, sources = (
            table[[panel_id.partition("__")[0] in titles for panel_id in table["panel_id"]]].reset_index(drop=True)
            if len(table)
            else table
            for table in (self.gallery, self.sources)
        )
        return replace(self, gallery=gallery, sources=sources)

    def numbers(self) -> dict[str, float]:
        """Every single number by the name that MLflow and Dagster show; NaN is left out."""
        found = dict(self.metrics)
        if len(self.styles) > 1:
            found |= {f"worst_style/{name}": value for name, value in self.styles[self.worst_style].items()}
            found |= {f"style/{style}/{RANKING_METRIC}": row[RANKING_METRIC] for style, row in self.styles.items()}
        found |= {f"largest_segments/{name}": value for name, value in self.largest_segments.items()}
        for references in REFERENCE_CONDITIONS:
            pictures = self.measured_in(references)
            if pictures and references != self.references:
                view = self.under(references, pictures)
                found |= {f"{references}/{name}": value for name, value in view.metrics.items()}
        found |= {name: spread["mean"] for name, spread in self.sets.items()}
        found |= {"learned_test_pictures": float(len(self.learned))} if self.learned is not None else {}
        found |= {f"cost/{name}": value for name, value in self.cost.items()}
        return {name: float(value) for name, value in found.items() if not np.isnan(value)}


_NOT_STORED = {"references"}
_IN_FILES_OF_THEIR_OWN = {"rows", "gallery", "sources", "grid"}
_STORED = {one.name for one in fields(Evaluation)} - _IN_FILES_OF_THEIR_OWN - _NOT_STORED
_MAY_BE_MISSING = {"references_fingerprint", "learned"}  # in files of earlier versions


def _key(checkpoint: str | None, benchmark: str, references: str | None) -> str:
    """Names the files of an evaluation; those without references are named as they were before there were any."""
    return digest_of([checkpoint, benchmark, *([references] if references else [])])[:16]


def _without(sets: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Numbers of the whole set, but for those of the conditions with references."""
    return {name: numbers for name, numbers in sets.items() if name.rpartition("/")[2] not in REFERENCE_CONDITIONS}


def _of_condition(sets: dict[str, dict[str, float]], references: ReferenceCondition) -> dict[str, dict[str, float]]:
    """Numbers of one condition with references, by their names without it."""
    suffix = f"/{references}"
    return {name.removesuffix(suffix): numbers for name, numbers in sets.items() if name.endswith(suffix)}


class OtherVersion(ValueError):
    """An evaluation that another version of the code has written; it is to be made again."""


def save_evaluation(lake: Lake, evaluation: Evaluation, *, as_latest: bool = True) -> UPath:
    """Writes an evaluation, as the latest one of its colorizer if wanted. Returns the path of its `<key>.json`."""
    folder = lake.evaluations(evaluation.name)
    frames = {"": evaluation.rows, "_gallery": evaluation.gallery, "_sources": evaluation.sources}
    for end, frame in frames.items():
        if end != "_sources" or len(frame):
            table = pa.Table.from_pandas(frame, preserve_index=False)
            path = folder / f"{evaluation.key}{end}.parquet"
            lake.write_table(path, table, made_from=evaluation.benchmark_fingerprint)
    lake.write_bytes(folder / f"{evaluation.key}.png", to_png(evaluation.grid))
    values: dict[str, Any] = {name: getattr(evaluation, name) for name in sorted(_STORED)}
    lake.write_json(folder / f"{evaluation.key}.json", values)
    if as_latest:
        set_latest(lake, evaluation)
    return folder / f"{evaluation.key}.json"


def set_latest(lake: Lake, evaluation: Evaluation) -> None:
    """Makes a saved evaluation the latest one of its colorizer."""
    folder = lake.evaluations(evaluation.name)
    lake.write_json(folder / "latest.json", lake.read_json(folder / f"{evaluation.key}.json"))


def load_evaluation(lake: Lake, name: str, key: str | None = None) -> Evaluation:
    """The latest evaluation of a colorizer, or the one of a key.

    Raises FileNotFoundError where there is none, and OtherVersion.
    """
    folder = lake.evaluations(name)
    path = folder / f"{key or 'latest'}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such evaluation: materialize evaluation of {name}")
    values = lake.read_json(path)
    if values.keys() | _MAY_BE_MISSING != _STORED:
        raise OtherVersion(f"{path}: written by another version: materialize evaluation of {name} again")
    references = values.get("references_fingerprint")
    stem = key or _key(values["checkpoint_digest"], values["benchmark_fingerprint"], references)
    frames = {
        part: lake.read_table(folder / f"{stem}{end}.parquet").to_pandas()
        for part, end in (("rows", ""), ("gallery", "_gallery"))
    }
    # A metric may be newer than the file: the result is then of another benchmark, and is listed apart.
    missing = [metric for metric in METRICS if metric not in frames["rows"]]
    frames["rows"] = frames["rows"].assign(**dict.fromkeys(missing, float("nan")))
    frames["rows"] = frames["rows"].assign(
        **{column: value for column, value in _BEFORE_REFERENCES.items() if column not in frames["rows"]}
    )
    if (folder / f"{stem}_sources.parquet").exists():
        frames["sources"] = lake.read_table(folder / f"{stem}_sources.parquet").to_pandas()
    grid = decode_picture((folder / f"{stem}.png").read_bytes(), name=f"{stem}.png")
    values["sets"] = current_sets(values["sets"])
    return Evaluation(**values, **frames, grid=grid)


def views_of(evaluations: Sequence[Evaluation], references: ReferenceCondition) -> list[Evaluation]:
    """Each evaluation of one benchmark under a condition of references, on the pictures that are measured in it.

    At least one of them has results with those references, or they are without any picture.
    """
    measured = [one.measured_in(references) for one in evaluations]
    pictures = next(filter(None, measured), frozenset())
    return [one.under(references, own or pictures) for one, own in zip(evaluations, measured, strict=True)]


def find_evaluation(
    lake: Lake, name: str, *, checkpoint: str | None, benchmark: str, references: str | None = None
) -> Evaluation | None:
    """The evaluation of a checkpoint on a benchmark, or None where this version never made it.

    references: The fingerprint of the references; it counts for colorizers that take some, None: for no colorizer.
    """
    for known in (references, None) if references else (None,):
        with suppress(FileNotFoundError, OtherVersion):
            return load_evaluation(lake, name, _key(checkpoint, benchmark, known))
    return None


def load_evaluations(lake: Lake) -> list[Evaluation]:
    """The latest evaluation of every colorizer that has one, by name.

    Those of other versions are left out: their numbers mean something else.
    """
    found = []
    for path in sorted((lake.root / "evaluations").glob("*/latest.json")):
        with suppress(OtherVersion):
            found.append(load_evaluation(lake, path.parent.name))
    return found
