"""Serves drawn webtoons on loopback as Naver serves its own, and fails on request as real hosts fail.

Two hosts on neighbouring ports: the main one (robots.txt, JSON list, viewer) and the one of the pictures, which
wants a Referer and an honest agent. Reads drawn webtoons; writes nothing but its log in memory, for tests to check.
`python -m demo.naver --port 8417` serves the default webtoon until it is stopped.
"""

import argparse
import html
import json
import re
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from demo import DEFAULT_ISSUES
from demo.draw import DrawnIssue, Webtoon, draw_webtoon
from demo.reply import Reply
from demo.server import Site, SiteError, html_page, json_reply

DEFAULT_TITLE_ID = 900001
DEFAULT_PORT = 8417
PAGE_SIZE = 20
LOGIN_URL = "https://nid.naver.com/nidlogin.login?mode=form"
ROBOTS = "User-agent: *\nAllow: /\nDisallow: /my/\nDisallow: /*/search\n"
_FIRST_DAY = datetime(2025, 2, 9, tzinfo=UTC)
_VIEWER_PATHS = {"WEBTOON": "webtoon", "BEST_CHALLENGE": "bestChallenge", "CHALLENGE": "challenge"}


@dataclass
class SiteTitle:
    """One webtoon on the site, with its editors' marks. Numbers are `no`, the place in the list."""

    webtoon: Webtoon
    issues: list[DrawnIssue] = field(default_factory=list)
    level: str = "WEBTOON"
    is_adult: bool = False
    has_daily_pass: bool = False
    paid: set[int] = field(default_factory=set)  # in the folder of charged issues
    paid_in_list: set[int] = field(default_factory=set)  # previews among the free ones, with `charge` set
    withheld: set[int] = field(default_factory=set)  # `blindInspection`
    closed: set[int] = field(default_factory=set)  # listed as free, but the viewer sends back to the list
    missing: set[int] = field(default_factory=set)
    listed_twice: set[int] = field(default_factory=set)
    hidden: set[int] = field(default_factory=set)  # counted by the list but not shown, as with a daily pass
    notices: set[int] = field(default_factory=set)  # "휴재 공지": no episode, but an issue of the list
    without_pictures: set[int] = field(default_factory=set)
    lists_for_ever: str | None = None  # "same": every page is the first; "last": `nextPage` never ends
    has_guides: bool = False  # rating card and guide among the pictures
    has_placeholders: bool = False  # the address is in `data-src`
    edits: list[Callable[["SiteTitle"], None]] = field(default_factory=list)  # one is made after each list page

    def __post_init__(self) -> None:
        self.issues = self.issues or list(self.webtoon.issues)

    def numbered(self) -> dict[int, DrawnIssue]:
        """Issues by `no`."""
        return {
            issue.number: replace(issue, subtitle="휴재 공지") if issue.number in self.notices else issue
            for issue in self.issues
            if issue.number not in self.missing
        }

    def is_open(self, number: int) -> bool:
        """True where the viewer shows the issue of this number."""
        shut = self.paid | self.paid_in_list | self.withheld | self.closed | self.hidden
        return number in self.numbered() and number not in shut

    def edit(self) -> None:
        """Makes the next of the edits."""
        if self.edits:
            self.edits.pop(0)(self)


