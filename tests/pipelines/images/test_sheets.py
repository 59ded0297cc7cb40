"""Contact sheets, grids and small JPEG files: where pictures and texts end up."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.images.sheets import DATA_URI_BYTES, INK, contact_sheet, draw_text, labelled_grid, side_by_side, to_jpeg

RED, GREEN, BLUE = (np.full((40, 60, 3), color, np.uint8) for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255)))


def columns_of(sheet: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int]:
    found = np.nonzero((sheet == color).all(axis=-1).any(axis=0))[0]
    return int(found.min()), int(found.max())


def rows_of(sheet: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int]:
    found = np.nonzero((sheet == color).all(axis=-1).any(axis=1))[0]
    return int(found.min()), int(found.max())


def test_a_sheet_lays_pictures_out_in_reading_order_and_whole() -> None:
    sheet = contact_sheet([RED, GREEN, BLUE], columns=2, cell_px=120)
    assert (sheet.dtype, sheet.shape) == (np.uint8, (2 * 128 + 8, 2 * 128 + 8, 3))
    assert columns_of(sheet, (255, 0, 0))[1] < columns_of(sheet, (0, 255, 0))[0]
    assert rows_of(sheet, (255, 0, 0)) == rows_of(sheet, (0, 255, 0))
    assert rows_of(sheet, (255, 0, 0))[1] < rows_of(sheet, (0, 0, 255))[0]
    first, last = rows_of(sheet, (255, 0, 0))
    assert last - first + 1 == 80  # 40 x 60 in a cell of 120: the proportions stay


def test_captions_stand_below_their_picture_and_inside_its_cell() -> None:
    long = "near_duplicate of pepper-carrot__ep01__0001 at a distance of 3 bits"
    sheet = contact_sheet([RED, GREEN], ["too_small", long], columns=2, cell_px=120)
    ink = (sheet.astype(int).sum(axis=-1) < 300) & (np.ptp(sheet.astype(int), axis=-1) < 30)
    assert np.nonzero(ink.any(axis=1))[0].min() >= 8 + 120
    xs = np.nonzero(ink.any(axis=0))[0]
    assert ((xs >= 8) & (xs < 256)).all()
    assert not ((xs >= 128) & (xs < 135)).any()  # the gap between the two cells
    assert xs.max() > 220  # the long one is cut, not left out


def test_gray_pictures_and_single_ones_are_welcome() -> None:
    sheet = contact_sheet([np.full((10, 10), 77, np.uint8)], cell_px=50)
    assert sheet.shape == (66, 66, 3)
    assert (sheet[33, 33] == 77).all()


def test_a_grid_puts_rows_under_their_headers() -> None:
    grid = labelled_grid([[RED, GREEN], [BLUE, RED]], ["input", "truth"], labels=["one", "two"], cell_px=90)
    assert columns_of(grid, (0, 0, 255))[1] < columns_of(grid, (0, 255, 0))[0]
    assert rows_of(grid, (0, 255, 0))[1] < rows_of(grid, (0, 0, 255))[0]
    assert grid.shape == (18 + 2 * (90 + 8 + 18) + 16, 2 * 98 + 8, 3)


@pytest.mark.parametrize("width_px", [20, 60, 150])
def test_text_never_runs_past_its_width(width_px: int) -> None:
    image = Image.new("RGB", (400, 30), "white")
    draw_text(ImageDraw.Draw(image), 5, 5, "a caption that is longer than its cell", width_px=width_px)
    xs = np.nonzero((np.asarray(image) < 200).any(axis=(0, 2)))[0]
    assert xs.min() >= 5
    assert xs.max() <= 5 + width_px
    assert INK < (255, 255, 255)


def test_wrong_layouts_are_errors() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([])
    with pytest.raises(ValueError, match="1 captions for 2 pictures"):
        contact_sheet([RED, GREEN], ["one"])
    with pytest.raises(ValueError, match="row 1: 1 pictures for 2 headers"):
        labelled_grid([[RED, GREEN], [RED]], ["a", "b"])
    with pytest.raises(ValueError, match="1 labels for 2 rows"):
        labelled_grid([[RED], [GREEN]], ["a"], labels=["one"])
    with pytest.raises(ValueError, match="at least one row"):
        labelled_grid([], ["a"])


def test_a_jpeg_fits_a_data_uri_however_wild_the_picture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 1400, 3), dtype=np.uint8)
    data = to_jpeg(noise)
    assert len(data) <= DATA_URI_BYTES
    assert len(data) * 4 / 3 < 100_000
    assert data == to_jpeg(noise)
    height, width = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[:2]
    assert width / height == pytest.approx(1400 / 900, rel=0.02)


def test_a_small_jpeg_keeps_size_and_colours() -> None:
    decoded = cv2.imdecode(np.frombuffer(to_jpeg(GREEN), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert decoded.shape == GREEN.shape
    assert np.abs(decoded.astype(int) - GREEN).max() < 6
    with pytest.raises(ValueError, match="at least 2000"):
        to_jpeg(GREEN, max_bytes=100)


@pytest.mark.parametrize("columns", [3, 4])  # input, hint where there is one, output, truth
def test_rows_become_columns_and_cells_are_enlarged(columns: int) -> None:
    cells = np.arange(2 * columns, dtype=np.uint8).reshape(2, columns)
    samples = np.repeat(cells.repeat(4, axis=0).repeat(4, axis=1)[..., None], 3, axis=2)
    turned = side_by_side(samples, side=4, min_cell_px=6)
    assert turned.shape == (columns * 8, 2 * 8, 3)
    assert turned[4::8, 4::8, 0].tolist() == [[column, column + columns] for column in range(columns)]
