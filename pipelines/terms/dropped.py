"""What was dropped for good, by name and by content: it does not come back, from whatever source under whatever name.

    dropped.json           every drop, the oldest first, also those that were taken back
    dropped/record.json    the same again: no stage can make it anew

A drop is written here before anything is removed. Whatever reads pages, panels or a source's list asks here, so an
interrupted drop leaves nothing that is trusted.
"""

import logging
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipelines.lake import DamagedFileError, Lake, issue_key, split_issue_key

if TYPE_CHECKING:
    from upath import UPath

_log = logging.getLogger(__name__)

NEAR_BITS = 8
"""Perceptual hashes of one picture in two encodings differ in at most so many of 64 bits."""


@dataclass(frozen=True)
class DroppedPage:
    """One page of an issue that stays, or stayed, otherwise."""

    issue: str
    """The key of its issue."""
    name: str
    url: str
    sha256: str | None
    """Of its bytes; None where they never came."""


@dataclass(frozen=True)
class DroppedPanel:
    """One panel that was cut from what was dropped."""

    panel_id: str
    sha256: str
    """Of its size and pixels."""
    phash: str | None
    """None where it is too flat for a perceptual hash to mean anything."""
    split: str | None = None
    """The one nearest to train that it ever had: it has that again, should it be let in again."""
    mirrored_phash: str | None = None
    """Of its mirror image; None where it is flat, and in drops of earlier versions."""


@dataclass(frozen=True)
class Drop:
    """One drop: what was asked for, and all by which it is recognised."""

    id: str
    at: str
    """UTC, ISO 8601."""
    reason: str
    targets: tuple[str, ...]
    """As a person named them: titles, issues, pages."""
    titles: tuple[str, ...]
    issues: tuple[str, ...]
    pages: tuple[DroppedPage, ...]
    """Single pages, and those of other issues with the same bytes."""
    page_digests: tuple[str, ...]
    """SHA-256 of the bytes of every page; empty where copies under other names may stay, or where it had no pages."""
    panels: tuple[DroppedPanel, ...]
    copies: bool = True
    """Whether what has the same bytes under other names goes, and is kept out, too."""
    finished: bool = False
    undone: str | None = None
    """When it was taken back."""

    @property
    def why(self) -> str:
        """For people: when and why."""
        return f"dropped on {self.at[:10]}" + (f" ({self.reason})" if self.reason else "")

    @property
    def command(self) -> str:
        """The command that carries it out, and finishes it where it was interrupted."""
        return drop_command(*self.targets, keeps_copies=not self.copies)

    @property
    def undo_command(self) -> str:
        """The command that takes it back."""
        return shlex.join(["tintoon", "drop", "--undo", *self.targets])

    def holds_issue(self, key: str) -> bool:
        """True for an issue that was dropped whole."""
        return key in self.issues or split_issue_key(key)[0] in self.titles


def drop_command(*targets: str, keeps_copies: bool = True) -> str:
    """The command that drops titles, issues or pages, for people to copy.

    keeps_copies: By name alone, so that what has the same pictures stays: a title that was renamed, for one. Whatever
    advises to tidy up means this; only a takedown takes the copies too.
    """
    return shlex.join(["tintoon", "drop", *targets, *(["--keep-copies"] if keeps_copies else [])])


class DroppedError(ValueError):
    """Something holds pictures that were dropped for good. The message says when, why, and what to do."""


