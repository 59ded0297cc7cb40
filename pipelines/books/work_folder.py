"""What is done of a book, on disk: the pages so far, so that a killed run goes on, and what the finished book holds.

    pages.jsonl     one line a page that is done
    <key>.<suffix>  its picture, until it is in OUT; in OUT itself where that is a folder
    said.json       what the caller keeps with the work
    finished.json   what OUT was when it was finished: a digest of the file, and the keys of its pages
    lock            held by the run that writes

Reads and writes below one folder, and puts files into OUT, each whole or not at all.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from pipelines.books.book import Other, Page
from pipelines.books.open import open_book
from pipelines.issue_pages.archives.kinds import suffix_of
from pipelines.issue_pages.local_files import shown
from pipelines.lake import atomic_write

Outcome = Literal["colored", "kept", "copied", "left_out"]
"""What became of a page: coloured; kept, since it has colour already; copied unchanged, or left out, for a reason."""

_PAGES, _SAID, _FINISHED, _LOCK = "pages.jsonl", "said.json", "finished.json", "lock"


@dataclass(frozen=True)
class DonePage:
    """A page that is done."""

    key: str  # the digest of what it was made from; empty where it was left out
    outcome: Outcome
    reason: str
    written: str | None  # its name in OUT; None where it was left out
    sha256: str = ""  # of the bytes that were written
    size_bytes: int = 0


class WorkFolder:
    """The work on one OUT: a folder OUT has it inside, as `.tintoon`, a file beside itself, as `.<name>.tintoon`."""

    def __init__(self, out: Path, *, is_folder: bool):
        self._out = out
        self._is_folder = is_folder
        self._path = out / ".tintoon" if is_folder else out.with_name(f".{out.name}.tintoon")
        self._pages: dict[str, DonePage] = {}
        self._finished: str | None = None
        self._keys_in_out: frozenset[str] = frozenset()
        self._parts: dict[str, Page | Other] | None = None  # of OUT as it was before this run

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other runs away, and reads what earlier ones left. Raises ValueError where another run writes OUT."""
        self._path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path / _LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"{shown(self._out)}: another run is writing it; wait for it, or end it") from None
        try:
            self._read()
            yield
        finally:
            lock.release()

    def find(self, key: str) -> DonePage | None:
        """The page of a key, where it was done and is still there as it was written."""
        page = self._pages.get(key)
        if page is None or key in self._keys_in_out:
            return page
        place = self._place(page)
        is_whole = place.is_file() and sha256(place.read_bytes()).hexdigest() == page.sha256
        return page if is_whole else None

    def add(self, page: DonePage, data: bytes) -> None:
        """Keeps a page."""
        self._write(self._place(page), data)
        self._keys_in_out -= {page.key}
        with (self._path / _PAGES).open("a", encoding="utf-8") as pages:
            pages.write(_line(page))

    def say(self, settings: str, said: Mapping[str, Any]) -> None:
        """Keeps what is to be known of work with the same settings: JSON, which takes the place of what was kept."""
        with atomic_write(self._path / _SAID) as temporary:
            temporary.write_text(json.dumps({"settings": settings, "said": said}), encoding="utf-8")

    def said(self, settings: str) -> dict[str, Any]:
        """What was kept of work with the same settings; empty where there is nothing."""
        try:
            found = json.loads((self._path / _SAID).read_text(encoding="utf-8"))
            return dict(found["said"]) if found["settings"] == settings else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def reader(self, page: DonePage) -> Callable[[], bytes]:
        """Reads a page that is done, from the work folder, or from OUT as it was before this run."""
        place, written = self._place(page), page.written
        if place.is_file() or written is None:
            return place.read_bytes

        def read() -> bytes:
            if self._parts is None:
                self._parts = {part.name: part for part in open_book(self._out).contents}
            if written not in self._parts:
                raise ValueError(f"{shown(self._out)}: its page {shown(written)} is gone; remove it and run again")
            return self._parts[written].read()

        return read

    def write_into_out(self, name: str, data: bytes) -> None:
        """Puts a file that is no page into a folder OUT."""
        self._write(self._out / name, data)

    def finish(self, digest: str, pages: Collection[DonePage], pack: Callable[[Path], None]) -> None:
        """Puts a file OUT in its place, whole; does nothing where it is there with the same digest.

        pack: writes the book to a path.
        """
        if self._finished == digest:
            return
        packed = self._path / "book"
        pack(packed)
        finished = {"book": digest, "sha256": _file_digest(packed), "keys": [page.key for page in pages]}
        # In this order: killed in between, OUT counts as somebody else's, and the pages are still here.
        (self._path / _FINISHED).unlink(missing_ok=True)
        packed.replace(self._out)
        with atomic_write(self._path / _FINISHED) as temporary:
            temporary.write_text(json.dumps(finished), encoding="utf-8")

    def tidy(self, pages: Collection[DonePage], *, keep_pictures: bool) -> None:
        """Leaves the list of pages, and no picture that is in OUT or of other settings."""
        done = [page for page in pages if page.key]
        with atomic_write(self._path / _PAGES) as temporary:
            temporary.write_text("".join(map(_line, done)), encoding="utf-8")
        needed = {self._place(page).name for page in done} if keep_pictures else set()
        for file in self._path.iterdir():
            if file.name not in {_PAGES, _SAID, _FINISHED, _LOCK} | needed:
                file.unlink()

    def _place(self, page: DonePage) -> Path:
        assert page.written is not None
        if self._is_folder:
            return self._out / page.written
        return self._path / f"{page.key[:32]}{suffix_of(page.written)}"

    def _write(self, file: Path, data: bytes) -> None:
        """Writes a file by way of the work folder: a kill leaves nothing anywhere else."""
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = self._path / "part"
        aside.write_bytes(data)
        aside.replace(file)

    def _read(self) -> None:
        pages = self._path / _PAGES
        for line in pages.read_text(encoding="utf-8").splitlines() if pages.exists() else ():
            try:
                page = DonePage(**json.loads(line))
            except (ValueError, TypeError):
                continue  # a kill cut it off
            self._pages[page.key] = page
        try:
            finished = json.loads((self._path / _FINISHED).read_text(encoding="utf-8"))
            if _file_digest(self._out) == finished["sha256"]:
                self._finished, self._keys_in_out = str(finished["book"]), frozenset(finished["keys"])
        except (OSError, ValueError, KeyError, TypeError):
            return  # there is none, or OUT is not what was finished


def _line(page: DonePage) -> str:
    return json.dumps(asdict(page)) + "\n"


def _file_digest(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as opened:
        while block := opened.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest()
