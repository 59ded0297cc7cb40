"""A book: its pages in reading order, and everything else that it holds. Pages are read one at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

BookKind = Literal["picture", "folder", "zip", "tar", "7z", "rar", "epub", "pdf"]
"""The kind of a book by its bytes; "zip", "tar", "7z" and "rar" are what CBZ, CBT, CB7 and CBR files are."""


JUNK_FILES = frozenset({"thumbs.db", "desktop.ini"})
"""Files that Windows leaves among pictures; they are passed over without a word."""


@dataclass(frozen=True)
class Page:
    """One page, in its encoded form."""

    number: int  # in reading order, from 1
    name: str  # its path inside of the book, with "/" between folders; bytes that are no UTF-8 as surrogates
    _read: Callable[[], bytes] = field(repr=False, compare=False)
    size_pt: tuple[float, float] | None = None  # width and height of a PDF page, in points

    def read(self) -> bytes:
        """The page's own bytes. Raises ValueError, with the book, the page and the remedy, where it cannot be read."""
        return self._read()


@dataclass(frozen=True)
class Other:
    """A part of a book that is no page: ComicInfo.xml, texts, fonts."""

    name: str
    _read: Callable[[], bytes] = field(repr=False, compare=False)

    def read(self) -> bytes:
        """Its bytes. Raises ValueError, with the book, the part and the remedy, where it cannot be read."""
        return self._read()


@dataclass(frozen=True)
class LeftAlone:
    """A file that is neither a page nor part of the book, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class Book:
    """A picture, a folder of pictures, or a book in one file."""

    path: Path
    kind: BookKind
    contents: tuple[Page | Other, ...]  # in the order of the file
    left_alone: tuple[LeftAlone, ...] = ()  # hidden files and files of the system are not named
    title: str | None = None  # as the book gives it (EPUB)
    makers: tuple[str, ...] = ()

    @property
    def pages(self) -> list[Page]:
        """The pages in reading order."""
        return sorted((part for part in self.contents if isinstance(part, Page)), key=lambda page: page.number)

    @property
    def others(self) -> list[Other]:
        """The parts that are no pages, in the order of the file."""
        return [part for part in self.contents if isinstance(part, Other)]
