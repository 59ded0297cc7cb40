"""A folder of comics as a source: `<title>/<issue>/<page>`, any picture format, in natural order.

Also a flat folder of illustrations, `<title>/<illustration>`: the issue of each depends on its name alone
(`shards.py`), so that adding or removing illustrations moves no other one. Writes nothing.
"""

from email.utils import formatdate
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, Field

from pipelines.images.decode import may_be_picture
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, NotAPicture
from pipelines.issue_pages.entry import (
    Fetched,
    IssueEntry,
    IssueUnavailable,
    ListingFailed,
    NotModified,
    PageEntry,
    Skip,
)
from pipelines.issue_pages.local_files import (
    PICTURE_SUFFIXES,
    Unreadable,
    file_of,
    is_left_behind,
    listing,
    shown,
)
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.picture import read_picture
from pipelines.issue_pages.sources.shards import MAX_ISSUES, issue_of_name, issues_of_names
from pipelines.lake import issue_key, natural_key
from pipelines.titles import Title


class FolderSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of a title: a folder of issues, or a flat folder of illustrations."""

    flat: bool = Field(
        default=False,
        description="The folder holds illustrations beside each other; they are divided into issues by their names.",
    )
    issues: int = Field(
        default=16, ge=1, le=MAX_ISSUES, description="Into how many issues a flat folder is divided. Keep it."
    )


class FolderSource:
    """Issues are the subfolders of the title's folder; pages are their files."""

    name: ClassVar[str] = "folder"
    takes: ClassVar[str] = "a folder <title>/<issue>/<page>, or with `flat` <title>/<illustration>"
    settings: ClassVar[type[BaseModel]] = FolderSettings
    is_local: ClassVar[bool] = True

    def __init__(self, client: Client):
        pass

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """One issue a subfolder, or a shard of a flat folder; one without a page is "empty". Raises ListingFailed."""
        settings = FolderSettings(**title.settings)
        with listing(title):
            if settings.flat:
                shards = _flat_issues(title, settings)
                return [
                    IssueEntry(issue=issue, name=issue, state="free" if files else "empty")
                    for issue, files in shards.items()
                ]
            return [
                IssueEntry(issue=issue, name=shown(folder.name), state="free" if _page_files(folder) else "empty")
                for issue, folder in _issue_folders(title).items()
            ]

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """One page a file. Raises ListingFailed or IssueUnavailable ("gone", "empty")."""
        settings = FolderSettings(**title.settings)
        with listing(title):
            files = _flat_files(title, settings, issue) if settings.flat else _files_of_folder(title, issue)
        return [
            PageEntry(page=number, name=shown(file.name), url=file.as_uri(), skip=_skip(file))
            for number, file in enumerate(files, start=1)
        ]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """None: files of this machine are always read."""
        return None

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """Reads the file; equal bytes are NotModified. Raises Unreadable or NotAPicture."""
        file = file_of(page.url)
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


def _files_of_folder(title: Title, issue: str) -> list[Path]:
    folder = _issue_folders(title).get(issue)
    if folder is None:
        message = f"{title.key}: issue {issue}: no such folder in {title.address}; restore it, or drop the issue"
        raise IssueUnavailable("gone", message)
    files = _page_files(folder)
    if not files:
        message = f"{title.key}: issue {issue}: no page in {shown(folder)}; put the pages there, or remove the folder"
        raise IssueUnavailable("empty", message)
    return files


def _flat_files(title: Title, settings: FolderSettings, issue: str) -> list[Path]:
    files = _flat_issues(title, settings).get(issue)
    if files is None:
        message = f"{title.key}: issue {issue}: a folder of {settings.issues} issues has no such one; drop the issue"
        raise IssueUnavailable("gone", message)
    if not files:
        message = f"{title.key}: issue {issue}: no illustration in {title.address} belongs to it (any more)"
        raise IssueUnavailable("empty", f"{message}; it waits for one")
    return files


def _flat_issues(title: Title, settings: FolderSettings) -> dict[str, list[Path]]:
    """The illustrations of a flat folder by issue, each in natural order."""
    root = _root(title)
    if folders := sorted(child.name for child in root.iterdir() if child.is_dir() and not is_left_behind(child.name)):
        raise ListingFailed(
            f"{title.key}: `flat` is set, but there are folders in {root}: {shown(', '.join(folders[:5]))}; "
            "move their pictures up or elsewhere, or leave `flat` out"
        )
    files = _page_files(root)
    if not files:
        raise ListingFailed(f"{title.key}: no illustration in {root}; put some there, or correct its address")
    issues: dict[str, list[Path]] = {issue: [] for issue in issues_of_names(count=settings.issues)}
    for file in files:
        issues[issue_of_name(file.name, count=settings.issues)].append(file)
    return issues


def _root(title: Title) -> Path:
    root = Path(title.address)
    if not root.is_dir():
        raise ListingFailed(f"{title.key}: no such folder: {root}; correct its address in titles.yaml")
    return root


def _issue_folders(title: Title) -> dict[str, Path]:
    """Folders by issue, in natural order."""
    root = _root(title)
    folders: dict[str, Path] = {}
    for folder in sorted(
        (child for child in root.iterdir() if child.is_dir()), key=lambda path: natural_key(path.name)
    ):
        if is_left_behind(folder.name):
            continue
        issue = "-".join(folder.name.split())
        try:
            issue_key(title.key, issue)
        except ValueError as error:
            raise ListingFailed(
                f"{shown(folder)}: cannot be the name of an issue: {error}; rename the folder"
            ) from error
        if issue in folders:
            raise ListingFailed(
                f"{title.key}: {shown(folders[issue])} and {shown(folder)} are both issue {issue!r}; rename one of them"
            )
        folders[issue] = folder
    if not folders:
        problem = "its pages lie beside each other" if _page_files(root) else "it is empty"
        raise ListingFailed(
            f"{title.key}: no issue in {root}: {problem}; make one subfolder an issue, the pages inside, "
            "or set `flat` for illustrations that belong to no issue"
        )
    return folders


def _page_files(folder: Path) -> list[Path]:
    files = [child for child in folder.iterdir() if child.is_file() and not is_left_behind(child.name)]
    return sorted(files, key=lambda path: natural_key(path.name))


def _skip(file: Path) -> Skip | None:
    """The reason to skip a file that is no picture, or None. One that only has a picture's name fails when fetched."""
    if file.suffix.lower() in PICTURE_SUFFIXES:
        return None
    try:
        if may_be_picture(file):
            return None
    except OSError:
        return None  # the error comes when it is fetched
    return Skip("no_picture", "a picture neither by its name nor by its bytes")
