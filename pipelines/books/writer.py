"""Writes a coloured book: page by page, so that a killed run goes on, then whole to its place."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from pipelines.books.book import JUNK_FILES, Book, Other, Page
from pipelines.books.comic_info import colored_comic_info, comic_info_problem, is_comic_info, new_comic_info
from pipelines.books.encode import encode_picture
from pipelines.books.formats import FORMATS, format_of_suffix
from pipelines.books.pack import Part, pack_7z, pack_pdf, pack_tar, pack_zip
from pipelines.books.picture_file import read_picture_file
from pipelines.books.target import Target, TargetKind, check_target
from pipelines.books.work_folder import DonePage, Outcome, WorkFolder
from pipelines.images.formats import format_of
from pipelines.issue_pages.archives.kinds import is_left_by_system, suffix_of
from pipelines.issue_pages.local_files import shown
from pipelines.lake import atomic_write

_CODE_VERSION = "2"  # raise it whenever the same pages and settings give another book
_PACKERS: dict[TargetKind, Callable[[Path, Sequence[Part]], None]] = {
    **{"zip": pack_zip, "epub": pack_zip, "tar": pack_tar, "7z": pack_7z, "pdf": pack_pdf},
}


@dataclass(frozen=True)
class PageResult:
    """What became of one page."""

    number: int
    name: str  # in IN
    outcome: Outcome
    reason: str  # of what is not coloured; notes on what is: "CMYK became RGB ..."; may be empty
    written: str | None  # its name in OUT; None where it was left out


class BookWriter:
    """Takes the pages of a book one by one, in any order. Made by `write_book`."""

    def __init__(self, book: Book, target: Target, settings_digest: str, work: WorkFolder | None):
        self.book = book
        self.target = target
        self._settings = settings_digest
        self._work = work  # None of a single picture, which has nothing to go on with
        self._picture: bytes | None = None  # the single picture, until it is written
        self._digests: dict[int, str] = {}  # of the pages' own bytes
        self._done: dict[int, DonePage] = {}  # by page number
        self._stems = Counter(_stem(part.name).casefold() for part in book.contents)

    @property
    def results(self) -> list[PageResult]:
        """What became of the pages that are done, in reading order."""
        return [
            PageResult(page.number, page.name, done.outcome, done.reason, done.written)
            for page in self.book.pages
            if (done := self._done.get(page.number))
        ]

    @property
    def notes(self) -> list[str]:
        """What became of the book besides its pages, for people."""
        notes = list(self.target.notes)
        for part in self._others():
            try:
                data = part.read()
            except ValueError as error:
                notes.append(f"{shown(part.name)} is left out: {error}")
                continue
            if is_comic_info(part.name) and (problem := comic_info_problem(data)):
                notes.append(f"{shown(part.name)} is kept as it is, without a note on the colours: {problem}")
        return notes

    def has(self, page: Page) -> bool:
        """True where the same page was done before with the same settings, and is still there."""
        if page.number in self._done:
            return True
        if self._work is None:
            return False
        try:
            done = self._work.find(self._key(page))
        except ValueError:
            return False  # it cannot be read; the caller's own reading says why
        if done is not None:
            self._done[page.number] = done
        return done is not None

    def say(self, said: Mapping[str, Any]) -> None:
        """Keeps what is to be known of the work when it goes on, or is asked for again: JSON."""
        if self._work is not None:
            self._work.say(self._settings, said)

    def said(self) -> dict[str, Any]:
        """What an earlier run with the same settings kept; empty where there is nothing."""
        return {} if self._work is None else self._work.said(self._settings)

    def put(self, page: Page, data: bytes, *, notes: Sequence[str] = ()) -> None:
        """Keeps a coloured page, encoded in the format that `target.format_for` gives.

        Raises ValueError where the bytes are of no format that is written.
        """
        form = format_of(data)
        if form not in FORMATS:
            raise ValueError(f"{shown(page.name)}: coloured bytes of no format that is written")
        self._keep(page, data, form, "colored", "; ".join(notes))

    def copy(self, page: Page, reason: str, *, outcome: Literal["kept", "copied"] = "copied") -> None:
        """Keeps a page unchanged: "kept" where it has colour already, "copied" where it could not be coloured.

        It is encoded anew only where OUT is a picture or a PDF file of another format; a page that cannot be is left
        out of a PDF file. Raises ValueError where that is impossible, or the page cannot be read.
        """
        data = page.read()
        form = format_of(data)
        if self.target.kind in ("picture", "pdf"):
            wanted = self.target.format_for(form or "png")
            try:
                picture = read_picture_file(data, name=shown(page.name))
            except ValueError:
                if self.target.kind == "picture":
                    raise
                self.leave_out(page, f"{reason}; PDF holds no page that cannot be decoded")
                return
            if form != wanted:
                data, form = encode_picture(picture.rgb, like=picture, form=wanted), wanted
        self._keep(page, data, form, outcome, reason)

    def leave_out(self, page: Page, reason: str) -> None:
        """Records that a page is not in OUT, since not even its bytes can be read."""
        self._done[page.number] = DonePage("", "left_out", reason, None)

    def finish(self) -> None:
        """Puts OUT in its place, whole. Raises ValueError where a page is missing, or every page was left out."""
        missing = [page for page in self.book.pages if page.number not in self._done]
        if missing:
            names = ", ".join(shown(page.name) for page in missing[:3])
            raise ValueError(f"{shown(self.target.path)}: {len(missing)} pages are not done ({names}); run it again")
        done = [self._done[page.number] for page in self.book.pages]
        if all(page.outcome == "left_out" for page in done):
            raise ValueError(f"{shown(self.book.path)}: no page of it can be read: {done[0].reason}")
        if self._work is None:
            assert self._picture is not None
            with atomic_write(self.target.path) as temporary:
                temporary.write_bytes(self._picture)
            return
        others = self._written_others(done)
        if self.target.kind == "folder":
            for name, read in others.items():
                self._work.write_into_out(name, read())
        else:
            parts = self._parts(others)
            digest = _digest(done, others)
            self._work.finish(digest, done, lambda file: _PACKERS[self.target.kind](file, parts))
        # A PDF file does not give its pictures back as they went in.
        self._work.tidy(done, keep_pictures=self.target.kind == "pdf")

    def _keep(self, page: Page, data: bytes, form: str | None, outcome: Outcome, reason: str) -> None:
        written = self._written_name(page, form)
        done = DonePage(self._key(page), outcome, reason, written, sha256(data).hexdigest(), len(data))
        if self._work is None:
            self._picture = data
        else:
            self._work.add(done, data)
        self._done[page.number] = done

    def _written_name(self, page: Page, form: str | None) -> str:
        """The page's own name, unless the format changed, or the book has no names that fit (PDF, EPUB)."""
        if self.target.kind == "picture":
            return self.target.path.name
        suffix = FORMATS[form].suffix if form in FORMATS else suffix_of(page.name)
        if self.book.kind in ("pdf", "epub") and self.target.kind != "epub":
            return f"page-{page.number:04}{suffix}"
        if form not in FORMATS or form in (format_of_suffix(suffix_of(page.name)), format_of(page.read())):
            return page.name  # also of a PNG picture called .jpg
        stem = _stem(page.name)
        # page.gif beside page.png: neither may take the other's place.
        return f"{stem if self._stems[stem.casefold()] == 1 else page.name}{suffix}"

    def _key(self, page: Page) -> str:
        """The digest of what a page is made from: its bytes, its name, the settings, the kind of OUT."""
        if page.number not in self._digests:
            self._digests[page.number] = sha256(page.read()).hexdigest()
        parts = (_CODE_VERSION, self._settings, self.target.kind, page.name, self._digests[page.number])
        return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    def _parts(self, others: dict[str, Callable[[], bytes]]) -> list[Part]:
        """The parts of OUT in the order of IN, then those that IN does not have."""
        assert self._work is not None
        parts: list[Part] = []
        for part in self.book.contents:
            if isinstance(part, Page):
                done = self._done[part.number]
                if done.written is not None:
                    parts.append(Part(done.written, self._work.reader(done), part.size_pt))
            elif part.name in others:
                parts.append(Part(part.name, others[part.name]))
        names = {part.name for part in parts}
        return [*parts, *(Part(name, read) for name, read in others.items() if name not in names)]

    def _others(self) -> list[Other]:
        """The parts of IN that OUT gets too: all of them, but a folder gets nothing that a system left behind."""
        if self.target.kind == "pdf" or (self.book.kind == "epub" and self.target.kind != "epub"):
            return []
        if self.target.kind != "folder":
            return self.book.others
        return [part for part in self.book.others if not _is_junk(part.name)]

    def _written_others(self, done: Sequence[DonePage]) -> dict[str, Callable[[], bytes]]:
        """The parts of OUT that are no pages; a ComicInfo.xml says that the book was coloured."""
        is_colored = any(page.outcome == "colored" for page in done)
        sizes_bytes = dict(enumerate(page.size_bytes for page in done if page.written is not None))

        def colored(data: bytes) -> bytes:
            return data if comic_info_problem(data) else colored_comic_info(data, sizes_bytes=sizes_bytes)

        found: dict[str, Callable[[], bytes]] = {}
        for part in filter(_is_readable, self._others()):
            is_changed = is_colored and is_comic_info(part.name)
            found[part.name] = (lambda part=part: colored(part.read())) if is_changed else part.read
        if self.book.kind == "epub" and self.target.kind not in ("epub", "pdf") and is_colored:
            found["ComicInfo.xml"] = lambda: new_comic_info(title=self.book.title, makers=self.book.makers)
        return found


