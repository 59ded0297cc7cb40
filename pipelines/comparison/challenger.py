"""The challenger of a leaderboard: the candidate that takes the champion's place, or the best of those that do not.

A track has one champion. It is decided on the leaderboard that is nearest to use; see `champion_boards`.
Both sides are evaluated on one benchmark, the current one: a champion without a result on it is evaluated again first.
Where the best by the score breaks a guard, the next candidate is considered.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.colorize.load import load_colorizer
from pipelines.comparison.champion import Champion
from pipelines.comparison.leaderboard import Leaderboard, LeaderboardRow
from pipelines.comparison.params import PromotionParams
from pipelines.comparison.promotion import decide
from pipelines.comparison.significance import MIN_FOR_T
from pipelines.evaluation.baselines import REFERENCE_BASELINES
from pipelines.evaluation.context import EvaluationContext
from pipelines.evaluation.evaluation import (
    Evaluation,
    find_evaluation,
    load_evaluation,
    save_evaluation,
    views_of,
)
from pipelines.training.store import checkpoint_path, is_trained, read_record

if TYPE_CHECKING:
    from pipelines.lake import Lake


BROAD_SHARE = 0.5
"""A leaderboard with references decides from this share of the test pictures on."""


@dataclass(frozen=True, eq=False)
class Challenger:
    """A candidate with the decision on it."""

    evaluation: Evaluation
    """Under the leaderboard's condition of references."""
    promoted: bool
    """It becomes the champion."""
    reason: str
    """For people: one sentence with the numbers."""


def champion_boards(boards: Iterable[Leaderboard]) -> list[Leaderboard]:
    """The leaderboard of each track that its champion is decided on: that with references of the same issue, else that
    with references of other issues, else that without.

    That is the order in which they are near to use: a person who colours a book gives its first pages, or has its
    earlier issues. With references a leaderboard decides only where it has BROAD_SHARE of the test pictures, of
    MIN_FOR_T issues or as many as there are: a few pictures decide nothing.
    """
    boards = list(boards)
    chosen = {board.track: board for board in boards if board.references == "none"}
    plain = dict(chosen)
    for references in ("other_issues", "same_issue"):
        for board in boards:
            if board.references == references and _is_broad(board, plain[board.track]):
                chosen[board.track] = board
    return list(chosen.values())


def _is_broad(board: Leaderboard, plain: Leaderboard) -> bool:
    pictures, of_all = (max((row.pictures for row in one.rows), default=0) for one in (board, plain))
    return pictures >= BROAD_SHARE * of_all and board.issues >= min(MIN_FOR_T, plain.issues)


def choose_challenger(
    board: Leaderboard,
    champion: Champion | None,
    params: PromotionParams,
    context: EvaluationContext,
    *,
    undone: Collection[str] = (),
) -> Challenger | None:
    """The best candidate that may become the champion, else the best one with the reason against it.

    Args:
        board: The current leaderboard of the track, of `champion_boards`.
        champion: The colorizer that is served; None before there is one.
        params: When a challenger is promoted.
        context: The current benchmark; evaluates the champion where it has no result on it.
        undone: Digests of checkpoints that a person took back: they are no candidates.

    Returns None where there is no candidate beside the champion. Raises ValueError for a leaderboard of an older
    benchmark, FileNotFoundError where an evaluation that it ranks is gone.
    """
    current = {"benchmark": (board.benchmark_fingerprint, context.benchmark(board.track))}
    if board.references_fingerprint is not None:
        current["references"] = (board.references_fingerprint, context.references(board.track))
    for what, (known, now) in current.items():
        if known != now:
            raise ValueError(
                f"the leaderboard of track {board.track} is of {what} {known[:12]}, and the current one is {now[:12]}: "
                "materialize evaluation, leaderboard and champion again (tintoon run evaluation leaderboard champion)"
            )
    served = champion.checkpoint_sha256 if champion else None
    rows = [row for row in board.colorizers if row.checkpoint_digest not in {served, *undone}]
    if not rows:
        return None
    held = _evaluation_of_champion(champion, board, context) if champion else None
    evaluations = [_evaluation_of_row(row, context.lake) for row in rows]
    evaluations = _under(board, [*evaluations, *([held] if held else [])], context.lake)
    held = evaluations.pop() if held else None
    note = ""
    if held and held.learned:
        held, evaluations, note = _on_the_rest(held, evaluations)
    decisions = [decide(one, held, params, challengers=len(rows)) for one in evaluations]
    place = next((place for place, decision in enumerate(decisions) if decision.promoted), 0)
    reason = decisions[place].reason + note
    if rows[place].below_baseline:
        reason += f"; {rows[place].name} is worse than the picture itself"
    return Challenger(evaluations[place], decisions[place].promoted, reason)


def _on_the_rest(held: Evaluation, evaluations: list[Evaluation]) -> tuple[Evaluation | None, list[Evaluation], str]:
    """A champion that has learned from test pictures, and the others, on the pictures that it has not learned from.

    Where those are less than BROAD_SHARE, it cannot be judged: the others are as if there were no champion. Returns a
    remark too.
    """
    pictures = {*held.unhinted["panel_id"]}
    learned = pictures & {*(held.learned or ())}
    what = f"the champion {held.name} learned from {len(learned)} of {len(pictures)} test pictures"
    if len(learned) > (1 - BROAD_SHARE) * len(pictures):
        return None, evaluations, f"; {what} and cannot be judged"
    rest = pictures - learned
    held, *others = (one.under(one.references, rest) for one in (held, *evaluations))
    return held, others, f"; {what}, and is judged on the other {len(rest)}" if learned else ""


def _evaluation_of_row(row: LeaderboardRow, lake: "Lake") -> Evaluation:
    found = find_evaluation(
        lake,
        row.name,
        checkpoint=row.checkpoint_digest,
        benchmark=row.benchmark_fingerprint,
        references=row.references_fingerprint,
    )
    if found is None:
        raise FileNotFoundError(
            f"{row.name}: the evaluation that the leaderboard ranks is gone: materialize evaluation, leaderboard and "
            f"champion (tintoon run evaluation leaderboard champion --recipe {row.name})"
        )
    return found


def _under(board: Leaderboard, evaluations: list[Evaluation], lake: "Lake") -> list[Evaluation]:
    """The evaluations under the leaderboard's condition of references."""
    if board.references == "none":
        return views_of(evaluations, "none")
    # The baseline knows the pictures of the condition, also where none of the others takes references.
    baseline = load_evaluation(lake, REFERENCE_BASELINES[board.track])
    return views_of([baseline, *evaluations], board.references)[1:]


def _evaluation_of_champion(champion: Champion, board: Leaderboard, context: EvaluationContext) -> Evaluation:
    """Its result on the current benchmark: the lake's, or else measured now."""
    lake, digest = context.lake, champion.checkpoint_sha256
    found = context.find(champion.recipe, checkpoint=digest, track=board.track)
    if found is not None and not is_trained(lake, champion.recipe, champion.checkpoint):
        return found
    record = read_record(lake, champion.recipe, champion.checkpoint)
    if found is not None:
        return context.with_learned(found, record)
    measured = context.evaluate(
        load_colorizer(checkpoint_path(lake, champion.recipe, champion.checkpoint, context.cache)),
        checkpoint_digest=digest,
        mlflow_run_id=champion.mlflow_run_id,
    )
    measured = context.with_learned(measured, record)
    save_evaluation(lake, measured, as_latest=False)  # its recipe may have been trained again since
    return measured
