"""Files that people wrote as YAML, and files that mean harm: values, or one line that names file and line."""

import time
from pathlib import Path

import pytest

from assets.settings import SettingsError, load_settings
from pipelines.issue_pages.sources.registry import SOURCES
from pipelines.titles import TitlesError, load_titles
from pipelines.yaml import read_yaml


class Wrong(Exception):
    """The error of the reader's caller."""


def read(tmp_path: Path, content: str | bytes) -> object:
    file = tmp_path / "x.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_yaml(file, Wrong)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("content", "line", "problem"),
    [
        ("a: 1\nb: " + "[" * 5000 + "]" * 5000, 2, "nested more than 30 deep"),
        ("a:\n" + "\n".join("  " * depth + "a:" for depth in range(1, 300)), 31, "nested more than 30 deep"),
        (LAUGHS, 6, "more than 200000 values, with its aliases written out"),
        ("a: &a [1, *a]", 1, r"\*a stands for what it is a part of"),
        ("a: *nothing", 1, "undefined alias"),
        ("a: 1\n\tb: 2", 2, "not valid YAML"),
        ("a: 1\nb:\n  c: 1\n  c: 2", 4, r"b\.c: given twice; remove one"),
        ("? [a]\n: 1", 1, "a key must be a word or a number"),
        ("a: &a b\n*a : 1", 2, "a key must be a word or a number"),
        ("a: 1\n" + "b: " + "1" * 5000, 2, "no value of YAML .*put it into quotes"),
        ("a: 2024-01-01\nb: 2024-13-45", 2, "no value of YAML"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2, "no value of YAML .*python"),
        ("a: 1\nb: {<<: 5}", 2, "no value of YAML .*mapping"),
        ("a: 1\n---\nb: 2", 2, "not valid YAML"),
        ('a: 1\nb: "\x01"', 2, "not valid YAML: special characters"),
        ("a: 1\nb: 1\n".encode("utf-16"), 1, "no UTF-8 text .*save it as UTF-8"),
        (b"a: 1\nb: caf\xe9", 2, "no UTF-8 text"),
        ("%YAML " + "1" * 5000 + ".1\n---\na: 1", 1, "not valid YAML"),
    ],
)
def test_what_is_no_file_for_people_is_one_line_with_its_place(tmp_path, content, line, problem):
    started = time.monotonic()
    with pytest.raises(Wrong, match=rf"x\.yaml:{line}: .*({problem})") as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < 5


def test_what_people_write_is_read(tmp_path):
    assert read(tmp_path, "\ufeffa: 1") == {"a": 1}
    assert read(tmp_path, "") is None
    assert read(tmp_path, "a: &base {x: 1, y: 2}\nb: {<<: *base, y: 3}") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
    }
    assert read(tmp_path, "a: [&n 1, *n]\nb: 1e3\nc: 한국어") == {"a": [1, 1], "b": "1e3", "c": "한국어"}


def test_what_is_no_file_and_what_is_too_long(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(Wrong, match=r"folder: no file"):
        read_yaml(tmp_path / "folder", Wrong)
    with pytest.raises(Wrong, match=r"x\.yaml: more than 2097152 bytes"):
        read(tmp_path, "# " + "x" * 3_000_000)
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "none.yaml", Wrong)


def test_titles_and_settings_are_read_so(tmp_path):
    for load, wrong in (
        (lambda f: load_titles(f, sources=SOURCES, variables={}), TitlesError),
        (load_settings, SettingsError),
    ):
        for content, line in (("a: " + "[" * 900, 1), (LAUGHS, 6), ("panels: {}\npanels: {}", 2), ("? [a]\n: b", 1)):
            file = tmp_path / "x.yaml"
            file.write_text(content)
            with pytest.raises(wrong, match=rf"x\.yaml:{line}: "):
                load(file)


def test_titles_may_share_what_they_have_in_common(tmp_path):
    file = tmp_path / "titles.yaml"
    first = "titles:\n  one: &same\n    source: folder\n    address: a\n    licence: CC0-1.0\n    attribution: me\n"
    file.write_text(f"{first}  two:\n    <<: *same\n    address: b\n")
    titles = load_titles(file, sources=SOURCES, variables={})
    assert {key: Path(title.address).name for key, title in titles.items()} == {"one": "a", "two": "b"}
    file.write_text(f"{first.replace('folder', 'nowhere')}  two:\n    <<: *same\n    address: b\n")
    with pytest.raises(TitlesError, match=r"titles\.yaml:3: one\.source: 'nowhere' is no source"):
        load_titles(file, sources=SOURCES, variables={})
