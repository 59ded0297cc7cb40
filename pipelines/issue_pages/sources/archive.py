"""Comic archives on this machine as a source: each file one issue, its pictures in reading order.

CBZ/ZIP, CBT/TAR (plain, gzip, bzip2, xz), CB7/7z, CBR/RAR, EPUB and PDF, recognised by their bytes: a file
named .cbr is often a ZIP file. Reads the files in place and unpacks nothing to disk. An archive that is a bomb or
is not whole is refused whole, by a state with its reason; an entry that is locked or points out of it is a row.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from threading import RLock
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from pipelines.images.formats import START_BYTES
from pipelines.images.opened import PictureError
from pipelines.issue_pages.archives.comic_info import MAX_BYTES, ComicInfo, comic_info_entry, read_comic_info
from pipelines.issue_pages.archives.entry import ArchiveLimits, Container, Entry, broken, parts_of, refused
from pipelines.issue_pages.archives.epub import BookLocked, NoSpine, Spine, is_book, read_spine
from pipelines.issue_pages.archives.kinds import (
    ARCHIVE_SUFFIXES,
    ArchiveKind,
    archive_kind,
    is_archive,
    is_text,
    leftover_of,
    open_container,
    reading_order,
)
from pipelines.issue_pages.archives.pdf import pdf_is_from_right, pdf_pages, pdf_picture
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, NotAPicture
from pipelines.issue_pages.entry import Fetched, IssueEntry, IssueUnavailable, NotModified, PageEntry, Skip
from pipelines.issue_pages.local_files import (
    Listing,
    Unreadable,
    file_of,
    issue_file,
    issue_files,
    listing,
    part_of,
    part_url,
    shown,
    stamp,
)
from pipelines.issue_pages.names import small_copies
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.page_files import is_named_page, reason_to_skip
from pipelines.issue_pages.picture import read_picture
from pipelines.issue_pages.sources.illustration import credited
from pipelines.titles import Title

_CODE_VERSION = "1"  # raise it whenever the same file gives other bytes
_NOT_OF_BYTES = frozenset({"encoding"})  # settings that change no picture's bytes


class ArchiveSettings(ArchiveLimits, frozen=True, extra="forbid"):
    """Settings of a title: the limits of archives, the drawing of PDF pages, and the pages to leave out."""

    pdf_dpi: int = Field(
        default=200, ge=36, le=1200, description="Resolution of PDF pages that are more than one picture."
    )
    unwanted_types: tuple[str, ...] = Field(
        default=("Deleted",), description="Pages of these types by ComicInfo.xml are left out: Advertisement, ..."
    )


@dataclass(frozen=True)
class _Page:
    """One page of an archive."""

    part: str  # the part of its address after "#": an entry's name, or "page=3" of a PDF file
    name: str
    skip: Skip | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Contents:
    """The content of an archive, before any of its pictures was read."""

    pages: tuple[_Page, ...]
    left_out: tuple[_Page, ...] = ()  # entries that are no pages, each with its reason
    unclear: frozenset[str] = frozenset()  # entries that are pages if their bytes are pictures
    info: ComicInfo = field(default_factory=ComicInfo)
    spine: Spine | None = None
    container: Container | None = None  # None of a PDF file


class ArchiveSource:
    """Issues are files; pages are the pictures in them."""

    name: ClassVar[str] = "archive"
    takes: ClassVar[str] = "a comic archive (CBZ, CBT, CB7, CBR, EPUB, PDF), or a folder of them"
    settings: ClassVar[type[BaseModel]] = ArchiveSettings
    is_local: ClassVar[bool] = True

    def __init__(self, client: Client):
        self._lock = RLock()
        self._contents: tuple[str, _Contents] | None = None  # of the file asked last
        self._unpacked: tuple[str, dict[str, bytes]] | None = None  # pages still to come of a solid archive

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """One issue a file. States: "free", "empty", "refused", "unreadable", "needs_tool"; "unknown": no archive.

        Raises ListingFailed.
        """
        settings = ArchiveSettings(**title.settings)
        with listing(title):
            listed = _listed(title)
            issues = [
                replace(self._entry(issue, file, settings), former=listed.former_of(issue))
                for issue, file in listed.issues.items()
            ]
            return [*issues, *listed.entries]

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """One page for each picture, and for each file that may be one.

        Raises ListingFailed or IssueUnavailable ("gone", or the states of `list_issues`).
        """
        settings = ArchiveSettings(**title.settings)
        with listing(title):
            file = issue_file(title, issue, _listed(title))
        try:
            with self._lock:
                contents = self._read_contents(file, settings)
                looked_at = self._looked_at(file, contents, settings)
        except IssueUnavailable as error:
            raise IssueUnavailable(error.state, f"{title.key}: issue {issue}: {error}") from error
        pages = [*_typed(looked_at, contents.info, settings), *contents.left_out]
        book = contents.spine.facts if contents.spine else {}
        people = contents.info.people or book.get("creator", [])
        rights = {"rights": book["rights"]} if "rights" in book else {}
        direction = {"reading_direction": "rtl"} if book.get("direction") == "rtl" else contents.info.direction_facts
        return [
            PageEntry(
                page=number,
                name=page.name,
                url=part_url(file, page.part),
                skip=page.skip,
                facts={**rights, **direction, **contents.info.page_facts, **page.facts},
                attribution=credited(title, people),
            )
            for number, page in enumerate(pages, start=1)
        ]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """None: files of this machine are always read."""
        return None

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One picture; NotModified, unread, where file and settings are the same. Raises Unreadable or NotAPicture."""
        file, part = file_of(page.url), part_of(page.url)
        settings = ArchiveSettings(**title.settings)
        try:
            etag = stamp(file, settings, _CODE_VERSION, without=_NOT_OF_BYTES)
        except OSError as error:
            raise Unreadable(page.url, f"cannot be read ({error.strerror})", "check the file and its rights") from error
        if known is not None and known.etag == etag:
            return NotModified()
        try:
            with self._lock:
                data = self._data(file, part, settings)
        except IssueUnavailable as error:
            raise Unreadable(page.url, str(error), "then run again") from error
        try:
            picture = read_picture(data, name=page.name)
        except PictureError as error:
            raise NotAPicture(page.url, error.seen, "replace this page in the file, or leave it out") from error
        return Fetched(picture=picture, etag=etag)

    def _entry(self, issue: str, file: Path, settings: ArchiveSettings) -> IssueEntry:
        try:
            with self._lock:
                contents = self._read_contents(file, settings)
        except IssueUnavailable as error:
            return IssueEntry(issue=issue, name=shown(file.name), state=error.state, note=str(error))
        info, spine = contents.info, contents.spine
        wanted = [page for page in contents.pages if page.skip is None and page.part not in contents.unclear]
        notes = [info.problem or ""]
        if nested := [page.name for page in contents.pages if page.skip and page.skip.status == "nested"]:
            notes.append(f"archives inside, which are not opened: {', '.join(nested[:5])}")
        if info.page_count is not None and wanted and info.page_count != len(wanted):
            notes.append(f"ComicInfo.xml counts {info.page_count} pages, there are {len(wanted)}")
        return IssueEntry(
            issue=issue,
            name=info.name or (spine.title if spine else None) or shown(file.name),
            date=info.date,
            note="; ".join(filter(None, notes)),
            facts={**(spine.facts if spine else {}), **info.facts, "file": shown(file.name)},
        )

    def _read_contents(self, file: Path, settings: ArchiveSettings) -> _Contents:
        """Raises IssueUnavailable."""
        try:
            key = f"{file} {stamp(file, settings, _CODE_VERSION)}"
            kind = archive_kind(file)
        except OSError as error:
            raise broken(file, error.strerror or error) from error
        if self._contents is None or self._contents[0] != key:
            contents = _pdf_contents(file, settings) if kind == "pdf" else self._archived(file, kind, settings)
            self._contents = (key, contents)
        return self._contents[1]

    def _archived(self, file: Path, kind: ArchiveKind | None, settings: ArchiveSettings) -> _Contents:
        if kind is None or kind == "pdf":
            with file.open("rb") as opened:
                raise broken(file, f"bytes that begin with {opened.read(8)!r}")
        container = open_container(file, kind, settings)
        entries = container.entries()
        info = ComicInfo()
        there = [entry for entry in entries if entry.left_out is None]
        if (entry := comic_info_entry(there)) is not None:
            is_small = entry.size_bytes <= MAX_BYTES
            data = container.read([entry.name])[entry.name] if is_small else bytes(MAX_BYTES + 1)
            info = read_comic_info(data, encoding=settings.encoding)
        is_epub = is_book(there)
        pages, left_out = _sorted_out(entries, is_book=is_epub)
        spine = None
        if is_epub:
            try:
                spine = read_spine(there, lambda name: container.read([name])[name])
            except BookLocked as error:
                raise refused(file, str(error)) from error
            except NoSpine as error:
                raise broken(file, f"no whole EPUB book: {error}") from error
            pages = _in_order(pages, spine, {page.part for page in left_out})
            left_out += [
                _page(Entry(name, 0), Skip("unsupported", reason)) for name, reason in dict(spine.left_out).items()
            ]
        unclear = frozenset(page.part for page in pages if page.skip is None and not is_named_page(page.name))
        if spine is not None:
            unclear -= {*spine.pictures, *spine.missing}
        sizes = {entry.name: entry.size_bytes for entry in there}
        if not _has_page(pages, unclear, container, sizes, settings):
            held = ", ".join(f"{page.name} ({page.skip.detail})" for page in [*pages, *left_out][:5] if page.skip)
            seen = f"{shown(file)}: none of its {len(entries)} entries is taken as a picture{held and f': {held}'}"
            if any(page.skip and page.skip.status == "refused" for page in left_out):
                raise IssueUnavailable("refused", f"{seen}; pack its pages anew")
            raise IssueUnavailable("empty", f"{seen}; pack pages into it, or remove it")
        return _Contents(tuple(pages), tuple(left_out), unclear, info, spine, container)

    def _looked_at(self, file: Path, contents: _Contents, settings: ArchiveSettings) -> list[_Page]:
        """The pages, after the bytes of doubtful ones were checked."""
        pages: list[_Page] = []
        for page in contents.pages:
            if page.part in contents.unclear and page.skip is None:
                # One that cannot be read fails when it is fetched, and no other with it.
                with suppress(IssueUnavailable):
                    data = self._data(file, page.part, settings, keep=True)
                    page = replace(page, skip=reason_to_skip(page.name, partial(_start, data)))
            pages.append(page)
        return pages

    def _data(self, file: Path, part: str, settings: ArchiveSettings, *, keep: bool = False) -> bytes:
        """The bytes of a page. Those of a solid archive come all at once, and wait here until they are asked for."""
        contents = self._read_contents(file, settings)
        assert self._contents is not None
        key = self._contents[0]
        if contents.container is None:
            return pdf_picture(file, int(part.removeprefix("page=")), dpi=settings.pdf_dpi, limits=settings)
        if not contents.container.is_solid:
            return contents.container.read([part])[part]
        if self._unpacked is None or self._unpacked[0] != key or part not in self._unpacked[1]:
            names = [page.part for page in contents.pages if page.skip is None]
            self._unpacked = (key, contents.container.read(names))
        waiting = self._unpacked[1]
        if part not in waiting:
            raise broken(file, f"entry {part!r} is no page of it")
        return waiting[part] if keep else waiting.pop(part)


