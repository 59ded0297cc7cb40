"""Naver Webtoon as a source: today's JSON list and viewer pages, free issues only.

Reads `/api/article/list` and `/{webtoon|bestChallenge|challenge}/detail` of whatever host
the title's address names, and the pictures that the viewer shows. Writes nothing. Issues behind a gate
(adult, paid, withheld) get a state; gates are never passed.

A list is taken for whole only where it has as many issues as it counts itself (`totalRows`), and where that count
stays the same while its pages are read: else an issue that moved to a page already read would seem to be gone. One
exception: titles with a daily pass count issues that only the site's app shows, so there a list that ends by itself
is whole, and the numbers that it counts but does not show are withheld.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import ClassVar, TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, Field, ValidationError

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
    seen_in,
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
    notes_of,
    redirect_seen,
    viewer_pages,
    without_gaps,
)
from pipelines.titles import Title

_KOREA = timezone(timedelta(hours=9))
_MAX_LIST_PAGES = 500
_MAX_READINGS = 3

_Model = TypeVar("_Model", bound=BaseModel)


class _Article(BaseModel):
    no: int = Field(ge=1, le=MAX_ISSUES)
    subtitle: str = ""
    volumeNo: int | None = None  # noqa: N815  as the site writes it
    starScore: float | None = Field(default=None, allow_inf_nan=False)  # noqa: N815
    charge: bool = False
    thumbnailLock: bool = False  # noqa: N815
    blindInspection: bool = False  # noqa: N815
    serviceDateDescription: str = ""  # noqa: N815


class _PageInfo(BaseModel):
    totalRows: int = Field(ge=0, le=MAX_ISSUES)  # noqa: N815
    pageSize: int = Field(default=20, ge=1)  # noqa: N815
    nextPage: int = Field(le=_MAX_LIST_PAGES)  # noqa: N815


class _ListPage(BaseModel):
    webtoonLevelCode: str  # noqa: N815
    dailyPass: bool = False  # noqa: N815
    articleList: list[_Article]  # noqa: N815
    chargeFolderArticleList: list[_Article] = []  # noqa: N815
    pageInfo: _PageInfo  # noqa: N815


@dataclass(frozen=True)
class _Address:
    """The address of a title: `https://comic.naver.com` and its number."""

    origin: str
    title_id: int

    @property
    def site(self) -> Site:
        return Site(self.origin, owns=PICTURE_DOMAINS)

    def list_url(self, page: int) -> str:
        return f"{self.origin}/api/article/list?titleId={self.title_id}&page={page}&sort=ASC"

    def viewer_url(self, level: str, no: int) -> str:
        return f"{self.origin}/{level}/detail?titleId={self.title_id}&no={no}"


@dataclass
class _Listing:
    """One reading of a list, from its first page to its last."""

    articles: list[_Article] = field(default_factory=list)
    locked: dict[int, _Article] = field(default_factory=dict)  # the paid folder, which every page repeats
    totals: list[int] = field(default_factory=list)  # what each page has counted
    has_daily_pass: bool = False
    url: str = ""  # of the last page
    end: str = ""  # how it ended: "ends", by itself, or "repeats itself"

    def add(self, page: _ListPage, url: str) -> None:
        self.articles += page.articleList
        self.locked |= {article.no: article for article in page.chargeFolderArticleList}
        self.totals.append(page.pageInfo.totalRows)
        self.has_daily_pass |= page.dailyPass
        self.url = url

    @property
    def has_moved(self) -> bool:
        return len(set(self.totals)) > 1

    @property
    def seen(self) -> int:
        """An article that is listed twice, as previews are, counts once."""
        return len({article.no for article in self.articles})

    @property
    def is_whole(self) -> bool:
        return self.seen >= self.totals[-1] or (self.has_daily_pass and self.end == "ends")


class NaverSource:
    """Titles of comic.naver.com, or of any host that answers alike."""

    name: ClassVar[str] = "naver"
    takes: ClassVar[str] = "the list of a title, https://comic.naver.com/webtoon/list?titleId=N"
    settings: ClassVar[type[BaseModel]] = NaverSettings
    is_local: ClassVar[bool] = False

    def __init__(self, client: Client):
        self._client = client
        self._levels: dict[_Address, str] = {}
        self._states: dict[_Address, Mapping[str, str]] = {}

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Issues by number. States: "free", "paid", "withheld", "unwanted", and "missing" for numbers left out.

        Raises TitleUnavailable ("adult", "gone", "empty"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        listing = self._whole_list(title, address)
        counted = listing.totals[-1] if listing.has_daily_pass else 0
        if not listing.articles and not listing.locked and not counted:
            raise TitleUnavailable("empty", f"{title.key}: {title.address} lists no issue; check the title's number")
        settings = NaverSettings(**title.settings)
        rows = [_entry(article, settings) for article in listing.articles]
        rows += [_entry(article, settings, is_locked=True) for article in listing.locked.values()]
        state, note = "missing", "the list leaves this number out"
        if listing.has_daily_pass:
            state, note = "withheld", f"{note}: the title has a daily pass, with which only the site's app shows it"
        entries = without_gaps(rows, last=counted, gap=IssueEntry(issue="", name="", state=state, note=note))
        self._states[address] = {entry.issue: entry.state for entry in entries}
        return entries

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The pictures that the viewer shows.

        Raises IssueUnavailable ("adult", "paid", "withheld", "gone", "empty", "unwanted"), TitleUnavailable,
        ListingFailed, ValueError for what is no number of an issue, or a FetchError.
        """
        no = issue_number(title, issue)
        address = _address(title)
        url = address.viewer_url(self._level(title, address), no)
        try:
            answer = self._client.get(url, address.site)
        except Gone as error:
            raise IssueUnavailable("gone", f"{title.key}: issue {issue}: {error}") from error
        if answer.status != 200:
            raise gate(title, issue, answer, lambda: self._known_states(title, address))
        return viewer_pages(
            title,
            issue,
            answer,
            site=address.site,
            settings=NaverSettings(**title.settings),
            facts={"title_id": address.title_id, "no": no},
        )

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a page would raise now, or None. Asks for nothing but a host's robots.txt."""
        return self._client.refusal(page.url, _address(title).site)

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One picture, asked for as the viewer does. Raises a FetchError."""
        return self._client.page(page, _address(title).site, known)

    def _level(self, title: Title, address: _Address) -> str:
        """The viewer's first path part: from the list, as the title's address need not have it."""
        if address not in self._levels:
            self._list_page(title, address, 1)
        return self._levels[address]

    def _known_states(self, title: Title, address: _Address) -> Mapping[str, str]:
        """States by issue; the list is read again only where this run has not read it."""
        if address not in self._states:
            self.list_issues(title)
        return self._states[address]

    def _whole_list(self, title: Title, address: _Address) -> _Listing:
        """The list, read again where it has changed meanwhile."""
        for _ in range(_MAX_READINGS):
            listing = self._read_list(title, address)
            if listing.has_moved:
                continue
            if not listing.is_whole:
                # A short list taken for whole would make every issue that it lacks "gone".
                raise ListingFailed(
                    f"{title.key}: {listing.url}: the list {listing.end} after {listing.seen} of {listing.totals[-1]} "
                    "issues; run again later, and report it if it stays"
                )
            return listing
        raise ListingFailed(
            f"{title.key}: {address.list_url(1)}: the list changed while it was read, {_MAX_READINGS} times; "
            "run again later"
        )

    def _read_list(self, title: Title, address: _Address) -> _Listing:
        listing = _Listing()
        number, before = 1, None
        for read in range(_MAX_LIST_PAGES):
            page = self._list_page(title, address, number)
            listing.add(page, address.list_url(number))
            next_number = page.pageInfo.nextPage
            if next_number == 0:
                listing.end = "ends"
                return listing
            # Past its end the list repeats its last page. Pages of which a daily pass hides everything are alike too.
            is_hidden = page.dailyPass and not page.articleList
            if next_number <= number or (page.articleList == before and not is_hidden):
                listing.end = "repeats itself"
                return listing
            if read > 2 * page.pageInfo.totalRows // page.pageInfo.pageSize + 2:
                break
            number, before = next_number, page.articleList
        raise ListingFailed(
            f"{title.key}: {listing.url}: still no end after {len(listing.totals)} list pages; "
            "the site may have changed, so report it with this address"
        )

    def _list_page(self, title: Title, address: _Address, number: int) -> _ListPage:
        answer = self._answer(title, address, address.list_url(number))
        page = _read(_ListPage, title, answer)
        if page.webtoonLevelCode not in LEVELS:
            raise ListingFailed(
                f"{title.key}: {answer.url}: webtoonLevelCode {page.webtoonLevelCode!r} is not known; report it"
            )
        self._levels[address] = LEVELS[page.webtoonLevelCode]
        return page

    def _answer(self, title: Title, address: _Address, url: str) -> Answer:
        try:
            # 401 stands for "for adults" here; it does not refuse the host as a whole.
            answer = self._client.get(url, address.site, answers={401})
        except Gone as error:
            raise TitleUnavailable("gone", f"{title.key}: {error}") from error
        if answer.status == 401 or is_login(answer):
            message = f"{title.key}: {url}: HTTP {answer.status}, for adults who log in; it is not collected, remove it"
            raise TitleUnavailable("adult", message)
        if answer.status != 200:
            raise ListingFailed(f"{title.key}: {url}: {redirect_seen(answer)}; check titleId")
        return answer


def _read(model: type[_Model], title: Title, answer: Answer) -> _Model:
    try:
        return model.model_validate_json(answer.body)
    except ValidationError as error:
        seen = f"not the list that is known: {seen_in(error)}"
        raise ListingFailed(f"{title.key}: {answer.url}: {seen}; check titleId, or the site changed") from error


def _address(title: Title) -> _Address:
    levels = "|".join(LEVELS.values())
    try:
        parts = urlsplit(title.address)
        numbers = parse_qs(parts.query).get("titleId", [])
        is_list = parts.scheme in ("http", "https") and re.fullmatch(rf"/({levels})/list", parts.path)
    except ValueError:
        is_list, parts, numbers = None, urlsplit(""), []
    if not is_list or len(numbers) != 1 or not re.fullmatch(r"[0-9]{1,12}", numbers[0]):
        raise ListingFailed(
            f"{title.key}: address {title.address!r}: expected {NaverSource.takes}; correct titles.yaml"
        )
    return _Address(f"{parts.scheme}://{parts.netloc}", int(numbers[0]))


def _entry(article: _Article, settings: NaverSettings, *, is_locked: bool = False) -> IssueEntry:
    state = "free"
    if article.blindInspection:
        state = "withheld"
    elif is_locked or article.charge or article.thumbnailLock:
        state = "paid"
    elif not settings.wants(article.subtitle):
        state = "unwanted"
    shown = article.serviceDateDescription
    date = _date(shown)
    facts = {
        "no": article.no,  # a place in the list; the number of the episode is in `subtitle`
        "subtitle": article.subtitle,
        "volume_no": article.volumeNo,
        "star_score": article.starScore,
        "service_date": shown,
    }
    return IssueEntry(
        issue=f"{article.no:04}",
        name=article.subtitle,
        date=date,
        state=state,
        note=notes_of(article.subtitle, shown, date),
        facts={name: value for name, value in facts.items() if value is not None},
    )


def _date(shown: str) -> str | None:
    """`25.02.09` is a day in Korea, `21:30` is today; None for free text such as `3일 후 무료`."""
    if re.fullmatch(r"\d{1,2}:\d{2}", shown):
        return datetime.now(_KOREA).date().isoformat()
    try:
        return datetime.strptime(shown, "%y.%m.%d").date().isoformat()
    except ValueError:
        return None
