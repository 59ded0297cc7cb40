"""Danbooru as a source: posts of an id range by the documented API, `/posts.json`.

Reads `/posts.json` of whatever host the title's address names, by id cursors (`page=b<id>`), and the files at the
addresses that it gives. Writes nothing. The site's robots.txt forbids `/*.json`, while its help page documents the
interface for programs: it is asked only where the title's settings name it (`documented_api: help:api`), and each
use is logged. Posts that are not shown to everybody have no address; no address is built for them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal
from urllib.parse import quote_plus, urlsplit

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from pipelines.issue_pages.client.answer import Answer
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Gone, RobotsRefused
from pipelines.issue_pages.client.site import DocumentedApi, Site
from pipelines.issue_pages.entry import (
    Fetched,
    IssueEntry,
    IssueUnavailable,
    ListingFailed,
    NotModified,
    PageEntry,
    Skip,
    TitleUnavailable,
    seen_in,
)
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.sources.illustration import Wanted, credited, fetch_listed, file_address, no_picture
from pipelines.issue_pages.sources.shards import LARGEST_NUMBER, NumberShards, numbers_of
from pipelines.titles import Title

_API = DocumentedApi("help:api (https://danbooru.donmai.us/wiki_pages/help:api)", r"/posts\.json")
_PER_PAGE = 200  # the site's maximum
_TAGS = ("general", "artist", "character", "copyright", "meta")
# A page can be short because the site leaves posts out of it, so more pages than full ones are no wonder.
_PAGES_PER_FULL_PAGE = 4
_ONLY = (
    "id,created_at,md5,rating,image_width,image_height,file_ext,file_size,source,parent_id,is_deleted,is_banned,"
    "tag_string_general,tag_string_artist,tag_string_character,tag_string_copyright,tag_string_meta,"
    "file_url,large_file_url"
)

Rating = Literal["general", "safe", "sensitive", "questionable", "explicit"]
RATINGS: Mapping[str, Rating] = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
"""Ratings as posts write them today. Until 2022 there was no `g`, and `s` was "safe"."""


class DanbooruSettings(NumberShards, Wanted, frozen=True, extra="forbid"):
    """The posts of the site that make a title."""

    documented_api: Literal["help:api"] | None = Field(
        default=None,
        description="Name 'help:api' to ask the interface that the site documents for programs, although its "
        "robots.txt forbids /*.json; without it nothing is asked.",
    )
    tags: tuple[str, ...] = Field(
        default=(), max_length=2, description="What the site is asked for: at most two tags, as its search writes them."
    )
    ratings: tuple[Literal["general", "sensitive", "questionable", "explicit"], ...] = Field(
        default=("general",), min_length=1, description="Posts of other ratings are listed as unwanted, not fetched."
    )
    size: Literal["original", "sample"] = Field(
        default="original", description="The file as it was uploaded, or the site's copy of at most 850 px width."
    )

    @field_validator("tags")
    @classmethod
    def _check_tags_of_search(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not tag or re.search(r"\s", tag):
                raise ValueError(f"tag {tag!r}: expected one tag without spaces, e.g. 'long_hair'")
            if re.match(r"-?(order|limit|random|ordfav|ordpool)\b", tag):
                raise ValueError(f"tag {tag!r} orders or cuts the list; posts are listed by id")
        return tags


class _Post(BaseModel):
    id: int = Field(ge=1, le=LARGEST_NUMBER)
    created_at: str | None = None
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    rating: str | None = None
    image_width: int = 0
    image_height: int = 0
    file_ext: str | None = None
    file_size: int | None = None
    source: str | None = None
    parent_id: int | None = None
    is_deleted: bool = False
    is_banned: bool = False
    tag_string_general: str = ""
    tag_string_artist: str = ""
    tag_string_character: str = ""
    tag_string_copyright: str = ""
    tag_string_meta: str = ""
    file_url: str | None = None  # absent where the post is not shown to everybody
    large_file_url: str | None = None

    @property
    def tags(self) -> dict[str, list[str]]:
        """Tags by kind."""
        return {kind: names for kind in _TAGS if (names := getattr(self, f"tag_string_{kind}").split())}


class _NumberOnly(BaseModel):
    id: int = Field(ge=1, le=LARGEST_NUMBER)


class _Refusal(BaseModel):
    message: str = ""


_POSTS = TypeAdapter(list[_Post])
_NUMBERS = TypeAdapter(list[_NumberOnly])


@dataclass(frozen=True)
class _Address:
    """`https://danbooru.donmai.us`, and the title's settings."""

    origin: str
    settings: DanbooruSettings

    @property
    def site(self) -> Site:
        return Site(self.origin, owns=("donmai.us",), documented_api=_API if self.settings.documented_api else None)

    def newest_url(self) -> str:
        return f"{self.origin}/posts.json?limit=1&only=id"

    def list_url(self, below: int) -> str:
        tags = f"tags={quote_plus(' '.join(self.settings.tags))}&" if self.settings.tags else ""
        return f"{self.origin}/posts.json?{tags}limit={_PER_PAGE}&page=b{below}&only={_ONLY}"

    def post_url(self, number: int) -> str:
        return f"{self.origin}/posts/{number}"


