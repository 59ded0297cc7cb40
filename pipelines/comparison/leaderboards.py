"""The leaderboards of a lake: every colorizer's latest result beside the baselines, ranked on the current benchmark.

Writes `leaderboard.json`, and evaluations of baselines that are missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.comparison.champion import Champion
from pipelines.evaluation.context import EvaluationContext
from pipelines.evaluation.old_names import current_leaderboards
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake, digest_of
from pipelines.progress import Progress
from pipelines.training.store import is_trained, read_record

if TYPE_CHECKING:
    from pipelines.comparison.leaderboard import Leaderboard
    from pipelines.evaluation.evaluation import Evaluation
    from pipelines.evaluation.tracks import ReferenceCondition, Track


@dataclass(frozen=True)
class Comparison:
    """The current leaderboards."""

    boards: "list[Leaderboard]"
    """One for each track with an evaluated colorizer, that of gray always; where colorizers take references, one more
    for each condition of references."""
    evaluations: "list[Evaluation]"
    """All that they rank, the baselines among them."""
    digest: str
    unchanged: bool
    """The lake had the same ones already."""


def compare(
    lake: Lake,
    params: BenchmarkParams,
    *,
    cache: Path,
    weights: Path,
    champions: "Mapping[Track, Champion]",
    on_picture: Progress,
) -> Comparison:
    """Ranks every colorizer that was evaluated on the current benchmark, and writes `leaderboard.json`.

    Baselines without a result on it are evaluated first.

    Args:
        lake: Holds the training set and the evaluations.
        params: The size of the benchmark.
        cache: A local folder for arrays of a remote lake and for evaluations that are under way.
        weights: The folder of feature extractors' files.
        champions: The colorizer of each track that the others are compared with, where there is one.
        on_picture: Called with (done, all) pictures of a baseline.

    Raises FileNotFoundError before the training set was made, ValueError when its test split is empty.
    """
    from pipelines.comparison.leaderboard import build_leaderboard
    from pipelines.evaluation.baselines import BASELINE_NAMES, BASELINES, REFERENCE_BASELINES, build_baseline
    from pipelines.evaluation.evaluation import load_evaluations, save_evaluation
    from pipelines.evaluation.tracks import REFERENCE_CONDITIONS, TRACKS

    context = EvaluationContext(lake, params, cache, weights)
    found = {evaluation.name: _looked_at(evaluation, context) for evaluation in load_evaluations(lake)}
    evaluated = {"gray", *(one.track for one in found.values() if one.name not in BASELINE_NAMES)}
    boards = []

    def evaluate_baseline(name: str) -> None:
        baseline = build_baseline(name, context.training_set, params.resolution)
        found[name] = context.evaluate(baseline, on_progress=on_picture)
        save_evaluation(lake, found[name])

    for track in TRACKS:
        if track not in evaluated:
            continue
        fingerprint = context.benchmark(track)
        references = _references_of(track, fingerprint, found.values(), context)
        for name in BASELINES[track]:
            # Some baselines depend on the train split, which the benchmark's fingerprint does not cover.
            made_on = (
                (found[name].benchmark_fingerprint, found[name].training_set_fingerprint) if name in found else None
            )
            if made_on != (fingerprint, context.training_set.fingerprint):
                evaluate_baseline(name)
        conditions: list[ReferenceCondition] = ["none"]
        if references:
            name = REFERENCE_BASELINES[track]
            made_on = (found[name].benchmark_fingerprint, found[name].references_fingerprint) if name in found else None
            if made_on != (fingerprint, references):
                evaluate_baseline(name)
            conditions += filter(found[name].measured_in, REFERENCE_CONDITIONS)
        champion = champions.get(track)
        boards += [
            build_leaderboard(
                list(found.values()),
                track=track,
                benchmark_fingerprint=fingerprint,
                champion=champion.checkpoint_sha256 if champion else None,
                references=condition,
                references_fingerprint=references,
            )
            for condition in conditions
        ]
    stored = {"params": params.model_dump(mode="json"), "boards": [board.to_json() for board in boards]}
    digest = digest_of(stored)
    unchanged = lake.leaderboard.exists() and lake.read_json(lake.leaderboard).get("digest") == digest
    if not unchanged:
        lake.write_json(lake.leaderboard, {"digest": digest, **stored})
    return Comparison(boards, _ranked(boards, list(found.values())), digest, unchanged)


def _looked_at(evaluation: "Evaluation", context: EvaluationContext) -> "Evaluation":
    """An evaluation that names the test pictures that its checkpoint learned from: earlier versions did not look."""
    if not is_trained(context.lake, evaluation.name):  # a baseline, or a training that is gone
        return evaluation
    return context.with_learned(evaluation, read_record(context.lake, evaluation.name))


def _references_of(
    track: "Track", benchmark: str, evaluations: "Iterable[Evaluation]", context: EvaluationContext
) -> str | None:
    """The current fingerprint of the references, where some colorizer takes references; else None."""
    from pipelines.evaluation.baselines import BASELINE_NAMES

    takes_some = any(
        one.references_fingerprint is not None
        for one in evaluations
        if one.track == track and one.benchmark_fingerprint == benchmark and one.name not in BASELINE_NAMES
    )
    return context.references(track) if takes_some else None


def stored_leaderboards(lake: Lake) -> "tuple[list[Leaderboard], BenchmarkParams]":
    """The leaderboards as `compare` wrote them, with the parameters of their benchmark.

    Raises FileNotFoundError that says what to run, ValueError for a file of a version that cannot be read.
    """
    from pipelines.comparison.leaderboard import Leaderboard

    if not lake.leaderboard.exists():
        raise FileNotFoundError("no leaderboard yet: train and compare first (tintoon run all, or make demo)")
    stored = current_leaderboards(lake.read_json(lake.leaderboard))
    if "boards" not in stored:
        raise ValueError(f"{lake.leaderboard}: written by another version: materialize leaderboard again")
    return [Leaderboard.from_json(board) for board in stored["boards"]], BenchmarkParams(**stored["params"])


def ranked_evaluations(lake: Lake) -> "list[Evaluation]":
    """The evaluations that the stored leaderboards rank. Raises as `stored_leaderboards`."""
    from pipelines.evaluation.evaluation import load_evaluations

    return _ranked(stored_leaderboards(lake)[0], load_evaluations(lake))


def _ranked(boards: "list[Leaderboard]", evaluations: "list[Evaluation]") -> "list[Evaluation]":
    current = {board.benchmark_fingerprint for board in boards}
    return [evaluation for evaluation in evaluations if evaluation.benchmark_fingerprint in current]