@contextmanager
def write_book(book: Book, out: Path, settings_digest: str) -> Iterator[BookWriter]:
    """Writes a book to `out`; the file appears, whole, when the block ends. Pages of a folder appear one by one.

    settings_digest: of everything besides a page's own bytes that its colours depend on. Pages that were done before
        with the same digest are there already: `writer.has(page)`.

    What is done is kept in a folder beside OUT, `.<name>.tintoon` (in a folder OUT: `.tintoon`), so that a killed run
    goes on; of a finished book its list of pages stays there. An error that leaves the block keeps what is done.
    Raises ValueError as `check_target`, where another run writes the same OUT, and as `BookWriter.finish`.
    """
    target = check_target(book, out)
    if target.kind == "picture":
        writer = BookWriter(book, target, settings_digest, None)
        yield writer
        writer.finish()
        return
    work = WorkFolder(target.path, is_folder=target.kind == "folder")
    with work.held():
        writer = BookWriter(book, target, settings_digest, work)
        yield writer
        writer.finish()


def _digest(done: Sequence[DonePage], others: dict[str, Callable[[], bytes]]) -> str:
    """The digest of a whole book: what its pages are made from, and its other parts."""
    parts = [[name, sha256(read()).hexdigest()] for name, read in others.items()]
    return sha256(json.dumps([[asdict(page) for page in done], parts]).encode()).hexdigest()


def _is_readable(part: Other) -> bool:
    try:
        part.read()
    except ValueError:
        return False  # named in `BookWriter.notes`
    return True


def _is_junk(name: str) -> bool:
    return is_left_by_system(name) or name.rpartition("/")[2].lower() in JUNK_FILES


def _stem(name: str) -> str:
    """A name without its suffix."""
    return name[: len(name) - len(suffix_of(name))]
