"""WEBTOON (webtoons.com) as a source: the episodes that its reader's API lists, and the pictures of their viewers.

Reads `/api/v1/{webtoon|canvas}/{title_no}/episodes` of the site's mobile host (where that does not answer with a
list, `/list` of the title's own), the viewer pages of the host of the title's address, and the pictures that a viewer
shows, at the quality they were uploaded in. Writes nothing. Episodes behind a gate (ages, countries, the app, a
login) get a state; gates are never passed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import SplitResult, parse_qs, parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from bs4 import Tag
from pydantic import BaseModel, Field, ValidationError

from pipelines.issue_pages.client.answer import Answer
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Gone, UnexpectedAnswer, Unreachable
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
from pipelines.issue_pages.html_page import HtmlError, read_html
from pipelines.issue_pages.page import PageRow
from pipelines.titles import Title

_DOMAIN = "webtoons.com"
_MOBILE = "https://m.webtoons.com"
_PICTURE_DOMAINS = ("pstatic.net",)
_CANVAS = frozenset({"canvas", "challenge"})  # "challenge" is what the site called it before
_PAGE_SIZE = 30
_MAX_LIST_PAGES = 500
_MAX_ISSUES = _PAGE_SIZE * _MAX_LIST_PAGES
_MAX_REDIRECTS = 3
_LAST_MILLISECOND = 4_102_444_800_000  # the year 2100
_SHORT_PAGE_BYTES = 8192  # a viewer has hundreds of KiB; the page for other countries has less than one
_MOTION = re.compile(r"documentURL|motiontoon", re.IGNORECASE)


class WebtoonsSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of a title of WEBTOON."""

    api: str | None = Field(
        default=None,
        pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?/?$",
        description="Host of the list of episodes, where the address is a mirror; empty: https://m.webtoons.com.",
    )


class _Episode(BaseModel):
    episodeNo: int = Field(ge=1, le=_MAX_ISSUES)  # noqa: N815  as the site writes it
    episodeTitle: str = ""  # noqa: N815
    exposureDateMillis: int | None = Field(default=None, ge=0, le=_LAST_MILLISECOND)  # noqa: N815
    hasBgm: bool | None = None  # noqa: N815  not for canvas titles


class _EpisodeList(BaseModel):
    episodeList: list[_Episode]  # noqa: N815
    nextCursor: int | None = Field(default=None, le=10**9)  # noqa: N815  0 or nothing ends the list


class _ListPage(BaseModel):
    result: _EpisodeList


@dataclass(frozen=True)
class _Address:
    """The address of a title: `https://www.webtoons.com`, its path `/en/drama/name`, its number, and the API's host."""

    origin: str
    path: str
    level: str  # "webtoon" or "canvas"
    title_no: int
    api: str

    @property
    def site(self) -> Site:
        return Site(self.origin, owns=(_DOMAIN, *_PICTURE_DOMAINS, urlsplit(self.api).hostname or ""))

    def list_url(self, cursor: int) -> str:
        url = f"{self.api}/api/v1/{self.level}/{self.title_no}/episodes?pageSize={_PAGE_SIZE}"
        return f"{url}&cursor={cursor}" if cursor else url

    def page_url(self, number: int) -> str:
        return f"{self.origin}{self.path}/list?title_no={self.title_no}&page={number}"

    def viewer_url(self, number: int) -> str:
        # The site uses the two numbers alone, and redirects from any name to the right one.
        return f"{self.origin}{self.path}/episode-{number}/viewer?title_no={self.title_no}&episode_no={number}"


class _NoList(ListingFailed):
    """The API's answer is no list of episodes."""


