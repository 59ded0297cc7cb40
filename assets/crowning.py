"""Who is champion: MLflow's registered model `colorizer`, alias `champion`, moved only to a better one.

Better is measured on one benchmark: a champion that was judged on an older one is judged again on the current
one before anybody takes its place.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assets.comparison import stored_leaderboard
from assets.tracking import Tracking
from assets.trained import checkpoint_path, read_record
from pipelines.evaluation.rule import BenchmarkRule
from pipelines.lake import Lake

if TYPE_CHECKING:
    from pipelines.evaluation.leaderboard import Leaderboard, LeaderboardRow


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
    from pipelines.evaluation.leaderboard import choose_champion

    board, rule = stored_leaderboard(lake)
    tags = tracking.champion()
    current = _champions_row(tags, board, rule, lake, cache) if tags else None
    decision = choose_champion(board, current)
    if tags and not decision.moved:
        return Crowned(
            tags["recipe"], tags["version"], tags["run_id"], tags["checkpoint_sha256"], False, decision.reason
        )
    if decision.name is None:
        raise ValueError(f"no champion: {decision.reason}; train and judge a recipe first (tintoon run colorizer)")
    assert decision.row is not None
    record = read_record(lake, decision.name)
    if record.checkpoint_sha256 != decision.row.checkpoint_digest:
        raise ValueError(
            f"{decision.name} was trained again after it was judged: materialize its evaluation and the leaderboard, "
            f"then champion (tintoon run evaluation leaderboard champion --recipe {decision.name})"
        )
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


def _champions_row(
    tags: dict[str, str], board: "Leaderboard", rule: BenchmarkRule, lake: Lake, cache: Path
) -> "LeaderboardRow":
    """The champion's result on the leaderboard's benchmark: as it stands there, or else measured now."""
    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.benchmark import evaluate
    from pipelines.evaluation.leaderboard import build_leaderboard
    from pipelines.training_set import TrainingSet

    for row in board.rows:
        if row.checkpoint_digest == tags["checkpoint_sha256"]:
            return row
    path = checkpoint_path(lake, tags["recipe"], tags["checkpoint"], cache)
    measured = evaluate(TrainedColorizer.load(path), TrainingSet.open(lake, cache=cache), **rule.model_dump())
    measured = replace(measured, checkpoint_digest=tags["checkpoint_sha256"], mlflow_run_id=tags["run_id"])
    return build_leaderboard([measured], benchmark_fingerprint=measured.benchmark_fingerprint).rows[0]


def champion_checkpoint(lake: Lake, *, cache: Path, tracking: Tracking) -> Path:
    """A local path of the champion's checkpoint. Raises FileNotFoundError when there is no champion yet."""
    tags = tracking.champion()
    if tags is None:
        raise FileNotFoundError("there is no champion yet: train and compare first (tintoon run all, or make demo)")
    return checkpoint_path(lake, tags["recipe"], tags["checkpoint"], cache)
