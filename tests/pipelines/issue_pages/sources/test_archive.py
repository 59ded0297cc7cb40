"""Comic archives as a source: a real comic in every format, and archives that mean harm or are not whole."""

import io
import json
import os
import re
import stat
import struct
import tarfile
import tempfile
import time
import warnings
import zipfile
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import cv2
import inflate64
import numpy as np
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.books.open import open_book
from pipelines.images.decode import decode_picture
from pipelines.issue_pages.archives.entry import ArchiveLimits
from pipelines.issue_pages.archives.epub_document import shown_by
from pipelines.issue_pages.archives.kinds import open_container
from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.fetch_error import NotAPicture
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed
from pipelines.issue_pages.local_files import Unreadable
from pipelines.issue_pages.sources.archive import ArchiveSource
from pipelines.titles import Title
from tests.pipelines.issue_pages.packed import (
    epub_files,
    write_7z,
    write_locked_pdf,
    write_pdf,
    write_rar,
    write_tar,
    write_zip,
)
from tests.pipelines.issue_pages.small_site import picture

COMICS = Path(__file__).resolve().parents[4] / "../shared/data/comics"
needs_comics = pytest.mark.skipif(not COMICS.is_dir(), reason=f"needs the licensed comics in {COMICS}")

COMIC_INFO = """<?xml version="1.0"?>
<ComicInfo><Title>Potion of Flight</Title><Series>Pepper&amp;Carrot</Series><Number>1.5</Number><Year>2014</Year>
<Month>5</Month><Day>10</Day><Web>https://one.example https://two.example</Web><LanguageISO>en</LanguageISO>
<PageCount>3</PageCount><Manga>No</Manga>
<Pages><Page Image="0" Type="FrontCover" ImageSize="1"/><Page Image="1"/><Page Image="2" Type="Deleted"/></Pages>
</ComicInfo>"""


def titled(address: Path, **settings) -> dict[str, Title]:
    title = Title(
        key="mine",
        source="archive",
        address=str(address),
        licence="CC-BY-4.0",
        attribution="its author",
        settings=settings,
    )
    return {"mine": title}


def pictures(*names: str) -> dict[str, bytes]:
    return {name: picture(number) for number, name in enumerate(names)}


def stored(lake, key: str) -> list[bytes | None]:
    images = lake.read_table(lake.issue_pages(key))["image"].to_pylist()
    return [image and image["bytes"] for image in images]


def states(source, file: Path, **settings) -> dict[str, str]:
    return {entry.issue: entry.state for entry in source.list_issues(titled(file, **settings)["mine"])}


def why_not(source, file: Path, **settings) -> str:
    """The state of a file that is not opened, and why: the list and its pages say the same."""
    title = titled(file, **settings)["mine"]
    (entry,) = source.list_issues(title)
    with pytest.raises(IssueUnavailable) as caught:
        source.list_pages(title, entry.issue)
    assert caught.value.state == entry.state
    assert str(caught.value) == f"mine: issue {entry.issue}: {entry.note}"
    assert str(file) in entry.note
    return f"{entry.state}: {entry.note}"


PACKERS = {
    "cbz": write_zip,
    "cbt": write_tar,
    "tar.gz": lambda file, files: write_tar(file, files, packing="gz"),
    "tar.xz": lambda file, files: write_tar(file, files, packing="xz"),
    "cb7": write_7z,
    "cbr": write_rar,
}


@needs_comics
@pytest.mark.parametrize("kind", [*PACKERS, "epub", "pdf"])
def test_a_real_comic_has_the_pages_of_its_folder(tmp_path, all_sources, lake, monkeypatch, kind):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    files = {file.name: file.read_bytes() for file in sorted((COMICS / "pepper-carrot/ep01").iterdir())}
    folder = tmp_path / "comics"
    folder.mkdir()
    file = folder / f"ep01.{kind}"
    if kind == "pdf":
        write_pdf(file, list(files.values()))
    elif kind == "epub":
        write_zip(file, epub_files(files))
    else:
        # The last one first: what order there is comes from the names.
        PACKERS[kind](file, {"ComicInfo.xml": COMIC_INFO.encode(), **dict(reversed(files.items()))})
    titles = titled(folder, unwanted_types=())
    assert sync_titles(titles, all_sources, lake).keys == ("mine__ep01",)
    report = collect_issue("mine__ep01", titles, all_sources, lake)
    assert stored(lake, "mine__ep01") == list(files.values())
    assert [row.sha256 for row in report.rows] == [sha256(data).hexdigest() for data in files.values()]
    by_folder = Title(
        key="folder", source="folder", address=str(COMICS / "pepper-carrot"), licence="CC-BY-4.0", attribution="x"
    )
    same = collect_issue("folder__ep01", {"folder": by_folder}, all_sources, lake)
    assert [row.sha256 for row in report.rows] == [row.sha256 for row in same.rows]
    if kind != "pdf":
        assert [row.name for row in report.rows] == [row.name for row in same.rows]
    again = collect_issue("mine__ep01", titles, all_sources, lake)
    assert (again.unchanged, again.fetched, again.not_modified) == (True, 0, 3)
    assert [path.name for path in folder.iterdir()] == [file.name]
    assert not list((tmp_path / "temporary").iterdir())


def test_comic_info_names_the_issue_and_types_its_pages(tmp_path, all_sources, lake):
    write_zip(tmp_path / "1.cbz", {**pictures("b.jpg", "a.jpg", "c.jpg"), "ComicInfo.xml": COMIC_INFO.encode()})
    titles = titled(tmp_path)
    (entry,) = all_sources["archive"].list_issues(titles["mine"])
    assert (entry.name, entry.date, entry.note) == ("Potion of Flight", "2014-05-10", "")
    assert entry.facts["series"] == "Pepper&Carrot"
    assert entry.facts["number"] == "1.5"
    assert entry.facts["web"] == ["https://one.example", "https://two.example"]
    assert (entry.facts["language"], entry.facts["manga"], entry.facts["file"]) == ("en", "No", "1.cbz")
    report = collect_issue("mine__1", titles, all_sources, lake)
    assert [(row.name, row.status) for row in report.rows] == [("a.jpg", "ok"), ("b.jpg", "ok"), ("c.jpg", "unwanted")]
    assert report.rows[2].detail == "of the type Deleted, by ComicInfo.xml"
    assert json.loads(report.rows[0].facts) == {
        "entry": "a.jpg",
        "language": "en",
        "number": "1.5",
        "page_type": "FrontCover",
        "series": "Pepper&Carrot",
        "web": ["https://one.example", "https://two.example"],
    }
    sync_titles(titles, all_sources, lake)
    assert read_catalogue(lake, "mine").issues[0].date == "2014-05-10"


