"""Checks that bytes are a whole picture, and finds its format and size. Reads bytes, writes nothing."""

from dataclasses import dataclass
from pathlib import PurePath

from pipelines.images.formats import reason_against
from pipelines.images.opened import not_read, open_picture
from pipelines.images.pixels import read_pixels


@dataclass(frozen=True)
class Picture:
    """The bytes of a whole picture as served, and what they hold."""

    data: bytes
    format: str
    width_px: int
    height_px: int
    note: str | None = None  # for people: why its colours may be wrong


def read_picture(data: bytes, *, name: str) -> Picture:
    """Decodes the bytes in full, because a truncated file opens well and fails late.

    Raises PictureError where they are no whole picture.
    """
    if reason := reason_against(data, suffix=PurePath(name).suffix):
        raise not_read(name, reason)
    with open_picture(data, name=name) as opened:
        pixels = read_pixels(opened)
    height_px, width_px = pixels.rgb.shape[:2]
    return Picture(data=data, format=opened.form, width_px=width_px, height_px=height_px, note=pixels.doubt)
