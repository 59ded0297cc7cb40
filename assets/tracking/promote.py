"""The champion of each track: MLflow's alias `champion`, moved only to a better version, and moved back by one call.

Where no candidate becomes the champion, the best of them is registered as `challenger`, with the reason.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from assets.tracking.client import Tracking
from assets.tracking.model_card import card_path, write_card
from assets.tracking.registry import Registry, registry_lock
from assets.tracking.versions import Version
from pipelines.comparison.leaderboards import stored_leaderboards
from pipelines.comparison.params import PromotionParams
from pipelines.evaluation.context import EvaluationContext
from pipelines.lake import Lake
from pipelines.training.store import read_record

if TYPE_CHECKING:
    from pipelines.comparison.leaderboard import Leaderboard
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
    """Compares each leaderboard's best with the champion of its track, and moves the alias where it is better.

    Waits while another process of this installation promotes or undoes, then decides on what that left.

    Raises ValueError where no colorizer was evaluated on any track, where a leaderboard is of an older benchmark, and
    where a recipe was trained again after it was evaluated.
    """
    from pipelines.comparison.challenger import champion_boards

    with registry_lock(cache):
        boards, benchmark = stored_leaderboards(lake)
        context = EvaluationContext(lake, benchmark, cache, weights)
        decided = [board for board in champion_boards(boards) if board.colorizers]
        promotions = [_promote(board, params, context, tracking) for board in decided]
    if not promotions:
        raise ValueError(
            f"no champion: no colorizer has a result on this benchmark{_learned(boards)}; train and evaluate a recipe "
            "first (tintoon run colorizer evaluation leaderboard champion)"
        )
    return promotions


def _learned(boards: "list[Leaderboard]") -> str:
    """A remark on those that are not ranked, for they learned from test pictures."""
    names = sorted({row.name for board in boards for row in board.learned})
    return f" that did not learn from its pictures ({', '.join(names)} did)" if names else ""


def _promote(
    board: "Leaderboard", params: PromotionParams, context: EvaluationContext, tracking: Tracking
) -> Promotion:
    from pipelines.comparison.challenger import choose_challenger

    registry = Registry(tracking, board.track)
    champion = registry.at("champion")
    undone = [digest for row in board.colorizers if _is_undone(digest := str(row.checkpoint_digest), registry)]
    challenger = choose_challenger(board, champion and champion.champion, params, context, undone=undone)
    if challenger is None:
        if champion is None:
            raise ValueError(f"no champion of track {board.track}: each of its colorizers was undone; train another")
        reason = f"{champion.recipe} stays: no other colorizer was evaluated"
        return Promotion(board.track, champion, moved=False, reason=reason)
    reason = challenger.reason
    version = _registered(registry, challenger.evaluation, context, reason=reason, tracking=tracking)
    decision = {"decision": reason, "benchmark": board.benchmark_fingerprint, "decided": _now()}
    if challenger.promoted:
        # The version before is written down first: a promotion that is cut short can still be undone.
        registry.tag(version, {**decision, **({"previous": champion.number} if champion else {})})
        registry.point("champion", version)
        registry.clear("challenger")
        return Promotion(board.track, registry.numbered(version.number) or version, moved=True, reason=reason)
    registry.tag(version, decision)
    registry.point("challenger", version)
    if champion is None:
        raise ValueError(f"no champion of track {board.track}: {reason}")
    return Promotion(board.track, champion, moved=False, reason=reason)


def _is_undone(sha256: str, registry: Registry) -> bool:
    """True where a person undid the promotion of this checkpoint."""
    version = registry.of_checkpoint(sha256)
    return version is not None and "undone" in version.tags


def _registered(
    registry: Registry, evaluation: "Evaluation", context: EvaluationContext, *, reason: str, tracking: Tracking
) -> Version:
    """The version of an evaluated checkpoint, registered if it was not, with a model card that holds the reason.

    Raises ValueError where the recipe was trained again after it was evaluated.
    """
    version = registry.of_checkpoint(str(evaluation.checkpoint_digest)) or _register(registry, evaluation, context.lake)
    has_card = card_path(context.lake, registry, version).exists()
    if not has_card or version.tags.get("decision") != reason:
        record = read_record(context.lake, version.recipe, version.tags["checkpoint"])
        card = write_card(context.lake, registry, version, record, evaluation, reason=reason, tracking=tracking)
        registry.describe(version, f"Recipe {record.recipe}. Model card: {card}")
    return version


def _register(registry: Registry, evaluation: "Evaluation", lake: Lake) -> Version:
    record = read_record(lake, evaluation.name)
    if record.checkpoint_sha256 != evaluation.checkpoint_digest:
        raise ValueError(
            f"{evaluation.name} was trained again after it was evaluated: materialize its evaluation and the "
            f"leaderboard, then champion (tintoon run evaluation leaderboard champion --recipe {evaluation.name})"
        )
    tags = {
        "recipe": record.recipe,
        "checkpoint": record.key,
        "checkpoint_sha256": record.checkpoint_sha256,
        "training_set": record.training_set,
        "benchmark": evaluation.benchmark_fingerprint,
    }
    return registry.register(record.mlflow_run_id, tags=tags)


def undo(*, cache: Path, tracking: Tracking, track: "Track", asked: datetime | None = None) -> Promotion:
    """Gives the alias `champion` back to the version that had it before. The one taken back is never promoted again.

    What is taken back is the version that was the champion when this was asked for. Waits while another process of this
    installation promotes or undoes.

    asked: When a person asked, by default now. Of two who ask at once, the second is told what the first has done.

    Raises ValueError where there is no champion, or none before it, and where another process moved the alias first.
    """
    asked, registry = asked or datetime.now(UTC), Registry(tracking, track)
    seen = registry.at("champion")
    with registry_lock(cache):
        champion = registry.at("champion")
        if champion is None or seen is None:
            raise ValueError(f"no champion of track {track} to take back: there is none")
        if champion.number != seen.number or any(_is_later(version, asked) for version in registry.undone()):
            raise ValueError(
                f"nothing was taken back: another process moved the champion of track {track} at the same time, and "
                f"version {champion.number}, {champion.recipe}, is served now; call it again to take that one back"
            )
        previous = _before(champion, registry)
        registry.tag(champion, {"undone": _now()})
        registry.point("champion", previous)
    reason = f"version {champion.number}, {champion.recipe}, was taken back"
    return Promotion(track, previous, moved=True, reason=reason)


def _is_later(undone: Version, asked: datetime) -> bool:
    """True for a version that was taken back after somebody asked to take one back."""
    try:
        return datetime.fromisoformat(undone.tags["undone"]) > asked
    except (ValueError, TypeError):  # written by hand
        return False


def _before(champion: Version, registry: Registry) -> Version:
    """The last version before a champion that was not taken back. Raises ValueError where there is none."""
    passed, version = {champion.number}, champion
    while "previous" in version.tags and version.tags["previous"] not in passed:
        number = version.tags["previous"]
        version = registry.numbered(number)
        if version is None:
            raise ValueError(
                f"no champion of track {registry.track} to go back to: version {number}, the one before, was deleted "
                "in MLflow; train and compare again (tintoon run all)"
            )
        if "undone" not in version.tags:
            return version
        passed.add(version.number)
    raise ValueError(f"no champion of track {registry.track} to go back to: {champion.recipe} is the first")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
