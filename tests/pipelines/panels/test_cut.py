import cv2
import numpy as np
import pytest

from pipelines.panels.cut import cut_page, cut_strip
from pipelines.panels.overlay import draw_boxes
from pipelines.panels.params import PanelParams

PARAMS = PanelParams()
WHITE, BLACK, TINTED, COLOURED = (255, 255, 255), (0, 0, 0), (243, 232, 205), (60, 120, 90)


def blank(height=700, width=500, ground=WHITE):
    return np.full((height, width, 3), ground, np.uint8)


def artwork(height, width, seed=0):
    """A painting: soft blobs of every colour, none of them near white or black."""
    coarse = np.random.default_rng(seed).integers(
        50, 200, (max(2, height // 24), max(2, width // 24), 3), dtype=np.uint8
    )
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(45, 205)


def paint(page, box, seed=0):
    x, y, w, h = box
    page[y : y + h, x : x + w] = artwork(h, w, seed)


def paint_polygon(page, corners, seed=0):
    shape = np.zeros(page.shape[:2], np.uint8)
    cv2.fillPoly(shape, [np.array(corners)], 1)
    page[shape > 0] = artwork(*page.shape[:2], seed)[shape > 0]
    return shape > 0


def boxes(cuts):
    return [cut.box for cut in cuts]


def as_jpeg(page, quality=75):
    encoded = cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_COLOR)


def assert_near(found, drawn, px):
    assert len(found) == len(drawn), found
    for one, other in zip(found, drawn, strict=True):
        edges = [(b[0], b[1], b[0] + b[2], b[1] + b[3]) for b in (one, other)]
        assert max(abs(a - b) for a, b in zip(*edges, strict=True)) <= px, (one, other)


GRID = [(20, 20, 460, 200), (20, 240, 200, 200), (240, 240, 240, 90), (240, 350, 240, 90), (20, 460, 460, 220)]


@pytest.mark.parametrize("ground", [WHITE, BLACK, TINTED, COLOURED])
def test_rows_and_columns_within_rows_are_cut_in_reading_order(ground):
    page = blank(ground=ground)
    for seed, box in enumerate(GRID):
        paint(page, box, seed)
    cuts = cut_page(page, PARAMS)
    assert boxes(cuts) == GRID
    assert all(cut.mask is None for cut in cuts)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_jpeg_noise_moves_no_edge(scale):
    page = blank(700 * scale, 500 * scale)
    drawn = [tuple(value * scale + 3 for value in box) for box in GRID]
    for seed, box in enumerate(drawn):
        paint(page, box, seed)
    assert_near(boxes(cut_page(as_jpeg(page), PARAMS)), drawn, px=1)


def test_noisy_paper_is_ground():
    page = blank(ground=TINTED).astype(int) + np.random.default_rng(0).normal(0, 4, (700, 500, 1)).astype(int)
    page = page.clip(0, 255).astype(np.uint8)
    for seed, box in enumerate(GRID):
        paint(page, box, seed)
    assert_near(boxes(cut_page(page, PARAMS)), GRID, px=1)


def test_slanted_gutter_gives_two_overlapping_boxes_with_masks():
    page = blank()
    left = paint_polygon(page, [(20, 20), (300, 20), (200, 300), (20, 300)], 1)
    right = paint_polygon(page, [(315, 20), (480, 20), (480, 300), (215, 300)], 2)
    paint(page, (20, 320, 460, 360), 3)
    cuts = cut_page(page, PARAMS)
    assert_near(boxes(cuts), [(20, 20, 281, 281), (215, 20, 266, 281), (20, 320, 460, 360)], px=2)
    for cut, shape in zip(cuts, (left, right), strict=False):
        x, y, w, h = cut.box
        assert cut.mask is not None
        assert cut.mask.shape == (h, w)
        assert (cut.mask ^ shape[y : y + h, x : x + w]).mean() < 0.02
    assert cuts[2].mask is None


def test_rounded_panel_has_a_mask_without_its_corners():
    page = blank()
    shape = np.zeros((700, 500), np.uint8)
    cv2.rectangle(shape, (60, 40), (440, 660), 1, cv2.FILLED)
    shape[40:661, 40:460] = 1
    for x, y in ((80, 80), (419, 80), (80, 620), (419, 620)):
        corner = (slice(40, 81) if y == 80 else slice(620, 661), slice(40, 81) if x == 80 else slice(419, 460))
        shape[corner] = 0
        cv2.circle(shape, (x, y), 40, 1, cv2.FILLED)
    page[shape > 0] = artwork(700, 500)[shape > 0]
    (cut,) = cut_page(page, PARAMS)
    assert_near([cut.box], [(40, 40, 420, 621)], px=1)
    assert cut.mask is not None
    assert not cut.mask[0, 0]
    assert cut.mask[0, 200]
    assert cut.mask[300, 0]


def test_inset_is_cut_and_taken_out_of_its_host():
    page = blank()
    paint(page, (20, 20, 460, 660), 1)
    page[380:600, 240:440] = WHITE
    paint(page, (248, 388, 184, 204), 2)
    host, inset = cut_page(page, PARAMS)
    assert (host.box, inset.box) == ((20, 20, 460, 660), (248, 388, 184, 204))
    assert inset.mask is None
    assert host.mask is not None
    assert not host.mask[500 - 20, 340 - 20]
    assert host.mask[100, 100]


def test_balloon_inside_a_panel_is_no_panel():
    page = blank()
    paint(page, (20, 20, 460, 660), 1)
    cv2.ellipse(page, (250, 200), (120, 70), 0, 0, 360, WHITE, cv2.FILLED)
    cv2.putText(page, "HELLO", (170, 215), cv2.FONT_HERSHEY_SIMPLEX, 1.5, BLACK, 5)
    assert boxes(cut_page(page, PARAMS)) == [(20, 20, 460, 660)]


def test_borderless_drawing_beside_panels_is_one_box():
    page = blank()
    paint(page, (20, 20, 460, 300), 1)
    for x in (60, 160, 260):  # three figures close to each other
        cv2.circle(page, (x, 500), 30, (200, 60, 60), cv2.FILLED)
        cv2.line(page, (x, 530), (x + 40, 640), (60, 60, 200), 6)
        cv2.line(page, (x + 25, 500), (x + 70, 470), (60, 60, 200), 6)
    found = boxes(cut_page(page, PARAMS))
    assert found[0] == (20, 20, 460, 300)
    assert len(found) == 2
    x, y, w, h = found[1]
    assert (abs(x - 30), abs(y - 467), abs(x + w - 333), abs(y + h - 644)) <= (3, 3, 3, 3)


def framed_row(page, bare=()):
    """Five framed panels with figures and words; those of `bare` have no frame."""
    row = [(12 + 196 * at, 12, 184, 270) for at in range(5)]
    for at, (x, y, w, h) in enumerate(row):
        if at not in bare:
            cv2.rectangle(page, (x, y), (x + w - 1, y + h - 1), BLACK, 2)
        for left in (x + 40, x + 120):
            cv2.circle(page, (left, 140), 16, BLACK, 3)
            cv2.line(page, (left, 156), (left, 240), BLACK, 3)
        for level in (30, 46):
            cv2.line(page, (x + 20, level), (x + 140, level), BLACK, 3)
    return row


@pytest.mark.parametrize("bare", [(2,), (1, 2), (4,), (0,), (1, 3)])
def test_panels_without_frames_in_a_row_are_as_high_and_wide_as_their_neighbours(bare):
    page = blank(294, 992)
    row = framed_row(page, bare)
    assert_near(boxes(cut_page(page, PARAMS)), row, px=4)


def test_a_sliver_beside_a_panel_is_none():
    page = blank()
    paint(page, (20, 20, 220, 300), 1)
    paint(page, (260, 20, 200, 300), 2)
    paint(page, (20, 340, 440, 340), 3)
    page[24:324, 464:472] = (120, 120, 120)  # a shadow that the frame throws
    assert boxes(cut_page(page, PARAMS)) == [(20, 20, 220, 300), (260, 20, 200, 300), (20, 340, 440, 340)]


def test_hand_framed_panels_are_their_frames():
    page = blank()
    frames = [(30, 30, 200, 300), (260, 30, 210, 300), (30, 360, 440, 300)]
    for x, y, w, h in frames:
        cv2.rectangle(page, (x, y), (x + w - 1, y + h - 1), BLACK, 3)
        cv2.circle(page, (x + w // 2, y + h // 2), 60, BLACK, 2)
        cv2.rectangle(page, (x + 40, y + 40), (x + 110, y + 120), (120, 120, 120), cv2.FILLED)
    assert_near(boxes(cut_page(page, PARAMS)), [(x - 1, y - 1, w + 2, h + 2) for x, y, w, h in frames], px=1)


def test_panels_that_a_figure_bridges_are_cut_apart():
    page = blank()
    paint(page, (20, 20, 460, 300), 1)
    paint(page, (20, 340, 460, 340), 2)
    page[300:360, 200:240] = (90, 60, 50)  # an arm over the gutter
    assert_near(boxes(cut_page(page, PARAMS)), [(20, 20, 460, 300), (20, 340, 460, 340)], px=2)


def test_single_picture_with_paper_margin_is_one_panel_without_it():
    page = blank()
    cv2.circle(page, (250, 250), 120, (200, 80, 60), cv2.FILLED)
    cv2.circle(page, (120, 560), 50, (60, 80, 200), cv2.FILLED)
    cv2.circle(page, (400, 600), 40, (60, 180, 80), cv2.FILLED)
    assert_near(boxes(cut_page(page, PARAMS)), [(70, 130, 371, 511)], px=1)


def test_full_bleed_page_is_its_panel():
    assert boxes(cut_page(artwork(700, 500), PARAMS)) == [(0, 0, 500, 700)]


def test_figure_on_a_coloured_background_is_the_whole_page():
    page = blank(ground=COLOURED)
    cv2.circle(page, (250, 350), 120, (220, 180, 60), cv2.FILLED)
    assert boxes(cut_page(page, PARAMS)) == [(0, 0, 500, 700)]


@pytest.mark.parametrize("gutter", [WHITE, BLACK])
def test_full_bleed_page_is_cut_at_gutters_that_cross_it(gutter):
    page = artwork(700, 500)
    page[340:352] = gutter
    page[352:, 240:252] = gutter
    assert_near(boxes(cut_page(page, PARAMS)), [(0, 0, 500, 340), (0, 352, 240, 348), (252, 352, 248, 348)], px=1)


@pytest.mark.parametrize("ground", [WHITE, BLACK, COLOURED])
def test_blank_page_has_no_panel(ground):
    assert cut_page(blank(ground=ground), PARAMS) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (7, 5), (16, 16)])
def test_tiny_pages_do_not_fail(size):
    assert cut_page(blank(*size), PARAMS) == []
    picture = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    for cut in [*cut_page(picture, PARAMS), *cut_strip(picture, PARAMS)]:
        x, y, w, h = cut.box
        assert 0 <= x < x + w <= size[1]
        assert 0 <= y < y + h <= size[0]


@pytest.mark.parametrize("box", [(9, 4, 1, 12), (4, 9, 12, 1), (9, 9, 1, 1), (0, 0, 1, 20)])
def test_lines_one_pixel_wide_do_not_fail(box):
    page = blank(20, 20)
    paint(page, box)
    assert boxes(cut_page(page, PARAMS)) in ([box], [])


def test_ground_may_change_along_a_strip():
    strip = np.concatenate([blank(1200), blank(1400, ground=BLACK), blank(800)])
    drawn = [(30, 100, 440, 400), (0, 600, 500, 420), (60, 1400, 380, 500), (0, 2000, 500, 300), (20, 2800, 460, 500)]
    for seed, box in enumerate(drawn):
        paint(strip, box, seed)
    assert boxes(cut_strip(strip, PARAMS)) == drawn
    assert_near(boxes(cut_strip(as_jpeg(strip), PARAMS)), drawn, px=1)


def test_flat_full_width_panel_in_a_strip_is_no_ground():
    strip = blank(2400)
    strip[400:700] = COLOURED
    cv2.circle(strip, (250, 550), 80, (220, 180, 60), cv2.FILLED)
    paint(strip, (0, 900, 500, 400), 1)
    assert boxes(cut_strip(strip, PARAMS)) == [(0, 400, 500, 300), (0, 900, 500, 400)]


def test_lettering_between_panels_of_a_strip_is_cut_on_its_own():
    strip = blank(1500)
    paint(strip, (0, 100, 500, 400), 1)
    cv2.putText(strip, "meanwhile", (150, 700), cv2.FONT_HERSHEY_SIMPLEX, 1.2, BLACK, 3)
    paint(strip, (0, 900, 500, 400), 2)
    found = boxes(cut_strip(strip, PARAMS))
    assert [found[0], found[2]] == [(0, 100, 500, 400), (0, 900, 500, 400)]
    assert found[1][3] < 60


def test_drawn_boxes_leave_the_page_alone():
    page = blank()
    paint(page, (20, 20, 460, 300), 1)
    paint_polygon(page, [(20, 340), (480, 340), (480, 500), (20, 680)], 2)
    before = page.copy()
    drawn = draw_boxes(page, cut_page(page, PARAMS))
    assert np.array_equal(page, before)
    assert drawn.shape == page.shape
    assert not np.array_equal(drawn, page)
