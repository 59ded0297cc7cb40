"""The kinds of archives, by their bytes: a file named .cbr is often a ZIP file. Reads the start of a file only."""

import zipfile
from pathlib import Path
from typing import Literal

import rarfile

from pipelines.issue_pages.archives.entry import ArchiveLimits, Container, parts_of
from pipelines.issue_pages.archives.rar import RarContainer
from pipelines.issue_pages.archives.tar import TarContainer
from pipelines.issue_pages.archives.zip import ZipContainer
from pipelines.issue_pages.names import left_by_system, leftover
from pipelines.issue_pages.page_files import ARCHIVE_SUFFIXES, suffix_of
from pipelines.lake import natural_key

ArchiveKind = Literal["zip", "tar", "7z", "rar", "pdf"]

TAR_SUFFIXES = frozenset({".cbt", ".tar", ".tar.bz2", ".tar.gz", ".tar.xz", ".tbz2", ".tgz", ".txz"})
_MAGIC: dict[bytes, ArchiveKind] = {
    **{b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"PK00PK\x03\x04": "zip", b"PK\x07\x08PK\x03\x04": "zip"},
    **{b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"},
}
_CONTAINERS = {"zip": ZipContainer, "tar": TarContainer, "rar": RarContainer}
_PACKED_TARS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_PROGRAMS = (b"MZ", b"\x7fELF")
_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"
_TEXT_SUFFIXES = frozenset(
    {".css", ".csv", ".htm", ".html", ".ini", ".js", ".json", ".log", ".md", ".ncx", ".nfo", ".opf", ".rtf", ".sfv"}
    | {".svg", ".ttf", ".otf", ".txt", ".url", ".woff", ".woff2", ".xhtml", ".xml", ".yaml", ".yml"}
)


def archive_kind(file: Path) -> ArchiveKind | None:
    """The format of a file, by its bytes; plain TAR files of old have none of their own. Raises OSError."""
    with file.open("rb") as opened:
        start = opened.read(1024)
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    if b"%PDF-" in start:
        return "pdf"
    if any(file.name.lower().endswith(suffix) for suffix in ARCHIVE_SUFFIXES):
        # With bytes before it, as what unpacks itself: not asked of files of other names, pictures among them.
        if zipfile.is_zipfile(file):
            return "zip"
        if start.startswith(_PROGRAMS) and rarfile.is_rarfile_sfx(file):
            return "rar"
    is_tar = start[_TAR_MAGIC_AT:].startswith(_TAR_MAGIC) or start.startswith(_PACKED_TARS)
    is_called_tar = any(file.name.lower().endswith(suffix) for suffix in TAR_SUFFIXES)
    return "tar" if is_tar or (is_called_tar and start) else None


def is_archive(file: Path) -> bool:
    """True for an archive by its bytes, whatever its name. gzip alone may be anything."""
    try:
        with file.open("rb") as opened:
            is_packed = opened.read(6).startswith(_PACKED_TARS)
        return not is_packed and archive_kind(file) is not None
    except OSError:
        return False


def open_container(file: Path, kind: Literal["zip", "tar", "7z", "rar"], limits: ArchiveLimits) -> Container:
    """The entries of an archive of a known kind; nothing is read yet."""
    if kind == "7z":
        from pipelines.issue_pages.archives.sevenzip import SevenZipContainer  # py7zr takes a moment

        return SevenZipContainer(file, limits)
    return _CONTAINERS[kind](file, limits)


def leftover_of(name: str) -> tuple[str, str] | None:
    """The part of an entry's path that makes it a leftover, "a/@eaDir/", and what it is; or None.

    That is a folder that a system left (`names.left_by_system`), or the file itself (`names.leftover`).
    """
    *folders, file = parts_of(name)
    for place, folder in enumerate(folders, start=1):
        if folder != "." and (reason := left_by_system(folder)):
            return "/".join(folders[:place]) + "/", reason
    reason = leftover(file)
    return ("/".join([*folders, file]), reason) if reason else None


def is_left_by_system(name: str) -> bool:
    """True for hidden files and folders, and those of a Mac, a NAS or an EPUB, that hold no page."""
    return any(part != "." and left_by_system(part) for part in parts_of(name))


def is_text(name: str) -> bool:
    """True for names of texts, styles and fonts: what a book is made of besides its pictures."""
    return suffix_of(parts_of(name)[-1]) in _TEXT_SUFFIXES


def may_be_page(name: str) -> bool:
    """True for names that may be pages: no texts, and nothing that systems and people leave behind."""
    return leftover_of(name) is None and not is_text(name)


def reading_order(name: str) -> list[tuple[tuple[int, int, str], ...]]:
    """Sorts entries folder by folder, each in natural order."""
    return [natural_key(part) for part in parts_of(name)]
