"""Writes a coloured book: page by page into a work folder, so that a killed run goes on, then whole to its place."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from pipelines.books.book import JUNK_FILES, Book, Other, Page
from pipelines.books.comic_info import colored_comic_info, comic_info_problem, is_comic_info, new_comic_info
from pipelines.books.encode import encode_picture
from pipelines.books.formats import FORMATS, format_of_suffix
from pipelines.books.open import open_book
from pipelines.books.pack import Part, pack_7z, pack_pdf, pack_tar, pack_zip
from pipelines.books.picture_file import read_picture_file
from pipelines.books.target import Target, TargetKind, check_target
from pipelines.issue_pages.archives.kinds import is_left_by_system, suffix_of
from pipelines.issue_pages.local_files import shown
from pipelines.issue_pages.picture import format_of
from pipelines.lake import atomic_write

Outcome = Literal["colored", "kept", "copied", "left_out"]
"""What became of a page: coloured; kept, since it has colour already; copied unchanged, or left out, for a reason."""

_CODE_VERSION = "1"  # raise it whenever the same pages and settings give another book
_RECORDS, _DONE, _LOCK = "pages.jsonl", "done.json", "lock"
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


@dataclass(frozen=True)
class _Record:
    """A page that is done, in the work folder or in OUT."""

    key: str
    outcome: Outcome
    reason: str
    written: str | None
    sha256: str = ""  # of the bytes that were written; empty where it was left out
    size_bytes: int = 0


class BookWriter:
    """Takes the pages of a book one by one, in any order. Made by `write_book`."""

    def __init__(self, book: Book, target: Target, settings_digest: str, work: Path | None):
        self.book = book
        self.target = target
        self._settings = settings_digest
        self._work = work  # None of a single picture, which has nothing to go on with
        self._picture: bytes | None = None  # the single picture, until it is written
        self._digests: dict[int, str] = {}  # of the pages' own bytes
        self._records: dict[int, _Record] = {}  # by page number, of this run
        self._earlier = _read_records(work) if work else {}
        self._done = _read_done(work, target) if work else None  # the digest of the whole book, where OUT is whole
        self._stems = Counter(_stem(part.name).casefold() for part in book.contents)

    @property
    def results(self) -> list[PageResult]:
        """What became of the pages that are done, in reading order."""
        return [
            PageResult(page.number, page.name, record.outcome, record.reason, record.written)
            for page in self.book.pages
            if (record := self._records.get(page.number))
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
        if page.number in self._records:
            return True
        try:
            record = self._earlier.get(self._key(page))
        except ValueError:
            return False  # it cannot be read; the caller's own reading says why
        if record is None or not self._is_there(record):
            return False
        self._records[page.number] = record
        return True

    def put(self, page: Page, data: bytes, *, notes: Sequence[str] = ()) -> None:
        """Keeps a coloured page, encoded in the format `target.format_for` gives.

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
        wanted = self.target.format_for(form or "png") if self.target.kind in ("picture", "pdf") else form
        if wanted is not None and form != wanted:
            try:
                picture = read_picture_file(data, name=shown(page.name))
            except ValueError:
                if self.target.kind == "picture":
                    raise
                self.leave_out(page, f"{reason}; PDF holds no page that cannot be decoded")
                return
            data, form = encode_picture(picture.rgb, like=picture, form=wanted), wanted
        self._keep(page, data, form, outcome, reason)

    def leave_out(self, page: Page, reason: str) -> None:
        """Records that a page is not in OUT, since not even its bytes can be read."""
        self._records[page.number] = _Record("", "left_out", reason, None)

    def _keep(self, page: Page, data: bytes, form: str | None, outcome: Outcome, reason: str) -> None:
        written = self._written_name(page, form)
        record = _Record(self._key(page), outcome, reason, written, sha256(data).hexdigest(), len(data))
        if self._work is None:
            self._picture = data
        else:
            self._write(self._place(record), data)
            with (self._work / _RECORDS).open("a") as records:
                records.write(json.dumps(asdict(record)) + "\n")
        self._records[page.number] = record

    def _written_name(self, page: Page, form: str | None) -> str:
        """The page's own name, unless the format changed, or the book has no names that fit (PDF, EPUB)."""
        if self.target.kind == "picture":
            return self.target.path.name
        suffixes = FORMATS[form].suffixes if form in FORMATS else (suffix_of(page.name),)
        if self.book.kind in ("pdf", "epub") and self.target.kind != "epub":
            return f"page-{page.number:04}{suffixes[0]}"
        if form not in FORMATS or form in (format_of_suffix(suffix_of(page.name)), format_of(page.read()[:64])):
            return page.name  # also of a PNG picture called .jpg
        stem = _stem(page.name)
        # page.gif beside page.png: neither may take the other's place.
        return f"{stem if self._stems[stem.casefold()] == 1 else page.name}{suffixes[0]}"

    def _key(self, page: Page) -> str:
        """The digest of what a page is made from: its bytes, its name, the settings, the kind of OUT."""
        if page.number not in self._digests:
            self._digests[page.number] = sha256(page.read()).hexdigest()
        parts = (_CODE_VERSION, self._settings, self.target.kind, page.name, self._digests[page.number])
        return sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    def _place(self, record: _Record) -> Path:
        """The file of a page that is done: in OUT where that is a folder, else in the work folder."""
        assert record.written is not None
        assert self._work is not None
        if self.target.kind == "folder":
            return self.target.path / record.written
        return self._work / f"{record.key[:32]}{suffix_of(record.written)}"

    def _is_there(self, record: _Record) -> bool:
        if self._done is not None and self.target.kind != "folder":
            return True  # OUT is whole, and has it
        place = self._place(record)
        return place.is_file() and sha256(place.read_bytes()).hexdigest() == record.sha256

    def finish(self) -> None:
        """Puts OUT in its place, whole. Raises ValueError where a page is missing, or every page was left out."""
        missing = [page for page in self.book.pages if page.number not in self._records]
        if missing:
            names = ", ".join(shown(page.name) for page in missing[:3])
            raise ValueError(f"{shown(self.target.path)}: {len(missing)} pages are not done ({names}); run it again")
        if all(record.outcome == "left_out" for record in self._records.values()):
            raise ValueError(f"{shown(self.book.path)}: no page of it can be read: {self._records[1].reason}")
        if self._work is None:
            assert self._picture is not None
            with atomic_write(self.target.path) as temporary:
                temporary.write_bytes(self._picture)
            return
        parts = list(self._parts())
        if self.target.kind == "folder":
            self._write_others(parts)
        else:
            self._pack(parts)
        self._tidy()

    def _parts(self) -> Iterator[Part]:
        """The parts of OUT in the order of IN, pages and others."""
        earlier = _EarlierBook(self.target.path)
        others = {part.name for part in self._others()}
        for part in self.book.contents:
            if isinstance(part, Page):
                record = self._records[part.number]
                if record.written is None:
                    continue
                place = self._place(record)
                read = place.read_bytes if place.is_file() else earlier.reader(record.written)
                yield Part(record.written, read, part.size_pt)
            elif part.name in others and _is_readable(part):
                yield Part(part.name, self._other(part))
        if self.book.kind == "epub" and self.target.kind not in ("epub", "pdf"):
            yield Part("ComicInfo.xml", lambda: new_comic_info(title=self.book.title, makers=self.book.makers))

    def _others(self) -> list[Other]:
        """The parts that OUT gets too: all of them, but a folder gets nothing that a system left behind."""
        if self.target.kind == "pdf" or (self.book.kind == "epub" and self.target.kind != "epub"):
            return []
        if self.target.kind != "folder":
            return self.book.others
        return [part for part in self.book.others if not _is_junk(part.name)]

    def _other(self, part: Other) -> Callable[[], bytes]:
        """Reads a part that is no page; a ComicInfo.xml that can be read says that the book was coloured."""
        is_colored = any(record.outcome == "colored" for record in self._records.values())
        if not is_comic_info(part.name) or not is_colored:
            return part.read
        written = [record for page in self.book.pages if (record := self._records[page.number]).written is not None]
        sizes_bytes = {place: record.size_bytes for place, record in enumerate(written)}

        def read() -> bytes:
            data = part.read()
            return data if comic_info_problem(data) else colored_comic_info(data, sizes_bytes=sizes_bytes)

        return read

    def _write_others(self, parts: Sequence[Part]) -> None:
        written = {record.written for record in self._records.values()}
        for part in parts:
            if part.name not in written:
                self._write(self.target.path / part.name, part.read())

    def _write(self, file: Path, data: bytes) -> None:
        """Writes a file whole or not at all, by way of the work folder: a kill leaves nothing anywhere else."""
        assert self._work is not None
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = self._work / "part"
        aside.write_bytes(data)
        aside.replace(file)

    def _pack(self, parts: Sequence[Part]) -> None:
        assert self._work is not None
        digest = self._digest(parts)
        if self._done == digest:
            return
        packed = self._work / "book"
        _PACKERS[self.target.kind](packed, parts)
        done = {"book": digest, "sha256": _file_digest(packed)}
        # In this order: killed in between, OUT counts as somebody else's, and the pages are still here.
        (self._work / _DONE).unlink(missing_ok=True)
        packed.replace(self.target.path)
        with atomic_write(self._work / _DONE) as temporary:
            temporary.write_text(json.dumps(done))

    def _digest(self, parts: Sequence[Part]) -> str:
        """The digest of the whole book: what its pages are made from, and its other parts."""
        records = [self._records[page.number] for page in self.book.pages]
        written = {record.written for record in records}
        others = [[part.name, sha256(part.read()).hexdigest()] for part in parts if part.name not in written]
        return sha256(json.dumps([[asdict(record) for record in records], others]).encode()).hexdigest()

    def _tidy(self) -> None:
        """Leaves the list of pages in the work folder, and no pictures that are in OUT or of other settings."""
        assert self._work is not None
        records = [self._records[page.number] for page in self.book.pages if self._records[page.number].key]
        with atomic_write(self._work / _RECORDS) as temporary:
            temporary.write_text("".join(json.dumps(asdict(record)) + "\n" for record in records))
        # A PDF file does not give its pictures back as they went in.
        needed = {self._place(record).name for record in records} if self.target.kind == "pdf" else set()
        for file in self._work.iterdir():
            if file.name not in {_RECORDS, _DONE, _LOCK} | needed:
                file.unlink()


