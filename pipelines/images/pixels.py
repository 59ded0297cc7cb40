"""An open picture of any kind -> upright pixels in sRGB, with alpha and with all of 16 bits. Touches no files.

The one place where encoded pixels are decoded. JPEG by libjpeg-turbo, Radiance, PFM and PAM by OpenCV, which also reads
16 bits a channel; all others by Pillow. What can be seen to be damaged inside is an error, and never filled. Codes that
were swapped for others that are as valid cannot be seen where a format has no checksum: docs/books.md lists them.
"""

from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from pipelines.images import gif, png, tiff
from pipelines.images.bands import by_bands
from pipelines.images.color import gray_to_rgb
from pipelines.images.color_space import profile_of
from pipelines.images.jpeg import decode_jpeg
from pipelines.images.opened import OpenPicture
from pipelines.images.profiles import ProfileError, deep_to_srgb, to_srgb
from pipelines.images.zeroes import require_no_hole_in_avif, require_no_hole_in_webp

_WHITE_IS_ZERO, _SEPARATE_PLANES = 0, 2  # TIFF 6.0: PhotometricInterpretation, PlanarConfiguration
_OPAQUE = {"1": "L", "I;16": "I;16", "L": "L", "LAB": "LAB", "CMYK": "CMYK"}  # modes that are decoded as another

cv2.utils.logging.setLogLevel(
    cv2.utils.logging.LOG_LEVEL_SILENT
)  # what goes wrong is an exception here, and no line on the terminal


@dataclass(frozen=True)
class Pixels:
    """The pixels of a picture as it is to be seen, by its EXIF orientation and its colour profile."""

    rgb: np.ndarray  # (H, W, 3) uint8 sRGB, whatever alpha says
    alpha: np.ndarray | None = None  # (H, W) uint8
    deep: np.ndarray | None = None  # (H, W) or (H, W, 3) uint16 sRGB; its upper halves are `rgb`
    profile: bytes | None = None  # by which the pixels were understood; None for sRGB without one
    notes: tuple[str, ...] = ()  # for people: "CMYK became RGB ..."
    doubt: str | None = None  # why the colours may be wrong: a profile that cannot be used


def read_pixels(opened: OpenPicture, *, keep_depth: bool = False) -> Pixels:
    """The pixels of an open picture that was not loaded yet; of an animation, and of pages, the first.

    keep_depth: also gives 16 bits, where the picture has them. Raises ValueError, or what the decoders raise.
    """
    if opened.image is None:
        return Pixels(_by_opencv(opened.data, opened.form))
    if opened.form == "jpeg":
        stored = _stored_jpeg(opened.image, opened.data)
    else:
        stored = _stored(opened.image, opened.data, opened.form, keep_depth=keep_depth)
    try:
        pixels = _in_srgb(stored, profile_of(opened.image, opened.data, opened.form))
    except ProfileError as error:
        if stored.mode == "LAB":  # without its profile, its numbers are no colours
            raise
        doubt = f"its colour profile cannot be used ({error}), its colours are taken as they are"
        pixels = replace(_in_srgb(stored, None), doubt=doubt)
    # Of some formats, to ask for it loads the pixels.
    return _upright(pixels, opened.image.getexif().get(Base.Orientation, 1))


