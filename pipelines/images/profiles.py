"""Colour profiles: pixels of any colour space -> sRGB, by Little CMS. Touches no files.

A profile that says sRGB, to one level of 255, changes nothing. Pictures without a profile are sRGB.
"""

import io
import struct
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from pipelines.images.bands import by_bands

_D50 = (0.9642, 1.0, 0.8249)  # the white of profiles (ICC.1:2022, 7.2.16)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_MADE_AT = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # in place of the time of a run, so that bytes stay the same
_GRAY_RAMP = np.arange(256, dtype=np.uint8)[np.newaxis]


class ProfileError(ValueError):
    """A colour profile that cannot be used; the message says why."""


def to_srgb(pixels: np.ndarray, mode: str, profile: bytes) -> np.ndarray:
    """Pixels by a profile as sRGB.

    pixels: uint8, (H, W) of mode "L"; (H, W, 3) of "RGB" and "LAB"; (H, W, 4) of "CMYK".
    Returns (H, W) of "L", else (H, W, 3). Of "L" with a profile of RGB, all three channels are the gray.
    Raises ProfileError.
    """
    if mode == "L":
        table = _gray_table(profile)
        return pixels if table is None else table[pixels]
    transform = _transform(profile, mode)
    return pixels if transform is None else by_bands(lambda band: _applied(transform, band, mode), pixels)


def deep_to_srgb(pixels: np.ndarray, profile: bytes) -> np.ndarray:
    """The same with all of 16 bits: uint16, (H, W) of gray or (H, W, 3) of RGB. Raises ProfileError.

    Little CMS sees the upper 8 bits, and how much a channel changes from there to the next of 256 levels; the lower
    bits go along in proportion.
    """
    if pixels.ndim == 2:
        table = _gray_table(profile)
        return pixels if table is None else np.interp(pixels, _GRAY_RAMP[0] * 257.0, table * 257.0).astype(np.uint16)
    transform = _transform(profile, "RGB")
    if transform is None:
        return pixels

    def convert(pixels: np.ndarray) -> np.ndarray:
        low = (pixels // 257).astype(np.uint8)
        share = (pixels - low.astype(np.uint16) * 257) / np.float32(257)
        below, above = (_applied(transform, one, "RGB") for one in (low, low + (low < 255).astype(np.uint8)))
        return np.rint(257 * (below + share * (above.astype(np.float32) - below))).astype(np.uint16)

    return by_bands(convert, pixels)


def is_srgb(profile: bytes) -> bool:
    """True where the profile is one of RGB, and says sRGB. Raises ProfileError."""
    return profile[16:20] == b"RGB " and _transform(profile, "RGB") is None


@lru_cache(maxsize=1)
def srgb_profile() -> bytes:
    """The profile of sRGB, the same bytes each time."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = _MADE_AT
    return bytes(made)


def matrix_profile(gamma: float, white: Sequence[float], primaries: Sequence[Sequence[float]]) -> bytes:
    """An ICC profile (version 2) of RGB light: out of what a PNG file says of its colours without a profile.

    gamma: the power of a level that is linear light: 2.2, ...; 0 for the curve of sRGB.
    white, primaries: CIE 1931 (x, y) of the white, and of red, green and blue; each y is over 0.
    Raises ProfileError where they make no space of colours, or numbers that a profile cannot hold.
    """
    try:
        with np.errstate(all="raise"):
            return _matrix_profile(gamma, white, primaries)
    except (np.linalg.LinAlgError, ArithmeticError, ValueError, struct.error):
        points = ", ".join(f"{x:.4g} {y:.4g}" for x, y in (white, *primaries))
        raise ProfileError(f"gamma {gamma:.4g}, with white and primaries at {points}, is no space of colours") from None


def _matrix_profile(gamma: float, white: Sequence[float], primaries: Sequence[Sequence[float]]) -> bytes:
    columns = np.array([_xyz(*one) for one in primaries]).T
    shares = np.linalg.solve(columns, _xyz(*white))
    if not (shares > 0).all():
        raise ValueError("no light of the primaries is white")
    light = columns * shares
    cones = (_BRADFORD @ np.array(_D50)) / (_BRADFORD @ _xyz(*white))
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ light
    curve = _curve(gamma)
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 1) + bytes(79),
        b"wtpt": _xyz_tag(_D50),
        **{kind: _xyz_tag(adapted[:, at]) for at, kind in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    body, table, at = b"", struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for kind, content in tags.items():
        table += kind + struct.pack(">II", at + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"", 0x02400000, b"mntr", b"RGB ", b"XYZ ") + _MADE_AT + b"acsp"
    return head.ljust(68, b"\0") + _s15(_D50) + bytes(48) + table + body


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where it changes nothing. Raises ProfileError."""
    try:
        source = (
            ImageCms.createProfile("LAB")
            if mode == "LAB" and not profile
            else ImageCms.getOpenProfile(io.BytesIO(profile))
        )
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise ProfileError(" ".join(str(error).split())) from error
    if mode != "RGB":
        return transform
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    probe = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    is_same = np.abs(_applied(transform, probe, mode).astype(int) - probe).max() <= 1
    return None if is_same else transform


@lru_cache(maxsize=16)
def _gray_table(profile: bytes) -> np.ndarray | None:
    """The sRGB level of each of 256 levels of gray; None where it changes nothing. Raises ProfileError."""
    if profile[16:20] == b"RGB ":
        transform = _transform(profile, "RGB")
        if transform is None:
            return None
        shown = _applied(transform, np.repeat(_GRAY_RAMP[..., np.newaxis], 3, axis=-1), "RGB")
    else:
        transform = _transform(profile, "L")
        assert transform is not None
        shown = _applied(transform, _GRAY_RAMP, "L")
    table = shown[0, :, 1]  # green: the three differ by rounding at most
    return None if np.abs(table.astype(int) - _GRAY_RAMP[0]).max() <= 1 else table


def _applied(transform: ImageCms.ImageCmsTransform, pixels: np.ndarray, mode: str) -> np.ndarray:
    image = Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())
    try:
        shown = ImageCms.applyTransform(image, transform)
    except (ImageCms.PyCMSError, ValueError) as error:
        raise ProfileError(" ".join(str(error).split())) from error
    assert shown is not None
    return np.asarray(shown)


def _xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _s15(numbers: Sequence[float] | np.ndarray) -> bytes:
    return struct.pack(">3i", *(round(65536 * float(number)) for number in numbers))


def _xyz_tag(numbers: Sequence[float] | np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + _s15(numbers)


def _curve(gamma: float) -> bytes:
    if gamma:
        power = round(256 * gamma)
        if not power:
            raise ValueError("without light")
        return b"curv" + struct.pack(">IIH", 0, 1, power)
    levels = np.linspace(0, 1, 1024)
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return b"curv" + struct.pack(">II", 0, 1024) + np.rint(65535 * light).astype(">u2").tobytes()
