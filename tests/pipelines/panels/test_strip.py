import cv2
import numpy as np

from pipelines.panels.cut import cut_strip
from pipelines.panels.params import PanelParams
from pipelines.panels.strip import are_slices, stitch


def painted(height, width, seed):
    """Detail at many scales, as in a drawing: neighbouring rows are alike, far ones are not."""
    random = np.random.default_rng(seed)
    layers = [
        cv2.resize(
            random.integers(0, 256, (max(2, height // step), max(2, width // step), 3), dtype=np.uint8),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for step in (64, 16)
    ]
    return cv2.addWeighted(layers[0], 0.7, layers[1], 0.3, 0)


def as_jpeg(page):
    return cv2.imdecode(cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_COLOR)


def drawn_strip():
    strip = np.full((2400, 400, 3), 255, np.uint8)
    boxes = [(20, 60, 360, 500), (0, 640, 400, 700), (40, 1450, 300, 300), (20, 1900, 360, 400)]
    for seed, (x, y, w, h) in enumerate(boxes):
        strip[y : y + h, x : x + w] = painted(h, w, seed)
    return strip, boxes


def sliced(strip, height):
    return [as_jpeg(strip[top : top + height]) for top in range(0, len(strip), height)]


def test_slices_of_a_strip_are_recognised():
    strip, _ = drawn_strip()
    assert are_slices(sliced(strip, 400))
    assert are_slices(sliced(strip, 1000))


def test_pages_with_white_borders_are_no_slices():
    pages = []
    for seed in range(4):
        page = np.full((600, 400, 3), 255, np.uint8)
        page[30:570, 30:370] = painted(540, 340, seed)
        pages.append(page)
    assert not are_slices(pages)


def test_full_bleed_pages_are_no_slices():
    assert not are_slices([painted(600, 400, seed) for seed in range(6)])


def test_one_page_and_pages_of_unequal_widths_are_no_slices():
    strip, _ = drawn_strip()
    slices = sliced(strip, 400)
    assert not are_slices(slices[:1])
    assert not are_slices([])
    assert not are_slices([slices[0], slices[1][:, :-1], *slices[2:]])


def test_panels_across_slice_borders_stay_whole():
    strip, boxes = drawn_strip()
    stitched = stitch([strip[top : top + 400] for top in range(0, 2400, 400)])
    assert np.array_equal(stitched.image, strip)
    assert [cut.box for cut in cut_strip(stitched.image, PanelParams())] == boxes


def test_strip_boxes_are_carried_to_pages():
    strip, _ = drawn_strip()
    stitched = stitch([strip[:400], strip[400:900], strip[900:]])
    assert stitched.page_box((20, 60, 360, 500)) == (0, (20, 60, 360, 500))
    assert list(stitched.pages_touched((20, 60, 360, 500))) == [0, 1]
    assert stitched.page_box((0, 400, 10, 500)) == (1, (0, 0, 10, 500))
    assert list(stitched.pages_touched((0, 400, 10, 500))) == [1]
    assert stitched.page_box((5, 2399, 10, 1)) == (2, (5, 1499, 10, 1))


def test_narrower_page_is_continued_to_the_strips_width():
    stitched = stitch([np.zeros((5, 8, 3), np.uint8), np.full((5, 6, 3), 9, np.uint8)])
    assert stitched.image.shape == (10, 8, 3)
    assert (stitched.image[5:] == 9).all()