class NaverSite(Site):
    """Two hosts: the site's own (robots.txt, JSON list, viewer), and that of the pictures, which wants a Referer."""

    def __init__(self, titles: Mapping[int, Webtoon | SiteTitle], *, port: int = 0, robots: str = ROBOTS):
        self.titles = {
            title_id: title if isinstance(title, SiteTitle) else SiteTitle(title) for title_id, title in titles.items()
        }
        self.robots = robots
        super().__init__(port=port)

    @property
    def images_url(self) -> str:
        """The address of the host of the pictures."""
        return self.url_of("images")

    def address(self, title_id: int) -> str:
        """The address of a title, as in titles.yaml."""
        return f"{self.url}/webtoon/list?titleId={title_id}"

    def publish(self, title_id: int, issue: DrawnIssue) -> None:
        """Publishes a new issue, or a new version of one (cut differently, for example)."""
        title = self.titles[title_id]
        with self._lock:
            title.issues = sorted(
                [*(old for old in title.issues if old.number != issue.number), issue], key=lambda one: one.number
            )

    def answer(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """A GET to one of the two hosts."""
        return self.page_reply(path) if host == "main" else self._image_reply(path, headers)

    def page_reply(self, path: str) -> Reply:
        """The answer of the main host."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/robots.txt":
            return Reply(200, {"Content-Type": "text/plain"}, self.robots.encode())
        number = query.get("titleId", "")
        title_id = int(number) if number.isdecimal() else -1
        title = self.titles.get(title_id)
        if title is None:
            return html_page(404, "no such title")
        viewer_path = _VIEWER_PATHS[title.level]
        if parts.path == "/api/article/list/info":
            return json_reply(_info(title_id, title))
        if parts.path == "/api/article/list":
            if title.is_adult:
                return Reply(401, {"Content-Type": "application/json"}, b'{"message":"login required"}')
            page = int(query["page"]) if query.get("page", "").isdecimal() else 1
            reply = json_reply(self._list(title_id, title, page, query.get("sort", "DESC")))
            title.edit()
            return reply
        if parts.path == f"/{viewer_path}/list":
            return html_page(200, title.webtoon.name)
        if parts.path == f"/{viewer_path}/detail":
            return self._viewer(title_id, title, query.get("no", ""), viewer_path)
        return html_page(404, "no such page")

    def _list(self, title_id: int, title: SiteTitle, page: int, sort: str) -> dict[str, object]:
        open_issues = [(no, issue) for no, issue in title.numbered().items() if no not in title.paid]
        rows: list[dict[str, object]] = []
        for no, issue in open_issues:
            if no in title.hidden:
                continue
            row = self._article(title_id, title, no, issue)
            rows += [row, row] if no in title.listed_twice else [row]
        if sort == "DESC":
            rows.reverse()
        pages = max(1, -(-len(rows) // PAGE_SIZE))
        shown = 1 if title.lists_for_ever == "same" else min(max(page, 1), pages)
        next_page = page + 1 if title.lists_for_ever or shown < pages else 0
        return {
            "titleId": title_id,
            "webtoonLevelCode": title.level,
            "totalCount": len(title.numbered()),
            "contentsNo": 1,
            "finished": False,
            "dailyPass": title.has_daily_pass,
            "chargeBestChallenge": False,
            "articleList": rows[(shown - 1) * PAGE_SIZE : shown * PAGE_SIZE],
            "chargeFolderArticleList": [
                {
                    "no": no,
                    "subtitle": title.numbered()[no].subtitle,
                    "charge": True,
                    "thumbnailLock": True,
                    "starScore": 0.0,
                    "thumbnailUrl": self._thumbnail(title_id),
                    "serviceDateDescription": "3일 후 무료",
                }
                for no in sorted(title.paid & set(title.numbered()))
            ],
            "chargeFolderUp": False,
            "pageInfo": {
                "totalRows": len(open_issues),
                "pageSize": PAGE_SIZE,
                "indexSize": 10,
                "page": shown,
                "endRowNum": min(shown * PAGE_SIZE, len(rows)),
                "rawPage": page,
                "totalPages": pages,
                "startRowNum": (shown - 1) * PAGE_SIZE + 1,
                "lastPage": pages,
                "firstPage": 1,
                "prevPage": max(0, shown - 1),
                "nextPage": next_page,
            },
            "sort": sort,
        }

    def _article(self, title_id: int, title: SiteTitle, no: int, issue: DrawnIssue) -> dict[str, object]:
        is_charged = no in title.paid_in_list
        row: dict[str, object] = {
            "no": no,
            "thumbnailUrl": self._thumbnail(title_id),
            "subtitle": issue.subtitle,
            "starScore": 9.93,
            "bgm": False,
            "up": False,
            "charge": is_charged,
            "serviceDateDescription": published(no).strftime("%y.%m.%d"),
            "volumeNo": 0 if no in title.notices else no - sum(notice < no for notice in title.notices),
            "hasReadLog": False,
            "recentlyReadLog": False,
            "thumbnailClock": False,
            "thumbnailLock": is_charged,
        }
        return {**row, "blindInspection": True} if no in title.withheld else row

    def _viewer(self, title_id: int, title: SiteTitle, no: str, viewer_path: str) -> Reply:
        number = int(no) if no.isdecimal() else -1
        issue = title.numbered().get(number)
        if title.is_adult:
            return Reply(302, {"Location": LOGIN_URL})
        if issue is None or not title.is_open(number):
            return Reply(302, {"Location": f"/{viewer_path}/list?titleId={title_id}"})
        body = _viewer_html(title, issue, self.picture_urls(title_id, issue)).encode()
        return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, body)

    def picture_urls(self, title_id: int, issue: DrawnIssue) -> list[str]:
        """The addresses of an issue's pictures, in reading order."""
        title = self.titles[title_id]
        slices = () if issue.number in title.without_pictures else issue.slices
        return [
            self.images_url + _image_path(title_id, title, issue.number, k, data)
            for k, data in enumerate(slices, start=1)
        ]

    def _image_reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        if path == "/robots.txt":
            return Reply(404, {"Content-Type": "text/plain"}, b"not found")
        if headers.get("User-Agent", "").startswith("python-requests"):
            return Reply(403, {"Content-Type": "text/html"}, b"<html><body>forbidden agent</body></html>")
        if not headers.get("Referer", "").startswith(self.url + "/"):
            return Reply(403, {"Content-Type": "text/html"}, b"<html><body>invalid referer</body></html>")
        title_id, numbers = _pictured(path)
        title = self.titles.get(title_id)
        for no, issue in title.numbered().items() if title else ():
            if numbers and no not in numbers:
                continue
            for k, data in enumerate(issue.slices, start=1):
                if title and path == _image_path(title_id, title, no, k, data):
                    return Reply(
                        200,
                        {
                            "Content-Type": "image/jpeg",
                            "ETag": f'"{sha256(data).hexdigest()[:16]}"',
                            "Last-Modified": format_datetime(published(no), usegmt=True),
                        },
                        data,
                    )
        return Reply(404, {"Content-Type": "text/html"}, b"<html><body>not found</body></html>")

    def _thumbnail(self, title_id: int) -> str:
        return f"{self.images_url}/webtoon/{title_id}/thumbnail/thumbnail_IMAG21_{title_id}.jpg"


def published(no: int) -> datetime:
    """The date of an issue."""
    return _FIRST_DAY + timedelta(weeks=no - 1)


def _image_path(title_id: int, title: SiteTitle, no: int, k: int, data: bytes) -> str:
    digest = sha256(data).hexdigest()[:32]
    if title.level == "WEBTOON":
        return f"/webtoon/{title_id}/{no}/{published(no):%Y%m%d%H%M%S}_{digest}_IMAG01_{k}.jpg"
    upload = int(digest[:15], 16)
    return f"/user_contents_data/challenge_comic/{published(no):%Y/%m/%d}/{title_id}/upload_{upload}.jpeg"


def _pictured(path: str) -> tuple[int, set[int]]:
    """The title that a picture's path names, and the issue if it names one."""
    if match := re.match(r"/webtoon/(\d+)/(\d+)/", path):
        return int(match[1]), {int(match[2])}
    match = re.match(r"/user_contents_data/challenge_comic/\d+/\d+/\d+/(\d+)/", path)
    return (int(match[1]) if match else -1), set()


def _info(title_id: int, title: SiteTitle) -> dict[str, object]:
    numbers = sorted(title.numbered())
    return {
        "titleId": title_id,
        "titleName": title.webtoon.name,
        "webtoonLevelCode": title.level,
        "synopsis": title.webtoon.synopsis,
        "publishDayOfWeekList": ["SUNDAY"],
        "rest": False,
        "finished": False,
        "dailyPass": title.has_daily_pass,
        "communityArtists": [{"artistId": 1, "name": title.webtoon.author, "artistTypeList": ["ARTIST_WRITER"]}],
        "curationTagList": [{"id": 1, "tagName": "드라마"}],
        "age": {"type": "RATE_18" if title.is_adult else "NOT_YET", "description": ""},
        "firstArticle": {"no": numbers[0] if numbers else 0},
        "favoriteCount": 0,
    }


def _viewer_html(title: SiteTitle, issue: DrawnIssue, addresses: list[str]) -> str:
    images: list[str] = []
    for k, address in enumerate(addresses):
        source = f'src="{address}"'
        if title.has_placeholders:
            source = f'src="https://ssl.pstatic.net/static/comic/images/bg_transparency.png" data-src="{address}"'
        images.append(f'  <img {source} alt="comic content" id="content_image_{k}">')
    if title.has_guides:
        static = "https://ssl.pstatic.net/static/comic/images"
        images.insert(0, f'  <img src="{static}/agerate_12.png" alt="rating" id="content_image_rate">')
        images.append(f'  <img src="{static}/ctguide_12.png" alt="guide">')
    name, subtitle = html.escape(title.webtoon.name), html.escape(issue.subtitle)
    article = json.dumps({"no": issue.number, "subtitle": issue.subtitle, "authorWords": {}}, ensure_ascii=False)
    if title.level == "WEBTOON":
        container = '<div class="wt_viewer" id="sectionContWide" style="background:#FFFFFF">'
    else:
        container, images = "<div>", [re.sub(r' id="content_image_\w+"', "", image) for image in images]
    return "\n".join(
        [
            "<!doctype html><html><head>",
            f'<meta property="og:title" content="{name} - {subtitle}">',
            '</head><body><div class="view_area" id="comic_view_area">',
            f" {container}",
            *images,
            " </div></div>",
            f'<span id="subTitle_toolbar">{subtitle}</span>',
            f"<script>var d={{article: {article}, currentIndex: 0}}</script>",
            "</body></html>",
        ]
    )


def main() -> None:
    """Serves the default webtoon until it is stopped (Ctrl-C, or a TERM signal)."""
    parser = argparse.ArgumentParser(description="Serve a drawn webtoon on loopback, as Naver would.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="of the site; its pictures are on the next one")
    parser.add_argument("--issues", type=int, default=DEFAULT_ISSUES, help="how many are drawn")
    options = parser.parse_args()
    if not 1 <= options.port <= 65534 or options.issues < 1:
        parser.error("--port: expected 1 to 65534; --issues: expected at least 1")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        # The port first, so that an error appears before the drawing, which takes a while.
        site = NaverSite({}, port=options.port)
    except SiteError as error:
        parser.exit(1, f"{error}\n")
    site.titles[DEFAULT_TITLE_ID] = SiteTitle(draw_webtoon(issues=options.issues))
    with site:
        print(f"serving {site.address(DEFAULT_TITLE_ID)}", flush=True)  # noqa: T201
        stopped.wait()


if __name__ == "__main__":
    main()
