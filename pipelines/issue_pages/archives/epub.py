"""EPUB (https://www.w3.org/TR/epub-33/): the pictures of a book, in reading order.

META-INF/container.xml names the package file; its spine names the documents in reading order; these show pictures.
Reads the entries of a ZIP file, writes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipelines.issue_pages.archives.entry import Entry, parts_of
from pipelines.issue_pages.archives.epub_document import NoSpine, is_elsewhere, resolved, shown_by

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FACTS = ("language", "rights", "identifier", "publisher", "source", "date")
_MAX_TEXT_BYTES = 8 * 1024 * 1024  # of one document
_DOCUMENTS = (".svg", ".xhtml", ".html", ".htm")
_MAX_DEPTH = 2  # of documents in documents


@dataclass(frozen=True)
class Spine:
    """The pictures of a book in reading order, each once, and the book's own metadata."""

    pictures: tuple[str, ...]  # names of entries
    missing: tuple[str, ...] = ()  # names that the book shows and that no entry has
    left_out: tuple[tuple[str, str], ...] = ()  # names of documents, and what of them is shown and is no entry
    facts: Mapping[str, Any] = field(default_factory=dict)
    title: str | None = None


class BookLocked(NoSpine):
    """The book's documents or pictures are encrypted. Fonts often are, which does no harm."""


def is_book(entries: Iterable[Entry]) -> bool:
    """True for the entries of an EPUB book."""
    return any(_slashed(entry.name) == _CONTAINER for entry in entries)


def read_spine(entries: Iterable[Entry], read: Callable[[str], bytes]) -> Spine:
    """The order of a book's pictures, by the names of entries, which `read` reads. Raises NoSpine or BookLocked.

    A document shows its `<img>`, `<picture>`, `<svg:image>`, `<object>` and `<embed>`, where it has none of them the
    backgrounds of its elements, and what the documents show that it holds.
    """
    entries = list(entries)
    names = {_slashed(entry.name): entry.name for entry in entries}
    sizes = {_slashed(entry.name): entry.size_bytes for entry in entries}
    texts = _Texts(sizes, lambda name: read(names[name]))
    container = texts.xml(_CONTAINER)
    package_name = next((unquote(e.get("full-path", "")) for e in _named(container, "rootfile")), "")
    package = texts.xml(package_name)
    locked = _locked(texts) if _ENCRYPTION in sizes else frozenset()
    items = {
        item.get("id", ""): (resolved(package_name, item.get("href", "")), item.get("media-type", ""))
        for item in _named(package, "item")
    }
    spines = list(_named(package, "spine"))
    if not spines:
        raise NoSpine(f"{package_name} has no spine")
    found = _Found(texts, locked)
    for reference in _named(spines[0], "itemref"):
        name, media_type = items.get(reference.get("idref", ""), ("", ""))
        if name not in sizes:
            raise NoSpine(f"the spine's {reference.get('idref')!r} is no entry of the book")
        if media_type.startswith("image/") and media_type != "image/svg+xml":
            found.add(name)
        else:
            found.look_into(name)
    if not found.pictures:
        held = f"; {'; '.join(f'{name}: {why}' for name, why in found.left_out[:3])}" if found.left_out else ""
        gone = f"; it shows {next(iter(found.missing))!r}, which is no entry of the book" if found.missing else ""
        raise NoSpine(f"the spine of {package_name} shows no picture{gone}{held}")
    facts: dict[str, Any] = {fact: text for fact in _FACTS if (text := next(_texts_of(package, fact), None))}
    if creators := list(dict.fromkeys(_texts_of(package, "creator"))):
        facts["creator"] = creators
    if direction := spines[0].get("page-progression-direction") or _writing_direction(package):
        facts["direction"] = direction.strip().lower()
    return Spine(
        pictures=tuple(names[name] for name in found.pictures),
        missing=tuple(found.missing),
        left_out=tuple(found.left_out),
        facts=facts,
        title=next(_texts_of(package, "title"), None),
    )


def _slashed(name: str) -> str:
    """An entry's name as a book's documents write it, whichever slash its packer wrote."""
    return "/".join(parts_of(name))


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


@dataclass
class _Found:
    """The pictures that documents show, in order, and what they show that is none."""

    texts: _Texts
    locked: frozenset[str]
    pictures: dict[str, None] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Notes a picture. Raises BookLocked."""
        if name in self.locked:
            raise BookLocked(f"its entry {name!r} is encrypted")
        (self.pictures if name in self.texts.sizes else self.missing)[name] = None

    def look_into(self, name: str, depth: int = 0) -> None:
        """Notes what a document shows, and what the documents show that it holds. Raises NoSpine."""
        if name in self.locked:
            raise BookLocked(f"its entry {name!r} is encrypted")
        shown = shown_by(name, self.texts.bytes(name), self._style)
        if not shown and name.lower().endswith(".svg"):
            self.left_out.append((name, "an SVG drawing, which is not read here; draw it as PNG"))
        for reference in shown:
            if reference.startswith("data:"):
                self.left_out.append((name, "a picture written into the document, which is not read here"))
            elif is_elsewhere(reference):
                self.left_out.append((name, f"shows {reference}, which is not in the book and is not fetched"))
            elif reference.lower().endswith(_DOCUMENTS):
                if depth < _MAX_DEPTH and reference in self.texts.sizes:
                    self.look_into(reference, depth + 1)
                else:
                    self.left_out.append((name, f"shows the document {reference}, which is not followed"))
            else:
                self.add(reference)

    def _style(self, name: str) -> str:
        """A style sheet; nothing where it is no entry or cannot be read."""
        is_there = name not in self.locked and self.texts.sizes.get(name, _MAX_TEXT_BYTES) < _MAX_TEXT_BYTES
        return self.texts.read(name).decode("utf-8", "replace") if is_there else ""


def _locked(texts: _Texts) -> frozenset[str]:
    """The encrypted entries."""
    references = _named(texts.xml(_ENCRYPTION), "CipherReference")
    return frozenset(resolved("", reference.get("URI", "")) for reference in references)


def _named(root: Element, name: str) -> Iterator[Element]:
    """Elements by their name without its namespace."""
    return (element for element in root.iter() if str(element.tag).rpartition("}")[2] == name)


def _writing_direction(package: Element) -> str | None:
    """The direction of pages by what Kindle's tools write: "horizontal-rl" or "vertical-rl"."""
    modes = (meta.get("content", "") for meta in _named(package, "meta") if meta.get("name") == "primary-writing-mode")
    return "rtl" if next(modes, "").endswith("-rl") else None


def _texts_of(package: Element, name: str) -> Iterator[str]:
    return (text for element in _named(package, name) if (text := (element.text or "").strip()))