class WebtoonsSource:
    """Titles of www.webtoons.com, originals and canvas, or of any host that answers alike."""

    name: ClassVar[str] = "webtoons"
    takes: ClassVar[str] = "the list of a title, https://www.webtoons.com/en/GENRE/NAME/list?title_no=N"
    settings: ClassVar[type[BaseModel]] = WebtoonsSettings
    is_local: ClassVar[bool] = False

    def __init__(self, client: Client):
        self._client = client

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """Issues by `episode_no`, which is not the number that the site shows.

        Where the API answers with an error, or with what is no list, the list for browsers is read.
        States: "free", and "missing" for numbers that the list leaves out: removed, or shown in the app only.
        Raises TitleUnavailable ("adult", "withheld", "gone", "empty"), ListingFailed, or a FetchError.
        """
        address = _address(title)
        try:
            episodes, listed_twice = self._by_api(title, address)
        except (_NoList, Unreachable, UnexpectedAnswer) as error:
            if isinstance(error, Unreachable) and error.http_status is None:
                raise  # no connection: the other list would fail too
            try:
                episodes, listed_twice = self._by_pages(title, address), set()
            except ListingFailed as other:
                raise ListingFailed(f"{error}; the list for browsers failed too: {other}") from error
        if not episodes:
            raise TitleUnavailable("empty", f"{title.key}: {title.address} lists no issue; check the title's number")
        return [
            _entry(address, episodes[number], is_twice=number in listed_twice)
            if number in episodes
            else _left_out(number)
            for number in range(1, max(episodes) + 1)
        ]

    def _by_api(self, title: Title, address: _Address) -> tuple[dict[int, _Episode], set[int]]:
        """Episodes by number, and the numbers that are listed twice."""
        episodes: dict[int, _Episode] = {}
        listed_twice: set[int] = set()
        cursor, cursors = 0, {0}
        for _ in range(_MAX_LIST_PAGES):
            page = self._list_page(title, address, cursor)
            numbers = {episode.episodeNo for episode in page.episodeList}
            following = max(0, page.nextCursor or 0)
            # The list has no length: one that goes round, taken for whole, would make what it lacks "gone".
            if following and (following in cursors or not numbers - episodes.keys()):
                raise ListingFailed(
                    f"{title.key}: {address.list_url(cursor)}: the list repeats itself after {len(episodes)} issues "
                    f"(nextCursor {following}); run again later, and report it if it stays"
                )
            for episode in page.episodeList:
                if episode.episodeNo in episodes:
                    listed_twice.add(episode.episodeNo)
                else:
                    episodes[episode.episodeNo] = episode
            if not following:
                return episodes, listed_twice
            cursor = following
            cursors.add(cursor)
        raise ListingFailed(
            f"{title.key}: {address.list_url(cursor)}: still no end after {_MAX_LIST_PAGES} list pages; "
            "the site may have changed, so report it with this address"
        )

    def _by_pages(self, title: Title, address: _Address) -> dict[int, _Episode]:
        """Episodes by number, from the list for browsers: newest first, and each page links to some others."""
        episodes: dict[int, _Episode] = {}
        for number in range(1, _MAX_LIST_PAGES + 1):
            url = address.page_url(number)
            try:
                answer = self._client.get(url, address.site)
            except Gone as error:
                raise TitleUnavailable("gone", f"{title.key}: {error}") from error
            if answer.status != 200:
                raise _no_list(title, answer)
            found, pages = _listed(title, answer)
            if not found.keys() - episodes.keys():
                raise ListingFailed(f"{title.key}: {url}: nothing that earlier pages did not list; run again later")
            episodes |= found
            if number + 1 not in pages:
                return episodes
        raise ListingFailed(f"{title.key}: {address.page_url(1)}: no end after {_MAX_LIST_PAGES} pages; report it")

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """The pictures that the viewer shows, as uploaded.

        Raises IssueUnavailable ("adult", "withheld", "gone", "empty"), TitleUnavailable ("withheld"), ListingFailed,
        or a FetchError.
        """
        if not re.fullmatch(r"\d{4,6}", issue, re.ASCII):
            raise ValueError(f"{title.key}: issue {issue!r}: expected a number of four digits, e.g. '0001'")
        address = _address(title)
        return _pages(title, issue, address, self._viewer(title, issue, address))

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a page would raise now, or None. Asks for nothing but a host's robots.txt."""
        return self._client.refusal(page.url, _address(title).site)

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One picture, asked for as the viewer does: without a Referer the host refuses. Raises a FetchError."""
        return self._client.page(page, _address(title).site, known)

    def _list_page(self, title: Title, address: _Address, cursor: int) -> _EpisodeList:
        url = address.list_url(cursor)
        try:
            answer = self._client.get(url, address.site)
        except Gone as error:
            message = f"{title.key}: {error}; {title.address}, opened in a browser, shows where it went"
            raise TitleUnavailable("gone", message) from error
        if answer.status != 200:
            raise _no_list(title, answer)
        try:
            return _ListPage.model_validate_json(answer.body).result
        except ValidationError as error:
            if _is_short_page(answer):
                raise _not_served(title, f"{title.key}: {url}") from error
            seen = f"not the list that is known: {seen_in(error)}"
            raise _NoList(f"{title.key}: {url}: {seen}; check title_no, or the site changed") from error

    def _viewer(self, title: Title, issue: str, address: _Address) -> Answer:
        url = address.viewer_url(int(issue))
        for _ in range(_MAX_REDIRECTS + 1):
            try:
                answer = self._client.get(url, address.site)
            except Gone as error:
                raise IssueUnavailable("gone", f"{title.key}: issue {issue}: {error}") from error
            if answer.status == 200:
                return answer
            target = _location(answer)
            if target is None or not _is_viewer(target, address, int(issue)):
                raise self._gate(title, issue, answer, target)
            url = urlunsplit(target)
        raise ListingFailed(
            f"{title.key}: issue {issue}: {url}: more than {_MAX_REDIRECTS} redirects; try again later, or report it"
        )

    def _gate(self, title: Title, issue: str, answer: Answer, target: SplitResult | None) -> Exception:
        """The error for a redirect of the viewer."""
        place = _shown_location(answer)
        seen = f"{title.key}: issue {issue}: {answer.url}: HTTP {answer.status}, a redirect to {place}"
        if _is_age_gate(target):
            return IssueUnavailable("adult", f"{seen}; it asks for the reader's age, so it is not collected")
        if target is not None and "login" in target.path.casefold():
            return IssueUnavailable("withheld", f"{seen}; it is for readers who log in, so it is not collected")
        if target is None or not target.path.endswith("/list"):
            return ListingFailed(f"{seen}; such a gate is not known, so report it with this address")
        # Numbers that do not exist and issues that only the app shows may both lead to the list, which shows which.
        listed = {entry.issue for entry in self.list_issues(title) if entry.state == "free"}
        if issue in listed:
            return IssueUnavailable("withheld", f"{seen}; it is listed but not shown here, so it is not collected")
        return IssueUnavailable("gone", f"{seen}; the title has no such issue")


def _address(title: Title) -> _Address:
    expected = f"expected {WebtoonsSource.takes}; correct titles.yaml"
    try:
        parts = urlsplit(title.address)
    except ValueError as error:
        raise ListingFailed(f"{title.key}: address {title.address!r}: {expected}") from error
    path = re.fullmatch(r"(/[a-z]{2}(?:-[a-z]+)?/([^/]+)/[^/]+)/list", parts.path, re.ASCII)
    numbers = parse_qs(parts.query).get("title_no", [])
    is_number = len(numbers) == 1 and re.fullmatch(r"\d{1,12}", numbers[0], re.ASCII)
    if parts.scheme not in ("http", "https") or path is None or not is_number:
        raise ListingFailed(f"{title.key}: address {title.address!r}: {expected}")
    api = WebtoonsSettings(**title.settings).api
    if api is None:
        host = parts.hostname or ""
        if host != _DOMAIN and not host.endswith(f".{_DOMAIN}"):
            raise ListingFailed(
                f"{title.key}: address {title.address!r}: {host} is no host of {_DOMAIN}, so its list of episodes is "
                "not known; set settings.api to the host that answers /api/v1/webtoon/N/episodes"
            )
        api = _MOBILE
    return _Address(
        origin=f"{parts.scheme}://{parts.netloc}",
        path=path[1],
        level="canvas" if path[2] in _CANVAS else "webtoon",
        title_no=int(numbers[0]),
        api=api.rstrip("/"),
    )


def _entry(address: _Address, episode: _Episode, *, is_twice: bool) -> IssueEntry:
    facts: dict[str, Any] = {"episode_no": episode.episodeNo, "viewer": address.viewer_url(episode.episodeNo)}
    if episode.hasBgm is not None:
        facts["has_bgm"] = episode.hasBgm
    date = None
    if episode.exposureDateMillis is not None:
        date = datetime.fromtimestamp(episode.exposureDateMillis / 1000, UTC).date().isoformat()
    return IssueEntry(
        issue=f"{episode.episodeNo:04}",
        name=episode.episodeTitle,
        date=date,
        note="listed twice" if is_twice else "",
        facts=facts,
    )


def _left_out(number: int) -> IssueEntry:
    note = "the list leaves this number out: removed, or shown in the app only"
    return IssueEntry(issue=f"{number:04}", name="", state="missing", note=note)


def _no_list(title: Title, answer: Answer) -> Exception:
    """The error for a redirect of a list."""
    seen = f"{title.key}: {answer.url}: HTTP {answer.status}, a redirect to {_shown_location(answer)}"
    if _is_age_gate(_location(answer)):
        return TitleUnavailable("adult", f"{seen}; it asks for the reader's age, so it is not collected")
    return ListingFailed(f"{seen}; check title_no")


def _listed(title: Title, answer: Answer) -> tuple[dict[int, _Episode], set[int]]:
    """Episodes by number of one page of the list for browsers, and the numbers of the pages that it links to."""
    where = f"{title.key}: {answer.url}"
    try:
        soup = read_html(answer.text)
    except HtmlError as error:
        raise ListingFailed(f"{where}: {error}; try again later, or report it") from error
    rows = soup.select("#_listUl > li[data-episode-no]")
    if not rows:
        if _is_short_page(answer):
            raise _not_served(title, where)
        raise ListingFailed(f"{where}: no episode (#_listUl) in {len(answer.body)} bytes; the site changed, report it")
    episodes: dict[int, _Episode] = {}
    for row in rows:
        name, date = row.select_one(".subj span"), row.select_one(".date")
        try:
            episode = _Episode.model_validate(
                {
                    "episodeNo": str(row["data-episode-no"]),
                    "episodeTitle": name.get_text(strip=True) if name else "",
                    "exposureDateMillis": _milliseconds(date.get_text(strip=True) if date else ""),
                }
            )
        except ValidationError as error:
            seen = f"an episode with the number {str(row['data-episode-no'])[:30]!r}"
            raise ListingFailed(f"{where}: {seen}; the site changed, report it") from error
        episodes[episode.episodeNo] = episode
    links = (str(link.get("href")) for link in soup.select(".paginate a[href]"))
    return episodes, {int(page[1]) for link in links if (page := re.search(r"[?&]page=([0-9]{1,4})(?:&|$)", link))}


def _milliseconds(day: str) -> int | None:
    """Milliseconds since the epoch of `Nov 20, 2022`; None where the list is in another language."""
    try:
        return int(datetime.strptime(f"{day} +0000", "%b %d, %Y %z").timestamp() * 1000)
    except ValueError:
        return None


def _location(answer: Answer) -> SplitResult | None:
    """The parts of a redirect's address; None where it has no valid one."""
    try:
        return urlsplit(answer.location or "")
    except ValueError:
        return None


