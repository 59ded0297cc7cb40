import cv2
import numpy as np
import pytest

from pipelines.panels.turn import turned_back
from tests.pipelines.panels.drawn_pages import drawn_page


@pytest.mark.parametrize("degrees", [-3.0, -1.5, -0.5, 0.5, 2.25])
def test_the_angle_of_a_scan_is_found(degrees):
    page = drawn_page("clean", 2).page
    height, width = page.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    found = turned_back(cv2.warpAffine(page, turn, (width, height), borderValue=(255, 255, 255)))
    assert found is not None
    assert abs(found.degrees + degrees) <= 0.25


@pytest.mark.parametrize("style", ["clean", "splash", "hand_framed"])
def test_an_upright_page_is_left_alone(style):
    assert turned_back(drawn_page(style, 2).page) is None


def test_a_page_of_one_colour_has_no_angle():
    assert turned_back(np.full((200, 300, 3), 128, np.uint8)) is None
