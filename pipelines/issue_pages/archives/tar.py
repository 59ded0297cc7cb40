"""TAR, plain or compressed: the entries of CBT files. Reads one file, writes nothing."""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from pipelines.issue_pages.archives.entry import (
    LINK,
    MIB,
    NO_FILE,
    ArchiveLimits,
    Entry,
    broken,
    judged,
    refused,
    require_harmless,
)
from pipelines.issue_pages.local_files import shown

_OPENERS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_READ_ERRORS = (
    *(tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, ArithmeticError),
    RecursionError,  # a chain of long names
)


class TarContainer:
    """A TAR file. To find its entries, a compressed one has to be unpacked from its beginning."""

    def __init__(self, file: Path, limits: ArchiveLimits):
        self._file = file
        self._limits = limits
        self._places: dict[str, int] = {}  # of each name, the place of the last entry that has it: that one counts

    @property
    def is_solid(self) -> bool:
        """True where it is compressed. Raises IssueUnavailable."""
        try:
            with self._file.open("rb") as packed:
                return _opener(packed.read(6)) is not None
        except OSError as error:
            raise broken(self._file, error) from error

    def entries(self) -> list[Entry]:
        """Every entry but folders, in the archive's order. Raises IssueUnavailable."""
        with self._opened() as archive:
            return require_harmless(self._file, self._checked(archive), self._limits)

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of some entries, in one pass. Raises IssueUnavailable."""
        wanted = set(names)
        found: dict[str, bytes] = {}
        with self._opened() as archive:
            for place, member in enumerate(archive):
                name = self._name(member)
                if (
                    name not in wanted
                    or self._places.get(name, place) != place
                    or member.size > self._limits.max_entry_bytes
                ):
                    continue
                opened = archive.extractfile(member)
                data = opened.read() if opened else b""
                if len(data) != member.size:
                    raise broken(self._file, f"entry {shown(name)!r}: {len(data)} of {member.size} bytes")
                found[name] = data
                if len(found) == len(wanted):
                    break
        if missing := sorted(wanted - set(found)):
            raise broken(self._file, f"entry {shown(missing[0])!r} is not there any more")
        return found

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        try:
            with self._file.open("rb") as packed:
                start = packed.read(6)
                packed.seek(0)
                opener = _opener(start)
                stream = _Unpacked(self._file, opener(packed, "rb") if opener else packed, self._limits)
                with tarfile.open(
                    fileobj=cast("gzip.GzipFile", stream), mode="r:", encoding="utf-8", errors="surrogateescape"
                ) as archive:
                    yield archive
        except _READ_ERRORS as error:
            raise broken(self._file, error) from error

    def _checked(self, archive: tarfile.TarFile) -> Iterator[Entry]:
        for place, member in enumerate(archive):
            name = self._name(member)
            if member.isdir():
                continue
            left_out = None
            if member.issym() or member.islnk():
                left_out = LINK
            elif not member.isfile() or member.issparse():
                left_out = NO_FILE
            entry = judged(Entry(name, member.size, left_out=left_out), self._limits)
            if entry.left_out is None:
                self._places[name] = place
            yield entry

    def _name(self, member: tarfile.TarInfo) -> str:
        """A name in its real encoding; bytes that cannot be read are surrogates."""
        try:
            member.name.encode("utf-8")
        except UnicodeEncodeError:
            raw = member.name.encode("utf-8", "surrogateescape")
            return raw.decode(self._limits.encoding or "utf-8", "surrogateescape")
        return member.name


def _opener(start: bytes) -> Callable[..., object] | None:
    return next((opener for magic, opener in _OPENERS.items() if start.startswith(magic)), None)


class _Unpacked:
    """The unpacked bytes as tarfile reads them, up to a limit: headers can be bombs too."""

    def __init__(self, file: Path, stream: object, limits: ArchiveLimits):
        self._file = file
        self._stream = cast("gzip.GzipFile", stream)
        self._limits = limits

    def read(self, size: int) -> bytes:
        # A header of tarfile's own, such as a long name, is read whole into memory.
        if size > self._limits.max_entry_bytes + MIB:
            raise refused(self._file, f"a part of it unpacks to {size} bytes, over max_entry_mib")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset > 2 * self._limits.max_total_bytes:
            raise refused(self._file, f"it unpacks to over {offset} bytes, over max_total_mib")
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()