@pytest.mark.parametrize(
    ("info", "note"),
    [
        ("<ComicInfo><PageCount>3</PageCount></ComicInfo>", "counts 3 pages, there are 2"),
        ("<ComicInfo><Year>2014</Year><Month>99</Month><Day>1</Day></ComicInfo>", ""),
        ("<ComicInfo><Pages><Page Image='x' Type='Story'/><Page/></Pages></ComicInfo>", ""),
        ("<ComicInfo>", "is not read: ParseError"),
        ("<?xml version='1.0' encoding='klingon'?><ComicInfo>", "is not read: ParseError"),
        ("<Other/>", "is not read: it holds <Other>"),
        ("<!DOCTYPE c [<!ENTITY a 'aa'>]><ComicInfo><Title>&a;</Title></ComicInfo>", "is not read: DTDForbidden"),
        ("<ComicInfo><Notes>" + "".join(map(str, range(200_000))) + "</Notes></ComicInfo>", "at most 1048576"),
    ],
)
def test_comic_info_that_says_nothing_costs_no_page(tmp_path, all_sources, info, note):
    write_zip(tmp_path / "1.cbz", {**pictures("a.jpg", "b.jpg"), "comicinfo.XML": info.encode()})
    title = titled(tmp_path)["mine"]
    (entry,) = all_sources["archive"].list_issues(title)
    assert (entry.state, entry.name, entry.date) == ("free", "1.cbz", None)
    assert (note in entry.note) if note else (entry.note == "")
    assert len(all_sources["archive"].list_pages(title, "1")) == 2


@pytest.mark.parametrize(
    ("info", "encoding", "series"),
    [
        (b"<ComicInfo><Series>Salt & Pepper</Series></ComicInfo>", None, "Salt & Pepper"),
        (b"<ComicInfo><Series>Salt &amp; Caf&eacute; &#38; &;</Series></ComicInfo>", None, "Salt & Café & &;"),
        (b"<ComicInfo><Series>Salt\x0b &</Series></ComicInfo>", None, "Salt &"),
        ("<ComicInfo><Series>소금</Series></ComicInfo>".encode("cp949"), "cp949", "소금"),
        ("<?xml version='1.0' encoding='x'?><ComicInfo><Series>소금</Series></ComicInfo>".encode(), None, "소금"),
        ("<ComicInfo><Series>소금</Series></ComicInfo>".encode("cp949"), None, None),
        ("<ComicInfo><Series>Salt</Series></ComicInfo>".encode("utf-16"), None, "Salt"),
    ],
)
def test_comic_info_that_people_wrote_by_hand_is_mended(tmp_path, all_sources, info, encoding, series):
    write_zip(tmp_path / "1.cbz", {**pictures("a.jpg"), "folder/comicinfo.xml": info})
    title = titled(tmp_path, encoding=encoding)["mine"]
    (entry,) = all_sources["archive"].list_issues(title)
    assert (entry.state, entry.facts.get("series")) == ("free", series)
    if not info.startswith(b"\xff\xfe"):
        assert ("mended" if series else "not read: UnicodeDecodeError") in entry.note
    (page,) = all_sources["archive"].list_pages(title, "1")
    assert page.facts.get("series") == series


@pytest.mark.parametrize(
    ("manga", "direction"), [("YesAndRightToLeft", "rtl"), ("yesandrighttoleft", "rtl"), ("Yes", None), ("No", None)]
)
def test_pages_that_are_read_from_the_right_say_so(tmp_path, all_sources, lake, manga, direction):
    info = f"<ComicInfo><Manga>{manga}</Manga></ComicInfo>".encode()
    write_zip(tmp_path / "1.cbz", {**pictures("a.jpg"), "ComicInfo.xml": info})
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [json.loads(row.facts).get("reading_direction") for row in report.rows] == [direction]


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


def test_natural_order_and_what_is_no_page(tmp_path, all_sources, lake):
    files = pictures("ch 2/p1.jpg", "ch 10/p1.jpg", "ch 2/p10.jpg", "ch 2/p9.jpg", "cover", "__MACOSX/ch 2/._p1.jpg")
    files |= dict.fromkeys((".DS_Store", "ch 2/Thumbs.db", "story.txt", "notes.nfo", "ch 2/.hidden.jpg"), b"no page")
    files |= {"more.cbz": b"PK\x03\x04 and so on", "words.docx": b"PK words"}
    write_zip(tmp_path / "1.cbz", files)
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [(json.loads(row.facts)["entry"], row.status) for row in report.rows] == [
        ("ch 2/p1.jpg", "ok"),
        ("ch 2/p9.jpg", "ok"),
        ("ch 2/p10.jpg", "ok"),
        ("ch 10/p1.jpg", "ok"),
        ("cover", "ok"),
        ("more.cbz", "nested"),
        ("words.docx", "no_picture"),
        (".DS_Store", "leftover"),
        ("ch 2/Thumbs.db", "leftover"),
        ("story.txt", "no_picture"),
        ("notes.nfo", "no_picture"),
        ("ch 2/.hidden.jpg", "leftover"),
        ("__MACOSX/", "leftover"),
    ]
    assert report.rows[-1].detail == "left by macOS; 1 entry in it"
    entry = all_sources["archive"].list_issues(titled(tmp_path)["mine"])[0]
    assert entry.note == "archives inside, which are not opened: more.cbz"
    assert report.rows[1].url == (tmp_path / "1.cbz").as_uri() + "#ch%202/p9.jpg"
    assert (report.rows[1].name, report.rows[0].format) == ("p9.jpg", "jpeg")


