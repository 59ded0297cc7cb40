"""EPUB books and what describes them: pages along the spine, and the direction of reading."""

import re
import time

import pytest

from pipelines.books.open import open_book
from pipelines.issue_pages.archives.epub_document import shown_by
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.sources.archive import ArchiveSource
from tests.pipelines.issue_pages.packed import (
    epub_files,
    write_pdf,
    write_zip,
)
from tests.pipelines.issue_pages.small_site import picture
from tests.pipelines.issue_pages.sources.archive_titles import COMIC_INFO, pictures, states, stored, titled, why_not


def test_books_and_documents_that_are_read_from_the_right(tmp_path, all_sources):
    kindle = epub_files(pictures("a.jpg"))
    mode = b"<meta name='primary-writing-mode' content='horizontal-rl'/></metadata>"
    kindle["OEBPS/book.opf"] = kindle["OEBPS/book.opf"].replace(b"</metadata>", mode)
    write_zip(tmp_path / "1.epub", kindle)
    write_zip(tmp_path / "2.epub", epub_files(pictures("a.jpg"), direction="RTL"))
    write_zip(tmp_path / "3.epub", epub_files(pictures("a.jpg"), direction="ltr"))
    write_pdf(tmp_path / "4.pdf", [picture(1)])
    data = (tmp_path / "4.pdf").read_bytes()
    for number, preferences in (
        (5, b"/ViewerPreferences<</Direction/R2L>>"),
        (6, b"/ViewerPreferences<</Direction/L2R>>"),
    ):
        (tmp_path / f"{number}.pdf").write_bytes(with_catalogue(data, preferences))
    source, title = all_sources["archive"], titled(tmp_path)["mine"]
    directions = {
        entry.issue: source.list_pages(title, entry.issue)[0].facts.get("reading_direction")
        for entry in source.list_issues(title)
    }
    assert directions == {"1": "rtl", "2": "rtl", "3": None, "4": None, "5": "rtl", "6": None}


def with_catalogue(pdf: bytes, entries: bytes) -> bytes:
    """A PDF file with a catalogue appended that has more entries, and a table of references for it alone."""
    root = int(re.findall(rb"/Root (\d+) 0 R", pdf)[-1])
    pages = re.findall(rb"/Pages (\d+) 0 R", pdf)[-1]
    size, start = re.findall(rb"/Size (\d+)", pdf)[-1], re.findall(rb"startxref\s+(\d+)", pdf)[-1]
    place = len(pdf) + 1
    body = b"\n%d 0 obj\n<</Type/Catalog/Pages %s 0 R%s>>\nendobj\n" % (root, pages, entries)
    table = b"xref\n%d 1\n%010d 00000 n \n" % (root, place)
    trailer = b"trailer\n<</Size %s/Root %d 0 R/Prev %s>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        root,
        start,
        len(pdf + body),
    )
    return pdf + body + table + trailer


def test_a_book_is_read_along_its_spine(tmp_path, all_sources, lake):
    files = pictures("a.jpg", "b.jpg", "c.jpg", "unused.jpg")
    book = epub_files(files, order=["c.jpg", "a.jpg", "b.jpg"], direction="rtl")
    write_zip(tmp_path / "1.epub", book)
    (entry,) = all_sources["archive"].list_issues(titled(tmp_path)["mine"])
    assert entry.name == "A Book"
    assert entry.facts == {"file": "1.epub", "language": "en", "rights": "CC BY 4.0", "direction": "rtl"}
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [(row.name, row.status) for row in report.rows] == [
        ("c.jpg", "ok"),
        ("a.jpg", "ok"),
        ("b.jpg", "ok"),
        ("unused.jpg", "unwanted"),
    ]
    assert stored(lake, "mine__1")[:3] == [files["c.jpg"], files["a.jpg"], files["b.jpg"]]


PAGES = ("a.jpg", "b.jpg")
SHOWN = {
    "background in an attribute": b"<div style=\"background: #fff url('../pictures/b.jpg') no-repeat\"></div>",
    "background in the document": b"<style>/**/ #p, .q { background-image:url(../pictures/b.jpg) }</style><i id='p'/>",
    "background in a sheet": b"<link rel='stylesheet' href='../css/s.css'/><body><div class='page'></div></body>",
    "svg image": b"<svg><image href='../pictures/b.jpg'/></svg>",
    "object": b"<object data='../pictures/b.jpg' type='image/jpeg'></object>",
    "picture": b"<picture><source srcset='../pictures/s.jpg 300w, ../pictures/b.jpg 900w'/></picture>",
    "embed": b"<embed src='../pictures/b.jpg'/>",
    "svg in an img": b"<img src='../pictures/b.svg'/>",
    "svg in an object": b"<object data='../pictures/b.svg'></object>",
    "frame": b"<iframe src='inner.xhtml'></iframe>",
}


