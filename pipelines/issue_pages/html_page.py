"""Parses HTML of sites and books, in a time that grows with its length alone. The only parser of HTML.

lxml parses by HTML's standard, so odd markup is no error. Limits keep hostile pages cheap; no known site comes
near them. Works on texts; touches no files.
"""

import warnings

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning
from bs4.exceptions import ParserRejectedMarkup

_MAX_CHARACTERS = 4 * 1024 * 1024
_MAX_TAGS = 20_000  # a viewer of the known sites has some thousands
_MAX_DEPTH = 200
_END = "\ue000"
"""A character put after a page. It is lost where the page breaks off within a tag: unfinished tags are dropped."""


class HtmlError(ValueError):
    """A text cannot be read as HTML. The message has the reason; the caller adds the address and the remedy."""


def read_html(text: str) -> BeautifulSoup:
    """The tree of a page. Raises HtmlError."""
    if len(text) > _MAX_CHARACTERS:
        raise HtmlError(f"{len(text)} characters, at most {_MAX_CHARACTERS} are read")
    if (count := text.count("<")) > _MAX_TAGS:
        raise HtmlError(f"{count} tags, at most {_MAX_TAGS} are read")
    try:
        with warnings.catch_warnings():
            # Books are XHTML, read by the same rules: a person can do nothing about the warning.
            warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
            tree = BeautifulSoup(f"{text}\n{_END}", "lxml")
    except (ParserRejectedMarkup, UnicodeEncodeError) as error:
        raise HtmlError(f"it cannot be parsed ({error})") from error
    _check_depth(tree)
    _remove_end(tree, text)
    return tree


def _check_depth(tree: BeautifulSoup) -> None:
    """Selectors climb from each tag to the root, so depth costs time."""
    depths = {id(tree): 0}
    for tag in tree.find_all(True):  # parents first
        depths[id(tag)] = depth = depths[id(tag.parent)] + 1
        if depth > _MAX_DEPTH:
            raise HtmlError(f"nested tags, more than {_MAX_DEPTH} deep")


def _remove_end(tree: BeautifulSoup, text: str) -> None:
    last = next((string for string in reversed(tree.find_all(string=True)) if string.endswith(_END)), None)
    if last is None:
        raise HtmlError(f"it breaks off within a tag: {text[-30:]!r}")
    last.replace_with(type(last)(last.removesuffix(_END)))
