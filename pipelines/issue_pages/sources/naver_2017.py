"""Naver Webtoon as it was in 2017: lists and viewers in HTML, as an archive or a mirror serves them.

Reads `/{webtoon|bestChallenge|challenge}/list.nhn` and `detail.nhn` below the address of the title, whatever stands
before them in its path, and the pictures that the viewer shows, on hosts of Naver or of the mirror itself. Writes
nothing. Issues behind a gate (adult, paid) get a state; gates are never passed.

The list has no length: it is read, newest first, until its lowest number appears (1, or `first_no`),
and one that ends before is an error. Where two pages do not join, the earlier one is read again, because an issue
that has moved to it meanwhile would seem to be gone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from bs4 import Tag
from pydantic import BaseModel, Field

from pipelines.issue_pages.client.answer import Answer
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
    TitleUnavailable,
)
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.sources.naver_viewer import (
    LEVELS,
    MAX_ISSUES,
    PICTURE_DOMAINS,
    NaverSettings,
    gate,
    is_login,
    issue_number,
    location_of,
    notes_of,
    parsed_html,
    redirect_seen,
    viewer_pages,
    without_gaps,
)
from pipelines.titles import Title

_MAX_LIST_PAGES = 1000  # of ten issues each
_MAX_READINGS = 3
_MAX_REDIRECTS = 5
_GAP = IssueEntry(issue="", name="", state="missing", note="the list leaves this number out")


class Naver2017Settings(NaverSettings, frozen=True):
    """Settings of a title of the layout of 2017."""

    first_no: int = Field(
        default=1,
        ge=1,
        le=MAX_ISSUES,
        description="Lowest number in the title's list, with which reading it ends: more than 1 where the first "
        "issues have been deleted.",
    )


@dataclass(frozen=True)
class _Address:
    """The address of a title: host, a mirror's prefix of the path, first path part, number and weekday."""

    origin: str
    prefix: str
    level: str
    title_id: int
    weekday: str | None  # part of every address, for mirrors that identify pages by it

    @property
    def site(self) -> Site:
        return Site(self.origin, owns=PICTURE_DOMAINS)

    def list_url(self, page: int) -> str:
        return self._url("list", f"&page={page}")

    def viewer_url(self, no: int) -> str:
        return self._url("detail", f"&no={no}")

    def _url(self, name: str, query: str) -> str:
        weekday = f"&weekday={self.weekday}" if self.weekday else ""
        return f"{self.origin}{self.prefix}/{self.level}/{name}.nhn?titleId={self.title_id}{weekday}{query}"


@dataclass(frozen=True)
class _Row:
    """One row of the list."""

    no: int
    subtitle: str
    thumbnail_title: str | None
    star_score: float | None
    shown_date: str


