"""A folder of pictures, with its subfolders, as a book. Writes nothing."""

import os
from collections.abc import Callable
from pathlib import Path

from pipelines.books.book import JUNK_FILES, Book, LeftAlone, Other, Page
from pipelines.images.formats import reason_against, start_of
from pipelines.issue_pages.archives.kinds import is_archive, may_be_page, reading_order
from pipelines.issue_pages.local_files import shown
from pipelines.issue_pages.local_tree import read_file
from pipelines.issue_pages.names import left_by_system, leftover
from pipelines.issue_pages.page_files import is_named_page, reason_to_skip


def open_folder(folder: Path) -> Book:
    """The pictures below a folder, each subfolder in natural order; ComicInfo.xml at its root is kept beside them.

    Hidden files and folders (`._*`, `.DS_Store`), `Thumbs.db` and `desktop.ini` are passed over. What else is no page
    (`@eaDir`, backups, archives, documents, folders that are called like a picture or cannot be read) is named in
    `left_alone`, with the reason. Raises ValueError where there is no picture, or the folder cannot be read.
    """
    try:
        names, left_alone = _look(folder)
    except OSError as error:
        raise ValueError(
            f"{shown(error.filename or folder)}: cannot be read ({error.strerror or error}); check its rights"
        ) from error
    pages = [Page(number, name, reader(folder / name)) for number, name in enumerate(names, start=1)]
    if not pages:
        held = f"; it holds {shown(left_alone[0].name)} ({left_alone[0].reason})" if left_alone else ""
        raise ValueError(
            f"{shown(folder)}: no pictures in this folder{held}; expected files such as .png, also in subfolders"
        )
    others = [Other(file.name, reader(file)) for file in _comic_infos(folder)]
    return Book(folder, "folder", (*others, *pages), tuple(left_alone))


def reader(file: Path) -> Callable[[], bytes]:
    """Reads a file when called. Raises ValueError where it cannot."""

    def read() -> bytes:
        try:
            return read_file(file)
        except OSError as error:
            raise ValueError(
                f"{shown(file)}: cannot be read ({error.strerror}); check the file and its rights"
            ) from error

    return read


def _look(folder: Path) -> tuple[list[str], list[LeftAlone]]:
    """The names of the pages, in reading order, and what is left alone. Raises OSError."""
    names: list[str] = []
    left_alone: list[LeftAlone] = []

    def fail(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise error
        below = Path(error.filename).relative_to(folder).as_posix()
        left_alone.append(LeftAlone(below, f"cannot be read ({error.strerror}); check its rights"))

    for place, folders, files in os.walk(folder, onerror=fail):
        below = Path(place).relative_to(folder)
        for name in list(folders):
            if reason := _reason_against_folder(Path(place) / name):
                folders.remove(name)
                if not name.startswith("."):
                    left_alone.append(LeftAlone((below / name).as_posix(), reason))
        for name in files:
            path, file = (below / name).as_posix(), Path(place) / name
            if name.startswith(".") or name.lower() in {*JUNK_FILES, "comicinfo.xml"}:
                continue
            if (reason := _reason_against(file)) is None:
                names.append(path)
            else:
                left_alone.append(LeftAlone(path, reason))
    return sorted(names, key=reading_order), sorted(left_alone, key=lambda left: reading_order(left.name))


def _reason_against_folder(folder: Path) -> str | None:
    """The reason why a folder is not gone into, or None."""
    if reason := left_by_system(folder.name):
        return reason
    if is_named_page(folder.name):
        return "a folder that is called like a picture"
    return "a link to a folder" if folder.is_symlink() else None


def _reason_against(file: Path) -> str | None:
    """The reason why a file is no page, or None. What only has a picture's name shows when it is decoded."""
    if not file.is_file():
        return "no file, or a link to nothing"
    if reason := leftover(file.name):
        return reason
    if not may_be_page(file.name):
        return reason_against(b"", suffix=file.suffix) or "no picture"
    try:
        skip = reason_to_skip(file.name, lambda: start_of(file))
    except OSError as error:
        return f"cannot be read ({error.strerror}); check the file and its rights"
    if skip is None:
        return None
    # A document of a drawing program may be an archive by its bytes.
    is_book = skip.status == "nested" or (skip.status == "no_picture" and is_archive(file))
    if is_book:
        return "a book; colour it by itself"
    return "no picture" if skip.status == "no_picture" else skip.detail


def _comic_infos(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.lower() == "comicinfo.xml" and file.is_file())[:1]
