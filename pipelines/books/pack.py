"""Packs parts into a book of one file: CBZ, CBT, CB7, PDF; one part in memory at a time.

The same parts give the same bytes, but for PDF. Writes the file that it is given, in place; the caller moves it where
it belongs.
"""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

_MODE = 0o644
_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that ZIP can hold
_TIME_S = 315_532_800  # the same, UTC, in seconds since 1970
_POINTS_PER_INCH = 72
_DEFAULT_DPI = 150  # of a page that does not say: an A4 page of 1240 x 1754 px


@dataclass(frozen=True)
class Part:
    """One file of a book."""

    name: str
    read: Callable[[], bytes]
    size_pt: tuple[float, float] | None = None  # of a PDF page, where it is not the picture's at its resolution


def pack_zip(file: Path, parts: Iterable[Part]) -> None:
    """A ZIP file of stored entries, for pictures do not shrink. A name that is no UTF-8 keeps its bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for part in parts:
            info = _RawNameInfo(part.name, _TIME)
            info.external_attr = _MODE << 16
            info.create_system = 3  # Unix, on every system
            archive.writestr(info, part.read())


def pack_tar(file: Path, parts: Iterable[Part]) -> None:
    """A plain TAR file."""
    with tarfile.open(file, "w", encoding="utf-8", errors="surrogateescape") as archive:
        for part in parts:
            data = part.read()
            member = tarfile.TarInfo(part.name)
            member.size, member.mode = len(data), _MODE
            archive.addfile(member, io.BytesIO(data))


def pack_7z(file: Path, parts: Iterable[Part]) -> None:
    """A 7z file of entries that are only stored; names have to be Unicode."""
    import py7zr  # takes a moment, and few books are 7z files

    entry = file.with_name(f"{file.name}.entry")  # the time of an entry is that of a file
    try:
        with file.open("wb") as opened, py7zr.SevenZipFile(opened, "w", filters=[{"id": py7zr.FILTER_COPY}]) as archive:
            for part in parts:
                entry.write_bytes(part.read())
                entry.chmod(_MODE)
                os.utime(entry, (_TIME_S, _TIME_S))
                archive.write(entry, part.name)
    finally:
        entry.unlink(missing_ok=True)


def pack_pdf(file: Path, parts: Iterable[Part]) -> None:
    """A PDF file of JPEG pictures, each on a page of its size at its resolution."""
    import pypdfium2

    document = pypdfium2.PdfDocument.new()
    try:
        for part in parts:
            data = part.read()
            with Image.open(io.BytesIO(data)) as opened:
                dpi = (float(value) for value in opened.info.get("dpi", (_DEFAULT_DPI, _DEFAULT_DPI)))
                own_pt = tuple(px / value * _POINTS_PER_INCH for px, value in zip(opened.size, dpi, strict=True))
            width_pt, height_pt = part.size_pt or own_pt
            page = document.new_page(width_pt, height_pt)
            image = pypdfium2.PdfImage.new(document)
            image.load_jpeg(io.BytesIO(data), inline=True)
            image.set_matrix(pypdfium2.PdfMatrix().scale(width_pt, height_pt))
            page.insert_obj(image)
            page.gen_content()
            page.close()
        document.save(file)
    finally:
        document.close()


class _RawNameInfo(zipfile.ZipInfo):
    """An entry whose name, where it has surrogates for bytes that are no UTF-8, is written with these bytes."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802
        try:
            return self.filename.encode("ascii"), self.flag_bits
        except UnicodeEncodeError:
            is_unicode = not any(0xDC80 <= ord(sign) <= 0xDCFF for sign in self.filename)
            return self.filename.encode("utf-8", "surrogateescape"), self.flag_bits | (0x800 if is_unicode else 0)
