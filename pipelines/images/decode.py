"""Encoded bytes of any picture -> uint8 RGB pixels, upright and opaque. Touches no files.

OpenCV decodes whole JPEG files (two to three times as fast as Pillow, with equal pixels). Pillow decodes
everything else, and every JPEG file that does not end where a JPEG file ends: OpenCV fills the missing part of
a truncated file with gray, without an error; Pillow refuses it. OpenCV also decodes the formats that Pillow does not
know (Radiance, PFM, PAM). Colour profiles are not applied.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pipelines.images.formats import START_BYTES, is_picture_start

_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
# RuntimeError: of a damaged AVIF file, and as NotImplementedError of kinds of DDS.
_DECODE_ERRORS = (OSError, ValueError, SyntaxError, EOFError, RuntimeError, Image.DecompressionBombError)
_PFM_STARTS = (b"PF\n", b"Pf\n")  # Pillow knows only gray ones, as numbers without a white


def decode_picture(data: bytes, *, name: str) -> np.ndarray:
    """The pixels of an encoded picture: uint8 RGB (H, W, 3).

    EXIF orientation is applied, transparency is laid on white, 16 bit become 8, CMYK becomes RGB, and of an
    animation the first frame counts. Of formats with floating point (Radiance, PFM), 1 is white, and what is lighter
    too. `name` is for the error only. Raises ValueError where the picture is empty, truncated, or of no known format.
    """
    if data.startswith(_JPEG_START) and data.endswith(_JPEG_END):
        # None where OpenCV has no decoder: Pillow then decodes it or raises the reason.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
        if pixels is not None:
            return pixels
    try:
        if data.startswith(_PFM_STARTS):
            return _rgb_by_opencv(data)
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                return _upright_rgb(image)
        except UnidentifiedImageError:
            return _rgb_by_opencv(data)
    except _DECODE_ERRORS as error:
        raise ValueError(
            f"{name}: no whole picture ({len(data)} bytes): {error}; fetch it again or replace the file"
        ) from error


def may_be_picture(path: Path) -> bool:
    """True where a file begins like a picture that can be decoded here. It need not be whole. Raises OSError."""
    with path.open("rb") as opened:
        return is_picture_start(opened.read(START_BYTES))


def _rgb_by_opencv(data: bytes) -> np.ndarray:
    if data.startswith(b"P7") and b"_ALPHA" in data[:200]:
        raise ValueError("a PAM file with transparency, which OpenCV reads wrongly; convert it to PNG")
    try:
        # With every bit: OpenCV's own way to 8 bits cuts fractions off.
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise ValueError("of no known format, or not whole")
    if pixels.dtype == np.uint16:
        pixels = np.right_shift(pixels, 8).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        pixels = (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)
    return pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)


def _upright_rgb(image: Image.Image) -> np.ndarray:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        return cv2.cvtColor((np.asarray(image) >> 8).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of 32 bit (mode {image.mode!r}) have no fixed white")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))
