"""Books and folders, coloured: nothing lost, nothing half-written, nothing done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.books.open import open_book
from pipelines.books.writer import write_book
from tests.pipelines.books.drawn import (
    COMIC_INFO,
    Killed,
    colour,
    is_colored,
    outcomes,
    page,
    read_cbz,
    write_cbz,
    write_files,
)

PROJECT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cbz(tmp_path) -> Path:
    """A book with a cover, two formats, a text, and ComicInfo.xml."""
    files = {
        **{"ComicInfo.xml": COMIC_INFO, "ch 1/010.jpg": page(1, "JPEG"), "ch 1/9.png": page(2), "cover.png": page(3)},
        "notes.txt": b"kept",
    }
    return write_cbz(tmp_path / "book.cbz", files)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Subfolders, and what systems leave behind."""
    files = {
        **{
            "001.png": page(1),
            "Ch 2/10.jpg": page(2, "JPEG"),
            "Ch 2/9.webp": page(3, "WEBP"),
            "Ch 10/1.avif": page(4, "AVIF"),
        },
        **{"2.jp2": page(5, "JPEG2000"), "._001.png": b"\0\5\x16\7", "__MACOSX/001.png": b"\0\5", "Thumbs.db": b"\xd0"},
        **{"@eaDir/001.png/thumb.jpg": page(6, "JPEG"), "old.png/001.png": page(7), "notes.txt": b"text"},
        **{"no suffix": page(8), "book.cbz": b"PK\x03\x04"},
    }
    return write_files(tmp_path / "in", files)


def test_a_book_stays_a_book(cbz, tmp_path):
    worked, writer = colour(cbz, tmp_path / "out.cbz")
    assert worked == ["ch 1/9.png", "ch 1/010.jpg", "cover.png"]
    before, after = read_cbz(cbz), read_cbz(tmp_path / "out.cbz")
    assert list(after) == list(before)
    assert after["notes.txt"] == b"kept"
    assert all(is_colored(after[name]) for name in worked)
    assert [result.outcome for result in writer.results] == ["colored"] * 3
    assert [name[:4] for name in (after["ch 1/010.jpg"], after["ch 1/9.png"])] == [b"\xff\xd8\xff\xe0", b"\x89PNG"]


def test_comic_info_says_who_coloured_it(cbz, tmp_path):
    colour(cbz, tmp_path / "out.cbz")
    info = read_cbz(tmp_path / "out.cbz")["ComicInfo.xml"].decode()
    assert "<Series>S</Series><Notes>Coloured by Tintoon.</Notes><Year>1930</Year>" in info
    assert "<BlackAndWhite>No</BlackAndWhite>" in info
    size = len(read_cbz(tmp_path / "out.cbz")["ch 1/9.png"])
    assert f'<Page Image="0" Type="FrontCover" ImageSize="{size}" />' in info


def test_an_unreadable_comic_info_is_kept_and_named(tmp_path):
    source = write_cbz(tmp_path / "book.cbz", {"1.png": page(), "ComicInfo.xml": b"<ComicInfo>Salt & Pepper"})
    _, writer = colour(source, tmp_path / "out.cbz")
    assert read_cbz(tmp_path / "out.cbz")["ComicInfo.xml"] == b"<ComicInfo>Salt & Pepper"
    assert "ComicInfo.xml is kept as it is" in writer.notes[0]


def test_the_same_book_gives_the_same_bytes(cbz, tmp_path):
    colour(cbz, tmp_path / "one.cbz")
    time.sleep(0.01)
    colour(cbz, tmp_path / "two.cbz")
    assert (tmp_path / "one.cbz").read_bytes() == (tmp_path / "two.cbz").read_bytes()


def test_a_folder_keeps_its_folders_and_names(folder, tmp_path):
    worked, _ = colour(folder, tmp_path / "out")
    assert worked == ["001.png", "2.jp2", "Ch 2/9.webp", "Ch 2/10.jpg", "Ch 10/1.avif", "no suffix"]
    written = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert {name for name in written if not name.startswith(".tintoon/")} == set(worked)
    assert all(is_colored((tmp_path / "out" / name).read_bytes()) for name in worked)


def test_what_is_left_alone_is_named(folder):
    left = {item.name: item.reason for item in open_book(folder).left_alone}
    assert left == {
        "@eaDir": "left by a network drive",
        "__MACOSX": "left by macOS",
        "old.png": "a folder that is called like a picture",
        "notes.txt": "no picture",
        "book.cbz": "a book; colour it by itself",
    }