class _EarlierBook:
    """OUT as an earlier run left it: the pages of it that are wanted again."""

    def __init__(self, file: Path):
        self._file = file
        self._parts: dict[str, Page | Other] | None = None

    def reader(self, name: str) -> Callable[[], bytes]:
        """Reads a page when called. Raises ValueError where it is not there."""

        def read() -> bytes:
            if self._parts is None:
                self._parts = {part.name: part for part in open_book(self._file).contents}
            if name not in self._parts:
                raise ValueError(f"{shown(self._file)}: its page {shown(name)} is gone; remove the file and run again")
            return self._parts[name].read()

        return read


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
    is_folder = target.kind == "folder"
    work = target.path / ".tintoon" if is_folder else target.path.with_name(f".{target.path.name}.tintoon")
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"{shown(target.path)}: another run is writing it; wait for it, or end it") from None
    try:
        writer = BookWriter(book, target, settings_digest, work)
        yield writer
        writer.finish()
    finally:
        lock.release()


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


def _read_records(work: Path) -> dict[str, _Record]:
    """The pages that are done, by key. A line that a kill cut off is passed over."""
    found: dict[str, _Record] = {}
    file = work / _RECORDS
    for line in file.read_text().splitlines() if file.exists() else ():
        try:
            record = _Record(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[record.key] = record
    return found


def _read_done(work: Path, target: Target) -> str | None:
    """The digest of the finished book, or None where OUT is not what was finished."""
    try:
        done = json.loads((work / _DONE).read_text())
        is_same = _file_digest(target.path) == done["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(done["book"]) if is_same else None


def _file_digest(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as opened:
        while block := opened.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()
