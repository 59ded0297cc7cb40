"""Files of hints: one hint for all pages, or hints of single pages."""

import pytest

from pipelines.books.book import Page
from pipelines.colorize.book_hints import BookHints
from pipelines.colorize.hints import Hint, HintError, Point

RED = Hint(points=(Point(0.5, 0.5, (255, 0, 0)),))
PAGES = [Page(number, name, bytes) for number, name in enumerate(("a/1.png", "a/2.png", "b/2.png"), start=1)]


def test_one_hint_is_for_every_page():
    assert BookHints.from_json(RED.to_json()) == BookHints(every=RED)


def test_hints_of_pages_are_found_by_path_or_by_a_clear_name():
    hints = BookHints.from_json(f'{{"pages": {{"1.png": {RED.to_json()}, "b/2.png": {RED.to_json()}}}}}')
    assert hints.by_number(PAGES) == {1: RED, 3: RED}


@pytest.mark.parametrize("name", ["2.png", "none.png"])
def test_a_page_that_is_not_clear_is_named(name):
    with pytest.raises(ValueError, match=rf"{name}'.*a/"):
        BookHints(pages={name: RED}).by_number(PAGES)


@pytest.mark.parametrize(
    "text", ["[", "[]", '{"pages": []}', '{"pages": {"1.png": {"points": 3}}}', '{"pages": {}, "x": 1}']
)
def test_what_is_no_hint_is_refused(text):
    with pytest.raises(HintError):
        BookHints.from_json(text)


def test_a_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        BookHints.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ValueError, match=r"bad\.json: no hints"):
        BookHints.read(tmp_path / "bad.json")
