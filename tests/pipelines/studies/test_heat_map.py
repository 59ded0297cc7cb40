"""The heat map: a cell for each answer, bright where it is high, gray where there is none."""

import numpy as np
import pandas as pd
import pytest

from pipelines.studies.analysis import analyse
from pipelines.studies.heat_map import HEAD_PX, LABEL_PX, NO_ANSWER, ROW_PX, draw_heat_map
from pipelines.studies.plan import PlanParams
from tests.pipelines.studies.simulated import crowd


def test_cells_say_the_points():
    columns = pd.MultiIndex.from_tuples([("a", "p"), ("a", "q")])
    table = pd.DataFrame([[1.0, np.nan], [5, 3]], ["low", "high"], columns)
    picture = draw_heat_map(table, lowest=1, highest=5)
    assert picture.dtype == np.uint8
    first, second = HEAD_PX + ROW_PX // 2, HEAD_PX + ROW_PX + ROW_PX // 2
    left, right = LABEL_PX + 30, LABEL_PX + 90
    high, middle, low = (picture[y, x].astype(int) for y, x in ((first, left), (first, right), (second, left)))
    assert high.sum() > middle.sum() > low.sum()
    assert high == pytest.approx([253, 231, 36], abs=3)  # viridis from end to end
    assert low == pytest.approx([68, 1, 84], abs=3)
    assert tuple(picture[second, right]) == NO_ANSWER


@pytest.mark.parametrize("kind", ["mos", "preference"])
def test_every_rater_who_counts_has_a_row(kind):
    found = analyse(crowd(PlanParams(kind=kind), seed=2).answers(), draws=10)
    picture = draw_heat_map(found.heat_map, lowest=1 if kind == "mos" else 0, highest=5 if kind == "mos" else 1)
    assert len(found.heat_map) == (found.raters["reason"] == "").sum()
    assert picture.shape[0] == 4 * HEAD_PX + len(found.heat_map) * ROW_PX
