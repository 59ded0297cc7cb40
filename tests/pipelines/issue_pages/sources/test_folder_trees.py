"""Folders in folders, links, pipes, and what systems leave: everything is a page, an issue, or has a reason."""

import json
import os
import socket
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.books.open import open_book
from pipelines.issue_pages.catalogue import Catalogue, catalogue_path, read_catalogue, sync_titles, with_known_names
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.entry import IssueEntry, IssueUnavailable
from pipelines.issue_pages.local_files import Unreadable
from pipelines.issue_pages.page_store import is_complete
from pipelines.issue_pages.plan import plan_title
from tests.pipelines.issue_pages.packed import write_zip
from tests.pipelines.issue_pages.small_site import picture
from tests.pipelines.issue_pages.sources.test_folder import titled


def put(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture(number))


def listed(lake, key: str = "mine") -> dict[str, tuple[str, str]]:
    return {issue.name: (issue.issue, issue.state) for issue in read_catalogue(lake, key).issues}


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def test_volumes_and_chapters_are_issues_in_natural_order(root, all_sources, lake):
    put(
        root,
        "vol 2/ch 3/1.jpg",
        "vol 1/ch 10/1.jpg",
        "vol 1/ch 2/1.jpg",
        "vol 1/cover.jpg",
        "ep 9/1.jpg",
        "ep 9/more/1.jpg",
    )
    titles = titled(root)
    assert sync_titles(titles, all_sources, lake).keys == (
        *("mine__ep-9", "mine__ep-9-more", "mine__vol-1", "mine__vol-1-ch-2", "mine__vol-1-ch-10", "mine__vol-2-ch-3"),
    )
    assert listed(lake)["vol 1/ch 10"] == ("vol-1-ch-10", "free")
    for key in sync_titles(titles, all_sources, lake).keys:
        assert collect_issue(key, titles, all_sources, lake).counts == {"ok": 1}


LEFT = (
    *("@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/1.jpg", ".AppleDouble/1.jpg", "1.jpg.bak", "1.jpg~", "1.jpg.1"),
    *("2.jpg.part", "2.jpg.crdownload", "2.jpg.tmp", "1-preview.jpg", "._1.jpg", "Thumbs.db", ".DS_Store"),
)


@pytest.mark.parametrize("flat", [False, True])
def test_what_systems_and_people_leave_is_named_and_never_a_page(root, all_sources, lake, flat):
    put(root if flat else root / "ep1", "1.jpg", *LEFT)
    put(root, "#recycle/old/1.jpg", "lost+found/#12345", "$RECYCLE.BIN/x.jpg", "System Volume Information/x.jpg")
    titles = titled(root, **({"flat": True, "issues": 1} if flat else {}))
    report = sync_titles(titles, all_sources, lake)
    assert len(report.keys) == 1
    rows = collect_issue(report.keys[0], titles, all_sources, lake).rows
    assert (rows[0].name, rows[0].status) == ("1.jpg", "ok")
    states = {row.name: row.status for row in rows[1:]} | {name: state for name, (_, state) in listed(lake).items()}
    named = {name.partition("/")[0] for name in LEFT} | {"#recycle", "lost+found", "$RECYCLE.BIN"}
    assert {states.get(name) for name in named | {"System Volume Information"}} == {"leftover"}
    assert is_complete(lake, report.keys[0])
    assert collect_issue(report.keys[0], titles, all_sources, lake).unchanged


def test_names_that_people_write(root, all_sources, lake):
    names = [
        "Don't, stop & go",
        unicodedata.normalize("NFD", "제2화"),
        "ตอนที่ 1",
        "🎉",
        "ep 3 (1)",
        os.fsdecode(b"caf\xe9"),
    ]
    put(root, *(f"{name}/1.jpg" for name in names))
    keys = sync_titles(titled(root), all_sources, lake).keys
    assert {"mine__Don-t-stop-go", "mine__제2화", "mine__ตอนที่-1", "mine__ep-3-1", "mine__caf"} < set(keys)
    assert names[1] in listed(lake)
    for name in names:
        write_zip(root.parent / f"{name}.cbz", {"1.jpg": picture(1)})
    packed = {"mine": titled(root.parent)["mine"].model_copy(update={"source": "archive"})}
    assert set(sync_titles(packed, all_sources, lake).keys) == set(keys)


FREE_NAMES = ("Episode 2 ~Finale~", "Ep.Old", "Chapter 3.part", "Credits", "Readme", "#1#", "1.jpg.1", "x-preview.jpg")


