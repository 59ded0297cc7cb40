"""Naver Webtoon as a source: today's JSON list and viewer pages, free issues only.

Reads `/api/article/list` and `/{webtoon|bestChallenge|challenge}/detail` of whatever host the title's address
names, and the pictures that the viewer shows. Writes nothing. What the site keeps behind a gate (adult, paid,
withheld) becomes a state, never an attempt to pass the gate.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import ClassVar
from urllib.parse import parse_qs, urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from pydantic import BaseModel, Field, ValidationError

from pipelines.issue_pages.client import Answer, Client
from pipelines.issue_pages.entry import (
    Fetched,
    IssueEntry,
    IssueUnavailable,
    ListingFailed,
    NoSettings,
    NotModified,
    PageEntry,
    TitleUnavailable,
)
from pipelines.issue_pages.fetch_error import Gone
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.site import Site
from pipelines.titles import Title

_LEVELS = {"WEBTOON": "webtoon", "BEST_CHALLENGE": "bestChallenge", "CHALLENGE": "challenge"}
_SELECTORS = (
    '.wt_viewer img[id^="content_image_"]',
    "#sectionContWide > img",
    "#comic_view_area > div > img",  # challenge titles
    'img[alt="comic content"]',  # old pages
)
_GUIDES = ("agerate", "ctguide")  # rating cards and guides for cut toons, inside the same container
_PICTURE_DOMAINS = ("pstatic.net", "naver.net")
_KOREA = timezone(timedelta(hours=9))
_MOST_LIST_PAGES = 500
_MOST_ISSUES = 20 * _MOST_LIST_PAGES


class _Article(BaseModel):
    no: int = Field(ge=1, le=_MOST_ISSUES)
    subtitle: str = ""
    charge: bool = False
    thumbnailLock: bool = False  # noqa: N815  as the site writes it
    blindInspection: bool = False  # noqa: N815
    serviceDateDescription: str = ""  # noqa: N815


class _PageInfo(BaseModel):
    totalRows: int  # noqa: N815
    nextPage: int  # noqa: N815


class _ListPage(BaseModel):
    webtoonLevelCode: str = "WEBTOON"  # noqa: N815
    dailyPass: bool = False  # noqa: N815
    articleList: list[_Article]  # noqa: N815
    chargeFolderArticleList: list[_Article] = []  # noqa: N815
    pageInfo: _PageInfo  # noqa: N815


@dataclass(frozen=True)
class _Address:
    """Where a title lives: `https://comic.naver.com` and its number."""

    origin: str
    title_id: int

    @property
    def site(self) -> Site:
        return Site(self.origin, owns=_PICTURE_DOMAINS)

    def list_url(self, page: int) -> str:
        return f"{self.origin}/api/article/list?titleId={self.title_id}&page={page}&sort=ASC"

    def viewer_url(self, level: str, no: int) -> str:
        return f"{self.origin}/{level}/detail?titleId={self.title_id}&no={no}"


class NaverSource:
    """Titles of comic.naver.com, or of any host that answers alike."""

    name: ClassVar[str] = "naver"
    takes: ClassVar[str] = "the list of a title, https://comic.naver.com/webtoon/list?titleId=N"
    settings: ClassVar[type[BaseModel]] = NoSettings
    is_local: ClassVar[bool] = False

    def __init__(self, client: Client):
        self._client = client
        self._levels: dict[_Address, str] = {}

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Issues by number. States: "free", "paid", "withheld", and "missing" for numbers that the list leaves out.

        Raises TitleUnavailable ("adult", "gone"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        free: list[_Article] = []
        locked: list[_Article] = []
        has_daily_pass = False
        number, before = 1, None
        for _ in range(_MOST_LIST_PAGES):
            page = self._list_page(title, address, number)
            total = page.pageInfo.totalRows
            if page.articleList == before:
                # Past its end the list repeats its last page: fine, unless something is missing by its own count.
                _require_all(title, address, number, free, total, "repeats itself")
                break
            before = page.articleList
            free += page.articleList
            locked += page.chargeFolderArticleList
            has_daily_pass |= page.dailyPass
            if page.pageInfo.nextPage == 0:
                # A short list taken for whole would make every issue that it lacks "gone".
                _require_all(title, address, number, free, total, "ends")
                break
            if page.pageInfo.nextPage <= number:
                raise ListingFailed(_short(title, address, number, len(_numbers(free)), total, "repeats itself"))
            number = page.pageInfo.nextPage
        else:
            raise ListingFailed(
                f"{title.key}: {address.list_url(number)}: still no end after {_MOST_LIST_PAGES} list pages; "
                "the site may have changed, so report it with this address"
            )
        if not free and not locked:
            raise TitleUnavailable("empty", f"{title.key}: {title.address} lists no issue; check the title's number")
        return _entries(free, locked, skipped="withheld" if has_daily_pass else "missing")

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The pictures that the viewer shows.

        Raises IssueUnavailable ("adult", "paid", "withheld", "gone", "empty"), ListingFailed, or a FetchError.
        """
        if not re.fullmatch(r"\d{4,}", issue):
            raise ValueError(f"{title.key}: issue {issue!r}: expected a number of four digits, e.g. '0001'")
        address = _address(title)
        url = address.viewer_url(self._level(title, address), int(issue))
        try:
            answer = self._client.get(url, address.site)
        except Gone as error:
            raise IssueUnavailable("gone", f"{title.key}: issue {issue}: {error}") from error
        if answer.status != 200:
            raise self._gate(title, issue, answer)
        return _pages(title, issue, address, answer)

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One picture, asked for as the viewer does. Raises a FetchError."""
        etag = known.etag if known else None
        last_modified = known.last_modified if known else None
        return self._client.picture(
            page.url, _address(title).site, referer=page.referer, etag=etag, last_modified=last_modified
        )

    def _level(self, title: Title, address: _Address) -> str:
        """The viewer's first path part: the list knows it, the title's address need not."""
        if address not in self._levels:
            self._list_page(title, address, 1)
        return self._levels[address]

    def _list_page(self, title: Title, address: _Address, number: int) -> _ListPage:
        url = address.list_url(number)
        try:
            # 401 is how the site says "for adults" here; it does not refuse the host as a whole.
            answer = self._client.get(url, address.site, answers={401})
        except Gone as error:
            raise TitleUnavailable("gone", f"{title.key}: {error}") from error
        if answer.status == 401 or _is_login(answer):
            message = f"{title.key}: {url}: HTTP {answer.status}, for adults who log in; it is not collected, remove it"
            raise TitleUnavailable("adult", message)
        if answer.status != 200:
            raise ListingFailed(
                f"{title.key}: {url}: HTTP {answer.status}, a redirect to {answer.location}; check titleId"
            )
        try:
            page = _ListPage.model_validate_json(answer.body)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "the body"
            seen = f"not the list that is known: {place}: {first['msg']}"
            raise ListingFailed(f"{title.key}: {url}: {seen}; check titleId, or the site changed") from error
        if page.webtoonLevelCode not in _LEVELS:
            raise ListingFailed(
                f"{title.key}: {url}: webtoonLevelCode {page.webtoonLevelCode!r} is not known; report it"
            )
        self._levels[address] = _LEVELS[page.webtoonLevelCode]
        return page

    def _gate(self, title: Title, issue: str, answer: Answer) -> Exception:
        """What a redirect of the viewer means."""
        seen = f"{title.key}: issue {issue}: {answer.url}: HTTP {answer.status}, a redirect to {answer.location}"
        if _is_login(answer):
            return IssueUnavailable("adult", f"{seen}; it is for adults who log in, so it is not collected")
        if not urlsplit(answer.location or "").path.endswith("/list"):
            return ListingFailed(f"{seen}; such a gate is not known, so report it with this address")
        # Paid issues and numbers that do not exist both lead to the list: the list itself tells which it is.
        states = {entry.issue: entry.state for entry in self.list_issues(title)}
        state = states.get(issue, "gone")
        if state == "missing":
            state = "gone"
        elif state == "free":
            state = "paid"  # its free days are over, or not begun
        meaning = {"gone": "the title has no such issue", "withheld": "the site withholds it"}
        return IssueUnavailable(state, f"{seen}; {meaning.get(state, 'it is not free')}, so it is not collected")


def _address(title: Title) -> _Address:
    parts = urlsplit(title.address)
    numbers = parse_qs(parts.query).get("titleId", [])
    levels = "|".join(_LEVELS.values())
    is_list = re.fullmatch(rf"/({levels})/list", parts.path)
    if parts.scheme not in ("http", "https") or not is_list or len(numbers) != 1 or not numbers[0].isdecimal():
        raise ListingFailed(
            f"{title.key}: address {title.address!r}: expected {NaverSource.takes}; correct titles.yaml"
        )
    return _Address(f"{parts.scheme}://{parts.netloc}", int(numbers[0]))


def _require_all(title: Title, address: _Address, number: int, articles: list[_Article], total: int, end: str) -> None:
    """The articles are as many as the list itself counts (`totalRows`: without what waits in the paid folder)."""
    seen = len(_numbers(articles))
    if seen < total:
        raise ListingFailed(_short(title, address, number, seen, total, end))


def _numbers(articles: list[_Article]) -> set[int]:
    """An article that is listed twice, as previews are, counts once."""
    return {article.no for article in articles}


def _short(title: Title, address: _Address, number: int, seen: int, total: int, end: str) -> str:
    return (
        f"{title.key}: {address.list_url(number)}: the list {end} after {seen} of {total} issues; "
        "run again later, and report it if it stays"
    )


def _is_login(answer: Answer) -> bool:
    location = answer.location or ""
    return "nidlogin" in location or urlsplit(location).hostname == "nid.naver.com" or "/ageGate" in location


def _entries(free: list[_Article], locked: list[_Article], *, skipped: str) -> list[IssueEntry]:
    """One entry a number, from 1 to the last: an issue that is locked anywhere is locked."""
    entries: dict[int, IssueEntry] = {}
    for article in free:
        entry = _entry(article)
        twin = entries.get(article.no)
        if twin is not None:
            note = "; ".join(filter(None, [twin.note.replace("listed twice", ""), "listed twice"]))
            state = twin.state if entry.state == "free" else entry.state
            entry = replace(twin, state=state, note=note)
        entries[article.no] = entry
    for article in locked:
        entry = _entry(article)
        entries[article.no] = replace(entry, state="paid" if entry.state == "free" else entry.state)
    for no in range(1, max(entries)):
        if no not in entries:
            entries[no] = IssueEntry(issue=f"{no:04}", name="", state=skipped, note="the list leaves this number out")
    return [entries[no] for no in sorted(entries)]


def _entry(article: _Article) -> IssueEntry:
    state = "free"
    if article.blindInspection:
        state = "withheld"
    elif article.charge or article.thumbnailLock:
        state = "paid"
    date = _date(article.serviceDateDescription)
    note = "" if date else article.serviceDateDescription
    return IssueEntry(issue=f"{article.no:04}", name=article.subtitle, date=date, state=state, note=note)


def _date(shown: str) -> str | None:
    """`25.02.09` is a day in Korea, `21:30` is today; None for free text such as `3일 후 무료`."""
    if re.fullmatch(r"\d{1,2}:\d{2}", shown):
        return datetime.now(_KOREA).date().isoformat()
    try:
        return datetime.strptime(shown, "%y.%m.%d").date().isoformat()
    except ValueError:
        return None


def _pages(title: Title, issue: str, address: _Address, answer: Answer) -> list[PageEntry]:
    soup = BeautifulSoup(answer.text, "html.parser")
    images: list[Tag] = next((found for selector in _SELECTORS if (found := list(soup.select(selector)))), [])
    urls = [_image_url(image, answer.url) for image in images]
    urls = [url for url in urls if url is None or not any(guide in url for guide in _GUIDES)]
    where = f"{title.key}: issue {issue}: {answer.url}"
    if not any(urls):
        raise IssueUnavailable("empty", f"{where}: a viewer without pictures; it may be locked, or the site changed")
    pages: list[PageEntry] = []
    for number, url in enumerate(urls, start=1):
        if url is None:
            raise ListingFailed(
                f"{where}: picture {number} of {len(urls)} has only a placeholder; the site changed, report it"
            )
        # Whatever a viewer says, nothing but its own picture hosts is asked.
        if why := address.site.refusal(url):
            raise ListingFailed(f"{where}: picture {number} is at {url}: {why}; the site changed, report it")
        name = urlsplit(url).path.rpartition("/")[2]
        pages.append(PageEntry(page=number, name=name, url=url, referer=answer.url))
    return pages


def _image_url(image: Tag, viewer_url: str) -> str | None:
    """The picture's address; None where there is but a placeholder. Guides keep theirs, to be told apart by it."""
    for attribute in ("data-src", "src"):
        value = str(image.get(attribute) or "").strip()
        if not value or value.startswith("data:"):
            continue
        url = urljoin(viewer_url, value)
        if "/static/" not in url or any(guide in url for guide in _GUIDES):
            return url
    return None
