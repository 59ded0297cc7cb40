"""e-shuushuu as a source, in its former layout, which paper 003 crawled: lists of 15 images a page.

Reads `/?page=N` of whatever host the title's address names, newest first, and the files that the lists link to. The
first page of an issue's images is found by halving, because the lists know no ids. Writes nothing. Images that the
site hides are not in its lists.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from bs4 import Tag
from pydantic import BaseModel

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Gone
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
)
from pipelines.issue_pages.html_page import HtmlError, read_html
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.sources.illustration import Wanted, credited, fetch_listed, file_address, no_picture
from pipelines.issue_pages.sources.shards import NumberShards, numbers_of
from pipelines.issue_pages.sources.shuushuu import DOMAIN, origin_of
from pipelines.titles import Title

_PER_PAGE = 15
_TRIES = 3  # of reading lists that change meanwhile
_THREAD_ID = re.compile(r"i([0-9]{1,9})")
_SIZE = re.compile(r"([0-9]{1,5})\s*x\s*([0-9]{1,5})")
_FILE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})-([0-9]+)\.(\w+)")


class Shuushuu2017Settings(NumberShards, Wanted, frozen=True, extra="forbid"):
    """The images of the site that make a title."""


@dataclass(frozen=True)
class _Image:
    number: int
    file: str | None  # its address, as the list links to it
    details: dict[str, list[str]]  # by the list's own headings, in small letters: "tags", "artist", ...


class Shuushuu2017Source:
    """Images of a site in e-shuushuu's former layout. Issues are ranges of ids."""

    name: ClassVar[str] = "shuushuu_2017"
    takes: ClassVar[str] = "a site in e-shuushuu's layout of 2017, https://host"
    settings: ClassVar[type[BaseModel]] = Shuushuu2017Settings
    is_local: ClassVar[bool] = False

    def __init__(self, client: Client):
        self._client = client

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Ranges of ids up to the newest image, by one request. States: "free", and "growing" for the last.

        Raises TitleUnavailable ("gone", "empty"), ListingFailed, or a FetchError.
        """
        settings = Shuushuu2017Settings(**title.settings)
        url = _list_url(_origin(title), 1)
        images = self._list(title, 1)
        if not images:
            raise TitleUnavailable("empty", f"{title.key}: {url}: no image; check the address")
        return settings.listed(newest=images[0].number, where=f"{title.key}: {url}")

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The images of one range, by id.

        Raises IssueUnavailable ("empty"), TitleUnavailable ("gone"), ListingFailed, or a FetchError.
        """
        settings = Shuushuu2017Settings(**title.settings)
        numbers = settings.wanted(numbers_of(issue))
        images = self._images(title, numbers) if numbers else {}
        if not images:
            message = f"{title.key}: issue {issue}: {title.address} has no image of these ids; see first_id, last_id"
            raise IssueUnavailable("empty", message)
        return [_page(title, settings, place, images[number]) for place, number in enumerate(sorted(images), start=1)]

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a file would raise now, or None. Asks for nothing but a host's robots.txt."""
        return self._client.refusal(page.url, Site(_origin(title), owns=(DOMAIN,)))

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One file. Raises a FetchError."""
        return fetch_listed(self._client, Site(_origin(title), owns=(DOMAIN,)), page, known, digest=None)

    def _images(self, title: Title, numbers: range) -> dict[int, _Image]:
        """Images by id. Where one moved to an earlier page meanwhile, others may have been missed: once more, then."""
        for _ in range(_TRIES):
            first = self._first_page(title, numbers)
            images: dict[int, _Image] = {}
            lowest: int | None = None
            opening: list[int] = []
            page = first
            # Images come newest first, so that new ones push the others to later pages: seen twice, none missed.
            for page in range(first, first + 2 * (len(numbers) // _PER_PAGE) + 10):
                found = self._list(title, page)
                ids = [image.number for image in found]
                opening = opening or ids
                if lowest is not None and ids and ids[-1] >= lowest:
                    raise ListingFailed(
                        f"{title.key}: {_list_url(_origin(title), page)}: ids {ids[0]} to {ids[-1]} do not go on below "
                        f"{lowest}; run again later, and report it if it stays"
                    )
                images |= {image.number: image for image in found if image.number in numbers}
                lowest = ids[-1] if ids else lowest
                if len(ids) < _PER_PAGE or ids[-1] <= numbers.start:
                    break
            else:
                raise ListingFailed(
                    f"{title.key}: {_list_url(_origin(title), page)}: still not below id {numbers.start}; "
                    "the site may have changed, so report it with this address"
                )
            again = [image.number for image in self._list(title, first)]
            if not opening or (again and again[-1] >= opening[-1]):
                return images
        raise ListingFailed(
            f"{title.key}: {_list_url(_origin(title), 1)}: the lists changed each of the {_TRIES} times that they were "
            "read; run again later"
        )

    def _first_page(self, title: Title, numbers: range) -> int:
        """The first list page that ends below the range's end: earlier ones have only newer images."""
        newest = self._list(title, 1)
        if not newest or newest[-1].number < numbers.stop:
            return 1
        low, high = (
            1,
            newest[0].number // _PER_PAGE + 2,
        )  # no image of the range ends on `low`; all have begun by `high`
        while high - low > 1:
            middle = (low + high) // 2
            found = self._list(title, middle)
            if found and found[-1].number >= numbers.stop:
                low = middle
            else:
                high = middle
        return high

    def _list(self, title: Title, page: int) -> list[_Image]:
        """The images of one list page, newest first; none past the last one."""
        origin = _origin(title)
        url = _list_url(origin, page)
        try:
            answer = self._client.get(url, Site(origin, owns=(DOMAIN,)))
        except Gone as error:
            raise TitleUnavailable("gone", f"{title.key}: {error}") from error
        if answer.status != 200:
            raise ListingFailed(
                f"{title.key}: {url}: HTTP {answer.status}, a redirect to {answer.location}; check the address"
            )
        try:
            soup = read_html(answer.text)
        except HtmlError as error:
            raise ListingFailed(f"{title.key}: {url}: {error}; try again later, or report it") from error
        if soup.select_one("#content") is None:
            raise ListingFailed(
                f"{title.key}: {url}: no list of images (nothing has the id 'content'); for today's site use the "
                "source 'shuushuu', or check the address"
            )
        images = [_image(title, url, thread) for thread in soup.select("#content div.image_thread")]
        ids = [image.number for image in images]
        if sorted(set(ids), reverse=True) != ids:
            raise ListingFailed(f"{title.key}: {url}: ids are not in falling order; the site changed, report it")
        return images


