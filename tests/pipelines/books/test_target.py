"""Where a coloured book goes: refusals come before any work, and name the remedy."""

import io

import pytest
from PIL import Image

from pipelines.books.open import open_book
from pipelines.books.target import check_target
from tests.pipelines.books.drawn import colour, drawing, encoded, page, read_cbz, write_cbz, write_files


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """A picture, a folder and a book in the current folder."""
    monkeypatch.chdir(tmp_path)
    write_files(
        tmp_path,
        {
            **{"page.png": page(), "in/1.png": page(1), "in/sub/2.png": page(2), "there/x": b"", "notes.txt": b"text"},
            **{"wide.png": encoded(Image.new("L", (16_384, 1))), "tall.png": encoded(Image.new("L", (1, 65_501)))},
            **{"clear.png": encoded(_clear()), "text.png": b"text", "page.gif": page(1, "GIF")},
        },
    )
    write_cbz(tmp_path / "book.cbz", {"1.png": page(1), "2.png": page(2)})
    write_cbz(tmp_path / "tall.cbz", {"1.png": encoded(Image.new("L", (1, 65_501)))})


def _clear() -> Image.Image:
    image = drawing().convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    return image


@pytest.mark.parametrize(
    ("source", "out", "path", "kind"),
    [
        ("page.png", "new.jpg", "new.jpg", "picture"),
        ("page.png", "there", "there/page.png", "picture"),
        ("page.png", "new", "new/page.png", "picture"),
        ("page.gif", "there", "there/page.png", "picture"),
        ("wide.png", "new/wide.jpg", "new/wide.jpg", "picture"),
        ("in", "new", "new", "folder"),
        ("in", "there", "there", "folder"),
        ("in", "vol.2", "vol.2", "folder"),
        ("in", "new.cbz", "new.cbz", "zip"),
        ("in", "new.CBT", "new.CBT", "tar"),
        ("book.cbz", "new.cb7", "new.cb7", "7z"),
        ("book.cbz", "new.zip", "new.zip", "zip"),
        ("book.cbz", "new.pdf", "new.pdf", "pdf"),
        ("book.cbz", "new", "new", "folder"),
    ],
)
def test_what_goes_where(tmp_path, source, out, path, kind):
    target = check_target(open_book(tmp_path / source), tmp_path / out)
    assert (target.path.relative_to(tmp_path).as_posix(), target.kind) == (path, kind)


@pytest.mark.parametrize(
    ("source", "out", "seen"),
    [
        ("page.png", "page.png", "same file"),
        ("page.png", ".", "page.png: IN and OUT are the same file"),
        ("page.png", "new.gif", r"expected a folder, or a name that ends in .avif, .bmp"),
        ("page.png", "new.cbz", "expected a folder, or a name"),
        ("page.png", "notes.txt/a.png", "notes.txt is a file"),
        ("text.png", "new.png", "text.png: no whole picture"),
        ("wide.png", "new.webp", r"wide.png: 16384 x 1 px; WEBP holds at most 16,383 px a side; write it as .png"),
        ("tall.png", "new.jpg", r"tall.png: 1 x 65501 px; JPEG holds at most 65,500 px a side; write it as .png"),
        ("clear.png", "new.jpg", "clear.png: it is transparent in places, which JPEG cannot hold; write it as"),
        ("in", "in", "same folder"),
        ("in", "in/out", "OUT is inside of IN"),
        ("in", "in/out.cbz", "OUT is inside of IN"),
        ("in", ".", "IN is inside of OUT"),
        ("in/sub", "in", "IN is inside of OUT"),
        ("in", "new.png", "is a picture by its name, and .*in is a book of 2 pages; name a folder or a .cbz file"),
        ("in", "new.cbr", r".cbr files are read, and not written; name it new.cbz"),
        ("in", "new.epub", r"only an EPUB book becomes an EPUB book; name it new.cbz"),
        ("book.cbz", "book.cbz", "same file"),
        ("book.cbz", "new.cbx", "expected a folder, or a name that ends in .7z, .cb7, .cbt, .cbz"),
        ("book.cbz", "notes.txt", "expected a folder, or a name"),
        ("tall.cbz", "new.pdf", r"tall.cbz: its page 1.png: 1 x 65501 px; JPEG holds at most 65,500 px"),
    ],
)
def test_refusals(tmp_path, source, out, seen):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match=seen):
        colour(tmp_path / source, tmp_path / out)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_link_to_in_is_in(tmp_path):
    (tmp_path / "link.cbz").symlink_to(tmp_path / "book.cbz")
    with pytest.raises(ValueError, match="same file"):
        check_target(open_book(tmp_path / "book.cbz"), tmp_path / "link.cbz")


def test_names_that_differ_in_case_do_not_become_files(tmp_path):
    book = write_cbz(tmp_path / "case.cbz", {"Cover.png": page(1), "cover.png": page(2)})
    with pytest.raises(ValueError, match=r"Cover.png and cover.png differ in letters' case only; name a .cbz file"):
        check_target(open_book(book), tmp_path / "new")
    colour(book, tmp_path / "out.cbz")
    assert list(read_cbz(tmp_path / "out.cbz")) == ["Cover.png", "cover.png"]


def test_a_picture_is_written_at_once_and_alone(tmp_path):
    colour(tmp_path / "page.png", tmp_path / "new" / "page.webp")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["page.webp"]
    with Image.open(io.BytesIO((tmp_path / "new" / "page.webp").read_bytes())) as image:
        assert (image.format, image.size) == ("WEBP", (60, 80))
