"""Serves drawn webtoons on loopback as Naver serves its own, and fails on request as real hosts fail.

Two hosts on neighbouring ports: the main one (robots.txt, JSON list, viewer) and the one of the pictures, which
wants a Referer and an honest agent. Reads drawn webtoons; writes nothing but its log in memory, with which tests
prove how it was asked. `python -m demo.site --port 8417` serves the default webtoon until it is stopped.
"""

import argparse
import errno
import html
import json
import re
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from demo import DEFAULT_ISSUES
from demo.draw import DrawnIssue, Webtoon, draw_webtoon

DEFAULT_TITLE_ID = 900001
DEFAULT_PORT = 8417
PAGE_SIZE = 20
LOGIN_URL = "https://nid.naver.com/nidlogin.login?mode=form"
ROBOTS = "User-agent: *\nAllow: /\nDisallow: /my/\nDisallow: /*/search\n"
_FIRST_DAY = datetime(2025, 2, 9, tzinfo=UTC)
_VIEWER_PATHS = {"WEBTOON": "webtoon", "BEST_CHALLENGE": "bestChallenge", "CHALLENGE": "challenge"}


class SiteError(RuntimeError):
    """The site cannot start: the message says why, and what to do."""


@dataclass(frozen=True)
class Reply:
    """An answer on its way, before any fault has changed it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    send_bytes: int | None = None  # break off after so many, though Content-Length promises all
    reset: bool = False  # break off with a TCP reset
    chunk_delay_s: float = 0.0  # between chunks of 1 KiB


@dataclass
class Fault:
    """A change to an answer, for the first `times` requests that match, or for ever."""

    change: Callable[[Reply], Reply]
    times: int | None = None


def answer(status: int, *, times: int | None = None, **headers: str) -> Fault:
    """A bare status; `Retry_After="2"` becomes the header `Retry-After`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(lambda _: Reply(status, {"Content-Type": "text/plain", **named}, b"fault"), times)


def text(body: str, *, times: int | None = None) -> Fault:
    """Another text, with status 200: a robots.txt, for example."""
    return Fault(lambda _: Reply(200, {"Content-Type": "text/plain"}, body.encode()), times)


def retry_at(status: int, *, seconds: float, times: int | None = None) -> Fault:
    """A status with `Retry-After` as an HTTP date, so many seconds from now."""

    def change(_: Reply) -> Reply:
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        return Reply(status, {"Retry-After": format_datetime(moment, usegmt=True)}, b"fault")

    return Fault(change, times)


def redirect(location: str, *, times: int | None = None) -> Fault:
    """A redirect to anywhere."""
    return Fault(lambda _: Reply(302, {"Location": location}), times)


