"""CBT, CB7, CBR, EPUB, PDF and odd CBZ files: what comes in, and what it may become."""

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from pipelines.books.open import open_book
from tests.installation import SHARED
from tests.pipelines.books.drawn import (
    COMIC_INFO,
    colour,
    drawing,
    encoded,
    is_colored,
    page,
    read_cbz,
    write_cbz,
    write_files,
)
from tests.pipelines.issue_pages.packed import epub_files, write_7z, write_pdf, write_rar, write_tar

FILES = {"10.jpg": page(1, "JPEG"), "9.png": page(2), "ComicInfo.xml": COMIC_INFO}


def contents(file: Path) -> dict[str, bytes]:
    """Every part of a book that Tintoon wrote."""
    return {part.name: part.read() for part in open_book(file).contents}


@pytest.mark.parametrize(
    ("write", "name"),
    [(write_cbz, "b.cbz"), (write_tar, "b.cbt"), (write_7z, "b.cb7"), (write_rar, "b.cbr"), (write_cbz, "b.cbr")],
)
@pytest.mark.parametrize("out", ["out.cbz", "out.cbt", "out.cb7", "out"])
def test_archives_become_archives(write, name, out, tmp_path):
    source = write(tmp_path / name, FILES)
    worked, writer = colour(source, tmp_path / out)
    assert worked == ["9.png", "10.jpg"]
    assert [result.outcome for result in writer.results] == ["colored", "colored"]
    found = contents(tmp_path / out)
    assert set(found) == set(FILES)
    assert all(is_colored(found[name]) for name in worked)
    assert b"Coloured by Tintoon." in found["ComicInfo.xml"]
    assert colour(source, tmp_path / out)[0] == []


@pytest.mark.parametrize("packing", ["gz", "bz2", "xz"])
def test_packed_tars_are_read(packing, tmp_path):
    source = write_tar(tmp_path / f"b.tar.{packing}", FILES, packing=packing)
    assert colour(source, tmp_path / "out.cbt")[0] == ["9.png", "10.jpg"]


