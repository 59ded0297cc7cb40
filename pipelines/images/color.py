"""Colour spaces: the one module that converts them, by OpenCV only.

Paper 000's appendix warns of libraries whose ranges differ and of precision lost between integers and floats.
So all Lab here is float32 with L in 0..100 and a, b in about -108..99 (sRGB, D65), never OpenCV's 8-bit Lab.
Also here: the ranges in which networks see and give colour, so that training and colorizing cannot differ.
"""

from functools import cache

import cv2
import numpy as np

from models.specs.base import AB_SCALE, ColorSpace
from pipelines.images.bands import CACHED_PIXELS, by_bands

_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""The linear light of each level of sRGB (IEC 61966-2-1), in [0, 1]."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as cv2.COLOR_RGB2GRAY


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """CIE Lab: (..., H, W, 3) uint8 RGB -> (..., H, W, 3) float32, L in 0..100, a and b in about -108..99."""
    _require(rgb, np.uint8, "rgb_to_lab")
    # Not COLOR_RGB2LAB: OpenCV interpolates that one in a coarse table and is off by up to 0.4.
    return _per_pixel(_LINEAR[rgb], cv2.COLOR_LRGB2LAB)


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """(..., H, W, 3) float32 Lab -> (..., H, W, 3) uint8 RGB. What sRGB cannot show is clipped channel by channel."""
    _require(lab, np.float32, "lab_to_rgb")
    return _to_uint8(_per_pixel(lab, cv2.COLOR_LAB2RGB) * 255)


def rgb_to_gray(rgb: np.ndarray) -> np.ndarray:
    """Luma (ITU-R BT.601): (..., H, W, 3) uint8 RGB -> (..., H, W) uint8."""
    _require(rgb, np.uint8, "rgb_to_gray")
    return _per_pixel(rgb, cv2.COLOR_RGB2GRAY)


def gray_to_rgb(gray: np.ndarray) -> np.ndarray:
    """The colourless picture: (..., H, W) uint8 -> (..., H, W, 3) uint8."""
    return np.repeat(gray[..., np.newaxis], 3, axis=-1)


def gray_to_lightness(gray: np.ndarray) -> np.ndarray:
    """L of gray values: any shape uint8 -> the same shape float32 in 0..100."""
    _require(gray, np.uint8, "gray_to_lightness")
    return _lightness()[gray]


