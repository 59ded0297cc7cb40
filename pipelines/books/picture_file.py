"""Encoded pictures -> pixels for colouring, with everything of the file that must come out again.

Reads bytes, touches no files.
"""

from dataclasses import dataclass, field

import numpy as np

from pipelines.books.metadata import Metadata, read_metadata
from pipelines.images.color import rgb_to_gray
from pipelines.images.opened import OpenPicture, open_picture
from pipelines.images.pixels import Pixels, laid_on, read_pixels

_LIGHT_INK, _ONE_INK_SPREAD, _LAYER_SHARE = 204, 24, 0.4


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


def read_picture_file(data: bytes, *, name: str) -> PictureFile:
    """Decodes a picture for colouring. Raises PictureError, with `name` and the remedy, where it is no whole picture.

    EXIF orientation and colour profiles are applied. Palettes, 1 bit, gray and CMYK become RGB. Of an animation the
    first frame counts. Transparent parts are laid on white, or on black where they hold light ink alone, which white
    would hide.
    """
    with open_picture(data, name=name) as opened:
        if opened.image is None:
            return PictureFile(name, opened.form, read_pixels(opened).rgb)
        frames = getattr(opened.image, "n_frames", 1)
        notes = [f"the first of {frames} frames or pages; the others are left out"] if frames > 1 else []
        pixels = read_pixels(opened, keep_depth=True)
        notes += [*pixels.notes, *filter(None, [pixels.doubt])]
        metadata = read_metadata(opened.image, opened.image.getexif(), profile=pixels.profile)
        return _on_ground(opened, pixels, metadata, notes)


def _on_ground(opened: OpenPicture, pixels: Pixels, metadata: Metadata, notes: list[str]) -> PictureFile:
    rgb, alpha, deep, form = pixels.rgb, pixels.alpha, pixels.deep, opened.form
    ground, is_ink_layer = 255, False
    if alpha is not None and alpha.min() == 255:
        alpha = None
    if alpha is not None:
        ground, is_ink_layer = _ground(rgb, alpha)
        rgb = laid_on(rgb, alpha, ground)
        deep = None if deep is None else laid_on(deep, alpha, ground * 257)
    return PictureFile(
        name=opened.name,
        format=form,
        rgb=rgb,
        alpha=alpha,
        ground=ground,
        is_ink_layer=is_ink_layer,
        deep=deep,
        metadata=metadata,
        jpeg_tables=tuple(tuple(table) for table in getattr(opened.image, "quantization", {}).values()),
        is_lossless=form not in ("jpeg", "avif") and not (form == "webp" and b"VP8 " in opened.data[:64]),
        notes=tuple(notes),
    )


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
