"""Archives and entries that are locked, damaged, too large, or built to do harm."""

import io
import stat
import tarfile
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.books.open import open_book
from pipelines.issue_pages.client.fetch_error import NotAPicture
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed
from pipelines.issue_pages.local_files import Unreadable
from pipelines.issue_pages.sources.archive import ArchiveSource
from tests.pipelines.issue_pages.packed import (
    epub_files,
    write_7z,
    write_locked_pdf,
    write_pdf,
    write_rar,
    write_zip,
)
from tests.pipelines.issue_pages.small_site import picture
from tests.pipelines.issue_pages.sources.archive_titles import (
    COMIC_INFO,
    PACKERS,
    pictures,
    states,
    stored,
    titled,
    why_not,
)


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
