"""The common part of sources of illustrations: which ones are wanted, and the check of a listed digest.

Asks the client for pictures; writes nothing.
"""

import json
from hashlib import md5
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

from pydantic import BaseModel, Field, model_validator

from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.client.fetch_error import FetchError
from pipelines.issue_pages.client.site import Site
from pipelines.issue_pages.entry import Fetched, NotModified, PageEntry, Skip
from pipelines.issue_pages.page import PageRow
from pipelines.titles import Title

# What sets of illustrations hold besides pictures: animations, films, documents and archives.
_NO_PICTURES = frozenset(
    {"7z", "avi", "flv", "gz", "htm", "html", "json", "m4v", "mkv", "mov", "mp3", "mp4", "mpg", "ogg", "pdf", "php"}
    | {"rar", "swf", "tar", "txt", "ugoira", "wav", "webm", "wmv", "xz", "zip"}
)


class WrongDigest(FetchError):
    """A whole picture came, but not the one that the list gives the digest of."""

    reason = "wrong_digest"


class Wanted(BaseModel, frozen=True, extra="forbid"):
    """Settings: which illustrations of a set are fetched. The others have a row with the reason."""

    only_tags: tuple[str, ...] = Field(
        default=(), description="Illustrations without one of these tags are not fetched, but listed as unwanted."
    )
    without_tags: tuple[str, ...] = Field(
        default=(), description="Illustrations with one of these tags are not fetched, but listed as unwanted."
    )
    min_side_px: int = Field(
        default=0, ge=0, description="Illustrations with a shorter side are not fetched, but listed as unwanted."
    )

    @model_validator(mode="after")
    def _check_tags(self) -> Self:
        if both := sorted(set(self.only_tags) & set(self.without_tags)):
            raise ValueError(f"{', '.join(both)}: a tag of only_tags and of without_tags; remove it from one")
        return self

    def unwanted(self, *, tags: set[str], width_px: int, height_px: int) -> Skip | None:
        """The reason not to fetch an illustration, or None. Sides of 0 px are unknown and do not count."""
        if lacking := [tag for tag in self.only_tags if tag not in tags]:
            return Skip("unwanted", f"has not the tag {', '.join(lacking)}, which only_tags asks for")
        if found := [tag for tag in self.without_tags if tag in tags]:
            return Skip("unwanted", f"has the tag {', '.join(found)}, which without_tags leaves out")
        side_px = min(width_px, height_px)
        if 0 < side_px < self.min_side_px:
            return Skip("unwanted", f"{width_px} x {height_px} px, smaller than min_side_px={self.min_side_px}")
        return None


def no_picture(extension: str) -> Skip | None:
    """The skip of a kind of file that is no picture, else None. Other files are fetched, and their bytes decide."""
    if extension.lower().removeprefix(".") in _NO_PICTURES:
        return Skip("no_picture", f"a .{extension.lower().removeprefix('.')} file is no picture")
    return None


def credited(title: Title, artists: list[str]) -> str | None:
    """The attribution of an illustration whose artists are known; None leaves the title's own."""
    return f"{', '.join(artists)} ({title.attribution})" if artists else None


def file_address(url: str, *, base: str, otherwise: str) -> tuple[str, str]:
    """The address of a file and its name, the way a list gives it; `otherwise` where the address has no name.

    An address that cannot be read stays as it is: asking for it then fails.
    """
    try:
        whole = urljoin(base, url)
        name = urlsplit(whole).path.rpartition("/")[2]
    except ValueError:
        return url, otherwise
    return whole, name or otherwise


def fetch_listed(
    client: Client,
    site: Site,
    page: PageEntry,
    known: PageRow | None,
    *,
    digest: str | None,
    referer: str | None = None,
) -> Fetched | NotModified:
    """One file of which the list gives the MD5 digest in its facts.

    Where the list gives the digest that it gave when the known bytes came, nothing is asked. `digest` is the one
    that fetched bytes must have; None where the list's digest is another file's, as of a sample. Raises
    WrongDigest or another FetchError.
    """
    before = _facts(known).get("md5")
    now = page.facts.get("md5")
    # A check that failed has left its reason, and the facts of that day: then the list alone proves nothing.
    size_bytes = page.facts.get("size_bytes") if digest else None
    is_other_size = known is not None and size_bytes is not None and known.size_bytes != size_bytes
    if known is not None and now and before == now and known.detail is None and not is_other_size:
        return NotModified()
    # Validators of other bytes prove nothing.
    old = known if known is not None and before == now else None
    came = client.picture(
        page.url,
        site,
        referer=referer or page.referer,
        etag=old.etag if old else None,
        last_modified=old.last_modified if old else None,
    )
    if isinstance(came, Fetched) and digest:
        found = md5(came.picture.data, usedforsecurity=False).hexdigest()
        if found != digest.lower():
            seen = f"a picture whose MD5 is {found}, though the list has {digest}"
            raise WrongDigest(page.url, seen, "open the address in a browser; try again later", http_status=200)
    return came


def _facts(known: PageRow | None) -> dict[str, Any]:
    if known is None:
        return {}
    facts = json.loads(known.facts)
    return facts if isinstance(facts, dict) else {}
