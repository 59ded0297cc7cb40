"""What judges beside the pictures: the network that FID looks through, and the trained line detector."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from assets.trained import checkpoint_path, read_record, record_path
from pipelines.evaluation.rule import BenchmarkRule
from pipelines.lake import Lake

if TYPE_CHECKING:
    import numpy as np

    from models.classifiers import TitleNetwork
    from pipelines.evaluation.distribution import FeatureExtractor
    from pipelines.evaluation.tracks import LineDrawer

TITLE_CLASSIFIER = "vgg16_color"
"""The recipe that `title_vgg16` is trained by; one that sees gray cannot judge colour."""


def extractor_of(rule: BenchmarkRule, lake: Lake, *, cache: Path, weights: Path) -> "FeatureExtractor | None":
    """The extractor that a benchmark names: a network with published weights, or our own classifier of titles.

    The digest of the classifier is part of its name, for numbers through another one do not compare.
    Raises FileNotFoundError that says which file belongs where, or what to train first.
    """
    from pipelines.evaluation.distribution import FeatureExtractor, load_feature_extractor

    if rule.extractor == "none":
        return None
    if rule.extractor != "title_vgg16":
        return load_feature_extractor(rule.extractor, weights)
    from models.checkpoint import load_checkpoint
    from pipelines.evaluation.feature_networks import TitleFeatures

    record = read_record(lake, TITLE_CLASSIFIER)
    network = load_checkpoint(checkpoint_path(lake, TITLE_CLASSIFIER, record.checkpoint, cache)).trained()
    return FeatureExtractor(extractor_name(rule, lake), TitleFeatures(cast("TitleNetwork", network)))


def extractor_name(rule: BenchmarkRule, lake: Lake) -> str:
    """Its name, without loading it."""
    if rule.extractor != "title_vgg16":
        return rule.extractor
    return f"{rule.extractor}_{read_record(lake, TITLE_CLASSIFIER).checkpoint_sha256[:8]}"


def line_drawer(lake: Lake, cache: Path) -> "LineDrawer | None":
    """The current line detector, where one was trained: its lines are a style of their own."""
    from pipelines.evaluation.learned_lines import load_line_drawer

    if not record_path(lake, "line_detector").exists():
        return None
    record = read_record(lake, "line_detector")
    path = checkpoint_path(lake, "line_detector", record.checkpoint, cache)
    return load_line_drawer(path, digest=record.checkpoint_sha256)


def unpaired_pictures(rule: BenchmarkRule, lake: Lake) -> "dict[str, np.ndarray]":
    """What is coloured without a truth: a folder, or panels that were dropped as gray. Raises FileNotFoundError."""
    from pipelines.evaluation.unpaired import gray_panels, pictures_of

    return pictures_of(Path(rule.unpaired)) if rule.unpaired else gray_panels(lake)


def peak_memory(checkpoint: Path, rule: BenchmarkRule) -> dict[str, float]:
    """Peak memory of colorizing one picture of the largest side on the CPU, in MiB, as a cost; none without sides."""
    from functools import partial

    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.cost import cpu_peak_mib

    if not rule.latency_sides:
        return {}
    side = max(rule.latency_sides)
    peak = cpu_peak_mib(partial(TrainedColorizer.load, checkpoint), (side, side))
    return {f"peak_cpu_{side}x{side}_mib": peak}