def test_folders_that_are_called_like_leftovers_are_issues(root, all_sources, lake):
    put(root, "x.jpg", *(f"{name}/1.jpg" for name in FREE_NAMES))
    assert len(sync_titles(titled(root), all_sources, lake).keys) == len(FREE_NAMES)
    assert {name for name, (_, state) in listed(lake).items() if state == "free"} == set(FREE_NAMES)
    book = open_book(root)
    assert {Path(page.name).parent.name for page in book.pages} >= set(FREE_NAMES) - {"x-preview.jpg"}
    file = write_zip(root.parent / "1.cbz", {f"{name}/1.jpg": picture(1) for name in FREE_NAMES})
    assert len(open_book(file).pages) == len(FREE_NAMES)
    packed = {"mine": titled(file)["mine"].model_copy(update={"source": "archive"})}
    (key,) = sync_titles(packed, all_sources, lake).keys
    assert collect_issue(key, packed, all_sources, lake).counts == {"ok": len(FREE_NAMES)}


@pytest.mark.parametrize("name", ["@eaDir/1.jpg", ".hidden/1.jpg", "notes.txt", "1.jpg.bak"])
def test_where_all_is_left_out_the_error_names_it(root, all_sources, lake, name):
    put(root, name)
    error = sync_titles(titled(root), all_sources, lake).errors["mine"]
    assert f"{name.partition('/')[0]} is left out (" in error
    assert "beside each other" not in error


def test_links_out_of_the_folder_are_not_followed(root, all_sources, lake, tmp_path):
    put(tmp_path / "elsewhere", "secret.jpg", "deep/secret.jpg")
    put(root, "ep1/1.jpg", "ep2/1.jpg")
    (root / "out").symlink_to(tmp_path / "elsewhere")
    (root / "ep1/2.jpg").symlink_to(tmp_path / "elsewhere/secret.jpg")
    (root / "ep1/3.jpg").symlink_to("../../elsewhere/secret.jpg")
    (root / "ep1/4").symlink_to("/etc")
    (root / "ep1/5.jpg").symlink_to("../ep2/1.jpg")
    (root / "ep1/6.jpg").symlink_to("nowhere.jpg")
    titles = titled(root)
    assert sync_titles(titles, all_sources, lake).keys == ("mine__ep1", "mine__ep2")
    assert listed(lake)["out"] == ("out", "refused")
    rows = collect_issue("mine__ep1", titles, all_sources, lake).rows
    assert {row.name: row.status for row in rows} == {
        **{"1.jpg": "ok", "5.jpg": "ok"},
        **dict.fromkeys(("2.jpg", "3.jpg", "4", "6.jpg"), "refused"),
    }
    assert {row.detail for row in rows if row.name in ("2.jpg", "3.jpg", "4")} == {
        "a link out of the title's folder; copy it into the folder, or give it a title of its own"
    }
    with pytest.raises(IssueUnavailable, match="out: a link out of the title's folder") as caught:
        collect_issue("mine__out", titles, all_sources, lake)
    assert caught.value.state == "refused"