@pytest.mark.parametrize("document", SHOWN.values(), ids=SHOWN)
def test_books_show_their_pages_in_many_ways(tmp_path, all_sources, lake, document):
    book = epub_files(pictures(*PAGES))
    book |= {
        "OEBPS/text/d1.xhtml": b"<html><body>" + document + b"</body></html>",
        "OEBPS/css/s.css": b"@media all { .none{color:red} .page { background:url( '../pictures/b.jpg' ) } }",
        "OEBPS/pictures/b.svg": b"<svg xmlns:xlink='x'><image xlink:href='b.jpg'/></svg>",
        "OEBPS/text/inner.xhtml": b"<img src='../pictures/b.jpg'/>",
    }
    write_zip(tmp_path / "1.epub", book)
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [(row.name, row.status) for row in report.rows if row.status != "unwanted"] == [
        (name, "ok") for name in PAGES
    ]


@pytest.mark.parametrize(
    "style",
    [
        *("a" * 2_000_000, "/*" * 1_000_000, "{" * 1_000_000, "x{background:" + "url(" * 500_000, "url(" * 500_000),
        ":has(:has(*)){background:url(a)}" * 1000,
        "* * * * * * {background:url(a)}" * 1000,
    ],
    ids=["plain", "comments", "braces", "url", "urls", "has", "deep"],
)
def test_a_hostile_style_costs_little(style):
    started = time.monotonic()
    body = f"<link rel='stylesheet' href='s.css'/>{'<div>' * 100}{'<i></i>' * 500}".encode()
    assert set(shown_by("d.xhtml", body, lambda name: style)) <= {"a"}
    assert set(shown_by("d.xhtml", f"<i style='{style}'>".encode(), lambda name: "")) <= {"a"}
    assert time.monotonic() - started < 5


def test_a_fixed_spread_is_two_pages_and_paper_is_none(tmp_path, all_sources, lake):
    book = epub_files(pictures("a.jpg", "b.jpg", "paper.jpg"), order=["a.jpg"])
    spread = b"<body style='background:url(../pictures/paper.jpg)'><img src='../pictures/b.jpg'/>"
    book["OEBPS/text/d0.xhtml"] = spread + b"<img src='../pictures/a.jpg'/></body>"
    write_zip(tmp_path / "1.epub", book)
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [(row.name, row.status) for row in report.rows] == [
        ("b.jpg", "ok"),
        ("a.jpg", "ok"),
        ("paper.jpg", "unwanted"),
    ]


def test_what_a_book_shows_and_has_not_fails_alone(tmp_path, all_sources, lake):
    book = epub_files(pictures(*PAGES))
    book["OEBPS/text/d1.xhtml"] = b"<img src='gone.jpg'/><img src='data:image/png;base64,AA'/>"
    book["OEBPS/text/d0.xhtml"] += b"<img src='drawn.svg'/>"
    book["OEBPS/text/drawn.svg"] = b"<svg><path d='M0 0'/></svg>"
    write_zip(tmp_path / "1.epub", book)
    with pytest.raises(PagesFailed, match=r"page 2: unreadable: .*gone\.jpg"):
        collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    rows = lake.read_table(lake.issue_pages("mine__1"), ["name", "status"]).to_pylist()
    assert [(row["name"], row["status"]) for row in rows] == [
        ("a.jpg", "ok"),
        ("gone.jpg", "unreadable"),
        ("b.jpg", "unwanted"),
        ("drawn.svg", "unsupported"),
        ("d1.xhtml", "unsupported"),
    ]


def test_every_entry_of_a_book_that_its_spine_does_not_show_has_a_row(tmp_path, all_sources, lake):
    book = epub_files(pictures(*PAGES))
    more = ("extra.cbz", "song.mp3", "draw.kra", "nosuffix", "hidden.png")
    book |= {f"OEBPS/{name}": picture(7) for name in more}
    book["OEBPS/text/d0.xhtml"] += b"<img src='https://evil.example/p.png'/><img src='//evil.example/q.png'/>"
    file = write_zip(tmp_path / "1.epub", book)
    rows = collect_issue("mine__1", titled(file), all_sources, lake).rows
    states = {row.name: row.status for row in rows}
    assert {name: states[name] for name in more} == dict.fromkeys(more, "unwanted") | {"extra.cbz": "nested"}
    assert states["d0.xhtml"] == "unsupported"
    assert "evil.example" in next(str(row.detail) for row in rows if row.name == "d0.xhtml")
    assert len(rows) == len(PAGES) + len(more) + 1


def test_a_coloured_book_names_what_it_shows_and_is_no_page(tmp_path):
    book = epub_files(pictures(*PAGES))
    book["OEBPS/text/d0.xhtml"] += b"<img src='gone.jpg'/><img src='data:image/png;base64,AA'/>"
    opened = open_book(write_zip(tmp_path / "1.epub", book))
    named = {left.name: left.reason for left in opened.left_alone}
    assert set(named) == {"OEBPS/text/gone.jpg", "OEBPS/text/d0.xhtml"}
    assert len(opened.pages) == len(PAGES)


