"""Encoded pictures -> pixels for colouring, with everything of the file that must come out again.

Reads bytes, touches no files. Colour profiles are kept, not applied, but for CMYK.
"""

import io
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

from pipelines.books.metadata import Metadata, read_metadata
from pipelines.images.color import rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.issue_pages.picture import format_of

MAX_PIXELS = 200_000_000
"""Larger pictures are refused, whatever their format: 14,142 px squared, an A1 page at 600 dpi."""

_DECODE_ERRORS = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, MemoryError, cv2.error)
_UNREADABLE = (
    *((0, b"\0\0\0\x0cJXL ", "JPEG XL"), (0, b"\xff\x0a", "JPEG XL")),
    *((4, b"ftyphei", "HEIC"), (4, b"ftypmif1", "HEIF"), (4, b"ftyphev", "HEIC")),
)
_NAMES = {"MPO": "jpeg", "JPEG2000": "jp2", "DIB": "bmp"}
_IS_16_BIT = re.compile(r";16[BNL]?S?$")
_BAND_PIXELS = 2_000_000
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
    seen = str(error) or type(error).__name__
    return ValueError(f"{name}: no whole picture ({len(data)} bytes): {seen}; fetch it again or replace the file")


def _decoded(data: bytes, image: Image.Image, form: str, name: str) -> PictureFile:
    notes: list[str] = []
    if (frames := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"the first of {frames} frames or pages; the others are left out")
    deep, alpha = None, None
    bands = image.mode
    has_16_bits = _has_16_bits(image)  # before anything is loaded
    tables = tuple(tuple(table) for table in getattr(image, "quantization", {}).values())
    exif = image.getexif()
    orientation = exif.get(Base.Orientation, 1)
    profile = image.info.get("icc_profile")
    if bands == "CMYK":
        rgb = np.array(ImageOps.exif_transpose(_rgb_of_cmyk(image, profile, notes)))
    elif bands.startswith("I;16"):
        deep = _upright(np.asarray(image).astype(np.uint16), orientation)
        rgb = np.repeat((deep >> 8).astype(np.uint8)[..., np.newaxis], 3, axis=-1)
    elif bands in ("I", "F"):
        raise ValueError(f"pixels of 32 bit (mode {bands!r}) have no fixed white")
    elif has_16_bits and (found := _deep_rgb(data)) is not None:
        deep, alpha = (None if part is None else _upright(part, orientation) for part in found)
        assert deep is not None
        rgb = (deep >> 8).astype(np.uint8)
    elif form == "jpeg":
        rgb = decode_picture(data, name=name)
    else:
        if has_16_bits:
            notes.append("16 bits a channel became 8")
        rgb, alpha = _rgb_and_alpha(ImageOps.exif_transpose(image))
    metadata = read_metadata(image, exif)
    if profile and metadata.icc is None and bands != "CMYK":
        notes.append("its gray colour profile is left out, for the picture is in colour")
    ground, is_ink_layer = 255, False
    if alpha is not None and alpha.min() == 255:
        alpha = None
    if alpha is not None:
        ground, is_ink_layer = _ground(rgb, alpha)
        rgb = _laid_on(rgb, alpha, ground)
        if deep is not None:
            deep = _laid_on(deep, alpha, ground * 257)
    return PictureFile(
        name=name,
        format=form,
        rgb=rgb,
        alpha=alpha,
        ground=ground,
        is_ink_layer=is_ink_layer,
        deep=deep,
        metadata=metadata,
        jpeg_tables=tables,
        is_lossless=form not in ("jpeg", "avif") and not (form == "webp" and b"VP8 " in data[:64]),
        notes=tuple(notes),
    )


def _rgb_of_cmyk(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    if profile:
        try:
            source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError) as error:
            notes.append(f"CMYK became RGB by the plain formula, since its colour profile cannot be used ({error})")
            return image.convert("RGB")
        assert converted is not None
        notes.append("CMYK became RGB by its colour profile")
        return converted
    notes.append("CMYK became RGB by the plain formula, since it has no colour profile")
    return image.convert("RGB")


def _rgb_and_alpha(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    if not image.has_transparency_data:
        return np.array(image.convert("RGB")), None
    pixels = np.array(image.convert("RGBA"))
    return np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])


def _has_16_bits(image: Image.Image) -> bool:
    for tile in getattr(image, "tile", ()):
        args = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if any(isinstance(arg, str) and _IS_16_BIT.search(arg) for arg in args):
            return True
    return False


def _deep_rgb(data: bytes) -> tuple[np.ndarray, np.ndarray | None] | None:
    """All 16 bits of a PNG or TIFF file: (H, W, 3) uint16, and alpha (H, W) uint8; None where OpenCV reads less."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        return None
    alpha = np.right_shift(pixels[..., 3], 8).astype(np.uint8) if pixels.shape[2] == 4 else None
    return np.ascontiguousarray(pixels[..., 2::-1]), alpha


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels as the EXIF orientation, 1 to 8, says that they are to be seen."""
    if orientation >= 5:  # stored by columns
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


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


def by_bands(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """`function` of arrays of one height, band by band, so that what it holds in between stays small."""
    height, width = arrays[0].shape[:2]
    rows = max(1, _BAND_PIXELS // width)
    bands = (function(*(array[top : top + rows] for array in arrays)) for top in range(0, height, rows))
    first = next(bands)
    if first.shape[0] == height:
        return first
    whole = np.empty((height, *first.shape[1:]), first.dtype)
    whole[:rows] = first
    for top, band in zip(range(rows, height, rows), bands, strict=True):
        whole[top : top + rows] = band
    return whole
