"""A folder of pictures, with its subfolders, as a book. Writes nothing."""

import os
from collections.abc import Callable
from pathlib import Path

from pipelines.books.book import JUNK_FILES, Book, LeftAlone, Other, Page
from pipelines.images.decode import may_be_picture
from pipelines.issue_pages.archives.kinds import is_archive, may_be_page, reading_order
from pipelines.issue_pages.local_files import shown
from pipelines.issue_pages.page_files import is_named_page


def open_folder(folder: Path) -> Book:
    """The pictures below a folder, each subfolder in natural order; ComicInfo.xml at its root is kept beside them.

    Hidden files, and what systems leave behind (`._*`, `__MACOSX`, `@eaDir`, `Thumbs.db`), are passed over. Other
    files, archives, and folders that are called like a picture are named in `left_alone`. Raises ValueError where
    there is no picture, or a file cannot be read.
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
            return file.read_bytes()
        except OSError as error:
            raise ValueError(
                f"{shown(file)}: cannot be read ({error.strerror}); check the file and its rights"
            ) from error

    return read


def _look(folder: Path) -> tuple[list[str], list[LeftAlone]]:
    """The names of the pages, in reading order, and the files that are left alone. Raises OSError."""
    names: list[str] = []
    left_alone: list[LeftAlone] = []

    def fail(error: OSError) -> None:
        raise error

    for place, folders, files in os.walk(folder, onerror=fail):
        below = Path(place).relative_to(folder)
        for name in list(folders):
            path = (below / name).as_posix()
            is_named_picture = is_named_page(name)
            if may_be_page(name) and is_named_picture:
                left_alone.append(LeftAlone(path, "a folder that is called like a picture"))
            elif may_be_page(name) and (Path(place) / name).is_symlink():
                left_alone.append(LeftAlone(path, "a link to a folder"))
            if is_named_picture or not may_be_page(name):
                folders.remove(name)
        for name in files:
            path, file = (below / name).as_posix(), Path(place) / name
            if name.startswith(".") or name.lower() in {*JUNK_FILES, "comicinfo.xml"}:
                continue
            if (reason := _reason_against(file)) is None:
                names.append(path)
            else:
                left_alone.append(LeftAlone(path, reason))
    return sorted(names, key=reading_order), sorted(left_alone, key=lambda left: reading_order(left.name))


def _reason_against(file: Path) -> str | None:
    """The reason why a file is no page, or None. What only has a picture's name shows when it is decoded."""
    try:
        if not file.is_file():
            return "no file, or a link to nothing"
        if not may_be_page(file.name):
            return "no picture"
        if is_named_page(file.name) or may_be_picture(file):
            return None
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "a book; colour it by itself" if is_archive(file) else "no picture"


def _comic_infos(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.lower() == "comicinfo.xml" and file.is_file())[:1]
