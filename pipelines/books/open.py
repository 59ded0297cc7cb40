"""Opens what a person gives: a picture, a folder, or a book in one file, by its bytes."""

from pathlib import Path

from pipelines.books.archive import open_archive
from pipelines.books.book import Book, Page
from pipelines.books.folder import open_folder, reader
from pipelines.books.pdf import open_pdf
from pipelines.images.formats import reason_against, start_of
from pipelines.issue_pages.archives.kinds import archive_kind
from pipelines.issue_pages.local_files import shown


def open_book(path: Path) -> Book:
    """A picture, a folder of pictures, or a CBZ, CBT, CB7, CBR, EPUB or PDF file, by its bytes and not by its name.

    Of a folder or an archive only names are read, of a picture nothing: what is no picture shows when a page is
    decoded. Raises FileNotFoundError, or ValueError with the file and the remedy.
    """
    if path.is_dir():
        return open_folder(path)
    if not path.exists():
        raise FileNotFoundError(f"{shown(path)}: no such file or folder")
    if not path.is_file():  # to look into a pipe would wait for ever
        raise ValueError(f"{shown(path)}: a pipe, a socket or a device; name a file or a folder")
    try:
        if reason := reason_against(start_of(path), suffix=path.suffix):
            raise ValueError(f"{shown(path)}: {reason}")  # some documents of drawing programs are ZIP files
        kind = archive_kind(path)
    except OSError as error:
        raise ValueError(f"{shown(path)}: cannot be read ({error.strerror}); check the file and its rights") from error
    if kind is None:
        return Book(path, "picture", (Page(1, path.name, reader(path)),))
    return open_pdf(path) if kind == "pdf" else open_archive(path, kind)
