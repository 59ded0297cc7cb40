"""What judges beside the pictures: the network that FID looks through, and the trained line detector."""

from pathlib import Path
from typing import TYPE_CHECKING

from assets.trained import checkpoint_path, read_record, record_path
from pipelines.evaluation.rule import BenchmarkRule
from pipelines.lake import Lake

if TYPE_CHECKING:
    from pipelines.evaluation.distribution import FeatureExtractor
    from pipelines.evaluation.tracks import LineDrawer


def extractor_of(rule: BenchmarkRule, weights: Path) -> "FeatureExtractor | None":
    """The extractor that a benchmark names. Raises FileNotFoundError that says which file belongs where."""
    from pipelines.evaluation.distribution import load_feature_extractor

    return None if rule.extractor == "none" else load_feature_extractor(rule.extractor, weights)


def line_drawer(lake: Lake, cache: Path) -> "LineDrawer | None":
    """The current line detector, where one was trained: its lines are a style of their own."""
    from pipelines.evaluation.learned_lines import load_line_drawer

    if not record_path(lake, "line_detector").exists():
        return None
    record = read_record(lake, "line_detector")
    path = checkpoint_path(lake, "line_detector", record.checkpoint, cache)
    return load_line_drawer(path, digest=record.checkpoint_sha256)


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