def _origin(title: Title) -> str:
    return origin_of(title, takes=Shuushuu2017Source.takes)


def _list_url(origin: str, page: int) -> str:
    return f"{origin}/?page={page}"


def _image(title: Title, url: str, thread: Tag) -> _Image:
    match = _THREAD_ID.fullmatch(str(thread.get("id") or ""))
    if match is None:
        seen = f"an image whose id is {str(thread.get('id'))[:30]!r}, not like 'i631997'"
        raise ListingFailed(f"{title.key}: {url}: {seen}; the site changed, report it")
    details: dict[str, list[str]] = {}
    for heading in thread.select("div.meta dt"):
        value = heading.find_next_sibling("dd")
        if not isinstance(value, Tag):
            continue
        links = [link.get_text(strip=True) for link in value.select("a")]
        texts = links or [value.get_text(" ", strip=True)]
        details[heading.get_text(strip=True).rstrip(":").lower()] = [text for text in texts if text]
    link = thread.select_one("a.thumb_image")
    return _Image(int(match[1]), str(link.get("href") or "").strip() or None if link else None, details)


def _page(title: Title, settings: Shuushuu2017Settings, place: int, image: _Image) -> PageEntry:
    origin = _origin(title)
    post_url = f"{origin}/image/{image.number}/"
    size = _SIZE.search(" ".join(image.details.get("dimensions", [])))
    width_px, height_px = (int(size[1]), int(size[2])) if size else (0, 0)
    url, name = file_address(image.file or "", base=f"{origin}/", otherwise=f"{image.number}.unknown")
    file = _FILE.fullmatch(name)
    tags = {kind: names for kind, names in image.details.items() if kind != "dimensions"}
    facts = {
        "id": image.number,
        "width_px": width_px,
        "height_px": height_px,
        "created_at": _day(file[1]) if file else None,
        "extension": file[3] if file else None,
        "tags": tags,
    }
    skip = Skip("hidden", "the site links to no file of it") if image.file is None else None
    if skip is None:
        skip = no_picture(file[3] if file else "") or settings.unwanted(
            tags={tag for names in tags.values() for tag in names}, width_px=width_px, height_px=height_px
        )
    return PageEntry(
        page=place,
        name=name,
        url=url if image.file is not None else post_url,
        referer=post_url,
        skip=skip,
        facts={key: value for key, value in facts.items() if value not in (None, 0, {})},
        attribution=credited(title, tags.get("artist", [])),
    )


def _day(text: str) -> str | None:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None
