"""Pictures for people: contact sheets, labelled grids, and JPEG files small enough to stand inside a page.

Works on arrays; touches no files. Pictures are uint8, RGB (H, W, 3) or gray (H, W), of any size.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

INK = (32, 32, 32)
PAPER = (255, 255, 255)
MARGIN_PX = 8
TEXT_PX = 13
LINE_PX = 18

DATA_URI_BYTES = 72_000
"""JPEG files up to this size stay under 100 kB as a base64 data URI."""


def contact_sheet(
    pictures: Sequence[np.ndarray], captions: Sequence[str] | None = None, *, columns: int = 6, cell_px: int = 160
) -> np.ndarray:
    """Pictures in rows of `columns`, each whole inside a square of `cell_px`, with one line of caption below.

    Returns uint8 RGB. Captions that are too long end in dots. Raises ValueError without pictures, or where the
    captions are not as many.
    """
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    if captions is not None and len(captions) != len(pictures):
        raise ValueError(f"{len(captions)} captions for {len(pictures)} pictures")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    step_x = cell_px + MARGIN_PX
    step_y = step_x + (LINE_PX if captions is not None else 0)
    sheet = Image.new("RGB", (columns * step_x + MARGIN_PX, rows * step_y + MARGIN_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    for index, picture in enumerate(pictures):
        x = MARGIN_PX + index % columns * step_x
        y = MARGIN_PX + index // columns * step_y
        _paste(sheet, picture, x, y, cell_px)
        if captions is not None:
            draw_text(draw, x, y + cell_px + 2, captions[index], width_px=cell_px)
    return np.asarray(sheet)


def labelled_grid(
    rows: Sequence[Sequence[np.ndarray]],
    headers: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    cell_px: int = 192,
) -> np.ndarray:
    """Rows of pictures under column headers, e.g. input, output and truth, with one label above each row.

    Returns uint8 RGB. Texts that are too long end in dots. Raises ValueError without rows, or where a row has
    more or fewer pictures than there are headers, or where the labels are not as many as the rows.
    """
    if not rows or not headers:
        raise ValueError("a grid needs at least one row and one column")
    for index, row in enumerate(rows):
        if len(row) != len(headers):
            raise ValueError(f"row {index}: {len(row)} pictures for {len(headers)} headers")
    if labels is not None and len(labels) != len(rows):
        raise ValueError(f"{len(labels)} labels for {len(rows)} rows")
    label_px = LINE_PX if labels is not None else 0
    step_x, step_y = cell_px + MARGIN_PX, cell_px + MARGIN_PX + label_px
    width = len(headers) * step_x + MARGIN_PX
    grid = Image.new("RGB", (width, LINE_PX + len(rows) * step_y + 2 * MARGIN_PX), PAPER)
    draw = ImageDraw.Draw(grid)
    for column, header in enumerate(headers):
        draw_text(draw, MARGIN_PX + column * step_x, MARGIN_PX, header, width_px=cell_px)
    for index, row in enumerate(rows):
        y = MARGIN_PX + LINE_PX + index * step_y
        if labels is not None:
            draw_text(draw, MARGIN_PX, y, labels[index], width_px=width - 2 * MARGIN_PX)
        for column, picture in enumerate(row):
            _paste(grid, picture, MARGIN_PX + column * step_x, y + label_px, cell_px)
    return np.asarray(grid)


def side_by_side(samples: np.ndarray, *, side: int, min_cell_px: int = 192) -> np.ndarray:
    """Rows of cells (input | output | truth), turned into columns and enlarged: pages show wide pictures larger.

    (N * R, C * R, 3) uint8 RGB in square cells of `side` R pixels -> (C * R * f, N * R * f, 3), where f is the
    smallest whole factor that makes a cell `min_cell_px` or more.
    """
    rows, columns = samples.shape[0] // side, samples.shape[1] // side
    turned = samples.reshape(rows, side, columns, side, 3).transpose(2, 1, 0, 3, 4)
    turned = turned.reshape(columns * side, rows * side, 3)
    factor = -(-min_cell_px // side)
    return turned.repeat(factor, axis=0).repeat(factor, axis=1)


def draw_text(
    draw: ImageDraw.ImageDraw, x: int, y: int, text: str, *, width_px: int, size_px: int = TEXT_PX, anchor: str = "la"
) -> None:
    """One line of text in ink at (x, y), cut to `width_px` with dots where it is longer."""
    font = ImageFont.load_default(size_px)
    if draw.textlength(text, font) > width_px:
        while text and draw.textlength(f"{text}...", font) > width_px:
            text = text[:-1]
        text = f"{text}..."
    draw.text((x, y), text, fill=INK, font=font, anchor=anchor)


def to_png(rgb: np.ndarray) -> bytes:
    """A PNG file: the same pixels when read again."""
    _, encoded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()


def to_jpeg(rgb: np.ndarray, *, max_bytes: int = DATA_URI_BYTES) -> bytes:
    """A JPEG file of at most `max_bytes`: first at lower quality, then smaller. Same picture, same bytes.

    Raises ValueError for a limit that no picture keeps.
    """
    if max_bytes < 2_000:
        raise ValueError(f"max_bytes {max_bytes}: expected at least 2000")
    while True:
        for quality in (90, 80, 70, 60):
            _, encoded = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
            if encoded.size <= max_bytes:
                return encoded.tobytes()
        height, width = rgb.shape[:2]
        rgb = cv2.resize(rgb, (max(1, width * 4 // 5), max(1, height * 4 // 5)), interpolation=cv2.INTER_AREA)


def _paste(sheet: Image.Image, picture: np.ndarray, x: int, y: int, cell_px: int) -> None:
    """Puts a picture, whole and centred, into the square cell at (x, y), in a thin frame."""
    height, width = picture.shape[:2]
    scale = cell_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    image = Image.fromarray(cv2.resize(np.asarray(picture), size, interpolation=interpolation)).convert("RGB")
    left, top = x + (cell_px - size[0]) // 2, y + (cell_px - size[1]) // 2
    sheet.paste(image, (left, top))
    # White panels on white paper would have no border.
    ImageDraw.Draw(sheet).rectangle((left - 1, top - 1, left + size[0], top + size[1]), outline=(200, 200, 200))
