"""Encoded pictures -> pixels for colouring, with everything of the file that must come out again.

Reads bytes, touches no files. Colour profiles are kept, not applied, but for CMYK.
"""

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from pipelines.books.bands import by_bands
from pipelines.books.metadata import Metadata, read_metadata
from pipelines.books.pixels import upright_pixels
from pipelines.images.color import rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.images.formats import format_of

MAX_PIXELS = 200_000_000
"""Larger pictures are refused, whatever their format: 14,142 px squared, an A1 page at 600 dpi."""

_DECODE_ERRORS = (
    *(OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError, cv2.error),
    # Of damaged metadata, wherever its bytes lead to.
    *(struct.error, TypeError, LookupError, ArithmeticError, AttributeError),
)
_UNREADABLE = (
    *((0, b"\0\0\0\x0cJXL ", "JPEG XL"), (0, b"\xff\x0a", "JPEG XL")),
    *((4, b"ftyphei", "HEIC"), (4, b"ftypmif1", "HEIF"), (4, b"ftyphev", "HEIC")),
)
_NAMES = {"MPO": "jpeg", "JPEG2000": "jp2", "DIB": "bmp"}
_LIGHT_INK, _ONE_INK_SPREAD, _LAYER_SHARE = 204, 24, 0.4
_pillow_limit = threading.Lock()


@dataclass(frozen=True)
class PictureHeader:
    """What the start of a picture file says, without its pixels."""

    format: str  # "jpeg", "png", ... by its bytes
    width_px: int  # as stored, before it is turned upright
    height_px: int
    may_be_transparent: bool


@dataclass(frozen=True)
class PictureFile:
    """A decoded picture, upright and opaque for colouring, and what its file holds besides."""

    name: str
    format: str  # "jpeg", "png", ... by its bytes
    rgb: np.ndarray  # (H, W, 3) uint8, transparent parts on `ground`
    alpha: np.ndarray | None = None  # (H, W) uint8, where something is transparent
    ground: int = 255  # the gray level under transparent parts: white, or black under white ink
    is_ink_layer: bool = False  # ink of one colour on nothing, as drawing programs export a layer of lines
    deep: np.ndarray | None = None  # (H, W) or (H, W, 3) uint16, of a picture of 16 bits a channel
    metadata: Metadata = field(default_factory=Metadata)
    jpeg_tables: tuple[tuple[int, ...], ...] = ()  # quantization, 64 numbers each
    is_lossless: bool = True
    notes: tuple[str, ...] = ()  # what does not come out as it was: CMYK, frames, ...


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings of metadata that it passes over: a cut-off EXIF, tags without data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@_quiet()
def read_header(data: bytes, *, name: str) -> PictureHeader:
    """Format and size by the header alone. Raises ValueError where there is none, or the picture is too large."""
    try:
        with _opened(data) as image:
            width, height = image.size
            form = _NAMES.get(str(image.format), str(image.format).lower())
            header = PictureHeader(form, width, height, image.has_transparency_data)
    except UnidentifiedImageError:
        header = _header_of_other(data, name)
    except _DECODE_ERRORS as error:
        raise _damaged(data, name, error) from error
    if header.width_px * header.height_px > MAX_PIXELS:
        seen = f"{header.width_px} x {header.height_px} px, over {MAX_PIXELS // 1_000_000} million pixels"
        raise ValueError(f"{name}: {seen}; make it smaller, or cut it into parts")
    return header


@_quiet()
def read_picture_file(data: bytes, *, name: str) -> PictureFile:
    """Decodes a picture for colouring. Raises ValueError, with `name` and the remedy, where it is no whole picture.

    EXIF orientation is applied. Palettes, 1 bit, gray and CMYK become RGB; CMYK by its profile where it has one. Of
    an animation the first frame counts. Transparent parts are laid on white, or on black where they hold light ink
    alone, which white would hide.
    """
    header = read_header(data, name=name)
    try:
        with _opened(data) as image:
            return _decoded(data, image, header.format, name)
    except UnidentifiedImageError:
        return PictureFile(name, header.format, decode_picture(data, name=name))
    except _DECODE_ERRORS as error:
        raise _damaged(data, name, error) from error


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """An open picture of any size: MAX_PIXELS counts in place of Pillow's own limit, which is the process's."""
    with _pillow_limit:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            image = Image.open(io.BytesIO(data))
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    with image:
        yield image


