"""The common part of the two sources of Naver: viewer pages, gates, and lists with an issue twice or left out.

Reads answers that a source has received; asks for nothing and writes nothing. A viewer shows, among an issue's
pictures, rating cards and guides of the site's own: they are no pages, and are left out. Any other picture beside
the issue's own is a page that is skipped, so that it can be seen.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup, Tag
from pydantic import BaseModel, Field

from pipelines.issue_pages.client.answer import Answer
from pipelines.issue_pages.client.site import Site
from pipelines.issue_pages.entry import IssueEntry, IssueUnavailable, ListingFailed, PageEntry, Skip
from pipelines.issue_pages.html_page import HtmlError, read_html
from pipelines.titles import Title

PICTURE_DOMAINS = ("pstatic.net", "naver.net")
MAX_ISSUES = 10_000
LEVELS = {"WEBTOON": "webtoon", "BEST_CHALLENGE": "bestChallenge", "CHALLENGE": "challenge"}
"""First path part of a viewer, by `webtoonLevelCode`."""

_SELECTORS = (
    '.wt_viewer img[id^="content_image_"]',
    "#sectionContWide > img",
    "#comic_view_area > div > img",  # challenge titles
    'img[alt="comic content"]',  # old pages
    ".wt_viewer img",
)
_CONTAINERS = ".wt_viewer, #sectionContWide, #comic_view_area"
_GUIDE = re.compile(r"(agerate|ctguide)[^/]*")  # rating cards, and guides for cut toons
_NOTICE = re.compile("공지|휴재")


class NaverSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of a title of Naver."""

    unwanted_issues: re.Pattern[str] | None = Field(
        default=None,
        description="Regular expression: issues in whose subtitle it is found are listed as unwanted and not "
        "collected; for notices, for example, '공지|휴재'.",
    )

    def wants(self, subtitle: str) -> bool:
        """True where an issue of this subtitle is to be collected."""
        return self.unwanted_issues is None or not self.unwanted_issues.search(subtitle)


def issue_number(title: Title, issue: str) -> int:
    """`0012` -> 12. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{4,5}", issue):
        raise ValueError(f"{title.key}: issue {issue!r}: expected a number of four digits, e.g. '0001'")
    return int(issue)


def notes_of(subtitle: str, shown_date: str, date: str | None) -> str:
    """Notes for people about an issue, by its row in the list."""
    notes = [shown_date] if shown_date and date is None else []
    if _NOTICE.search(subtitle):
        notes.append("perhaps a notice")
    return "; ".join(notes)


def without_gaps(listed: Iterable[IssueEntry], *, last: int, gap: IssueEntry) -> list[IssueEntry]:
    """One entry a number, from 1 to `last` or to the last that is listed; `gap` for those that the list leaves out.

    An issue that is locked in one of its rows is locked.
    """
    rows: dict[int, list[IssueEntry]] = {}
    for entry in listed:
        rows.setdefault(int(entry.issue), []).append(entry)
    numbers = range(1, max([last, *rows]) + 1)
    return [_combined(rows[no]) if no in rows else replace(gap, issue=f"{no:04}") for no in numbers]


def _combined(rows: Sequence[IssueEntry]) -> IssueEntry:
    if len(rows) == 1:
        return rows[0]
    locks = sorted({row.state for row in rows} - {"free"}, key=("withheld", "paid", "unwanted").index)
    notes = [note for row in rows for note in row.note.split("; ") if note]
    notes.append("listed twice" if len(rows) == 2 else f"listed {len(rows)} times")
    notes += [f"also as {row.name!r}" for row in rows if row.name != rows[0].name]
    facts = {name: value for row in reversed(rows) for name, value in row.facts.items()}
    date = next((row.date for row in rows if row.date), None)
    return replace(
        rows[0], date=date, state=locks[0] if locks else "free", note="; ".join(dict.fromkeys(notes)), facts=facts
    )


def location_of(answer: Answer) -> str:
    """The absolute address of a redirect; empty where it has none."""
    return answer.location or ""


def redirect_seen(answer: Answer) -> str:
    """A redirect, for people: `HTTP 302, a redirect to https://...`."""
    return f"HTTP {answer.status}, a redirect to {location_of(answer) or answer.headers.get('Location')}"


def is_login(answer: Answer) -> bool:
    """True for an answer that leads to the login or asks for the reader's age."""
    location = location_of(answer)
    return "nidlogin" in location or urlsplit(location).hostname == "nid.naver.com" or "/ageGate" in location


