"""e-shuushuu as a source: images of an id range, by today's JSON interface.

Reads, of whatever host the title's address names: `/image/index.xml`, the index that the site makes for crawlers
(one image of it shows the newest id, or the day of an id), `/api/v1/images` from that day on, in rising order, with
the pause that `/api/v1/meta/config` asks for between two searches, whichever process of this machine searches, and
the files. The index alone is not enough: it has no addresses of files and leaves reposts out. Writes nothing but
the slot of its searches (`host_slots.py`). Reposts are marked, with their original; hidden and deactivated images are
skipped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, ClassVar
from urllib.parse import urlsplit
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from pipelines.issue_pages.client.answer import Answer
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Gone
from pipelines.issue_pages.client.host_slots import HostSlots
from pipelines.issue_pages.client.site import Site
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

DOMAIN = "e-shuushuu.net"
_PER_PAGE = 100  # the site's maximum
_MAX_TAGS = 5  # in one search, those that are left out included
_SEARCH_DELAY_S = 2.0  # the site's own, where its configuration cannot be had
_NEAR_BEGINNING = 10_000  # ids: so far, a list is read from its beginning rather than from a day
_OLDEST_YEAR = 1990  # an earlier day is no day on which an image came
_TRIES = 3  # of reading a list that changes meanwhile
_SHOWN = {1: "active", 2: "spoiler"}
_HIDDEN = {0: "deactivated", -2: "inappropriate", -3: "of low quality", -4: "under review"}
_REPOST = -1


class ShuushuuSettings(NumberShards, Wanted, frozen=True, extra="forbid"):
    """The images of the site that make a title."""

    tags: tuple[int, ...] = Field(
        default=(), description="What the site is asked for: images that have all of these tags, by their numbers."
    )
    exclude_tags: tuple[int, ...] = Field(
        default=(), description="What the site is asked to leave out: tags by their numbers, at most five with `tags`."
    )
    check_digest: bool = Field(
        default=True, description="A file whose MD5 is not the listed one is a failed page; false takes it."
    )

    @model_validator(mode="after")
    def _check_search(self) -> "ShuushuuSettings":
        if len(self.tags) + len(self.exclude_tags) > _MAX_TAGS:
            raise ValueError(f"tags and exclude_tags: the site searches for at most {_MAX_TAGS} together")
        return self


class _Tag(BaseModel):
    tag: str
    type_name: str = "Theme"


class _Image(BaseModel):
    image_id: int = Field(ge=1, le=LARGEST_NUMBER)
    filename: str | None = None
    ext: str = ""
    md5_hash: str = ""
    filesize: int = 0
    width: int = 0
    height: int = 0
    status: int
    source_url: str | None = None
    caption: str | None = None
    replacement_id: int | None = None
    date_added: str | None = None
    tags: list[_Tag] | None = None
    url: str | None = None

    @property
    def tags_by_kind(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for tag in self.tags or []:
            found.setdefault(tag.type_name.lower(), []).append(tag.tag)
        return found


class _ImageList(BaseModel):
    total: int = Field(ge=0)
    images: list[_Image]


class _Config(BaseModel):
    search_delay_seconds: float = Field(default=_SEARCH_DELAY_S, ge=0, allow_inf_nan=False)


class _Refusal(BaseModel):
    detail: str = ""


_NUMBER = TypeAdapter(Annotated[int, Field(ge=1, le=LARGEST_NUMBER)])


@dataclass(frozen=True)
class _Indexed:
    """One image of the index."""

    number: int
    day: date


@dataclass(frozen=True)
class _Address:
    """`https://e-shuushuu.net`, and the title's settings."""

    origin: str
    settings: ShuushuuSettings

    @property
    def site(self) -> Site:
        return Site(self.origin, owns=(DOMAIN,))

    def index_url(self, after: int | None) -> str:
        return f"{self.origin}/image/index.xml?limit=1" + ("" if after is None else f"&after_id={after}")

    def list_url(self, page: int, since: date | None) -> str:
        settings = self.settings
        parts = [f"{self.origin}/api/v1/images?sort_by=image_id&sort_order=ASC&per_page={_PER_PAGE}&page={page}"]
        if since is not None:
            parts.append(f"date_from={since.isoformat()}")
        if settings.tags:
            parts.append(f"tags={','.join(map(str, settings.tags))}&tags_mode=all")
        if settings.exclude_tags:
            parts.append(f"exclude_tags={','.join(map(str, settings.exclude_tags))}")
        return "&".join(parts)

    def config_url(self) -> str:
        return f"{self.origin}/api/v1/meta/config"

    def image_url(self, number: int) -> str:
        return f"{self.origin}/images/{number}"