def _pdf_contents(file: Path, settings: ArchiveSettings) -> _Contents:
    numbers = range(1, pdf_pages(file, settings) + 1)
    direction = {"reading_direction": "rtl"} if pdf_is_from_right(file) else {}
    return _Contents(
        tuple(_Page(f"page={number}", f"page-{number:04}", facts={"page": number, **direction}) for number in numbers)
    )


def _listed(title: Title) -> Listing:
    return issue_files(title, suffixes=ARCHIVE_SUFFIXES, is_meant=is_archive)


def _page(entry: Entry, skip: Skip | None = None) -> _Page:
    return _Page(entry.name, _readable(parts_of(entry.name)[-1]), skip, {"entry": _readable(entry.name)})


def _readable(name: str) -> str:
    """A name for people. Where a part of it is no UTF-8, what looks like it is by chance, and is shown as "?" too."""
    is_text = not any("\ud800" <= sign <= "\udfff" for sign in name)
    return shown(name if is_text else "".join(sign if sign.isascii() else "?" for sign in name))


def _sorted_out(entries: Iterable[Entry], *, is_book: bool) -> tuple[list[_Page], list[_Page]]:
    """Pages and what may be one, in reading order; and the other entries, each with its reason.

    What is in one folder that a system left is one row. A book's texts are a part of it, and ComicInfo.xml is read.
    """
    pages: list[Entry] = []
    left_out: list[_Page] = []
    folders: Counter[tuple[str, str]] = Counter()
    entries = list(entries)
    info = comic_info_entry(entry for entry in entries if entry.left_out is None)
    copies = small_copies([entry.name for entry in entries])
    for entry in entries:
        left = leftover_of(entry.name)
        if entry.left_out and left is None:
            left_out.append(_page(entry, entry.left_out))
        elif is_book and not entry.left_out and _is_of_book(entry.name):
            continue
        elif left is not None and left[0].endswith("/"):
            folders[left] += 1
        elif left is not None:
            left_out.append(_page(entry, Skip("leftover", left[1])))
        elif entry.name in copies:
            left_out.append(_page(entry, Skip("leftover", "a small copy of the picture beside it")))
        elif is_text(entry.name):
            if entry is not info:
                left_out.append(_page(entry, Skip("no_picture", "a text")))
        else:
            pages.append(entry)
    for (folder, reason), count in folders.items():
        detail = f"{reason}; {count} {'entry' if count == 1 else 'entries'} in it"
        left_out.append(_Page(folder, shown(folder), Skip("leftover", detail), {"entry": shown(folder)}))
    pages.sort(key=lambda entry: reading_order(entry.name))
    return [_page(entry, _nested(entry.name)) for entry in pages], left_out


