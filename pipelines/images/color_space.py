"""What a picture file says of its colour space: the profile in it, or one made of what it says in other words.

Touches no files. Not looked at: the curves of TIFF tags, EXIF's name of a space, the light of QOI and TGA.
"""

import struct
from collections.abc import Iterator

from PIL import Image

from pipelines.images.png import png_chunks
from pipelines.images.profiles import matrix_profile

_SRGB_WHITE = (0.3127, 0.3290)
_SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_GAMMA, _GAMMA_TOLERANCE = 1 / 2.2, 0.05  # a PNG file that says this is one of sRGB (PNG, third edition, 13.13)
# Code points of ITU-T H.273: white and primaries; and the power of light, 0 for the curve of sRGB and its like.
_PRIMARIES = {
    1: (_SRGB_WHITE, _SRGB_PRIMARIES),
    5: (_SRGB_WHITE, ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06))),
    6: (_SRGB_WHITE, ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070))),
    9: (_SRGB_WHITE, ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))),
    11: ((0.314, 0.351), ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
    12: (_SRGB_WHITE, ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
}
_CURVES = {1: 0.0, 2: 0.0, 4: 2.2, 5: 2.8, 6: 0.0, 8: 1.0, 13: 0.0, 14: 0.0, 15: 0.0}
_HIGH_RANGE = {16: "PQ", 18: "HLG"}
_UNSPECIFIED = 2
_CODES_OF_AVIF = b"colrnclx"
_BOX_HEAD_BYTES = 4096  # the boxes of AVIF and JPEG 2000 that are looked for stand at the start of a file


def profile_of(image: Image.Image, data: bytes, form: str) -> bytes | None:
    """The ICC profile that a picture's pixels are to be understood by; None for sRGB.

    image: of `data`, open; form: the name of its format. Raises ProfileError where what the file says makes no profile,
    and another ValueError for a picture of high dynamic range, whose white no rule fixes.
    """
    if profile := image.info.get("icc_profile"):
        return bytes(profile)
    if form == "png":
        return _profile_of_png(image, data)
    if form == "avif":
        at = data.find(_CODES_OF_AVIF, 0, _BOX_HEAD_BYTES)
        return _profile_of_codes(*struct.unpack_from(">HH", data, at + 8)) if at >= 0 else None
    if form == "jp2":
        return next(_profiles_of_jp2(data), None)
    return _profile_of_bmp(data) if form == "bmp" else None


def _profile_of_png(image: Image.Image, data: bytes) -> bytes | None:
    """By cICP, sRGB, gAMA and cHRM, in the order in which they count (PNG, third edition, 4.3)."""
    for kind, content in png_chunks(data):
        if kind == b"IDAT":
            break
        if kind == b"cICP" and len(content) == 4:
            return _profile_of_codes(content[0], content[1])
    if "srgb" in image.info:
        return None
    gamma, points = image.info.get("gamma") or _GAMMA, image.info.get("chromaticity")
    is_srgb_curve = abs(gamma / _GAMMA - 1) <= _GAMMA_TOLERANCE
    if is_srgb_curve and not points:
        return None
    x_y = [(points[at], points[at + 1]) for at in range(0, 8, 2)] if points else [_SRGB_WHITE, *_SRGB_PRIMARIES]
    if any(y <= 0 for _, y in x_y):
        return None
    return matrix_profile(0 if is_srgb_curve else 1 / gamma, x_y[0], x_y[1:])


def _profile_of_codes(primaries: int, curve: int) -> bytes | None:
    if curve in _HIGH_RANGE:
        raise ValueError(
            f"a picture of high dynamic range ({_HIGH_RANGE[curve]}), whose white is not fixed; save it in sRGB"
        )
    if primaries == _UNSPECIFIED:
        return None
    white, points = _PRIMARIES.get(primaries, _PRIMARIES[1])
    return matrix_profile(_CURVES.get(curve, 0.0), white, points)


def _profiles_of_jp2(data: bytes) -> Iterator[bytes]:
    """Profiles of a JP2 file's head (ISO/IEC 15444-1, annex I): a colr box of method 2, or 3 of JPX."""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"jp2h":
            for inner, at, inner_end in _boxes(data, start, end):
                if inner == b"colr" and data[at] in (2, 3):
                    yield data[at + 3 : inner_end]


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and end of each box's content."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:  # to the end of the file, or longer than 4 GiB
            return
        yield kind, at + 8, min(at + size, end)
        at += size


def _profile_of_bmp(data: bytes) -> bytes | None:
    """The profile inside of a BMP file of version 5."""
    if len(data) < 138 or struct.unpack_from("<I", data, 14) != (124,) or data[70:74] != b"DEBM":
        return None
    offset, size = struct.unpack_from("<II", data, 14 + 112)
    return data[14 + offset : 14 + offset + size] or None