class Naver2017Source:
    """Titles of comic.naver.com as it was in 2017, at a host that still answers so."""

    name: ClassVar[str] = "naver_2017"
    takes: ClassVar[str] = "the list of a title at a mirror of 2017, https://HOST/PATH/webtoon/list.nhn?titleId=N"
    settings: ClassVar[type[BaseModel]] = Naver2017Settings
    is_local: ClassVar[bool] = False

    def __init__(self, client: Client):
        self._client = client
        self._states: dict[_Address, Mapping[str, str]] = {}

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Issues by number. States: "free", "unwanted", and "missing" for numbers that the list leaves out.

        Raises TitleUnavailable ("adult", "gone", "empty"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        settings = Naver2017Settings(**title.settings)
        for _ in range(_MAX_READINGS):
            rows = self._read_list(title, address, settings.first_no)
            if rows is not None:
                break
        else:
            raise ListingFailed(
                f"{title.key}: {address.list_url(1)}: the list changed while it was read, {_MAX_READINGS} times; "
                "run again later"
            )
        entries = without_gaps(reversed([_entry(row, settings) for row in rows]), last=0, gap=_GAP)
        self._states[address] = {entry.issue: entry.state for entry in entries}
        return entries

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The pictures that the viewer shows.

        Raises IssueUnavailable ("adult", "paid", "gone", "empty", "unwanted"), TitleUnavailable, ListingFailed,
        ValueError for what is no number of an issue, or a FetchError.
        """
        no = issue_number(title, issue)
        address = _address(title)
        try:
            answer = self._answer(address, address.viewer_url(no))
        except Gone as error:
            raise IssueUnavailable("gone", f"{title.key}: issue {issue}: {error}") from error
        if answer.status != 200:
            raise gate(title, issue, answer, lambda: self._known_states(title, address))
        return viewer_pages(
            title,
            issue,
            answer,
            site=address.site,
            settings=Naver2017Settings(**title.settings),
            facts={"title_id": address.title_id, "no": no},
        )

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a page would raise now, or None. Asks for nothing but a host's robots.txt."""
        return self._client.refusal(page.url, _address(title).site)

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One picture, asked for as the viewer does. Raises a FetchError."""
        return self._client.page(page, _address(title).site, known)

    def _known_states(self, title: Title, address: _Address) -> Mapping[str, str]:
        """States by issue; the list is read again only where this run has not read it."""
        if address not in self._states:
            self.list_issues(title)
        return self._states[address]

    def _read_list(self, title: Title, address: _Address, first_no: int) -> list[_Row] | None:
        """The rows, newest first; None where the list has changed meanwhile."""
        rows: list[_Row] = []
        before: list[_Row] = []
        for number in range(1, _MAX_LIST_PAGES + 1):
            page = self._rows(title, address, number)
            if not page and number == 1:
                message = f"{title.key}: {title.address} lists no issue; check the title's number"
                raise TitleUnavailable("empty", message)
            if not page or (before and page[-1].no >= before[-1].no):
                raise ListingFailed(
                    f"{title.key}: {address.list_url(number)}: the list goes no further than no={before[-1].no}, "
                    f"not to no={first_no}; run again later, or set first_no: {before[-1].no} where the issues before "
                    "it have been deleted"
                )
            # A number that is missing just here may be one that has moved to the page before.
            does_join = not before or page[0].no >= before[-1].no - 1
            if not does_join and self._rows(title, address, number - 1) != before:
                return None
            # An issue that came out meanwhile pushes others to the next page, where they are listed again.
            rows += [row for row in page if row not in before]
            if page[-1].no <= first_no:
                return rows
            before = page
        raise ListingFailed(
            f"{title.key}: {address.list_url(_MAX_LIST_PAGES)}: still no end after {_MAX_LIST_PAGES} list pages; "
            "the site may have changed, so report it with this address"
        )

    def _rows(self, title: Title, address: _Address, number: int) -> list[_Row]:
        answer = self._list_answer(title, address, number)
        table = parsed_html(title, answer).select_one("#content > table")
        where = f"{title.key}: {answer.url}"
        if table is None:
            raise ListingFailed(f"{where}: no list that is known; check titleId, or the site changed")
        # Banners have a class, headings have no cell of their own.
        rows = [_row(tag, address, where) for tag in table.select('tr:not([class]:not([class=""]))') if tag.find("td")]
        if any(later.no > earlier.no for earlier, later in pairwise(rows)):
            raise ListingFailed(f"{where}: the list is not newest first; the site changed, report it")
        return rows

    def _list_answer(self, title: Title, address: _Address, number: int) -> Answer:
        url = address.list_url(number)
        try:
            answer = self._answer(address, url)
        except Gone as error:
            raise TitleUnavailable("gone", f"{title.key}: {error}") from error
        if is_login(answer):
            message = f"{title.key}: {url}: HTTP {answer.status}, for adults who log in; it is not collected, remove it"
            raise TitleUnavailable("adult", message)
        if answer.status != 200:
            raise ListingFailed(f"{title.key}: {url}: {redirect_seen(answer)}; check titleId")
        return answer

    def _answer(self, address: _Address, url: str) -> Answer:
        """The answer to a GET. An archive redirects to the day on which it has the same page: that is followed."""
        answer = self._client.get(url, address.site)
        for _ in range(_MAX_REDIRECTS):
            place = location_of(answer)
            if not place or not _is_same_page(url, place) or _is_elsewhere(address, place):
                break
            answer = self._client.get(place, address.site)
        return answer


def _is_same_page(url: str, other: str) -> bool:
    """True for two addresses of the same page of the same title, by the end of their paths and their numbers."""
    (path, query), (other_path, other_query) = (
        ("/".join(parts.path.split("/")[-2:]), parse_qs(parts.query)) for parts in (urlsplit(url), urlsplit(other))
    )
    return path == other_path and all(query.get(name) == other_query.get(name) for name in ("titleId", "no", "page"))


def _is_elsewhere(address: _Address, url: str) -> bool:
    try:
        return address.site.refusal(url) is not None
    except ValueError:
        return True


def _address(title: Title) -> _Address:
    levels = "|".join(LEVELS.values())
    try:
        parts = urlsplit(title.address)
        query = parse_qs(parts.query)
        path = re.fullmatch(rf"(.*)/({levels})/list\.nhn", parts.path) if parts.scheme in ("http", "https") else None
    except ValueError:
        parts, query, path = urlsplit(""), {}, None
    numbers, weekdays = query.get("titleId", []), query.get("weekday", [])
    is_right = len(numbers) == 1 and re.fullmatch(r"[0-9]{1,12}", numbers[0])
    if path is None or not is_right or not all(re.fullmatch("[a-z]{3}", day) for day in weekdays):
        raise ListingFailed(
            f"{title.key}: address {title.address!r}: expected {Naver2017Source.takes}; correct titles.yaml"
        )
    return _Address(
        f"{parts.scheme}://{parts.netloc}", path[1], path[2], int(numbers[0]), weekdays[0] if weekdays else None
    )


def _row(tag: Tag, address: _Address, where: str) -> _Row:
    """One row. Raises ListingFailed: a row that is not understood may be an issue that is lost."""
    link = tag.select_one("td.title a[href]")
    href = str(link["href"]) if link else ""
    try:
        query = parse_qs(urlsplit(href).query)
    except ValueError:
        query = {}
    no, title_id = ("".join(query.get(name, [])) for name in ("no", "titleId"))
    if link is None or not re.fullmatch(r"[0-9]{1,5}", no) or not 1 <= int(no) <= MAX_ISSUES:
        raise ListingFailed(f"{where}: a row that is not known, with the link {href!r}; the site changed, report it")
    if title_id != str(address.title_id):
        raise ListingFailed(f"{where}: a row of title {title_id!r}; check titleId, or report the mirror")
    thumbnail = tag.select_one("td a img[title]")
    shown = tag.select_one("td.num")
    return _Row(
        no=int(no),
        subtitle=_text(link),
        thumbnail_title=str(thumbnail["title"]) if thumbnail else None,
        star_score=_score(tag.select_one(".rating_type strong")),
        shown_date=_text(shown) if shown else "",
    )


def _text(tag: Tag) -> str:
    return " ".join(tag.get_text().split())


def _score(tag: Tag | None) -> float | None:
    text = _text(tag) if tag else ""
    return float(text) if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,4})?", text) else None


def _entry(row: _Row, settings: Naver2017Settings) -> IssueEntry:
    date = _date(row.shown_date)
    facts = {
        "no": row.no,  # a place in the list; the number of the episode is in `subtitle`
        "subtitle": row.subtitle,
        "thumbnail_title": row.thumbnail_title,
        "star_score": row.star_score,
        "service_date": row.shown_date,
    }
    return IssueEntry(
        issue=f"{row.no:04}",
        name=row.subtitle,
        date=date,
        state="free" if settings.wants(row.subtitle) else "unwanted",
        note=notes_of(row.subtitle, row.shown_date, date),
        facts={name: value for name, value in facts.items() if value is not None},
    )


def _date(shown: str) -> str | None:
    """`2017.05.28` is a day; None for anything else."""
    try:
        return datetime.strptime(shown, "%Y.%m.%d").date().isoformat()
    except ValueError:
        return None
