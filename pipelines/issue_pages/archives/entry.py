"""The entries of an archive, and the check for harm: entries that are not taken, and archives that are bombs.

Works on names and numbers; touches no files.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, Field, field_validator

from pipelines.issue_pages.entry import IssueUnavailable, Skip
from pipelines.issue_pages.local_files import shown

MIB = 1024 * 1024
_SMALL_BYTES = MIB  # an entry up to this size is no bomb, however well it was compressed


class ArchiveLimits(BaseModel, frozen=True, extra="forbid"):
    """Limits beyond which an archive counts as harmful, and the encoding of its names."""

    max_entries: int = Field(default=20_000, ge=1, description="Archives of more entries are refused.")
    max_entry_mib: int = Field(default=256, ge=1, description="Larger entries, unpacked, are left out.")
    max_total_mib: int = Field(default=4096, ge=1, description="Archives that unpack to more are refused.")
    max_ratio: float = Field(
        default=100,
        ge=1,
        description="Entries over 1 MiB that were packed better are left out; archives that were are refused.",
    )

    encoding: str | None = Field(
        default=None,
        description="Encoding of names that are no UTF-8: cp949, shift_jis, cp850, ...; empty: what cannot be read of "
        "them is shown as ?, and they order the pages as they are.",
    )

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, name: str | None) -> str | None:
        try:
            "".encode(name or "utf-8")
        except LookupError as error:
            raise ValueError(f"no encoding {name!r}; see those of Python, e.g. cp949 or shift_jis") from error
        return name

    @property
    def max_entry_bytes(self) -> int:
        """Largest entry, unpacked."""
        return self.max_entry_mib * MIB

    @property
    def max_total_bytes(self) -> int:
        """Largest archive, unpacked."""
        return self.max_total_mib * MIB


@dataclass(frozen=True)
class Entry:
    """One file of an archive, as its table of contents has it."""

    name: str  # with "/" between folders
    size_bytes: int  # unpacked, as declared
    packed_bytes: int | None = None  # None where several entries are packed as one
    left_out: Skip | None = None  # why it is not taken: it is encrypted, a link, points out of the archive, ...


LOCKED = Skip("refused", "is encrypted; pack it anew without a password")
LINK = Skip("refused", "a link, which is not followed in an archive")
NO_FILE = Skip("refused", "no file: a pipe, a device, or one with holes")


class Container(Protocol):
    """An archive of one format, read without ever writing a file."""

    @property
    def is_solid(self) -> bool:
        """True where reading one entry costs as much as reading all."""
        ...

    def entries(self) -> list[Entry]:
        """Every entry but folders, in the archive's order. Raises IssueUnavailable."""
        ...

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of some entries, never more than declared. Raises IssueUnavailable."""
        ...


def refused(file: Path, what: str) -> IssueUnavailable:
    """The error for an archive that is not opened because of an entry."""
    return IssueUnavailable("refused", f"{shown(file)}: {what}; it is not opened, so pack its pages anew")


def broken(file: Path, error: BaseException | str) -> IssueUnavailable:
    """The error for a file that is no whole archive."""
    seen = str(error) or type(error).__name__
    return IssueUnavailable("unreadable", f"{shown(file)}: no whole archive ({shown(seen)}); replace the file")


def parts_of(name: str) -> list[str]:
    """The parts of an entry's path. Either slash is between folders, as Windows writes it too.

    But for a backslash after a byte that is no UTF-8: it may be the second byte of a letter of Shift JIS.
    """
    return re.split(r"/|(?<![\udc80-\udcff])\\", name)


def judged(entry: Entry, limits: ArchiveLimits) -> Entry:
    """The entry, with `left_out` where it is not taken for what it is by itself: its name, its size, its packing.

    Nothing is unpacked to disk, and such an entry is not read: so it does no harm to the others.
    """
    if entry.left_out is not None:
        return entry
    problem = _problem_of_name(entry.name) or _problem_of_size(entry, limits)
    return entry if problem is None else replace(entry, left_out=Skip("refused", f"{problem}; pack it anew"))


def require_harmless(
    file: Path, entries: Iterable[Entry], limits: ArchiveLimits, *, first_counts: bool = False
) -> list[Entry]:
    """The entries, after the check: those that are not taken have `left_out`. Raises IssueUnavailable ("refused").

    An archive that is a bomb as a whole is refused: of too many entries, or that unpacks to too much. Entries are
    checked one by one, so that a stream of them ends with the first that is too much. What is packed by itself and
    left out is not unpacked, and does not count. Of entries with one name the last counts, as for those who unpack
    them (`first_counts`: the first); links are not followed.
    """
    checked: list[Entry] = []
    places: dict[str, int] = {}
    total_bytes = 0
    for given in entries:
        entry = judged(given, limits)
        if entry.left_out is None or entry.packed_bytes is None:
            total_bytes += max(0, entry.size_bytes)
        if len(checked) >= limits.max_entries:
            raise refused(file, f"its entry {shown(entry.name)!r} is one more than max_entries {limits.max_entries}")
        if total_bytes > limits.max_total_bytes:
            what = f"makes it more than max_total_mib {limits.max_total_mib} when unpacked"
            raise refused(file, f"its entry {shown(entry.name)!r} {what}")
        twin = places.get(entry.name) if entry.left_out is None else None
        if twin is not None and first_counts:
            entry = replace(entry, left_out=Skip("leftover", "is there twice; the first one counts"))
        elif twin is not None:
            checked[twin] = replace(checked[twin], left_out=Skip("leftover", "is there twice; the last one counts"))
        if entry.left_out is None or first_counts:
            places[entry.name] = len(checked)
        checked.append(entry)
    packed_bytes = file.stat().st_size
    if total_bytes > _SMALL_BYTES and total_bytes > limits.max_ratio * packed_bytes:
        largest = max(checked, key=lambda entry: entry.size_bytes)
        what = f"unpacks to {total_bytes / packed_bytes:.0f} times its size, over max_ratio {limits.max_ratio:g}"
        raise refused(file, f"it {what} (largest entry: {shown(largest.name)!r})")
    return checked


def _problem_of_name(name: str) -> str | None:
    if re.match(r"[/\\]|[A-Za-z]:[/\\]", name):
        return "has an absolute path"
    if ".." in name.replace("\\", "/").split("/"):
        return "points outside of the archive"
    if not name or any(unicodedata.category(sign) == "Cc" for sign in name):
        return "has no name that can be shown"
    return None


def _problem_of_size(entry: Entry, limits: ArchiveLimits) -> str | None:
    if entry.size_bytes < 0:
        return "has no size"
    if entry.size_bytes > limits.max_entry_bytes:
        return f"unpacks to {entry.size_bytes} bytes, over max_entry_mib {limits.max_entry_mib}"
    if entry.packed_bytes is None or entry.size_bytes <= _SMALL_BYTES:
        return None
    if entry.size_bytes > limits.max_ratio * entry.packed_bytes:
        ratio = entry.size_bytes / max(1, entry.packed_bytes)
        return f"unpacks to {ratio:.0f} times its size, over max_ratio {limits.max_ratio:g}"
    return None
