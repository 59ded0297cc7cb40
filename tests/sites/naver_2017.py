"""Serves drawn webtoons on loopback as Naver did in 2017, or as an archive of that year does.

The same titles as `demo.naver` serves, in the older layout: `list.nhn` and `detail.nhn` in HTML, newest first, ten
issues a page, with banners among them; pictures on a host of their own that wants a Referer. Writes nothing but its
log in memory.
"""

import html
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from demo.draw import DrawnIssue, Webtoon
from demo.naver import LOGIN_URL, ROBOTS, NaverSite, SiteTitle, published
from demo.reply import Reply
from demo.server import html_page

PAGE_SIZE_2017 = 10
ARCHIVE = "/web/2017/http://comic.naver.com"
"""The prefix of an archive's paths; it redirects from there to the day of its copy."""
_ARCHIVE_COPY = "/web/20170528204207/http://comic.naver.com"
_LEVELS = {"WEBTOON": "webtoon", "BEST_CHALLENGE": "bestChallenge", "CHALLENGE": "challenge"}


class Naver2017Site(NaverSite):
    """The older layout of a site, or an archive's copy of it."""

    def __init__(
        self,
        titles: Mapping[int, Webtoon | SiteTitle],
        *,
        port: int = 0,
        robots: str = ROBOTS,
        is_archive: bool = False,
    ):
        self.is_archive = is_archive
        super().__init__(titles, port=port, robots=robots)

    def address(self, title_id: int) -> str:
        """The address of a title, as in titles.yaml."""
        prefix = ARCHIVE if self.is_archive else ""
        return f"{self.url}{prefix}/{_LEVELS[self.titles[title_id].level]}/list.nhn?titleId={title_id}&weekday=mon"

    def page_reply(self, path: str) -> Reply:
        """The answer of the main host."""
        if self.is_archive and path.startswith(ARCHIVE):
            return Reply(302, {"Location": _ARCHIVE_COPY + path.removeprefix(ARCHIVE)})
        parts = urlsplit(path)
        if parts.path == "/robots.txt":
            return super().page_reply(path)
        prefix = _ARCHIVE_COPY if self.is_archive else ""
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        number = query.get("titleId", "")
        title_id = int(number) if number.isdecimal() else -1
        title = self.titles.get(title_id)
        if title is None:
            return html_page(404, "no such title")
        level = f"{prefix}/{_LEVELS[title.level]}"
        if parts.path not in (f"{level}/list.nhn", f"{level}/detail.nhn"):
            return html_page(404, "no such page")
        if title.is_adult:
            return Reply(302, {"Location": LOGIN_URL})
        if parts.path.endswith("/list.nhn"):
            page = int(query["page"]) if query.get("page", "").isdecimal() else 1
            reply = _html(_list_html(title_id, title, page))
            title.edit()
            return reply
        number = query.get("no", "")
        no = int(number) if number.isdecimal() else -1
        issue = title.numbered().get(no)
        if issue is None or not title.is_open(no):
            return Reply(302, {"Location": f"{level}/list.nhn?titleId={title_id}"})
        return _html(_viewer_html(title, issue, self.picture_urls(title_id, issue)))


def _html(text: str) -> Reply:
    return Reply(200, {"Content-Type": "text/html; charset=UTF-8"}, text.encode())


def _list_html(title_id: int, title: SiteTitle, page: int) -> str:
    """Past its end the list repeats its last page."""
    listed = [(no, issue) for no, issue in reversed(title.numbered().items()) if no not in title.hidden | title.paid]
    rows = [
        _row_html(title_id, title, no, issue) for no, issue in listed for _ in range(1 + (no in title.listed_twice))
    ]
    pages = max(1, -(-len(rows) // PAGE_SIZE_2017))
    shown = 1 if title.lists_for_ever == "same" else min(max(page, 1), pages)
    name, author = html.escape(title.webtoon.name), html.escape(title.webtoon.author)
    return "\n".join(
        [
            "<!DOCTYPE html><html><head><title>네이버 만화</title></head><body>",
            '<div id="content"><div class="comicinfo"><div class="detail">',
            f'<h2>{name}<span class="wrt_nm">{author}</span></h2></div></div>',
            '<table cellpadding="0" cellspacing="0" class="viewList"><thead>',
            '<tr><th scope="col">이미지</th><th scope="col">제목</th><th scope="col">별점</th></tr></thead><tbody>',
            '<tr class="band_banner v2"><td colspan="4"><a href="/store?no=1">다음 화를 미리 만나보세요</a></td></tr>',
            *rows[(shown - 1) * PAGE_SIZE_2017 : shown * PAGE_SIZE_2017],
            "</tbody></table></div></body></html>",
        ]
    )


def _row_html(title_id: int, title: SiteTitle, no: int, issue: DrawnIssue) -> str:
    link = f"/{_LEVELS[title.level]}/detail.nhn?titleId={title_id}&amp;no={no}&amp;weekday=mon"
    subtitle = html.escape(issue.subtitle)
    return (
        f'<tr><td><a href="{link}"><img src="/t/{no}.jpg" title="{subtitle}" alt="{subtitle}"></a></td>'
        f'<td class="title"><a href="{link}">{subtitle}</a></td>'
        '<td><div class="rating_type"><span class="star"><em style="width:99.3%">평점</em></span>'
        f'<strong>9.93</strong></div></td><td class="num">{published(no):%Y.%m.%d}</td></tr>'
    )


def _viewer_html(title: SiteTitle, issue: DrawnIssue, addresses: list[str]) -> str:
    images = [
        f'<img src="{address}" title="" alt="comic content" id="content_image_{k}">'
        for k, address in enumerate(addresses)
    ]
    if title.has_guides:
        images.insert(0, '<img src="http://static.naver.net/static/comic/agerate_15.png" title="" alt="등급">')
    return "\n".join(
        [
            "<!DOCTYPE html><html><head><title>네이버 만화</title></head><body>",
            f'<div class="tit_area"><div class="view"><h3>{html.escape(issue.subtitle)}</h3></div></div>',
            '<div id="comic_view_area" class="view_area"><div class="wt_viewer" style="background:#FFFFFF">',
            *images,
            "</div></div></body></html>",
        ]
    )