@pytest.mark.parametrize("book", [False, True], ids=["ComicInfo", "EPUB"])
def test_what_describes_an_archive_is_found_behind_backslashes(tmp_path, all_sources, lake, book):
    files = epub_files(pictures(*PAGES), order=list(reversed(PAGES))) if book else pictures("Ch 1/1.jpg", "Ch 1/2.jpg")
    info = {} if book else {"Ch 1/ComicInfo.xml": COMIC_INFO.encode()}
    file = write_zip(tmp_path / "1.cbz", {name.replace("/", "\\"): data for name, data in {**files, **info}.items()})
    (entry,) = all_sources["archive"].list_issues(titled(file)["mine"])
    assert entry.name == ("A Book" if book else "Potion of Flight")
    rows = collect_issue("mine__1", titled(file), all_sources, lake).rows
    names = list(reversed(PAGES)) if book else ["1.jpg", "2.jpg"]
    assert [row.name for row in rows if row.status == "ok"] == names
    assert [page.name.rpartition("/")[2] for page in open_book(file).pages] == names


@pytest.mark.parametrize("locked", ["OEBPS/pictures/b.jpg", "OEBPS/text/d1.xhtml"])
def test_a_locked_book_is_refused(tmp_path, client, locked):
    lock = f"<encryption><CipherReference URI='{locked}'/></encryption>".encode()
    write_zip(tmp_path / "1.epub", {**epub_files(pictures(*PAGES)), "META-INF/encryption.xml": lock})
    assert f"refused: {tmp_path}/1.epub: its entry '{locked}' is encrypted" in why_not(
        ArchiveSource(client), tmp_path / "1.epub"
    )


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"META-INF/container.xml": b"<container/>"}, "there is no 'package file'"),
        ({"META-INF/container.xml": b"<container"}, "container.xml cannot be read: ParseError"),
        ({"OEBPS/book.opf": b"<package/>"}, "has no spine"),
        ({"OEBPS/book.opf": b"<package><spine/></package>"}, "shows no picture"),
        (
            dict.fromkeys(("OEBPS/text/d0.xhtml", "OEBPS/text/d1.xhtml"), b"<img src='gone.jpg'/>"),
            "shows 'OEBPS/text/gone.jpg', which is no entry",
        ),
        ({"OEBPS/book.opf": b"<!DOCTYPE p [<!ENTITY a 'a'>]><package>&a;</package>"}, "EntitiesForbidden"),
    ],
)
def test_books_that_cannot_be_followed(tmp_path, client, changed, problem):
    write_zip(tmp_path / "1.epub", {**epub_files(pictures("a.jpg", "b.jpg")), **changed})
    seen = why_not(ArchiveSource(client), tmp_path / "1.epub")
    assert problem in seen
    assert "no whole EPUB book" in seen


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"META-INF/container.xml": b"<?xml version='1.0' encoding='shift_jis'?><container/>"},
            "container.xml cannot be read: ValueError: multi-byte encodings",
        ),
        ({"OEBPS/book.opf": b"<?xml version='1.0' encoding='idna'?><package/>"}, "cannot be read: "),
        ({"OEBPS/text/d1.xhtml": b"<a <a "}, "d1.xhtml: it breaks off within a tag: '<a <a"),
        ({"OEBPS/text/d1.xhtml": b"<div>" * 300}, "d1.xhtml: nested tags"),
    ],
)
def test_books_in_foreign_encodings_or_of_hostile_documents(tmp_path, client, changed, problem):
    write_zip(tmp_path / "1.epub", {**epub_files(pictures("a.jpg", "b.jpg")), **changed})
    seen = why_not(ArchiveSource(client), tmp_path / "1.epub")
    assert problem in seen
    assert "no whole EPUB book" in seen


@pytest.mark.parametrize("document", [b"<![foo <p>x</p><img src='../pictures/b.jpg'/>", b"&#" + b"9" * 5000 + b";"])
def test_odd_documents_of_a_book_do_no_harm(tmp_path, client, document):
    shown = b"<img src='../pictures/b.jpg'/>"
    files = epub_files(pictures("a.jpg", "b.jpg"))
    write_zip(tmp_path / "1.epub", {**files, "OEBPS/text/d1.xhtml": document + shown})
    assert states(ArchiveSource(client), tmp_path / "1.epub") == {"1": "free"}
    utf16 = "<img src='../pictures/b.jpg'/>".encode("utf-16")
    write_zip(tmp_path / "2.epub", {**files, "OEBPS/text/d1.xhtml": utf16})
    assert states(ArchiveSource(client), tmp_path / "2.epub") == {"2": "free"}
