"""The leaderboard in the lake: every recipe's latest result and the floor, ranked on the current benchmark."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.progress import Progress
from pipelines.evaluation.rule import BenchmarkRule
from pipelines.lake import Lake, digest_of

if TYPE_CHECKING:
    from pipelines.evaluation.benchmark import Evaluation
    from pipelines.evaluation.leaderboard import Leaderboard


@dataclass(frozen=True)
class Comparison:
    """The current leaderboard, and whether it is what the lake had."""

    leaderboard: "Leaderboard"
    digest: str
    unchanged: bool


def compare(lake: Lake, rule: BenchmarkRule, *, cache: Path, on_picture: Progress) -> Comparison:
    """Ranks what was judged on the current benchmark, the floor with it, and writes `leaderboard.json`.

    Raises FileNotFoundError before the training set was made, ValueError when its test split is empty.
    """
    from pipelines.colorize.picture import GrayCopy
    from pipelines.evaluation.benchmark import evaluate, load_evaluations, save_evaluation
    from pipelines.evaluation.leaderboard import SHOWN_METRICS, build_leaderboard
    from pipelines.training_set import TrainingSet

    training_set = TrainingSet.open(lake, cache=cache)
    fingerprint = training_set.benchmark_fingerprint(rule.resolution, rule.max_pictures)
    floor = GrayCopy()
    evaluations = {evaluation.name: evaluation for evaluation in load_evaluations(lake)}
    if floor.name not in evaluations or evaluations[floor.name].benchmark_fingerprint != fingerprint:
        evaluations[floor.name] = evaluate(floor, training_set, **rule.model_dump(), on_progress=on_picture)
        save_evaluation(lake, floor.name, evaluations[floor.name])
    board = build_leaderboard(list(evaluations.values()), benchmark_fingerprint=fingerprint)
    stored = {
        "benchmark": fingerprint,
        "rule": rule.model_dump(),
        "metrics": list(SHOWN_METRICS),
        "rows": board.to_json(),
        "not_comparable": [row.to_json() for row in board.not_comparable],
    }
    unchanged = lake.leaderboard.exists() and lake.read_json(lake.leaderboard) == stored
    if not unchanged:
        lake.write_json(lake.leaderboard, stored)
    return Comparison(board, digest_of(stored), unchanged)


def stored_leaderboard(lake: Lake) -> "tuple[Leaderboard, BenchmarkRule]":
    """The leaderboard as `compare` wrote it. Raises FileNotFoundError that says what to run."""
    from pipelines.evaluation.leaderboard import Leaderboard, LeaderboardRow

    if not lake.leaderboard.exists():
        raise FileNotFoundError("no leaderboard yet: materialize `leaderboard` first (tintoon run leaderboard)")
    stored = lake.read_json(lake.leaderboard)
    ranked, apart = (
        tuple(LeaderboardRow.from_json(row) for row in stored[part]) for part in ("rows", "not_comparable")
    )
    return Leaderboard(stored["benchmark"], ranked, apart), BenchmarkRule(**stored["rule"])


def is_current(evaluation: "Evaluation", *, checkpoint: str, benchmark: str) -> bool:
    """Whether an evaluation is of this checkpoint, on this benchmark."""
    return (evaluation.checkpoint_digest, evaluation.benchmark_fingerprint) == (checkpoint, benchmark)
