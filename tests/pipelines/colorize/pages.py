"""Drawn pages in colour: two panels with a red ball and a blue box, gutters, a balloon with letters."""

import cv2
import numpy as np

from pipelines.books.encode import encode_picture
from pipelines.books.picture_file import PictureFile
from pipelines.images.color import gray_to_rgb, rgb_to_gray

PANELS = ((16, 16, 288, 200), (16, 232, 288, 200))
"""The boxes of the two panels, x, y, width, height."""
BALLOON = (230, 60)
"""A white place inside of the balloon, x and y."""


def colored_page(shift: int = 0) -> np.ndarray:
    """(448, 320, 3) uint8 RGB; `shift` moves what is drawn, by up to 60 pixels."""
    page = np.full((448, 320, 3), 255, np.uint8)
    for x, y, width, height in PANELS:
        cv2.rectangle(page, (x, y), (x + width - 1, y + height - 1), (225, 205, 150), -1)
        cv2.rectangle(page, (x, y), (x + width - 1, y + height - 1), (0, 0, 0), 2)
        cv2.circle(page, (x + 60 + shift, y + 110), 40, (200, 40, 40), -1)
        cv2.rectangle(page, (x + 130 + shift, y + 110), (x + 190 + shift, y + 180), (40, 60, 190), -1)
    cv2.ellipse(page, (230, 60), (60, 32), 0, 0, 360, (255, 255, 255), -1)
    cv2.ellipse(page, (230, 60), (60, 32), 0, 0, 360, (0, 0, 0), 2)
    for line, text in enumerate(("WHO IS", "THERE ?")):
        cv2.putText(page, text, (196, 54 + 20 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    return page


def gray_page(shift: int = 0) -> np.ndarray:
    """The same in gray."""
    return gray_to_rgb(rgb_to_gray(colored_page(shift)))


def file_of(rgb: np.ndarray, form: str = "png") -> bytes:
    """The file of a picture, (H, W, 3) uint8 RGB."""
    return encode_picture(rgb, like=PictureFile("drawn", form, rgb), form=form)


def chroma(rgb: np.ndarray) -> np.ndarray:
    """Distance of each pixel from gray: (H, W) int."""
    return np.ptp(rgb.astype(int), axis=2)
