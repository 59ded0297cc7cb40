"""7z: the entries of CB7 files. Reads one file, writes nothing."""

import lzma
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import py7zr
from py7zr.exceptions import AbsolutePathError, ArchiveError
from py7zr.io import Py7zIO, WriterFactory

from pipelines.issue_pages.archives.entry import LINK, LOCKED, ArchiveLimits, Entry, broken, refused, require_harmless

# Its parser raises whatever the bytes lead it to: 7z headers are nested structures of counts and offsets.
_READ_ERRORS = (
    *(ArchiveError, AbsolutePathError, lzma.LZMAError, zlib.error, struct.error, EOFError, OSError, MemoryError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError, NotImplementedError),
)


class SevenZipContainer:
    """A 7z file; its entries are packed as one."""

    def __init__(self, file: Path, limits: ArchiveLimits):
        self._file = file
        self._limits = limits
        self.is_solid = True

    def entries(self) -> list[Entry]:
        """Every entry but folders, in the archive's order. Raises IssueUnavailable."""
        try:
            with self._file.open("rb") as opened, py7zr.SevenZipFile(opened) as archive:
                entries = list(_entries(archive))
        except py7zr.PasswordRequired as error:
            raise refused(self._file, "its table of contents is encrypted") from error
        except _READ_ERRORS as error:
            raise broken(self._file, error) from error
        return require_harmless(self._file, entries, self._limits, first_counts=True)

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of some entries, in one pass. Raises IssueUnavailable."""
        wanted = set(names)
        memory = _Memory()
        try:
            # A file that is open, not a path: given a path, it starts threads.
            with (
                self._file.open("rb") as opened,
                py7zr.SevenZipFile(opened, max_extract_size=self._limits.max_total_bytes) as archive,
            ):
                archive.extract(targets=wanted, factory=memory)
        except (*_READ_ERRORS, py7zr.PasswordRequired) as error:
            raise broken(self._file, error) from error
        found = {name: bytes(written.data) for name, written in memory.files.items()}
        if missing := sorted(wanted - set(found)):
            raise broken(self._file, f"entry {missing[0]!r} is not there any more")
        return found


def _entries(archive: py7zr.SevenZipFile) -> Iterator[Entry]:
    is_encrypted = archive.needs_password()
    for member in archive.files:
        if member.is_directory:
            continue
        left_out = LOCKED if is_encrypted else None
        if member.is_symlink or member.is_junction or member.is_socket:
            left_out = LINK
        yield Entry(member.filename, member.uncompressed, left_out=left_out)


class _Written(Py7zIO):
    """Bytes in memory, never more than the archive's limit, which py7zr holds."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, s: bytes | bytearray) -> int:
        self.data += s
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return bytes(self.data[:size])

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return len(self.data)


class _Memory(WriterFactory):
    """Takes the bytes that py7zr would write to files."""

    def __init__(self) -> None:
        self.files: dict[str, _Written] = {}

    def create(self, filename: str) -> Py7zIO:
        return self.files.setdefault(filename, _Written())