def test_every_file_that_is_no_page_is_named_with_its_reason(tmp_path):
    folder = write_files(
        tmp_path / "in",
        {
            **{"1.png": page(1), "2.jxl": b"\xff\x0a" + bytes(50), "1.png.bak": page(1), "3.png~": page(1)},
            **{"art.svg": b"<svg/>", "page.kra": b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/x-krita"},
            **{"page.clip": b"CSFCHUNK" + bytes(40), "#recycle/old.png": page(1), "@eaDir/1.png/SYNO_M.jpg": page(1)},
            **{"._1.png": b"Mac", ".DS_Store": b"Mac", "4.png.crdownload": page(1)[:90]},
        },
    )
    book = open_book(folder)
    assert [leaf.name for leaf in book.pages] == ["1.png", "2.jxl"]
    left = {one.name: one.reason for one in book.left_alone}
    assert set(left) == {
        *("1.png.bak", "3.png~", "art.svg", "page.kra", "page.clip", "#recycle", "@eaDir", "4.png.crdownload")
    }
    for name, part in {"art.svg": "SVG", "page.kra": "Krita", "page.clip": "Clip Studio", "3.png~": "backup"}.items():
        assert part in left[name]


def test_a_subfolder_that_cannot_be_read_is_named_and_the_others_go_on(tmp_path, monkeypatch):
    folder = write_files(tmp_path / "in", {"1.png": page(1), "locked/2.png": page(2)})
    scandir = os.scandir

    def locked(place):
        if Path(place).name == "locked":
            raise PermissionError(13, "Permission denied", str(place))
        return scandir(place)

    monkeypatch.setattr(os, "scandir", locked)
    book = open_book(folder)
    assert [leaf.name for leaf in book.pages] == ["1.png"]
    assert [(one.name, one.reason) for one in book.left_alone] == [
        ("locked", "cannot be read (Permission denied); check its rights")
    ]


@pytest.mark.parametrize("out", ["out.cbz", "out"])
def test_a_killed_run_goes_on(cbz, tmp_path, out):
    out = tmp_path / out
    with pytest.raises(Killed):
        colour(cbz, out, pages=1)
    with pytest.raises(Killed):
        colour(cbz, out, pages=1)
    assert out.suffix != ".cbz" or not out.exists()
    worked, writer = colour(cbz, out)
    assert worked == ["cover.png"]
    assert [result.outcome for result in writer.results] == ["colored"] * 3
    assert colour(cbz, out)[0] == []


@pytest.mark.parametrize("name", ["out.cbz", "out.pdf"])
def test_a_run_that_is_killed_when_the_book_is_packed_goes_on(cbz, tmp_path, name):
    out = tmp_path / name
    colour(cbz, tmp_path / f"whole-{name}")
    book = open_book(cbz)

    def be_killed() -> None:
        with write_book(book, out, "s") as writer:
            for leaf in book.pages:
                writer.copy(leaf, "it has colour already", outcome="kept")
            raise Killed

    with pytest.raises(Killed):
        be_killed()
    (tmp_path / f".{name}.tintoon" / "book").write_bytes(b"half a book")
    out.write_bytes((tmp_path / f"whole-{name}").read_bytes())  # as if it had just been put in its place
    worked, writer = colour(cbz, out)
    assert worked == []
    assert {result.outcome for result in writer.results} == {"kept"}
    assert not (tmp_path / f".{name}.tintoon" / "book").exists()
    if name == "out.cbz":
        assert read_cbz(out) == read_cbz(cbz)


def test_a_page_that_was_lost_from_the_work_is_done_again(cbz, tmp_path):
    out = tmp_path / "out.cbz"
    colour(cbz, out)
    with pytest.raises(Killed):
        colour(cbz, out, settings="other", pages=2)
    for file in (tmp_path / ".out.cbz.tintoon").glob("*.png"):
        file.unlink()
    worked, _ = colour(cbz, out, settings="other")
    assert worked == ["ch 1/9.png", "cover.png"]
    assert colour(cbz, out, settings="other")[0] == []


def test_a_second_run_changes_nothing(cbz, tmp_path):
    out = tmp_path / "out.cbz"
    colour(cbz, out)
    before = out.stat()
    worked, writer = colour(cbz, out)
    assert worked == []
    assert len(writer.results) == 3
    assert (out.stat().st_mtime_ns, out.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert sorted(path.name for path in (tmp_path / ".out.cbz.tintoon").iterdir()) == [
        "finished.json",
        "lock",
        "pages.jsonl",
    ]


def test_other_settings_colour_anew(cbz, tmp_path):
    colour(cbz, tmp_path / "out.cbz")
    assert len(colour(cbz, tmp_path / "out.cbz", settings="other")[0]) == 3


def test_a_changed_page_is_the_only_one_to_be_done(cbz, tmp_path):
    out = tmp_path / "out.cbz"
    colour(cbz, out)
    before = read_cbz(out)
    write_cbz(cbz, {**read_cbz(cbz), "cover.png": page(33)})
    assert colour(cbz, out)[0] == ["cover.png"]
    after = read_cbz(out)
    assert after["cover.png"] != before["cover.png"]
    assert after["ch 1/010.jpg"] == before["ch 1/010.jpg"]


def test_a_book_that_somebody_changed_is_written_again(cbz, tmp_path):
    out = tmp_path / "out.cbz"
    colour(cbz, out)
    out.write_bytes(b"something else")
    assert len(colour(cbz, out)[0]) == 3
    assert len(read_cbz(out)) == 5


def test_a_damaged_page_is_copied_and_named(tmp_path):
    broken = page(2)[:200]
    source = write_cbz(
        tmp_path / "book.cbz", {"1.png": page(1), "2.png": broken, "3.png": b"", "4.jxl": b"\0\0\0\x0cJXL "}
    )
    _, writer = colour(source, tmp_path / "out.cbz")
    assert outcomes(writer.results) == [
        ("1.png", "colored"),
        *((f"{name}", "copied") for name in ("2.png", "3.png", "4.jxl")),
    ]
    assert "2.png: no whole picture" in writer.results[1].reason
    assert read_cbz(tmp_path / "out.cbz")["2.png"] == broken


def test_a_page_that_cannot_be_read_is_left_out_and_named(tmp_path):
    source = write_cbz(tmp_path / "book.cbz", {"1.png": page(1), "2.png": page(2)})
    data = bytearray(source.read_bytes())
    data[data.rindex(b"2.png", 0, data.index(b"PK\x01\x02")) + 60] ^= 0xFF  # inside of the second page
    source.write_bytes(data)
    _, writer = colour(source, tmp_path / "out.cbz")
    assert outcomes(writer.results) == [("1.png", "colored"), ("2.png", "left_out")]
    assert "2.png" in writer.results[1].reason
    assert list(read_cbz(tmp_path / "out.cbz")) == ["1.png"]


def test_a_text_that_cannot_be_read_is_left_out_and_named(tmp_path):
    source = write_cbz(tmp_path / "book.cbz", {"1.png": page(1), "notes.txt": b"some text"})
    data = bytearray(source.read_bytes())
    data[data.index(b"notes.txt") + 12] ^= 0xFF
    source.write_bytes(data)
    _, writer = colour(source, tmp_path / "out.cbz")
    assert list(read_cbz(tmp_path / "out.cbz")) == ["1.png"]
    assert writer.notes[0].startswith("notes.txt is left out: ")


def test_no_file_and_links_to_nothing_are_left_alone(tmp_path):
    folder = write_files(tmp_path / "in", {"1.png": page(1)})
    (folder / "2.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(folder / "3.png")
    assert [left.name for left in open_book(folder).left_alone] == ["2.png", "3.png"]
    assert colour(folder, tmp_path / "out")[0] == ["1.png"]


def test_a_page_in_colour_is_kept_byte_for_byte(cbz, tmp_path):
    book = open_book(cbz)
    with write_book(book, tmp_path / "out.cbz", "s") as writer:
        for leaf in book.pages:
            writer.copy(leaf, "it has colour already", outcome="kept")
    assert read_cbz(tmp_path / "out.cbz") == read_cbz(cbz)
    assert {result.outcome for result in writer.results} == {"kept"}


def test_a_page_that_was_forgotten_is_an_error(cbz, tmp_path):
    book = open_book(cbz)
    with (
        pytest.raises(ValueError, match=r"2 pages are not done \(ch 1/010.jpg, cover.png\)"),
        write_book(book, tmp_path / "out.cbz", "s") as writer,
    ):
        writer.copy(book.pages[0], "")
    assert not (tmp_path / "out.cbz").exists()


def test_two_runs_do_not_write_one_book(cbz, tmp_path):
    book = open_book(cbz)
    with write_book(book, tmp_path / "out.cbz", "s") as writer:
        with pytest.raises(ValueError, match="another run is writing it"), write_book(book, tmp_path / "out.cbz", "s"):
            pass
        for leaf in book.pages:
            writer.copy(leaf, "")


def test_a_process_that_is_killed_leaves_no_half_book(cbz, tmp_path):
    out = tmp_path / "out.cbz"
    code = (
        "import sys, time; from pathlib import Path; from pipelines.books.writer import write_book;"
        "from pipelines.books.open import open_book; b = open_book(Path(sys.argv[1]))\n"
        "with write_book(b, Path(sys.argv[2]), 's') as w:\n"
        "    w.copy(b.pages[0], 'x'); print('done', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(cbz), str(out)], cwd=PROJECT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"done\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not out.exists()
    worked, writer = colour(cbz, out)
    assert worked == ["ch 1/010.jpg", "cover.png"]
    assert [result.outcome for result in writer.results] == ["copied", "colored", "colored"]
    assert len(read_cbz(out)) == 5
