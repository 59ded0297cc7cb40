"""Comic archives as a source: a real comic in every format, and what ComicInfo says."""

import json
import struct
import tempfile
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path

import inflate64
import pytest

from pipelines.issue_pages.archives.entry import ArchiveLimits
from pipelines.issue_pages.archives.kinds import open_container
from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed
from pipelines.issue_pages.local_files import Unreadable
from pipelines.titles import Title
from tests.pipelines.issue_pages.packed import (
    epub_files,
    write_pdf,
    write_tar,
    write_zip,
)
from tests.pipelines.issue_pages.small_site import picture
from tests.pipelines.issue_pages.sources.archive_titles import COMIC_INFO, PACKERS, pictures, states, stored, titled

COMICS = Path(__file__).resolve().parents[4] / "../shared/data/comics"
needs_comics = pytest.mark.skipif(not COMICS.is_dir(), reason=f"needs the licensed comics in {COMICS}")


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
    with pytest.raises(PagesFailed, match=r"page 2: not_a_picture: .*1\.cbz#2\.jpg.*leave it out") as caught:
        collect_issue("mine__1", titled(tmp_path), all_sources, lake)
    assert (str(caught.value).count("2.jpg"), str(caught.value).count("replace")) == (1, 1)
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