class Dropped:
    """The drops that hold, for questions by name and by content."""

    def __init__(self, drops: Iterable[Drop]) -> None:
        self.drops = tuple(drop for drop in drops if drop.undone is None)

    def issue(self, key: str) -> Drop | None:
        """The drop of a whole issue, or of its title."""
        return next((drop for drop in self.drops if drop.holds_issue(key)), None)

    def page(self, key: str, url: str) -> Drop | None:
        """The drop of a page by its issue and address."""
        return self._by_place.get((key, url))

    def bytes(self, sha256: str | None) -> Drop | None:
        """The drop of a page by the digest of its bytes, wherever it comes from."""
        return self._by_page.get(sha256 or "")

    def panel(self, title: str, issue: str, pages: Iterable[str], sha256: str) -> Drop | None:
        """The drop of a panel by its issue, the digests of its pages, or the digest of its pixels.

        While a drop by name alone is not finished, tables still list the panels of its pages: these count too.
        """
        key = issue_key(title, issue)
        by_page = next((drop for page in pages if (drop := self.bytes(page))), None)
        return self.issue(key) or by_page or self._by_panel.get(sha256) or self._going.get((key, sha256))

    def require_none_of(self, rows: Iterable[Mapping[str, Any]], what: str) -> None:
        """Raises DroppedError where panels (`title`, `issue`, `sha256`) were dropped.

        what: Names what holds them, for people: "the current arrays".
        """
        held = [drop for row in rows if (drop := self.panel(row["title"], row["issue"], (), row["sha256"]))]
        if held:
            finish = "" if held[0].finished else f"finish that: {held[0].command}; "
            raise DroppedError(
                f"{what}: {len(held)} pictures were {held[0].why}: {finish}then make it without them: tintoon run "
                "unique_panels issue_splits gray_panels edge_panels line_panels training_set"
            )

    @property
    def hashes(self) -> list[str]:
        """Perceptual hashes of the panels that are kept out by content, and of their mirror images, 16 hex digits."""
        panels = [panel for drop in self.drops if drop.copies for panel in drop.panels]
        return [digits for panel in panels for digits in (panel.phash, panel.mirrored_phash) if digits]

    @cached_property
    def _by_place(self) -> dict[tuple[str, str], Drop]:
        return {(page.issue, page.url): drop for drop in self.drops for page in drop.pages}

    @cached_property
    def _by_page(self) -> dict[str, Drop]:
        return {digest: drop for drop in self.drops for digest in drop.page_digests}

    @cached_property
    def _by_panel(self) -> dict[str, Drop]:
        return {panel.sha256: drop for drop in self.drops if drop.copies for panel in drop.panels}

    @cached_property
    def _going(self) -> dict[tuple[str, str], Drop]:
        going = [drop for drop in self.drops if not drop.finished]
        return {(panel.panel_id.rpartition("__")[0], panel.sha256): drop for drop in going for panel in drop.panels}


def read_drops(lake: Lake) -> list[Drop]:
    """Every drop of a lake, the oldest first, also those that were taken back.

    A record that is missing, damaged, or older than a report of a drop is put back from its second copy. Raises
    DamagedFileError where that cannot be: without the record, what was dropped would come back.
    """
    reported = {path.name.removesuffix(".json") for path in lake.drop_reports.glob("*.json")} - {"record"}
    drops = _read(lake, lake.dropped)
    if drops is not None and reported <= {drop.id for drop in drops}:
        return drops
    copy = _read(lake, lake.dropped_copy)
    if copy is not None and reported <= {drop.id for drop in copy}:
        _log.warning("%s: missing, damaged or old: put back from %s", lake.dropped, lake.dropped_copy)
        lake.write_bytes(lake.dropped, lake.dropped_copy.read_bytes())
        return copy
    there = lake.dropped.exists()
    if not (there or reported or lake.dropped_copy.exists()):
        return []
    what = "missing" if not there else "damaged" if drops is None else "older than the reports in dropped/"
    raise DamagedFileError(f"{lake.dropped}: {what}; {lake.remedy(lake.dropped)}")


def _read(lake: Lake, path: "UPath") -> list[Drop] | None:
    """The drops of a record; None where it is missing or damaged."""
    try:
        return [_from_json(values) for values in lake.read_json(path)["drops"]]
    except (FileNotFoundError, DamagedFileError, KeyError, TypeError, AttributeError):
        return None


def read_dropped(lake: Lake) -> Dropped:
    """The drops of a lake that hold."""
    return Dropped(read_drops(lake))


def write_drop(lake: Lake, drop: Drop) -> None:
    """Adds a drop, or replaces the one with its id."""
    drops = {one.id: one for one in read_drops(lake)} | {drop.id: drop}
    for path in (lake.dropped_copy, lake.dropped):
        lake.write_json(path, {"drops": [asdict(one) for one in drops.values()]})


def take_back(lake: Lake, target: str, *, at: str) -> list[Drop]:
    """Takes back the drops that a person asked for under this name. Returns them: none where there is no such.

    A drop of several targets is taken back whole: what they held is recorded together.
    """
    found = [drop for drop in read_drops(lake) if drop.undone is None and target in drop.targets]
    for drop in found:
        write_drop(lake, replace(drop, undone=at))
    return found


def _from_json(values: dict[str, Any]) -> Drop:
    if "copies" not in values:  # of an earlier version: without copies, it recorded no digests
        values = {**values, "copies": bool(values["page_digests"]) or not values["panels"]}
    listed = {name: tuple(values[name]) for name in ("titles", "issues", "targets", "page_digests")}
    pages = tuple(DroppedPage(**page) for page in values["pages"])
    panels = tuple(DroppedPanel(**panel) for panel in values["panels"])
    return Drop(**{**values, **listed, "pages": pages, "panels": panels})
