"""Scores from comparisons of two: the Bradley-Terry model, P(i is preferred to j) = 1 / (1 + exp(s_j - s_i)).

Source: D. R. Hunter, MM Algorithms for Generalized Bradley-Terry Models, Annals of Statistics 32 (2004), section 2.
"""

import numpy as np

HALF_A_WIN = 0.5

_STEPS, _TOLERANCE = 10_000, 1e-8


def bradley_terry(wins: np.ndarray, *, added_wins: float = HALF_A_WIN) -> np.ndarray:
    """Scores in natural log units, of mean 0: (..., methods, methods) counts -> (..., methods) float64.

    wins: how often the method of the row was preferred to that of the column.
    added_wins: given to each side of each pair that was compared, so that a method which won every time has a finite
    score. With 0 the scores are those of maximum likelihood, and such a method's has none.
    Raises ValueError where the scores do not settle.
    """
    methods = wins.shape[-1]
    is_compared = (wins + wins.swapaxes(-1, -2) > 0).any(axis=tuple(range(wins.ndim - 2)))
    won = wins + added_wins * (is_compared & ~np.eye(methods, dtype=bool))
    compared = won + won.swapaxes(-1, -2)
    strengths = np.ones(won.shape[:-1])
    for _ in range(_STEPS):
        sums = strengths[..., :, None] + strengths[..., None, :]
        stronger = won.sum(axis=-1) / (compared / sums).sum(axis=-1)
        stronger /= np.exp(np.log(stronger).mean(axis=-1, keepdims=True))
        is_settled = np.abs(np.log(stronger / strengths)).max() < _TOLERANCE
        strengths = stronger
        if is_settled:
            return np.log(strengths)
    raise ValueError("the scores do not settle: some methods won, or lost, every comparison with the others")
