import numpy as np
import pytest

from pipelines.panels.explanations import Explanation, by_ground, by_gutters, whole_page
from pipelines.panels.params import PanelParams
from pipelines.panels.pieces import Piece
from pipelines.panels.score import score
from pipelines.panels.view import View
from tests.pipelines.panels.drawn_pages import drawn_page


@pytest.mark.parametrize("style", ["clean", "tinted", "jpeg", "spread"])
def test_right_panels_score_higher_than_the_whole_page(style):
    view = View(drawn_page(style, 1).page)
    right, whole = score(by_ground(view, PanelParams()), view), score(whole_page(view), view)
    assert right > 0.75
    assert whole < 0.3  # a gutter crosses it


def test_any_page_may_be_one_picture():
    view = View(drawn_page("splash", 2).page)
    assert by_gutters(view) is None
    assert score(whole_page(view), view) >= 0.5


def test_a_box_over_two_slanted_panels_scores_lower_than_the_panels():
    page = np.full((700, 500, 3), 255, np.uint8)
    picture = drawn_page("splash", 1).page[:700, :500]
    rows, columns = np.mgrid[:700, :500]
    inside = (rows > 20) & (rows < 680) & (columns > 20) & (columns < 480)
    gutter = np.abs(rows - 350 - 0.35 * (columns - 250)) < 8
    page[inside & ~gutter] = picture[inside & ~gutter]
    view = View(page)
    panels = by_ground(view, PanelParams())
    assert len(panels.panels) == 2
    assert by_gutters(view) is None
    joined = Explanation("gutters", [Piece((21, 21, 459, 659), np.ones((659, 459), bool))], [])
    assert score(panels, view) > score(joined, view) + 0.1
