"""An installation's benchmark with all that it needs: the training set, the FID network, the line detector."""

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.recipes import LINE_DETECTOR
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake
from pipelines.training.dependencies import FindTraining, trained_in
from pipelines.training.store import NotTrainedError

if TYPE_CHECKING:
    import numpy as np

    from pipelines.colorize.picture import Colorizer
    from pipelines.evaluation.evaluation import Evaluation
    from pipelines.evaluation.learned import KnownPictures
    from pipelines.evaluation.metrics.distribution import FeatureExtractor
    from pipelines.evaluation.tracks import LineDrawer, TestPictures, Track
    from pipelines.training.record import TrainingRecord
    from pipelines.training_set import TrainingSet


@dataclass(frozen=True)
class EvaluationContext:
    """The benchmark on the current training set of a lake; networks are loaded when they are first used."""

    lake: Lake
    params: BenchmarkParams
    cache: Path
    weights: Path
    """The folder of feature extractors' files."""
    find_training: FindTraining | None = None
    """Finds the networks that measure; None: the current trainings of the lake."""

    @cached_property
    def training_set(self) -> "TrainingSet":
        """The current training set. Raises FileNotFoundError before it was made."""
        from pipelines.training_set import TrainingSet

        return TrainingSet.open(self.lake, cache=self.cache)

    def benchmark(self, track: "Track") -> str:
        """The fingerprint that results of a track have now. Raises ValueError where the test split is empty."""
        return self._test(track).fingerprint

    def references(self, track: "Track") -> str:
        """The fingerprint of the references that colorizers of a track are given now. Raises as `benchmark`."""
        from pipelines.evaluation.reference_sets import ReferenceSets

        return ReferenceSets(self.training_set, self._test(track)).fingerprint

    def find(
        self, name: str, *, checkpoint: str | None, track: "Track", lake: Lake | None = None
    ) -> "Evaluation | None":
        """The evaluation of a checkpoint on the current benchmark, with the current references where it takes some.

        lake: Where evaluations are; None: the lake of the training set.
        """
        from pipelines.evaluation.evaluation import find_evaluation

        return find_evaluation(
            lake or self.lake,
            name,
            checkpoint=checkpoint,
            benchmark=self.benchmark(track),
            references=self.references(track),
        )

    def evaluate(self, colorizer: "Colorizer", *, work: Path | None = None, **options: Any) -> "Evaluation":
        """Evaluates a colorizer on the benchmark; options are those of `benchmark.evaluate`.

        work: The folder for what is under way; None: one in the cache.

        Raises FileNotFoundError that says which file belongs where, or what to train first.
        """
        from pipelines.evaluation.benchmark import evaluate
        from pipelines.evaluation.tracks import track_of

        return evaluate(
            colorizer,
            self.training_set,
            self.params,
            extractor=self.extractor,
            drawer=self._drawer_of(track_of(colorizer.variant)),
            work=work or self.cache / "evaluation",
            **options,
        )

    def with_learned(self, evaluation: "Evaluation", record: "TrainingRecord") -> "Evaluation":
        """An evaluation that names the test pictures that its checkpoint has learned from.

        One that names them already, that is of another benchmark, or whose checkpoint is not the record's, stays as it
        is.
        """
        from pipelines.evaluation.learned import learned_pictures

        is_own = (record.checkpoint_sha256, self.benchmark(evaluation.track)) == (
            evaluation.checkpoint_digest,
            evaluation.benchmark_fingerprint,
        )
        if evaluation.learned is not None or not is_own:
            return evaluation
        return evaluation.that_learned(learned_pictures(self.lake, record, self.training_set, self._known_pictures))

    @cached_property
    def _known_pictures(self) -> "KnownPictures":
        from pipelines.evaluation.learned import KnownPictures

        return KnownPictures.of(self.lake)

    def unpaired(self) -> "dict[str, np.ndarray]":
        """The pictures without a truth: of a folder, or panels dropped as gray. Raises FileNotFoundError."""
        from pipelines.evaluation.unpaired import gray_panels, pictures_of

        return pictures_of(Path(self.params.unpaired)) if self.params.unpaired else gray_panels(self.lake)

    def peak_memory(self, checkpoint: Path) -> dict[str, float]:
        """Peak memory of colorizing a picture of the largest side on the CPU, in MiB, as a cost; none without sides."""
        from pipelines.colorize.load import load_colorizer
        from pipelines.evaluation.cost import cpu_peak_mib

        if not self.params.latency_sides:
            return {}
        side = max(self.params.latency_sides)
        peak = cpu_peak_mib(partial(load_colorizer, checkpoint), (side, side))
        return {f"peak_cpu_{side}x{side}_mib": peak}

    def _test(self, track: "Track") -> "TestPictures":
        from pipelines.evaluation.tracks import TestPictures

        return TestPictures(
            self.training_set, self.params, track, self._drawer_of(track), extractor=self._extractor_name
        )

    @cached_property
    def _find(self) -> FindTraining:
        return self.find_training or trained_in(self.lake, self.cache)

    def _drawer_of(self, track: "Track") -> "LineDrawer | None":
        """The line detector where it draws; the network is not loaded for gray pictures."""
        return self._drawer if track == "line" else None

    @cached_property
    def _drawer(self) -> "LineDrawer | None":
        """The current line detector, where one was trained: its lines are a style of their own."""
        from pipelines.evaluation.learned_lines import load_line_drawer

        try:
            path, record = self._find(LINE_DETECTOR.name)
        except NotTrainedError:
            return None
        return load_line_drawer(path, digest=record.checkpoint_sha256)

    @property
    def _extractor_name(self) -> str:
        from pipelines.evaluation.metrics.distribution import TITLE_CLASSIFIER, title_extractor_name

        if self.params.extractor != "title_vgg16":
            return self.params.extractor
        return title_extractor_name(self._find(TITLE_CLASSIFIER)[1].checkpoint_sha256)

    @cached_property
    def extractor(self) -> "FeatureExtractor | None":
        """The network of FID and KID, loaded; None for a benchmark without them. Raises FileNotFoundError."""
        from pipelines.evaluation.metrics.distribution import (
            TITLE_CLASSIFIER,
            load_feature_extractor,
            load_title_extractor,
        )

        if self.params.extractor == "none":
            return None
        if self.params.extractor != "title_vgg16":
            return load_feature_extractor(self.params.extractor, self.weights)
        path, record = self._find(TITLE_CLASSIFIER)
        return load_title_extractor(path, record.checkpoint_sha256)
