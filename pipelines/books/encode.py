"""Coloured pixels -> an encoded picture with everything that the file they came from holds besides.

Touches no files. Sizes, resolution, transparency, 16 bits, RGB profiles and EXIF are kept where the format holds them.
"""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from pipelines.books.formats import FORMATS
from pipelines.books.metadata import INCHES, save_options
from pipelines.books.picture_file import PictureFile
from pipelines.images.bands import by_bands

QUALITY = 95
"""Of JPEG, WebP and AVIF, with colour at full resolution where the format has it."""

_MAX_PAINT_RANGE = 24  # of RGB's largest less its smallest: from here on, paint is opaque
_HORIZONTAL = 2  # TIFF's predictor: differences from pixel to pixel shrink better
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_JPEG_95_MEAN = 5.8  # of the numbers of libjpeg's luma table at quality 95


def encode_picture(colored: np.ndarray, *, like: PictureFile, form: str) -> bytes:
    """The file of a coloured picture.

    colored: (H, W, 3) uint8 RGB of the size of `like.rgb`, on the same ground.
    like: the picture that was coloured. Its alpha is kept; under a layer of ink alone, paint becomes opaque where
        there is colour, since nothing would be seen of it. 16 bits are kept: what the 8 bits of `like.rgb` lack is
        added, and where the lightness is that of `like`, luma has all 16 bits. JPEG quality is 95, or that of the
        source where it is better.
    form: a name of FORMATS.

    Raises ValueError where the sizes differ, and where the format cannot hold the picture.
    """
    if colored.shape != like.rgb.shape or colored.dtype != np.uint8:
        raise ValueError(f"{like.name}: coloured {colored.shape} {colored.dtype}, expected {like.rgb.shape} uint8")
    alpha = _alpha(colored, like) if FORMATS[form].has_alpha else None
    if like.deep is not None and FORMATS[form].has_16_bit:
        return _encode_16_bit(_with_depth(colored, like, alpha), like, form)
    pixels = colored if alpha is None else np.dstack([_without_ground(colored, alpha, like.ground), alpha])
    image = Image.fromarray(pixels)
    encoded = io.BytesIO()
    options = {**save_options(like.metadata, form), **_options(like, form)}
    try:
        image.save(encoded, {"jp2": "JPEG2000"}.get(form, form.upper()), **options)
    except (OSError, ValueError, struct.error) as error:
        raise ValueError(f"{like.name}: cannot be written as {form.upper()}: {error}; write it as .png") from error
    return encoded.getvalue()


def encoding_notes(like: PictureFile, form: str) -> tuple[str, ...]:
    """What comes out otherwise than it was, for people: the picture's own notes, and what the format cannot hold."""
    notes = list(like.notes)
    if like.deep is not None and not FORMATS[form].has_16_bit:
        notes.append(f"16 bits a channel became 8, for {form.upper()} holds no more")
    if like.alpha is not None and not FORMATS[form].has_alpha:
        notes.append(f"transparent parts are filled, for {form.upper()} has no transparency")
    elif like.alpha is not None and like.is_ink_layer:
        notes.append("colour is laid under its lines, opaque where there is any")
    if like.metadata.dpi is not None and form == "jp2":
        notes.append("its resolution is left out, for JP2 is written without")
    if like.format != form and like.format not in FORMATS:
        notes.append(f"{like.format.upper()} became {form.upper()}")
    return tuple(notes)


