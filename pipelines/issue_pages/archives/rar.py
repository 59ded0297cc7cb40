"""RAR: the entries of CBR files. Reads one file, writes nothing.

Entries that are only stored need nothing else. Packed ones are unpacked by a program that the machine may have or
not (unrar, unar, 7z or bsdtar), into a pipe.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import rarfile

from pipelines.issue_pages.archives.entry import (
    LINK,
    LOCKED,
    ArchiveLimits,
    Entry,
    broken,
    judged,
    parts_of,
    refused,
    require_harmless,
)
from pipelines.issue_pages.entry import IssueUnavailable
from pipelines.issue_pages.local_files import shown

# It would copy packed entries into temporary files, to spare the program the rest of the archive.
rarfile.USE_EXTRACT_HACK = 0

_READ_ERRORS = (rarfile.Error, struct.error, EOFError, OSError, ValueError, LookupError, TypeError, AttributeError)


class RarContainer:
    """A RAR file of one volume."""

    def __init__(self, file: Path, limits: ArchiveLimits):
        self._file = file
        self._limits = limits
        self.is_solid = False

    def entries(self) -> list[Entry]:
        """Every entry but folders, in the archive's order. Raises IssueUnavailable ("needs_tool", ...)."""
        try:
            with rarfile.RarFile(self._file, errors="strict") as archive:
                infos = archive.infolist()
                if archive.needs_password() and not infos:
                    raise refused(self._file, "its table of contents is encrypted")
                if len(archive.volumelist()) > 1:
                    raise refused(self._file, "it is one volume of several")
        except _READ_ERRORS as error:
            raise broken(self._file, error) from error
        entries = require_harmless(self._file, (entry for entry, _ in _entries(infos, self._limits)), self._limits)
        if any(info.compress_type != rarfile.RAR_M0 for info in infos if info.is_file()):
            self._require_tool()
        return entries

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of some entries. Raises IssueUnavailable."""
        found: dict[str, bytes] = {}
        name = ""
        try:
            with rarfile.RarFile(self._file, errors="strict") as archive:
                infos = _entries(archive.infolist(), self._limits)
                taken = ((judged(entry, self._limits), info) for entry, info in infos)
                by_name = {entry.name: info for entry, info in taken if entry.left_out is None}
                for name in names:
                    with archive.open(by_name[name]) as opened:
                        size = int(by_name[name].file_size or 0)
                        found[name] = opened.read(size + 1)
                    if len(found[name]) != size:
                        raise broken(self._file, f"entry {shown(name)!r}: {len(found[name])} of {size} bytes")
        except _READ_ERRORS as error:
            raise broken(self._file, f"entry {shown(name)!r}: {error}") from error
        return found

    def _require_tool(self) -> None:
        try:
            rarfile.tool_setup(force=True)
        except rarfile.RarCannotExec as error:
            seen = "packed by RAR, and there is no program here to unpack it"
            remedy = "install unrar, unar or bsdtar, or pack its pages anew as CBZ"
            raise IssueUnavailable("needs_tool", f"{shown(self._file)}: {seen}; {remedy}") from error


def _entries(infos: list[rarfile.RarInfo], limits: ArchiveLimits) -> Iterator[tuple[Entry, rarfile.RarInfo]]:
    for info in infos:
        if info.is_dir():
            continue
        left_out = LOCKED if info.needs_password() else None
        if not info.is_file() or info.file_redir:
            left_out = LINK
        yield Entry(_name(info, limits), int(info.file_size or 0), info.compress_size, left_out), info


def _name(info: rarfile.RarInfo, limits: ArchiveLimits) -> str:
    """The name; where it was written in an unknown encoding, rarfile guesses, and we do not: it has surrogates."""
    if info.flags & rarfile.RAR_FILE_UNICODE or not info.orig_filename:
        return info.filename or ""
    try:
        name = info.orig_filename.decode("utf-8")
    except UnicodeDecodeError:
        name = info.orig_filename.decode(limits.encoding or "utf-8", "surrogateescape")
    return "/".join(parts_of(name))
