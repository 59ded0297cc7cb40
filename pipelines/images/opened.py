"""Encoded pictures, opened: format and size by the head, limits before any pixel is decoded, errors that name the file.

The same for every format. Touches no files.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
from PIL import Image, UnidentifiedImageError

from pipelines.images.formats import FORMATS, format_of, reason_against

MAX_PIXELS = 200_000_000
"""Larger pictures are refused, whatever their format: 14,142 px squared, an A1 page at 600 dpi."""

MAX_SIDE_PX = 1_000_000
"""So are wider and taller ones: OpenCV goes to 1,048,576 px."""

Image.MAX_IMAGE_PIXELS = None  # of Pillow, which would warn at 89 million and refuse at 179; ours counts in its place
# Metadata that it passes over: a cut-off EXIF, tags without data. For all threads: `catch_warnings` is for one.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, cv2.error, zlib.error, Image.DecompressionBombError),
    # Of damaged metadata, wherever its bytes lead to.
    *(struct.error, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError),
)
_SIZES_OF_OTHERS = {  # height and width in the head of formats that OpenCV reads
    "hdr": re.compile(rb"\n\n?[-+]Y +(?P<height>\d{1,10}) +[-+]X +(?P<width>\d{1,10})\s"),
    "pfm": re.compile(rb"\AP[Ff]\s+(?P<width>\d{1,10})\s+(?P<height>\d{1,10})\s"),
    "pam": re.compile(rb"\A(?=.*?\nWIDTH +(?P<width>\d{1,10})\s)(?=.*?\nHEIGHT +(?P<height>\d{1,10})\s)", re.DOTALL),
}
_MAX_HEAD_BYTES = 4096  # of these formats


class PictureError(ValueError):
    """A picture that cannot be decoded: the message names the file, what was seen, and the remedy."""

    def __init__(self, name: str, seen: str, remedy: str):
        super().__init__(f"{name}: {seen}; {remedy}")
        self.seen = seen
        self.remedy = remedy


@dataclass(frozen=True)
class OpenPicture:
    """A picture whose head was read, and whose pixels were not."""

    name: str  # for errors
    data: bytes
    form: str  # a name of `FORMATS`
    image: Image.Image | None  # not loaded yet; None of the formats that OpenCV reads
    width_px: int  # as stored, before it is turned upright
    height_px: int


@dataclass(frozen=True)
class PictureHeader:
    """What the start of a picture file says, without its pixels."""

    format: str  # "jpeg", "png", ... by its bytes
    width_px: int  # as stored, before it is turned upright
    height_px: int
    may_be_transparent: bool


@contextmanager
def open_picture(data: bytes, *, name: str) -> Iterator[OpenPicture]:
    """Reads the head of a picture. What goes wrong inside of the block becomes a PictureError with the name.

    Raises PictureError where the bytes are of no format that is read here, are damaged, or the picture is larger than
    MAX_PIXELS or MAX_SIDE_PX.
    """
    form = format_of(data)
    if form is None:
        raise damaged(name, data, f"{_nature_of(data)}, and no picture")
    if reason := reason_against(data):
        raise not_read(name, reason)
    try:
        if not FORMATS[form].pillow:
            yield OpenPicture(name, data, form, None, *_checked(name, *_size_of_other(data, form)))
            return
        with Image.open(io.BytesIO(data), formats=FORMATS[form].pillow) as image:
            yield OpenPicture(name, data, form, image, *_checked(name, *image.size))
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(name, "not enough memory to decode it", "make it smaller, or free memory") from error
    except _ERRORS as error:
        raise damaged(name, data, error) from error


def read_header(data: bytes, *, name: str) -> PictureHeader:
    """Format and size by the head alone. Raises PictureError as `open_picture`."""
    with open_picture(data, name=name) as opened:
        may_be_transparent = opened.image is not None and opened.image.has_transparency_data
        return PictureHeader(opened.form, opened.width_px, opened.height_px, may_be_transparent)


def damaged(name: str, data: bytes, reason: object) -> PictureError:
    """The error of a picture that is not whole."""
    if isinstance(reason, UnidentifiedImageError):  # its message shows an object in memory
        reason = "its head is damaged, or of a kind that is not read here"
    seen = " ".join(str(reason).split()) or type(reason).__name__
    return PictureError(name, f"no whole picture ({len(data)} bytes): {seen}", "fetch it again or replace the file")


def not_read(name: str, reason: str) -> PictureError:
    """The error of a picture of a format that is not read here: `reason_against` says why, and after it the remedy."""
    seen, _, remedy = reason.partition("; ")
    return PictureError(name, seen, remedy)


def _nature_of(data: bytes) -> str:
    """What bytes that are no picture look like: "an HTML page"."""
    if not data:
        return "an empty file"
    start = data[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html")) or b"<head" in start or b"<body" in start:
        return "an HTML page"
    if start.startswith((b"{", b"[")):
        return "JSON"
    return f"bytes that begin with {data[:8]!r}"


def _checked(name: str, width_px: int, height_px: int) -> tuple[int, int]:
    """The size, where a picture of it may be decoded."""
    if min(width_px, height_px) < 1:
        raise ValueError(f"{width_px} x {height_px} px")
    seen = f"{width_px} x {height_px} px"
    if width_px * height_px > MAX_PIXELS:
        limit = f"over {MAX_PIXELS // 1_000_000} million pixels"
        raise PictureError(name, f"{seen}, {limit}", "make it smaller, or cut it into parts")
    if max(width_px, height_px) > MAX_SIDE_PX:
        raise PictureError(name, f"{seen}, over {MAX_SIDE_PX:,} px a side", "cut it into parts")
    return width_px, height_px


def _size_of_other(data: bytes, form: str) -> tuple[int, int]:
    found = _SIZES_OF_OTHERS[form].search(data[:_MAX_HEAD_BYTES])
    if found is None:
        raise ValueError("its head says no size")
    return int(found["width"]), int(found["height"])