def laid_on(pixels: np.ndarray, alpha: np.ndarray, ground: int) -> np.ndarray:
    """(H, W, 3) of any type, with alpha (H, W) uint8, on a level of its own range: the same, opaque."""

    def lay(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        opaque = alpha[..., np.newaxis].astype(np.float32) / 255
        return np.rint(pixels * opaque + ground * (1 - opaque)).astype(pixels.dtype)

    return by_bands(lay, pixels, alpha)


@dataclass(frozen=True)
class _Stored:
    """Pixels as they are in a file."""

    channels: np.ndarray  # (H, W) or (H, W, C), uint8, or uint16 of "L" and "RGB"
    mode: str  # "L", "RGB", "CMYK" or "LAB"
    alpha: np.ndarray | None = None  # (H, W) uint8
    notes: tuple[str, ...] = ()


def _stored_jpeg(image: Image.Image, data: bytes) -> _Stored:
    if image.mode == "L" and not image.info.get("icc_profile"):
        return _Stored(decode_jpeg(data, "RGB"), "RGB")  # sooner than in two steps
    channels = decode_jpeg(data, "GRAY" if image.mode == "L" else image.mode)
    if image.mode == "L":
        return _Stored(channels[..., 0], "L")
    if image.mode == "CMYK" and "adobe" in image.info:
        channels = 255 - channels  # Adobe's programs store light in place of ink
    return _Stored(channels, image.mode)


def _stored(image: Image.Image, data: bytes, form: str, *, keep_depth: bool) -> _Stored:
    # As it is before the pixels are loaded, which to ask for it may do, of other formats.
    exif: dict[int, object] = dict(image.getexif()) if form == "tiff" else {}
    raw_modes = _raw_modes(image)
    has_16_bits = any(";16" in mode for mode in raw_modes) or 16 in _as_tuple(exif.get(Base.BitsPerSample))
    is_gray_with_alpha = any(mode.startswith("LA") for mode in raw_modes)  # OpenCV 5.0 swaps its bytes
    is_planar = exif.get(Base.PlanarConfiguration) == _SEPARATE_PLANES
    _load(image, data, form)
    if image.mode == "I" and form == "ppm":  # 16 bits of gray, which Pillow has scaled
        return _deep_gray(np.asarray(image).astype(np.uint16), keep_depth=keep_depth)
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of 32 bit (mode {image.mode!r}) have no fixed white")
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16)
        if exif.get(Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
            deep = 65535 - deep  # Pillow leaves that to its caller
        return _deep_gray(deep, keep_depth=keep_depth)
    if keep_depth and has_16_bits and image.mode in ("RGB", "RGBA") and not is_gray_with_alpha:
        # OpenCV reads planes wrongly, and turns everything else.
        turn = exif.get(Base.Orientation, 1)
        channels = _turned(_planar_channels(data), turn) if is_planar else _deep_channels(data)
        alpha = (channels[..., 3] >> 8).astype(np.uint8) if channels.shape[2] == 4 else None
        return _Stored(np.ascontiguousarray(channels[..., :3]), "RGB", alpha)
    notes = ("16 bits a channel became 8",) if has_16_bits and keep_depth else ()
    if image.has_transparency_data:
        if image.mode in ("L", "LA"):  # stays gray, for its profile may be one of gray
            channels = np.asarray(image.convert("LA"))
            return _Stored(np.ascontiguousarray(channels[..., 0]), "L", np.ascontiguousarray(channels[..., 1]), notes)
        channels = np.asarray(image.convert("RGBA"))
        alpha = np.ascontiguousarray(channels[..., 3])
        is_opaque = alpha.min() == 255  # often, and then there is nothing to lay on white
        return _Stored(cv2.cvtColor(channels, cv2.COLOR_RGBA2RGB), "RGB", None if is_opaque else alpha, notes)
    mode = _OPAQUE.get(image.mode, "RGB")
    return _Stored(np.array(image if mode == image.mode else image.convert(mode)), mode, notes=notes)


def _load(image: Image.Image, data: bytes, form: str) -> None:
    """Decodes the pixels. Raises ValueError, or what Pillow raises, where not all of them are there."""
    if form == "tiff":
        tiff.require_whole(data, image)
    if form == "png":
        for _ in png.png_chunks(data):
            pass  # it raises where a checksum is wrong
    if form == "gif":
        gif.require_whole_frame(data)
    if form == "webp":
        require_no_hole_in_webp(data, *image.size)
    if form == "avif":
        require_no_hole_in_avif(data)
    if form == "tiff":
        tiff.load(image)
    else:
        image.load()
    if form == "png" and (image.info.get("interlace") or not _last_row(image).any()):
        png.require_all_rows(data)  # what is not decoded is black


def _last_row(image: Image.Image) -> np.ndarray:
    width, height = image.size
    return np.asarray(image.crop((0, height - 1, width, height)))


def _deep_gray(deep: np.ndarray, *, keep_depth: bool) -> _Stored:
    return _Stored(deep if keep_depth else (deep >> 8).astype(np.uint8), "L")


def _in_srgb(stored: _Stored, profile: bytes | None) -> Pixels:
    """By a profile, or by none as sRGB. Raises ProfileError."""
    notes, channels = list(stored.notes), stored.channels
    if profile is not None or stored.mode == "LAB":
        convert = deep_to_srgb if channels.dtype == np.uint16 else partial(to_srgb, mode=stored.mode)
        channels = convert(channels, profile=profile or b"")
    is_converted = channels is not stored.channels
    if stored.mode == "CMYK":
        how = "by its colour profile" if is_converted else "by the plain formula, for want of a colour profile"
        notes.append(f"CMYK became RGB {how}")
        if not is_converted:
            channels = np.asarray(Image.fromarray(channels, "CMYK").convert("RGB"))
    elif stored.mode == "LAB":
        notes.append(f"Lab became sRGB{' by its colour profile' if profile else ''}")
    elif is_converted and stored.mode == "RGB":
        notes.append("its colours became sRGB by its colour profile")
    elif is_converted:
        notes.append("its levels of gray became those of sRGB by its colour profile")
    deep = channels if channels.dtype == np.uint16 else None
    shallow = channels if deep is None else (deep >> 8).astype(np.uint8)
    rgb = gray_to_rgb(shallow) if shallow.ndim == 2 else shallow
    return Pixels(rgb, stored.alpha, deep, profile, tuple(notes))


def _raw_modes(image: Image.Image) -> list[str]:
    """How Pillow will read the pixels: "RGB;16B", ... Empty once they are loaded."""
    parts = (tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in getattr(image, "tile", ()))
    return [part for args in parts for part in args if isinstance(part, str)]


def _as_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _by_opencv(data: bytes, form: str) -> np.ndarray:
    """(H, W, 3) uint8. Of floating point (Radiance, PFM), 1 is white, and what is lighter too."""
    if form == "pam" and b"_ALPHA" in data[:200]:
        raise ValueError("a PAM file with transparency, which OpenCV reads wrongly; convert it to PNG")
    # With every bit: OpenCV's own way to 8 bits cuts fractions off.
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    if pixels is None:
        raise ValueError("its pixels are not all there")
    if pixels.dtype == np.uint16:
        pixels = np.right_shift(pixels, 8).astype(np.uint8)
    elif pixels.dtype != np.uint8:
        pixels = (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)
    return pixels if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)