def test_thumbnails_of_a_nas_and_names_of_windows(tmp_path, all_sources, lake):
    files = pictures("@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "./ch 1/1.jpg", "ch 1\\2.jpg", "__MACOSX\\ch 1\\._2.jpg")
    write_tar(tmp_path / "1.cbt", files)
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [(json.loads(row.facts)["entry"], row.name, row.status) for row in report.rows] == [
        ("./ch 1/1.jpg", "1.jpg", "ok"),
        ("ch 1\\2.jpg", "2.jpg", "ok"),
        ("@eaDir/", "@eaDir/", "leftover"),
        ("__MACOSX/", "__MACOSX/", "leftover"),
    ]


def test_a_split_archive_of_one_part(tmp_path, all_sources, lake):
    data = write_zip(tmp_path / "1.cbz", pictures("1.jpg")).read_bytes()
    (tmp_path / "1.cbz").write_bytes(b"PK00" + data)
    assert len(collect_issue("mine__1", titled(tmp_path), all_sources, lake).rows) == 1


def test_a_folder_of_archives_under_the_names_that_shops_give(tmp_path, all_sources, lake):
    write_zip(tmp_path / "Title v10 (2019) [Digital].cbz", pictures("1.jpg"))
    write_zip(tmp_path / "Title v9.CBR", pictures("2.jpg"))  # as many a .cbr
    write_tar(tmp_path / "Title v11.tar.gz", pictures("3.jpg"), packing="gz")
    write_zip(tmp_path / "no suffix", pictures("4.jpg"))
    (tmp_path / "cover.jpg").write_bytes(picture(9))
    (tmp_path / "LICENSE").write_bytes(b"free")
    (tmp_path / "unpacked").mkdir()
    assert states(all_sources["archive"], tmp_path) == {
        "no-suffix": "free",
        "Title-v9": "free",
        "Title-v10-2019-Digital": "free",
        "Title-v11": "free",
        "cover.jpg": "unknown",
        "LICENSE": "leftover",
        "unpacked": "unknown",
    }
    keys = sync_titles(titled(tmp_path), all_sources, lake).keys
    assert len(keys) == 4
    for key in keys:
        assert collect_issue(key, titled(tmp_path), all_sources, lake).counts == {"ok": 1}
    one_file = titled(tmp_path / "Title v9.CBR")
    assert [page.name for page in all_sources["archive"].list_pages(one_file["mine"], "Title-v9")] == ["2.jpg"]


def test_addresses_that_are_wrong_say_so(tmp_path, all_sources):
    source = all_sources["archive"]
    with pytest.raises(ListingFailed, match="no such file or folder"):
        source.list_issues(titled(tmp_path / "nowhere")["mine"])
    with pytest.raises(ListingFailed, match=r"no issue in .*\.cbz"):
        source.list_issues(titled(tmp_path)["mine"])
    write_zip(tmp_path / "1 a.cbz", pictures("1.jpg"))
    with pytest.raises(IssueUnavailable, match="mine: issue 2: no such file"):
        source.list_pages(titled(tmp_path)["mine"], "2")
    write_zip(tmp_path / "1-a.zip", pictures("1.jpg"))
    write_zip(tmp_path / "(((.zip", pictures("1.jpg"))
    issues = [entry.issue for entry in source.list_issues(titled(tmp_path)["mine"])]
    assert len(issues) == 3
    assert "1-a" in issues
    assert len([issue for issue in issues if issue.startswith(("1-a-", "issue-"))]) == 2


BAD_NAMES = [
    ("../1.jpg", "points outside"),
    ("a/../../1.jpg", "points outside"),
    ("a\\..\\1.jpg", "points outside"),
    ("/etc/1.jpg", "has an absolute path"),
    ("\\\\host\\1.jpg", "has an absolute path"),
    ("C:\\1.jpg", "has an absolute path"),
    ("a\x01.jpg", "has no name that can be shown"),
    ("read\tme.txt", "has no name that can be shown"),
]


@pytest.mark.parametrize(("name", "problem"), BAD_NAMES)
@pytest.mark.parametrize("kind", ["cbz", "cbt", "tar.gz", "cb7", "cbr"])
def test_paths_that_are_not_followed_are_rows(tmp_path, client, all_sources, lake, kind, name, problem):
    file = tmp_path / f"1.{kind}"
    page = picture(1)
    PACKERS[kind](file, {"p1.jpg": page, name: picture(2)})
    rows = collect_issue("mine__1", titled(file), all_sources, lake).rows
    assert [row.status for row in rows] == ["ok", "refused"]
    assert rows[0].name == "p1.jpg"
    assert problem in str(rows[1].detail)
    assert rows[1].name.isprintable()
    assert stored(lake, "mine__1") == [page, None]
    PACKERS[kind](file, {name: picture(2)})
    seen = why_not(ArchiveSource(client), file)
    assert seen.startswith("refused: ")
    assert problem in seen


def test_odd_names_that_are_no_paths_are_pages(tmp_path, all_sources, lake):
    file = write_zip(tmp_path / "1.cbz", {**pictures("a: start/1.jpg", "b.. c/2.jpg"), "Icon\r": b""})
    rows = collect_issue("mine__1", titled(file), all_sources, lake).rows
    assert [(row.name, row.status) for row in rows] == [("1.jpg", "ok"), ("2.jpg", "ok"), ("Icon?", "leftover")]


def named_in_bytes(file: Path, names: list[bytes], pages: list[bytes]) -> Path:
    """A ZIP file whose names are these bytes, without the flag for UTF-8, the last page first."""
    with zipfile.ZipFile(file, "w") as archive:
        for number, name in reversed(list(enumerate(names))):
            archive.writestr(chr(ord("g") + number) * len(name), pages[number])
    data = file.read_bytes()
    for number, name in enumerate(names):
        data = data.replace((chr(ord("g") + number) * len(name)).encode(), name)
    file.write_bytes(data)
    return file


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp949", ["제1화_002.jpg", "제1화_010.jpg", "제1화_100.jpg"]),
        ("shift_jis", ["第一話/表紙 1.jpg", "第一話/表紙 2.jpg", "第一話/表紙 10.jpg"]),
        ("cp850", ["Astérix 1.jpg", "Astérix 2.jpg"]),
        ("gb18030", ["第一话\\1.jpg", "第一话\\2.jpg"]),
    ],
)
def test_names_of_zip_in_other_encodings(tmp_path, all_sources, lake, encoding, names):
    pages = [picture(number) for number in range(len(names))]
    named_in_bytes(tmp_path / "1.cbz", [name.encode(encoding) for name in names], pages)
    as_they_are = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert stored(lake, "mine__1") == pages
    assert all("?" in json.loads(row.facts)["entry"] for row in as_they_are.rows)
    titles = titled(tmp_path, encoding=encoding)
    named = collect_issue("mine__1", titles, all_sources, lake)
    assert [json.loads(row.facts)["entry"] for row in named.rows] == names
    assert [row.name for row in named.rows] == [re.split(r"[/\\]", name)[-1] for name in names]
    assert named.digest == as_they_are.digest
    assert collect_issue("mine__1", titles, all_sources, lake).not_modified == len(names)