class ShuushuuSource:
    """Images of e-shuushuu.net, or of any host that answers alike. Issues are ranges of ids."""

    name: ClassVar[str] = "shuushuu"
    takes: ClassVar[str] = "the site, https://e-shuushuu.net"
    settings: ClassVar[type[BaseModel]] = ShuushuuSettings
    is_local: ClassVar[bool] = False

    def __init__(
        self,
        client: Client,
        *,
        slots: HostSlots | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ):
        self._client = client
        self._slots = slots or HostSlots()
        self._clock = clock
        self._sleep = sleep
        self._search_delays_s: dict[str, float] = {}

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Ranges of ids up to the newest image, by one request. States: "free", and "growing" for the last.

        Raises TitleUnavailable ("gone", "empty"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        newest = self._indexed(title, address, None)
        if newest is None:
            raise TitleUnavailable("empty", f"{title.key}: {address.index_url(None)}: no image; check the address")
        return address.settings.listed(newest=newest.number, where=f"{title.key}: {address.index_url(None)}")

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The images of one range, by id. Reposts, and hidden or unwanted images, are skipped, with a row.

        Raises IssueUnavailable ("empty"), TitleUnavailable ("gone"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        numbers = address.settings.wanted(numbers_of(issue))
        images = self._images(title, address, numbers) if numbers else {}
        if not images:
            message = (
                f"{title.key}: issue {issue}: {title.address} has no image of these ids; see tags, first_id, last_id"
            )
            raise IssueUnavailable("empty", message)
        return [_page(title, address, place, images[number]) for place, number in enumerate(sorted(images), start=1)]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a file would raise now, or None. Asks for nothing but a host's robots.txt."""
        return self._client.refusal(page.url, _address(title).site)

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One file. Not asked for where the list still gives the digest of the known one. Raises a FetchError."""
        address = _address(title)
        digest = page.facts.get("md5") if address.settings.check_digest else None
        return fetch_listed(self._client, address.site, page, known, digest=digest)

    def _indexed(self, title: Title, address: _Address, after: int | None) -> _Indexed | None:
        """The first image of the index after an id, or the newest one; None where there is none."""
        url = address.index_url(after)
        try:
            answer = self._client.get(url, address.site)
        except Gone as error:
            raise TitleUnavailable("gone", f"{title.key}: {error}") from error
        _require_ok(title, answer)
        return _first_indexed(title, answer)

    def _images(self, title: Title, address: _Address, numbers: range) -> dict[int, _Image]:
        """Images by id. A list that changed while it was read may have been read past something: once more, then."""
        since = self._day_before(title, address, numbers.start)
        for _ in range(_TRIES):
            images = self._walk(title, address, numbers, since)
            if images is not None:
                return images
        raise ListingFailed(
            f"{title.key}: {address.list_url(1, since)}: the list changed each of the {_TRIES} times that it was read; "
            "run again later"
        )

    def _day_before(self, title: Title, address: _Address, number: int) -> date | None:
        """A day on which no image of this id or a later one was there yet; None where the list's beginning is near."""
        for back in (100, 1000, _NEAR_BEGINNING):
            if number <= back:
                return None
            after = number - back - 1
            earlier = self._indexed(title, address, after)
            if earlier is not None and earlier.number <= after:
                seen = f"image {earlier.number}, though ids after {after} were asked for"
                raise ListingFailed(f"{title.key}: {address.index_url(after)}: {seen}; the site changed, report it")
            if earlier is not None and earlier.number < number:
                return earlier.day - timedelta(days=1)  # days are those of the site's clock, whatever that is
        raise ListingFailed(
            f"{title.key}: {address.index_url(number - _NEAR_BEGINNING - 1)}: the index has no image of the "
            f"{_NEAR_BEGINNING} ids before {number}, so the day of that id is not known; collect other ids"
        )

    def _walk(self, title: Title, address: _Address, numbers: range, since: date | None) -> dict[int, _Image] | None:
        """One reading of the list, from a day on; None where it changed so that an image may have been missed."""
        images: dict[int, _Image] = {}
        seen: set[int] = set()
        first_total = 0
        # The list begins up to two days before the range, which are some hundred images.
        max_pages = (numbers.stop - (numbers.start if since is not None else 0)) // _PER_PAGE + 100
        for page in range(1, max_pages + 1):
            url = address.list_url(page, since)
            found = self._search(title, address, url)
            first_total = found.total if page == 1 else first_total
            if found.total < first_total:
                return None
            last = max(seen, default=0)
            ids = [image.image_id for image in found.images]
            if ids and (sorted(set(ids)) != ids or ids[-1] <= last):
                raise ListingFailed(
                    f"{title.key}: {url}: ids {ids[0]} to {ids[-1]} do not go on after {last}; "
                    "run again later, and report it if it stays"
                )
            images |= {image.image_id: image for image in found.images if image.image_id in numbers}
            seen |= set(ids)
            if ids and ids[-1] >= numbers.stop - 1:
                return images
            if page * _PER_PAGE >= found.total or not ids:
                if len(seen) >= found.total:
                    return images
                if found.total != first_total:
                    return None
                raise ListingFailed(
                    f"{title.key}: {url}: the list ends after {len(seen)} of {found.total} images; "
                    "run again later, and report it if it stays"
                )
        raise ListingFailed(
            f"{title.key}: {address.list_url(max_pages, since)}: id {numbers.stop - 1} is not reached after "
            f"{max_pages} list pages; the site may have changed, so report it with this address"
        )

    def _search(self, title: Title, address: _Address, url: str) -> _ImageList:
        delay_s = self._search_delay_s(title, address)
        # A slot of its own, beside the host's: between two searches there are requests for files.
        with self._slots.at(f"{address.origin} searches") as slot:
            # A clock that was set back must not stop everything for a year.
            if (wait_s := min(slot.record.next_at - self._clock(), delay_s)) > 0:
                self._sleep(wait_s)
            try:
                answer = self._client.get(url, address.site, answers={400, 422})
            except Gone as error:
                raise TitleUnavailable("gone", f"{title.key}: {error}") from error
            finally:
                slot.ask_again_at(self._clock() + delay_s)
        _require_ok(title, answer)
        try:
            return _ImageList.model_validate_json(answer.body)
        except ValidationError as error:
            raise _unknown(title, answer, seen_in(error)) from error

    def _search_delay_s(self, title: Title, address: _Address) -> float:
        """The pause that the site asks for between two searches; asked once."""
        if address.origin in self._search_delays_s:
            return self._search_delays_s[address.origin]
        try:
            answer = self._client.get(address.config_url(), address.site)
        except Gone:
            delay_s = _SEARCH_DELAY_S
        else:
            _require_ok(title, answer)
            try:
                delay_s = _Config.model_validate_json(answer.body).search_delay_seconds
            except ValidationError as error:
                raise _unknown(title, answer, seen_in(error)) from error
        limit_s = self._client.params.max_wait_s
        if delay_s > limit_s:
            raise ListingFailed(
                f"{title.key}: {address.config_url()}: the site asks for {delay_s:g} s between searches, more than "
                f"max_wait_s={limit_s:g}; run again later, or raise it"
            )
        self._search_delays_s[address.origin] = delay_s
        return delay_s


def _address(title: Title) -> _Address:
    return _Address(origin_of(title, takes=ShuushuuSource.takes), ShuushuuSettings(**title.settings))


def origin_of(title: Title, *, takes: str) -> str:
    """`https://e-shuushuu.net`, of an address that is a site's own. Raises ListingFailed."""
    try:
        parts = urlsplit(title.address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
        raise ListingFailed(f"{title.key}: address {title.address!r}: expected {takes}; correct titles.yaml")
    return f"{parts.scheme}://{parts.netloc}"


def _require_ok(title: Title, answer: Answer) -> None:
    if answer.status == 200:
        return
    if answer.location is not None:
        raise ListingFailed(
            f"{title.key}: {answer.url}: HTTP {answer.status}, a redirect to {answer.location}; check the address"
        )
    try:
        detail = _Refusal.model_validate_json(answer.body).detail[:200]
    except ValidationError:
        detail = "no reason that can be read"
    raise ListingFailed(
        f"{title.key}: {answer.url}: HTTP {answer.status}, {detail}; correct tags and exclude_tags in its settings"
    )


def _unknown(title: Title, answer: Answer, seen: str) -> ListingFailed:
    return ListingFailed(
        f"{title.key}: {answer.url}: not the answer that is known: {seen}; check the address, or the site changed"
    )


def _first_indexed(title: Title, answer: Answer) -> _Indexed | None:
    try:
        root: Element = fromstring(answer.body)
    except (ParseError, ValueError, LookupError) as error:  # no XML, forbidden entities, unknown encodings
        raise _unknown(title, answer, f"no XML ({error})") from error
    if root.tag != "images":
        raise _unknown(title, answer, f"<{root.tag}> instead of <images>")
    image = root.find("image")
    if image is None:
        return None
    number, day = image.get("id", ""), image.get("submitted_on", "")
    try:
        indexed = _Indexed(_NUMBER.validate_python(number), date.fromisoformat(day[:10]))
    except ValueError as error:
        raise _unknown(title, answer, f"id {number[:20]!r} of {day[:30]!r}") from error
    if indexed.day.year < _OLDEST_YEAR:
        raise _unknown(title, answer, f"id {number[:20]!r} of {day[:30]!r}")
    return indexed


def _page(title: Title, address: _Address, place: int, image: _Image) -> PageEntry:
    tags = image.tags_by_kind
    skip = _skip(address.settings, image)
    facts = {
        "id": image.image_id,
        "status": _SHOWN.get(image.status) or _HIDDEN.get(image.status) or image.status,
        "md5": image.md5_hash,
        "size_bytes": image.filesize,
        "width_px": image.width,
        "height_px": image.height,
        "extension": image.ext,
        "source": image.source_url,
        "caption": image.caption,
        "created_at": image.date_added,
        "tags": tags,
    }
    if image.status == _REPOST:
        facts |= {"status": "repost", "repost_of": image.replacement_id}
    url, name = address.image_url(image.image_id), f"{image.filename or image.image_id}.{image.ext or 'unknown'}"
    if skip is None:
        url, name = file_address(image.url or "", base=address.origin, otherwise=name)
    return PageEntry(
        page=place,
        name=name,
        url=url,
        referer=address.image_url(image.image_id),
        skip=skip,
        facts={key: value for key, value in facts.items() if value not in (None, "", {})},
        attribution=credited(title, tags.get("artist", [])),
    )


def _skip(settings: ShuushuuSettings, image: _Image) -> Skip | None:
    if image.status == _REPOST:
        original = f"of image {image.replacement_id}" if image.replacement_id else "of an image that it does not name"
        return Skip("repost", f"the site gives it as a repost {original}")
    if image.status not in _SHOWN:
        return Skip("hidden", f"its status is {image.status}, {_HIDDEN.get(image.status, 'which is not known')}")
    if not image.url:
        return Skip("hidden", "the site gives no address of its file")
    if skip := no_picture(image.ext):
        return skip
    return settings.unwanted(tags={tag.tag for tag in image.tags or []}, width_px=image.width, height_px=image.height)
