"""Files on this machine as issues: the files of an address, the name of each issue, and the check for changes.

Reads names, sizes and times, and the bytes of no file. Writes nothing.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from pydantic import BaseModel

from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.entry import IssueEntry, IssueUnavailable, ListingFailed
from pipelines.lake import issue_key, natural_key
from pipelines.titles import Title

# What has one of these names is meant to be a page. Any other file is one if it can be decoded.
PICTURE_SUFFIXES = frozenset(
    {".apng", ".avif", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".heic", ".heif", ".j2c", ".j2k", ".jfif", ".jp2"}
    | {".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".pam", ".pbm", ".pcx", ".pfm", ".pgm", ".pic", ".png"}
    | {".pnm", ".ppm", ".psd", ".qoi", ".ras", ".sgi", ".sr", ".tga", ".tif", ".tiff", ".webp"}
)
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "comicinfo.xml", "__macosx"})
_LEGAL_STEMS = frozenset({"license", "licence", "readme", "copying", "credits", "attribution"})


class Unreadable(FetchError):
    """The file, or this part of it, cannot be read."""

    reason = "unreadable"


def is_left_behind(name: str) -> bool:
    """True for hidden files, and for files that systems and people leave beside pages: Thumbs.db, LICENSE.txt, ..."""
    name = name.lower()
    stem, dot, suffix = name.rpartition(".")
    is_text = (suffix in ("txt", "md") if dot else True) and (stem if dot else name) in _LEGAL_STEMS
    return name.startswith(".") or name in _SYSTEM_FILES or is_text


def shown(name: str | Path) -> str:
    """A name as tables and people can have it: a byte that is no UTF-8 becomes "?"."""
    return str(name).encode("utf-8", "replace").decode()


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


def issue_files(
    title: Title, *, suffixes: frozenset[str], is_meant: Callable[[Path], bool] | None = None
) -> tuple[dict[str, Path], list[IssueEntry]]:
    """The files of an address by issue, in natural order, and entries for files that are no issue.

    The name of an issue is its file's without the suffix, with a dash for each run of characters that a key cannot
    hold. `suffixes` may have two parts (`.tar.gz`); `is_meant` decides for files of other suffixes. Raises
    ListingFailed.
    """
    address = Path(title.address).absolute()
    if address.is_file():
        candidates = [address]
    elif address.is_dir():
        candidates = sorted(address.iterdir(), key=lambda path: natural_key(path.name))
    else:
        raise ListingFailed(
            f"{title.key}: no such file or folder: {shown(address)}; correct its address in titles.yaml"
        )
    files: dict[str, Path] = {}
    others: list[IssueEntry] = []
    for file in candidates:
        if is_left_behind(file.name):
            continue
        suffix = _suffix(file, suffixes)
        if file.is_dir() or not (suffix or (is_meant and is_meant(file))):
            kind = "a folder" if file.is_dir() else "no such file by its name or its bytes"
            note = f"{shown(file.name)}: {kind}; move it elsewhere, or give it a title with another source"
            # With its suffix: it must not take an issue's name.
            name = _issue(title, file, file.name)
            others.append(IssueEntry(issue=name, name=shown(file.name), state="unknown", note=note))
            continue
        issue = _issue(title, file, file.name.removesuffix(suffix) if suffix else file.stem)
        if issue in files:
            both = f"{shown(files[issue])} and {shown(file)}"
            raise ListingFailed(f"{title.key}: {both} are both issue {issue!r}; rename one of them")
        files[issue] = file
    if not files:
        raise ListingFailed(
            f"{title.key}: no issue in {shown(address)}: expected files named {' '.join(sorted(suffixes))}; "
            "correct its address in titles.yaml"
        )
    return files, [entry for entry in others if entry.issue not in files]


def issue_file(title: Title, issue: str, files: dict[str, Path]) -> Path:
    """The file of one issue. Raises IssueUnavailable ("gone")."""
    if issue not in files:
        message = f"{title.key}: issue {issue}: no such file in {title.address}; restore it, or drop the issue"
        raise IssueUnavailable("gone", message)
    return files[issue]


def part_url(file: Path, part: str) -> str:
    """The address of a part of a file: `file:///comics/1.cbz#P01.jpg`."""
    return f"{file.as_uri()}#{quote(part, safe='/=')}"


def stamp(file: Path, settings: BaseModel, code_version: str) -> str:
    """A validator like an ETag: it changes with the file's size or time, the settings, or the code that reads it.

    Raises OSError.
    """
    about = file.stat()
    read_by = sha256(f"{code_version} {settings.model_dump_json()}".encode()).hexdigest()[:12]
    return f'"{about.st_size:x}-{about.st_mtime_ns:x}-{read_by}"'


def _suffix(file: Path, suffixes: frozenset[str]) -> str:
    """The longest of the suffixes that a name ends with, as the name writes it; empty where there is none."""
    fitting = [suffix for suffix in suffixes if file.name.lower().endswith(suffix) and len(file.name) > len(suffix)]
    return file.name[-max(map(len, fitting)) :] if fitting else ""


def _issue(title: Title, file: Path, name: str) -> str:
    issue = re.sub(r"\.{2,}", ".", re.sub(r"[^\w.-]+", "-", name)).strip("-.")
    try:
        issue_key(title.key, issue)
    except ValueError as error:
        raise ListingFailed(f"{shown(file)}: cannot be the name of an issue: {error}; rename the file") from error
    return issue
