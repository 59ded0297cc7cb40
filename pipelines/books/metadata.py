"""What a picture file holds besides its pixels: read from one format, written to another. Touches no files."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo

from pipelines.images.profiles import is_srgb, srgb_profile

INCHES = 2  # the unit of resolution, in EXIF and TIFF
_TIFF_TAGS = (Base.ImageDescription, Base.Make, Base.Model, Base.Software, Base.DateTime, Base.Artist, Base.Copyright)
_XMP_OF_PNG = "XML:com.adobe.xmp"
_XMP_OF_TIFF = 700
_XMP_ORIENTATION = re.compile(rb"""(?<!\s)\s*+tiff:Orientation=["']\d["']|<tiff:Orientation>\d</tiff:Orientation>""")


@dataclass(frozen=True)
class Metadata:
    """Everything is kept but the orientation, which is applied to the pixels, and thumbnails."""

    dpi: tuple[float, float] | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None  # of a JPEG file
    texts: Mapping[str, str] = field(default_factory=dict)  # of a PNG file
    tiff_tags: Mapping[int, str] = field(default_factory=dict)  # of a TIFF file: artist, copyright, ...


def read_metadata(image: Image.Image, exif: Image.Exif, *, profile: bytes | None) -> Metadata:
    """The metadata of an open picture and its EXIF.

    profile: that by which its pixels became sRGB. The result has a profile where the picture has one that could be
        used: its own where it says sRGB, else that of sRGB.
    """
    texts = {key: str(text) for key, text in getattr(image, "text", {}).items()}
    xmp = image.info.get("xmp") or texts.pop(_XMP_OF_PNG, "").encode()
    is_tiff = image.format == "TIFF"
    return Metadata(
        dpi=_dpi(image),
        icc=None if profile is None else profile if is_srgb(profile) else srgb_profile(),
        # The EXIF of a TIFF file is its own directory, which says how its pixels lie.
        exif=None if is_tiff else _exif_bytes(exif),
        xmp=_XMP_ORIENTATION.sub(b"", xmp) if isinstance(xmp, bytes) and xmp else None,
        comment=image.info["comment"] if isinstance(image.info.get("comment"), bytes) else None,
        texts=texts,
        tiff_tags={int(tag): str(exif[tag]) for tag in _TIFF_TAGS if tag in exif} if is_tiff else {},
    )


def save_options(metadata: Metadata, form: str) -> dict[str, Any]:
    """What Pillow's `save` takes of it in a format."""
    found: dict[str, Any] = {}
    if metadata.dpi and form in ("png", "jpeg", "tiff", "bmp"):
        found["dpi"] = metadata.dpi
    if metadata.icc and form in ("png", "jpeg", "webp", "tiff", "avif"):
        found["icc_profile"] = metadata.icc
    if form in ("png", "jpeg", "webp", "avif") and (exif := _exif_with_dpi(metadata, form)):
        found["exif"] = exif
    if metadata.xmp and form in ("jpeg", "webp", "avif"):
        found["xmp"] = metadata.xmp
    if metadata.comment and form == "jpeg":
        found["comment"] = metadata.comment
    if form == "png" and (metadata.texts or metadata.xmp):
        found["pnginfo"] = PngInfo()
        xmp = {_XMP_OF_PNG: metadata.xmp.decode("utf-8", "replace")} if metadata.xmp else {}
        for key, text in {**metadata.texts, **xmp}.items():
            found["pnginfo"].add_itxt(key, text)
    if form == "tiff":
        found["tiffinfo"] = {**metadata.tiff_tags, **({_XMP_OF_TIFF: metadata.xmp} if metadata.xmp else {})}
    return found


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if x > 1 and y > 1 else None  # 1: without a unit


def _exif_bytes(exif: Image.Exif) -> bytes | None:
    exif.pop(Base.Orientation, None)
    return exif.tobytes() if len(exif) else None


def _exif_with_dpi(metadata: Metadata, form: str) -> bytes | None:
    """The EXIF; in formats that have no other place for the resolution, with it."""
    if not metadata.dpi or form not in ("webp", "avif"):
        return metadata.exif
    exif = Image.Exif()
    if metadata.exif:
        exif.load(metadata.exif)
    exif[Base.XResolution], exif[Base.YResolution] = metadata.dpi
    exif[Base.ResolutionUnit] = INCHES
    return exif.tobytes()
