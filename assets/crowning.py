"""Who is champion: MLflow's registered model `colorizer`, alias `champion`, moved only to a better one.

Better is measured on one benchmark: a champion that was judged on an older one is judged again on the current
one before anybody takes its place.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from assets.tracked_training import checkpoint_path, read_record
from assets.tracking import Tracking
from pipelines.lake import Lake


@dataclass(frozen=True)
class Crowned:
    """The champion after a comparison."""

    recipe: str
    version: str
    mlflow_run_id: str
    checkpoint_sha256: str
    moved: bool
    reason: str


def crown_best(lake: Lake, *, cache: Path, tracking: Tracking) -> Crowned:
    """Compares the leaderboard's best with the champion, and moves the alias where the best is better."""
    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.benchmark import evaluate, load_evaluation
    from pipelines.evaluation.leaderboard import choose_champion, load_leaderboard
    from pipelines.training_set import TrainingSet

    board = load_leaderboard(lake)
    tags = tracking.champion()
    current = None
    if tags is not None:
        current = load_evaluation(lake, tags["recipe"])
        if current is None or (current.checkpoint, current.benchmark_fingerprint) != (
            tags["checkpoint_sha256"],
            board.benchmark_fingerprint,
        ):
            path = checkpoint_path(lake, tags["recipe"], tags["checkpoint"], cache)
            current = evaluate(TrainedColorizer.load(path), TrainingSet.open(lake, cache=cache), board.rule)
            current = replace(current, checkpoint=tags["checkpoint_sha256"])
    decision = choose_champion(board, current)
    if not decision.moved:
        assert tags is not None
        return Crowned(
            tags["recipe"], tags["version"], tags["run_id"], tags["checkpoint_sha256"], False, decision.reason
        )
    record = read_record(lake, decision.name)
    version = tracking.crown(
        record.mlflow_run_id,
        checkpoint="checkpoint/checkpoint.safetensors",
        tags={
            "recipe": record.recipe,
            "checkpoint": record.checkpoint,
            "checkpoint_sha256": record.checkpoint_sha256,
            "training_set": record.training_set,
            "benchmark": board.benchmark_fingerprint,
            "reason": decision.reason,
        },
    )
    return Crowned(record.recipe, version, record.mlflow_run_id, record.checkpoint_sha256, True, decision.reason)


def champion_checkpoint(lake: Lake, *, cache: Path, tracking: Tracking) -> Path:
    """A local path of the champion's checkpoint. Raises FileNotFoundError when there is no champion yet."""
    tags = tracking.champion()
    if tags is None:
        raise FileNotFoundError("there is no champion yet: train and compare first (tintoon run all, or make demo)")
    return checkpoint_path(lake, tags["recipe"], tags["checkpoint"], cache)
