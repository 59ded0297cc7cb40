"""Which files and entries are pages, by name and first bytes: one rule for folders and archives. Touches no files."""

from collections.abc import Callable
from pathlib import PurePosixPath

from pipelines.images.formats import (
    FORMATS,
    PICTURE_SUFFIXES,
    format_of,
    format_of_suffix,
    is_picture_start,
    reason_against,
)
from pipelines.issue_pages.entry import Skip

ARCHIVE_SUFFIXES = frozenset(
    {".7z", ".cb7", ".cbr", ".cbz", ".epub", ".pdf", ".rar", ".zip", ".cbt", ".tar", ".tbz2", ".tgz", ".txz", ".cba"}
    | {".tar.bz2", ".tar.gz", ".tar.xz"}
)
_PAGES_NOT_READ = frozenset({"jxl", "heic", "jxr", "flif", "bpg", "exr"})
"""Formats that pages come in and that are not read here: such a page is missing, so that its issue fails."""


def suffix_of(name: str) -> str:
    """The suffix of an entry's or file's name in small letters, with its dot; empty where there is none."""
    return PurePosixPath(name).suffix.lower()


def is_named_page(name: str) -> bool:
    """True for a name that only a page has. Whether its bytes are a picture shows when it is fetched."""
    suffix = suffix_of(name)
    return suffix in PICTURE_SUFFIXES or format_of_suffix(suffix) in _PAGES_NOT_READ


def reason_to_skip(name: str, read_start: Callable[[], bytes]) -> Skip | None:
    """Why a file or entry is no page; None for a page.

    `read_start` gives the first bytes (`formats.START_BYTES`); it is called where the name does not tell.
    """
    if is_named_page(name):
        return None
    if any(name.lower().endswith(suffix) for suffix in ARCHIVE_SUFFIXES):
        return Skip("nested", "an archive among the pages; unpack it, or give it a title with the source archive")
    start = read_start()
    form = format_of(start)
    if is_picture_start(start) or form in _PAGES_NOT_READ:
        return None
    if form in FORMATS or format_of_suffix(suffix_of(name)) in FORMATS:
        return Skip("unsupported", reason_against(start, suffix=suffix_of(name)) or "not read here")
    return Skip("no_picture", "a picture neither by its name nor by its bytes")
