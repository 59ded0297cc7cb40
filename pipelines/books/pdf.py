"""PDF files as books: pages that are one picture as that picture, others drawn. Writes nothing."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from pipelines.books.book import Book, Page
from pipelines.issue_pages.archives.entry import ArchiveLimits
from pipelines.issue_pages.archives.pdf import pdf_picture, pdf_sizes_pt
from pipelines.issue_pages.entry import IssueUnavailable

PDF_DPI = 200
"""Resolution of pages that are more than one picture."""

_REMEMBERED_PAGES = 8


def open_pdf(file: Path) -> Book:
    """The pages of a PDF file, called page-0001, ... Raises ValueError where it is locked or damaged."""
    limits = ArchiveLimits()
    try:
        sizes = pdf_sizes_pt(file, limits)
    except IssueUnavailable as error:
        raise ValueError(str(error)) from error

    # A page is asked for several times: for its digest, its looks, its colours. To draw it takes longest.
    @lru_cache(maxsize=_REMEMBERED_PAGES)
    def picture(number: int) -> bytes:
        try:
            return pdf_picture(file, number, dpi=PDF_DPI, limits=limits)
        except IssueUnavailable as error:
            raise ValueError(str(error)) from error

    def reader(number: int) -> Callable[[], bytes]:
        return lambda: picture(number)

    pages = tuple(Page(number, f"page-{number:04}", reader(number), size) for number, size in enumerate(sizes, start=1))
    return Book(file, "pdf", pages)
