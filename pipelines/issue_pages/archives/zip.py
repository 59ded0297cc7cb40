"""ZIP: the entries of CBZ and EPUB files. Reads one file, writes nothing."""

import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import inflate64

from pipelines.issue_pages.archives.entry import (
    LINK,
    LOCKED,
    ArchiveLimits,
    Entry,
    broken,
    judged,
    refused,
    require_harmless,
)
from pipelines.issue_pages.local_files import shown

_IS_ENCRYPTED, _IS_UTF8 = 0x1, 0x800
_UNICODE_PATH = 0x7075
_DEFLATE64 = 9
_HEAD_BYTES = 30  # of an entry, before its name
_CHUNK_BYTES = 64 * 1024  # unpacks to 70 MB at most
_METHODS = {6: "Implode", 93: "Zstandard", 95: "XZ", 98: "PPMd"}  # APPNOTE.TXT, 4.4.5
_READ_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError),
    *(NotImplementedError, RuntimeError, MemoryError),  # a dictionary of LZMA may claim 4 GiB
)


class ZipContainer:
    """A ZIP file."""

    def __init__(self, file: Path, limits: ArchiveLimits):
        self._file = file
        self._limits = limits
        self.is_solid = False

    def entries(self) -> list[Entry]:
        """Every entry but folders, in the archive's order. Raises IssueUnavailable."""
        try:
            with zipfile.ZipFile(self._file) as archive:
                infos = self._named(archive)
        except _READ_ERRORS as error:
            raise broken(self._file, error) from error
        return require_harmless(self._file, (entry for entry, _ in _entries(infos)), self._limits)

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of some entries. Raises IssueUnavailable."""
        found: dict[str, bytes] = {}
        name = method = ""
        try:
            with zipfile.ZipFile(self._file) as archive:
                taken = ((judged(entry, self._limits), info) for entry, info in _entries(self._named(archive)))
                by_name = {entry.name: info for entry, info in taken if entry.left_out is None}
                for name in names:
                    method = _METHODS.get(by_name[name].compress_type, "a method")
                    if by_name[name].compress_type == _DEFLATE64:
                        found[name] = _inflated64(self._file, by_name[name])
                    else:
                        found[name] = archive.read(by_name[name])  # checks length and CRC
        except NotImplementedError as error:
            seen = f"its entry {shown(name)!r} is packed by {method}, which cannot be unpacked here ({error})"
            raise refused(self._file, seen) from error
        except (*_READ_ERRORS, KeyError) as error:
            raise broken(self._file, f"entry {shown(name)!r}: {error}") from error
        return found

    def _named(self, archive: zipfile.ZipFile) -> list[tuple[str, zipfile.ZipInfo]]:
        """Every entry with its name in its real encoding. Bytes that cannot be read become surrogates.

        Most tools write UTF-8 without the flag for it. Where one name is none, none is, if the title has an encoding.
        """
        infos = archive.infolist()
        encoding = "utf-8"
        if self._limits.encoding and not all(_is_utf8(info) for info in infos):
            encoding = self._limits.encoding
        return [(_name(info, encoding), info) for info in infos]


def _entries(infos: list[tuple[str, zipfile.ZipInfo]]) -> Iterator[tuple[Entry, zipfile.ZipInfo]]:
    for name, info in infos:
        if info.filename.endswith("/") or (name.endswith("\\") and not info.file_size):  # is_dir() fails on no name
            continue
        left_out = LOCKED if info.flag_bits & _IS_ENCRYPTED else None
        if stat.S_ISLNK(info.external_attr >> 16):
            left_out = LINK
        yield Entry(name, info.file_size, info.compress_size, left_out), info


def _is_utf8(info: zipfile.ZipInfo) -> bool:
    if info.flag_bits & _IS_UTF8:
        return True
    try:
        _raw(info).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _name(info: zipfile.ZipInfo, encoding: str) -> str:
    if info.flag_bits & _IS_UTF8:
        return info.filename
    return _unicode_path(info) or _raw(info).decode(encoding, "surrogateescape")


def _raw(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("cp437")


def _inflated64(file: Path, info: zipfile.ZipInfo) -> bytes:
    """An entry packed by Deflate64, as Windows packs what is large. Raises BadZipFile, struct.error, OSError."""
    inflater, data, left = inflate64.Inflater(), bytearray(), info.compress_size
    with file.open("rb") as packed:
        packed.seek(info.header_offset)
        names_size, extra_size = struct.unpack_from("<HH", packed.read(_HEAD_BYTES), _HEAD_BYTES - 4)
        packed.seek(names_size + extra_size, 1)
        while left > 0 and len(data) <= info.file_size and not inflater.eof:
            chunk = packed.read(min(left, _CHUNK_BYTES))
            if not chunk:
                break
            try:
                data += inflater.inflate(chunk)
            except ValueError as error:
                raise zipfile.BadZipFile(f"damaged Deflate64 ({error})") from error
            left -= len(chunk)
    if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile("Bad CRC-32 or length")
    return bytes(data)


def _unicode_path(info: zipfile.ZipInfo) -> str | None:
    """The name in UTF-8 that some tools add (APPNOTE.TXT, 4.6.9): of the version 1, with the CRC of the other name."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _UNICODE_PATH and 5 < size <= len(extra) - 4:
            version, crc = struct.unpack_from("<BI", extra, 4)
            if version == 1 and crc == zlib.crc32(_raw(info)):
                return extra[9 : 4 + size].decode("utf-8", "surrogateescape")
        extra = extra[4 + size :]
    return None
