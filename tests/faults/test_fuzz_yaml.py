"""titles.yaml and settings.yaml with anything in them: values, or one line that names the file."""

import time
from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from assets.settings import SettingsError, load_settings
from pipelines.issue_pages.sources.registry import SOURCES
from pipelines.titles import TitlesError, load_titles

TITLES = b"""titles:
  one: &base
    source: folder
    address: comics/${PLACE:-one}
    licence: CC-BY-4.0
    attribution: "One & all"
    settings: {flat: true, issues: 3}
    panels: {max_side_px: 1400}
  two:
    <<: *base
    address: https://${HOST}/list?token=${TOKEN}
    source: naver
    settings: {}
"""
SETTINGS = b"""issue_pages: {spacing_s: 2.0, licences: [CC0-1.0]}
panels: {min_side_px: 100}
colorizer: &c {steps: 10}
evaluation: {}
"""
PIECES = st.sampled_from(
    [
        *(b"&a ", b"*a", b"<<: ", b"!!python/name:os.system ", b"!!binary ", b"? ", b"- ", b"[", b"{", b"}", b": "),
        *(b"'", b'"', b"|\n", b">\n", b"%YAML 9.9\n", b"---\n", b"...\n", b"~", b".inf", b"0x" + b"f" * 60, b"\t"),
        *(b"1e999", b"\xff", b"\xef\xbb\xbf", b"\0", b"2024-13-45", b"null: ", b"12:30:45", b"#", b"\x85", b"1" * 5000),
        b"[" * 300,
    ]
)


@st.composite
def spoilt(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file into which pieces of YAML, or any bytes, are put, and of which parts are lost or repeated."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(data)))
        piece = draw(PIECES | st.binary(max_size=6) | st.just(bytes(data[place : place + 60])))
        data[place : place + draw(st.sampled_from([0, 0, 0, 1, 4, 20]))] = piece
    return bytes(data)


def check(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    started = time.monotonic()
    if file.name == "titles.yaml":
        load, wrong = (
            lambda: load_titles(file, sources=SOURCES, variables={"HOST": "h", "TOKEN": "s3cret"}),
            TitlesError,
        )
    else:
        load, wrong = lambda: load_settings(file), SettingsError
    problem = ""
    try:
        load()
    except wrong as error:
        problem = str(error)
    assert not problem or problem.startswith(str(file))
    assert "\n" not in problem
    assert time.monotonic() - started < 10
    assert list(file.parent.iterdir()) == [file]


@given(st.binary(max_size=60) | spoilt(TITLES))
def test_any_titles(tmp_path, data):
    check(tmp_path / "titles.yaml", data)


@given(st.binary(max_size=60) | spoilt(SETTINGS))
def test_any_settings(tmp_path, data):
    check(tmp_path / "settings.yaml", data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.sampled_from(["address", "licence", "settings", "panels", "name", "source", "key", "other"]),
)
def test_any_value_of_a_title(tmp_path, value, key):
    import yaml

    one = {"source": "folder", "address": "a", "licence": "x", "attribution": "y", key: value}
    check(
        tmp_path / "titles.yaml",
        yaml.safe_dump({"titles": {"one": one}}, allow_unicode=True).encode("utf-8", "replace"),
    )


def test_what_is_meant_is_read(tmp_path):
    with suppress(SettingsError):
        check(tmp_path / "settings.yaml", SETTINGS)
    (tmp_path / "settings.yaml").unlink()
    (tmp_path / "titles.yaml").write_bytes(TITLES)
    titles = load_titles(tmp_path / "titles.yaml", sources=SOURCES, variables={"HOST": "h.example", "TOKEN": "s3cret"})
    assert titles["two"].shown(titles["two"].address) == "https://${HOST}/list?token=${TOKEN}"
