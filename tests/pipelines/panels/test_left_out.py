"""What is drawn beside the panels is left out, and not in silence."""

import cv2
import numpy as np
import pytest

from pipelines.panels.boxes import share_in_box
from pipelines.panels.cut import explain_page
from pipelines.panels.overlay import draw_boxes
from pipelines.panels.params import PanelParams
from tests.pipelines.panels.drawn_pages import drawn_page, painted

PARAMS = PanelParams()
BOXES = [(40, 100, 240, 300), (320, 100, 240, 300), (40, 440, 520, 300)]


def a_page(ground=255):
    page = np.full((800, 600, 3), ground, np.uint8)
    for seed, (x, y, w, h) in enumerate(BOXES):
        page[y : y + h, x : x + w] = painted(np.random.default_rng(seed), h, w)
    return page


def written(page, text, place, ink=0):
    cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9, (ink, ink, ink), 2)
    return page


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize(
    ("ground", "place"), [(255, (60, 60)), (255, (250, 780)), (0, (60, 60)), (230, (120, 428))],
    ids=["title", "page number", "title on black", "between rows"],
)  # fmt: skip
def test_lettering_is_left_out_with_its_box(scale, ground, place):
    page = written(a_page(ground), "GG 12", place, ink=255 - ground if ground in (0, 255) else 20)
    page = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    found = explain_page(page, PARAMS)
    assert [cut.box for cut in found.cuts] == [tuple(scale * value for value in box) for box in BOXES]
    (x, y, w, h) = found.left_out[0]
    assert len(found.left_out) == 1
    (width, height), _ = cv2.getTextSize("GG 12", cv2.FONT_HERSHEY_SIMPLEX, 0.9, 2)
    letters = scale * place[0], scale * (place[1] - height), scale * width, scale * height
    assert share_in_box(letters, (x, y, w, h)) > 0.7
    assert share_in_box((x, y, w, h), letters) > 0.7


def test_two_lines_apart_are_two_from_top_to_bottom():
    page = written(written(a_page(), "by her", (400, 780)), "A TITLE", (60, 60))
    tops = [y for _, y, _, _ in explain_page(page, PARAMS).left_out]
    assert len(tops) == 2
    assert tops == sorted(tops)


def test_a_strip_beside_panels_is_left_out_and_one_below_the_size_of_a_speck_is_dirt():
    page = a_page()
    page[440:740, 575:590] = painted(np.random.default_rng(9), 300, 15)
    assert [box[2] for box in explain_page(page, PARAMS).left_out] == [pytest.approx(15, abs=4)]
    page = a_page()
    page[440:740, 580:583] = (40, 60, 80)
    found = explain_page(page, PARAMS)
    assert len(found.cuts) == 3
    assert found.left_out == []


def test_titles_of_drawn_pages_are_left_out_or_cut():
    for seed in range(100, 106):
        drawn = drawn_page("titled", seed)
        found = explain_page(drawn.page, PARAMS)
        assert len(found.left_out) + len(found.cuts) > len(drawn.boxes), seed


@pytest.mark.parametrize("style", ["clean", "turned_scan", "shaded_scan", "inset", "splash", "borderless", "halftone"])
def test_nothing_is_left_out_where_all_lies_in_panels(style):
    assert explain_page(drawn_page(style, 100).page, PARAMS).left_out == []


def test_a_line_around_the_panels_is_the_border_of_the_paper():
    page = a_page()
    cv2.rectangle(page, (8, 8), (591, 791), (90, 90, 90), 2)
    assert all(w * h < 10_000 for _, _, w, h in explain_page(page, PARAMS).left_out)


def test_the_overlay_shows_it_in_gray():
    page = written(a_page(), "A TITLE", (60, 60))
    found = explain_page(page, PARAMS)
    drawn = draw_boxes(page, found.cuts, found.left_out)
    x, y, *_ = found.left_out[0]
    assert drawn[y, x].tolist() == [150, 150, 150]