def _deep_channels(data: bytes) -> np.ndarray:
    """All 16 bits of a PNG file as it is stored, or of a TIFF file upright: RGB or RGBA, (H, W, 3 or 4) uint16."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError("16 bits a channel in a way that cannot be read here")
    return np.dstack([pixels[..., 2::-1], pixels[..., 3:]])


def _planar_channels(data: bytes) -> np.ndarray:
    """All 16 bits of a TIFF file with a plane for each channel, as it is stored: (H, W, 3 or 4) uint16."""
    import io

    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            planes = np.asarray(file.pages.first.asarray())
    except (tifffile.TiffFileError, ImportError) as error:  # without a codec, which is another package
        raise ValueError(f"16 bits a channel in planes, packed in a way that cannot be read here ({error})") from error
    if planes.dtype != np.uint16 or planes.ndim != 3 or planes.shape[0] not in (3, 4):
        raise ValueError("16 bits a channel in planes that cannot be read here")
    return np.moveaxis(planes, 0, -1)


def _upright(pixels: Pixels, orientation: object) -> Pixels:
    alpha, deep = (None if plane is None else _turned(plane, orientation) for plane in (pixels.alpha, pixels.deep))
    return replace(pixels, rgb=_turned(pixels.rgb, orientation), alpha=alpha, deep=deep)


def _turned(plane: np.ndarray, orientation: object) -> np.ndarray:
    """(H, W, ...) as the EXIF orientation, 1 to 8, says that it is to be seen."""
    if orientation in (5, 6, 7, 8):  # stored by columns
        plane = plane.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)
