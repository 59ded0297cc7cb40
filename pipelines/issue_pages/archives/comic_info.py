"""ComicInfo.xml (https://anansi-project.github.io/docs/comicinfo): the metadata of a comic archive.

Reads bytes, writes nothing.
"""

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipelines.issue_pages.archives.entry import Entry, parts_of

MAX_BYTES = 1024 * 1024
_FIELDS = {
    **{"Series": "series", "Number": "number", "Volume": "volume", "Title": "title", "Summary": "summary"},
    **{"LanguageISO": "language", "Writer": "writer", "Penciller": "penciller", "Inker": "inker"},
    **{"Colorist": "colorist", "Letterer": "letterer", "CoverArtist": "cover_artist", "Translator": "translator"},
    **{
        "Publisher": "publisher",
        "Genre": "genre",
        "Tags": "tags",
        "Manga": "manga",
        "BlackAndWhite": "black_and_white",
    },
    **{"AgeRating": "age_rating", "ScanInformation": "scan_information", "Notes": "notes", "GTIN": "gtin"},
}
_PAGE_FIELDS = ("series", "number", "volume", "language", "web")
"""The facts of an issue that each of its pages gets too."""
_PEOPLE_FIELDS = ("writer", "penciller", "inker", "colorist", "letterer", "cover_artist", "translator")


@dataclass(frozen=True)
class ComicInfo:
    """The content of the file, or the reason why it could not be read."""

    name: str | None = None  # the issue's title, else series and number
    date: str | None = None  # ISO day
    page_count: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    page_types: Mapping[int, str] = field(default_factory=dict)  # "FrontCover", ... by place, from 0
    problem: str | None = None

    @property
    def page_facts(self) -> dict[str, Any]:
        """The facts that each page gets too."""
        return {name: self.facts[name] for name in _PAGE_FIELDS if name in self.facts}

    @property
    def direction_facts(self) -> dict[str, Any]:
        """`reading_direction` where the panels of a page are read from the right: what `Yes` alone does not say."""
        from_right = self.facts.get("manga", "").lower() == "yesandrighttoleft"
        return {"reading_direction": "rtl"} if from_right else {}

    @property
    def people(self) -> list[str]:
        """The makers of the issue, each once."""
        named = (name.strip() for role in _PEOPLE_FIELDS for name in self.facts.get(role, "").split(","))
        return list(dict.fromkeys(filter(None, named)))


def comic_info_entry(entries: Iterable[Entry]) -> Entry | None:
    """The archive's ComicInfo.xml: at its root, or in the folder that holds everything."""
    found = [entry for entry in entries if parts_of(entry.name)[-1].lower() == "comicinfo.xml"]
    return min(found, key=lambda entry: len(parts_of(entry.name)), default=None)


def read_comic_info(data: bytes, *, encoding: str | None = None) -> ComicInfo:
    """The content of the file; empty, with `problem`, where it cannot be read: pages do not depend on it.

    What people write by hand is mended, and `problem` says so: an `&` alone, an entity of HTML, a control character.
    `encoding` is that of a file that is no UTF-8 and does not say what it is.
    """
    if len(data) > MAX_BYTES:
        return ComicInfo(problem=f"ComicInfo.xml is not read: {len(data)} bytes, at most {MAX_BYTES} are")
    problem = None
    try:
        try:
            root = fromstring(data, forbid_dtd=True)
        except (ParseError, ValueError, LookupError) as error:
            root = fromstring(_mended(data, encoding), forbid_dtd=True)
            problem = f"ComicInfo.xml was mended to be read: {error}"
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        return ComicInfo(problem=f"ComicInfo.xml is not read: {type(error).__name__}: {error}")
    if _local(root.tag) != "ComicInfo":
        return ComicInfo(problem=f"ComicInfo.xml is not read: it holds <{_local(root.tag)}>")
    texts = {_local(child.tag): (child.text or "").strip() for child in root if isinstance(child.tag, str)}
    facts: dict[str, Any] = {fact: texts[name] for name, fact in _FIELDS.items() if texts.get(name)}
    if texts.get("Web"):
        facts["web"] = texts["Web"].split()
    for name in ("Year", "Month", "Day"):
        if (number := _number(texts.get(name))) is not None:
            facts[name.lower()] = number
    page_types: dict[int, str] = {}
    for page in root.iter():
        place, kind = _number(page.get("Image")), page.get("Type")
        if _local(page.tag) == "Page" and place is not None and kind:
            page_types[place] = kind.strip()
    series = " ".join(filter(None, [facts.get("series"), facts.get("number") and f"#{facts['number']}"]))
    return ComicInfo(
        name=facts.get("title") or series or None,
        date=_day(facts),
        page_count=_number(texts.get("PageCount")),
        facts=facts,
        page_types=page_types,
        problem=problem,
    )


def _mended(data: bytes, encoding: str | None) -> str:
    """Raises UnicodeDecodeError."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if encoding is None:
            raise
        text = data.decode(encoding)
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text)
    # Without its declaration: the encoding that it names need not be the real one.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    return re.sub(r"&(?:(amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});|(\w{2,31};)?)", _entity, text)


def _entity(match: re.Match[str]) -> str:
    """An entity of XML as it is, one of HTML as its sign, and an `&` alone written as XML has it."""
    if match[1]:
        return match[0]
    sign = html.unescape(match[0])
    return sign if sign != match[0] else match[0].replace("&", "&amp;")


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _day(facts: Mapping[str, Any]) -> str | None:
    try:
        return date(facts["year"], facts["month"], facts["day"]).isoformat()
    except (KeyError, ValueError):
        return None
