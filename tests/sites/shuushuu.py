"""Serves illustrations on loopback as e-shuushuu serves its own: the index for crawlers, the JSON interface, the files,
and the lists of its former layout.

Two hosts on neighbouring ports: the site's own, and that of the files, to which the first one redirects on demand.
Reads pictures; writes nothing but its log in memory.
"""

import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from hashlib import md5
from urllib.parse import parse_qs, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from demo.reply import Reply
from demo.server import Site, html_page, json_reply

ROBOTS = "User-agent: *\nDisallow: /user/\n"
FIRST_DAY = date(2014, 2, 4)
_PER_PAGE_2017 = 15
_MAX_PER_PAGE = 100
_MAX_TAGS = 5
_SHOWN = (-1, 1, 2)  # to everybody: reposts, active images, spoilers
_KINDS = {1: "Theme", 2: "Source", 3: "Artist", 4: "Character"}
_INDEX_KINDS = {1: "theme_tags", 2: "source", 3: "artist", 4: "characters"}


@dataclass
class SiteImage:
    """One image of the site, with its moderators' marks."""

    number: int
    data: bytes
    extension: str = "jpg"
    status: int = 1  # 1 active, 2 spoiler, -1 repost, 0 deactivated, -4 under review
    replacement: int | None = None  # of a repost, the original
    tags: tuple[tuple[int, str, int], ...] = ((46, "long hair", 1),)  # number, name, kind
    width_px: int = 40
    height_px: int = 60
    day: date | None = None  # by default, four images come a day
    md5: str | None = None  # as listed; by default that of the data

    @property
    def added(self) -> datetime:
        """The time of its upload."""
        day = self.day or FIRST_DAY + timedelta(days=self.number // 4)
        return datetime.combine(day, time(12, 0), UTC)

    @property
    def stem(self) -> str:
        """The file's name without its extension."""
        return f"{self.added:%Y-%m-%d}-{self.number}"

    @property
    def listed_md5(self) -> str:
        """The digest that the lists give."""
        return self.md5 or md5(self.data, usedforsecurity=False).hexdigest()


class ShuushuuSite(Site):
    """The site's own host, and that of its files."""

    hosts = ("main", "files")

    def __init__(
        self,
        images: Iterable[SiteImage],
        *,
        port: int = 0,
        robots: str = ROBOTS,
        search_delay_s: float = 2,
        has_file_host: bool = False,
    ):
        """search_delay_s: the pause between searches that the site asks for. has_file_host: files are redirected."""
        self.images = {image.number: image for image in images}
        self.robots = robots
        self.search_delay_s = search_delay_s
        self.has_file_host = has_file_host
        self.before_search: Callable[[int], None] = lambda _: None  # what happens before a list page is read
        super().__init__(port=port)

    def publish(self, *images: SiteImage) -> None:
        """Adds new images, or changes known ones."""
        with self._lock:
            self.images |= {image.number: image for image in images}

    def answer(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """A GET to one of the two hosts."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/robots.txt":
            return Reply(200, {"Content-Type": "text/plain"}, self.robots.encode())
        if match := re.fullmatch(r"/images/([\d-]+-(\d+))\.\w+", parts.path):
            return self._file(host, parts.path, int(match[2]), match[1])
        if host == "main" and parts.path == "/image/index.xml":
            return self._index(query)
        if host == "main" and parts.path == "/api/v1/images":
            return self._list(query)
        if host == "main" and parts.path == "/api/v1/meta/config":
            return json_reply({"max_search_tags": _MAX_TAGS, "search_delay_seconds": self.search_delay_s})
        if host == "main" and parts.path == "/":
            return self._list_2017(query)
        return html_page(404, "no such page")

    def _file(self, host: str, path: str, number: int, stem: str) -> Reply:
        image = self.images.get(number)
        if image is None or image.stem != stem or image.status not in _SHOWN:
            return html_page(404, "not found")
        if host == "main" and self.has_file_host:
            return Reply(302, {"Location": self.url_of("files") + path, "Cache-Control": "no-store"})
        headers = {
            "Content-Type": f"image/{image.extension}",
            "ETag": f'"{md5(image.data, usedforsecurity=False).hexdigest()}"',
            "Last-Modified": format_datetime(image.added, usegmt=True),
        }
        return Reply(200, headers, image.data)

    def _index(self, query: Mapping[str, str]) -> Reply:
        limit = int(query.get("limit", "16"))
        if not 1 <= limit <= _MAX_PER_PAGE:
            return _refusal(422, f"limit: at most {_MAX_PER_PAGE}")
        numbers = [number for number, image in sorted(self.images.items()) if image.status == 1]
        if "after_id" in query:
            numbers = [number for number in numbers if number > int(query["after_id"])]
        else:
            numbers.reverse()
        root = Element("images")
        for number in numbers[:limit]:
            image = self.images[number]
            SubElement(
                root,
                "image",
                {
                    "id": str(number),
                    "md5": image.listed_md5,
                    "status": "active",
                    "submitted_on": image.added.isoformat(),
                    "submitted_by": "2",
                    "width": str(image.width_px),
                    "height": str(image.height_px),
                    "filesize": str(len(image.data)),
                    "preview_url": f"{self.url}/thumbs/{image.stem}.webp",
                    **{
                        _INDEX_KINDS[kind]: ", ".join(name for _, name, its_kind in image.tags if its_kind == kind)
                        for kind in sorted({kind for _, _, kind in image.tags})
                    },
                },
            )
        body = '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode")
        return Reply(200, {"Content-Type": "application/xml; charset=utf-8"}, body.encode())

    def _list(self, query: Mapping[str, str]) -> Reply:
        page, per_page = int(query.get("page", "1")), int(query.get("per_page", "20"))
        wanted = {int(tag) for tag in query.get("tags", "").split(",") if tag}
        unwanted = {int(tag) for tag in query.get("exclude_tags", "").split(",") if tag}
        if not 1 <= per_page <= _MAX_PER_PAGE:
            return _refusal(422, f"per_page: at most {_MAX_PER_PAGE}")
        if len(wanted) + len(unwanted) > _MAX_TAGS:
            return _refusal(400, f"You can only search for up to {_MAX_TAGS} tags at a time.")
        self.before_search(page)
        found = [
            image
            for _, image in sorted(self.images.items(), reverse=query.get("sort_order", "DESC") == "DESC")
            if image.status in _SHOWN
            and image.added.date() >= date.fromisoformat(query.get("date_from", "0001-01-01"))
            and wanted <= (tags := {number for number, _, _ in image.tags})
            and not unwanted & tags
        ]
        shown = found[(page - 1) * per_page : page * per_page]
        return json_reply(
            {
                "total": len(found),
                "page": page,
                "per_page": per_page,
                "images": [self._row(image) for image in shown],
            }
        )

    def _row(self, image: SiteImage) -> dict[str, object]:
        return {
            "image_id": image.number,
            "user_id": 2,
            "filename": image.stem,
            "ext": image.extension,
            "md5_hash": image.listed_md5,
            "filesize": len(image.data),
            "width": image.width_px,
            "height": image.height_px,
            "status": image.status,
            "source_url": None,
            "caption": "",
            "rating": 0.0,
            "favorites": 2,
            "replacement_id": image.replacement,
            "date_added": image.added.isoformat().replace("+00:00", "Z"),
            "tags": [
                {"tag_id": number, "tag": name, "type_id": kind, "type_name": _KINDS[kind]}
                for number, name, kind in image.tags
            ],
            "url": f"{self.url}/images/{image.stem}.{image.extension}",
            "thumbnail_url": f"{self.url}/thumbs/{image.stem}.webp",
            "medium_url": None,
            "large_url": None,
        }

    def _list_2017(self, query: Mapping[str, str]) -> Reply:
        page = int(query.get("page", "1"))
        self.before_search(page)
        images = [image for _, image in sorted(self.images.items(), reverse=True) if image.status in (1, 2)]
        threads = [_thread(image) for image in images[(page - 1) * _PER_PAGE_2017 : page * _PER_PAGE_2017]]
        body = (
            f'<!doctype html><html><body><div id="page"><div id="content">{"".join(threads)}</div></div></body></html>'
        )
        return Reply(200, {"Content-Type": "text/html; charset=utf-8"}, body.encode())


def _refusal(status: int, detail: str) -> Reply:
    return replace(json_reply({"detail": detail}), status=status)


def _thread(image: SiteImage) -> str:
    kinds: dict[int, list[str]] = {}
    for number, name, kind in image.tags:
        kinds.setdefault(kind, []).append(
            f'<span class="tag">"<a href="/tags/{number}">{html.escape(name)}</a>"</span>'
        )
    headings = {1: "Tags:", 2: "Source:", 3: "Artist:", 4: "Characters:"}
    meta = "".join(f"<dt>{headings[kind]}</dt><dd>{' '.join(spans)}</dd>" for kind, spans in kinds.items())
    size = f"<dt>Dimensions:</dt><dd>{image.width_px}x{image.height_px}</dd>"
    return (
        f'<div class="image_thread display" id="i{image.number}"><div class="image_block"><div class="thumb">'
        f'<a class="thumb_image" href="/images/{image.stem}.{image.extension}">'
        f'<img src="/images/thumbs/{image.stem}.jpeg"></a></div>'
        f'<div class="meta"><dl>{meta}{size}</dl></div></div></div>'
    )
