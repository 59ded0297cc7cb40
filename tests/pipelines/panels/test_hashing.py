import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from pipelines.images.lanczos import lanczos_luma
from pipelines.panels.hashing import HASH_VERSION, is_flat, phash, pixels_sha256, thumbnail
from pipelines.panels.reduced import reduced

VERSIONS = f"phash64 imagehash-{imagehash.__version__} pillow-{Image.__version__}"
SIZES = [
    *((300, 400), (911, 426), (33, 33), (31, 32), (32, 31), (32, 32)),
    *((1, 1), (1, 700), (700, 1), (20, 900), (2, 3), (7, 5)),
    *((100, 66), (101, 66), (99, 66)),  # about where Pillow changes the order of its two passes
    (2100, 90),
]


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def drawn(height, width):
    """Smooth colour with hard edges: many frequencies that are near zero."""
    rgb = np.full((height, width, 3), 250, np.uint8)
    cv2.circle(rgb, (width // 3, height // 2), max(1, min(height, width) // 4), (40, 90, 200), cv2.FILLED)
    cv2.rectangle(rgb, (width // 2, 0), (width - 1, height // 3), (10, 10, 10), 2)
    return rgb


@pytest.mark.skipif(HASH_VERSION != VERSIONS, reason=f"the installed libraries are {VERSIONS}, not {HASH_VERSION}")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("make", [picture, drawn])
def test_phash_is_imagehash(make, size):
    rgb = make(*size)
    image = Image.fromarray(rgb)
    small = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(lanczos_luma(rgb, 32), small)
    assert phash(rgb) == str(imagehash.phash(image))


def test_a_gray_picture_and_a_part_of_another_are_hashed_as_they_are_seen():
    gray = np.repeat(picture(90, 120)[..., :1], 3, axis=2)
    assert phash(gray) == str(imagehash.phash(Image.fromarray(gray)))
    page = picture(200, 300)
    assert phash(page[20:120, 30:200]) == phash(page[20:120, 30:200].copy())
    assert phash(np.full((50, 60, 3), 128, np.uint8)) == str(imagehash.phash(Image.new("RGB", (60, 50), (128,) * 3)))


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


@pytest.mark.parametrize("size", [(160, 320), (1031, 517), (70, 900)])
def test_thumbnail_holds_block_means(size):
    rgb = cv2.resize(picture(9, 9), size[::-1], interpolation=cv2.INTER_CUBIC)
    means = cv2.resize(rgb.astype(np.float32), (16, 16), interpolation=cv2.INTER_AREA)
    small = np.frombuffer(thumbnail(rgb), np.uint8).reshape(16, 16, 3)
    assert np.abs(small - means).max() <= 2
    assert len(thumbnail(picture(1, 1))) == 768


@pytest.mark.parametrize(
    ("size", "small"), [((300, 400), (64, 96)), ((1401, 700), (128, 64)), ((64, 64), (64, 64)), ((63, 500), (63, 500))]
)
def test_a_small_copy_keeps_the_proportions_and_is_its_own_copy(size, small):
    found = reduced(picture(*size))
    assert found.shape == (*small, 3)
    np.testing.assert_array_equal(reduced(found), found)
