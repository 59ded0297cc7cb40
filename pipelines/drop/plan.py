"""The plan of a drop: which pages and panels go, by name and by content, and which of them lie elsewhere as copies.

Reads tables of pages and panels; writes nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipelines.copies.mirrored import mirrored_phash
from pipelines.drop.target import Target, UnknownTarget, issues_of, require_known
from pipelines.issue_pages.page_store import OK, kept_partial
from pipelines.lake import Lake, digest_of, issue_key, split_issue_key
from pipelines.terms.dropped import Drop, DroppedPage, DroppedPanel, read_drops


@dataclass(frozen=True)
class Plan:
    """A drop, and where its pages and panels lie."""

    drop: Drop
    whole: tuple[str, ...]
    """Issues that go whole, by key: those that have tables."""
    parts: dict[str, tuple[DroppedPage, ...]]
    """Of issues that stay otherwise: their pages that go."""
    copies: int
    """Pages in other issues with the same bytes, among these."""
    pages: int
    """All pages with a picture that go now."""
    remaining: dict[str, frozenset[str]]
    """Of issues that stay otherwise: the digests of their panels that stay."""

    @cached_property
    def panel_ids(self) -> frozenset[str]:
        """The panels that go."""
        return frozenset(panel.panel_id for panel in self.drop.panels)

    @cached_property
    def digests(self) -> frozenset[str]:
        """SHA-256 of the pixels of the panels that go; empty where copies may stay."""
        return frozenset(panel.sha256 for panel in self.drop.panels) if self.drop.copies else frozenset()

    def holds(self, title: str, issue: str, sha256: str) -> bool:
        """True for a panel, of now or of an earlier cut, that shows what goes.

        Of an issue that loses single pages, panels that are not among its present ones count: nobody can tell what an
        earlier cut showed.
        """
        key = issue_key(title, issue)
        if self.drop.holds_issue(key) or sha256 in self.digests:
            return True
        return key in self.remaining and sha256 not in self.remaining[key]

    def names(self, panel_id: str) -> bool:
        """True for a panel, of which only the name is known, that may show what goes."""
        key = panel_id.rpartition("__")[0]
        if "__" not in key:  # no panel: a picture of a person's folder
            return False
        return panel_id in self.panel_ids or self.drop.holds_issue(key) or key in self.parts


def plan_drop(
    lake: Lake,
    targets: Sequence[Target],
    *,
    reason: str,
    at: str,
    copies: bool = True,
    issues: Iterable[str] = (),
    titles: Collection[str] = (),
) -> Plan:
    """The plan to drop titles, issues and pages.

    Args:
        lake: Holds them.
        targets: What a person named.
        reason: For the record.
        at: The time, UTC, ISO 8601.
        copies: Whether what has the same bytes under other names goes, and is kept out, too.
        issues: Issues that are known beside those of the lake.
        titles: Titles that are known beside those of the lake.

    A drop of the same targets that was interrupted goes on: what it had recorded counts, also whether copies go.
    Raises UnknownTarget.
    """
    drops = read_drops(lake)
    dropped = [*issues, *(key for drop in drops for key in (*drop.issues, *(page.issue for page in drop.pages)))]
    require_known(targets, lake, dropped, {*titles, *(title for drop in drops for title in drop.titles)})
    gone = tuple(target.title for target in targets if target.issue is None)
    keys = tuple(target.issue for target in targets if target.issue and target.page is None)
    names = tuple(target.text for target in targets)
    before = next((one for one in drops if one.targets == names and not (one.finished or one.undone)), None)
    copies = before.copies if before else copies
    whole = [key for key in issues_of(lake) if key in keys or split_issue_key(key)[0] in gone]
    named = [page for target in targets if target.page for page in _named(lake, target, before)]
    pages = {(page.issue, page.url): page for page in (*(before.pages if before else ()), *named)}
    digests = {page.sha256 for page in pages.values() if page.sha256}
    digests |= {page.sha256 for key in whole for page in _pages(lake, key) if page.sha256}
    digests |= set(before.page_digests) if before else set()
    found = 0
    for key in issues_of(lake) if copies and digests else ():
        if key not in whole:
            for page in _pages(lake, key):
                if page.sha256 in digests and (key, page.url) not in pages:
                    pages[key, page.url] = page
                    found += 1
    parts: dict[str, tuple[DroppedPage, ...]] = {}
    for page in pages.values():
        if page.issue not in whole:
            parts[page.issue] = (*parts.get(page.issue, ()), page)
    panels: dict[str, DroppedPanel] = {panel.panel_id: panel for panel in (before.panels if before else ())}
    remaining: dict[str, frozenset[str]] = {}
    for key in whole:
        panels |= {panel.panel_id: panel for _, panel in _panels(lake, key)}
    for key, own in parts.items():
        going = {page.sha256 for page in own}
        listed = _panels(lake, key)
        panels |= {panel.panel_id: panel for shown, panel in listed if going & shown}
        remaining[key] = frozenset(panel.sha256 for shown, panel in listed if not going & shown)
    drop = Drop(
        id=before.id if before else f"{at[:10]}-{digest_of([at, names])[:8]}",
        at=before.at if before else at,
        reason=reason or (before.reason if before else ""),
        targets=names,
        titles=gone,
        issues=keys,
        pages=tuple(pages.values()),
        page_digests=tuple(sorted(filter(None, digests))) if copies else (),
        panels=_with_splits(lake, panels.values(), before),
        copies=copies,
    )
    shown = sum(len([page for page in _pages(lake, key) if page.sha256]) for key in whole)
    return Plan(drop, tuple(whole), parts, found, shown + sum(map(len, parts.values())), remaining)


def _named(lake: Lake, target: Target, before: Drop | None) -> list[DroppedPage]:
    """The page of a target, by its file name, or else by its number."""
    assert target.issue
    assert target.page
    path = lake.issue_pages(target.issue)
    rows = lake.read_table(path, ["page", "name", "url", "sha256"]).to_pylist() if path.exists() else []
    by_name = [row for row in rows if row["name"] == target.page]
    found = by_name or [row for row in rows if str(row["page"]) == target.page]
    if not found and not before:
        there = ", ".join(f"{row['page']} ({row['name']})" for row in rows[:20])
        raise UnknownTarget(f"{target.issue}: no page {target.page!r}; there are: {there or 'none'}")
    return [DroppedPage(target.issue, row["name"], row["url"], row["sha256"]) for row in found]


def _with_splits(lake: Lake, panels: Iterable[DroppedPanel], before: Drop | None) -> tuple[DroppedPanel, ...]:
    """The panels with the splits that they had; of an interrupted drop those that it had recorded."""
    splits = {panel.sha256: panel.split for panel in (before.panels if before else ()) if panel.split}
    if lake.picture_splits.exists():
        table = lake.read_table(lake.picture_splits, ["sha256", "split"])
        splits |= dict(zip(table["sha256"].to_pylist(), table["split"].to_pylist(), strict=True))
    return tuple(replace(panel, split=splits.get(panel.sha256)) for panel in panels)


def _pages(lake: Lake, key: str) -> list[DroppedPage]:
    """The pages of an issue that have a picture, also those of an interrupted collection."""
    path = lake.issue_pages(key)
    columns = ["name", "url", "sha256", "status"]
    rows = lake.read_table(path, columns).to_pylist() if path.exists() else []
    listed = {row["url"]: row for row in rows if row["status"] == OK}
    pages = {url: DroppedPage(key, row["name"], url, row["sha256"]) for url, row in listed.items()}
    partial = {url: DroppedPage(key, row.name, url, row.sha256) for url, (row, _) in kept_partial(lake, key).items()}
    return [*(pages | partial).values()]


def _panels(lake: Lake, key: str) -> list[tuple[frozenset[str], DroppedPanel]]:
    """The panels of an issue, each with the digests of the pages that it touches."""
    path = lake.panels(key)
    if not path.exists():
        return []
    rows = lake.read_table(path, ["panel_id", "sha256", "phash", "is_flat", "thumbnail", "pages_sha256"]).to_pylist()
    return [
        (
            frozenset(row["pages_sha256"]),
            DroppedPanel(
                row["panel_id"],
                row["sha256"],
                None if row["is_flat"] else row["phash"],
                mirrored_phash=None if row["is_flat"] else mirrored_phash(row["thumbnail"]),
            ),
        )
        for row in rows
    ]
