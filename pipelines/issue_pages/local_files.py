"""Files on this machine as issues: the files of an address, the name of each issue, and the check for changes.

Reads names, sizes and times, and the bytes of no file. Writes nothing.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote, unquote_to_bytes, urlsplit

from pydantic import BaseModel

from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.entry import IssueEntry, IssueUnavailable, ListingFailed
from pipelines.issue_pages.local_tree import LeftOut, folders_below
from pipelines.issue_pages.names import former_names, issue_names
from pipelines.terms.dropped import drop_command
from pipelines.titles import Title

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Unreadable(FetchError):
    """The file, or this part of it, cannot be read."""

    reason = "unreadable"


def shown(name: str | Path) -> str:
    """A name as tables and people can have it: a byte that is no UTF-8, or a control character, becomes "?"."""
    return _CONTROL.sub("?", str(name).encode("utf-8", "replace").decode())


def file_of(url: str) -> Path:
    """The file that `file:///comics/1.cbz#P01.jpg` is in, whatever bytes its name has."""
    return Path(os.fsdecode(unquote_to_bytes(urlsplit(url).path)))


@contextmanager
def listing(title: Title) -> Iterator[None]:
    """Turns errors of the file system into ListingFailed, inside the block."""
    try:
        yield
    except OSError as error:
        place = shown(error.filename or title.address)
        raise ListingFailed(
            f"{title.key}: {place}: cannot be read ({error.strerror or error}); check the address and its rights"
        ) from error


@dataclass(frozen=True)
class Listing:
    """What lies below a title's address: the files or folders that are issues, and the rest, each with its reason."""

    issues: dict[str, Path]  # in natural order
    entries: tuple[IssueEntry, ...]  # of what is no issue
    former: dict[str, str] = field(default_factory=dict)  # names of earlier versions, with the present ones
    names: dict[str, str] = field(default_factory=dict)  # of issues: their places below the address, for people

    def find(self, issue: str) -> Path | None:
        """The file or folder of an issue, by its name or the one that an earlier version gave it."""
        return self.issues.get(issue) or self.issues.get(self.former.get(issue, ""))

    def former_of(self, issue: str) -> tuple[str, ...]:
        """The names that earlier versions gave an issue."""
        return tuple(former for former, name in self.former.items() if name == issue)


@dataclass
class Found:
    """The contents of an address, as a walk over it finds them; `listed` names the issues."""

    root: Path
    issues: list[tuple[Path, tuple[str, ...]]] = field(default_factory=list)
    """Each with the parts of its name: those of its place below the address, the last without a file's suffix."""
    others: list[tuple[Path, str, str]] = field(default_factory=list)
    """What is no issue, each with a state and its reason."""

    def leave(self, path: Path, state: str, reason: str) -> None:
        """Notes a file or folder that is no issue."""
        self.others.append((path, state, reason))

    def leave_all(self, left_out: Iterable[LeftOut]) -> None:
        """Notes what a look into a folder has sorted out."""
        for left in left_out:
            self.leave(left.path, left.skip.status, left.skip.detail)

    def listed(self) -> Listing:
        """The issues by name (`names.issue_names`), and entries for the rest, which take no issue's name."""
        written = ["/".join(path.relative_to(self.root).parts) for path, _ in self.issues]
        names = issue_names([parts for _, parts in self.issues], written=written)
        issues = {name: path for name, (path, _) in zip(names, self.issues, strict=True)}
        former: dict[str, str] = {}
        for name, (_, parts) in zip(names, self.issues, strict=True):
            for old in former_names(parts):
                if old not in issues:
                    former.setdefault(old, name)
        parts_of_others = [path.relative_to(self.root).parts or (path.name,) for path, _, _ in self.others]
        entries = tuple(
            IssueEntry(issue=name, name=shown("/".join(parts)), state=state, note=f"{shown('/'.join(parts))}: {reason}")
            for name, parts, (_, state, reason) in zip(
                issue_names(parts_of_others, taken=names), parts_of_others, self.others, strict=True
            )
        )
        places = {name: shown(path.relative_to(self.root)) for name, path in issues.items()}
        return Listing(issues, entries, former, places)


