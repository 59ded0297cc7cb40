"""An open picture of any kind -> upright pixels, with alpha and with all of 16 bits. Touches no files."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.ExifTags import Base

from pipelines.images.decode import decode_picture

_WHITE_IS_ZERO, _SEPARATE_PLANES = 0, 2  # TIFF 6.0: PhotometricInterpretation, PlanarConfiguration


@dataclass(frozen=True)
class Pixels:
    """The pixels of a picture as it is to be seen, by its EXIF orientation."""

    rgb: np.ndarray  # (H, W, 3) uint8, whatever alpha says
    alpha: np.ndarray | None = None  # (H, W) uint8
    deep: np.ndarray | None = None  # (H, W) or (H, W, 3) uint16; its upper halves are `rgb`
    notes: tuple[str, ...] = ()  # for people: "CMYK became RGB ..."


def upright_pixels(image: Image.Image, data: bytes, form: str, *, name: str) -> Pixels:
    """The pixels of an open picture that was not loaded yet. Raises ValueError, or what the decoders raise.

    data, form: the encoded picture, and the name of its format.
    """
    notes: list[str] = []
    exif = image.getexif() if form == "tiff" else Image.Exif()  # of other formats it may load the pixels
    raw_modes = _raw_modes(image)
    has_16_bits = any(";16" in mode for mode in raw_modes) or 16 in _as_tuple(exif.get(Base.BitsPerSample))
    if form == "jpeg" and image.mode != "CMYK":
        return Pixels(decode_picture(data, name=name))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of 32 bit (mode {image.mode!r}) have no fixed white")
    orientation = image.getexif().get(Base.Orientation, 1)
    if image.mode.startswith("I;16"):
        deep = _upright(np.asarray(image).astype(np.uint16), orientation)
        if exif.get(Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
            deep = 65535 - deep  # Pillow leaves that to its caller
        return Pixels(np.repeat((deep >> 8).astype(np.uint8)[..., np.newaxis], 3, axis=-1), deep=deep)
    is_gray_with_alpha = any(mode.startswith("LA") for mode in raw_modes)  # OpenCV 5.0 swaps its bytes
    is_planar = exif.get(Base.PlanarConfiguration) == _SEPARATE_PLANES
    if has_16_bits and image.mode in ("RGB", "RGBA") and not is_gray_with_alpha:
        image.load()  # raises where the file is cut off, which OpenCV fills with gray
        channels = _upright(_deep_channels(data, is_planar=is_planar), orientation)
        deep = np.ascontiguousarray(channels[..., :3])
        alpha = (channels[..., 3] >> 8).astype(np.uint8) if channels.shape[2] == 4 else None
        return Pixels((deep >> 8).astype(np.uint8), alpha, deep)
    if has_16_bits:
        notes.append("16 bits a channel became 8")
    if image.mode == "CMYK":
        upright = ImageOps.exif_transpose(_rgb_of_cmyk(image, image.info.get("icc_profile"), notes))
        return Pixels(np.array(upright), notes=tuple(notes))
    upright = ImageOps.exif_transpose(image)
    if not upright.has_transparency_data:
        return Pixels(np.array(upright.convert("RGB")), notes=tuple(notes))
    pixels = np.array(upright.convert("RGBA"))
    rgb, alpha = np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])
    return Pixels(rgb, alpha, notes=tuple(notes))


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


def _raw_modes(image: Image.Image) -> list[str]:
    """How Pillow will read the pixels: "RGB;16B", ... Empty once they are loaded."""
    parts = (tile.args if isinstance(tile.args, tuple) else (tile.args,) for tile in getattr(image, "tile", ()))
    return [part for args in parts for part in args if isinstance(part, str)]


def _as_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _deep_channels(data: bytes, *, is_planar: bool) -> np.ndarray:
    """All 16 bits of a PNG or TIFF file as it is stored: RGB or RGBA, (H, W, 3 or 4) uint16. Raises ValueError."""
    if is_planar:  # OpenCV reads these wrongly
        return _planar_channels(data)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4):
        raise ValueError("16 bits a channel in a way that cannot be read here")
    return np.dstack([pixels[..., 2::-1], pixels[..., 3:]])


def _planar_channels(data: bytes) -> np.ndarray:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            planes = np.asarray(file.pages.first.asarray())
    except (tifffile.TiffFileError, ImportError) as error:  # without a codec, which is another package
        raise ValueError(f"16 bits a channel in planes, packed in a way that cannot be read here ({error})") from error
    if planes.dtype != np.uint16 or planes.ndim != 3 or planes.shape[0] not in (3, 4):
        raise ValueError("16 bits a channel in planes that cannot be read here")
    return np.moveaxis(planes, 0, -1)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Pixels as the EXIF orientation, 1 to 8, says that they are to be seen."""
    if orientation >= 5:  # stored by columns
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
