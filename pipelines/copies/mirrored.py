"""Mirror images by stored hashes and thumbnails alone, without their pixels."""

import numpy as np

from pipelines.panels.hashing import phash

THUMBNAIL_SHAPE = (16, 16, 3)

_ODD_COLUMNS = np.uint64(0x5555555555555555)


def mirrored_hash(hashes: np.ndarray) -> np.ndarray:
    """The perceptual hashes that mirror images have, but for a few bits. (N,) uint64 -> (N,) uint64.

    A hash says of 8 x 8 coefficients of a cosine transform which are above their median, near 0; a mirror image has
    those of odd columns with the other sign.
    """
    return hashes ^ _ODD_COLUMNS


def mirrored_thumbnail(thumbnail: bytes) -> bytes:
    """The thumbnail (`pipelines.panels.hashing.thumbnail`) of the mirror image."""
    return np.frombuffer(thumbnail, np.uint8).reshape(THUMBNAIL_SHAPE)[:, ::-1].tobytes()


def mirrored_phash(thumbnail: bytes) -> str:
    """The perceptual hash of the mirror image, 16 hex digits, by the thumbnail: 6 bits or less from that of its pixels.

    Nearer than `mirrored_hash`, which knows the upright hash alone.
    """
    return phash(np.frombuffer(mirrored_thumbnail(thumbnail), np.uint8).reshape(THUMBNAIL_SHAPE))
