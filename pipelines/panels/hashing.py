"""Hashes and thumbnails of panels, for finding duplicates. Works on uint8 RGB arrays; touches no files."""

from hashlib import sha256

import cv2
import numpy as np

from pipelines.panels.reduced import reduced

HASH_VERSION = "phash64 imagehash-4.3.2 pillow-13.0.0"
"""The algorithm, and whose bits it gives: Pillow's versions resize with different rounding."""

_SIDE_PX, _BITS = 32, 8  # of what is hashed, and of the hash on each side
_FLAT_STD = 3.0  # of the lightness, 0..255, on a small picture


def phash(rgb: np.ndarray) -> str:
    """Perceptual hash of a picture, uint8 RGB (H, W, 3): 16 hex digits, those of `imagehash.phash` [Buchner].

    A bit for each of the lowest 8 x 8 frequencies of the luma at 32 x 32: is it above their median?
    """
    import scipy.fft

    from pipelines.images.lanczos import lanczos_luma

    columns = np.asarray(scipy.fft.dct(lanczos_luma(rgb, _SIDE_PX).astype(np.float64), axis=0))[:_BITS]
    low = np.asarray(scipy.fft.dct(columns, axis=1))[:, :_BITS]
    median = np.sort(low, axis=None)[_BITS**2 // 2 - 1 :][:2].mean()
    return np.packbits(low > median).tobytes().hex()


def pixels_sha256(rgb: np.ndarray) -> str:
    """SHA-256 (64 hex digits) of the size and the pixels of a picture, uint8 RGB (H, W, 3)."""
    height, width = rgb.shape[:2]
    digest = sha256(f"{width}x{height} RGB\n".encode())
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()


def is_flat(rgb: np.ndarray) -> bool:
    """True where a picture, uint8 RGB (H, W, 3), has too little contrast for a meaningful perceptual hash."""
    luma = cv2.cvtColor(reduced(rgb), cv2.COLOR_RGB2GRAY)
    small = cv2.resize(luma, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_AREA)
    return float(small.std()) < _FLAT_STD


def thumbnail(rgb: np.ndarray) -> bytes:
    """A picture, uint8 RGB (H, W, 3), averaged down to 16 x 16: 768 bytes, RGB, row by row."""
    return cv2.resize(reduced(rgb), (16, 16), interpolation=cv2.INTER_AREA).tobytes()
