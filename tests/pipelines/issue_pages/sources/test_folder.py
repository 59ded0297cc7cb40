"""Folders as a source: real comics, and folders as people leave them."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import copyfile

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.issue_pages.catalogue import read_catalogue, sync_titles
from pipelines.issue_pages.client.fetch_error import NotAPicture
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.entry import IssueUnavailable, ListingFailed
from pipelines.issue_pages.local_files import Unreadable
from pipelines.lake import natural_key
from pipelines.titles import Title
from tests.pipelines.issue_pages.small_site import picture

COMICS = Path(__file__).resolve().parents[4] / "../shared/data/comics"
needs_comics = pytest.mark.skipif(not COMICS.is_dir(), reason=f"needs the licensed comics in {COMICS}")


def titled(folder: Path, key: str = "mine", **settings) -> dict[str, Title]:
    title = Title(
        key=key,
        source="folder",
        address=str(folder),
        licence="CC-BY-4.0",
        attribution="its author",
        settings=settings,
    )
    return {key: title}


def issue_folder(tmp_path: Path, name: str = "ep 01") -> Path:
    folder = tmp_path / "mine" / name
    folder.mkdir(parents=True)
    return folder


@needs_comics
def test_a_real_webtoon(all_sources, lake):
    titles = titled(COMICS / "climate-frogs-webtoon", "climate-frogs")
    assert sync_titles(titles, all_sources, lake).keys == ("climate-frogs__ep01",)
    report = collect_issue("climate-frogs__ep01", titles, all_sources, lake)
    assert report.counts == {"ok": 26}
    assert {(row.width_px, row.height_px) for row in report.rows} == {(800, 1280)}
    assert collect_issue("climate-frogs__ep01", titles, all_sources, lake).unchanged


@needs_comics
def test_real_paintings_with_alpha(all_sources, lake):
    titles = titled(COMICS / "wesnoth", "wesnoth")
    keys = sync_titles(titles, all_sources, lake).keys
    assert "wesnoth__dead_water" in keys
    assert len(keys) == 5
    report = collect_issue("wesnoth__dead_water", titles, all_sources, lake)
    assert {row.format for row in report.rows} == {"png"}
    files = sorted((COMICS / "wesnoth/dead_water").iterdir())
    stored = lake.read_table(lake.issue_pages("wesnoth__dead_water"))["image"].to_pylist()
    assert {image["bytes"] for image in stored} == {file.read_bytes() for file in files}


def test_natural_order_and_what_is_no_page(tmp_path, all_sources, lake):
    folder = issue_folder(tmp_path)
    for number in (10, 9, 1):
        (folder / f"p{number}.jpg").write_bytes(picture(number))
    for name in (".DS_Store", "Thumbs.db", "LICENSE.txt", "README.md", "ComicInfo.xml"):
        (folder / name).write_bytes(b"no page")
    (folder / "script.docx").write_bytes(b"PK words")
    titles = titled(tmp_path / "mine")
    report = collect_issue("mine__ep-01", titles, all_sources, lake)
    assert [(row.name, row.status) for row in report.rows] == [
        ("p1.jpg", "ok"),
        ("p9.jpg", "ok"),
        ("p10.jpg", "ok"),
        ("script.docx", "no_picture"),
        (".DS_Store", "leftover"),
        ("LICENSE.txt", "leftover"),
        ("README.md", "leftover"),
        ("Thumbs.db", "leftover"),
    ]
    assert report.rows[0].url == (folder / "p1.jpg").as_uri()


@pytest.mark.parametrize("suffix", ["png", "gif", "bmp", "tiff", "webp", "tga", "ppm", "jp2", "avif"])
def test_any_format(tmp_path, all_sources, lake, suffix):
    folder = issue_folder(tmp_path)
    Image.new("RGB", (32, 48), (200, 30, 60)).save(folder / f"1.{suffix}")
    (row,) = collect_issue("mine__ep-01", titled(tmp_path / "mine"), all_sources, lake).rows
    assert (row.status, row.format, row.width_px, row.height_px) == ("ok", suffix, 32, 48)


@pytest.mark.parametrize(
    ("suffix", "form"), [("hdr", "hdr"), ("pic", "hdr"), ("pfm", "pfm"), ("ras", "sun"), ("sr", "sun")]
)
def test_formats_that_opencv_writes(tmp_path, all_sources, lake, suffix, form):
    folder = issue_folder(tmp_path)
    floats = suffix in ("hdr", "pic", "pfm")
    rgb = np.full((48, 32, 3), 0.5 if floats else 128, np.float32 if floats else np.uint8)
    assert cv2.imwrite(str(folder / f"1.{suffix}"), rgb)
    (row,) = collect_issue("mine__ep-01", titled(tmp_path / "mine"), all_sources, lake).rows
    assert (row.status, row.format, row.width_px, row.height_px) == ("ok", form, 32, 48)


def test_a_picture_is_known_by_its_bytes_whatever_its_name(tmp_path, all_sources, lake):
    folder = issue_folder(tmp_path)
    image = Image.new("RGB", (32, 48), (200, 30, 60))
    for number, form in enumerate(("PNG", "SGI", "PPM", "DDS"), start=1):
        image.save(folder / f"{number}.page", format=form)
    image.save(folder / "5", format="TGA")
    (folder / "6.page").write_bytes(b"P3 in the morning is a time, not a picture")
    (folder / "7.txt").write_bytes(b"what they say")
    rows = collect_issue("mine__ep-01", titled(tmp_path / "mine"), all_sources, lake).rows
    assert [row.status for row in rows] == ["ok"] * 5 + ["no_picture"] * 2
    assert [row.format for row in rows[:5]] == ["png", "sgi", "ppm", "dds", "tga"]


@pytest.mark.parametrize("suffix", ["hdr", "pfm", "heic", "jxl", "psd"])
def test_what_is_called_a_picture_and_cannot_be_read_fails(tmp_path, all_sources, lake, suffix):
    (issue_folder(tmp_path) / f"1.{suffix}").write_bytes(b"no picture")
    with pytest.raises(PagesFailed, match=rf"page 1: not_a_picture.*1\.{suffix}.*replace the file"):
        collect_issue("mine__ep-01", titled(tmp_path / "mine"), all_sources, lake)


def test_a_broken_page_fails_its_issue_and_its_repair_completes_it(tmp_path, all_sources, lake):
    folder = issue_folder(tmp_path)
    (folder / "1.jpg").write_bytes(picture(1))
    (folder / "2.jpg").write_bytes(picture(2)[:900])
    titles = titled(tmp_path / "mine")
    with pytest.raises(
        PagesFailed, match=r"mine__ep-01: 1 of 2 pages failed(?s:.)*page 2: not_a_picture.*2\.jpg.*replace"
    ):
        collect_issue("mine__ep-01", titles, all_sources, lake)
    (folder / "2.jpg").write_bytes(picture(2))
    report = collect_issue("mine__ep-01", titles, all_sources, lake)
    assert (report.counts, report.fetched, report.not_modified) == ({"ok": 2}, 1, 1)


def test_a_page_that_is_replaced_is_seen(tmp_path, all_sources, lake):
    folder = issue_folder(tmp_path)
    (folder / "1.jpg").write_bytes(picture(1))
    titles = titled(tmp_path / "mine")
    first = collect_issue("mine__ep-01", titles, all_sources, lake)
    copyfile(folder / "1.jpg", folder / "2.jpg")
    (folder / "1.jpg").write_bytes(picture(3))
    second = collect_issue("mine__ep-01", titles, all_sources, lake)
    assert not second.unchanged
    assert second.digest != first.digest
    assert second.rows[1].sha256 == first.rows[0].sha256


def test_missing_and_empty_folders_say_so(tmp_path, all_sources, lake):
    folder = all_sources["folder"]
    with pytest.raises(ListingFailed, match=r"no such folder.*titles.yaml"):
        folder.list_issues(titled(tmp_path / "nowhere")["mine"])
    (tmp_path / "mine").mkdir()
    title = titled(tmp_path / "mine")["mine"]
    with pytest.raises(ListingFailed, match="it is empty; make one subfolder an issue"):
        folder.list_issues(title)
    (tmp_path / "mine" / "1.jpg").write_bytes(picture(1))
    with pytest.raises(ListingFailed, match=r"pages lie beside each other.*set `flat`"):
        folder.list_issues(title)
    issue_folder(tmp_path, "ep1")
    assert {entry.name: entry.state for entry in folder.list_issues(title)} == {"1.jpg": "unknown", "ep1": "empty"}
    for issue, state in (("ep1", "empty"), ("ep2", "gone")):
        with pytest.raises(IssueUnavailable, match=f"mine: issue {issue}") as caught:
            folder.list_pages(title, issue)
        assert caught.value.state == state


def test_names_that_no_key_holds_or_that_would_be_one(tmp_path, all_sources, lake):
    for name in ("ep#1", "ep 1", "ep-1", "Ep-2", "ep-2", "(!)"):
        (issue_folder(tmp_path, name) / "1.jpg").write_bytes(picture(len(name)))
    titles = titled(tmp_path / "mine")
    keys = sync_titles(titles, all_sources, lake).keys
    names = {issue.name: issue.issue for issue in read_catalogue(lake, "mine").issues}
    assert names["ep-1"] == "ep-1"
    marked = {name: re.fullmatch(r"(.+)-[0-9a-f]{8}", names[name]) for name in ("ep#1", "ep 1", "Ep-2", "ep-2", "(!)")}
    assert [match and match[1] for match in marked.values()] == ["ep-1", "ep-1", "Ep-2", "ep-2", "issue"]
    assert len({key.casefold() for key in keys}) == 6
    for key in keys:
        assert collect_issue(key, titles, all_sources, lake).counts == {"ok": 1}


def flat_folder(tmp_path: Path, names: list[str]) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(picture(number))
    return folder


def test_a_flat_folder_of_illustrations_is_divided_by_names(tmp_path, all_sources, lake):
    names = [f"{number}.jpg" for number in range(40)]
    folder = flat_folder(tmp_path, [*names, "LICENSE.txt"])
    titles = titled(folder, flat=True, issues=4)
    keys = sync_titles(titles, all_sources, lake).keys
    assert keys == ("mine__1-of-4", "mine__2-of-4", "mine__3-of-4", "mine__4-of-4")
    reports = [collect_issue(key, titles, all_sources, lake) for key in keys]
    collected = [row.name for report in reports for row in report.rows]
    assert sorted(collected) == sorted(names)
    for report in reports:
        assert len(report.rows) >= 4
        assert [row.name for row in report.rows] == sorted((row.name for row in report.rows), key=natural_key)
        assert collect_issue(report.key, titles, all_sources, lake).unchanged


def test_an_illustration_more_or_less_moves_no_other(tmp_path, all_sources, lake):
    folder = flat_folder(tmp_path, [f"{number}.jpg" for number in range(40)])
    titles = titled(folder, flat=True, issues=4)
    keys = sync_titles(titles, all_sources, lake).keys
    before = {row.name: key for key in keys for row in collect_issue(key, titles, all_sources, lake).rows}
    (folder / "7.jpg").unlink()
    (folder / "new.jpg").write_bytes(picture(99))
    reports = [collect_issue(key, titles, all_sources, lake) for key in keys]
    after = {row.name: report.key for report in reports for row in report.rows}
    assert after.pop("new.jpg") in keys
    assert before.pop("7.jpg") in keys
    assert after == before
    assert sum(report.fetched for report in reports) == 1


def test_a_flat_folder_that_is_none_says_so(tmp_path, all_sources):
    source = all_sources["folder"]
    folder = flat_folder(tmp_path, ["1.jpg"])
    title = titled(folder, flat=True)["mine"]
    states = {entry.issue: entry.state for entry in source.list_issues(title)}
    assert sorted(states.values()) == ["empty"] * 15 + ["free"]
    empty = next(issue for issue, state in states.items() if state == "empty")
    for issue, state in ((empty, "empty"), ("1-of-9", "gone")):
        with pytest.raises(IssueUnavailable, match=f"mine: issue {issue}: ") as caught:
            source.list_pages(title, issue)
        assert caught.value.state == state
    (folder / "more").mkdir()
    (folder / "@eaDir").mkdir()
    beside = {entry.name: entry for entry in source.list_issues(title) if entry.issue not in states}
    assert {name: entry.state for name, entry in beside.items()} == {"more": "unknown", "@eaDir": "leftover"}
    assert "more: a folder, but `flat` is set" in beside["more"].note
    (folder / "1.jpg").unlink()
    with pytest.raises(ListingFailed, match=r"no illustration in .*; there are folders: more"):
        source.list_issues(title)


@contextmanager
def without_rights() -> Iterator[None]:
    """Root may read everything: another user, for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder():
    """A folder that other users may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("source", ["folder", "archive", "video", "danbooru_dump"])
def test_a_folder_that_may_not_be_read_is_an_error_with_a_name(open_folder, all_sources, source):
    shut = open_folder / ("original/0001" if source == "danbooru_dump" else "shut")
    shut.mkdir(parents=True)
    address = {"folder": open_folder, "danbooru_dump": open_folder}.get(source, shut)
    title = titled(address)["mine"].model_copy(update={"source": source})
    shut.chmod(0)
    if source == "folder":  # one issue of several
        with without_rights():
            (entry,) = all_sources[source].list_issues(title)
        assert entry.state == "unreadable"
        assert re.search("shut: cannot be read .*Permission denied.*rights", entry.note)
    else:
        with without_rights(), pytest.raises(ListingFailed, match=rf"mine: .*{shut.name}: .*Permission denied.*rights"):
            all_sources[source].list_issues(title)
    long = title.model_copy(update={"address": "x" * 300})
    with pytest.raises(ListingFailed, match=r"mine: .*File name too long.*check the address"):
        all_sources[source].list_issues(long)


@pytest.mark.parametrize("flat", [False, True])
def test_names_that_are_no_utf8(tmp_path, all_sources, lake, flat):
    name = os.fsdecode(b"caf\xe9.jpg")
    folder = tmp_path / "mine" if flat else issue_folder(tmp_path, "ep01")
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(picture(1))
    titles = titled(tmp_path / "mine", **({"flat": True, "issues": 1} if flat else {}))
    (key,) = sync_titles(titles, all_sources, lake).keys
    report = collect_issue(key, titles, all_sources, lake)
    assert [(row.name, row.status) for row in report.rows] == [("caf?.jpg", "ok")]
    assert report.rows[0].url.endswith("/caf%E9.jpg")
    assert collect_issue(key, titles, all_sources, lake).not_modified == 1
    (tmp_path / "mine" / os.fsdecode(b"\xff")).mkdir()
    assert sync_titles(titles, all_sources, lake).keys == (key,)
    assert [(issue.name, issue.state) for issue in read_catalogue(lake, "mine").issues][1:] == [
        ("?", "unknown" if flat else "empty")
    ]


_NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12) | st.sampled_from(
    ["1.jpg", "01.jpg", "Thumbs.db", "9" * 60 + ".jpg", "LICENSE", "..jpg", "a..b", ".hidden", "٣.png", "\udce9.gif"]
)
_BYTES = st.sampled_from([picture(1), picture(2, "PNG"), picture(3)[:700], b"", b"GIF89a", b"text"]) | st.binary(
    max_size=40
)


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    files=st.lists(st.tuples(_NAMES, st.none() | _NAMES, _BYTES), max_size=6),
    flat=st.booleans(),
)
def test_any_folder_gives_pages_or_errors_with_a_name(all_sources, files, flat):
    with tempfile.TemporaryDirectory() as root:
        for folder, name, data in files:
            with suppress(OSError):  # a name that the system does not take, or that is there as the other kind
                path = Path(root, folder) if name is None else Path(root, folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
        title = titled(Path(root), **({"flat": True, "issues": 3} if flat else {}))["mine"]
        source = all_sources["folder"]
        with suppress(ListingFailed):
            for entry in source.list_issues(title):
                entry.name.encode()
                with suppress(IssueUnavailable):
                    for page in source.list_pages(title, entry.issue):
                        page.name.encode()
                        assert page.url.startswith(Path(root).as_uri())
                        with suppress(Unreadable, NotAPicture):
                            source.fetch(title, page, None)
