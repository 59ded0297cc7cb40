"""A set in the layout of Danbooru2017 to Danbooru2021 as a source: files and metadata on this machine.

    <address>/original/0042/2042.png        or 512px/; the folder is the id modulo 1000, the id is not padded
    <address>/metadata/*.json               one post a line; ids and numbers are strings, tags are objects

Issues are the set's own folders: an id is always in the same one. Reads both; writes nothing. Bytes count, not names:
a PNG file that is named .jpg is a page like any other. Files without metadata have no known rating and are skipped.
"""

import os
import re
from collections import defaultdict
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, Field, ValidationError

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.entry import (
    Fetched,
    IssueEntry,
    IssueUnavailable,
    ListingFailed,
    NotModified,
    PageEntry,
    Skip,
    seen_in,
)
from pipelines.issue_pages.local_files import listing, shown
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.sources.danbooru import RATINGS
from pipelines.issue_pages.sources.folder import fetch_file
from pipelines.issue_pages.sources.illustration import Wanted, credited, no_picture
from pipelines.issue_pages.sources.shards import LARGEST_NUMBER
from pipelines.lake import natural_key
from pipelines.terms.dropped import drop_command
from pipelines.titles import Title

_FOLDERS = 1000
_SCALES = {"older": {"s": "safe", "q": "questionable", "e": "explicit"}, "newer": dict(RATINGS)}
_KINDS = {"0": "general", "1": "artist", "3": "copyright", "4": "character", "5": "meta"}
# A post's line begins with its id: most of the millions of lines are sorted out by it, without being read whole.
_ID_FIRST = re.compile(rb'\s*\{\s*"id"\s*:\s*"?([0-9]{1,9})"?\s*[,}]')


class DanbooruDumpSettings(Wanted, frozen=True, extra="forbid"):
    """The files of the set that make a title."""

    size: Literal["original", "512px"] = Field(
        default="original", description="The files as they were uploaded, or the set's own copies of 512 px."
    )
    folders: tuple[int, ...] = Field(
        default=(), description="Only these of the set's folders, 0 to 999, each an issue; empty: all of them."
    )
    scale: Literal["older", "newer"] = Field(
        default="older",
        description="What 's' means: 'older' sets (until 2021) have s, q and e with s for safe, 'newer' ones have "
        "g, s, q and e with s for sensitive. A 'g' in a set declared as older is an error.",
    )
    ratings: tuple[Literal["general", "safe", "sensitive", "questionable", "explicit"], ...] = Field(
        default=("general", "safe"),
        min_length=1,
        description="Posts of other ratings are listed as unwanted, not read.",
    )


class _Tag(BaseModel):
    name: str
    category: str | int = "0"


