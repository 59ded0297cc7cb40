"""The leaderboards in the lake: every colorizer's latest result beside the floors, ranked on the current benchmark."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.tracking.client import Tracking
from assets.tracking.registry import Registry
from pipelines.evaluation.context import EvaluationContext
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake, digest_of
from pipelines.progress import Progress

if TYPE_CHECKING:
    from pipelines.comparison.leaderboard import Leaderboard
    from pipelines.evaluation.evaluation import Evaluation


@dataclass(frozen=True)
class Comparison:
    """The current leaderboards, and whether they are what the lake had."""

    boards: "list[Leaderboard]"
    """One for each track on which a colorizer was judged; that of gray always."""
    evaluations: "list[Evaluation]"
    """All that they rank, the floors among them."""
    digest: str
    unchanged: bool


def compare(
    lake: Lake, params: BenchmarkParams, *, cache: Path, weights: Path, tracking: Tracking, on_picture: Progress
) -> Comparison:
    """Ranks what was judged on the current benchmark, the floors with it, and writes `leaderboard.json`.

    Raises FileNotFoundError before the training set was made, ValueError when its test split is empty.
    """
    from pipelines.comparison.leaderboard import build_leaderboard
    from pipelines.evaluation.baselines import BASELINE_NAMES, BASELINES, floor
    from pipelines.evaluation.evaluation import load_evaluations, save_evaluation
    from pipelines.evaluation.tracks import TRACKS

    context = EvaluationContext(lake, params, cache, weights)
    found = {evaluation.name: evaluation for evaluation in load_evaluations(lake)}
    judged = {"gray", *(one.track for one in found.values() if one.name not in BASELINE_NAMES)}
    boards = []
    for track in TRACKS:
        if track not in judged:
            continue
        fingerprint = context.benchmark(track)
        for name in BASELINES[track]:
            # Some floors hang on train, which the benchmark's fingerprint does not cover.
            of = (found[name].benchmark_fingerprint, found[name].training_set_fingerprint) if name in found else None
            if of != (fingerprint, context.training_set.fingerprint):
                trivial = floor(name, context.training_set, params.resolution)
                found[name] = context.judge(trivial, on_progress=on_picture)
                save_evaluation(lake, found[name])
        champion = Registry(tracking, track).at("champion")
        boards.append(
            build_leaderboard(
                list(found.values()),
                track=track,
                benchmark_fingerprint=fingerprint,
                champion=champion.sha256 if champion else None,
            )
        )
    stored = {"rule": params.model_dump(mode="json"), "boards": [board.to_json() for board in boards]}
    digest = digest_of(stored)
    unchanged = lake.leaderboard.exists() and lake.read_json(lake.leaderboard).get("digest") == digest
    if not unchanged:
        lake.write_json(lake.leaderboard, {"digest": digest, **stored})
    current = {board.benchmark_fingerprint for board in boards}
    ranked = [evaluation for evaluation in found.values() if evaluation.benchmark_fingerprint in current]
    return Comparison(boards, ranked, digest, unchanged)


def stored_boards(lake: Lake) -> "tuple[list[Leaderboard], BenchmarkParams]":
    """The leaderboards as `compare` wrote them. Raises FileNotFoundError that says what to run."""
    from pipelines.comparison.leaderboard import Leaderboard

    if not lake.leaderboard.exists():
        raise FileNotFoundError("no leaderboard yet: train and compare first (tintoon run all, or make demo)")
    stored = lake.read_json(lake.leaderboard)
    if "boards" not in stored:
        raise ValueError(f"{lake.leaderboard}: written by another version: materialize leaderboard again")
    return [Leaderboard.from_json(board) for board in stored["boards"]], BenchmarkParams(**stored["rule"])