def with_luma(rgb: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """The colours of `rgb` under the lightness of `gray`, whatever their sizes: -> (..., H, W, 3) uint8.

    Each pixel's distance from its own gray is scaled to the size of `gray` and added to it. Where the sum
    would leave 0..255 the colour is weakened until it fits, so the luma is exact everywhere (to rounding):
    white stays white, black stays black, and lettering stays sharp.

    Args:
        rgb: (..., h, w, 3) uint8.
        gray: (..., H, W) uint8, with the same leading axes.
    """
    _require(rgb, np.uint8, "with_luma")
    _require(gray, np.uint8, "with_luma")
    if rgb.shape[-3:-1] == gray.shape[-2:]:
        return _with_luma(rgb.reshape(-1, *rgb.shape[-2:]), gray.reshape(-1, gray.shape[-1])).reshape(rgb.shape)
    pictures, grays = rgb.reshape(-1, *rgb.shape[-3:]), gray.reshape(-1, *gray.shape[-2:])
    return np.stack([_with_luma(*pair) for pair in zip(pictures, grays, strict=True)]).reshape(*gray.shape, 3)


def _with_luma(rgb: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """`with_luma` of one picture. Each step works on one channel as a plane, and on as much as the cache holds: numpy's
    loops over interleaved channels, and large arrays in between, take several times as long.
    """
    if rgb.shape[:2] == gray.shape:
        return by_bands(_recomposed, rgb, gray, pixels=CACHED_PIXELS)
    channels = (resized(channel, gray.shape) for channel in _chroma(rgb))
    return by_bands(_composed, *channels, gray, pixels=CACHED_PIXELS)


def _chroma(rgb: np.ndarray) -> list[np.ndarray]:
    """What each channel has more than the luma: (H, W, 3) uint8 -> 3 times (H, W) float32."""
    values = rgb.astype(np.float32)
    luma = cv2.transform(values, _LUMA[np.newaxis])
    return [np.subtract(channel, luma, out=channel) for channel in cv2.split(values)]


def _recomposed(rgb: np.ndarray, gray: np.ndarray) -> np.ndarray:
    red, green, blue = _chroma(rgb)
    return _composed(red, green, blue, gray)


def _composed(red: np.ndarray, green: np.ndarray, blue: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """Chroma, (H, W) float32 each, under the luma of `gray`, (H, W) uint8, weakened where it does not fit."""
    luma = gray.astype(np.float32)
    highest = np.maximum(cv2.max(cv2.max(red, green), blue), 1e-3)
    lowest = np.minimum(cv2.min(cv2.min(red, green), blue), -1e-3)
    room = np.minimum(cv2.min((255 - luma) / highest, -luma / lowest), 1)
    # The absolute value changes nothing: with that room no sum is below 0 by more than rounding.
    return cv2.merge([cv2.convertScaleAbs(luma + channel * room) for channel in (red, green, blue)])


def resized(picture: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """A picture (h, w) or (h, w, C) at another `size` (H, W): by areas when it shrinks, linearly when it grows."""
    height, width = size
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height * width < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)


def network_input(variant: np.ndarray, space: ColorSpace) -> np.ndarray:
    """A network's input: (N, H, W) uint8 -> (N, 1, H, W) float32 in [-1, 1].

    Under "lab" it is the lightness L of the gray picture itself, the only lightness that there is when a real
    gray page is colorized; under "rgb" the gray value.
    """
    _require(variant, np.uint8, "network_input")
    scale = _lightness() / 50 - 1 if space == "lab" else np.arange(256, dtype=np.float32) / 127.5 - 1
    return scale[variant][:, np.newaxis]


def network_target(rgb: np.ndarray, space: ColorSpace) -> np.ndarray:
    """A network's target: (N, H, W, 3) uint8 RGB -> (N, 2 or 3, H, W) float32 in [-1, 1], ab or RGB."""
    _require(rgb, np.uint8, "network_target")
    target = rgb_to_lab(rgb)[..., 1:] / AB_SCALE if space == "lab" else rgb.astype(np.float32) / 127.5 - 1
    return np.moveaxis(target, -1, 1)


def network_picture(output: np.ndarray, variant: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Network output as pictures: (N, 2 or 3, H, W) float32 in [-1, 1] -> (N, H, W, 3) uint8 RGB.

    Under "lab" the lightness is that of `variant`, (N, H, W) uint8: first its L, then exactly its luma, for the
    two differ in strong colours. Under "rgb" the output is the picture.
    """
    channels = np.moveaxis(output, 1, -1)
    if space == "rgb":
        return _to_uint8((channels + 1) * 127.5)
    lightness = _lightness()[variant][..., np.newaxis]
    return with_luma(lab_to_rgb(np.concatenate([lightness, channels * AB_SCALE], axis=-1)), variant)


def _per_pixel(pictures: np.ndarray, code: int) -> np.ndarray:
    """One OpenCV conversion over any number of leading axes: the pictures stand below one another as one."""
    *leading, height, width, channels = pictures.shape
    converted = cv2.cvtColor(np.ascontiguousarray(pictures).reshape(-1, width, channels), code)
    return converted.reshape(*leading, height, width, *converted.shape[2:])


def _to_uint8(values: np.ndarray) -> np.ndarray:
    rounded = cv2.convertScaleAbs(np.maximum(values, 0).reshape(-1, values.shape[-1]))
    return rounded.reshape(values.shape)


def _require(pictures: np.ndarray, dtype: type, function: str) -> None:
    if pictures.dtype != dtype:
        raise TypeError(f"{function}: expected {np.dtype(dtype)}, got {pictures.dtype}; ranges would not fit")


@cache
def _lightness() -> np.ndarray:
    """L of each gray value: (256,) float32. Made on use: OpenCV's first Lab takes longer than all other imports."""
    return rgb_to_lab(gray_to_rgb(np.arange(256, dtype=np.uint8)[np.newaxis]))[0, :, 0]
