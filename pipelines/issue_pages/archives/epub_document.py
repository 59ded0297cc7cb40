"""One document of an EPUB book: the pictures that it shows, in order. Works on bytes; touches no files."""

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:  # what opens any archive imports this module, and few archives are EPUB books
    from bs4 import BeautifulSoup, Tag

_MAX_RULES = 100  # of style sheets that set a background, for one document
_MAX_SELECTOR = 200
_MAX_DECLARATIONS = 2000  # characters of one rule
_BACKGROUND = re.compile(r"background(?:-image)?\s{0,9}:([^;]*)", re.IGNORECASE)
_URL = re.compile(r"""url\(\s{0,9}(?:"([^"]*)"|'([^']*)'|([^()"']*))\s{0,9}\)""", re.IGNORECASE)
_ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]{0,30}:)?//", re.IGNORECASE)
_REFERENCES = {
    **{"img": ("src", "data-src"), "image": ("xlink:href", "href"), "svg:image": ("xlink:href", "href")},
    **{"object": ("data",), "embed": ("src",), "iframe": ("src",), "input": ("src",), "source": ("src",)},
}


class NoSpine(ValueError):
    """The book cannot be followed from its container to its pictures. The message has the missing link."""


def resolved(document: str, reference: str) -> str:
    """The name of the entry that a reference in a document means."""
    try:
        path = unquote(urlsplit(reference).path)
    except ValueError:
        return reference
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), path))


def is_elsewhere(reference: str) -> bool:
    """True for an address of another place: `https://...`, or `//host/...`."""
    return _ELSEWHERE.match(reference) is not None


def shown_by(name: str, document: bytes, style: Callable[[str], str]) -> list[str]:
    """The entries that a document shows, in order.

    A picture that is written into it is its "data:" address, and one of another place (`is_elsewhere`) its address.

    `style` gives the text of a style sheet by its name. Raises NoSpine.
    """
    from pipelines.issue_pages.html_page import HtmlError, read_html

    # Documents of EPUB are in UTF-8 or UTF-16.
    encoding = "utf-16" if document.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        soup = read_html(document.decode(encoding, "replace"))
    except HtmlError as error:
        raise NoSpine(f"{name}: {error}") from error
    references = [(name, found) for element in soup.find_all(list(_REFERENCES)) for found in _references(element)]
    # Where it has pictures, backgrounds are paper and ornaments.
    return [_entry(place, found) for place, found in references or _backgrounds(name, soup, style)]


def _entry(document: str, reference: str) -> str:
    is_whole = reference.startswith("data:") or is_elsewhere(reference)
    return reference if is_whole else resolved(document, reference)


def _references(element: "Tag") -> Iterator[str]:
    """The one picture that an element shows, if any."""
    if element.name == "source" and (element.parent is None or element.parent.find("img", src=True)):
        return  # a choice for other devices
    if element.name == "input" and str(element.get("type", "")).lower() != "image":
        return
    places = (str(element.get(attribute) or "").strip() for attribute in _REFERENCES[element.name])
    found = next(filter(None, places), None) or _largest(str(element.get("srcset") or ""))
    if found and not found.startswith("#"):
        yield found


def _largest(choices: str) -> str | None:
    """The largest picture of `a.jpg 1x, b.jpg 2x`."""
    sized: list[tuple[float, str]] = []
    for choice in choices.split(","):
        reference, _, size = choice.strip().partition(" ")
        number = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)[wx]", size.strip())
        if reference:
            sized.append((float(number[1]) if number else 1.0, reference))
    return max(sized, default=(0.0, None), key=lambda choice: choice[0])[1]


def _backgrounds(name: str, soup: "BeautifulSoup", style: Callable[[str], str]) -> list[tuple[str, str]]:
    """The backgrounds of elements, in order, each with the document or style sheet that its reference counts from."""
    from soupsieve import SelectorSyntaxError

    by_element: dict[int, tuple[str, str]] = {}
    for place, sheet in _sheets(name, soup, style):
        for selector, reference in _rules(sheet):
            try:
                chosen = soup.select(selector)
            except (SelectorSyntaxError, NotImplementedError, ValueError):
                continue
            by_element |= {id(element): (place, reference) for element in chosen}
    found: list[tuple[str, str]] = []
    for element in soup.find_all(True):
        if reference := _background(str(element.get("style") or "")[:_MAX_DECLARATIONS]):
            found.append((name, reference))
        elif id(element) in by_element:
            found.append(by_element[id(element)])
    return found


def _sheets(name: str, soup: "BeautifulSoup", style: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    for element in soup.find_all(["link", "style"]):
        if element.name == "style":
            yield name, element.get_text()
        elif "stylesheet" in str(element.get("rel") or "").lower():
            sheet = resolved(name, str(element.get("href") or ""))
            yield sheet, style(sheet)


def _rules(sheet: str) -> Iterator[tuple[str, str]]:
    """The selectors of a style sheet that set a background, each with its reference. Costs time by its length alone."""
    count = 0
    for rule in _without_comments(sheet).split("}"):
        before, brace, declarations = rule.rpartition("{")
        selector = before.rpartition("{")[2].rpartition(";")[2].strip()
        reference = _background(declarations) if brace and len(declarations) <= _MAX_DECLARATIONS else None
        # No functions: `:has()` and the like look at the whole document for each element.
        if reference and 0 < len(selector) <= _MAX_SELECTOR and not set("(@") & set(selector):
            yield selector, reference
            count += 1
            if count >= _MAX_RULES:
                return


def _without_comments(sheet: str) -> str:
    kept, *commented = sheet.split("/*")
    return kept + "".join(part.partition("*/")[2] for part in commented)


def _background(declarations: str) -> str | None:
    """The last background of declarations that has a reference."""
    found: str | None = None
    for declared in _BACKGROUND.finditer(declarations):
        if match := _URL.search(declared[1]):
            found = next(filter(None, match.groups()), "").strip() or found
    return found
