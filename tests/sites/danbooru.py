"""Serves illustrations on loopback as Danbooru serves its own: the JSON interface with id cursors, and the files.

Two hosts on neighbouring ports: the site's own, whose robots.txt forbids the interface that it documents, and that of
the files. Reads pictures; writes nothing but its log in memory.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import md5
from urllib.parse import parse_qs, urlsplit

from demo.reply import Reply
from demo.server import Site, html_page, json_reply

ROBOTS = """User-agent: *
Disallow: /

Allow: /$
Disallow: /*.atom
Disallow: /*.json
Disallow: /posts?*tags=source:*
Disallow: /posts/random

Allow: /posts
Allow: /original
Allow: /sample
"""
_MAX_PER_PAGE = 200
_MAX_NUMBERED_PAGES = 1000
_MAX_TAGS = 2
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class SitePost:
    """One post of the site, with its moderators' marks."""

    number: int
    data: bytes
    extension: str = "jpg"
    rating: str = "g"
    tags: dict[str, str] = field(default_factory=lambda: {"general": "1girl solo", "artist": "somebody"})
    is_deleted: bool = False
    is_banned: bool = False
    is_restricted: bool = False  # shown to members only
    width_px: int = 40
    height_px: int = 60
    sample: bytes | None = None  # by default the file itself
    md5: str | None = None  # as listed; by default that of the data

    @property
    def listed_md5(self) -> str:
        """The digest that the list gives, and that names the file."""
        return self.md5 or md5(self.data, usedforsecurity=False).hexdigest()

    @property
    def all_tags(self) -> list[str]:
        """Tags of every kind."""
        return [tag for names in self.tags.values() for tag in names.split()]

    def path(self, kind: str) -> str:
        """The path of the file: `/original/4a/ae/4aae....jpg`."""
        name = self.listed_md5
        file = f"sample-{name}.jpg" if kind == "sample" else f"{name}.{self.extension}"
        return f"/{kind}/{name[:2]}/{name[2:4]}/{file}"


class DanbooruSite(Site):
    """The site's own host, and that of its files."""

    hosts = ("main", "files")

    def __init__(self, posts: Iterable[SitePost], *, port: int = 0, robots: str = ROBOTS):
        self.posts = {post.number: post for post in posts}
        self.robots = robots
        super().__init__(port=port)

    def publish(self, *posts: SitePost) -> None:
        """Adds new posts, or changes known ones."""
        with self._lock:
            self.posts |= {post.number: post for post in posts}

    def answer(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """A GET to one of the two hosts."""
        parts = urlsplit(path)
        agent = headers.get("User-Agent", "")
        if agent.startswith(("python-requests", "Mozilla")):
            return Reply(403, {"Content-Type": "text/html", "cf-mitigated": "challenge"}, b"<html>challenge</html>")
        if parts.path == "/robots.txt":
            return Reply(200, {"Content-Type": "text/plain"}, self.robots.encode())
        if host == "files":
            return self._file(parts.path)
        if parts.path == "/posts.json":
            return self._list({name: values[0] for name, values in parse_qs(parts.query).items()})
        return html_page(404, "no such page")

    def _file(self, path: str) -> Reply:
        for post in self.posts.values():
            sample = post.data if post.sample is None else post.sample
            for kind, data in (("original", post.data), ("sample", sample)):
                if path == post.path(kind) and self._is_shown(post):
                    headers = {
                        "Content-Type": "image/jpeg",
                        "ETag": f'"{md5(data, usedforsecurity=False).hexdigest()}"',
                        "Last-Modified": format_datetime(_FIRST_DAY, usegmt=True),
                    }
                    return Reply(200, headers, data)
        return html_page(404, "not found")

    def _list(self, query: Mapping[str, str]) -> Reply:
        tags = query.get("tags", "").split()
        if len(tags) > _MAX_TAGS:
            return _refusal(422, f"You cannot search for more than {_MAX_TAGS} tags at a time.")
        limit = min(int(query.get("limit", "20")), _MAX_PER_PAGE)
        page = query.get("page", "1")
        found = [post for _, post in sorted(self.posts.items(), reverse=True) if set(tags) <= set(post.all_tags)]
        if page[:1] == "b":
            found = [post for post in found if post.number < int(page[1:])][:limit]
        elif page[:1] == "a":
            # The posts next above the cursor, but newest first as always.
            found = [post for post in found if post.number > int(page[1:])][-limit:]
        elif int(page) > _MAX_NUMBERED_PAGES:
            return _refusal(410, f"You cannot go beyond page {_MAX_NUMBERED_PAGES}.")
        else:
            found = found[(int(page) - 1) * limit : int(page) * limit]
        rows = [self._row(post) for post in found]
        if "only" in query:
            names = query["only"].split(",")
            rows = [{name: row[name] for name in names if name in row} for row in rows]
        reply = json_reply(rows)
        return Reply(reply.status, {**reply.headers, "X-Rate-Limit": json.dumps({"read": 9})}, reply.body)

    def _is_shown(self, post: SitePost) -> bool:
        return not (post.is_banned or post.is_restricted)

    def _row(self, post: SitePost) -> dict[str, object]:
        row: dict[str, object] = {
            "id": post.number,
            "created_at": (_FIRST_DAY + timedelta(hours=post.number)).isoformat(timespec="milliseconds"),
            "rating": post.rating,
            "image_width": post.width_px,
            "image_height": post.height_px,
            "file_ext": post.extension,
            "file_size": len(post.data),
            "score": 3,
            "source": "",
            "parent_id": None,
            "has_children": False,
            "is_deleted": post.is_deleted,
            "is_banned": post.is_banned,
            "tag_string": " ".join(post.all_tags),
            **{
                f"tag_string_{kind}": post.tags.get(kind, "")
                for kind in ("general", "artist", "character", "copyright", "meta")
            },
        }
        if self._is_shown(post):  # what is hidden lacks the very keys
            row["md5"] = post.listed_md5
            row["file_url"] = self.url_of("files") + post.path("original")
            row["large_file_url"] = self.url_of("files") + post.path("sample")
        return row


def _refusal(status: int, message: str) -> Reply:
    body = json.dumps({"success": False, "error": "PaginationError", "message": message}).encode()
    return Reply(status, {"Content-Type": "application/json"}, body)
