"""Drawn pages, encoded, and a stand-in for a colorizer."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from pipelines.books.encode import encode_picture, encoding_notes
from pipelines.books.open import open_book
from pipelines.books.picture_file import PictureFile, read_picture_file
from pipelines.books.writer import BookWriter, PageResult, write_book

COMIC_INFO = (
    b'<?xml version="1.0"?><ComicInfo xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Title>T</Title>'
    b"<Series>S</Series><Year>1930</Year><BlackAndWhite>Yes</BlackAndWhite>"
    b'<Pages><Page Image="0" Type="FrontCover" ImageSize="17"/><Page Image="1"/></Pages></ComicInfo>'
)


def drawing(seed: int = 0, *, width: int = 60, height: int = 80) -> Image.Image:
    """A gray page with a frame and a shape, that another seed draws otherwise."""
    gray = np.linspace(40 + seed % 60, 220, width * height).reshape(height, width).astype(np.uint8)
    image = Image.fromarray(gray)
    draw = ImageDraw.Draw(image)
    draw.rectangle((2, 2, width - 3, height - 3), outline=0, width=2)
    draw.ellipse((10, 10 + seed % 20, 40, 50), fill=255, outline=0, width=2)
    return image


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def page(seed: int = 0, form: str = "PNG", **options: Any) -> bytes:
    """The file of a drawn page."""
    return encoded(drawing(seed), form, **options)


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """A folder of files."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_cbz(file: Path, files: Mapping[str, bytes]) -> Path:
    """A packed ZIP file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file


def read_cbz(file: Path) -> dict[str, bytes]:
    """The entries of a ZIP file, in its order."""
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def redder(picture: PictureFile) -> np.ndarray:
    """The picture under a red tint that keeps white, black and luma."""
    gray = picture.rgb.astype(np.float32)
    tint = np.array([60, -26, -20], np.float32) * (1 - np.abs(gray / 127.5 - 1))
    return np.rint((gray + tint).clip(0, 255)).astype(np.uint8)


class Killed(Exception):
    """Stands for the end of a process."""


def colour(source: Path, out: Path, *, settings: str = "s", pages: int | None = None) -> tuple[list[str], BookWriter]:
    """Colours a book as the command does; gives the names of the pages that were worked on, and the writer.

    pages: it is killed when it has worked on so many.
    """
    book = open_book(source)
    worked: list[str] = []
    with write_book(book, out, settings) as writer:
        for page in book.pages:
            if writer.has(page):
                continue
            if pages is not None and len(worked) >= pages:
                raise Killed
            worked.append(page.name)
            try:
                data = page.read()
            except ValueError as error:
                writer.leave_out(page, str(error))
                continue
            try:
                picture = read_picture_file(data, name=page.name)
            except ValueError as error:
                writer.copy(page, str(error))
                continue
            form = writer.target.format_for(picture.format)
            colored = encode_picture(redder(picture), like=picture, form=form)
            writer.put(page, colored, notes=encoding_notes(picture, form))
    return worked, writer


def outcomes(results: list[PageResult]) -> list[tuple[str, str]]:
    """Names and outcomes."""
    return [(result.name, result.outcome) for result in results]


def is_colored(data: bytes) -> bool:
    """True for a picture with colour."""
    with Image.open(io.BytesIO(data)) as image:
        return bool(np.ptp(np.array(image.convert("RGB")).astype(int), axis=2).max() > 20)