class _Post(BaseModel):
    id: int = Field(ge=0, le=LARGEST_NUMBER)
    md5: str | None = None
    rating: str | None = None
    image_width: int = 0
    image_height: int = 0
    file_ext: str | None = None
    source: str | None = None
    parent_id: int | None = None
    created_at: str | None = None
    is_deleted: bool = False
    is_banned: bool = False
    tags: list[_Tag] = []

    @property
    def tags_by_kind(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for tag in self.tags:
            found[_KINDS.get(str(tag.category), "other")].append(tag.name)
        return dict(found)


class DanbooruDumpSource:
    """Files of a downloaded set; issues are its folders `0000` to `0999`."""

    name: ClassVar[str] = "danbooru_dump"
    takes: ClassVar[str] = "the folder of a Danbooru2017..2021 set, with original/ or 512px/ and metadata/"
    settings: ClassVar[type[BaseModel]] = DanbooruDumpSettings
    is_local: ClassVar[bool] = True

    def __init__(self, client: Client):
        pass

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """One issue a folder of the set; one without a file is "empty". Raises ListingFailed.

        The metadata are not read for it: a set has gigabytes of them.
        """
        settings = DanbooruDumpSettings(**title.settings)
        with listing(title):
            return self._issues(title, settings)

    def _issues(self, title: Title, settings: DanbooruDumpSettings) -> list[IssueEntry]:
        root = _root(title, settings)
        wanted = {f"{number:04}" for number in settings.folders}
        names = sorted(
            child.name for child in root.iterdir() if re.fullmatch(r"0[0-9]{3}", child.name) and child.is_dir()
        )
        if missing := sorted(wanted - set(names)):
            raise ListingFailed(
                f"{title.key}: {root} has no folder {', '.join(missing)}; correct folders in titles.yaml, or add them"
            )
        if not names:
            raise ListingFailed(f"{title.key}: {root} has no folder 0000 to 0999; is it a set of Danbooru?")
        return [
            IssueEntry(issue=name, name=f"ids ending in {name[1:]}", state="free" if _files(root / name) else "empty")
            for name in names
            if not wanted or name in wanted
        ]

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The posts of one folder by id, with files or without. Raises IssueUnavailable or ListingFailed."""
        settings = DanbooruDumpSettings(**title.settings)
        if not re.fullmatch(r"0[0-9]{3}", issue):
            raise ValueError(f"{title.key}: issue {issue!r}: expected the name of a folder, '0000' to '0999'")
        with listing(title):
            return self._pages(title, settings, issue)

    def _pages(self, title: Title, settings: DanbooruDumpSettings, issue: str) -> list[PageEntry]:
        root = _root(title, settings)
        folder = root / issue
        if not folder.is_dir():
            remedy = f"restore it, or: {drop_command(f'{title.key}__{issue}')}"
            message = f"{title.key}: issue {issue}: no such folder in {root}; {remedy}"
            raise IssueUnavailable("gone", message)
        files = _files(folder)
        if not files:
            raise IssueUnavailable("empty", f"{title.key}: issue {issue}: no file in {folder}")
        posts = _posts(title, int(issue))
        pages: list[tuple[str, Path | None, _Post | None]] = []
        by_stem: dict[str, list[str]] = defaultdict(list)
        for name in files:
            by_stem[name.partition(".")[0]].append(name)
        for number, post in posts.items():
            names = by_stem.pop(str(number), [])
            # A post with two files: keep the one that the metadata name; the other has a row of its own.
            names.sort(key=lambda name: name != f"{number}.{post.file_ext}")
            pages.append(
                (names[0] if names else f"{number}.{post.file_ext}", folder / names[0] if names else None, post)
            )
            pages += [(name, folder / name, None) for name in names[1:]]
        pages += [(name, folder / name, None) for names in by_stem.values() for name in names]
        pages.sort(key=lambda page: natural_key(page[0]))
        return [
            _page(title, settings, place, folder / name, post, is_there=file is not None)
            for place, (name, file, post) in enumerate(pages, start=1)
        ]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """None: files of this machine are always read."""
        return None

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """Reads the file; equal bytes are NotModified. Raises Unreadable or NotAPicture."""
        return fetch_file(page, known)


def _root(title: Title, settings: DanbooruDumpSettings) -> Path:
    root = Path(title.address) / settings.size
    if not root.is_dir():
        raise ListingFailed(
            f"{title.key}: no folder {root}; expected {DanbooruDumpSource.takes}: correct the address or size"
        )
    return root


def _files(folder: Path) -> list[str]:
    """Names of the files of one folder, but hidden ones."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]


def _posts(title: Title, folder: int) -> dict[int, _Post]:
    """The posts of one folder by id, out of all metadata."""
    root = Path(title.address) / "metadata"
    files = sorted((path for path in root.rglob("*") if path.suffix in (".json", ".jsonl")), key=str)
    if not files:
        raise ListingFailed(
            f"{title.key}: no metadata/*.json in {title.address}; unpack the set's metadata there: without them the "
            "rating of a picture is not known"
        )
    posts: dict[int, _Post] = {}
    for path in files:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                first = _ID_FIRST.match(line)
                if (first and int(first[1]) % _FOLDERS != folder) or not line.strip():
                    continue
                try:
                    post = _Post.model_validate_json(line)
                except ValidationError as error:
                    raise ListingFailed(
                        f"{title.key}: {shown(path)}:{number}: not a post that is known: {seen_in(error)}; "
                        "download the file again"
                    ) from error
                if post.id % _FOLDERS == folder:
                    posts[post.id] = post
    return posts


def _page(
    title: Title, settings: DanbooruDumpSettings, place: int, file: Path, post: _Post | None, *, is_there: bool
) -> PageEntry:
    if post is None:
        number = file.name.partition(".")[0]
        # Banned and restricted posts are left out of the metadata, while their pictures may be there.
        skip = Skip("hidden", "the metadata do not have it: it may be banned or restricted, and its rating is unknown")
        if not re.fullmatch(r"[0-9]+", number):
            skip = Skip("no_picture", "its name is no id, so it is none of the set's pictures")
        return PageEntry(page=place, name=shown(file.name), url=file.as_uri(), skip=skip)
    scale = _SCALES[settings.scale]
    if settings.scale == "older" and post.rating == "g":
        raise ListingFailed(
            f"{title.key}: post {post.id} is rated 'g', which older sets do not have: there, 's' is not 'safe'; "
            "set 'scale: newer' in the title's settings"
        )
    rating = scale.get(post.rating or "")
    tags = post.tags_by_kind
    facts = {
        "id": post.id,
        "rating": rating or post.rating,
        "md5": post.md5,
        "width_px": post.image_width,
        "height_px": post.image_height,
        "extension": post.file_ext,
        "source": post.source,
        "parent_id": post.parent_id,
        "created_at": post.created_at,
        "tags": tags,
    }
    return PageEntry(
        page=place,
        name=shown(file.name),
        url=file.as_uri(),
        skip=_skip(settings, file, post, rating, is_there=is_there),
        facts={key: value for key, value in facts.items() if value not in (None, "", 0, {})},
        attribution=credited(title, tags.get("artist", [])),
    )


def _skip(
    settings: DanbooruDumpSettings, file: Path, post: _Post, rating: str | None, *, is_there: bool
) -> Skip | None:
    if post.is_banned:
        return Skip("hidden", "the artist does not want it shown")
    if post.is_deleted:
        return Skip("deleted", "the site had deleted it when the set was made")
    if skip := no_picture(file.suffix):
        return skip
    if rating not in settings.ratings:
        seen = rating or post.rating or "not at all"
        return Skip("unwanted", f"rated {seen}; ratings are {', '.join(settings.ratings)}")
    tags = {tag.name for tag in post.tags}
    if skip := settings.unwanted(tags=tags, width_px=post.image_width, height_px=post.image_height):
        return skip
    return None if is_there else Skip("no_picture", f"the set has no file of it in {file.parent.name}/")