def test_names_that_are_no_utf_8(tmp_path, client):
    latin, utf8 = "caf\udce9.jpg", "café 漫画.jpg"
    write_tar(tmp_path / "1.cbt", {latin: picture(1)})
    write_rar(tmp_path / "1.cbr", {latin: picture(1)})
    named_in_bytes(tmp_path / "1.cbz", [b"caf\xe9.jpg"], [picture(1)])
    for file in ("1.cbt", "1.cbr", "1.cbz"):
        source = ArchiveSource(client)
        for encoding, name in (("latin-1", "café.jpg"), (None, "caf?.jpg")):
            title = titled(tmp_path / file, encoding=encoding)["mine"]
            (page,) = source.list_pages(title, "1")
            assert page.name == name
            assert source.fetch(title, page, None)
    # What is UTF-8 but does not say so is read as what it is, whatever encoding others have.
    plain = named_in_bytes(tmp_path / "2.cbz", [utf8.encode()], [picture(1)])
    for encoding in (None, "cp949"):
        (page,) = ArchiveSource(client).list_pages(titled(plain, encoding=encoding)["mine"], "2")
        assert page.name == utf8
    for kind in ("cbt", "cbr", "cb7"):
        file = PACKERS[kind](tmp_path / f"3.{kind}", {utf8: picture(1)})
        (page,) = ArchiveSource(client).list_pages(titled(file)["mine"], "3")
        assert page.name == utf8
        ArchiveSource(client).fetch(titled(file)["mine"], page, None)
    with pytest.raises(ValueError, match="no encoding 'klingon'"):
        ArchiveSource(client).list_issues(titled(plain, encoding="klingon")["mine"])