def issue_files(title: Title, *, suffixes: frozenset[str], is_meant: Callable[[Path], bool] | None = None) -> Listing:
    """The files below an address by issue, in natural order, and entries for files that are no issue.

    An address is a file, or a folder with files at any depth: `vol 1/ch 2.cbz` is the issue `vol-1-ch-2`. `suffixes`
    may have two parts (`.tar.gz`); `is_meant` decides for files of other suffixes. Raises ListingFailed, OSError.
    """
    address = Path(title.address).absolute()
    if address.is_file():
        found = Found(address.parent)
        _sort_in(found, address, suffixes, is_meant)
    elif address.is_dir():
        found = Found(address)
        for folder in folders_below(address):
            found.leave_all((*folder.left_out, *folder.not_entered))
            for file in folder.files:
                _sort_in(found, file, suffixes, is_meant)
            if folder.problem:
                found.leave(folder.path, "unreadable", folder.problem)
            elif folder.parts and not (folder.files or folder.folders or folder.not_entered):
                found.leave(folder.path, "unknown", "a folder without a file for this source; move it elsewhere")
    else:
        raise ListingFailed(
            f"{title.key}: no such file or folder: {shown(address)}; correct its address in titles.yaml"
        )
    if not found.issues:
        others = f"; there is {shown(found.others[0][0].name)} ({found.others[0][2]})" if found.others else ""
        raise ListingFailed(
            f"{title.key}: no issue in {shown(address)}{others}: expected files named {' '.join(sorted(suffixes))}; "
            "correct its address in titles.yaml"
        )
    return found.listed()


def _sort_in(found: Found, file: Path, suffixes: frozenset[str], is_meant: Callable[[Path], bool] | None) -> None:
    suffix = _suffix(file, suffixes)
    if not (suffix or (is_meant and is_meant(file))):
        reason = "no such file by its name or its bytes; move it elsewhere, or give it a title with another source"
        found.leave(file, "unknown", reason)
        return
    *folders, name = file.relative_to(found.root).parts
    found.issues.append((file, (*folders, name.removesuffix(suffix) if suffix else file.stem)))


def issue_file(title: Title, issue: str, listed: Listing) -> Path:
    """The file of one issue. Raises IssueUnavailable ("gone")."""
    file = listed.find(issue)
    if file is None:
        remedy = f"restore it, or: {drop_command(f'{title.key}__{issue}')}"
        message = f"{title.key}: issue {issue}: no such file in {title.address}; {remedy}"
        raise IssueUnavailable("gone", message)
    return file


def part_url(file: Path, part: str) -> str:
    """The address of a part of a file: `file:///comics/1.cbz#P01.jpg`."""
    return f"{file.as_uri()}#{quote(part, safe='/=', errors='surrogateescape')}"


def part_of(url: str) -> str:
    """The part of a file that `part_url` wrote: an entry's name, whatever bytes it has."""
    return unquote(urlsplit(url).fragment, errors="surrogateescape")


def stamp(file: Path, settings: BaseModel, code_version: str, *, without: frozenset[str] = frozenset()) -> str:
    """A validator like an ETag: it changes with the file's size or time, the settings, or the code that reads it.

    `without` are settings that change no picture's bytes. Raises OSError.
    """
    about = file.stat()
    read_by = sha256(f"{code_version} {settings.model_dump_json(exclude=set(without))}".encode()).hexdigest()[:12]
    return f'"{about.st_size:x}-{about.st_mtime_ns:x}-{read_by}"'


def _suffix(file: Path, suffixes: frozenset[str]) -> str:
    """The longest of the suffixes that a name ends with, as the name writes it; empty where there is none."""
    fitting = [suffix for suffix in suffixes if file.name.lower().endswith(suffix) and len(file.name) > len(suffix)]
    return file.name[-max(map(len, fitting)) :] if fitting else ""
