"""Pepper&Carrot (peppercarrot.com) as a source: David Revoy's comic, CC BY 4.0, by the site's own list for programs.

Reads `/0_sources/last_updated.txt` first, then `episodes-v1.json` (with the names of all files) or `episodes.json`,
for a language `langs.json`, and the pictures below `/0_sources/<episode>/`. Writes nothing. By default the art
without text is taken. The author renders files anew under their old names, so each is asked for with its validators.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from pipelines.issue_pages.client.answer import Answer
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError, Gone
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
from pipelines.issue_pages.page import PageRow
from pipelines.terms.dropped import drop_command
from pipelines.titles import Title

_Read = TypeVar("_Read")

_DOMAIN = "peppercarrot.com"
_WITHOUT_TEXT = "gfx-only"
_LICENCE = "CC-BY-4.0"
_ATTRIBUTION = "Pepper&Carrot by David Revoy"
_STEM = "Pepper-and-Carrot_by-David-Revoy"
_FILE = re.compile(rf"(?:[a-z]{{2,8}}_(?={_STEM}))?([A-Za-z0-9][A-Za-z0-9._-]*\.(?:jpe?g|png|gif|webp))")
_SETTLED_S = 3600.0  # an update that is younger may still be under way

_Kind = Literal["cover", "title", "page", "credits"]


class PepperCarrotSettings(BaseModel, frozen=True, extra="forbid"):
    """Settings of a title: the edition of Pepper&Carrot, and which of its pages."""

    language: str = Field(
        default=_WITHOUT_TEXT,
        pattern=r"^(?:gfx-only|[a-z]{2,8})$",
        description="'gfx-only' for the art without text, or the site's code of a language: en, fr, kr (not ko), ...",
    )
    resolution: Literal["low-res", "hi-res"] = Field(
        default="low-res", description="'low-res' is 992 px wide, 'hi-res' about 2500 px."
    )
    covers: bool = Field(default=True, description="Collect the cover of each episode.")
    title_strips: bool = Field(default=False, description="Collect the strip with the episode's title.")
    credits: bool = Field(default=False, description="Collect the page of credits, which is mostly text.")


class _Episode(BaseModel):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")  # the folder, `ep01_Potion-of-Flight`
    total_pages: int = Field(ge=0, le=999)
    translated_languages: list[str] = []
    pages: dict[str, str] | None = None  # "cover", "title", "1", "2", ..., "credits": file names without a language


class _Language(BaseModel):
    name: str = ""
    translators: list[str] = []


_EPISODES = TypeAdapter(list[_Episode])
_LANGUAGES = TypeAdapter(dict[str, _Language])


@dataclass(frozen=True)
class _Updated:
    """The content of `last_updated.txt`: seconds since the epoch, and if that is long enough ago to be over."""

    epoch_s: int
    is_settled: bool


@dataclass(frozen=True)
class _Listing:
    """The site's lists, as they were at an update."""

    updated: _Updated | None
    url: str
    episodes: Mapping[str, _Episode]  # by issue, in the site's order
    listed_twice: frozenset[str]
    translators: str  # for the attribution: "", or "; Korean translation by A, B"


@dataclass(frozen=True)
class _Kept:
    """A file that was read, to be asked for only where it has changed."""

    etag: str | None
    last_modified: str | None
    body: bytes