def _is_of_book(name: str) -> bool:
    """True for what an EPUB book is made of besides its pictures."""
    return is_text(name) or name == "mimetype" or parts_of(name)[0] == "META-INF"


def _nested(name: str) -> Skip | None:
    """The reason to leave an archive in the archive alone; None for all else, whose bytes may have to decide."""
    skip = reason_to_skip(name, bytes)
    return skip if skip and skip.status == "nested" else None


def _has_page(
    pages: Iterable[_Page],
    unclear: Collection[str],
    container: Container,
    sizes: Mapping[str, int],
    limits: ArchiveLimits,
) -> bool:
    """True where one is a page by its name, else by its bytes; one that cannot be read fails when it is fetched.

    Of a solid archive all bytes are read at once: those of the first ones, up to the size of one entry.
    """
    there = [page for page in pages if page.skip is None]
    if not there or any(page.part not in unclear for page in there):
        return bool(there)
    batches = [[page] for page in there]
    if container.is_solid:
        ends = accumulate(sizes[page.part] for page in there)
        batches = [[page for page, end in zip(there, ends, strict=True) if end <= limits.max_entry_bytes]]
    for batch in batches:
        try:
            found = container.read([page.part for page in batch])
        except IssueUnavailable:
            return True
        if any(reason_to_skip(page.name, partial(_start, found[page.part])) is None for page in batch):
            return True
    return False


