"""ZIP: the entries of CBZ and EPUB files. Reads one file, writes nothing."""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.issue_pages.archives.entry import ArchiveLimits, Entry, broken, refused, require_harmless

_IS_ENCRYPTED, _IS_UTF8 = 0x1, 0x800
_READ_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, MemoryError),  # a dictionary of LZMA may claim 4 GiB
)


class ZipContainer:
    """A ZIP file."""

    def __init__(self, file: Path, limits: ArchiveLimits, *, any_names: bool = False):
        self._file = file
        self._limits = limits
        self._any_names = any_names
        self.is_solid = False

    def entries(self) -> list[Entry]:
        """Every entry but folders, in the archive's order. Raises IssueUnavailable."""
        try:
            with zipfile.ZipFile(self._file) as archive:
                infos = archive.infolist()
        except _READ_ERRORS as error:
            raise broken(self._file, error) from error
        return require_harmless(self._file, self._checked(infos), self._limits, any_names=self._any_names)

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of some entries. Raises IssueUnavailable."""
        found: dict[str, bytes] = {}
        name = ""
        try:
            with zipfile.ZipFile(self._file) as archive:
                by_name = {_name(info): info for info in archive.infolist()}
                for name in names:
                    found[name] = archive.read(by_name[name])  # checks length and CRC
        except NotImplementedError as error:
            seen = f"its entry {name!r} is packed in a way that cannot be unpacked here ({error})"
            raise refused(self._file, seen) from error
        except (*_READ_ERRORS, KeyError) as error:
            raise broken(self._file, f"entry {name!r}: {error}") from error
        return found

    def _checked(self, infos: list[zipfile.ZipInfo]) -> Iterator[Entry]:
        for info in infos:
            if info.filename.endswith("/"):  # is_dir() fails on an empty name
                continue
            problem = None
            if info.flag_bits & _IS_ENCRYPTED:
                problem = "is encrypted"
            elif stat.S_ISLNK(info.external_attr >> 16):
                problem = "is a link"
            yield Entry(_name(info), info.file_size, info.compress_size, problem)


def _name(info: zipfile.ZipInfo) -> str:
    """A name in its real encoding: most tools write UTF-8 without the flag for it. Other bytes become surrogates."""
    if info.flag_bits & _IS_UTF8:
        return info.filename
    return info.orig_filename.encode("cp437").decode("utf-8", "surrogateescape")
