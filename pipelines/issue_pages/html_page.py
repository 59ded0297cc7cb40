"""HTML of sites and books -> a tree to search, in a time that grows with its length alone. The only parser of HTML.

Python's own parser (before 3.11.14, https://github.com/python/cpython/issues/135462) reads the rest of a page anew for
each tag or comment in it, once one of them does not end. Here the page ends there, as by HTML's standard. A page that
is too long, or nested too deep, is none of a site that is known. Works on texts; touches no files.
"""

import re

from bs4 import BeautifulSoup, Tag
from bs4.builder._htmlparser import BeautifulSoupHTMLParser, HTMLParserTreeBuilder
from bs4.exceptions import ParserRejectedMarkup

_MAX_SIGNS = 4 * 1024 * 1024
_MAX_TAGS = 20_000  # a viewer of the sites that are known has some thousands
_DEEPEST = 200
# Python's parser takes all that follows for text, from the second one on that is no reference.
_NO_REFERENCE = re.compile(r"&#(?!(?:[0-9]{1,9}|[xX][0-9a-fA-F]{1,9})[^0-9a-fA-F])")


class NoHtml(ValueError):
    """A text is no HTML that is read here: the message says why, without its address and the remedy."""


class _Parser(BeautifulSoupHTMLParser):
    def handle_charref(self, name: str) -> None:
        number = int(name[1:], 16) if name[0] in "xX" else int(name)
        # Half of a sign is none, by the standard: no table and no file could hold it.
        if 0xD800 <= number <= 0xDFFF:
            self.handle_data("\N{REPLACEMENT CHARACTER}")
        else:
            super().handle_charref(name)

    def close(self) -> None:
        # What is left does not end. A comment and a script go on to the page's end; a tag means that it broke off.
        if re.match("</?[a-zA-Z]", self.rawdata) and self.cdata_elem is None:
            raise NoHtml(f"it breaks off within the tag {self.rawdata[:30]!r}")
        self.rawdata = ""
        super().close()


class _Builder(HTMLParserTreeBuilder):
    def feed(self, markup: str | bytes) -> None:
        super().feed(markup, _Parser)  # pyright: ignore[reportCallIssue]  the stubs are of an older version


class _Tree(BeautifulSoup):
    def pushTag(self, tag: Tag) -> None:  # noqa: N802  as it is called there
        super().pushTag(tag)
        # A selector climbs from each tag to the root, so depth is time.
        if len(self.tagStack) > _DEEPEST:
            raise NoHtml(f"tags within tags, more than {_DEEPEST} deep")


def read_html(text: str) -> BeautifulSoup:
    """The tree of a page. Raises NoHtml."""
    if len(text) > _MAX_SIGNS:
        raise NoHtml(f"{len(text)} signs, at most {_MAX_SIGNS} are read")
    if (count := text.count("<")) > _MAX_TAGS:
        raise NoHtml(f"{count} tags, at most {_MAX_TAGS} are read")
    # A marked section is a comment up to the next ">", by the standard; the parser knows some, and gives up on others.
    text = _NO_REFERENCE.sub("&amp;#", text).replace("<![", "<!-[") + "\n"
    try:
        return _Tree(text, builder=_Builder())
    except (ParserRejectedMarkup, AssertionError, RecursionError) as error:
        raise NoHtml(f"no HTML that can be read ({error})") from error