def _shown_location(answer: Answer) -> str:
    return answer.headers.get("Location", "nowhere")


def _is_age_gate(target: SplitResult | None) -> bool:
    return target is not None and "agegate" in target.path.casefold()


def _is_viewer(target: SplitResult, address: _Address, number: int) -> bool:
    """True for the address of the same episode's viewer, under another name."""
    asked = {"title_no": [str(address.title_no)], "episode_no": [str(number)]}
    query = parse_qs(target.query)
    return target.path.endswith("/viewer") and {name: query.get(name) for name in asked} == asked


def _is_short_page(answer: Answer) -> bool:
    """A page of a few hundred bytes, sent with HTTP 200 to countries that the site does not serve."""
    start = answer.body[:512].lstrip().lower()
    return len(answer.body) < _SHORT_PAGE_BYTES and (start.startswith(b"<!doctype html") or b"<html" in start)


def _not_served(title: Title, where: str) -> TitleUnavailable:
    seen = "a short page without any episode, as the site sends it to countries that it does not serve"
    return TitleUnavailable("withheld", f"{where}: {seen}; it is not collected from here, so remove {title.key}")


def _pages(title: Title, issue: str, address: _Address, answer: Answer) -> list[PageEntry]:
    where = f"{title.key}: issue {issue}: {answer.url}"
    try:
        viewer = read_html(answer.text).find(id="_imageList")
    except HtmlError as error:
        raise ListingFailed(f"{where}: {error}; try again later, or report it") from error
    if not isinstance(viewer, Tag):
        if _MOTION.search(answer.text):
            raise IssueUnavailable("empty", f"{where}: an animated episode, which has no pictures to collect")
        if _is_short_page(answer):
            raise _not_served(title, where)
        raise ListingFailed(
            f"{where}: no viewer (#_imageList) in {len(answer.body)} bytes; the site changed, report it"
        )
    # Only its own children: what lies deeper is advertisements and recommendations.
    images = [child for child in viewer.find_all("img", recursive=False) if isinstance(child, Tag)]
    pages = [_page(where, address, answer.url, number, len(images), image) for number, image in enumerate(images, 1)]
    if all(page.skip for page in pages):
        raise IssueUnavailable("empty", f"{where}: a viewer without pictures; it may be animated, or the site changed")
    return pages


