"""EPUB (https://www.w3.org/TR/epub-33/): the pictures of a book, in reading order.

META-INF/container.xml names the package file; its spine names the documents in reading order; these show pictures.
Reads the entries of a ZIP file, writes nothing.
"""

import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipelines.issue_pages.html_page import HtmlError, read_html

CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FACTS = ("language", "rights", "identifier", "publisher", "source", "date")
_MAX_TEXT_BYTES = 8 * 1024 * 1024  # of one document


@dataclass(frozen=True)
class Spine:
    """The pictures of a book in reading order, each once, and the book's own metadata."""

    pictures: tuple[str, ...]  # names of entries
    facts: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None


class NoSpine(ValueError):
    """The book cannot be followed from its container to its pictures. The message has the missing link."""


def read_spine(sizes: Mapping[str, int], read: Callable[[str], bytes]) -> Spine:
    """The order of a book's pictures. `sizes` has every entry's size in bytes. Raises NoSpine."""
    texts = _Texts(sizes, read)
    container = texts.xml(CONTAINER)
    package_name = next((unquote(e.get("full-path", "")) for e in _named(container, "rootfile")), "")
    package = texts.xml(package_name)
    locked = _locked(texts) if _ENCRYPTION in sizes else frozenset()
    items = {
        item.get("id", ""): (_resolved(package_name, item.get("href", "")), item.get("media-type", ""))
        for item in _named(package, "item")
    }
    spines = list(_named(package, "spine"))
    if not spines:
        raise NoSpine(f"{package_name} has no spine")
    pictures: dict[str, None] = {}
    for reference in _named(spines[0], "itemref"):
        name, media_type = items.get(reference.get("idref", ""), ("", ""))
        if name not in sizes:
            raise NoSpine(f"the spine's {reference.get('idref')!r} is no entry of the book")
        if name in locked:
            raise NoSpine(f"its entry {name!r} is encrypted")
        if media_type.startswith("image/") and media_type != "image/svg+xml":
            pictures[name] = None
            continue
        for shown in _shown(name, texts.bytes(name)):
            picture = _resolved(name, shown)
            if picture in locked:
                raise NoSpine(f"its entry {picture!r} is encrypted")
            if picture not in sizes:
                raise NoSpine(f"{name} shows {shown!r}, which is no entry of the book")
            pictures[picture] = None
    if not pictures:
        raise NoSpine(f"the spine of {package_name} shows no picture")
    facts: dict[str, Any] = {fact: text for fact in _FACTS if (text := next(_texts_of(package, fact), None))}
    if creators := list(dict.fromkeys(_texts_of(package, "creator"))):
        facts["creator"] = creators
    if direction := spines[0].get("page-progression-direction"):
        facts["direction"] = direction
    return Spine(pictures=tuple(pictures), facts=facts, title=next(_texts_of(package, "title"), None))


@dataclass(frozen=True)
class _Texts:
    """The documents of a book."""

    sizes: Mapping[str, int]
    read: Callable[[str], bytes]

    def bytes(self, name: str) -> bytes:
        if name not in self.sizes:
            raise NoSpine(f"there is no {name or 'package file'!r}")
        if self.sizes[name] > _MAX_TEXT_BYTES:
            raise NoSpine(f"{name} has {self.sizes[name]} bytes, at most {_MAX_TEXT_BYTES} are read")
        return self.read(name)

    def xml(self, name: str) -> Element:
        try:
            return fromstring(self.bytes(name))
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:  # also of unknown encodings
            raise NoSpine(f"{name} cannot be read: {type(error).__name__}: {error}") from error


def _locked(texts: _Texts) -> frozenset[str]:
    """The encrypted entries. Fonts often are, which does no harm."""
    references = _named(texts.xml(_ENCRYPTION), "CipherReference")
    return frozenset(_resolved("", reference.get("URI", "")) for reference in references)


def _named(root: Element, name: str) -> Iterator[Element]:
    """Elements by their name without its namespace."""
    return (element for element in root.iter() if str(element.tag).rpartition("}")[2] == name)


def _texts_of(package: Element, name: str) -> Iterator[str]:
    return (text for element in _named(package, name) if (text := (element.text or "").strip()))


def _shown(name: str, document: bytes) -> Iterator[str]:
    """The references to pictures in a document, in order: `<img src>` and `<svg:image xlink:href>`."""
    # Documents of EPUB are in UTF-8 or UTF-16.
    encoding = "utf-16" if document.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        soup = read_html(document.decode(encoding, "replace"))
    except HtmlError as error:
        raise NoSpine(f"{name}: {error}") from error
    for element in soup.find_all(["img", "image", "svg:image"]):
        shown = str(element.get("src") or element.get("xlink:href") or element.get("href") or "").strip()
        if shown and not shown.startswith("data:"):
            yield shown


def _resolved(document: str, reference: str) -> str:
    try:
        path = unquote(urlsplit(reference).path)
    except ValueError:
        return reference
    return posixpath.normpath(posixpath.join(posixpath.dirname(document), path))
