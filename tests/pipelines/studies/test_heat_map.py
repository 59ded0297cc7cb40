"""The heat map: a cell for each answer, bright where it is high, gray where there is none."""

import numpy as np
import pandas as pd
import pytest

from pipelines.studies.analysis import analyse
from pipelines.studies.heat_map import ROW_PX, draw_heat_map
from pipelines.studies.plan import PlanParams
from tests.pipelines.studies.simulated import crowd

VIRIDIS_LOW, VIRIDIS_HIGH, NO_ANSWER = (68, 1, 84), (253, 231, 36), (225, 225, 225)


def places_of(picture: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """The middle of the pixels of a colour: (row, column)."""
    return np.argwhere((picture == color).all(axis=-1)).mean(axis=0)


def test_cells_show_the_points():
    columns = pd.MultiIndex.from_tuples([("a", "p"), ("a", "q"), ("b", "p")])
    table = pd.DataFrame([[1.0, np.nan, 1], [5, 3, 4]], ["low", "high"], columns)
    picture = draw_heat_map(table, lowest=1, highest=5)
    assert picture.dtype == np.uint8
    left = picture[:, : picture.shape[1] // 2]  # the scale is on the right
    high, low, none = (places_of(left, color) for color in (VIRIDIS_HIGH, VIRIDIS_LOW, NO_ANSWER))
    assert high[0] < low[0]  # the rater with the highest mean is on top
    assert high[1] == pytest.approx(low[1], abs=1)
    assert none[0] == pytest.approx(low[0], abs=1)
    assert none[1] > low[1]


@pytest.mark.parametrize("kind", ["mos", "preference"])
def test_every_rater_who_counts_has_a_row(kind):
    found = analyse(crowd(PlanParams(kind=kind), seed=2).answers(), draws=10)
    picture = draw_heat_map(found.heat_map, lowest=1 if kind == "mos" else 0, highest=5 if kind == "mos" else 1)
    assert len(found.heat_map) == (found.raters["reason"] == "").sum()
    assert picture.shape[0] >= len(found.heat_map) * ROW_PX
