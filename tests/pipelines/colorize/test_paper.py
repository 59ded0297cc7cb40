"""What of a page is paper, and which pages are line art."""

import cv2
import numpy as np
import pytest

from pipelines.colorize.paper import is_line_art, pale_ground, paper_of
from pipelines.images.color import rgb_to_gray
from pipelines.images.seen import xdog_lines
from pipelines.panels.cut import Cut
from tests.pipelines.colorize.pages import BALLOON, PANELS, colored_page

CUTS = [Cut(box, None) for box in PANELS]


def lines() -> np.ndarray:
    """(400, 400) uint8: a house in ink on white, without lettering."""
    gray = np.full((400, 400), 255, np.uint8)
    cv2.rectangle(gray, (100, 180), (300, 340), 0, 3)
    cv2.polylines(gray, [np.array([[100, 180], [200, 80], [300, 180]], np.int32)], False, 0, 3)
    cv2.circle(gray, (330, 70), 30, 0, 2)
    return gray


@pytest.mark.parametrize("scale", [1, 6])
def test_gutters_balloons_and_letters_are_paper_at_every_size(scale):
    gray = rgb_to_gray(colored_page())
    gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    cuts = [Cut((scale * x, scale * y, scale * width, scale * height), None) for x, y, width, height in PANELS]
    paper = paper_of(gray, is_line=False, cuts=cuts)
    assert paper.shape == gray.shape
    x, y = BALLOON
    assert paper[8 * scale, 8 * scale]
    assert paper[(y - 25) * scale, x * scale]
    assert paper[scale * 45 : scale * 55, scale * 200 : scale * 240].all()  # letters and all
    left, top, width, height = (scale * value for value in PANELS[1])
    assert not paper[top : top + height, left : left + width].any()


def test_of_line_art_balloons_are_paper_and_shapes_are_not():
    gray, whole = lines(), [Cut((0, 0, 400, 400), None)]
    cv2.ellipse(gray, (80, 60), (70, 35), 0, 0, 360, 0, 2)
    without = paper_of(gray, is_line=True, cuts=whole)
    assert not without[40:80, 40:120].any()
    cv2.putText(gray, "GO HOME", (28, 66), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 0, 1)
    paper = paper_of(gray, is_line=True, cuts=whole)
    assert paper[60, 80]
    assert paper[60:66, 30:120].all()
    assert not paper[200:300, 150:250].any()


def test_a_mark_makes_white_no_paper():
    gray = rgb_to_gray(colored_page())
    marks = np.zeros(gray.shape, bool)
    x, y = BALLOON
    marks[y - 25, x] = True
    paper = paper_of(gray, is_line=False, cuts=CUTS, marks=marks)
    assert paper[y + 200, 8]
    assert not paper[y - 25, x]


def test_line_art_is_told_from_tones():
    assert is_line_art(lines())
    assert not is_line_art(rgb_to_gray(colored_page()))
    assert is_line_art(xdog_lines(colored_page(), 0.4))


def test_the_ground_of_a_drawing_without_a_frame_is_paper_and_that_of_a_framed_panel_is_not():
    gray = lines()
    drawing = [Cut((60, 60, 320, 300), None)]
    paper = paper_of(gray, is_line=True, cuts=drawing)
    assert paper[70, 70]
    assert not paper[200:300, 150:250].any()
    cv2.rectangle(gray, (60, 30), (379, 359), 0, 2)
    gray[100:103, 50:70] = 255  # a gap in the frame
    assert not paper_of(gray, is_line=True, cuts=[Cut((59, 29, 322, 332), None)])[70, 70]


def test_faint_tints_of_an_open_ground_are_removed_and_colours_are_not():
    gray = np.full((100, 100), 255, np.uint8)
    gray[:, 48:50] = 0
    colored = np.full((100, 100, 3), (250, 245, 240), np.uint8)
    colored[60:, :48] = (200, 60, 40)
    colored[gray == 0] = 0
    paper = np.zeros(gray.shape, bool)
    paper[:10, :48] = True
    cleaned = pale_ground(colored, gray, paper)
    assert (cleaned[10:60, :48] == 255).all()
    assert (cleaned[60:] == colored[60:]).all()
    assert (cleaned[:, 48:] == colored[:, 48:]).all()  # another area, without paper


def test_bands_of_a_high_page_do_not_show():
    gray = np.full((1500, 60), 255, np.uint8)
    gray[:, 30:32] = 0
    colored = np.full((1500, 60, 3), (250, 245, 240), np.uint8)
    paper = np.zeros(gray.shape, bool)
    paper[-1, :30] = True  # in the last band only
    cleaned = pale_ground(colored, gray, paper)
    assert (cleaned[:-1, :30] == 255).all()
    assert (cleaned[:, 30:] == colored[:, 30:]).all()