def _alpha(colored: np.ndarray, like: PictureFile) -> np.ndarray | None:
    """(H, W) uint8: the source's, and of a layer of ink opaque where there is paint under it."""
    if like.alpha is None or not like.is_ink_layer:
        return like.alpha

    def paint(colored: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        spread = (colored.max(axis=2) - colored.min(axis=2)).astype(np.float32) * (255 / _MAX_PAINT_RANGE)
        return np.maximum(alpha, spread.clip(0, 255).astype(np.uint8))

    return by_bands(paint, colored, like.alpha)


def _without_ground(colored: np.ndarray, alpha: np.ndarray, ground: int) -> np.ndarray:
    """(H, W, 3) of the type of `colored`: what gives `colored` again when it is laid on the ground with its alpha."""
    top = np.iinfo(colored.dtype).max

    def lift(colored: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        opaque = np.maximum(alpha, 1).astype(np.float32)[..., np.newaxis] / 255
        lifted = (colored - (1 - opaque) * np.float32(ground * (top // 255))) / opaque
        # Where nothing is seen, the colour stays as it would be on the ground.
        return np.where(alpha[..., np.newaxis] > 0, np.rint(lifted.clip(0, top)), colored).astype(colored.dtype)

    return by_bands(lift, colored, alpha)


def _with_depth(colored: np.ndarray, like: PictureFile, alpha: np.ndarray | None) -> np.ndarray:
    """(H, W, 3) uint16 RGB, or RGBA: `colored` with the lower bits of the source."""
    assert like.deep is not None

    def deepen(colored: np.ndarray, rgb: np.ndarray, deep: np.ndarray) -> np.ndarray:
        missing = deep.astype(np.float32)
        if deep.ndim == 3:
            missing -= 257 * rgb.astype(np.float32)
        else:
            # Of a gray picture luma is set anew, unless the lightness was changed, as under lines.
            gray = rgb[..., 0].astype(np.float32)
            luma = colored.astype(np.float32) @ _LUMA
            missing -= 257 * np.where(np.abs(luma - gray) <= 1, luma, gray)
            missing = missing[..., np.newaxis]
        return np.rint((257 * colored.astype(np.float32) + missing).clip(0, 65535)).astype(np.uint16)

    full = by_bands(deepen, colored, like.rgb, like.deep)
    if alpha is None:
        return full
    return np.dstack([_without_ground(full, alpha, like.ground), alpha.astype(np.uint16) * 257])


def _encode_16_bit(pixels: np.ndarray, like: PictureFile, form: str) -> bytes:
    """A PNG or TIFF file by OpenCV, since Pillow writes 16 bits of one channel only."""
    if form == "tiff":
        return _encode_16_bit_tiff(pixels, like)
    flipped = np.dstack([pixels[..., 2::-1], pixels[..., 3:]])
    done, encoded = cv2.imencode(".png", flipped)
    if not done:
        raise ValueError(f"{like.name}: cannot be written as PNG of 16 bits")
    chunks = b""
    about = like.metadata
    if about.icc:
        chunks += _chunk(b"iCCP", b"icc\0\0" + zlib.compress(about.icc))
    if about.dpi:
        chunks += _chunk(b"pHYs", struct.pack(">IIB", *(round(dpi / 0.0254) for dpi in about.dpi), 1))
    if about.exif:
        chunks += _chunk(b"eXIf", about.exif.removeprefix(b"Exif\0\0"))
    for kind, content, _ in getattr(save_options(about, "png").get("pnginfo"), "chunks", ()):
        chunks += _chunk(kind, content)  # texts
    data, after_head = encoded.tobytes(), 8 + 25  # the signature, and IHDR, which comes first
    return data[:after_head] + chunks + data[after_head:]


def _encode_16_bit_tiff(pixels: np.ndarray, like: PictureFile) -> bytes:
    import tifffile

    encoded = io.BytesIO()
    options: dict[str, Any] = {"extrasamples": ["unassalpha"]} if pixels.shape[2] == 4 else {}
    if like.metadata.dpi:
        options |= {"resolution": like.metadata.dpi, "resolutionunit": INCHES}
    tags = [(tag, "s", 0, text, True) for tag, text in like.metadata.tiff_tags.items()]
    tifffile.imwrite(
        encoded,
        pixels,
        photometric="rgb",
        compression="zlib",
        iccprofile=like.metadata.icc,
        extratags=tags,
        metadata=None,
        software=False,
        **options,
    )
    return encoded.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _options(like: PictureFile, form: str) -> dict[str, Any]:
    if form == "jpeg":
        return {**_jpeg_quality(like), "subsampling": 0}
    if form == "webp":
        return {"lossless": True} if like.format == "webp" and like.is_lossless else {"quality": QUALITY}
    if form == "avif":
        return {"quality": QUALITY, "subsampling": "4:4:4"}
    if form == "tiff":
        tags = save_options(like.metadata, form)["tiffinfo"]
        return {"compression": "tiff_adobe_deflate", "tiffinfo": {**tags, Base.Predictor: _HORIZONTAL}}
    return {"compress_level": 4} if form == "png" else {}  # a third faster than Pillow's 6, 5 % larger


def _jpeg_quality(like: PictureFile) -> dict[str, Any]:
    """Quality 95, or the source's own tables where they are finer."""
    if not like.jpeg_tables or sum(like.jpeg_tables[0]) / 64 >= _JPEG_95_MEAN:
        return {"quality": QUALITY}
    return {"qtables": [list(like.jpeg_tables[0]), list(like.jpeg_tables[min(1, len(like.jpeg_tables) - 1)])]}