@pytest.mark.parametrize("kind", ["cbz", "cbt", "tar.gz"])
def test_of_entries_of_one_name_the_last_counts(tmp_path, all_sources, lake, kind):
    names = ("1.jpg", "2.jpg", "3.jpg", "2.jpg")
    pages = [picture(number) for number in range(4)]
    file = tmp_path / f"1.{kind}"
    if kind == "cbz":
        with zipfile.ZipFile(file, "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            for name, data in zip(names, pages, strict=True):
                archive.writestr(name, data)
    else:
        with tarfile.open(file, f"w:{'gz' if kind == 'tar.gz' else ''}") as archive:
            for name, data in zip(names, pages, strict=True):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    report = collect_issue("mine__1", titled(file), all_sources, lake)
    assert stored(lake, "mine__1") == [pages[0], pages[3], pages[2], None]
    last = report.rows[-1]
    assert (last.name, last.status, last.detail) == ("2.jpg", "leftover", "is there twice; the last one counts")


@pytest.mark.parametrize("kind", ["cbz", "cbt", "tar.gz", "cb7", "cbr"])
def test_names_that_differ_in_case_are_two_pages(tmp_path, all_sources, lake, kind):
    files = pictures("Cover.jpg", "cover.jpg", "001.jpg")
    file = PACKERS[kind](tmp_path / f"1.{kind}", files)
    assert collect_issue("mine__1", titled(file), all_sources, lake).counts == {"ok": 3}
    assert sorted(filter(None, stored(lake, "mine__1"))) == sorted(files.values())


def encrypted_zip(file: Path) -> None:
    write_zip(file, pictures("1.jpg", "2.jpg"))
    data = bytearray(file.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    file.write_bytes(data)


def test_what_is_locked(tmp_path, client, all_sources, lake):
    source = ArchiveSource(client)
    encrypted_zip(tmp_path / "1.cbz")
    rows = collect_issue("mine__1", titled(tmp_path / "1.cbz"), all_sources, lake).rows
    assert [(row.name, row.status) for row in rows] == [("2.jpg", "ok"), ("1.jpg", "refused")]
    assert "without a password" in str(rows[1].detail)
    write_7z(tmp_path / "1.cb7", pictures("1.jpg"), password="secret")
    assert "1.jpg (is encrypted; " in why_not(source, tmp_path / "1.cb7")
    write_rar(tmp_path / "1.cbr", pictures("1.jpg"), flags=0x04)
    assert "1.jpg (is encrypted; " in why_not(source, tmp_path / "1.cbr")
    write_locked_pdf(tmp_path / "1.pdf", password=b"secret")
    assert "refused: " in why_not(source, tmp_path / "1.pdf")
    assert "it is encrypted" in why_not(source, tmp_path / "1.pdf")
    write_locked_pdf(tmp_path / "2.pdf", may_copy=False)
    assert "its owner forbids to copy from it" in why_not(source, tmp_path / "2.pdf")
    write_locked_pdf(tmp_path / "3.pdf")
    assert states(source, tmp_path / "3.pdf") == {"3": "free"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_file_are_rows(tmp_path, all_sources, lake, kind):
    page = picture(1)
    with tarfile.open(tmp_path / "1.cbt", "w") as archive:
        for name, target in (("1.jpg", None), ("2.jpg", "/etc/passwd"), ("3.jpg", "1.jpg"), ("1.jpg", "/etc/passwd")):
            member = tarfile.TarInfo(name)
            if target:
                member.type, member.linkname = kind, target
            member.size = 0 if target else len(page)
            archive.addfile(member, None if target else io.BytesIO(page))
    rows = collect_issue("mine__1", titled(tmp_path / "1.cbt"), all_sources, lake).rows
    assert [(row.name, row.status) for row in rows] == [
        ("1.jpg", "ok"),
        *((name, "refused") for name in ("2.jpg", "3.jpg", "1.jpg")),
    ]
    assert stored(lake, "mine__1")[0] == page


def test_links_are_not_followed(tmp_path, client, all_sources, lake):
    with zipfile.ZipFile(tmp_path / "1.cbz", "w") as archive:
        info = zipfile.ZipInfo("1.jpg")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    seen = why_not(ArchiveSource(client), tmp_path / "1.cbz")
    assert seen.startswith("refused: ")
    assert "1.jpg (a link, which is not followed in an archive)" in seen
    with zipfile.ZipFile(tmp_path / "1.cbz", "a") as archive:
        archive.writestr("2.jpg", picture(1))
    rows = collect_issue("mine__1", titled(tmp_path / "1.cbz"), all_sources, lake).rows
    assert [(row.name, row.status) for row in rows] == [("2.jpg", "ok"), ("1.jpg", "refused")]


def test_of_a_page_and_what_is_not_taken_under_its_name_the_page_is_read(tmp_path, all_sources, lake):
    page = picture(1)
    link = zipfile.ZipInfo("1.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "1.cbz", "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        archive.writestr("1.jpg", page)
        archive.writestr(link, "/etc/passwd")
        archive.writestr("1.jpg", bytes(8 * 1024 * 1024))
    rows = collect_issue("mine__1", titled(tmp_path / "1.cbz"), all_sources, lake).rows
    assert [row.status for row in rows] == ["ok", "refused", "refused"]
    assert stored(lake, "mine__1")[0] == page


@pytest.mark.parametrize("kind", ["cb7", "tar.gz", "tar.xz"])
def test_bombs_are_not_unpacked(tmp_path, client, kind):
    file = PACKERS[kind](tmp_path / f"1.{kind}", {**pictures("1.jpg"), "2.bmp": bytes(8 * 1024 * 1024)})
    assert "'2.bmp'" in why_not(ArchiveSource(client), file)
    assert "over max_ratio 100" in why_not(ArchiveSource(client), file)
    assert states(ArchiveSource(client), file, max_ratio=100_000) == {"1": "free"}


@pytest.mark.parametrize("kind", ["cbz", "cb7", "tar.gz", "tar.xz"])
def test_archives_of_too_much_are_refused_whole(tmp_path, client, kind):
    file = PACKERS[kind](tmp_path / f"1.{kind}", {**pictures("1.jpg"), "2.bmp": bytes(8 * 1024 * 1024)})
    total = why_not(ArchiveSource(client), file, max_ratio=100_000, max_total_mib=8)
    assert "'2.bmp' makes it more than max_total_mib 8" in total
    few = why_not(ArchiveSource(client), file, max_ratio=100_000, max_entries=1)
    assert "'2.bmp' is one more than max_entries 1" in few


@pytest.mark.parametrize("kind", ["cbz", "cb7", "tar.gz", "tar.xz"])
def test_one_entry_of_too_much_is_a_row(tmp_path, all_sources, lake, kind):
    files = {**pictures("1.jpg", "3.jpg"), "2.bmp": bytes(8 * 1024 * 1024)}
    file = PACKERS[kind](tmp_path / f"1.{kind}", files)
    titles = titled(file, max_ratio=100_000, max_entry_mib=7)
    rows = collect_issue("mine__1", titles, all_sources, lake).rows
    assert [(row.name, row.status) for row in rows] == [("1.jpg", "ok"), ("3.jpg", "ok"), ("2.bmp", "refused")]
    assert "over max_entry_mib 7" in str(rows[2].detail)
    assert stored(lake, "mine__1")[:2] == [files["1.jpg"], files["3.jpg"]]


def test_one_page_that_is_packed_too_well_is_a_row(tmp_path, all_sources, lake):
    file = write_zip(tmp_path / "1.cbz", {**pictures("1.jpg"), "2.bmp": bytes(8 * 1024 * 1024)})
    rows = collect_issue("mine__1", titled(file), all_sources, lake).rows
    assert [(row.name, row.status) for row in rows] == [("1.jpg", "ok"), ("2.bmp", "refused")]
    assert "over max_ratio 100" in str(rows[1].detail)


@pytest.mark.parametrize("kind", ["cbz", "cbt", "tar.gz", "cb7", "cbr"])
def test_pages_without_suffixes_are_found_by_their_bytes(tmp_path, all_sources, lake, client, kind):
    files = {"notes": b"once upon a time", **pictures("001", "002")}
    file = PACKERS[kind](tmp_path / f"1.{kind}", files)
    assert states(ArchiveSource(client), file) == {"1": "free"}
    assert collect_issue("mine__1", titled(file), all_sources, lake).counts == {"ok": 2, "no_picture": 1}
    assert len(open_book(file).pages) == 2
    PACKERS[kind](file, {"notes": b"once upon a time"})
    assert "empty: " in why_not(ArchiveSource(client), file)


def test_a_damaged_entry_without_a_suffix_fails_alone(tmp_path, all_sources, lake):
    file = write_zip(tmp_path / "1.cbz", {"extra": picture(5), **pictures("1.jpg")})
    data = bytearray(file.read_bytes())
    data[60] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(PagesFailed, match="1 of 2 pages failed"):
        collect_issue("mine__1", titled(file), all_sources, lake)


def test_a_bomb_in_the_head_of_a_tar_entry(tmp_path, client):
    name = tarfile.TarInfo("././@LongLink")
    name.type, name.size = tarfile.GNUTYPE_LONGNAME, 300 * 1024 * 1024
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(name, _Zeros(name.size))
    (tmp_path / "1.tar.gz").write_bytes(packed.getvalue())
    assert "unpacks to 314572800 bytes, over max_entry_mib" in why_not(ArchiveSource(client), tmp_path / "1.tar.gz")


class _Zeros(io.RawIOBase):
    """As many zeros as are asked for."""

    def __init__(self, size: int):
        self._left = size

    def read(self, size: int = -1) -> bytes:
        size = min(size, self._left)
        self._left -= size
        return bytes(size)


def test_an_entry_that_is_longer_than_it_says(tmp_path, client):
    file = write_zip(tmp_path / "1.cbz", {"1.jpg": picture(1)})
    data = bytearray(file.read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = (100).to_bytes(4, "little")
    file.write_bytes(data)
    source, title = ArchiveSource(client), titled(file)["mine"]
    (page,) = source.list_pages(title, "1")
    with pytest.raises(Unreadable, match=r"1\.cbz#1\.jpg: .*no whole archive.*Bad CRC"):
        source.fetch(title, page, None)


@pytest.mark.parametrize("kind", [*PACKERS, "pdf", "epub"])
def test_files_that_are_not_whole(tmp_path, client, kind):
    file = tmp_path / f"1.{kind}"
    if kind in PACKERS:
        PACKERS[kind](file, pictures("1.jpg", "2.jpg"))
    elif kind == "pdf":
        write_pdf(file, [picture(1)])
    else:
        write_zip(file, epub_files(pictures("1.jpg")))
    whole = file.read_bytes()
    source, title = ArchiveSource(client), titled(file)["mine"]
    file.write_bytes(whole[: len(whole) // 2])
    try:
        pages = source.list_pages(title, "1")
    except IssueUnavailable as error:
        seen = error.state
    else:
        with pytest.raises((Unreadable, NotAPicture)):
            [source.fetch(title, page, None) for page in pages]
        seen = "unreadable"
    assert seen == "unreadable"
    for content in (b"", b"neither fish nor flesh" * 40):
        file.write_bytes(content)
        assert "unreadable: " in why_not(source, file)
        assert "replace the file" in why_not(source, file)


def test_archives_without_pictures(tmp_path, client):
    write_zip(tmp_path / "1.cbz", {"story.txt": b"once", "ComicInfo.xml": b"<ComicInfo/>"})
    assert "empty: " in why_not(ArchiveSource(client), tmp_path / "1.cbz")
    write_zip(tmp_path / "2.cbz", {})
    assert "empty: " in why_not(ArchiveSource(client), tmp_path / "2.cbz")


def test_rar_that_needs_a_program_which_is_not_there(tmp_path, client, monkeypatch):
    write_rar(tmp_path / "1.cbr", pictures("1.jpg"), method=0x33)
    monkeypatch.setenv("PATH", str(tmp_path))
    seen = why_not(ArchiveSource(client), tmp_path / "1.cbr")
    assert seen.startswith("needs_tool: ")
    assert "1.cbr: packed by RAR" in seen
    assert "install unrar, unar or bsdtar, or pack its pages anew as CBZ" in seen
    # What is only stored needs none.
    write_rar(tmp_path / "2.cbr", pictures("1.jpg"))
    assert states(ArchiveSource(client), tmp_path / "2.cbr") == {"2": "free"}


def test_a_page_that_is_replaced_is_the_only_one_that_is_other(tmp_path, all_sources, lake):
    files = pictures("1.jpg", "2.jpg", "3.jpg")
    write_zip(tmp_path / "1.cbz", files)
    first = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    write_zip(tmp_path / "1.cbz", {**files, "2.jpg": picture(77)})
    second = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert not second.unchanged
    assert (second.fetched, second.not_modified) == (3, 2)
    assert first.rows[0].fetched_at == second.rows[0].fetched_at
    assert stored(lake, "mine__1") == [files["1.jpg"], picture_of(tmp_path, "2.jpg"), files["3.jpg"]]
    third = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert (third.unchanged, third.fetched) == (True, 0)


def picture_of(folder: Path, name: str) -> bytes:
    with zipfile.ZipFile(folder / "1.cbz") as archive:
        return archive.read(name)


def test_a_broken_page_fails_its_issue_and_its_repair_completes_it(tmp_path, all_sources, lake):
    files = pictures("1.jpg", "2.jpg")
    write_zip(tmp_path / "1.cbz", {**files, "2.jpg": files["2.jpg"][:900]})
    with pytest.raises(PagesFailed, match=r"page 2: not_a_picture: .*1\.cbz#2\.jpg.*leave it out"):
        collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    write_zip(tmp_path / "1.cbz", files)
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert report.counts == {"ok": 2}
    assert stored(lake, "mine__1") == list(files.values())


@pytest.mark.parametrize("kind", ["cbz", "cb7", "tar.gz"])
def test_an_interrupted_collection_loses_nothing(tmp_path, all_sources, lake, kind):
    files = pictures(*(f"{number}.jpg" for number in range(6)))
    PACKERS[kind](tmp_path / f"1.{kind}", files)

    class Interrupted(BaseException):
        pass

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        collect_issue("mine__1", titled(tmp_path), all_sources, lake, on_page=stop)
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert (report.resumed, report.fetched) == (4, 2)
    assert stored(lake, "mine__1") == list(files.values())


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


def test_zip_files_with_something_before_them(tmp_path, all_sources, lake):
    tmp_path = tmp_path / "comics"
    tmp_path.mkdir()
    whole = write_zip(tmp_path / "1.cbz", files := pictures("1.jpg")).read_bytes()
    for start in (b"MZ" + bytes(300), b"#!/bin/sh\nexit\n", b"PK00", b"PK\x07\x08"):
        (tmp_path / "1.cbz").write_bytes(start + whole)
        assert len(collect_issue("mine__1", titled(tmp_path), all_sources, lake).rows) == 1
        assert stored(lake, "mine__1") == list(files.values())
    # A picture with an archive behind it is a picture.
    (tmp_path / "cover.jpg").write_bytes(picture(5) + whole)
    assert states(all_sources["archive"], tmp_path) == {"1": "free", "cover.jpg": "unknown"}


def test_a_page_that_is_packed_by_an_unknown_method_fails_alone(tmp_path, all_sources, lake):
    with zipfile.ZipFile(tmp_path / "1.cbz", "w") as archive:
        for name, data in pictures("1.jpg", "2.jpg").items():
            archive.writestr(name, data)
    data = bytearray((tmp_path / "1.cbz").read_bytes())
    for magic, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(magic) + place] = 93
    (tmp_path / "1.cbz").write_bytes(data)
    with pytest.raises(PagesFailed, match=r"1 of 2 pages failed(?s:.)*'1.jpg' is packed by Zstandard, which cannot"):
        collect_issue("mine__1", titled(tmp_path), all_sources, lake)


def test_what_windows_packs_by_deflate64_is_read(tmp_path, all_sources, lake):
    page = b"".join(picture(number) for number in range(40))  # of more than one chunk
    deflater = inflate64.Deflater()
    packed = deflater.deflate(page) + deflater.flush()
    with zipfile.ZipFile(tmp_path / "1.cbz", "w") as archive:
        archive.writestr("1.jpg", packed)
        archive.writestr("2.jpg", second := picture(2))
    data = bytearray((tmp_path / "1.cbz").read_bytes())
    for magic, method_at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = data.index(magic)
        struct.pack_into("<H", data, start + method_at, 9)
        struct.pack_into("<III", data, start + method_at + 6, zlib.crc32(page), len(packed), len(page))
    (tmp_path / "1.cbz").write_bytes(data)
    source, title = all_sources["archive"], titled(tmp_path / "1.cbz", max_ratio=10_000)["mine"]
    container = open_container(tmp_path / "1.cbz", "zip", ArchiveLimits())
    assert container.read(["1.jpg", "2.jpg"]) == {"1.jpg": page, "2.jpg": second}
    place = data.index(packed) + len(packed) // 2
    data[place : place + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "1.cbz").write_bytes(data)
    with pytest.raises(Unreadable, match=r"entry '1\.jpg': (damaged Deflate64|Bad CRC)"):
        source.fetch(title, source.list_pages(title, "1")[0], None)


def test_archives_lie_at_any_depth(tmp_path, all_sources, lake):
    for place in ("vol 1/ch 2.cbz", "vol 1/ch 10.cbz", "vol 1/@eaDir/ch 2.cbz/thumb.jpg", "vol 2/deep/ch 1.cbz"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        write_zip(tmp_path / place, pictures("1.jpg"))
    (tmp_path / "vol 3").mkdir()
    (tmp_path / "vol 1" / "ch 11.cbz.part").write_bytes(b"half")
    keys = sync_titles(titled(tmp_path), all_sources, lake).keys
    assert keys == ("mine__vol-1-ch-2", "mine__vol-1-ch-10", "mine__vol-2-deep-ch-1")
    assert {issue.name: issue.state for issue in read_catalogue(lake, "mine").issues[3:]} == {
        "vol 1/@eaDir": "leftover",
        "vol 1/ch 11.cbz.part": "leftover",
        "vol 3": "unknown",
    }
    assert collect_issue(keys[2], titled(tmp_path), all_sources, lake).counts == {"ok": 1}


def test_who_made_an_issue_and_its_rights_travel_with_every_page(tmp_path, all_sources, lake):
    people = "<Writer>Ann, Bo</Writer><Inker>Bo</Inker><Translator>Cy</Translator>"
    info = f"<ComicInfo>{people}<Web>https://one.example</Web><Tags>cats, sea</Tags></ComicInfo>"
    write_zip(tmp_path / "1.cbz", {**pictures("1.jpg", "2.jpg"), "ComicInfo.xml": info.encode()})
    book = epub_files(pictures("1.jpg"))
    creators = b"<dc:creator>Dee</dc:creator><dc:creator>Eve</dc:creator></metadata>"
    book["OEBPS/book.opf"] = book["OEBPS/book.opf"].replace(b"</metadata>", creators)
    write_zip(tmp_path / "2.epub", book)
    write_zip(tmp_path / "3.cbz", pictures("1.jpg"))
    keys = sync_titles(titled(tmp_path), all_sources, lake).keys
    comic, book, plain = [collect_issue(key, titled(tmp_path), all_sources, lake).rows for key in keys]
    assert {row.attribution for row in comic} == {"Ann, Bo, Cy (its author)"}
    assert {tuple(json.loads(row.facts)["web"]) for row in comic} == {("https://one.example",)}
    assert {row.attribution for row in book} == {"Dee, Eve (its author)"}
    assert {json.loads(row.facts)["rights"] for row in book} == {"CC BY 4.0"}
    assert {row.attribution for row in plain} == {"its author"}
    listed = read_catalogue(lake, "mine").issues
    assert (listed[0].facts["tags"], listed[0].facts["translator"]) == ("cats, sea", "Cy")
    assert listed[1].facts["creator"] == ["Dee", "Eve"]


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


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_damaged_packing_is_an_error_with_a_name(tmp_path, client, packing):
    file = tmp_path / "1.cbz"
    with zipfile.ZipFile(file, "w", packing) as archive:
        archive.writestr("1.jpg", picture(1))
        start = len("1.jpg") + 30
    whole = file.read_bytes()
    source, title = ArchiveSource(client), titled(file)["mine"]
    (page,) = source.list_pages(title, "1")
    for place in range(start, start + 12):
        for other in (0x00, 0xFF):
            file.write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])
            with suppress(Unreadable):  # one of the two may be the byte that was there
                assert source.fetch(title, page, None)
    file.write_bytes(whole[:start] + bytes(12) + whole[start + 12 :])
    with pytest.raises(Unreadable, match="no whole archive"):
        source.fetch(title, page, None)


def test_an_entry_of_five_thousand_digits(tmp_path, client):
    file = write_zip(tmp_path / "1.cbz", pictures("9" * 5000 + ".jpg", "2.jpg", "10.jpg"))
    assert [page.name[:6] for page in ArchiveSource(client).list_pages(titled(file)["mine"], "1")] == [
        "2.jpg",
        "10.jpg",
        "999999",
    ]


def test_files_whose_names_are_no_utf8(tmp_path, all_sources, lake):
    name = os.fsdecode(b"caf\xe9 1")
    write_zip(tmp_path / f"{name}.cbz", files := pictures("1.jpg"))
    (tmp_path / f"{name}.cbt").write_bytes(b"no archive")
    write_pdf(tmp_path / "x.pdf", [picture(1)]).rename(tmp_path / f"{name}.pdf")
    names = [entry.issue for entry in all_sources["archive"].list_issues(titled(tmp_path)["mine"])]
    assert len([name for name in names if re.fullmatch("caf-1-[0-9a-f]{8}", name)]) == 3
    (tmp_path / f"{name}.cbt").rename(tmp_path / f"2{name}.cbt")
    (tmp_path / f"{name}.pdf").rename(tmp_path / f"3{name}.pdf")
    assert sync_titles(titled(tmp_path), all_sources, lake).counts == {"mine": {"unreadable": 1, "free": 2}}
    assert read_catalogue(lake, "mine").issues[2].name == "caf? 1.cbz"
    report = collect_issue("mine__caf-1", titled(tmp_path), all_sources, lake)
    assert stored(lake, "mine__caf-1") == list(files.values())
    assert report.rows[0].url.endswith("/caf%E9%201.cbz#1.jpg")


def png_picture() -> bytes:
    noise = np.random.default_rng(5).integers(0, 256, (60, 40, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(cv2.resize(noise, (400, 600))).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_pdf_page_that_is_one_picture_is_that_picture(tmp_path, all_sources, lake):
    png, jpeg = png_picture(), picture(3)
    write_pdf(tmp_path / "1.pdf", [png, jpeg])
    report = collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert [row.format for row in report.rows] == ["png", "jpeg"]
    first, second = stored(lake, "mine__1")
    assert np.array_equal(decode_picture(first, name="1"), decode_picture(png, name="1"))
    assert second == jpeg
    assert report.rows[1].url.endswith("1.pdf#page=2")


@pytest.mark.parametrize(("rotated", "words"), [(90, ""), (180, ""), (0, "BANG")])
def test_a_pdf_page_that_shows_more_or_otherwise_is_drawn(tmp_path, all_sources, lake, rotated, words):
    png = png_picture()
    write_pdf(tmp_path / "1.pdf", [png], rotated=rotated, words=words)
    report = collect_issue("mine__1", titled(tmp_path, pdf_dpi=144), all_sources, lake)
    width, height = (600, 400) if rotated == 90 else (400, 600)
    assert [(row.format, row.width_px, row.height_px) for row in report.rows] == [("png", width, height)]
    drawn = decode_picture(stored(lake, "mine__1")[0], name="1").astype(int)
    expected = np.rot90(decode_picture(png, name="1"), k=-rotated // 90).astype(int)
    assert np.abs(drawn - expected).mean() < 4
    finer = collect_issue("mine__1", titled(tmp_path, pdf_dpi=288), all_sources, lake)
    assert (finer.rows[0].width_px, finer.unchanged) == (2 * width, False)


@pytest.mark.parametrize("words", ["", "BANG"])
def test_a_pdf_page_with_a_damaged_jpeg_is_not_drawn_with_gray_in_it(tmp_path, client, words):
    data = picture(3)
    write_pdf(tmp_path / "1.pdf", [picture(1), data[: len(data) // 2] + b"\xff\xd9"], words=words)
    source, title = ArchiveSource(client), titled(tmp_path)["mine"]
    whole, damaged = source.list_pages(title, "1")
    assert source.fetch(title, whole, None)
    with pytest.raises(Unreadable, match=r"1\.pdf.*page 2: no whole picture.*premature end"):
        source.fetch(title, damaged, None)


def test_a_pdf_page_of_any_size_takes_no_more_memory_than_allowed(tmp_path, client):
    document = pypdfium2.PdfDocument.new()
    document.new_page(14_000, 14_000)
    document.save(tmp_path / "1.pdf")
    source, title = ArchiveSource(client), titled(tmp_path)["mine"]
    (page,) = source.list_pages(title, "1")
    with pytest.raises(Unreadable, match=r"page 1 has 38889 x 38889 pixels, over max_entry_mib 256"):
        source.fetch(title, page, None)


@pytest.fixture(scope="module")
def small_archives(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("archives")
    files = {**pictures("1.jpg", "2.jpg"), "ComicInfo.xml": COMIC_INFO.encode()}
    packed = [pack(folder / f"1.{kind}", files) for kind, pack in PACKERS.items()]
    packed.append(write_zip(folder / "1.epub", epub_files(pictures("1.jpg", "2.jpg"))))
    packed.append(write_pdf(folder / "1.pdf", [picture(1), picture(2)]))
    return packed


@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_mutated_files_give_named_errors_only(tmp_path, client, small_archives, data):
    file = data.draw(st.sampled_from(small_archives))
    content = bytearray(file.read_bytes())
    # Where the structure is: at both ends.
    places = st.one_of(
        st.integers(0, len(content) - 1),
        st.integers(0, min(200, len(content) - 1)),
        st.integers(max(0, len(content) - 300), len(content) - 1),
    )
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(places)
        content[start : start + 4] = data.draw(st.binary(min_size=0, max_size=6))
    content = content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content
    (tmp_path / file.name).write_bytes(content)
    source, title = ArchiveSource(client), titled(tmp_path / file.name)["mine"]
    try:
        (entry,) = source.list_issues(title)
    except ListingFailed:
        return
    with suppress(IssueUnavailable):
        for page in source.list_pages(title, entry.issue):
            with suppress(Unreadable, NotAPicture):
                source.fetch(title, page, None)
    assert [path.name for path in tmp_path.iterdir() if path.name != file.name and path.suffix == file.suffix] == []
