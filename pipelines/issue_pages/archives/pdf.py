"""PDF: a page that is one picture as that picture, without loss; any other page drawn at a set resolution.

Reads one file, writes nothing. PDFium is no library for several threads: calls wait for each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import create_string_buffer
from pathlib import Path
from threading import RLock

import cv2
import numpy as np
import pypdfium2
from pypdfium2 import raw as pdfium

from pipelines.images.decode import decode_picture
from pipelines.issue_pages.archives.entry import ArchiveLimits, broken, refused

_ONE_AT_A_TIME = RLock()
_MAY_COPY = 1 << 4  # ISO 32000-1, table 22, bit 5
_COMPARED_SIDE_PX = 256
_MAX_DIFFERENCE = 6.0  # mean, of 255: two ways to shrink differ by less, another crop or colour by more
_POINTS_PER_INCH = 72


def pdf_pages(file: Path, limits: ArchiveLimits) -> int:
    """The number of pages. Raises IssueUnavailable ("refused" where it is locked, "unreadable")."""
    with _opened(file) as document:
        count = len(document)
    if not 0 < count <= limits.max_entries:
        raise broken(file, f"{count} pages")
    return count


def pdf_is_from_right(file: Path) -> bool:
    """True where the document says that it is read from the right (ISO 32000-1, table 150). Raises IssueUnavailable."""
    value = create_string_buffer(8)
    with _opened(file) as document:
        pdfium.FPDF_VIEWERREF_GetName(document, b"Direction", value, len(value))
    return value.value == b"R2L"


def pdf_sizes_pt(file: Path, limits: ArchiveLimits) -> list[tuple[float, float]]:
    """The width and height of each page as it is shown, in points. Raises IssueUnavailable as `pdf_pages`."""
    count = pdf_pages(file, limits)
    with _opened(file) as document:
        try:
            return [document.get_page_size(number) for number in range(count)]
        except pypdfium2.PdfiumError as error:
            raise broken(file, error) from error


def pdf_picture(file: Path, page: int, *, dpi: int, limits: ArchiveLimits) -> bytes:
    """One page, from 1: the embedded picture's own bytes, its pixels as PNG, or the page drawn as PNG.

    Raises IssueUnavailable.
    """
    with _opened(file) as document:
        try:
            opened = document[page - 1]
            image = _only_image(opened)
            if image is not None and (data := _embedded(file, page, opened, image, limits)):
                return data
            _require_whole_jpegs(file, page, opened)
            scale = dpi / _POINTS_PER_INCH
            width_pt, height_pt = opened.get_size()
            _require_size(file, page, scale * width_pt, scale * height_pt, limits)
            return _png(_drawn(opened, scale))
        except (pypdfium2.PdfiumError, MemoryError, IndexError, ValueError, ArithmeticError) as error:
            raise broken(file, f"page {page}: {error}") from error


@contextmanager
def _opened(file: Path) -> Iterator[pypdfium2.PdfDocument]:
    with _ONE_AT_A_TIME:
        try:
            document = pypdfium2.PdfDocument(file)
        except (pypdfium2.PdfiumError, OSError) as error:
            if "password" in str(error).lower():
                raise refused(file, "it is encrypted") from error
            raise broken(file, error) from error
        with document:
            is_locked = pdfium.FPDF_GetSecurityHandlerRevision(document) != -1
            if is_locked and not pdfium.FPDF_GetDocPermissions(document) & _MAY_COPY:
                raise refused(file, "its owner forbids to copy from it")
            yield document


def _only_image(page: pypdfium2.PdfPage) -> pypdfium2.PdfImage | None:
    """The image, where a page has one and nothing else that shows: scans have their words as invisible text."""
    images: list[pypdfium2.PdfImage] = []
    for item in page.get_objects():
        if isinstance(item, pypdfium2.PdfImage):
            images.append(item)
            continue
        kind = pdfium.FPDFPageObj_GetType(item)
        if kind == pdfium.FPDF_PAGEOBJ_FORM:
            continue  # what it holds is listed too
        is_text = kind == pdfium.FPDF_PAGEOBJ_TEXT
        if not is_text or pdfium.FPDFTextObj_GetTextRenderMode(item) != pdfium.FPDF_TEXTRENDERMODE_INVISIBLE:
            return None
    return images[0] if len(images) == 1 else None


def _require_whole_jpegs(file: Path, number: int, page: pypdfium2.PdfPage) -> None:
    """Raises IssueUnavailable where a JPEG picture of a page is damaged, which PDFium draws with gray in its place."""
    for item in page.get_objects():
        if isinstance(item, pypdfium2.PdfImage) and item.get_filters(skip_simple=True) == ["DCTDecode"]:
            try:
                decode_picture(bytes(item.get_data(decode_simple=True)), name=f"page {number}")
            except ValueError as error:
                raise broken(file, error) from error


def _embedded(
    file: Path, number: int, page: pypdfium2.PdfPage, image: pypdfium2.PdfImage, limits: ArchiveLimits
) -> bytes | None:
    """The picture itself; None where the page shows it turned, cropped, masked or in other colours."""
    _require_size(file, number, *image.get_px_size(), limits)
    filters = image.get_filters(skip_simple=True)
    if filters in (["DCTDecode"], ["JPXDecode"]):
        data = bytes(image.get_data(decode_simple=True))
        try:
            pixels = decode_picture(data, name=f"{file}, page {number}")
        except ValueError:
            return None  # PDFium may read JPEG 2000 that nothing else does
    else:
        pixels = _rgb(image.get_bitmap().to_numpy(), image.get_bitmap().format)
        data = _png(pixels)
    shrink = min(1.0, _COMPARED_SIDE_PX / max(page.get_size()))
    drawn = _drawn(page, shrink)
    height, width = drawn.shape[:2]
    ratio = pixels.shape[1] / pixels.shape[0] / (width / height)
    if not 0.97 < ratio < 1.03:
        return None
    same = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    difference = float(np.abs(same.astype(np.float32) - drawn).mean())
    return data if difference <= _MAX_DIFFERENCE else None


def _drawn(page: pypdfium2.PdfPage, scale: float) -> np.ndarray:
    """The page on white: uint8 RGB (H, W, 3)."""
    # By its annotations scale is an int, by its documentation a float.
    bitmap = page.render(scale=scale, rev_byteorder=True)  # pyright: ignore[reportArgumentType]
    return _rgb(bitmap.to_numpy(), bitmap.format, is_rgb=True)


def _rgb(pixels: np.ndarray, form: int, *, is_rgb: bool = False) -> np.ndarray:
    """A bitmap of PDFium as uint8 RGB (H, W, 3), transparent parts on white."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_GRAY2RGB)
    colors = pixels[..., :3] if is_rgb else pixels[..., 2::-1]
    if form == pdfium.FPDFBitmap_BGRA:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        colors = np.rint(colors * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return np.ascontiguousarray(colors)


def _require_size(file: Path, page: int, width_px: float, height_px: float, limits: ArchiveLimits) -> None:
    if 4 * width_px * height_px > limits.max_entry_bytes:
        what = f"its page {page} has {width_px:.0f} x {height_px:.0f} pixels, over max_entry_mib"
        raise refused(file, f"{what} {limits.max_entry_mib} as four bytes each")


def _png(rgb: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()
