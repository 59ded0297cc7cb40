"""Archives of every kind with bytes and names that nobody would pack: pages, rows with reasons, or a declared error.

Nothing is written beside them, and memory and time have bounds.
"""

import io
import resource
import tarfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.issue_pages.archives.comic_info import read_comic_info
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import NotAPicture
from pipelines.issue_pages.entry import SKIP_STATUSES, IssueUnavailable, ListingFailed
from pipelines.issue_pages.local_files import Unreadable
from pipelines.issue_pages.sources.archive import ArchiveSource
from pipelines.titles import Title
from tests.pipelines.issue_pages.packed import epub_files, write_7z, write_pdf, write_rar, write_tar, write_zip
from tests.pipelines.issue_pages.small_site import picture

LIMITS = {"max_entry_mib": 16, "max_total_mib": 64}
MAX_SECONDS = 20  # of one archive, on a machine under load
MAX_GROWTH_KIB = 700 * 1024
INFO = (
    b"<ComicInfo><Title>T</Title><Manga>YesAndRightToLeft</Manga>"
    b"<Pages><Page Image='0' Type='Story'/></Pages></ComicInfo>"
)
PACKERS = {
    "cbz": write_zip,
    "cbt": write_tar,
    "tar.gz": lambda file, files: write_tar(file, files, packing="gz"),
    "tar.bz2": lambda file, files: write_tar(file, files, packing="bz2"),
    "tar.xz": lambda file, files: write_tar(file, files, packing="xz"),
    "cb7": write_7z,
    "cbr": write_rar,
    "epub": lambda file, files: write_zip(file, epub_files({k: v for k, v in files.items() if k.endswith("jpg")})),
    "pdf": lambda file, files: write_pdf(file, [data for name, data in files.items() if name.endswith("jpg")]),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """An archive of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    files = {"ch 1/1.jpg": picture(1), "2.jpg": picture(2), "ComicInfo.xml": INFO, "@eaDir/1.jpg": picture(3)}
    flat = {name.rpartition("/")[2]: data for name, data in files.items()}
    made: dict[str, bytes] = {}
    for kind, pack in PACKERS.items():
        pack(folder / f"1.{kind}", flat if kind in ("epub", "pdf") else files)
        made[kind] = (folder / f"1.{kind}").read_bytes()
    return made


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """Bytes of which some are replaced, lost, repeated or cut off, mostly where the structure is: at both ends."""
    content = bytearray(data)
    for _ in range(draw(st.integers(1, 8))):
        end = max(0, len(content) - 1)
        place = draw(st.integers(0, end) | st.integers(0, min(400, end)) | st.integers(max(0, end - 400), end))
        size = draw(st.integers(0, 12))
        what = draw(st.sampled_from(["replace", "insert", "remove", "repeat", "large"]))
        if what == "repeat":
            content[place:place] = content[place : place + size] * draw(st.integers(1, 40))
        elif what == "large":
            content[place : place + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4)]))
        else:
            new = b"" if what == "remove" else draw(st.binary(max_size=12))
            content[place : place + (0 if what == "insert" else size)] = new
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


def read_all(file: Path, **settings: object) -> list[str]:
    """Everything that the source makes of a file: the states of its issues and pages."""
    source = ArchiveSource(Client())
    title = Title(
        key="t", source="archive", address=str(file), licence="x", attribution="y", settings={**LIMITS, **settings}
    )
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    said: list[str] = []
    with suppress(ListingFailed):
        for entry in source.list_issues(title):
            said.append(f"{entry.issue} {entry.state} {entry.name} {entry.note} {dict(entry.facts)!r}")
            with suppress(IssueUnavailable):
                for page in source.list_pages(title, entry.issue):
                    assert page.skip is None or page.skip.status in SKIP_STATUSES
                    page.name.encode()
                    page.url.encode()
                    with suppress(Unreadable, NotAPicture):
                        if page.skip is None:
                            source.fetch(title, page, None)
    assert time.monotonic() - started < MAX_SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH_KIB
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    return said


@pytest.mark.parametrize("kind", PACKERS)
@given(data=st.data())
def test_mutated_archives(tmp_path, whole, kind, data):
    file = tmp_path / f"1.{kind}"
    file.write_bytes(data.draw(mutated(whole[kind])))
    read_all(file)


NAMES = st.one_of(
    st.binary(min_size=1, max_size=30),
    st.text(min_size=1, max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from(
            [b"..", b".", b"/", b"\\", b"C:", b"1.jpg", b"@eaDir", b"__MACOSX", b"._1.jpg", b"\x95\x5c", b" "]
        ),
        min_size=1,
        max_size=6,
    ).map(b"".join),
    st.sampled_from(["제1화_01.jpg".encode("cp949"), "第一話/表紙.jpg".encode("shift_jis"), b"META-INF/container.xml"]),
)
CONTENTS = st.sampled_from([picture(1), picture(2)[:300], b"", b"PK\x03\x04", INFO, b"<html><img src='1.jpg'/></html>"])


@given(
    entries=st.lists(st.tuples(NAMES, CONTENTS, st.booleans()), max_size=6),
    encoding=st.sampled_from([None, "cp949", "shift_jis", "utf-16", "latin-1", "utf-7"]),
)
def test_any_names_in_a_zip_file(tmp_path, entries, encoding):
    file = tmp_path / "1.cbz"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number, (name, content, _) in enumerate(entries):
            archive.writestr(f"{chr(0x67 + number)}" * len(name), content)
    packed = data.getvalue()
    for number, (name, _, is_utf8) in enumerate(entries):
        stand_in = (chr(0x67 + number) * len(name)).encode()
        for magic, flags_at, name_at in ((b"PK\x03\x04", 6, 30), (b"PK\x01\x02", 8, 46)):
            places = [p for p in range(len(packed)) if packed.startswith(magic, p)]
            for place in places:
                if packed[place + name_at :].startswith(stand_in):
                    changed = bytearray(packed)
                    changed[place + name_at : place + name_at + len(name)] = name
                    changed[place + flags_at + 1] |= 0x08 if is_utf8 else 0
                    packed = bytes(changed)
                    break
    file.write_bytes(packed)
    read_all(file, encoding=encoding)


@given(
    st.lists(
        st.tuples(
            NAMES,
            CONTENTS,
            st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]),
        ),
        max_size=6,
    )
)
def test_any_names_and_kinds_in_a_tar_file(tmp_path, entries):
    file = tmp_path / "1.cbt"
    with tarfile.open(file, "w", errors="surrogateescape") as archive:
        for name, content, kind in entries:
            member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            member.type, member.linkname = kind, "/etc/passwd"
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content))
    said = " ".join(read_all(file))
    assert "root:" not in said


@given(
    data=st.binary(max_size=80) | mutated(INFO), encoding=st.sampled_from([None, "cp949", "utf-16", "latin-1", "utf-7"])
)
def test_any_comic_info(data, encoding):
    info = read_comic_info(data, encoding=encoding)
    assert info.problem or info.facts or info.page_types or info.name is None