def gate(title: Title, issue: str, answer: Answer, states: Callable[[], Mapping[str, str]]) -> Exception:
    """The error for a viewer's redirect. `states`, by issue, are read only where the list has to decide."""
    seen = f"{title.key}: issue {issue}: {answer.url}: {redirect_seen(answer)}"
    if is_login(answer):
        return IssueUnavailable("adult", f"{seen}; it is for adults who log in, so it is not collected")
    if not re.search(r"/list(\.nhn)?$", urlsplit(location_of(answer)).path):
        return ListingFailed(f"{seen}; such a gate is not known, so report it with this address")
    # Paid issues and numbers that do not exist both lead to the list, which shows which it is.
    state = states().get(issue, "gone")
    if state == "missing":
        state = "gone"
    elif state in ("free", "unwanted"):
        state = "paid"  # its free days are over, or not begun
    meaning = {"gone": "the title has no such issue", "withheld": "the site withholds it"}
    return IssueUnavailable(state, f"{seen}; {meaning.get(state, 'it is not free')}, so it is not collected")


def parsed_html(title: Title, answer: Answer) -> BeautifulSoup:
    """An answer as HTML. Raises ListingFailed."""
    try:
        return read_html(answer.text)
    except HtmlError as error:
        raise ListingFailed(
            f"{title.key}: {answer.url}: {error}; open the address in a browser, try again later, or report it"
        ) from error


def viewer_pages(
    title: Title, issue: str, answer: Answer, *, site: Site, settings: NaverSettings, facts: Mapping[str, Any]
) -> list[PageEntry]:
    """The pictures that a viewer shows. `facts` hold for each of them.

    Raises IssueUnavailable ("unwanted", "empty") or ListingFailed.
    """
    soup = parsed_html(title, answer)
    where = f"{title.key}: issue {issue}: {answer.url}"
    subtitle = _subtitle(soup)
    if not settings.wants(subtitle):
        raise IssueUnavailable("unwanted", f"{where}: {subtitle!r} is unwanted; if you want it, change unwanted_issues")
    shown: list[Tag] = next((found for selector in _SELECTORS if (found := list(soup.select(selector)))), [])
    if not shown and soup.select_one(_CONTAINERS) is None:
        raise ListingFailed(f"{where}: no viewer that is known; open it in a browser, and report it if it is one")
    own = {id(image) for image in shown}
    pages: list[PageEntry] = []
    for image in soup.find_all("img"):
        is_own = id(image) in own
        if not is_own and image.find_parent(class_="wt_viewer") is None:
            continue
        try:
            url = _image_url(image, answer.url)
            why = site.refusal(url) if url else None
        except ValueError as error:
            raise ListingFailed(
                f"{where}: a picture's address cannot be read: {error}: {image.get('src')!r}; report it"
            ) from error
        if url and _GUIDE.fullmatch(_file_name(url)):
            continue
        if url is None:
            if is_own:
                number = len(pages) + 1
                raise ListingFailed(f"{where}: picture {number} has only a placeholder; the site changed, report it")
            continue
        # Nothing but the site's own picture hosts is asked, whatever a viewer has.
        if is_own and why:
            raise ListingFailed(f"{where}: picture {len(pages) + 1} is at {url}: {why}; the site changed, report it")
        pages.append(
            PageEntry(
                page=len(pages) + 1,
                name=_file_name(url),
                url=url,
                referer=answer.url,
                skip=None
                if is_own
                else Skip("unwanted", "inside the viewer, but not marked as a picture of the issue"),
                facts={**facts, **({"subtitle": subtitle} if subtitle else {}), **_slice(url)},
            )
        )
    if not any(page.skip is None for page in pages):
        raise IssueUnavailable("empty", f"{where}: a viewer without pictures; it may be locked, or the site changed")
    return pages


def _subtitle(soup: BeautifulSoup) -> str:
    """The issue's own name, where the viewer has it."""
    place = soup.select_one("#subTitle_toolbar, .tit_area h3")
    return " ".join(place.get_text().split()) if place else ""


def _image_url(image: Tag, viewer_url: str) -> str | None:
    """The picture's address; None where there is but a placeholder. Guides keep theirs, which identifies them."""
    for attribute in ("data-src", "src"):
        value = str(image.get(attribute) or "").strip()
        if not value or value.startswith("data:"):
            continue
        url = urljoin(viewer_url, value)
        if "/static/" not in url or _GUIDE.fullmatch(_file_name(url)):
            return url
    return None


def _file_name(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def _slice(url: str) -> dict[str, int]:
    """The place in the issue by the file's own name, 1, 2, ...: with the title and the issue, a picture's identity."""
    match = re.search(r"_IMAG01_([0-9]{1,4})\.\w+$", urlsplit(url).path)
    return {"slice": int(match[1])} if match else {}
