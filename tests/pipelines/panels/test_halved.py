import cv2
import numpy as np
import pytest

from pipelines.panels.halved import halved


@pytest.mark.parametrize(("height", "width"), [(1403, 992), (961, 6), (7, 64), (3, 2), (1, 2)])
def test_a_picture_is_halved_as_opencv_does_it(height, width):
    image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
    expected = cv2.resize(image, (width // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(halved(image), expected)
    np.testing.assert_array_equal(halved(image[:, ::-1]), halved(np.ascontiguousarray(image[:, ::-1])))
