"""Pages of black and white dots."""

import cv2
import numpy as np
from PIL import Image

from pipelines.colorize.halftone import is_halftone, printed, toned
from pipelines.colorize.page import Painter, color_page
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.references import References
from pipelines.images.color import gray_to_rgb, rgb_to_gray
from tests.pipelines.colorize.pages import PANELS, colored_page


def dots(gray: np.ndarray) -> np.ndarray:
    """Error diffusion: (H, W) uint8 of 0 and 255."""
    return np.array(Image.fromarray(gray).convert("1").convert("L"))


def test_dots_are_told_from_tones_and_from_lines():
    gray = rgb_to_gray(colored_page())
    assert is_halftone(dots(gray))
    assert not is_halftone(gray)
    lines = np.full((300, 300), 255, np.uint8)
    cv2.circle(lines, (150, 150), 80, 0, 3)
    assert not is_halftone(lines)
    assert not is_halftone(np.where(np.indices((300, 300))[0] < 150, 0, 255).astype(np.uint8))


def test_printed_tones_keep_their_mean_and_black_dots_stay_black():
    tones = np.full((64, 64, 3), (150, 120, 90), np.uint8)
    page = dots(rgb_to_gray(tones))
    print_ = printed(tones, page)
    assert (print_[page == 0] == 0).all()
    assert np.abs(print_.mean(axis=(0, 1)) - (150, 120, 90)).max() < 25
    assert np.abs(toned(page).mean() - rgb_to_gray(tones).mean()) < 3


def test_bands_of_a_high_page_do_not_show():
    tones = np.full((1500, 8, 3), (150, 120, 90), np.uint8)
    page = dots(rgb_to_gray(tones))
    print_ = printed(tones, page)
    for value in (0, 255):
        assert len(np.unique(print_[page == value], axis=0)) == 1


def test_a_page_of_dots_gets_the_colours_of_its_tones():
    x, y, width, height = PANELS[0]
    references = References.of([("other", colored_page(30)[y : y + height, x : x + width])])
    page = dots(rgb_to_gray(colored_page()))
    colored = color_page(gray_to_rgb(page), Painter(ReferenceColorizer()), references=references)
    ball = colored.rgb[110:140, 60:90].astype(float).mean(axis=(0, 1))
    assert ball[0] > ball[2] + 25
    assert (colored.rgb[page == 0] == 0).all()