def truncated(*, times: int | None = None) -> Fault:
    """Half of the body, with the length that half has."""
    return Fault(lambda reply: replace(reply, body=reply.body[: len(reply.body) // 2]), times)


def short_body(*, times: int | None = None) -> Fault:
    """Half of the body, with the length of the whole."""
    return Fault(lambda reply: replace(reply, send_bytes=len(reply.body) // 2), times)


def reset(*, times: int | None = None) -> Fault:
    """A connection reset in the middle of the body."""
    return Fault(lambda reply: replace(reply, send_bytes=len(reply.body) // 2, reset=True), times)


def empty_body(*, times: int | None = None) -> Fault:
    """0 bytes, with status 200."""
    return Fault(lambda reply: replace(reply, body=b""), times)


def html_as_image(*, times: int | None = None) -> Fault:
    """An HTML page that calls itself a JPEG file."""
    page = b"<!doctype html><html><body>not in your country</body></html>"
    return Fault(lambda _: Reply(200, {"Content-Type": "image/jpeg"}, page), times)


def image_as_html(*, times: int | None = None) -> Fault:
    """The picture, called HTML."""
    return Fault(lambda reply: replace(reply, headers={**reply.headers, "Content-Type": "text/html"}), times)


def other_body(body: bytes, *, times: int | None = None) -> Fault:
    """Other bytes under the same name and type: a PNG file named .jpg, for example."""
    return Fault(lambda reply: replace(reply, body=body), times)


def other_etag(etag: str, *, times: int | None = None) -> Fault:
    """The same bytes under another ETag."""

    def change(reply: Reply) -> Reply:
        return replace(reply, headers={**reply.headers, "ETag": etag})

    return Fault(change, times)


def slow_body(*, chunk_delay_s: float, times: int | None = None) -> Fault:
    """A pause after every KiB."""
    return Fault(lambda reply: replace(reply, chunk_delay_s=chunk_delay_s), times)


@dataclass
class SiteTitle:
    """One webtoon on the site, with what the site's editors do to it. Numbers are `no`, the place in the list."""

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
    without_pictures: set[int] = field(default_factory=set)
    lists_for_ever: str | None = None  # "same": every page is the first; "last": `nextPage` never ends
    has_guides: bool = False  # rating card and guide among the pictures
    has_placeholders: bool = False  # the address is in `data-src`

    def __post_init__(self) -> None:
        self.issues = self.issues or list(self.webtoon.issues)

    def numbered(self) -> dict[int, DrawnIssue]:
        """Issues by `no`."""
        return {issue.number: issue for issue in self.issues if issue.number not in self.missing}


@dataclass
class Request:
    """One line of the site's log."""

    host: str  # "main" or "images"
    method: str
    path: str  # with its query
    status: int
    user_agent: str
    referer: str | None
    is_conditional: bool
    started: float  # monotonic seconds
    ended: float  # monotonic seconds; infinite until then
    wall_time: datetime


class Site:
    """The two hosts, while the block runs: `with Site({900001: webtoon}) as site: site.url`."""

    def __init__(self, titles: Mapping[int, Webtoon | SiteTitle], *, port: int = 0, robots: str = ROBOTS):
        self.titles = {
            title_id: title if isinstance(title, SiteTitle) else SiteTitle(title) for title_id, title in titles.items()
        }
        self.robots = robots
        self.log: list[Request] = []
        self._faults: list[tuple[re.Pattern[str], Fault]] = []
        self._lock = threading.Lock()
        self._main = _listen(self, "main", port)
        try:
            self._images = _listen(self, "images", port + 1 if port else 0)
        except SiteError:
            self._main.server_close()
            raise
        self.url = f"http://127.0.0.1:{self._main.server_port}"
        self.images_url = f"http://127.0.0.1:{self._images.server_port}"

    def __enter__(self) -> Self:
        for server in (self._main, self._images):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._main, self._images):
            server.shutdown()
            server.server_close()

    def address(self, title_id: int) -> str:
        """What titles.yaml says as the title's address."""
        return f"{self.url}/webtoon/list?titleId={title_id}"

    def fault(self, pattern: str, fault: Fault) -> None:
        """Lets requests fail. `pattern` is searched in host and path: `images/webtoon/900001/2/.*_3.jpg`."""
        with self._lock:
            self._faults.append((re.compile(pattern), fault))

    def heal(self) -> None:
        """Ends all faults."""
        with self._lock:
            self._faults.clear()

    def publish(self, title_id: int, issue: DrawnIssue) -> None:
        """A new issue comes out, or one comes out anew (cut otherwise, say)."""
        title = self.titles[title_id]
        with self._lock:
            title.issues = sorted(
                [*(old for old in title.issues if old.number != issue.number), issue], key=lambda one: one.number
            )

    def reply(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """The answer to a GET, faults included."""
        with self._lock:
            found = self._main_reply(path) if host == "main" else self._image_reply(path, headers)
            for pattern, fault in self._faults:
                if fault.times != 0 and pattern.search(host + path):
                    if fault.times is not None:
                        fault.times -= 1
                    found = fault.change(found)
                    break
        # After the faults: a changed ETag is a changed picture.
        etag = found.headers.get("ETag")
        if found.status == 200 and etag and _is_known(headers, etag, found.headers.get("Last-Modified", "")):
            return Reply(304, {"ETag": etag})
        return found

    def _main_reply(self, path: str) -> Reply:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/robots.txt":
            return Reply(200, {"Content-Type": "text/plain"}, self.robots.encode())
        number = query.get("titleId", "")
        title_id = int(number) if number.isdecimal() else -1
        title = self.titles.get(title_id)
        if title is None:
            return _page(404, "no such title")
        viewer_path = _VIEWER_PATHS[title.level]
        if parts.path == "/api/article/list/info":
            return _json(_info(title_id, title))
        if parts.path == "/api/article/list":
            if title.is_adult:
                return Reply(401, {"Content-Type": "application/json"}, b'{"message":"login required"}')
            page = int(query["page"]) if query.get("page", "").isdecimal() else 1
            return _json(self._list(title_id, title, page, query.get("sort", "DESC")))
        if parts.path == f"/{viewer_path}/list":
            return _page(200, title.webtoon.name)
        if parts.path == f"/{viewer_path}/detail":
            return self._viewer(title_id, title, query.get("no", ""), viewer_path)
        return _page(404, "no such page")

    def _list(self, title_id: int, title: SiteTitle, page: int, sort: str) -> dict[str, object]:
        open_issues = [(no, issue) for no, issue in title.numbered().items() if no not in title.paid]
        rows: list[dict[str, object]] = []
        for no, issue in open_issues:
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
            "serviceDateDescription": _published(no).strftime("%y.%m.%d"),
            "volumeNo": no,
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
        if issue is None or number in title.paid | title.paid_in_list | title.withheld | title.closed:
            return Reply(302, {"Location": f"/{viewer_path}/list?titleId={title_id}"})
        slices = () if number in title.without_pictures else issue.slices
        addresses = [self.images_url + _image_path(title_id, number, k, data) for k, data in enumerate(slices, start=1)]
        return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, _viewer_html(title, issue, addresses).encode())

    def _image_reply(self, path: str, headers: Mapping[str, str]) -> Reply:
        if path == "/robots.txt":
            return Reply(404, {"Content-Type": "text/plain"}, b"not found")
        if headers.get("User-Agent", "").startswith("python-requests"):
            return Reply(403, {"Content-Type": "text/html"}, b"<html><body>forbidden agent</body></html>")
        if not headers.get("Referer", "").startswith(self.url + "/"):
            return Reply(403, {"Content-Type": "text/html"}, b"<html><body>invalid referer</body></html>")
        parts = path.split("/")
        if len(parts) == 5 and parts[1] == "webtoon" and parts[2].isdecimal() and parts[3].isdecimal():
            title_id, no = int(parts[2]), int(parts[3])
            issue = self.titles[title_id].numbered().get(no) if title_id in self.titles else None
            for k, data in enumerate(issue.slices if issue else (), start=1):
                if path == _image_path(title_id, no, k, data):
                    return Reply(
                        200,
                        {
                            "Content-Type": "image/jpeg",
                            "ETag": f'"{sha256(data).hexdigest()[:16]}"',
                            "Last-Modified": format_datetime(_published(no), usegmt=True),
                        },
                        data,
                    )
        return Reply(404, {"Content-Type": "text/html"}, b"<html><body>not found</body></html>")

    def _thumbnail(self, title_id: int) -> str:
        return f"{self.images_url}/webtoon/{title_id}/thumbnail/thumbnail_IMAG21_{title_id}.jpg"


def _published(no: int) -> datetime:
    return _FIRST_DAY + timedelta(weeks=no - 1)


def _image_path(title_id: int, no: int, k: int, data: bytes) -> str:
    digest = sha256(data).hexdigest()[:32]
    return f"/webtoon/{title_id}/{no}/{_published(no):%Y%m%d%H%M%S}_{digest}_IMAG01_{k}.jpg"


def _is_known(headers: Mapping[str, str], etag: str, last_modified: str) -> bool:
    if "If-None-Match" in headers:
        return headers["If-None-Match"] == etag  # wins over the date (RFC 9110, section 13.2.2)
    return bool(last_modified) and headers.get("If-Modified-Since") == last_modified


def _page(status: int, message: str) -> Reply:
    body = f"<!doctype html><html><body>{html.escape(message)}</body></html>"
    return Reply(status, {"Content-Type": "text/html; charset=utf-8"}, body.encode())


def _json(value: object) -> Reply:
    return Reply(
        200, {"Content-Type": "application/json;charset=utf-8"}, json.dumps(value, ensure_ascii=False).encode()
    )


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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, site: Site, host: str, port: int):
        self.site = site
        self.host = host
        super().__init__(("127.0.0.1", port), _Handler)


def _listen(site: Site, host: str, port: int) -> _Server:
    try:
        return _Server(site, host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise SiteError(
            f"port {port} of 127.0.0.1 is taken; stop what listens there, or choose another with --port "
            "(the pictures take the next one)"
        ) from error


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = 30.0  # pyright: ignore[reportIncompatibleVariableOverride]
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        """Answers, after writing it into the log."""
        started = time.monotonic()
        site, host = self.server.site, self.server.host
        reply = site.reply(host, self.path, self.headers)  # pyright: ignore[reportArgumentType]
        entry = Request(
            host=host,
            method=self.command,
            path=self.path,
            status=reply.status,
            user_agent=self.headers.get("User-Agent", ""),
            referer=self.headers.get("Referer"),
            is_conditional="If-None-Match" in self.headers or "If-Modified-Since" in self.headers,
            started=started,
            ended=float("inf"),
            wall_time=datetime.now(UTC),
        )
        site.log.append(entry)
        try:
            self._send(reply)
        except OSError:
            self.close_connection = True  # the other side left, as is its right
        finally:
            entry.ended = time.monotonic()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal: the log is in memory."""

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        body = reply.body[: reply.send_bytes]
        if reply.chunk_delay_s:
            for start in range(0, len(body), 1024):
                self.wfile.write(body[start : start + 1024])
                time.sleep(reply.chunk_delay_s)
        else:
            self.wfile.write(body)
        if reply.send_bytes is not None:
            self.wfile.flush()
            self.close_connection = True
        if reply.reset:
            # Closed with bytes unsent and no time to linger, the connection is reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


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
        # The port first: drawing takes a while, and an error should not.
        site = Site({}, port=options.port)
    except SiteError as error:
        parser.exit(1, f"{error}\n")
    site.titles[DEFAULT_TITLE_ID] = SiteTitle(draw_webtoon(issues=options.issues))
    with site:
        print(f"serving {site.address(DEFAULT_TITLE_ID)}", flush=True)  # noqa: T201
        stopped.wait()


if __name__ == "__main__":
    main()
