"""Hostile HTML costs time in proportion to its length; what cannot be read is an HtmlError."""

import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.issue_pages.html_page import HtmlError, read_html

TOKENS = ["<a ", "<a>", "</a>", '<a b="', "<a b='", '"', "'", ">", "<!--", "-->", "<![CDATA[", "]]>", "<![if", "]>"]
TOKENS += ["<?", "<!x", "<!doctype", "&", "&#", "&#1;", "=", "/", "/>", " ", "x", "<script>", "</script>", "</b>"]
TOKENS += ["&#xd800;", "&#57000;", "<div class=x>", "</", "< ", "\0", "--", "<style"]
# Parsers that are not linear in the length take ten seconds and more for each of these.
SLOW = ["<a <a ", '<a b="<!--</]]>"', "<!-- > ", "<![CDATA[ > ", "<b><p>", "<div id=content class=image_thread>"]


def seconds(text: str) -> float:
    started = time.process_time()
    with suppress(HtmlError):
        read_html(text).select("#content div.image_thread")
    return time.process_time() - started


@pytest.mark.parametrize("part", SLOW)
def test_unfinished_markup_takes_linear_time(part):
    assert seconds(part * (100_000 // len(part))) < 3


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(
    before=st.lists(st.sampled_from(TOKENS), max_size=3).map("".join),
    part=st.lists(st.sampled_from(TOKENS), min_size=1, max_size=5).map("".join),
    after=st.sampled_from(["", ">", "'>", '">']),
)
def test_any_repetition_takes_linear_time(before, part, after):
    assert seconds(before + part * (20_000 // len(part)) + after) < 2


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(TOKENS) | st.text(st.characters(), max_size=5), max_size=20).map("".join))
def test_any_text_is_read_or_an_html_error(text):
    with suppress(HtmlError):
        read_html(text).get_text().encode()


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("<p>" * 20_001, "20001 tags, at most 20000"),
        ("x" * (4 * 1024 * 1024 + 1), "4194305 characters"),
        ("<div>" * 300, "more than 200 deep"),
        ("<p><img src=1><img src='2>", "breaks off within a tag: .*<img src='2>"),
        ("<p></p", "breaks off within a tag: '<p></p'"),
    ],
)
def test_unreadable_page_says_why(text, seen):
    with pytest.raises(HtmlError, match=seen):
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


def test_surrogates_are_replaced():
    assert read_html("<p title='&#xD800;'>&#xD800;&#57343;&#228;").get_text().strip() == "\ufffd\ufffdä"


def test_declared_encodings_of_decoded_text_are_ignored():
    text = "<?xml version='1.0' encoding='euc-kr'?><meta charset=iso-8859-1><p>화요일 ä</p>"
    assert read_html(text).get_text().strip() == "화요일 ä"


def test_self_closed_tags_of_xhtml_do_not_swallow_the_page():
    assert len(read_html("<head><title/><script src='x' /></head><img src='1'/>").find_all("img")) == 1


@pytest.mark.parametrize("text", ["", "<!-- x", "<!DOCTYPE html>", "<html><body><p>x</p></body></html>", "<script>x"])
def test_mark_of_the_end_is_not_in_the_tree(text):
    assert "\ue000" not in str(read_html(text))
