"""A folder of comics as a source: `<title>/<issue>/<page>`, any picture format, in natural order.

Folders may lie in each other: each one that holds pages is an issue, `<title>/<volume>/<chapter>/<page>`. Also a flat
folder of illustrations, `<title>/<illustration>`: the issue of each depends on its name alone (`shards.py`), so that
adding or removing illustrations moves no other one. Writes nothing.
"""

import time
from email.utils import formatdate
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from pipelines.images.formats import START_BYTES
from pipelines.images.opened import PictureError
from pipelines.issue_pages.archives.comic_info import MAX_BYTES, ComicInfo, read_comic_info
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, NotAPicture
from pipelines.issue_pages.entry import (
    Fetched,
    IssueEntry,
    IssueUnavailable,
    ListingFailed,
    NotModified,
    PageEntry,
)
from pipelines.issue_pages.local_files import Found, Listing, Unreadable, file_of, listing, shown
from pipelines.issue_pages.local_tree import Folder, NotTaken, folders_below, is_folder, look_into, read_file
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.page_files import is_named_page, reason_to_skip
from pipelines.issue_pages.picture import read_picture
from pipelines.issue_pages.sources.shards import MAX_ISSUES, issue_of_name, issues_of_names
from pipelines.terms.dropped import drop_command
from pipelines.titles import Title

_COMIC_INFO = "comicinfo.xml"
_KEPT_S = 60.0
_KEPT: dict[str, tuple[float, Listing]] = {}
"""The list of the address that was walked over last, and when: a run collects its issues one after the other, and
a walk takes a second for a hundred thousand files. It only finds an issue's folder; its files are looked at anew."""


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
    """Issues are the folders with pages below the title's folder; pages are their files."""

    name: ClassVar[str] = "folder"
    takes: ClassVar[str] = "a folder <title>/<issue>/<page>, at any depth, or with `flat` <title>/<illustration>"
    settings: ClassVar[type[BaseModel]] = FolderSettings
    is_local: ClassVar[bool] = True

    def __init__(self, client: Client):
        pass

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """One issue a folder with pages, or a shard of a flat folder, and an entry for all else, with its reason.

        States: "free"; "empty", "unreadable", "leftover", "refused" (a link out of the title's folder, a pipe, ...),
        "unknown" (a file beside the issues). Raises ListingFailed.
        """
        settings = FolderSettings(**title.settings)
        with listing(title):
            if settings.flat:
                folder, shards = _flat_issues(title, settings)
                issues = [
                    IssueEntry(issue=issue, name=issue, state="free" if files else "empty")
                    for issue, files in shards.items()
                ]
                return issues + _beside(folder, set(shards))
            listed = _issue_folders(title)
            issues = [
                IssueEntry(issue=issue, name=listed.names[issue], former=listed.former_of(issue))
                for issue in listed.issues
            ]
            return [*issues, *listed.entries]

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """One page a file, then what is left out, with its reason.

        Raises ListingFailed or IssueUnavailable ("gone", "empty", "unreadable", ...).
        """
        settings = FolderSettings(**title.settings)
        with listing(title):
            if settings.flat:
                return _pages(_flat_folder(title, settings, issue), {})
            folder = _issue_folder(title, issue)
            return _pages(folder, _comic_info(folder).direction_facts)

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """None: files of this machine are always read."""
        return None

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """Reads the file; equal bytes are NotModified. Raises Unreadable or NotAPicture."""
        try:
            is_folder(file_of(page.url), Path(title.address))
        except NotTaken as error:
            raise Unreadable(page.url, str(error), "run again: the list of pages has changed") from error
        return fetch_file(page, known)


