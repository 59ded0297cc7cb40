"""The kinds of archives, by their bytes: a file named .cbr is often a ZIP file. Reads the start of a file only."""

from pathlib import Path, PurePosixPath
from typing import Literal

from pipelines.issue_pages.archives.entry import ArchiveLimits, Container
from pipelines.issue_pages.archives.rar import RarContainer
from pipelines.issue_pages.archives.sevenzip import SevenZipContainer
from pipelines.issue_pages.archives.tar import TarContainer
from pipelines.issue_pages.archives.zip import ZipContainer
from pipelines.issue_pages.local_files import is_left_behind
from pipelines.lake import natural_key

ArchiveKind = Literal["zip", "tar", "7z", "rar", "pdf"]

TAR_SUFFIXES = frozenset({".cbt", ".tar", ".tar.bz2", ".tar.gz", ".tar.xz", ".tbz2", ".tgz", ".txz"})
ARCHIVE_SUFFIXES = frozenset({".7z", ".cb7", ".cbr", ".cbz", ".epub", ".pdf", ".rar", ".zip"}) | TAR_SUFFIXES
_MAGIC: dict[bytes, ArchiveKind] = {
    **{b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"PK00PK\x03\x04": "zip"},
    **{b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"},
}
_CONTAINERS = {"zip": ZipContainer, "tar": TarContainer, "7z": SevenZipContainer, "rar": RarContainer}
_PACKED_TARS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"
_TEXT_SUFFIXES = frozenset(
    {".css", ".csv", ".htm", ".html", ".ini", ".js", ".json", ".log", ".md", ".ncx", ".nfo", ".opf", ".rtf", ".sfv"}
    | {".svg", ".ttf", ".otf", ".txt", ".url", ".woff", ".woff2", ".xhtml", ".xml", ".yaml", ".yml"}
)
_SYSTEM_FOLDERS = frozenset({"__macosx", "meta-inf", "@eadir"})


def archive_kind(file: Path) -> ArchiveKind | None:
    """The format of a file, by its bytes; plain TAR files of old have none of their own. Raises OSError."""
    with file.open("rb") as opened:
        start = opened.read(1024)
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            return kind
    if b"%PDF-" in start:
        return "pdf"
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


def open_container(
    file: Path, kind: Literal["zip", "tar", "7z", "rar"], limits: ArchiveLimits, *, any_names: bool = False
) -> Container:
    """The entries of an archive of a known kind; nothing is read yet.

    any_names: also takes names that are no UTF-8 (their bytes become surrogates, as in `os.fsdecode`), and names that
        differ in letters' case only: for readers that keep names as they are.
    """
    return _CONTAINERS[kind](file, limits, any_names=any_names)


def suffix_of(name: str) -> str:
    """The suffix of an entry's or file's name in small letters, with its dot; empty where there is none."""
    return PurePosixPath(name).suffix.lower()


def is_left_by_system(name: str) -> bool:
    """True for hidden files and folders, and those of a Mac, a NAS or an EPUB, that hold no page."""
    parts = name.replace("\\", "/").split("/")
    return any((part.startswith(".") and part != ".") or part.lower() in _SYSTEM_FOLDERS for part in parts)


def may_be_page(name: str) -> bool:
    """True for names that may be pages: no texts, and nothing that systems and people leave behind."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return not is_left_by_system(name) and not is_left_behind(last) and suffix_of(last) not in _TEXT_SUFFIXES


def reading_order(name: str) -> list[tuple[tuple[int, int, str], ...]]:
    """Sorts entries folder by folder, each in natural order."""
    return [natural_key(part) for part in name.replace("\\", "/").split("/")]
