"""Hostile HTML costs no more time than its length, and what is no HTML is an error with a name."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.issue_pages.html_page import NoHtml, read_html

TOKENS = ["<a ", "<a>", "</a>", '<a b="', "<a b='", '"', "'", ">", "<!--", "-->", "<![CDATA[", "]]>", "<![if", "]>"]
TOKENS += ["<?", "<!x", "<!doctype", "&", "&#", "&#1;", "=", "/", "/>", " ", "x", "<script>", "</script>", "</b>"]
TOKENS += ["&#xd800;", "&#57000;", "<div class=x>", "</", "< ", "\0", "--", "<style"]
# Python 3.11.7's own way takes ten seconds and more for each of these.
SLOW = ["<a <a ", '<a b="<!--</]]>"', "<!-- > ", "<![CDATA[ > ", "<div id=content class=image_thread>"]


def seconds(text: str) -> float:
    started = time.process_time()
    with suppress(NoHtml):
        read_html(text).select("#content div.image_thread")
    return time.process_time() - started


@pytest.mark.parametrize("part", SLOW)
def test_what_does_not_end_costs_no_more_than_its_length(part):
    assert seconds(part * (100_000 // len(part))) < 3


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    before=st.lists(st.sampled_from(TOKENS), max_size=3).map("".join),
    part=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=5).map("".join),
    after=st.sampled_from(["", ">", "'>", '">']),
)
def test_any_repetition_costs_no_more_than_its_length(before, part, after):
    assert seconds(before + part * (20_000 // len(part)) + after) < 2


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(TOKENS) | st.text(max_size=5), max_size=20).map("".join))
def test_any_text_is_html_or_an_error_with_a_name(text):
    with suppress(NoHtml):
        read_html(text).get_text().encode()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<p>" * 20_001, "20001 tags, at most 20000"),
        ("x" * (4 * 1024 * 1024 + 1), "4194305 signs"),
        ("<p>" * 300, "more than 200 deep"),
        ("<p><img src=1><img src='2>", "breaks off within the tag \"<img src='2>"),
        ("<p></p", "breaks off within the tag '</p"),
    ],
)
def test_what_is_no_page_of_a_known_site_says_why(text, seen):
    with pytest.raises(NoHtml, match=seen):
        read_html(text)


@pytest.mark.parametrize(
    ("text", "pictures"),
    [
        ("<p>a&#;b</p><img src=1>&#x;<img src=2>", ["1", "2"]),
        ("<img src=1>&#" + "9" * 5000 + ";<img src=2>", ["1", "2"]),
        ("<![foo<img src=1><img src=2>", ["2"]),
        ("<![endif]--><img src=1><!--[if IE]><img src=2><![endif]-->", ["1"]),
        ("<img src=1><!-- <img src=2>", ["1"]),
        ("<script>if (a<b) x = '<img src=1>'", []),
        ("<img src='a&amp;b'> <", ["a&b"]),
    ],
)
def test_odd_pages_show_what_a_browser_shows(text, pictures):
    assert [image.get("src") for image in read_html(text).find_all("img")] == pictures


def test_half_a_sign_is_none():
    assert read_html("<p title='&#xD800;'>&#xD800;&#57343;&#228;").get_text().strip() == "\ufffd\ufffdä"
