"""The pictures of the report."""

import numpy as np

from pipelines.colorize.proposals import Proposals
from pipelines.colorize.report.pictures import visible


def test_of_a_panel_across_slices_only_what_lies_on_the_page_is_shown():
    reference = np.repeat(np.arange(4, dtype=np.int32), 2)[:, np.newaxis].repeat(6, axis=1)  # 8 rows, 6 columns
    colors, place = np.zeros((8, 6, 3), np.float32), np.zeros((8, 6, 2), np.float32)
    ones = np.ones((8, 6), np.float32)
    proposals = Proposals(colors, ones, ones, reference, place, ("a", "b", "c", "d"))
    whole = visible(proposals, (10, 0, 60, 80), (80, 100, 3))
    assert (whole.reference == reference).all()
    part = visible(proposals, (10, -20, 60, 80), (40, 100, 3))  # its rows from 20 to 60
    assert list(part.shares) == ["b", "c"]
    assert part.colors.shape == (4, 6, 3)
    assert part.place.shape == (4, 6, 2)
    left = visible(proposals, (-30, 0, 60, 80), (80, 100, 3))
    assert left.confidence.shape == (8, 3)
