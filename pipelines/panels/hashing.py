"""Hashes and thumbnails of panels, for finding duplicates. Works on uint8 RGB arrays; touches no files."""

from hashlib import sha256

import cv2
import imagehash
import numpy as np
import PIL
from PIL import Image

HASH_VERSION = f"phash64 imagehash-{imagehash.__version__} pillow-{PIL.__version__}"
"""The versions that a stored hash depends on: Pillow's versions resize with different rounding."""

_FLAT_STD = 3.0  # of the lightness, 0..255, on the small picture that the hash is made of


def phash(rgb: np.ndarray) -> str:
    """Perceptual hash of a picture, uint8 RGB (H, W, 3): 16 hex digits, as `imagehash.phash` writes it."""
    return str(imagehash.phash(Image.fromarray(rgb)))


def pixels_sha256(rgb: np.ndarray) -> str:
    """SHA-256 (64 hex digits) of the size and the pixels of a picture, uint8 RGB (H, W, 3)."""
    height, width = rgb.shape[:2]
    digest = sha256(f"{width}x{height} RGB\n".encode())
    digest.update(np.ascontiguousarray(rgb).data)
    return digest.hexdigest()


def is_flat(rgb: np.ndarray) -> bool:
    """True where a picture, uint8 RGB (H, W, 3), has too little contrast for a meaningful perceptual hash."""
    small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    return float(small.std()) < _FLAT_STD


def thumbnail(rgb: np.ndarray) -> bytes:
    """A picture, uint8 RGB (H, W, 3), averaged down to 16 x 16: 768 bytes, RGB, row by row."""
    return cv2.resize(rgb, (16, 16), interpolation=cv2.INTER_AREA).tobytes()
