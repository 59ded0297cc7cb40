"""Serves drawn episodes on loopback as peppercarrot.com serves its own, and fails on request as it fails.

One host: the lists for programs (`last_updated.txt`, `episodes-v1.json`, `episodes.json`, `langs.json`) and the
pictures of every edition, with validators. Writes nothing but its log in memory.
"""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import ClassVar

from PIL import Image

from demo.reply import Reply
from demo.server import Site, html_page, json_reply

STEM = "Pepper-and-Carrot_by-David-Revoy"
LANGUAGES = {
    "en": {"name": "English", "local_name": "English", "iso_code": "en", "translators": ["Amireeti"]},
    "kr": {"name": "Korean", "local_name": "한국어", "iso_code": "ko", "translators": ["Shikamaru", "Jihoon Kim"]},
}
_FIRST_UPDATE_S = 1_700_000_000
_RESOLUTIONS = ("low-res", "hi-res")
_FORMATS = {"JPEG": ("jpg", "image/jpeg"), "GIF": ("gif", "image/gif"), "PNG": ("png", "image/png")}


@dataclass(frozen=True)
class SiteEpisode:
    """One episode: its folder, and its pictures without text: of the cover, of the title strip, pages, of credits."""

    name: str
    cover: bytes
    title: bytes
    pages: tuple[bytes, ...]
    credits: bytes
    languages: tuple[str, ...] = ("en", "kr")

    @property
    def named(self) -> dict[str, tuple[str, bytes]]:
        """File name, without a language, and picture by the key that the site's list gives it."""
        stem = f"{STEM}_E{self.name[2:4]}"
        pictures = {"cover": ("", self.cover), "title": ("P00", self.title)}
        pictures |= {str(number): (f"P{number:02}", data) for number, data in enumerate(self.pages, start=1)}
        pictures["credits"] = (f"P{len(self.pages) + 1:02}", self.credits)
        return {key: (f"{stem}{suffix}.{_FORMATS[_format(data)][0]}", data) for key, (suffix, data) in pictures.items()}


class PepperCarrotSite(Site):
    """The site, with its switches: the lists that it has, and the time of its last update."""

    hosts: ClassVar[Sequence[str]] = ("main",)

    def __init__(self, episodes: Sequence[SiteEpisode], *, port: int = 0, robots: str | None = None):
        self.robots = robots
        self.episodes: list[SiteEpisode] = []
        self.files: dict[str, tuple[bytes, datetime]] = {}  # by path below /0_sources/
        self.updated_s = _FIRST_UPDATE_S
        self.has_names = True  # episodes-v1.json
        self.has_episodes = True
        self.has_languages = True
        self.says_updates = True  # last_updated.txt
        super().__init__(port=port)
        for episode in episodes:
            self.publish(episode)

    def publish(self, episode: SiteEpisode) -> None:
        """Publishes a new episode, or one with other pages."""
        files: dict[str, bytes] = {}
        for name, data in episode.named.values():
            for resolution in _RESOLUTIONS:
                folder = f"{episode.name}/{resolution}"
                files[f"{folder}/gfx-only/gfx_{name}"] = edition(data, resolution, "gfx")
                for language in episode.languages:
                    files[f"{folder}/{language}_{name}"] = edition(data, resolution, language)
        with self._lock:
            self.episodes = [*(old for old in self.episodes if old.name != episode.name), episode]
            self._update()
            for path, data in files.items():
                self.files[path] = (data, self._updated)

    def render(self, path: str, data: bytes) -> None:
        """Publishes a file again, under its old name."""
        with self._lock:
            self._update()
            self.files[path] = (data, self._updated)

    def answer(self, host: str, path: str, headers: Mapping[str, str]) -> Reply:
        """A GET."""
        if path == "/robots.txt" and self.robots is not None:
            return Reply(200, {"Content-Type": "text/plain"}, self.robots.encode())
        match path.removeprefix("/0_sources/"):
            case "last_updated.txt" if self.says_updates:
                day = f"{self._updated:%Y-%m-%d}"
                return Reply(200, {"Content-Type": "text/plain"}, f"{self.updated_s}\n{day}\n".encode())
            case "episodes-v1.json" if self.has_episodes and self.has_names:
                return self._list(has_names=True)
            case "episodes.json" if self.has_episodes:
                return self._list(has_names=False)
            case "langs.json" if self.has_languages:
                return self._validated(json_reply(LANGUAGES))
            case name if name in self.files:
                data, modified = self.files[name]
                sent = {"Content-Type": _FORMATS[_format(data)][1], "ETag": _etag(data)}
                return Reply(200, {**sent, "Last-Modified": format_datetime(modified, usegmt=True)}, data)
        return html_page(404, "Not Found")

    def _list(self, *, has_names: bool) -> Reply:
        rows: list[dict[str, object]] = []
        for episode in self.episodes:
            row: dict[str, object] = {
                "name": episode.name,
                "total_pages": len(episode.pages) + 1,
                "translated_languages": list(episode.languages),
            }
            if has_names:
                row["pages"] = {key: name for key, (name, _) in episode.named.items()}
            rows.append(row)
        return self._validated(json_reply(rows))

    def _validated(self, reply: Reply) -> Reply:
        return Reply(reply.status, {**reply.headers, "ETag": _etag(reply.body)}, reply.body)

    def _update(self) -> None:
        self.updated_s += 60

    @property
    def _updated(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=self.updated_s)


def edition(data: bytes, resolution: str, language: str) -> bytes:
    """A picture as one edition shows it: with a mark of its language, and at its size."""
    form = _format(data)
    with Image.open(io.BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    mark = sha256(language.encode()).digest()
    picture.paste((mark[0], mark[1], mark[2]), (0, 0, 12, 12))
    if resolution == "hi-res":
        picture = picture.resize((picture.width * 2, picture.height * 2))
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=92)
    return buffer.getvalue()


def _format(data: bytes) -> str:
    return {b"\xff\xd8": "JPEG", b"GI": "GIF", b"\x89P": "PNG"}[data[:2]]


def _etag(data: bytes) -> str:
    return f'"{sha256(data).hexdigest()[:16]}"'
