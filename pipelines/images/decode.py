"""Encoded bytes of any picture -> uint8 RGB pixels, upright and opaque, in sRGB. Touches no files.

What every stage uses. `opened.py` has the limits and the errors, `pixels.py` the decoders; books, which give a file
back with everything that it held, use those themselves.
"""

import logging

import numpy as np

from pipelines.images.opened import open_picture
from pipelines.images.pixels import laid_on, read_pixels

_WHITE = 255
_log = logging.getLogger(__name__)


def decode_picture(data: bytes, *, name: str) -> np.ndarray:
    """The pixels of an encoded picture: uint8 RGB (H, W, 3).

    EXIF orientation is applied, colours become sRGB by the picture's profile, transparency is laid on white, 16 bit
    become 8, CMYK becomes RGB, and of an animation the first frame counts. Of formats with floating point (Radiance,
    PFM), 1 is white, and what is lighter too. `name` is for errors, and for the warning that is logged where a colour
    profile cannot be used. Raises PictureError, a ValueError, where
    the picture is empty, too large, damaged inside or cut off, or of no format that is read.
    """
    with open_picture(data, name=name) as opened:
        pixels = read_pixels(opened)
        if pixels.doubt:
            _log.warning("%s: %s", name, pixels.doubt)
        return pixels.rgb if pixels.alpha is None else laid_on(pixels.rgb, pixels.alpha, _WHITE)