def _header_of_other(data: bytes, name: str) -> PictureHeader:
    """The header of a format that only OpenCV knows. Raises ValueError."""
    try:
        height, width = decode_picture(data, name=name).shape[:2]
    except ValueError as error:
        raise _damaged(data, name, error) from error
    return PictureHeader(format_of(data) or "unknown", width, height, may_be_transparent=False)


def _damaged(data: bytes, name: str, error: BaseException) -> ValueError:
    for place, signature, form in _UNREADABLE:
        if data[place : place + len(signature)] == signature:
            return ValueError(f"{name}: a {form} picture, which cannot be read here; convert it to PNG")
    if str(error).startswith(f"{name}: "):  # as `decode_picture` words it
        return ValueError(str(error))
    if isinstance(error, MemoryError):
        return ValueError(f"{name}: there is not enough memory to decode it; make it smaller, or free memory")
    seen = str(error) or type(error).__name__
    return ValueError(f"{name}: no whole picture ({len(data)} bytes): {seen}; fetch it again or replace the file")


def _decoded(data: bytes, image: Image.Image, form: str, name: str) -> PictureFile:
    notes: list[str] = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"the first of {frames} frames or pages; the others are left out")
    pixels = upright_pixels(image, data, form, name=name)
    notes += pixels.notes
    rgb, alpha, deep = pixels.rgb, pixels.alpha, pixels.deep
    metadata = read_metadata(image, image.getexif())
    if image.info.get("icc_profile") and metadata.icc is None and image.mode != "CMYK":
        notes.append("its gray colour profile is left out, for the picture is in colour")
    ground, is_ink_layer = 255, False
    if alpha is not None and alpha.min() == 255:
        alpha = None
    if alpha is not None:
        ground, is_ink_layer = _ground(rgb, alpha)
        rgb = _laid_on(rgb, alpha, ground)
        deep = None if deep is None else _laid_on(deep, alpha, ground * 257)
    return PictureFile(
        name=name,
        format=form,
        rgb=rgb,
        alpha=alpha,
        ground=ground,
        is_ink_layer=is_ink_layer,
        deep=deep,
        metadata=metadata,
        jpeg_tables=tuple(tuple(table) for table in getattr(image, "quantization", {}).values()),
        is_lossless=form not in ("jpeg", "avif") and not (form == "webp" and b"VP8 " in data[:64]),
        notes=tuple(notes),
    )


def _ground(rgb: np.ndarray, alpha: np.ndarray) -> tuple[int, bool]:
    """The gray level to lay a transparent picture on, and True where it is ink of one colour on nothing."""
    weight_sum = int(alpha.sum(dtype=np.int64))
    if weight_sum == 0:
        return 255, True
    gray = rgb_to_gray(rgb).astype(np.float32)
    mean = float((gray * alpha).sum(dtype=np.float64)) / weight_sum
    spread = (float((np.square(gray - mean) * alpha).sum(dtype=np.float64)) / weight_sum) ** 0.5
    is_ink_layer = spread < _ONE_INK_SPREAD and float((alpha < 128).mean()) > _LAYER_SHARE
    return 0 if mean > _LIGHT_INK and spread < _ONE_INK_SPREAD else 255, is_ink_layer


def _laid_on(pixels: np.ndarray, alpha: np.ndarray, ground: int) -> np.ndarray:
    """(H, W, 3) of any type, with alpha (H, W) uint8, on a level of its own range: the same, opaque."""

    def lay(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        opaque = alpha[..., np.newaxis].astype(np.float32) / 255
        return np.rint(pixels * opaque + ground * (1 - opaque)).astype(pixels.dtype)

    return by_bands(lay, pixels, alpha)
