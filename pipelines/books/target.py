"""Where a coloured book goes to: its kind, the names of its pages, and every refusal before work begins."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.books.book import Book, Page
from pipelines.books.formats import FORMATS, format_of_suffix, refusal, written_format
from pipelines.books.picture_file import read_picture_file
from pipelines.images.opened import read_header
from pipelines.issue_pages.archives.kinds import suffix_of
from pipelines.issue_pages.local_files import shown

TargetKind = Literal["picture", "folder", "zip", "tar", "7z", "epub", "pdf"]

_KINDS: dict[str, TargetKind] = {
    **{".cbz": "zip", ".zip": "zip", ".cbt": "tar", ".tar": "tar", ".cb7": "7z", ".7z": "7z"},
    **{".epub": "epub", ".pdf": "pdf"},
}
_READ_ONLY = {".cbr": ".cbz", ".rar": ".cbz", ".tgz": ".cbt", ".gz": ".cbt", ".bz2": ".cbt", ".xz": ".cbt"}


@dataclass(frozen=True)
class Target:
    """A place to write a book to."""

    path: Path  # the picture, the folder, or the book's file
    kind: TargetKind
    notes: tuple[str, ...] = ()  # what becomes of the book: "EPUB became CBZ: ..."

    def format_for(self, source_format: str) -> str:
        """The format in which a page of a format is written: its own where it can be, in a book."""
        if self.kind == "picture":
            form = format_of_suffix(self.path.suffix)
            assert form is not None
            return form
        return "jpeg" if self.kind == "pdf" else written_format(source_format)


def check_target(book: Book, out: Path) -> Target:
    """Where `book` goes when it is written to `out`, after every check that needs no pixels.

    A picture goes to a picture or into a folder; a folder or a book to a folder, a CBZ, CBT, CB7 or PDF file; an EPUB
    file also to an EPUB file. Raises ValueError, with the file and the remedy: IN and OUT the same, OUT in IN, a
    format that cannot hold the picture (65,500 px of JPEG, 16,383 px of WebP, transparency), and kinds that do not go
    together.
    """
    suffix = out.suffix.lower()
    if book.kind == "picture":
        return _picture_target(book, out)
    if out.is_dir() or (suffix not in _KINDS and not suffix):
        return _folder_target(book, out)
    if suffix in _READ_ONLY:
        remedy = f"name it {shown(out.stem)}{_READ_ONLY[suffix]}"
        raise ValueError(f"{shown(out)}: {suffix} files are read, and not written; {remedy}")
    if format_of_suffix(suffix) is not None:
        seen = f"{shown(book.path)} is a book of {len(book.pages)} pages"
        raise ValueError(f"{shown(out)}: is a picture by its name, and {seen}; name a folder or a .cbz file")
    if suffix not in _KINDS:
        if book.kind == "folder":
            return _folder_target(book, out)
        raise ValueError(f"{shown(out)}: expected a folder, or a name that ends in {_listed(_KINDS)}")
    kind = _KINDS[suffix]
    _require_parent(out)
    if out.exists() and out.samefile(book.path):
        raise ValueError(f"{shown(out)}: IN and OUT are the same file; name another, so that it is not overwritten")
    if kind == "epub" and book.kind != "epub":
        raise ValueError(f"{shown(out)}: only an EPUB book becomes an EPUB book; name it {shown(out.stem)}.cbz")
    if book.kind == "folder" and _is_inside(out, book.path):
        raise ValueError(f"{shown(out)}: OUT is inside of IN; name a file elsewhere")
    if kind == "epub":
        _require_own_formats(book, out)
    if kind == "pdf":
        _require_sizes(book, "jpeg")
    if kind == "7z" and (odd := [part.name for part in book.contents if not _is_unicode(part.name)]):
        raise ValueError(f"{shown(out)}: CB7 cannot hold the name {shown(odd[0])!r}; name {shown(out.stem)}.cbz as OUT")
    return Target(out, kind, _notes(book, kind))


def _picture_target(book: Book, out: Path) -> Target:
    (page,) = book.pages
    header = read_header(page.read(), name=shown(book.path))
    if out.is_dir() or (not out.suffix and not out.exists()):
        form = written_format(header.format)
        own = suffix_of(page.name)
        keeps_name = format_of_suffix(own) == form
        out = out / (page.name if keeps_name else f"{Path(page.name).stem}{FORMATS[form].suffix}")
    form = format_of_suffix(out.suffix)
    if form is None:
        known = _listed({form.suffix: form for form in FORMATS.values()})
        raise ValueError(f"{shown(out)}: expected a folder, or a name that ends in {known}")
    if out.exists() and out.samefile(book.path):
        raise ValueError(f"{shown(out)}: IN and OUT are the same file; name another, so that it is not overwritten")
    _require_parent(out)
    is_transparent = False
    if header.may_be_transparent and not FORMATS[form].has_alpha:
        is_transparent = read_picture_file(page.read(), name=shown(book.path)).alpha is not None
    if problem := refusal(form, width_px=header.width_px, height_px=header.height_px, is_transparent=is_transparent):
        raise ValueError(f"{shown(book.path)}: {problem}")
    return Target(out, "picture")


def _folder_target(book: Book, out: Path) -> Target:
    if out.exists() and not out.is_dir():
        raise ValueError(f"{shown(out)}: is a file; name a folder, or a name that ends in {_listed(_KINDS)}")
    if book.kind == "folder":
        if out.exists() and out.samefile(book.path):
            raise ValueError(
                f"{shown(out)}: IN and OUT are the same folder; name another, so that nothing is overwritten"
            )
        if _is_inside(out, book.path):
            raise ValueError(f"{shown(out)}: OUT is inside of IN; name a folder elsewhere")
        if _is_inside(book.path, out):
            raise ValueError(
                f"{shown(out)}: IN is inside of OUT; name a folder elsewhere, so that nothing is overwritten"
            )
    names: dict[str, str] = {}
    for page in book.pages:
        twin = names.setdefault(page.name.casefold(), page.name)
        if twin != page.name:
            both = f"{shown(twin)} and {shown(page.name)}"
            raise ValueError(f"{shown(book.path)}: {both} differ in letters' case only; name a .cbz file as OUT")
    _require_parent(out)
    return Target(out, "folder", _notes(book, "folder"))


def _notes(book: Book, kind: TargetKind) -> tuple[str, ...]:
    if book.kind in ("epub", "pdf") and kind != book.kind:
        what = {"folder": "a folder", "zip": "a CBZ book", "tar": "a CBT book", "7z": "a CB7 book", "pdf": "a PDF file"}
        lost = "its texts and links are left out, its pages are called page-0001, ..."
        if book.kind == "pdf":
            lost = "its pages are pictures, its text and links are left out"
        return (f"{book.kind.upper()} became {what[kind]}: {lost}",)
    if kind == "pdf":
        return ("each page is written as a JPEG picture of quality 95; text and links are left out",)
    return ()


def _require_own_formats(book: Book, out: Path) -> None:
    for page, form in _formats(book):
        if form not in ("jpeg", "png", "webp"):
            seen = f"its picture {shown(page.name)} is {form.upper()}, which would become PNG"
            raise ValueError(f"{shown(book.path)}: {seen}; name {shown(out.stem)}.cbz as OUT")


def _formats(book: Book) -> list[tuple[Page, str]]:
    found: list[tuple[Page, str]] = []
    for page in book.pages:
        try:
            found.append((page, read_header(page.read(), name=shown(page.name)).format))
        except ValueError:
            continue  # a damaged page is copied as it is
    return found


def _require_sizes(book: Book, form: str) -> None:
    for page in book.pages:
        try:
            header = read_header(page.read(), name=shown(page.name))
        except ValueError:
            continue  # a damaged page is named when its turn comes
        problem = refusal(form, width_px=header.width_px, height_px=header.height_px, is_transparent=False)
        if problem:
            raise ValueError(f"{shown(book.path)}: its page {shown(page.name)}: {problem}, in a .cbz file or a folder")


def _require_parent(out: Path) -> None:
    blocking = next((parent for parent in out.parents if parent.exists()), None)
    if blocking is not None and not blocking.is_dir():
        raise ValueError(f"{shown(out)}: {shown(blocking)} is a file; name a place below a folder")
    if blocking is not None and not os.access(blocking, os.W_OK | os.X_OK):
        raise ValueError(f"{shown(out)}: {shown(blocking)} may not be written to; name another place")


def _is_unicode(name: str) -> bool:
    return not any(0xD800 <= ord(sign) <= 0xDFFF for sign in name)


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _listed(suffixes: dict[str, object] | dict[str, TargetKind]) -> str:
    return ", ".join(sorted(suffixes))