def fetch_file(page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
    """Reads the file that a page's address names; equal bytes are NotModified. Raises Unreadable or NotAPicture."""
    file = file_of(page.url)
    try:
        data = read_file(file)
        modified_s = file.stat().st_mtime
    except OSError as error:
        raise Unreadable(page.url, f"cannot be read ({error.strerror})", "check the file and its rights") from error
    if known is not None and known.sha256 == sha256(data).hexdigest():
        return NotModified()
    try:
        picture = read_picture(data, name=page.name)
    except PictureError as error:
        raise NotAPicture(page.url, error.seen, "replace the file, or move it out of the issue's folder") from error
    return Fetched(picture=picture, last_modified=formatdate(modified_s, usegmt=True))


def _pages(folder: Folder, facts: dict[str, Any]) -> list[PageEntry]:
    """The pages of a folder, with facts about them all, and after them what is left out of it."""
    files = [file for file in folder.files if file.name.lower() != _COMIC_INFO]
    found = [(file, reason_to_skip(file.name, partial(_start, file))) for file in files]
    found += [(left.path, left.skip) for left in folder.left_out]
    return [
        PageEntry(page=number, name=shown(file.name), url=file.as_uri(), skip=skip, facts={} if skip else facts)
        for number, (file, skip) in enumerate(found, start=1)
    ]


def _issue_folder(title: Title, issue: str) -> Folder:
    if (kept := _kept_folder(title, issue)) is not None:
        return kept
    listed = _issue_folders(title)
    path = listed.find(issue)
    if path is None:
        if entry := next((entry for entry in listed.entries if entry.issue == issue), None):
            raise IssueUnavailable(entry.state, f"{title.key}: issue {issue}: {entry.note}")
        message = (
            f"{title.key}: issue {issue}: no such folder in {title.address}; restore it, or: "
            f"{drop_command(f'{title.key}__{issue}')}"
        )
        raise IssueUnavailable("gone", message)
    return look_into(path, Path(title.address))


def _kept_folder(title: Title, issue: str) -> Folder | None:
    """The folder of an issue by the list of a moment ago; None where that does not have it, or it has no page now."""
    listed_at, listed = _KEPT.get(title.address, (0.0, None))
    if listed is None or time.monotonic() > listed_at + _KEPT_S or (path := listed.find(issue)) is None:
        return None
    try:
        folder = look_into(path, Path(title.address)) if is_folder(path, Path(title.address)) else None
    except (NotTaken, OSError):
        return None
    return folder if folder and _has_page(folder) else None


def _flat_folder(title: Title, settings: FolderSettings, issue: str) -> Folder:
    folder, issues = _flat_issues(title, settings)
    files = issues.get(issue)
    if files is None:
        message = (
            f"{title.key}: issue {issue}: a folder of {settings.issues} issues has no such one: "
            f"{drop_command(f'{title.key}__{issue}')}"
        )
        raise IssueUnavailable("gone", message)
    if not files:
        message = f"{title.key}: issue {issue}: no illustration in {title.address} belongs to it (any more)"
        raise IssueUnavailable("empty", f"{message}; it waits for one")
    return Folder(folder.path, folder.parts, files=tuple(files))


def _flat_issues(title: Title, settings: FolderSettings) -> tuple[Folder, dict[str, list[Path]]]:
    """A flat folder, and its illustrations by issue, each in natural order."""
    root = _root(title)
    folder = look_into(root, root)
    if not folder.files:
        held = f"; there are folders: {shown(', '.join(one.name for one in folder.folders[:5]))}"
        raise ListingFailed(
            f"{title.key}: no illustration in {root}{held if folder.folders else ''}; put some there, correct its "
            "address, or leave `flat` out"
        )
    issues: dict[str, list[Path]] = {issue: [] for issue in issues_of_names(count=settings.issues)}
    for file in folder.files:
        issues[issue_of_name(file.name, count=settings.issues)].append(file)
    return folder, issues


def _beside(folder: Folder, shards: set[str]) -> list[IssueEntry]:
    """Entries for what a flat folder holds besides illustrations."""
    found = Found(folder.path)
    for path in folder.folders:
        found.leave(path, "unknown", "a folder, but `flat` is set; move its pictures up, or leave `flat` out")
    found.leave_all(folder.left_out)
    return [entry for entry in found.listed().entries if entry.issue not in shards]


def _root(title: Title) -> Path:
    root = Path(title.address)
    if not root.is_dir():
        raise ListingFailed(f"{title.key}: no such folder: {root}; correct its address in titles.yaml")
    return root


def _issue_folders(title: Title) -> Listing:
    """The folders with pages, at any depth, and what is beside them; keeps the list for a while."""
    root = _root(title)
    found = Found(root)
    for folder in folders_below(root):
        found.leave_all(folder.not_entered)
        if folder.parts and _has_page(folder):
            found.issues.append((folder.path, folder.parts))
            continue
        _leave_folder(found, folder)
    if not found.issues and not any(state in ("empty", "unreadable") for _, state, _ in found.others):
        raise ListingFailed(f"{title.key}: no issue in {root}: {_problem(found)}")
    listed = found.listed()
    _KEPT.clear()
    _KEPT[title.address] = (time.monotonic(), listed)
    return listed


def _problem(found: Found) -> str:
    """Why there is no issue in a title's folder, and the remedy."""
    issues = "make one subfolder an issue, the pages inside"
    if any(state == "unknown" and is_named_page(path.name) for path, state, _ in found.others):
        return f"its pages lie beside each other; {issues}, or set `flat` for illustrations that belong to no issue"
    others = "; ".join(f"{shown(path.name)} is left out ({reason})" for path, _, reason in found.others[:5])
    return f"{others}; rename what is an issue, or {issues}" if others else f"it is empty; {issues}"


def _leave_folder(found: Found, folder: Folder) -> None:
    """Notes what is in a folder that is no issue, and that folder itself, where nothing is below it."""
    if folder.problem:
        found.leave(folder.path, "unreadable", folder.problem)
    elif folder.parts and not (folder.folders or folder.not_entered):
        names = [file.name for file in folder.files]
        names += [f"{left.path.name} ({left.skip.detail})" for left in folder.left_out]
        held = f"it holds {shown(', '.join(names[:5]))}" if names else "it is empty"
        found.leave(folder.path, "empty", f"no page in it; {held}; put pages there, or remove the folder")
    else:
        for file in folder.files:
            found.leave(file, "unknown", "a file beside the issues; put it into the folder of an issue, or elsewhere")
        found.leave_all(folder.left_out)


def _has_page(folder: Folder) -> bool:
    """True where a file is a page by its name, else by its bytes."""
    return any(is_named_page(file.name) for file in folder.files) or any(
        reason_to_skip(file.name, partial(_start, file)) is None for file in folder.files
    )


def _start(file: Path, size: int = START_BYTES) -> bytes:
    """The first bytes of a file; none where it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(size)
    except OSError:
        return b""


def _comic_info(folder: Folder) -> ComicInfo:
    """The folder's ComicInfo.xml, as people have it who unpacked an archive."""
    for file in folder.files:
        if file.name.lower() == _COMIC_INFO:
            return read_comic_info(_start(file, MAX_BYTES + 1))
    return ComicInfo()
