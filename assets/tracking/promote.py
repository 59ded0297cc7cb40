"""Who is champion of a track: MLflow's alias `champion`, moved only to a significantly better one, and moved back by
one call.

Better is measured on one benchmark: a champion that was judged on an older one is judged again on the current one
before anybody takes its place. Where the best by the score breaks a guard, the next one has its turn. Where nobody
makes it, the best is registered too, as `challenger`, with the reason.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from assets.tracking.client import Tracking
from assets.tracking.model_card import card_path, write_card
from assets.tracking.publish_leaderboard import stored_boards
from assets.tracking.registry import Registry, Version
from pipelines.comparison.params import PromotionParams
from pipelines.evaluation.context import EvaluationContext
from pipelines.lake import Lake
from pipelines.training.store import checkpoint_path, read_record

if TYPE_CHECKING:
    from pipelines.comparison.leaderboard import Leaderboard, LeaderboardRow
    from pipelines.evaluation.evaluation import Evaluation
    from pipelines.evaluation.tracks import Track


@dataclass(frozen=True)
class Promotion:
    """The champion of a track after a comparison."""

    track: "Track"
    version: Version
    moved: bool
    reason: str


def promote_best(
    lake: Lake, params: PromotionParams, *, cache: Path, weights: Path, tracking: Tracking
) -> list[Promotion]:
    """On each track, compares the leaderboard's best with the champion, and moves the alias where one is better.

    Raises ValueError where no colorizer was judged on any track, and where one was trained again after it was judged.
    """
    boards, benchmark = stored_boards(lake)
    context = EvaluationContext(lake, benchmark, cache, weights)
    promotions = [_promote(board, params, context, tracking) for board in boards if board.colorizers]
    if not promotions:
        raise ValueError(
            "no champion: no colorizer has a result on this benchmark; train and judge a recipe first "
            "(tintoon run colorizer)"
        )
    return promotions


def _promote(
    board: "Leaderboard", params: PromotionParams, context: EvaluationContext, tracking: Tracking
) -> Promotion:
    from pipelines.comparison.promotion import decide

    registry = Registry(tracking, board.track)
    champion = registry.at("champion")
    candidates = [row for row in board.colorizers if _may_serve(str(row.checkpoint_digest), registry, champion)]
    if not candidates:
        if champion is None:
            raise ValueError(f"no champion of track {board.track}: each of its colorizers was undone; train another")
        return Promotion(board.track, champion, moved=False, reason=f"{champion.recipe} stays: nobody else was judged")
    current = _evaluate_again(champion, board, context) if champion else None
    evaluations = [_evaluation_of(row, board, context.lake) for row in candidates]
    decisions = [decide(one, current, params, challengers=len(candidates)) for one in evaluations]
    place = next((place for place, decision in enumerate(decisions) if decision.promoted), 0)
    challenger, decision = evaluations[place], decisions[place]
    reason = decision.reason
    if candidates[place].below_baseline:
        reason += f"; {challenger.name} is worse than the picture itself"
    version = _registered(registry, challenger, context, reason=reason, tracking=tracking)
    facts = {"decision": reason, "benchmark": board.benchmark_fingerprint, "decided": _now()}
    if decision.promoted:
        # What it takes the place of is written down first: whatever comes in between can be undone.
        registry.tag(version, {**facts, **({"previous": champion.number} if champion else {})})
        registry.point("champion", version)
        registry.clear("challenger")
        return Promotion(board.track, registry.numbered(version.number), moved=True, reason=reason)
    registry.tag(version, facts)
    registry.point("challenger", version)
    if champion is None:
        raise ValueError(f"no champion of track {board.track}: {reason}")
    return Promotion(board.track, champion, moved=False, reason=reason)


def _may_serve(sha256: str, registry: Registry, champion: Version | None) -> bool:
    """Whether a checkpoint is neither the champion nor one that a person took back."""
    if champion and champion.sha256 == sha256:
        return False
    version = registry.of_checkpoint(sha256)
    return version is None or "undone" not in version.tags


def _evaluation_of(row: "LeaderboardRow", board: "Leaderboard", lake: Lake) -> "Evaluation":
    from pipelines.evaluation.evaluation import find_evaluation

    found = find_evaluation(lake, row.name, checkpoint=row.checkpoint_digest, benchmark=board.benchmark_fingerprint)
    if found is None:
        raise FileNotFoundError(
            f"{row.name}: the evaluation that the leaderboard ranks is gone: materialize evaluation, leaderboard and "
            f"champion (tintoon run evaluation leaderboard champion --recipe {row.name})"
        )
    return found


def _evaluate_again(champion: Version, board: "Leaderboard", context: EvaluationContext) -> "Evaluation":
    """The champion's result on the leaderboard's benchmark: what the lake has, or else measured now."""
    from pipelines.colorize.picture import TrainedColorizer
    from pipelines.evaluation.evaluation import find_evaluation, save_evaluation

    lake = context.lake
    found = find_evaluation(lake, champion.recipe, checkpoint=champion.sha256, benchmark=board.benchmark_fingerprint)
    if found is not None:
        return found
    measured = context.judge(
        TrainedColorizer.load(checkpoint_path(lake, champion.recipe, champion.tags["checkpoint"], context.cache)),
        checkpoint_digest=champion.sha256,
        mlflow_run_id=champion.run_id,
    )
    save_evaluation(lake, measured, as_latest=False)  # its recipe may have been trained again since
    return measured


def _registered(
    registry: Registry, evaluation: "Evaluation", context: EvaluationContext, *, reason: str, tracking: Tracking
) -> Version:
    """The version of an evaluated checkpoint, registered if it was not, with a model card that says the reason.

    Raises ValueError where the recipe was trained again after it was judged.
    """
    version = registry.of_checkpoint(str(evaluation.checkpoint_digest)) or _register(registry, evaluation, context.lake)
    has_card = card_path(context.lake, registry, version).exists()
    if not has_card or version.tags.get("decision") != reason:
        record = read_record(context.lake, version.recipe, PurePath(version.tags["checkpoint"]).stem)
        card = write_card(context.lake, registry, version, record, evaluation, reason=reason, tracking=tracking)
        registry.describe(version, f"Recipe {record.recipe}. Model card: {card}")
    return version


def _register(registry: Registry, evaluation: "Evaluation", lake: Lake) -> Version:
    record = read_record(lake, evaluation.name)
    if record.checkpoint_sha256 != evaluation.checkpoint_digest:
        raise ValueError(
            f"{evaluation.name} was trained again after it was judged: materialize its evaluation and the leaderboard, "
            f"then champion (tintoon run evaluation leaderboard champion --recipe {evaluation.name})"
        )
    tags = {
        "recipe": record.recipe,
        "checkpoint": record.checkpoint,
        "checkpoint_sha256": record.checkpoint_sha256,
        "training_set": record.training_set,
        "benchmark": evaluation.benchmark_fingerprint,
    }
    return registry.register(record.mlflow_run_id, tags=tags)


def undo(*, tracking: Tracking, track: "Track") -> Promotion:
    """Gives the alias `champion` back to the version that had it before. Whoever is taken back never serves again.

    Raises ValueError where there is no champion, or nobody before it.
    """
    registry = Registry(tracking, track)
    champion = registry.at("champion")
    if champion is None:
        raise ValueError(f"no champion of track {track} to take back: there is none")
    previous = _before(champion, registry)
    if previous is None:
        raise ValueError(f"no champion of track {track} to go back to: nobody was before {champion.recipe}")
    registry.tag(champion, {"undone": _now()})
    registry.point("champion", previous)
    reason = f"version {champion.number}, {champion.recipe}, was taken back"
    return Promotion(track, previous, moved=True, reason=reason)


def _before(champion: Version, registry: Registry) -> Version | None:
    """The last one before a champion that was not taken back; None where there is none."""
    passed, version = {champion.number}, champion
    while "previous" in version.tags and version.tags["previous"] not in passed:
        version = registry.numbered(version.tags["previous"])
        if "undone" not in version.tags:
            return version
        passed.add(version.number)
    return None


def champion_checkpoint(lake: Lake, *, cache: Path, tracking: Tracking, track: "Track" = "gray") -> Path:
    """A local path of a champion's checkpoint. Raises FileNotFoundError when there is no champion yet."""
    champion = Registry(tracking, track).at("champion")
    if champion is None:
        raise FileNotFoundError(
            f"there is no champion yet of track {track}: train and compare first (tintoon run all, or make demo)"
        )
    return checkpoint_path(lake, champion.recipe, champion.tags["checkpoint"], cache)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
