"""Names of entries in archives: in any encoding, twice, and such that lead out of the folder."""

import io
import json
import os
import re
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest

from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.sources.archive import ArchiveSource
from tests.pipelines.issue_pages.packed import (
    write_pdf,
    write_rar,
    write_tar,
    write_zip,
)
from tests.pipelines.issue_pages.small_site import picture
from tests.pipelines.issue_pages.sources.archive_titles import (
    PACKERS,
    pictures,
    stored,
    titled,
    why_not,
)

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