def test_a_file_that_becomes_a_link_or_a_pipe_after_it_was_listed(root, all_sources, tmp_path):
    put(root, "ep1/1.jpg")
    put(tmp_path, "secret.jpg")
    source, title = all_sources["folder"], titled(root)["mine"]
    (page,) = source.list_pages(title, "ep1")
    (root / "ep1/1.jpg").unlink()
    (root / "ep1/1.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(Unreadable, match="a link out of the title's folder"):
        source.fetch(title, page, None)
    (root / "ep1/1.jpg").unlink()
    os.mkfifo(root / "ep1/1.jpg")
    with pytest.raises(Unreadable, match="a pipe, a socket or a device"):
        source.fetch(title, page, None)


def test_circles_pipes_and_sockets_end(root, all_sources, lake, monkeypatch):
    put(root, "a/1.jpg", "b/1.jpg")
    (root / "a/self").symlink_to(".")
    (root / "a/up").symlink_to("..")
    (root / "a/to-b").symlink_to("../b")
    (root / "b/to-a").symlink_to("../a")
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")
    os.mkfifo(root / "a/2.jpg")
    monkeypatch.chdir(root / "a")
    with socket.socket(socket.AF_UNIX) as here:
        here.bind("3.jpg")
    titles = titled(root)
    keys = sync_titles(titles, all_sources, lake).keys
    assert keys == ("mine__a", "mine__a-to-b", "mine__b", "mine__b-to-a")
    assert {name: state for name, (_, state) in listed(lake).items() if state != "free"} == {
        **dict.fromkeys(("one", "two", "a/to-b/to-a", "b/to-a/to-b"), "refused"),
    }
    rows = {row.name: row.status for row in collect_issue("mine__a", titles, all_sources, lake).rows}
    assert rows == {"1.jpg": "ok", "2.jpg": "refused", "3.jpg": "refused", "self": "refused", "up": "refused"}


def test_a_folder_that_is_too_deep_is_named(root, all_sources, lake):
    deep = "/".join(["d"] * 40)
    put(root, "ep1/1.jpg", f"{deep}/1.jpg")
    assert sync_titles(titled(root), all_sources, lake).keys == ("mine__ep1",)
    (below,) = [issue for issue in read_catalogue(lake, "mine").issues if issue.state == "refused"]
    assert "more than 16 deep" in below.note


def test_files_beside_issues_and_archives_among_pages_are_named(root, all_sources, lake):
    put(root, "ep1/1.jpg", "cover.jpg")
    write_zip(root / "ep2.cbz", {"1.jpg": picture(1)})
    write_zip(root / "ep1/bonus.cbz", {"1.jpg": picture(1)})
    (root / "ep1/page.kra").write_bytes(b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/x-krita")
    (root / "notes").mkdir()
    (root / "notes/a.docx").write_bytes(b"words")
    report = sync_titles(titled(root), all_sources, lake)
    beside = "unknown: a file beside the issues; put it into the folder of an issue, or elsewhere"
    assert report.reasons["mine"][beside] == ("cover.jpg", "ep2.cbz")
    assert {name: state for name, (_, state) in listed(lake).items()} == {
        **{"ep1": "free", "cover.jpg": "unknown", "ep2.cbz": "unknown", "notes": "empty"},
    }
    rows = {row.name: row for row in collect_issue("mine__ep1", titled(root), all_sources, lake).rows}
    assert {name: row.status for name, row in rows.items()} == {
        "1.jpg": "ok",
        "bonus.cbz": "nested",
        "page.kra": "unsupported",
    }
    assert "Krita" in (rows["page.kra"].detail or "")


def test_a_folder_that_was_unpacked_says_how_it_is_read(root, all_sources, lake):
    put(root, "ep1/1.jpg")
    (root / "ep1/ComicInfo.xml").write_text("<ComicInfo><Manga>YesAndRightToLeft</Manga></ComicInfo>")
    (row,) = collect_issue("mine__ep1", titled(root), all_sources, lake).rows
    assert json.loads(row.facts) == {"reading_direction": "rtl"}


@pytest.mark.parametrize(("name", "former"), [("ep..1", "ep..1"), ("-ep1-", "-ep1-"), ("x" * 180, "x" * 180)])
def test_issues_keep_the_names_that_they_have(root, all_sources, lake, name, former):
    """A catalogue of an earlier version, whose rule for names was another one."""
    put(root, f"{name}/1.jpg")
    titles = titled(root)
    (entry,) = all_sources["folder"].list_issues(titles["mine"])
    assert entry.issue != former
    sync_titles(titles, all_sources, lake)
    known = read_catalogue(lake, "mine")
    assert known.issues[0].issue == entry.issue
    older = Catalogue("mine", issues=(replace(known.issues[0], issue=former),))
    path = catalogue_path(lake, "mine")
    lake.write_json(path, {**lake.read_json(path), "issues": [{**lake.read_json(path)["issues"][0], "issue": former}]})
    assert read_catalogue(lake, "mine") == older
    assert sync_titles(titles, all_sources, lake).keys == (f"mine__{former}",)
    assert [issue.issue for issue in read_catalogue(lake, "mine").issues] == [former]
    assert collect_issue(f"mine__{former}", titles, all_sources, lake).counts == {"ok": 1}
    assert [planned.key for planned in plan_title(titles["mine"], all_sources["folder"], lake)] == [f"mine__{former}"]


def test_a_former_name_goes_to_one_issue_alone():
    entries = [IssueEntry("a-1", "a", former=("x",)), IssueEntry("b-1", "b", former=("x",)), IssueEntry("x", "x")]
    assert [entry.issue for entry in with_known_names(Catalogue("t"), entries)] == ["a-1", "b-1", "x"]


def test_a_list_of_a_moment_ago_shows_nothing_that_is_not_there(root, all_sources, tmp_path):
    put(root, "ep1/1.jpg", "ep2/1.jpg", "ep3/1.jpg", "ep4/1.jpg")
    put(tmp_path, "elsewhere/1.jpg")
    source, title = all_sources["folder"], titled(root)["mine"]
    assert len(source.list_issues(title)) == 4
    put(root, "ep1/2.jpg", "ep5/1.jpg")
    assert [page.name for page in source.list_pages(title, "ep1")] == ["1.jpg", "2.jpg"]
    assert len(source.list_pages(title, "ep5")) == 1
    (root / "ep2/1.jpg").unlink()
    (root / "ep3/1.jpg").unlink()
    (root / "ep3").rmdir()
    (root / "ep4/1.jpg").unlink()
    (root / "ep4").rmdir()
    (root / "ep4").symlink_to(tmp_path / "elsewhere")
    for issue, state in (("ep2", "empty"), ("ep3", "gone"), ("ep4", "refused")):
        with pytest.raises(IssueUnavailable) as caught:
            source.list_pages(title, issue)
        assert caught.value.state == state


def test_errors_are_named(root, all_sources):
    put(root, "ep1/1.jpg")
    (page,) = all_sources["folder"].list_pages(titled(root)["mine"], "ep1")
    (root / "ep1/1.jpg").unlink()
    with pytest.raises(FetchError, match=r"1\.jpg"):
        all_sources["folder"].fetch(titled(root)["mine"], page, None)
