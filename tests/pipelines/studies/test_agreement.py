"""Krippendorff's alpha against the example that he published, and against its closed cases."""

import numpy as np
import pytest

from pipelines.studies.agreement import alpha_interval, ordinal_alpha

NONE = float("nan")

PUBLISHED = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
        [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
    ]
)
"""Section C of Computing Krippendorff's Alpha-Reliability: four observers, twelve units."""


def test_the_published_example():
    assert ordinal_alpha(PUBLISHED) == pytest.approx(0.815, abs=5e-4)


def test_nominal_data_of_two_values():
    """Section A of the same: two observers, ten units, alpha 0.095; with two values all distances are one."""
    first = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    second = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert ordinal_alpha(np.array([first, second], float)) == pytest.approx(0.095, abs=5e-4)


def test_perfect_chance_and_undefined():
    assert ordinal_alpha(np.tile([1.0, 2, 3, 4, 5], (7, 1))) == 1
    chance = np.random.default_rng(0).integers(1, 6, (40, 300)).astype(float)
    assert abs(ordinal_alpha(chance)) < 0.01
    assert ordinal_alpha(np.array([[1.0, 5], [5, 1]])) < -0.4
    assert np.isnan(ordinal_alpha(np.full((3, 4), 2.0)))
    assert np.isnan(ordinal_alpha(np.array([[1.0, NONE], [NONE, 2]])))


def test_only_order_counts():
    assert ordinal_alpha(PUBLISHED**3) == pytest.approx(ordinal_alpha(PUBLISHED))


def test_the_interval_holds_the_value_and_comes_from_the_seed():
    low, high = alpha_interval(PUBLISHED, draws=500, seed=1)
    assert low < 0.815 < high
    assert (low, high) == alpha_interval(PUBLISHED, draws=500, seed=1)
    wide = alpha_interval(PUBLISHED[:2], draws=500, seed=1)
    assert all(np.isfinite(wide))
    assert np.isnan(alpha_interval(np.full((3, 4), 2.0), draws=50, seed=1)).all()
