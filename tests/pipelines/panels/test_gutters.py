import numpy as np
import pytest

from pipelines.panels.gutters import gutters
from pipelines.panels.lines import Lines
from pipelines.panels.parts import parts_between_gutters
from tests.pipelines.panels.drawn_pages import BLACK, WHITE, painted


def page_of(ground, boxes, size=(600, 480)):
    page = np.full((*size, 3), ground, np.uint8)
    for seed, (x, y, w, h) in enumerate(boxes):
        page[y : y + h, x : x + w] = painted(np.random.default_rng(seed), h, w)
    return page


ROWS = [(0, 0, 480, 290), (0, 310, 230, 290), (250, 310, 230, 290)]


@pytest.mark.parametrize("ground", [WHITE, BLACK, (128, 128, 128), (240, 30, 200)])
def test_a_band_between_two_pictures_is_a_gutter_in_any_colour(ground):
    lines = Lines(page_of(ground, ROWS))
    (found,) = [one for one in gutters(lines, (0, 0, 480, 600), 0) if not one.is_outer]
    assert abs(found.start - 290) <= 1
    assert abs(found.stop - 310) <= 1
    assert np.abs(found.colour - ground).max() <= 1
    assert found.share > 0.9
    assert gutters(lines, (0, 0, 480, 290), 0) == []


@pytest.mark.parametrize("ground", [WHITE, BLACK, (240, 30, 200)])
def test_full_bleed_pages_are_parted_by_gutters_in_both_directions(ground):
    parts = parts_between_gutters(Lines(page_of(ground, ROWS)))
    assert np.abs(np.array(parts) - ROWS).max() <= 1


def test_a_coloured_line_through_a_full_bleed_picture_is_no_gutter():
    page = painted(np.random.default_rng(0), 600, 480)
    page[300:310] = (240, 30, 200)
    assert parts_between_gutters(Lines(page)) == [(0, 0, 480, 600)]


def test_a_gutter_may_fade_along_its_length():
    page = page_of(WHITE, [(20, 20, 440, 270), (20, 310, 440, 270)]).astype(float)
    page *= np.linspace(1, 0.6, 480)[None, :, None]
    assert len(parts_between_gutters(Lines(page.astype(np.uint8)))) == 2


def test_the_blank_between_drawings_is_no_gutter():
    page = np.full((600, 480, 3), 255, np.uint8)
    page[100:200, 200:260] = page[350:450, 120:200] = (90, 40, 160)
    assert parts_between_gutters(Lines(page)) == [(0, 0, 480, 600)]