class PepperCarrotSource:
    """Pepper&Carrot, from its own site or from a copy of it."""

    name: ClassVar[str] = "peppercarrot"
    takes: ClassVar[str] = "the site, https://www.peppercarrot.com"
    settings: ClassVar[type[BaseModel]] = PepperCarrotSettings
    is_local: ClassVar[bool] = False

    def __init__(self, client: Client):
        self._client = client
        self._listings: dict[tuple[str, str], _Listing] = {}
        self._kept: dict[str, _Kept] = {}

    def list_issues(self, title: Title) -> list[IssueEntry]:
        """One issue an episode. States: "free", "missing" where it is not translated, "empty" where it has no page.

        Raises TitleUnavailable ("gone", "empty"), ListingFailed, or a FetchError.
        """
        listing, wanted = self._listing(title), _wanted(title)
        entries: list[IssueEntry] = []
        for issue, episode in listing.episodes.items():
            state, notes = "free", []
            if issue in listing.listed_twice:
                notes.append("listed twice")
            if not _is_there(episode, wanted):
                state = "missing"
                notes.append(f"not translated into {wanted.language!r}")
            elif not _has_pages(episode):
                state = "empty"
            facts = {"folder": episode.name, "languages": episode.translated_languages}
            name = re.sub(r"^ep\d+_", "", episode.name).replace("-", " ")
            entries.append(IssueEntry(issue=issue, name=name, state=state, note="; ".join(notes), facts=facts))
        return entries

    def list_pages(self, title: Title, issue: str) -> list[PageEntry]:
        """Cover, title strip, pages and credits of an episode; those that the settings do not ask for are skipped.

        Raises IssueUnavailable ("gone", "empty"), TitleUnavailable, ListingFailed, or a FetchError.
        """
        listing, wanted = self._listing(title), _wanted(title)
        episode = listing.episodes.get(issue)
        where = f"{title.key}: issue {issue}: {listing.url}"
        if episode is None:
            remedy = f"list the issues again, or: {drop_command(f'{title.key}__{issue}')}"
            raise IssueUnavailable("gone", f"{where} has no such episode; {remedy}")
        if not _is_there(episode, wanted):
            remedy = "set settings.language to a language that it has"
            raise IssueUnavailable("gone", f"{where}: not translated into {wanted.language!r}; {remedy}")
        if not _has_pages(episode):
            raise IssueUnavailable("empty", f"{where}: an episode without pages; it may not be out yet")
        folder = f"{_origin(title)}/0_sources/{episode.name}/{wanted.resolution}"
        folder, prefix = (
            (f"{folder}/gfx-only", "gfx") if wanted.language == _WITHOUT_TEXT else (folder, wanted.language)
        )
        # Names are those of the lettered pages: for pages without text, and by the pattern, they are a guess.
        is_guessed = episode.pages is None or wanted.language == _WITHOUT_TEXT
        pages: list[PageEntry] = []
        for number, (kind, name) in enumerate(_files(where, episode), start=1):
            facts: dict[str, Any] = {"kind": kind}
            if is_guessed:
                facts["is_guessed"] = True
            file = f"{prefix}_{name}"
            pages.append(
                PageEntry(
                    page=number,
                    name=file,
                    url=f"{folder}/{file}",
                    skip=_skip(kind, wanted),
                    facts=facts,
                    licence=_LICENCE,
                    attribution=_ATTRIBUTION + listing.translators,
                )
            )
        return pages

    def refusal(self, title: Title, page: PageEntry) -> FetchError | None:
        """The error that fetching a page would raise now, or None. Asks for nothing but a host's robots.txt."""
        return self._client.refusal(page.url, _site(title))

    def fetch(self, title: Title, page: PageEntry, known: PageRow | None) -> Fetched | NotModified:
        """One picture; where its name was guessed, of either suffix, .jpg or .gif. Raises a FetchError."""
        stem, dot, suffix = page.url.rpartition(".")
        urls = [page.url]
        other = {"jpg": "gif", "gif": "jpg"}.get(suffix)
        if other is not None and page.facts.get("is_guessed"):
            # The one that it was the last time comes first.
            was_other = known is not None and (known.format == "gif") == (other == "gif")
            urls.insert(0 if was_other else 1, f"{stem}{dot}{other}")
        missing: dict[str, Gone] = {}
        for url in urls:
            # A validator does not hold for another file.
            is_same = known is not None and (len(urls) == 1 or (known.format == "gif") == url.endswith(".gif"))
            etag, last_modified = (known.etag, known.last_modified) if known is not None and is_same else (None, None)
            try:
                return self._client.picture(url, _site(title), etag=etag, last_modified=last_modified)
            except Gone as error:
                missing[url] = error
        seen = "; ".join(f"{error.seen} for {url.rpartition('/')[2]}" for url, error in missing.items())
        first = missing[page.url]
        raise Gone(page.url, seen, first.remedy, http_status=first.http_status)

    def _listing(self, title: Title) -> _Listing:
        """The site's lists: read anew, unless the site reports no change since they were read."""
        origin, wanted = _origin(title), _wanted(title)
        updated = self._updated(title, f"{origin}/0_sources/last_updated.txt")
        known = self._listings.get((origin, wanted.language))
        # While an update is under way its time may stand there already, and the lists be the old ones.
        if known is not None and updated is not None and updated.is_settled and known.updated == updated:
            return known
        for name in ("episodes-v1.json", "episodes.json"):
            url = f"{origin}/0_sources/{name}"
            found = self._read(title, url, _EPISODES)
            if found is not None:
                break
        else:
            message = f"{title.key}: neither episodes-v1.json nor episodes.json is at {origin}/0_sources/"
            raise TitleUnavailable("gone", f"{message}; check the address, expected {PepperCarrotSource.takes}")
        if not found:
            raise TitleUnavailable("empty", f"{title.key}: {url} lists no episode; try again later")
        episodes, listed_twice = _by_issue(title, url, found)
        languages = {language for episode in found for language in episode.translated_languages}
        translators = ""
        if wanted.language != _WITHOUT_TEXT:
            if wanted.language not in languages:
                raise ListingFailed(
                    f"{title.key}: {url}: no episode is translated into {wanted.language!r}; set settings.language "
                    f"to 'gfx-only' or one of: {', '.join(sorted(languages))}"
                )
            translators = self._translators(title, f"{origin}/0_sources/langs.json", wanted.language)
        listing = _Listing(updated, url, episodes, listed_twice, translators)
        self._listings[origin, wanted.language] = listing
        return listing

    def _updated(self, title: Title, url: str) -> _Updated | None:
        """The time of the site's last update; None where the site gives none in the known form."""
        try:
            answer = self._client.get(url, _site(title))
        except Gone:
            return None
        first = answer.text.partition("\n")[0].strip()
        if answer.status != 200 or not re.fullmatch(r"\d{1,10}", first, re.ASCII):
            return None
        epoch_s = int(first)
        try:
            # The host's own clock counts: ours may be wrong.
            now_s = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        except (ValueError, OverflowError):
            return _Updated(epoch_s, is_settled=False)
        return _Updated(epoch_s, is_settled=epoch_s <= now_s - _SETTLED_S)

    def _translators(self, title: Title, url: str, language: str) -> str:
        """The translators, for the attribution; "" where the site has none."""
        found = (self._read(title, url, _LANGUAGES) or {}).get(language)
        names = [name.strip() for name in found.translators if name.strip()] if found else []
        return f"; {(found.name if found else '') or language} translation by {', '.join(names)}" if names else ""

    def _read(self, title: Title, url: str, form: TypeAdapter[_Read]) -> _Read | None:
        """A JSON file; None where there is none."""
        kept = self._kept.get(url, _Kept(None, None, b""))
        try:
            answer = self._client.get(url, _site(title), etag=kept.etag, last_modified=kept.last_modified)
        except Gone:
            return None
        if answer.status not in (200, 304):
            to = answer.headers.get("Location", "nowhere")
            raise ListingFailed(f"{title.key}: {url}: HTTP {answer.status}, a redirect to {to}; correct the address")
        body = kept.body if answer.status == 304 else answer.body
        try:
            read = form.validate_json(body)
        except ValidationError as error:
            seen = f"not the list that is known: {seen_in(error)}"
            raise ListingFailed(f"{title.key}: {url}: {seen}; check the address, or the site changed") from error
        if answer.status == 200:
            self._kept[url] = _kept(answer)
        return read


