"""Serves drawn webtoons on loopback as WEBTOON serves its own, and fails on request as it fails.

Three hosts: the main one (robots.txt, the list for browsers, viewers), the mobile one (the list of episodes, by
cursor), and the one of the pictures, which wants a Referer. Reads drawn webtoons; writes nothing but its log in memory.
"""

import html
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from demo.draw import DrawnIssue, Webtoon
from demo.reply import Reply
from demo.server import Site, html_page, json_reply

ROBOTS = "User-agent: *\nDisallow: /*/search\n"
_ROWS, _WINDOW = 10, 10  # episodes of a page of the list for browsers, and pages that one links to
_FIRST_DAY = datetime(2025, 2, 9, 15, tzinfo=UTC)
_KINDS = {b"\xff\xd8": ("JPEG", "jpg", "q90"), b"\x89P": ("PNG", "png", "opti"), b"GI": ("GIF", "gif", "ani")}
_ELSEWHERE = (
    "<!doctype html><html><head><title>WEBTOON</title></head><body><p>This service is not available in your country."
    "</p></body></html>"
)


@dataclass
class WebtoonsTitle:
    """One webtoon on the site, with its editors' marks. Numbers are `episode_no`."""

    webtoon: Webtoon
    issues: list[DrawnIssue] = field(default_factory=list)
    language: str = "en"
    genre: str = "slice-of-life"  # "canvas" for what readers upload
    slug: str = "small-days"
    is_adult: bool = False  # list and viewers lead to the age gate
    is_blocked: bool = False  # a short page, as in countries that are not served
    adult: set[int] = field(default_factory=set)
    app_only: set[int] = field(default_factory=set)  # not listed; the viewer leads to the list
    closed: set[int] = field(default_factory=set)  # listed, but the viewer leads to the list
    removed: set[int] = field(default_factory=set)  # listed, but the viewer is 404
    animated: set[int] = field(default_factory=set)  # a viewer without pictures
    listed_twice: set[int] = field(default_factory=set)
    goes_round: str | None = None  # "cursor": the first page again; "page": the last page under new cursors
    has_extras: bool = False  # a thumbnail and advertisements within the viewer

    def __post_init__(self) -> None:
        self.issues = self.issues or list(self.webtoon.issues)

    @property
    def level(self) -> str:
        """The kind of title, as in the API's path."""
        return "canvas" if self.genre in ("canvas", "challenge") else "webtoon"

    @property
    def path(self) -> str:
        """The path of the title's pages."""
        return f"/{self.language}/{self.genre}/{self.slug}"

    def numbered(self) -> dict[int, DrawnIssue]:
        """Issues by `episode_no`."""
        return {issue.number: issue for issue in self.issues}