def _start(data: bytes) -> bytes:
    return data[:START_BYTES]


def _in_order(pages: Iterable[_Page], spine: Spine, left_out: Collection[str]) -> list[_Page]:
    """A book's pages as its spine has them; all else keeps its row. `left_out` are names that have one elsewhere."""
    # What is shown and is not there fails when it is fetched.
    missing = [name for name in spine.missing if name not in left_out]
    in_spine = [_page(Entry(name, 0)) for name in (*spine.pictures, *missing)]
    hidden = Skip("unwanted", "in the book, but nothing in its spine shows it")
    left = [page for page in pages if page.part not in spine.pictures]
    return [*in_spine, *(replace(page, skip=page.skip or hidden) for page in left)]


def _typed(pages: Iterable[_Page], info: ComicInfo, settings: ArchiveSettings) -> list[_Page]:
    """Pages with the types that ComicInfo.xml gives them: it counts pictures in reading order, from 0."""
    unwanted = {kind.lower() for kind in settings.unwanted_types}
    typed: list[_Page] = []
    place = 0
    for page in pages:
        if page.skip is None:
            if kind := info.page_types.get(place):
                page = replace(page, facts={**page.facts, "page_type": kind})
                if kind.lower() in unwanted:
                    page = replace(page, skip=Skip("unwanted", f"of the type {kind}, by ComicInfo.xml"))
            place += 1
        typed.append(page)
    return typed