def _kept(answer: Answer) -> _Kept:
    return _Kept(answer.headers.get("ETag"), answer.headers.get("Last-Modified"), answer.body)


def _origin(title: Title) -> str:
    """`https://www.peppercarrot.com`. Raises ListingFailed."""
    try:
        parts = urlsplit(title.address)
    except ValueError:
        parts = None
    is_root = parts is not None and parts.path in ("", "/") and not parts.query and not parts.fragment
    if parts is None or parts.scheme not in ("http", "https") or not parts.netloc or not is_root:
        takes = PepperCarrotSource.takes
        raise ListingFailed(f"{title.key}: address {title.address!r}: expected {takes}; correct titles.yaml")
    return f"{parts.scheme}://{parts.netloc}"


def _site(title: Title) -> Site:
    return Site(_origin(title), owns=(_DOMAIN,))


def _wanted(title: Title) -> PepperCarrotSettings:
    return PepperCarrotSettings(**title.settings)


def _is_there(episode: _Episode, wanted: PepperCarrotSettings) -> bool:
    return wanted.language == _WITHOUT_TEXT or wanted.language in episode.translated_languages


def _has_pages(episode: _Episode) -> bool:
    return bool(episode.pages) if episode.pages is not None else episode.total_pages > 0


def _by_issue(title: Title, url: str, episodes: list[_Episode]) -> tuple[dict[str, _Episode], frozenset[str]]:
    """Episodes by issue, and the issues that are listed twice.

    An episode is `ep01` whatever its folder is called besides: folders have been renamed before. Only another one of
    the same number takes its whole name.
    """
    found: dict[str, _Episode] = {}
    listed_twice: set[str] = set()
    for episode in episodes:
        whole = re.sub(r"[^a-z0-9]+", "-", episode.name.casefold()).strip("-")
        number = re.match(r"ep\d+(?=_|$)", episode.name)
        issue = next((key for key in (number and number[0], whole) if key and found.get(key) in (None, episode)), None)
        if issue is None:
            twin = found[whole].name
            raise ListingFailed(f"{title.key}: {url}: {twin} and {episode.name} are both issue {whole!r}; report it")
        if issue in found:
            listed_twice.add(issue)
        found[issue] = episode
    return found, frozenset(listed_twice)