class WebtoonsSite(Site):
    """Three hosts: the site's own, its mobile one with the API, and that of the pictures, which wants a Referer."""

    hosts: ClassVar[Sequence[str]] = ("main", "mobile", "images")

    def __init__(self, titles: Mapping[int, Webtoon | WebtoonsTitle], *, port: int = 0, robots: str = ROBOTS):
        self.titles = {
            number: title if isinstance(title, WebtoonsTitle) else WebtoonsTitle(title)
            for number, title in titles.items()
        }
        self.robots = robots
        super().__init__(port=port)

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a title, as in titles.yaml."""
        return {"api": self.url_of("mobile")}

    def address(self, title_no: int) -> str:
        """The address of a title, as in titles.yaml."""
        return f"{self.url}{self.titles[title_no].path}/list?title_no={title_no}"

    def publish(self, title_no: int, issue: DrawnIssue) -> None:
        """Publishes a new issue, or a known one again."""
        title = self.titles[title_no]
        with self._lock:
            others = [old for old in title.issues if old.number != issue.number]
            title.issues = sorted([*others, issue], key=lambda one: one.number)

    def answer(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """A GET to one of the three hosts."""
        if path == "/robots.txt" and host != "images":
            return Reply(200, {"Content-Type": "text/plain"}, self.robots.encode())
        if host == "images":
            return self._image_reply(path, headers)
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self._api_reply(parts.path, query) if host == "mobile" else self._main_reply(parts.path, query)

    def _api_reply(self, path: str, query: Mapping[str, str]) -> Reply:
        parts = path.split("/")  # "", "api", "v1", level, number, "episodes"
        title_no = int(parts[4]) if len(parts) == 6 and parts[4].isdecimal() else -1
        title = self.titles.get(title_no)
        if title is None or parts[1:4] != ["api", "v1", title.level] or parts[5] != "episodes":
            return html_page(404, "no such title")
        if title.is_adult:
            return Reply(302, {"Location": f"{self.url}/{title.language}/ageGate"})
        if title.is_blocked:
            return _elsewhere()
        size = int(query.get("pageSize", "30"))
        cursor = int(query.get("cursor", "0"))
        listed = [self._episode(title_no, title, no, issue) for no, issue in title.numbered().items()]
        listed = [row for row, no in zip(listed, title.numbered(), strict=True) if no not in title.app_only]
        if title.goes_round == "cursor":
            shown, following = listed[:size], size
        elif title.goes_round == "page" and cursor >= len(listed) - size:
            shown, following = listed[-size:], cursor + size
        else:
            shown = listed[cursor : cursor + size]
            following = cursor + size if cursor + size < len(listed) else 0
        twice = [row for row in shown if row["episodeNo"] in title.listed_twice]
        return json_reply({"result": {"episodeList": [*shown, *twice], "nextCursor": following}, "success": True})

    def _episode(self, title_no: int, title: WebtoonsTitle, no: int, issue: DrawnIssue) -> dict[str, object]:
        row: dict[str, object] = {
            "episodeNo": no,
            "thumbnail": f"/20250209_{no}/thumb_{no}.jpg",
            "episodeTitle": issue.subtitle,
            "viewerLink": _viewer_path(title_no, title, no),
            "exposureDateMillis": int(_published(no).timestamp() * 1000),
            "displayUp": False,
        }
        return row if title.level == "canvas" else {**row, "hasBgm": False}

    def _main_reply(self, path: str, query: Mapping[str, str]) -> Reply:
        title_no, number = (int(query.get(name, "-1")) for name in ("title_no", "episode_no"))
        title = self.titles.get(title_no)
        if title is None:
            return html_page(404, "no such title")
        if title.is_blocked:
            return _elsewhere()
        if path == f"{title.path}/list":
            return self._list_reply(title_no, title, int(query.get("page", "1")))
        if not path.endswith("/viewer"):
            return html_page(404, "no such page")
        if title.is_adult or number in title.adult:
            return Reply(302, {"Location": f"/{title.language}/ageGate"})
        if number in title.app_only | title.closed:
            return Reply(302, {"Location": f"{title.path}/list?title_no={title_no}"})
        issue = title.numbered().get(number)
        if issue is None or number in title.removed:
            return html_page(404, "no such episode")
        right = _viewer_path(title_no, title, number)
        if path != urlsplit(right).path:
            return Reply(301, {"Location": self.url + right})
        return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, self._viewer(title_no, title, issue).encode())

    def _list_reply(self, title_no: int, title: WebtoonsTitle, page: int) -> Reply:
        """The list for browsers: newest first, with links to the pages around; past its end, its last page again."""
        if title.is_adult:
            return Reply(302, {"Location": f"/{title.language}/ageGate"})
        listed = [no for no in reversed(title.numbered()) if no not in title.app_only]
        last = max(1, math.ceil(len(listed) / _ROWS))
        page = min(page, last)
        window = (page - 1) // _WINDOW * _WINDOW
        links = [(n, str(n)) for n in range(window + 1, min(window + _WINDOW, last) + 1)]
        links += [(window + _WINDOW + 1, "Next")] if window + _WINDOW < last else []
        rows = [
            f'<li class="_episodeItem" id="episode_{no}" data-episode-no="{no}">'
            f'<a href="{html.escape(self.url + _viewer_path(title_no, title, no))}"><span class="subj"><span>'
            f"{html.escape(title.numbered()[no].subtitle)}</span></span>"
            f'<span class="date">{_published(no):%b %d, %Y}</span></a></li>'
            for no in listed[(page - 1) * _ROWS : page * _ROWS]
        ]
        address = f"{title.path}/list?title_no={title_no}"
        pages = [f'<a href="{f"{address}&amp;page={n}" if n != page else "#"}">{text}</a>' for n, text in links]
        body = f'<ul id="_listUl">{"".join(rows)}</ul><div class="paginate">{"".join(pages)}</div>'
        return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, f"<!doctype html><body>{body}</body>".encode())

    def _viewer(self, title_no: int, title: WebtoonsTitle, issue: DrawnIssue) -> str:
        if issue.number in title.animated:
            inside = (
                "<div id='ozViewer'></div><script>var viewer={documentURL: 'https://127.0.0.1/motion.json'}</script>"
            )
            return f"<!doctype html><html><body>{inside}</body></html>"
        blank = "https://webtoons-static.pstatic.net/image/bg_transparency.png"
        images: list[str] = []
        for k, data in enumerate(issue.slices, start=1):
            kind = _kind(data)[2]
            url = self.url_of("images") + _image_path(title_no, issue.number, k, data) + f"?type={kind}"
            images.append(f'<img src="{blank}" class="_images" data-url="{url}" width="800.0" height="1280.0">')
        if title.has_extras:
            thumbnail = f"{self.url_of('images')}/20250209_1/thumb_1.jpg?type=q90"
            advert = f"{self.url_of('images')}/20250209_1/advert.jpg"
            images.insert(0, f'<div><img src="{blank}" class="_images" data-url="{advert}"></div>')
            images.append(f'<img src="{blank}" class="_images" data-url="{thumbnail}">')
        name = html.escape(f"{issue.subtitle} | {title.webtoon.name}")
        return "\n".join(
            [
                f'<!doctype html><html><head><meta property="og:title" content="{name}"></head><body>',
                '<div class="viewer_img _img_viewer_area" id="_imageList">',
                *images,
                "</div></body></html>",
            ]
        )

    def _image_reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        if path == "/robots.txt":
            return Reply(404, {"Content-Type": "text/plain"}, b"not found")
        if not headers.get("Referer", "").startswith(self.url + "/"):
            return Reply(403, {"Content-Type": "text/html"}, b"<html><body>forbidden</body></html>")
        parts = urlsplit(path)
        for title_no, title in self.titles.items():
            for no, issue in title.numbered().items():
                for k, data in enumerate(issue.slices, start=1):
                    if parts.path == _image_path(title_no, no, k, data):
                        body = _smaller(data) if "type" in parse_qs(parts.query) else data
                        sent = {
                            "Content-Type": f"image/{_kind(data)[0].lower()}",
                            "ETag": f'"{sha256(body).hexdigest()[:16]}"',
                            "Last-Modified": format_datetime(_published(no), usegmt=True),
                        }
                        return Reply(200, sent, body)
        return Reply(404, {"Content-Type": "text/html"}, b"<html><body>not found</body></html>")


def _elsewhere() -> Reply:
    return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, _ELSEWHERE.encode())


def _published(no: int) -> datetime:
    return _FIRST_DAY + timedelta(weeks=no - 1)


def _viewer_path(title_no: int, title: WebtoonsTitle, no: int) -> str:
    return f"{title.path}/ep-{no}-by-name/viewer?title_no={title_no}&episode_no={no}"


def _kind(data: bytes) -> tuple[str, str, str]:
    """The kind in the path, suffix, and the `type` that the viewer asks for."""
    return _KINDS[data[:2]]


def _image_path(title_no: int, no: int, k: int, data: bytes) -> str:
    kind, suffix, _ = _kind(data)
    return f"/20250209_{no}/{sha256(data).hexdigest()[:12]}_{kind}/{title_no}_{no}_{k}.{suffix}"


def _smaller(data: bytes) -> bytes:
    """The picture for a `type`: compressed again."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(buffer, "JPEG", quality=50)
    return buffer.getvalue()
