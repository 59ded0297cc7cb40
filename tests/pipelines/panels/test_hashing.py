import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from pipelines.panels.hashing import HASH_VERSION, is_flat, phash, pixels_sha256, thumbnail


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(300, 400), (911, 426), (1, 1), (20, 900), (33, 33)])
def test_phash_is_imagehash(size):
    rgb = picture(*size)
    assert phash(rgb) == str(imagehash.phash(Image.fromarray(rgb)))
    assert len(phash(rgb)) == 16


def test_hash_version_names_what_the_hash_depends_on():
    assert imagehash.__version__ in HASH_VERSION
    assert Image.__version__ in HASH_VERSION


def test_sha256_is_of_size_and_pixels():
    rgb = picture(30, 40)
    assert pixels_sha256(rgb) == pixels_sha256(np.asfortranarray(rgb))
    assert pixels_sha256(rgb) != pixels_sha256(rgb.reshape(40, 30, 3))
    other = rgb.copy()
    other[29, 39, 2] ^= 1
    assert pixels_sha256(rgb) != pixels_sha256(other)


def test_flat_pictures_have_no_meaningful_hash():
    assert is_flat(np.full((300, 300, 3), 77, np.uint8))
    assert is_flat((127 + np.random.default_rng(0).normal(0, 3, (300, 300, 3))).astype(np.uint8))
    drawn = np.full((300, 300, 3), 77, np.uint8)
    cv2.circle(drawn, (150, 150), 60, (200, 200, 200), cv2.FILLED)
    assert not is_flat(drawn)


def test_thumbnail_holds_block_means():
    rgb = picture(160, 320)
    means = rgb.reshape(16, 10, 16, 20, 3).mean(axis=(1, 3))
    small = np.frombuffer(thumbnail(rgb), np.uint8).reshape(16, 16, 3)
    assert np.abs(small - means).max() <= 1
    assert len(thumbnail(picture(1, 1))) == 768