def _page(where: str, address: _Address, viewer_url: str, number: int, total: int, image: Tag) -> PageEntry:
    shown = str(image.get("data-url") or "").strip()
    place = f"{where}: picture {number} of {total}"
    if not shown or shown.startswith("data:"):
        raise ListingFailed(f"{place} has only a placeholder (no data-url); the site changed, report it")
    try:
        url = _as_uploaded(urljoin(viewer_url, shown))
    except ValueError as error:
        raise ListingFailed(f"{place} is at {shown!r}, no address ({error}); the site changed, report it") from error
    # Nothing but the site's own picture hosts is asked, whatever a viewer has.
    if why := address.site.refusal(url):
        raise ListingFailed(f"{place} is at {url}: {why}; the site changed, report it")
    is_thumbnail = "/thumb_" in url
    return PageEntry(
        page=number,
        name=urlsplit(url).path.rpartition("/")[2],
        url=url,
        referer=viewer_url,
        skip=Skip("unwanted", "a thumbnail, by its name") if is_thumbnail else None,
        facts=dict(_shown_size(image)),
    )


def _as_uploaded(url: str) -> str:
    """Without `type`, which asks for a smaller file (`q90`, `opti`, `ani`)."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "type"]
    return urlunsplit(parts._replace(query=urlencode(query), fragment=""))


def _shown_size(image: Tag) -> Iterable[tuple[str, int]]:
    for attribute in ("width", "height"):
        if number := re.fullmatch(r"(\d{1,6})(?:\.\d+)?", str(image.get(attribute) or ""), re.ASCII):
            yield f"shown_{attribute}_px", int(number[1])
