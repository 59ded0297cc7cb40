"""The pages that panels were cut from and that their issue no longer has.

The pages of an issue may change, or go, without its panels being cut again: that failed, or was not asked for. Such
panels cannot be read (`pipelines.panels.pixels`) until it is done.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pipelines.lake import Lake


class Seen(NamedTuple):
    """What was found about an issue, and of which tables; a JSON array."""

    made_from: str | None
    """What its table of panels was made from."""
    stamp: str | None
    """Of its table of pages: `Lake.stamp`."""
    lost: list[str]
    """The digests of the lost pages, rising."""


def look_for_lost_pages(lake: Lake, made_from: Mapping[str, str | None], seen: Mapping[str, Seen]) -> dict[str, Seen]:
    """The lost pages of issues. Opens the tables only of those that have others than when they were last seen.

    Args:
        lake: Holds the tables.
        made_from: By key: what the issue's table of panels was made from; None where that is not known.
        seen: What this function gave before.

    Raises what `Lake.read_table` raises for a table that is damaged.
    """
    found = {}
    for key, digest in made_from.items():
        stamp, before = lake.stamp(lake.issue_pages(key)), seen.get(key)
        is_same = before is not None and digest is not None and before[:2] == (digest, stamp)
        found[key] = before if before and is_same else Seen(digest, stamp, _lost_pages(lake, key))
    return found


def _lost_pages(lake: Lake, key: str) -> list[str]:
    """The digests, rising; without a table of pages all pages are lost."""
    listed = lake.read_table(lake.panels(key), ["pages_sha256"])["pages_sha256"].to_pylist()
    path = lake.issue_pages(key)
    there: set[str] = set()
    if path.exists():
        pages = lake.read_table(path, ["status", "sha256"]).to_pylist()
        there = {page["sha256"] for page in pages if page["status"] == "ok"}
    return sorted({digest for digests in listed for digest in digests} - there)
