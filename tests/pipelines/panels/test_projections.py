import numpy as np
import pytest

from pipelines.panels.projections import variations


@pytest.mark.parametrize(("width", "height", "count"), [(360, 510, 3000), (40, 7, 200), (3, 3, 1)])
def test_the_places_on_each_line_of_a_slope_are_counted(width, height, count):
    draw = np.random.default_rng(count)
    along, across = draw.integers(0, width, count), draw.integers(0, height, count)
    slopes = np.array([*np.linspace(-0.07, 0.07, 9), 0.25, -0.5])
    expected = []
    for slope in slopes:
        line = across + slope * along
        expected.append((np.bincount((line - line.min()).astype(int)) ** 2).sum())
    np.testing.assert_array_equal(variations(along, across, slopes), expected)