def _files(where: str, episode: _Episode) -> Iterator[tuple[_Kind, str]]:
    """Files in reading order, without their language: `Pepper-and-Carrot_by-David-Revoy_E01P02.jpg`."""
    if episode.pages is None:
        yield from _named_by_pattern(where, episode)
        return
    order = {"cover": -2, "title": -1, "credits": 10_000}
    for key in sorted(episode.pages, key=lambda key: order.get(key, _number(key))):
        file = episode.pages[key]
        name = _FILE.fullmatch(file)
        if name is None:
            raise ListingFailed(f"{where}: page {key!r} is {file!r}, no name of a picture; the site changed, report it")
        kind: _Kind = "page"
        if key in ("cover", "title", "credits"):
            kind = key
        elif re.search(r"P00\.\w+$", name[1]):
            kind = "title"
        yield kind, name[1]


def _number(key: str) -> int:
    """Pages by number; what has none comes after them, as listed."""
    return int(key) if re.fullmatch(r"\d{1,3}", key, re.ASCII) else 9_999


def _named_by_pattern(where: str, episode: _Episode) -> Iterator[tuple[_Kind, str]]:
    number = re.match(r"ep(\d+)", episode.name)
    if number is None:
        seen = f"the folder {episode.name!r} has no number to build file names of"
        raise ListingFailed(f"{where}: {seen}; the site changed, report it")
    stem = f"{_STEM}_E{number[1]}"
    yield "cover", f"{stem}.jpg"
    yield "title", f"{stem}P00.jpg"
    for page in range(1, episode.total_pages):
        yield "page", f"{stem}P{page:02}.jpg"
    yield "credits", f"{stem}P{episode.total_pages:02}.jpg"  # the last one that is counted


def _skip(kind: _Kind, wanted: PepperCarrotSettings) -> Skip | None:
    match kind:
        case "cover" if not wanted.covers:
            return Skip("unwanted", "a cover: settings.covers is false")
        case "title" if not wanted.title_strips:
            return Skip("unwanted", "a strip with the title: settings.title_strips is false")
        case "credits" if not wanted.credits:
            return Skip("unwanted", "a page of credits: settings.credits is false")
    return None