class DanbooruSource:
    """Posts of danbooru.donmai.us, or of any host that answers alike. Issues are ranges of ids."""

    name: ClassVar[str] = "danbooru"
    takes: ClassVar[str] = "the site, https://danbooru.donmai.us"
    settings: ClassVar[type[BaseModel]] = DanbooruSettings
    is_local: ClassVar[bool] = False

    def __init__(self, client: Client):
        self._client = client

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Ranges of ids up to the newest post, by one request. States: "free", and "growing" for the last.

        Raises TitleUnavailable ("gone"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        url = address.newest_url()
        found = _validated(_NUMBERS, title, self._answer(title, address, url))
        if not found:
            raise TitleUnavailable("empty", f"{title.key}: {url}: the site lists no post; check the address")
        return address.settings.listed(newest=found[0].id, where=f"{title.key}: {url}")

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The posts of one range, by id. Hidden, deleted and unwanted ones, and other files, are skipped, with a row.

        Raises IssueUnavailable ("empty"), TitleUnavailable ("gone"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        numbers = address.settings.wanted(numbers_of(issue))
        posts = self._posts(title, address, numbers) if numbers else {}
        if not posts:
            message = (
                f"{title.key}: issue {issue}: {title.address} has no post of these ids; see tags, first_id, last_id"
            )
            raise IssueUnavailable("empty", message)
        return [_page(title, address, place, posts[number]) for place, number in enumerate(sorted(posts), start=1)]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a file would raise now, or None. Asks for nothing but a host's robots.txt."""
        return self._client.refusal(page.url, _address(title).site)

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One file. Not asked for where the list still gives the digest of the known one. Raises a FetchError."""
        address = _address(title)
        digest = page.facts.get("md5") if address.settings.size == "original" else None
        return fetch_listed(self._client, address.site, page, known, digest=digest)

    def _posts(self, title: Title, address: _Address, numbers: range) -> dict[int, _Post]:
        """Posts by id, from the last downwards, until the range or the list ends."""
        posts: dict[int, _Post] = {}
        below = numbers.stop
        for _ in range(_PAGES_PER_FULL_PAGE * (len(numbers) // _PER_PAGE + 2)):
            url = address.list_url(below)
            found = _validated(_POSTS, title, self._answer(title, address, url))
            # Only an empty page is the end: a short one may be a full one of which the site left some out.
            if not found:
                return posts
            ids = [post.id for post in found]
            if any(after >= before for before, after in zip([below, *ids], ids, strict=False)):
                raise ListingFailed(
                    f"{title.key}: {url}: ids {ids[0]} to {ids[-1]} are not in falling order below {below}; "
                    "run again later, and report it if it stays"
                )
            posts |= {post.id: post for post in found if post.id in numbers}
            below = ids[-1]
            if below <= numbers.start:
                return posts
        raise ListingFailed(
            f"{title.key}: {address.list_url(below)}: still not below id {numbers.start}; "
            "the site may have changed, so report it with this address"
        )

    def _answer(self, title: Title, address: _Address, url: str) -> Answer:
        try:
            answer = self._client.get(url, address.site, answers={410, 422})
        except Gone as error:
            raise TitleUnavailable("gone", f"{title.key}: {error}") from error
        except RobotsRefused as error:
            if address.settings.documented_api or "forbids it" not in error.seen:
                raise
            raise RobotsRefused(
                error.url,
                error.seen,
                f"{title.key}: the site documents this interface for programs ({_API.name}): read it, and if you "
                "want to ask it all the same, set 'documented_api: help:api' in the title's settings",
            ) from error
        if answer.status == 200:
            return answer
        if answer.location is not None:
            seen = f"a redirect to {answer.location}, a gate that is not known"
        else:
            seen = _message(answer) or "no reason given"
        remedy = "correct tags in the title's settings" if answer.status == 422 else "check the title's address"
        raise ListingFailed(f"{title.key}: {url}: HTTP {answer.status}, {seen}; {remedy}")


def _address(title: Title) -> _Address:
    settings = DanbooruSettings(**title.settings)
    try:
        parts = urlsplit(title.address)
    except ValueError:
        parts = urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or not parts.netloc
        or parts.path not in ("", "/", "/posts")
        or parts.query
    ):
        raise ListingFailed(
            f"{title.key}: address {title.address!r}: expected {DanbooruSource.takes}, with tags in the title's "
            "settings; correct titles.yaml"
        )
    return _Address(f"{parts.scheme}://{parts.netloc}", settings)


def _message(answer: Answer) -> str:
    try:
        return _Refusal.model_validate_json(answer.body).message[:200]
    except ValidationError:
        return ""


def _validated(kind: TypeAdapter, title: Title, answer: Answer) -> list:
    try:
        return kind.validate_json(answer.body)
    except ValidationError as error:
        raise ListingFailed(
            f"{title.key}: {answer.url}: not the list that is known: {seen_in(error)}; "
            "check the address, or the site changed"
        ) from error


def _page(title: Title, address: _Address, place: int, post: _Post) -> PageEntry:
    rating = RATINGS.get(post.rating or "")
    tags = post.tags
    skip = _skip(address.settings, post, rating)
    facts = {
        "id": post.id,
        "rating": rating or post.rating,
        "md5": post.md5,
        "size_bytes": post.file_size,
        "width_px": post.image_width,
        "height_px": post.image_height,
        "extension": post.file_ext,
        "source": post.source,
        "parent_id": post.parent_id,
        "created_at": post.created_at,
        "tags": tags,
    }
    url, name = address.post_url(post.id), f"{post.id}.{post.file_ext or 'unknown'}"
    file_url = post.large_file_url if address.settings.size == "sample" else post.file_url
    if skip is None:
        url, name = file_address(file_url or post.file_url or "", base=address.origin, otherwise=name)
    return PageEntry(
        page=place,
        name=name,
        url=url,
        referer=address.post_url(post.id),
        skip=skip,
        facts={key: value for key, value in facts.items() if value not in (None, "", {})},
        attribution=credited(title, tags.get("artist", [])),
    )


def _skip(settings: DanbooruSettings, post: _Post, rating: Rating | None) -> Skip | None:
    if post.is_banned or not post.file_url:
        seen = "the artist does not want it shown" if post.is_banned else "the site gives no address of its file"
        return Skip("hidden", f"{seen}; it is not shown to everybody")
    if post.is_deleted:
        return Skip("deleted", "the site has deleted it")
    if skip := no_picture(post.file_ext or ""):
        return skip
    if rating not in settings.ratings:
        return Skip(
            "unwanted", f"rated {rating or post.rating or 'not at all'}; ratings are {', '.join(settings.ratings)}"
        )
    return settings.unwanted(
        tags={name for names in post.tags.values() for name in names},
        width_px=post.image_width,
        height_px=post.image_height,
    )
