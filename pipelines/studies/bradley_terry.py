"""Scores from comparisons of two: the Bradley-Terry model, P(i is preferred to j) = 1 / (1 + exp(s_j - s_i)).

Fitted by the package choix: L. Maystre and M. Grossglauser, Fast and Accurate Inference of Plackett-Luce Models,
NeurIPS 2015.
"""

import choix
import numpy as np
from scipy.sparse.csgraph import connected_components

HALF_A_WIN = 0.5

_MAX_STEPS = 10_000


def bradley_terry(wins: np.ndarray, *, added_wins: float = HALF_A_WIN) -> np.ndarray:
    """Scores in natural log units, of mean 0: (..., methods, methods) counts -> (..., methods) float64.

    wins: how often the method of the row was preferred to that of the column.
    added_wins: given to each side of each pair that was compared, so that a method which won every time has a finite
    score. With 0 the scores are those of maximum likelihood, and such a method's has none.

    Groups of methods that were never compared with one another have scores of mean 0 each. Raises ValueError where
    the scores do not settle.
    """
    methods = wins.shape[-1]
    is_compared = (wins + wins.swapaxes(-1, -2) > 0).reshape(-1, methods, methods).any(axis=0)
    won = wins + added_wins * (is_compared & ~np.eye(methods, dtype=bool))
    groups, group_of = connected_components(is_compared, directed=False)
    scores = np.zeros(won.shape[:-1])
    for group in range(groups):
        members = np.flatnonzero(group_of == group)
        if len(members) > 1:
            among = won[..., members[:, None], members]
            tables = among.reshape(-1, len(members), len(members))
            start = _fit(tables.mean(axis=0))
            scores[..., members] = np.reshape([_fit(table, start) for table in tables], among.shape[:-1])
    return scores


def _fit(wins: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    try:
        scores = choix.ilsr_pairwise_dense(wins.astype(float), initial_params=start, max_iter=_MAX_STEPS)
    except (ValueError, RuntimeError):
        scores = np.array([np.nan])
    if not np.isfinite(scores).all():
        raise ValueError("the scores do not settle: some methods won, or lost, every comparison with the others")
    return scores
