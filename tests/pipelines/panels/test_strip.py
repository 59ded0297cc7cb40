import cv2
import numpy as np
import pytest

from pipelines.panels.cut import cut_strip
from pipelines.panels.params import PanelParams
from pipelines.panels.slices import are_slices, slices_of
from pipelines.panels.strip import stitch


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
    for pages in (
        slices[:1],
        [],
        [slices[0], painted(400, 300, 9)],
        [page[:, 40 * i :] for i, page in enumerate(slices)],
    ):
        assert slices_of(pages) == []
        assert not are_slices(pages)
    assert not are_slices([slices[0], slices[1][:, :-1], *slices[2:]])  # slices, but not of one width


@pytest.mark.parametrize("odd", [[0], [6], [3], [0, 7], [2, 3], [1, 4]])
def test_pages_of_another_width_stand_between_the_slices(odd):
    pages = sliced(drawn_strip()[0], 400)
    for at in odd:
        pages.insert(at, painted(300, 600, at))
    assert slices_of(pages) == [index for index in range(len(pages)) if index not in odd]
    assert not are_slices(pages)


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("colour", [255, 0, None])
def test_a_slice_of_one_row_does_not_part_the_strip(at, colour):
    pages = sliced(drawn_strip()[0], 400)
    rest = np.full((1, 400, 3), colour or 0, np.uint8) if colour is not None else pages[min(at, 5)][:1]
    pages.insert(at, rest)
    assert slices_of(pages) == [index for index in range(7) if index != at]
    pages[at] = np.full((2, 400, 3), 255, np.uint8)  # two rows: a slice as others
    assert slices_of(pages) == [0, 1, 2, 3, 4, 5, 6]


def test_pages_of_one_row_alone_are_no_strip():
    row = np.zeros((1, 400, 3), np.uint8)
    assert slices_of([row] * 5) == []
    assert slices_of([row, *sliced(drawn_strip()[0], 1200), row, row]) == [1, 2]


@pytest.mark.parametrize("width", [399, 401, 398])
def test_a_slice_that_rounding_made_narrower_or_wider_is_a_slice(width):
    slices = sliced(drawn_strip()[0], 400)
    slices[2] = cv2.resize(slices[2], (width, len(slices[2])))
    assert slices_of(slices) == [0, 1, 2, 3, 4, 5]
    strip = stitch(slices)
    assert strip.image.shape == (2400, 400, 3)
    assert len([cut for cut in cut_strip(strip.image, PanelParams()) if cut.box[3] > 250]) == 4


def test_landscape_pages_of_two_sizes_are_no_slices():
    pages = []
    for seed, width in enumerate((600, 640, 600, 640, 600)):
        page = np.full((400, width, 3), 255, np.uint8)
        page[20:380, 30:-30] = painted(360, width - 60, seed)
        pages.append(page)
    assert slices_of(pages) == []


def test_a_ground_that_fades_along_the_strip_is_followed():
    strip = np.linspace((250, 220, 200), (60, 40, 120), 3200)[:, None].repeat(400, axis=1).round().astype(np.uint8)
    boxes = [(20, 80 + 520 * row, 360, 400) for row in range(6)]
    for seed, (x, y, w, h) in enumerate(boxes):
        strip[y : y + h, x : x + w] = painted(h, w, seed)
    assert [cut.box for cut in cut_strip(strip, PanelParams())] == boxes
    found = [cut.box for cut in cut_strip(as_jpeg(strip), PanelParams())]
    assert np.abs(np.array(found) - boxes).max() <= 2


def test_a_sky_that_fades_within_one_panel_is_no_ground():
    strip = np.full((2000, 400, 3), 255, np.uint8)
    strip[500:1500] = np.linspace((90, 140, 230), (190, 210, 240), 1000)[:, None].round()
    strip[900:1100, 150:250] = painted(200, 100, 1)
    assert [cut.box for cut in cut_strip(strip, PanelParams())] == [(0, 500, 400, 1000)]


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
