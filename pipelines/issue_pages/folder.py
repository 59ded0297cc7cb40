"""A folder of comics as a source: `<title>/<issue>/<page>`, any picture format, in natural order. Writes nothing."""

from email.utils import formatdate
from hashlib import sha256
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import BaseModel

from pipelines.issue_pages.client import Client
from pipelines.issue_pages.entry import (
    Fetched,
    IssueEntry,
    IssueUnavailable,
    ListingFailed,
    NoSettings,
    NotModified,
    PageEntry,
    Skip,
)
from pipelines.issue_pages.fetch_error import FetchError, NotAPicture
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.picture import format_of, read_picture
from pipelines.lake import issue_key, natural_key
from pipelines.panels.decode import decode_picture, may_be_picture
from pipelines.titles import Title

# What has one of these names is meant to be a page. Any other file is one if it can be decoded.
_PICTURE_SUFFIXES = frozenset(
    {".apng", ".avif", ".bmp", ".dib", ".exr", ".gif", ".hdr", ".heic", ".heif", ".j2c", ".j2k", ".jfif", ".jp2"}
    | {".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".jxl", ".pam", ".pbm", ".pcx", ".pfm", ".pgm", ".pic", ".png"}
    | {".pnm", ".ppm", ".psd", ".qoi", ".ras", ".sgi", ".sr", ".tga", ".tif", ".tiff", ".webp"}
)
_NO_PAGES = frozenset({"thumbs.db", "desktop.ini", "comicinfo.xml", "__macosx"})
_NO_PAGE_STEMS = frozenset({"license", "licence", "readme", "copying", "credits", "attribution"})


class Unreadable(FetchError):
    """The file cannot be opened."""

    reason = "unreadable"


class FolderSource:
    """Issues are the subfolders of the title's folder; pages are their files."""

    name: ClassVar[str] = "folder"
    takes: ClassVar[str] = "a folder <title>/<issue>/<page>, relative to titles.yaml"
    settings: ClassVar[type[BaseModel]] = NoSettings
    is_local: ClassVar[bool] = True

    def __init__(self, client: Client):
        pass

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """One issue a subfolder; one without a page is "empty". Raises ListingFailed."""
        return [
            IssueEntry(issue=issue, name=folder.name, state="free" if _page_files(folder) else "empty")
            for issue, folder in _issue_folders(title).items()
        ]

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """One page a file. Raises ListingFailed or IssueUnavailable ("gone", "empty")."""
        folder = _issue_folders(title).get(issue)
        if folder is None:
            message = f"{title.key}: issue {issue}: no such folder in {title.address}; restore it, or drop the issue"
            raise IssueUnavailable("gone", message)
        files = _page_files(folder)
        if not files:
            message = f"{title.key}: issue {issue}: no page in {folder}; put the pages there, or remove the folder"
            raise IssueUnavailable("empty", message)
        return [
            PageEntry(page=number, name=file.name, url=file.as_uri(), skip=_skip(file))
            for number, file in enumerate(files, start=1)
        ]

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """Reads the file; equal bytes are NotModified. Raises Unreadable or NotAPicture."""
        file = Path(url2pathname(urlsplit(page.url).path))
        try:
            data = file.read_bytes()
            modified_s = file.stat().st_mtime
        except OSError as error:
            raise Unreadable(page.url, f"cannot be read ({error.strerror})", "check the file and its rights") from error
        if known is not None and known.sha256 == sha256(data).hexdigest():
            return NotModified()
        try:
            # By their name only where the bytes have no signature of their own (TGA), or one too many to list.
            by_suffix = file.suffix.lower().removeprefix(".")
            picture = read_picture(data, name=page.name, format_by_name=by_suffix or "unknown")
        except ValueError as error:
            raise NotAPicture(page.url, str(error), "replace the file, or move it out of the issue's folder") from error
        return Fetched(picture=picture, last_modified=formatdate(modified_s, usegmt=True))


def _issue_folders(title: Title) -> dict[str, Path]:
    """Folders by issue, in natural order."""
    root = Path(title.address)
    if not root.is_dir():
        raise ListingFailed(f"{title.key}: no such folder: {root}; correct its address in titles.yaml")
    folders: dict[str, Path] = {}
    for folder in sorted(
        (child for child in root.iterdir() if child.is_dir()), key=lambda path: natural_key(path.name)
    ):
        if _is_no_page(folder):
            continue
        issue = "-".join(folder.name.split())
        try:
            issue_key(title.key, issue)
        except ValueError as error:
            raise ListingFailed(f"{folder}: cannot be the name of an issue: {error}; rename the folder") from error
        if issue in folders:
            raise ListingFailed(
                f"{title.key}: {folders[issue]} and {folder} are both issue {issue!r}; rename one of them"
            )
        folders[issue] = folder
    if not folders:
        problem = "its pages lie beside each other" if _page_files(root) else "it is empty"
        raise ListingFailed(
            f"{title.key}: no issue in {root}: {problem}; make one subfolder an issue, the pages inside"
        )
    return folders


def _page_files(folder: Path) -> list[Path]:
    files = [child for child in folder.iterdir() if child.is_file() and not _is_no_page(child)]
    return sorted(files, key=lambda path: natural_key(path.name))


def _is_no_page(path: Path) -> bool:
    """Hidden files, and what systems and people leave beside pages: Thumbs.db, LICENSE.txt, ..."""
    name = path.name.lower()
    is_text = path.suffix.lower() in ("", ".txt", ".md") and path.stem.lower() in _NO_PAGE_STEMS
    return name.startswith(".") or name in _NO_PAGES or is_text


def _skip(file: Path) -> Skip | None:
    """Why a file is not taken for a picture at all. What only calls itself one is, and fails later, loudly."""
    if file.suffix.lower() in _PICTURE_SUFFIXES:
        return None
    try:
        with file.open("rb") as opened:
            if format_of(opened.read(64)):
                return None
        if may_be_picture(file):
            decode_picture(file.read_bytes(), name=file.name)
            return None
    except OSError:
        return None  # told when it is fetched
    except ValueError:
        pass
    return Skip("no_picture", "a picture neither by its name nor by its bytes")
