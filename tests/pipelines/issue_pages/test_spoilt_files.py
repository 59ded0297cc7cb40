"""Any picture, ComicInfo.xml, book or titles.yaml is understood, or gives an error with a name."""

import io
import json
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.issue_pages.archives.comic_info import read_comic_info
from pipelines.issue_pages.archives.entry import ArchiveLimits, Entry, require_harmless
from pipelines.issue_pages.archives.epub import NoSpine, read_spine
from pipelines.issue_pages.entry import IssueUnavailable
from pipelines.issue_pages.picture import read_picture
from pipelines.issue_pages.sources.registry import SOURCES
from pipelines.titles import TitlesError, load_titles
from tests.pipelines.issue_pages.packed import epub_files

quick = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
JUNK = [b"", b"\0", b"\xff\xff\xff\xff", b"<![x", b"<", b">", b"&#" + b"9" * 5000 + b";", b"//[", b"..", b"-1", b"\xe9"]


@st.composite
def spoilt(draw, whole: bytes) -> bytes:
    """Bytes of which some are replaced, lost or cut off."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 8))] = draw(st.binary(max_size=4) | st.sampled_from(JUNK))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 4)) == 0 else data)


def encoded(form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (18, 24, 3), np.uint8)).save(buffer, form)
    return buffer.getvalue()


FORMATS = ["AVIF", "BMP", "DDS", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP"]


@pytest.mark.parametrize(
    ("form", "place", "other"),
    [("AVIF", 130, b"\xff\xff\xff\xff"), ("DDS", 80, b"\0\0\0\0"), ("DDS", 80, b"\0\0\0\x40")],
)
def test_damage_that_pillow_has_no_error_of_its_own_for(form, place, other):
    data = encoded(form)
    with pytest.raises(ValueError, match=r"1\.x: no whole picture"):
        read_picture(data[:place] + other + data[place + 4 :], name="1.x")


@quick
@given(st.sampled_from(FORMATS).map(encoded).flatmap(spoilt))
def test_spoilt_pictures_are_pictures_or_errors_with_a_name(data):
    with suppress(ValueError):
        read_picture(data, name="1")


COMIC_INFO = b"""<?xml version="1.0" encoding="utf-8"?><ComicInfo><Title>T</Title><Series>S</Series><Number>1.5</Number>
<Year>2014</Year><Month>5</Month><Day>10</Day><Web>https://one.example</Web>
<Writer>A, B</Writer><PageCount>3</PageCount><Pages><Page Image="0" Type="FrontCover"/><Page Image="1"/></Pages>
</ComicInfo>"""


@quick
@given(spoilt(COMIC_INFO) | st.binary(max_size=60))
def test_a_spoilt_comic_info_says_something_or_why_not(data):
    info = read_comic_info(data)
    assert info.problem or info.facts or not info.page_types
    json.dumps([info.facts, info.page_facts, info.people, info.name]).encode()


BOOK = epub_files({"a.jpg": b"a", "b.jpg": b"b"}) | {
    "META-INF/encryption.xml": b"<encryption><CipherReference URI='OEBPS/font.otf'/></encryption>"
}


@quick
@given(data=st.data())
def test_a_spoilt_book_has_a_spine_or_says_why_not(data):
    name = data.draw(st.sampled_from([name for name in BOOK if not name.endswith((".jpg", "mimetype"))]))
    book = {**BOOK, name: data.draw(spoilt(BOOK[name]))}
    with suppress(NoSpine):
        spine = read_spine([Entry(entry, len(content)) for entry, content in book.items()], book.__getitem__)
        assert set(spine.pictures) <= set(book)
        json.dumps([dict(spine.facts), spine.title]).encode()


@quick
@given(
    st.lists(
        st.builds(
            Entry,
            st.text(st.characters(), max_size=8) | st.sampled_from(["../a", "C:a", "a\\..\\b", "/a", "9" * 5000]),
            st.integers(-1, 2**40),
            st.none() | st.integers(0, 2**40),
        ),
        max_size=4,
    )
)
def test_entries_are_harmless_or_the_archive_is_refused(tmp_path, entries):
    file = tmp_path / "1.cbz"
    file.write_bytes(b"PK")
    with suppress(IssueUnavailable):
        for entry in require_harmless(file, entries, ArchiveLimits()):
            if entry.left_out is not None:
                continue
            assert not Path(entry.name).is_absolute()
            assert ".." not in entry.name.replace("\\", "/").split("/")
            entry.name.encode()


TITLES = b"""titles:
  pepper-carrot:
    source: folder
    address: comics/${PLACE:-pepper}
    licence: CC-BY-4.0
    attribution: "Pepper&Carrot by David Revoy"
    settings: {flat: true, issues: 3}
    panels: {max_side_px: 1400}
"""


@quick
@given(spoilt(TITLES) | st.binary(max_size=40))
def test_a_spoilt_list_of_titles_is_read_or_an_error_with_its_line(tmp_path, data):
    file = tmp_path / "titles.yaml"
    file.write_bytes(data)
    with suppress(TitlesError):
        for key, title in load_titles(file, sources=SOURCES, variables={}).items():
            assert title.key == key


@pytest.mark.parametrize(
    "value",
    ["2024-13-45", "!!int x", "!!timestamp x", "1" * 5000, "{[1]: 2}", "<<", "!!python/object:os.system x", r'"a\0b"'],
)
def test_a_value_that_yaml_cannot_make_is_an_error_with_its_line(tmp_path, value):
    file = tmp_path / "titles.yaml"
    file.write_bytes(TITLES.replace(b"comics/${PLACE:-pepper}", value.encode()))
    with pytest.raises(TitlesError, match=r"titles\.yaml:4: (titles\.)?pepper-carrot\.address: "):
        load_titles(file, sources=SOURCES, variables={})
