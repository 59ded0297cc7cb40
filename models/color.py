"""Colour conversion on tensors, differentiable, in the ranges in which networks see and give colour.

CIE Lab of sRGB under D65, as OpenCV computes it for floats (a test holds the two together);
`pipelines.images.color` does the same for pictures as arrays. Everywhere lightness is L / 50 - 1,
chroma is (a, b) / AB_SCALE, and RGB goes from -1 to 1.
"""

import torch
from torch import Tensor

from models.specs.base import AB_SCALE

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as cv2.COLOR_RGB2GRAY
_WHITE = (0.950456, 1.0, 1.088754)
_TO_XYZ = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
_FROM_XYZ = ((3.240479, -1.53715, -0.498535), (-0.969256, 1.875991, 0.041556), (0.055648, -0.204043, 1.057311))

_DARK = 0.008856  # below it, CIE's cube root is a line
_DARK_SLOPE, _DARK_OFFSET = 7.787, 16 / 116


def rgb_to_lab(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """(B, 3, H, W) in [-1, 1] -> lightness (B, 1, H, W) and ab (B, 2, H, W), in [-1, 1]."""
    linear = _linear((rgb.float() + 1) / 2)
    x, y, z = _mixed(linear, _scaled_rows(_TO_XYZ, _WHITE)).unbind(1)  # white is (1, 1, 1)
    f_x, f_y, f_z = _root(x), _root(y), _root(z)
    lightness = torch.where(y > _DARK, 116 * f_y - 16, 903.3 * y)
    ab = torch.stack([500 * (f_x - f_y), 200 * (f_y - f_z)], dim=1)
    return (lightness / 50 - 1).unsqueeze(1), ab / AB_SCALE


def lab_to_rgb(lightness: Tensor, ab: Tensor) -> Tensor:
    """(B, 1, H, W) and (B, 2, H, W) in [-1, 1] -> (B, 3, H, W) in [-1, 1].

    What sRGB cannot show is clipped channel by channel, and has no gradient there.
    """
    light = (lightness.float().squeeze(1) + 1) * 50
    a, b = (ab.float() * AB_SCALE).unbind(1)
    f_y = torch.where(light > 8, (light + 16) / 116, _DARK_SLOPE * light / 903.3 + _DARK_OFFSET)
    x, z = _unroot(f_y + a / 500), _unroot(f_y - b / 200)
    y = torch.where(light > 8, f_y**3, light / 903.3)
    xyz = torch.stack([x * _WHITE[0], y, z * _WHITE[2]], dim=1)
    return _gamma(_mixed(xyz, _FROM_XYZ).clamp(0, 1)) * 2 - 1


def gray_of(rgb: Tensor) -> Tensor:
    """Luma (ITU-R BT.601) in the range of the RGB: (B, 3, H, W) -> (B, 1, H, W)."""
    return _mixed(rgb, (_LUMA,))


def lightness_of(gray: Tensor) -> Tensor:
    """The lightness of gray values: any shape in [-1, 1] -> the same shape in [-1, 1]."""
    y = _linear((gray.float() + 1) / 2)
    return torch.where(y > _DARK, 116 * _root(y) - 16, 903.3 * y) / 50 - 1


def _mixed(channels: Tensor, rows: tuple[tuple[float, ...], ...]) -> Tensor:
    """Each new channel is a weighted sum of the old ones: (B, 3, H, W) -> (B, len(rows), H, W). No matrix units: they
    would round to bfloat16 under autocast.
    """
    parts = channels.unbind(1)
    return torch.stack([sum(w * part for w, part in zip(row, parts, strict=True)) for row in rows], dim=1)  # type: ignore[misc]


def _scaled_rows(rows: tuple[tuple[float, ...], ...], by: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(weight / scale for weight in row) for row, scale in zip(rows, by, strict=True))


# Each curve is a line near black and a power above. A power's gradient is infinite at 0, and torch.where would
# multiply it by 0 into NaN: so the power is taken of a value that is kept where the line holds.


def _linear(srgb: Tensor) -> Tensor:
    return torch.where(srgb > 0.04045, ((srgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, srgb / 12.92)


def _gamma(linear: Tensor) -> Tensor:
    return torch.where(linear > 0.0031308, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055, 12.92 * linear)


def _root(value: Tensor) -> Tensor:
    return torch.where(value > _DARK, value.clamp(min=_DARK) ** (1 / 3), _DARK_SLOPE * value + _DARK_OFFSET)


def _unroot(root: Tensor) -> Tensor:
    return torch.where(root > _DARK ** (1 / 3), root**3, (root - _DARK_OFFSET) / _DARK_SLOPE)