@pytest.mark.parametrize("suffix", [".cbt", ".cb7"])
def test_books_without_a_clock(suffix, tmp_path):
    source = write_cbz(tmp_path / "b.cbz", FILES)
    colour(source, tmp_path / f"one{suffix}")
    os.utime(source, (1, 1))
    colour(source, tmp_path / f"two{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_a_tar_of_a_folder_has_names_that_begin_with_a_dot(tmp_path):
    source = write_tar(tmp_path / "b.cbt", {"./1.png": page(1), "./._1.png": b"\0\5\x16\7"})
    colour(source, tmp_path / "out.cbt")
    with tarfile.open(tmp_path / "out.cbt") as archive:
        assert archive.getnames() == ["./1.png", "./._1.png"]


def test_a_solid_archive_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.books.archive._READ_AHEAD_BYTES", 3 * len(page()))
    source = write_7z(tmp_path / "b.cb7", {f"{number}.png": page(number) for number in range(8)})
    colour(source, tmp_path / "out.cb7")
    assert len(contents(tmp_path / "out.cb7")) == 8


def test_a_folder_becomes_a_book(tmp_path):
    source = write_files(tmp_path / "in", {"b/2.png": page(1), "a.png": page(2), "ComicInfo.xml": COMIC_INFO})
    colour(source, tmp_path / "out.cbz")
    assert list(read_cbz(tmp_path / "out.cbz")) == ["ComicInfo.xml", "a.png", "b/2.png"]


def test_pages_without_a_name_of_a_picture_are_found_by_their_bytes(tmp_path):
    source = write_cbz(tmp_path / "b.cbz", {"1": page(1), "2.dat": page(2, "JPEG"), "notes": b"text", "3.jpg": page(3)})
    worked, _ = colour(source, tmp_path / "out.cbz")
    assert worked == ["1", "2.dat", "3.jpg"]
    assert list(read_cbz(tmp_path / "out.cbz")) == ["1", "2.dat", "notes", "3.jpg"]


def test_formats_that_are_not_written_become_png(tmp_path):
    files = {"1.gif": page(1, "GIF"), "2.gif": page(2, "GIF"), "2.png": page(3), "3.tga": page(4, "TGA")}
    _, writer = colour(write_cbz(tmp_path / "b.cbz", files), tmp_path / "out.cbz")
    assert [result.written for result in writer.results] == ["1.png", "2.gif.png", "2.png", "3.png"]
    assert writer.results[0].reason == "GIF became PNG"


@pytest.fixture
def epub(tmp_path) -> Path:
    """A book whose order is not that of its names."""
    pictures = {"b.jpg": page(1, "JPEG"), "a.jpg": page(2, "JPEG"), "hidden.jpg": page(3, "JPEG")}
    return write_cbz(tmp_path / "b.epub", epub_files(pictures, order=["b.jpg", "a.jpg"]))


def test_an_epub_stays_an_epub(epub, tmp_path):
    worked, writer = colour(epub, tmp_path / "out.epub")
    assert worked == ["OEBPS/pictures/b.jpg", "OEBPS/pictures/a.jpg"]
    before, after = read_cbz(epub), read_cbz(tmp_path / "out.epub")
    assert list(after) == list(before)
    assert {name for name in after if after[name] != before[name]} == set(worked)
    with zipfile.ZipFile(tmp_path / "out.epub") as archive:
        assert archive.infolist()[0].filename == "mimetype"
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
    assert writer.notes == []


def test_an_epub_becomes_a_cbz_in_its_order(epub, tmp_path):
    _, writer = colour(epub, tmp_path / "out.cbz")
    found = read_cbz(tmp_path / "out.cbz")
    assert list(found) == ["page-0001.jpg", "page-0002.jpg", "ComicInfo.xml"]
    assert b"<Title>A Book</Title>" in found["ComicInfo.xml"]
    assert "EPUB became a CBZ book" in writer.notes[0]


def test_an_epub_with_a_gif_is_refused_as_epub(tmp_path):
    source = write_cbz(tmp_path / "b.epub", epub_files({"a.gif": page(1, "GIF")}))
    with pytest.raises(ValueError, match=r"a.gif is GIF, which would become PNG; name out.cbz as OUT"):
        colour(source, tmp_path / "out.epub")


@pytest.fixture
def pdf(tmp_path) -> Path:
    """A scan as JPEG, and a page by its pixels, at 144 dpi."""
    return write_pdf(tmp_path / "b.pdf", [page(1, "JPEG", quality=95), encoded(drawing(2).convert("RGB"))])


def test_a_pdf_becomes_a_cbz(pdf, tmp_path):
    _, writer = colour(pdf, tmp_path / "out.cbz")
    found = read_cbz(tmp_path / "out.cbz")
    assert list(found) == ["page-0001.jpg", "page-0002.png"]
    assert all(map(is_colored, found.values()))
    assert "PDF became a CBZ book" in writer.notes[0]


def test_a_pdf_becomes_a_pdf_of_its_pages_sizes(pdf, tmp_path):
    out = tmp_path / "out.pdf"
    colour(pdf, out)
    with pypdfium2.PdfDocument(out) as document:
        assert [document.get_page_size(number) for number in range(len(document))] == [(30, 40), (30, 40)]
        drawn = document[0].render(scale=2).to_numpy()
    assert drawn.shape[:2] == (80, 60)
    assert np.ptp(drawn.astype(int), axis=2).max() > 20
    assert colour(pdf, out)[0] == []
    before = out.stat().st_ino
    write_pdf(pdf, [page(1, "JPEG", quality=95), encoded(drawing(30).convert("RGB"))])
    assert colour(pdf, out)[0] == ["page-0002"]
    assert out.stat().st_ino != before


def test_a_pdf_page_has_the_size_of_its_resolution(tmp_path):
    files = {"1.png": page(1, dpi=(72, 72)), "2.gif": page(2, "GIF"), "3.png": b"bad", "4.jpg": page(4, "JPEG")[:300]}
    source = write_cbz(tmp_path / "b.cbz", files)
    _, writer = colour(source, tmp_path / "out.pdf")
    with pypdfium2.PdfDocument(tmp_path / "out.pdf") as document:
        sizes = [document.get_page_size(number) for number in range(len(document))]
    assert sizes == [pytest.approx((60, 80), abs=0.1), pytest.approx((28.8, 38.4), abs=0.1)]
    assert [result.outcome for result in writer.results] == ["colored", "colored", "left_out", "left_out"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory) -> Path:
    """Odd CBZ files, as people reported them."""
    script = SHARED / "cases" / "cbz_odd.py"
    if not script.exists():
        pytest.skip("no shared cases here")
    folder = tmp_path_factory.mktemp("odd")
    subprocess.run([sys.executable, script, folder], check=True)
    return folder


@pytest.mark.parametrize(
    ("name", "pages", "worked"),
    [
        ("01-cp949", 4, 4),
        ("02-sjis", 4, 4),
        ("03-cp850", 4, 4),
        ("04-backslash", 4, 4),
        ("05-backslash-mac", 4, 4),
        ("06-eadir", 4, 4),
        ("07-nested", 1, 1),
        ("08-jxl", 3, 2),
        ("09-pk00", 4, 4),
        ("10-rtl", 4, 4),
        ("11-ampersand", 4, 4),
        ("12-deflate64", 4, 3),
        ("13-case", 3, 3),
    ],
)
def test_odd_books(odd, tmp_path, name, pages, worked):
    source, out = odd / f"{name}.cbz", tmp_path / "out.cbz"
    _, writer = colour(source, out)
    assert len(writer.results) == pages
    assert [result.outcome for result in writer.results].count("colored") == worked
    assert all(result.outcome == "colored" or result.reason for result in writer.results)
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(out) as after:
        names = [info.orig_filename.replace("\\", "/") for info in before.infolist()]
        written = [info.orig_filename for info in after.infolist()]
        assert [name for name in names if name in written] == written
        assert len(names) - len(written) == (1 if name == "12-deflate64" else 0)
        assert [info.flag_bits & 0x800 for info in after.infolist()] == [
            info.flag_bits & 0x800 for info in before.infolist() if info.orig_filename.replace("\\", "/") in written
        ]


def test_a_book_inside_of_a_book_is_named(odd, tmp_path):
    assert [left.name for left in open_book(odd / "07-nested.cbz").left_alone] == ["Chapter 1.cbz", "Chapter 2.cbz"]


def test_unpacking_leaves_behind_what_systems_left(odd, tmp_path):
    colour(odd / "05-backslash-mac.cbz", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".tintoon", "Ch 1"]


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("empty.cbz", "no picture among its 0 entries"),
        ("text.cbz", r"no picture among its 1 entries \(readme.txt\)"),
        ("cut.cbz", "no whole archive"),
        ("up.cbz", "points outside of the archive"),
        ("cut.pdf", "no whole archive"),
        ("none.cbz", "no such file or folder"),
    ],
)
def test_what_is_no_book_is_named(name, seen, tmp_path):
    write_cbz(tmp_path / "empty.cbz", {})
    write_cbz(tmp_path / "text.cbz", {"readme.txt": b"text"})
    (tmp_path / "cut.cbz").write_bytes(write_cbz(tmp_path / "whole.cbz", FILES).read_bytes()[:400])
    write_cbz(tmp_path / "up.cbz", {"../1.png": page()})
    (tmp_path / "cut.pdf").write_bytes(b"%PDF-1.4\n")
    with pytest.raises((ValueError, FileNotFoundError), match=seen) as raised:
        open_book(tmp_path / name)
    assert name in str(raised.value)


