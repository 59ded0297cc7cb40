"""CBZ, CBT, CB7, CBR and EPUB files as books. Reads them in place, a page or a few at a time; writes nothing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Literal

from pipelines.books.book import Book, LeftAlone, Other, Page
from pipelines.images.formats import is_picture_start
from pipelines.issue_pages.archives.entry import MIB, ArchiveLimits, Container, Entry
from pipelines.issue_pages.archives.epub import NoSpine, Spine, is_book, read_spine
from pipelines.issue_pages.archives.kinds import (
    is_left_by_system,
    may_be_page,
    open_container,
    reading_order,
    suffix_of,
)
from pipelines.issue_pages.entry import IssueUnavailable
from pipelines.issue_pages.local_files import shown
from pipelines.issue_pages.page_files import is_named_page

_READ_AHEAD_BYTES = 64 * MIB  # of an archive where reading one entry costs as much as reading all
_BOOK_SUFFIXES = frozenset({".7z", ".cb7", ".cbr", ".cbt", ".cbz", ".epub", ".pdf", ".rar", ".tar", ".zip"})


def open_archive(file: Path, kind: Literal["zip", "tar", "7z", "rar"]) -> Book:
    """The pages of an archive in natural order, or in the order of an EPUB's spine; all else is kept as it is.

    Names are taken as they are, whatever their encoding. An archive inside of the archive is no page; it is kept,
    and named in `left_alone`. Raises ValueError where the file is harmful, locked, damaged, or without a picture.
    """
    try:
        container = open_container(file, kind, ArchiveLimits())
        listed = container.entries()
        entries = [entry for entry in listed if entry.left_out is None]
        spine = _spine(file, container, entries) if kind == "zip" else None
        unclear = [entry for entry in entries if _is_unclear(entry.name)]
        looks = _Reader(file, container, unclear)
        by_bytes = {entry.name for entry in unclear if is_picture_start(looks.read(entry.name))}
    except IssueUnavailable as error:
        raise ValueError(str(error)) from error
    if spine is None:
        names = [entry.name for entry in entries if may_be_page(entry.name) and _is_page(entry.name, by_bytes)]
        order = sorted(names, key=reading_order)
    else:
        order = list(spine.pictures)
    left_out = [
        LeftAlone(_path(entry.name), entry.left_out.detail)
        for entry in listed
        if entry.left_out and not is_left_by_system(entry.name)
    ]
    if not order:
        held = [f"{shown(left.name)}: {left.reason}" for left in left_out] + [shown(entry.name) for entry in entries]
        seen = ", ".join(held[:3]) or "nothing"
        raise ValueError(f"{shown(file)}: no picture among its {len(listed)} entries ({seen}); pack pages into it")
    by_name = {entry.name: entry for entry in entries}
    pages = _Reader(file, container, [by_name[name] for name in order])
    others = _Reader(file, container, [entry for entry in entries if entry.name not in set(order)])
    numbers = {name: number for number, name in enumerate(order, start=1)}
    contents = tuple(
        Page(numbers[entry.name], _path(entry.name), pages.reader(entry.name))
        if entry.name in numbers
        else Other(_path(entry.name), others.reader(entry.name))
        for entry in entries
    )
    inside = [entry.name for entry in entries if suffix_of(entry.name) in _BOOK_SUFFIXES]
    left_out += [LeftAlone(_path(name), "a book inside of the book; unpack it to colour it") for name in inside]
    if spine is None:
        return Book(file, kind, contents, tuple(left_out))
    known = {left.name for left in left_out}
    left_out += [
        LeftAlone(name, "the book shows it, and has no such entry") for name in spine.missing if name not in known
    ]
    left_out += [LeftAlone(name, reason) for name, reason in spine.left_out]
    return Book(file, "epub", contents, tuple(left_out), spine.title, tuple(spine.facts.get("creator", ())))


class _Reader:
    """Reads the entries of an archive; of a solid one, some that follow too, up to a limit of bytes."""

    def __init__(self, file: Path, container: Container, entries: Sequence[Entry]):
        self._file = file
        self._container = container
        self._entries = entries
        self._places = {entry.name: place for place, entry in enumerate(entries)}
        self._waiting: dict[str, bytes] = {}
        self._lock = Lock()

    def reader(self, name: str) -> Callable[[], bytes]:
        """Reads one entry when called."""
        return lambda: self.read(name)

    def read(self, name: str) -> bytes:
        """The bytes of one entry. Raises ValueError."""
        with self._lock:
            try:
                if not self._container.is_solid:
                    return self._container.read([name])[name]
                if name not in self._waiting:
                    self._waiting = {}  # frees the memory before the next ones come
                    self._waiting = self._container.read(self._ahead(name))
                return self._waiting[name]
            except IssueUnavailable as error:
                raise ValueError(str(error)) from error

    def _ahead(self, name: str) -> list[str]:
        names, total_bytes = [name], self._entries[self._places[name]].size_bytes
        for entry in self._entries[self._places[name] + 1 :]:
            total_bytes += entry.size_bytes
            if total_bytes > _READ_AHEAD_BYTES:
                break
            names.append(entry.name)
        return names


def _spine(file: Path, container: Container, entries: Sequence[Entry]) -> Spine | None:
    """The spine of an EPUB file; None for any other ZIP file. Raises ValueError."""
    if not is_book(entries):
        return None
    try:
        return read_spine(entries, lambda name: container.read([name])[name])
    except NoSpine as error:
        raise ValueError(f"{shown(file)}: no whole EPUB book: {error}; replace the file") from error


def _is_unclear(name: str) -> bool:
    """True for an entry whose bytes have to say if it is a picture."""
    return may_be_page(name) and not is_named_page(name) and suffix_of(name) not in _BOOK_SUFFIXES


def _is_page(name: str, by_bytes: set[str]) -> bool:
    return is_named_page(name) or name in by_bytes


def _path(name: str) -> str:
    return name.replace("\\", "/")
