"""Names that people and systems give: one rule for issues, one list of what is left beside pages."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.issue_pages.archives.kinds import leftover_of, may_be_page
from pipelines.issue_pages.names import MAX_ISSUE_BYTES, issue_names, left_by_system, leftover, small_copies
from pipelines.lake import issue_key


@pytest.mark.parametrize(
    ("path", "issue"),
    [
        (["ep 01"], "ep-01"),
        (["Don't Stop, Baby & Co."], "Don-t-Stop-Baby-Co"),
        (["Title v10 (2019) [Digital]"], "Title-v10-2019-Digital"),
        (["ep 1 (1)"], "ep-1-1"),
        (["ep - 1"], "ep---1"),
        (["ep 1..."], "ep-1"),
        (["제1화"], "제1화"),
        ([unicodedata.normalize("NFD", "제1화")], "제1화"),
        ([unicodedata.normalize("NFD", "Café")], "Café"),
        (["ตอนที่ 1"], "ตอนที่-1"),
        (["अध्याय १"], "अध्याय-१"),
        (["第１話"], "第１話"),
        (["1️⃣ 🎉 party"], "1-party"),
        (["caf\udce9 1"], "caf-1"),
        (["a/b", "#3: end?"], "a-b-3-end"),
        (["vol 1", "ch 2"], "vol-1-ch-2"),
        (["\u202eевил"], "евил"),
    ],
)
def test_the_name_of_an_issue(path, issue):
    (name,) = issue_names([path])
    assert name == issue
    assert issue_key("title", name)


def test_names_that_would_be_one_are_told_apart_the_same_way_each_time():
    paths = [["vol1", "ch2"], ["vol1-ch2"], ["vol1 ch2"], ["🎉"], ["!!"], ["Ä"], ["ä"]]
    names = issue_names(paths)
    assert names[1] == "vol1-ch2"
    assert len({name.casefold() for name in names}) == len(names)
    assert dict(zip(map(tuple, reversed(paths)), issue_names(paths[::-1]), strict=True)) == dict(
        zip(map(tuple, paths), names, strict=True)
    )
    assert issue_names([["ep1"]], taken=["EP1"]) != ["ep1"]


def test_a_name_fits_into_a_file_name():
    long = ["제" * 100, "제" * 99 + "x", "a" * 300]
    names = issue_names([[name] for name in long])
    assert len(set(names)) == 3
    assert all(len(name.encode()) <= MAX_ISSUE_BYTES for name in names)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.lists(st.lists(st.text(st.characters(), max_size=12), min_size=1, max_size=3), max_size=6))
def test_any_paths_have_names_that_a_key_holds(paths):
    names = issue_names(paths)
    assert len({tuple(path) for path in paths}) >= len({name.casefold() for name in names}) or not paths
    for name in names:
        assert issue_key("t", name)
        assert name == unicodedata.normalize("NFC", name).strip("-.")
        assert len(name.encode()) <= MAX_ISSUE_BYTES


LEFT_BY_SYSTEMS = (
    "@eaDir #recycle #snapshot .AppleDouble __MACOSX lost+found $RECYCLE.BIN .Trashes .Trash-1000 .git .svn Thumbs.db "
    "ehthumbs.db desktop.ini .DS_Store ._001.jpg ~$notes.docx SYNOPHOTO_THUMB_M.jpg .hidden .nfs000001 META-INF"
)
LEFT_BY_PEOPLE = (
    "001.jpg.bak 001.bak 001.jpg~ 001.jpg.1 001.jpg.tmp 001.jpg.part 001.jpg.crdownload ep1.cbz.1 001.jpg.old "
    ".001.jpg.swp #001.jpg# LICENSE README.md ComicInfo.xml~ notes.txt~"
)
PAGES = (
    "001.jpg 001 page.1 ch.10 v1.2 ep1.5 1.jpg preview.jpg tempest.png apart.jpg bakery.bmp gold.old.jpg part.jpg "
    "Thumbelina.jpg readme-first.jpg credits.jpg e-git.png recycle.jpg comic.7z.001 "
    "Title~Subtitle~ 002~ 第1話~終~"
)
FOLDERS = (
    "Title ~Subtitle~|Episode 2 ~Finale~|Ep.Old|Chapter 3.part|Vol.1.bak|#1#|Credits|Readme|Attribution|Copying|"
    "License|extras.jpg.1|1.tmp|book.pdf.2|a-preview.jpg"
)


BY_SYSTEMS = [*LEFT_BY_SYSTEMS.split(), "System Volume Information", "Icon\r", "Temporary Items"]


@pytest.mark.parametrize("name", [*BY_SYSTEMS, *LEFT_BY_PEOPLE.split()])
def test_what_is_left_behind(name):
    assert leftover(name)
    assert leftover(name.upper() if name.isascii() else name)
    assert not may_be_page(f"ch 1\\{name}")
    assert may_be_page(f"ch 1/{name}/1.jpg") == (name not in BY_SYSTEMS and not name.startswith("."))


@pytest.mark.parametrize("name", FOLDERS.split("|"))
def test_folders_are_called_as_people_like(name):
    assert left_by_system(name) is None
    assert may_be_page(f"{name}/001.png")
    assert may_be_page(f"vol 1\\{name}\\001.png")


@pytest.mark.parametrize("name", PAGES.split())
def test_what_is_none(name):
    assert leftover(name) is None


def test_small_copies_lie_beside_their_picture():
    names = ["1.jpg", "1-preview.jpg", "1_thumb.png", "2-preview.jpg", "3.PNG", "3.thumbnail.webp"]
    assert small_copies(names) == {"1-preview.jpg", "1_thumb.png", "3.thumbnail.webp"}


def test_the_outermost_leftover_of_a_path_is_named():
    assert leftover_of("a/@eaDir/1.jpg/x.jpg") == ("a/@eaDir/", "left by a network drive")
    assert leftover_of("./a/._1.jpg") == ("./a/._1.jpg", "left by macOS")
    assert leftover_of("./a/1.jpg") is None