def test_a_book_with_no_page_that_can_be_read(tmp_path):
    source = write_cbz(tmp_path / "b.cbz", {"1.png": page(1)})
    data = bytearray(source.read_bytes())
    data[60] ^= 0xFF
    source.write_bytes(data)
    with pytest.raises(ValueError, match=r"b.cbz: no page of it can be read"):
        colour(source, tmp_path / "out.cbz")
    assert not (tmp_path / "out.cbz").exists()


def test_pictures_have_a_book_of_one_page(tmp_path):
    (tmp_path / "page.png").write_bytes(page())
    book = open_book(tmp_path / "page.png")
    assert (book.kind, [leaf.name for leaf in book.pages]) == ("picture", ["page.png"])
    with Image.open(io.BytesIO(book.pages[0].read())) as image:
        assert image.size == (60, 80)


def test_documents_of_drawing_programs_are_no_books(tmp_path):
    for name, kind in {"page.kra": "application/x-krita", "page.ora": "image/openraster"}.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("mimetype", kind)
            archive.writestr("preview.png", page())
        with pytest.raises(ValueError, match=rf"{name}: a Krita or OpenRaster document, .*; export its pages as PNG"):
            open_book(tmp_path / name)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "page.png")
    with pytest.raises(ValueError, match=r"page.png: a pipe, .*; name a file"):
        open_book(tmp_path / "page.png")
