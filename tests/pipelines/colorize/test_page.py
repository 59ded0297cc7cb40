"""One page in colour: what is coloured, what stays, and which panel a mark speaks for."""

import cv2
import numpy as np
import pytest

from pipelines.colorize.hints import Hint, Point, Stroke
from pipelines.colorize.page import Painter, color_page, colored_panels, cut_panels, has_color, panel_hint
from pipelines.colorize.proposals import FROM_HINT
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.references import References
from pipelines.images.color import gray_to_rgb, rgb_to_gray
from pipelines.panels.cut import Cut
from tests.pipelines.colorize.pages import BALLOON, PANELS, chroma, colored_page, gray_page

PAINTER = Painter(ReferenceColorizer())


@pytest.fixture(scope="module")
def references() -> References:
    x, y, width, height = PANELS[0]
    return References.of([("other", colored_page(30)[y : y + height, x : x + width])])


def test_panels_get_colour_and_paper_stays_as_it_is(references):
    page = gray_page()
    colored = color_page(page, PAINTER, references=references)
    assert np.abs(np.array([panel.box for panel in colored.panels]) - PANELS).max() <= 2
    assert np.abs(rgb_to_gray(colored.rgb).astype(int) - page[..., 0]).max() <= 1
    red, blue = colored.rgb[126, 76].astype(int), colored.rgb[150, 170].astype(int)
    assert red[0] > red[2] + 40
    assert blue[2] > blue[0] + 40
    gutter, (x, y) = np.s_[220:228, :], BALLOON
    assert (colored.rgb[gutter] == page[gutter]).all()
    assert (colored.rgb[y - 14 : y + 14, x - 30 : x + 30] == page[y - 14 : y + 14, x - 30 : x + 30]).all()
    for panel in colored.panels:
        assert panel.proposals is not None
        assert panel.proposals.names == ("other",)


def test_without_anything_to_go_by_a_page_stays_gray():
    page = gray_page()
    assert (color_page(page, PAINTER).rgb == page).all()


def test_a_mark_colours_its_own_panel_and_is_a_reference_for_the_others():
    page, green = gray_page(), (30, 170, 60)
    hint = Hint(points=(Point(76 / 320, 126 / 448, green),))
    colored = color_page(page, PAINTER, hint=hint)
    assert [panel.is_marked for panel in colored.panels] == [True, False]
    first, second = (panel.proposals for panel in colored.panels)
    assert first is not None
    assert second is not None
    assert (first.reference == FROM_HINT).any()
    assert not (second.reference == FROM_HINT).any()
    assert second.names == ("panel 1 of this page",)
    for top in (126, 342):  # both balls
        ball = colored.rgb[top, 76].astype(int)
        assert ball[1] > ball[0] + 40


def test_marks_outside_of_all_panels_are_counted():
    hint = Hint(points=(Point(0.01, 0.01, (255, 0, 0)), Point(0.2, 0.2, (255, 0, 0))))
    assert color_page(gray_page(), PAINTER, hint=hint).lost_marks == 1


def test_a_hint_moves_from_the_page_into_the_panel():
    cut = Cut((100, 200, 50, 100), None)
    hint = Hint(
        points=(Point(0.5, 0.5, (1, 2, 3)), Point(0.9, 0.9, (9, 9, 9))),
        strokes=(Stroke(((0.0, 0.5), (1.0, 0.5)), (4, 5, 6), 0.01), Stroke(((0.9, 0.1),), (7, 8, 9), 0.01)),
    )
    found = panel_hint(hint, cut, (500, 250, 3))
    assert found == Hint(
        points=(Point(0.5, 0.5, (1, 2, 3)),), strokes=(Stroke(((0.0, 0.5), (1.0, 0.5)), (4, 5, 6), 0.05),)
    )
    assert panel_hint(hint, Cut((0, 0, 50, 50), None), (500, 250, 3)) is None


def test_the_outline_of_a_panel_decides_where_panels_overlap():
    mask = np.triu(np.ones((100, 100), bool))
    hint = Hint(points=(Point(0.2, 0.8, (1, 2, 3)),))
    assert panel_hint(hint, Cut((0, 0, 100, 100), mask), (100, 100, 3)) is None
    assert panel_hint(hint, Cut((0, 0, 100, 100), ~mask), (100, 100, 3)) is not None


def test_a_page_in_colour_is_told_from_a_gray_one_and_from_a_tinted_one():
    page = colored_page()
    assert has_color(page)
    assert colored_panels(page, cut_panels(page)) == [True, True]
    sepia = (gray_page().astype(np.float32) * (1.0, 0.92, 0.75)).astype(np.uint8)
    for plain in (gray_page(), sepia):
        assert colored_panels(plain, cut_panels(plain)) == [False, False]


def test_a_panel_in_colour_on_a_gray_page_is_kept(references):
    page = gray_page()
    small = page.copy()
    small[40:100, 30:90] = (200, 30, 30)
    cuts = [Cut(PANELS[0], None), Cut((16, 232, 100, 100), None)]
    page[232:332, 16:116] = (30, 60, 200)
    assert colored_panels(page, cuts) == [False, True]
    colored = color_page(page, PAINTER, cuts=cuts, had_color=[False, True], references=references)
    assert [panel.had_color for panel in colored.panels] == [False, True]
    assert (colored.rgb[232:332, 16:116] == (30, 60, 200)).all()
    assert chroma(colored.rgb[100:150, 50:100]).mean() > 20


def test_a_page_without_panels_is_one_picture_and_an_empty_one_is_none():
    noise = np.random.default_rng(0).integers(60, 200, (90, 70, 1)).repeat(3, axis=2).astype(np.uint8)
    assert [cut.box for cut in cut_panels(noise)] == [(0, 0, 70, 90)]
    assert cut_panels(np.full((90, 70, 3), 250, np.uint8)) == []


def test_line_art_gets_lightness_too():
    page = np.full((200, 200), 255, np.uint8)
    cv2.circle(page, (100, 100), 60, 0, 3)
    hint = Hint(points=(Point(0.5, 0.5, (220, 30, 30)),))
    colored = color_page(gray_to_rgb(page), Painter(ReferenceColorizer("lines", "line")), hint=hint, is_line=True)
    assert colored.rgb[100, 100].tolist()[1] < 120
