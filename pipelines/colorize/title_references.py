"""The references of a title: an index of its coloured panels, from what the selection keeps.

Reads the panel tables, `unique_panels.parquet` and `issue_splits.parquet`; writes

    references/<title>/<variant>/<issue>.<digest>.safetensors   the panels of one issue, by their places (`References`)
    references/<title>/<variant>.json                           which panels, issues, splits and files; written last

It grows panel by panel: those that are there are not computed again, and those that are dropped since are removed. A
file is named by its panels and never changed, so an index that is read while another is made stays whole.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from upath import UPath

from pipelines.colorize.params import ReferencesParams
from pipelines.colorize.places import LONG_SIDE_PX
from pipelines.colorize.references import FORMAT, References, ReferencesError, reference_of
from pipelines.images.sampling import evenly_spaced
from pipelines.images.sheets import contact_sheet
from pipelines.issue_splits import left_out_panels
from pipelines.lake import Lake, atomic_write, digest_of, issue_key, split_issue_key
from pipelines.panels.pixels import panels_of, read_panels
from pipelines.params import SPLITS
from pipelines.previews.kept import MAX_PICTURES, SHEET_COLUMNS, keep_previews
from pipelines.progress import Progress

VARIANTS = ("gray", "line")
"""The pictures that an index can be for."""


@dataclass(frozen=True)
class TitlePanel:
    """One kept panel of a title."""

    panel_id: str
    sha256: str
    """Of its size and pixels."""
    issue: str
    """The key of its issue."""
    split: str
    """train, val or test."""


@dataclass(frozen=True)
class ReferencesReport:
    """What the index of a title holds, and what making it did."""

    panels: dict[str, int]
    """By split."""
    kept_panels: int
    """All kept panels of the title: more than the index holds where it reached its limit."""
    added: int
    """Panels that were not there, over all variants."""
    removed: int
    """Panels that were there and are no longer, over all variants."""
    size_bytes: int
    digest: str
    unchanged: bool


def build_title_references(
    lake: Lake, title: str, params: ReferencesParams, *, cache: Path, on_panel: Progress = lambda *_: None
) -> ReferencesReport:
    """Makes the index of a title, or brings it up to date. What was interrupted goes on after its last whole issue.

    Args:
        lake: Holds the panels and the decisions on them; keeps the index.
        title: Its key.
        params: How many panels, for which variants.
        cache: A local folder for copies from a remote lake.
        on_panel: Called with the number of panels that are done, and of those that were missing.

    A title of which nothing is kept has no index, and nothing to report. Raises FileNotFoundError before the splits
    were made.
    """
    kept = _kept_panels(lake, title)
    chosen = _spread(kept, params.max_panels)
    wanted = {variant: chosen if variant in params.variants else [] for variant in VARIANTS}
    indexes = {variant: _Index(lake, title, variant, cache) for variant in VARIANTS}
    changes = [indexes[variant].change_to(panels) for variant, panels in wanted.items()]
    added, done = sum(change.added for change in changes), 0

    def count() -> None:
        nonlocal done
        done += 1
        on_panel(done, added)

    for variant, change in zip(VARIANTS, changes, strict=True):
        if change.is_needed:
            indexes[variant].build(wanted[variant], count)
        else:
            indexes[variant].renew_attributions()
    splits = Counter(panel.split for panel in chosen)
    return ReferencesReport(
        panels={split: splits[split] for split in SPLITS},
        kept_panels=len(kept),
        added=added,
        removed=sum(change.removed for change in changes),
        size_bytes=sum(issue["bytes"] for index in indexes.values() for issue in index.issues.values()),
        digest=digest_of([_made_from(panels) for panels in wanted.values()]),
        unchanged=not any(change.is_needed for change in changes),
    )


def load_title_references(
    lake: Lake, title: str, variant: str = "gray", *, cache: Path, splits: Collection[str] = SPLITS
) -> References:
    """The index of a title for pictures of a variant; large arrays stay on disk until they are looked at.

    Args:
        lake: Keeps the index.
        title: Its key.
        variant: "gray" or "line".
        cache: A local folder for copies from a remote lake.
        splits: Panels of these splits only. A benchmark takes "train" alone.

    Raises FileNotFoundError, with the command that makes it, where there is none.
    """
    index = _Index(lake, title, variant, cache)
    if not index.issues:
        raise _missing(lake, title, f" for {variant} pictures")
    return index.references(splits)


def find_title_references(lake: Lake, title: str, *, cache: Path) -> list[References]:
    """The indexes of a title that there are, one a variant.

    Raises FileNotFoundError, with the command that makes them, where there is none.
    """
    indexes = (_Index(lake, title, variant, cache) for variant in VARIANTS)
    found = [index.references(SPLITS) for index in indexes if index.issues]
    if not found:
        raise _missing(lake, title, "")
    return found


def title_attributions(lake: Lake, title: str, *, cache: Path) -> list[str]:
    """Whom to name for the pictures of a title's index, with their licences: "Its author (CC-BY-4.0)"."""
    issues = [issue for variant in VARIANTS for issue in _Index(lake, title, variant, cache).issues.values()]
    return sorted({name for issue in issues for name in issue["attributions"]})


def reference_previews(lake: Lake, title: str, report: ReferencesReport, *, cache: Path) -> dict[str, bytes]:
    """A sheet of panels in the index, evenly spread, as a JPEG file; drawn once."""
    indexes = (_Index(lake, title, variant, cache) for variant in VARIANTS)
    issues = next((index.issues for index in indexes if index.issues), {})
    listed = [(name, issue["split"]) for issue in issues.values() for name, _ in issue["panels"]]

    def draw() -> dict[str, np.ndarray]:
        shown = [listed[place] for place in evenly_spaced(len(listed), MAX_PICTURES)]
        found = read_panels(lake, [panel_id for panel_id, _ in shown])
        captions = [f"{panel_id.partition('__')[2]} {split}" for panel_id, split in shown]
        return {"references": contact_sheet(list(found.values()), captions, columns=SHEET_COLUMNS, cell_px=160)}

    return keep_previews(lake, "references", title, made_from=report.digest, draw=draw if listed else dict)


def _kept_panels(lake: Lake, title: str) -> list[TitlePanel]:
    """The kept panels of a title in their order, without those that their split must not hold."""
    if not lake.issue_splits.exists():
        raise FileNotFoundError("no splits yet: materialize `issue_splits` first (tintoon run issue_splits)")
    splits = {row["key"]: row["split"] for row in lake.read_table(lake.issue_splits, ["key", "split"]).to_pylist()}
    decisions = lake.read_table(lake.unique_panels, ["title", "issue", "panel_id", "sha256", "kept"]).to_pylist()
    left_out = left_out_panels(lake)
    found = []
    for row in decisions:
        if row["title"] == title and row["kept"] and row["panel_id"] not in left_out:
            key = issue_key(title, row["issue"])
            if split := splits.get(key):  # an issue that was decided on after the splits waits for the next ones
                found.append(TitlePanel(row["panel_id"], row["sha256"], key, split))
    return found


def _spread(panels: list[TitlePanel], at_most: int) -> list[TitlePanel]:
    """At most so many panels, spread over all, in their order.

    By the digests of their names: so an issue that arrives takes the place of few, and moves no other.
    """
    ranked = sorted(panels, key=lambda panel: sha256(panel.panel_id.encode()).digest())
    chosen = {panel.panel_id for panel in ranked[:at_most]}
    return [panel for panel in panels if panel.panel_id in chosen]


def _missing(lake: Lake, title: str, what: str) -> FileNotFoundError:
    return FileNotFoundError(
        f"{title}: no references{what} in {lake.root}: materialize references[{title}] "
        f"(tintoon run references --title {title})"
    )


class _Change(NamedTuple):
    """What an index needs to hold other panels."""

    is_needed: bool
    added: int
    removed: int


class _Index:
    """The files of a title's index for one variant."""

    def __init__(self, lake: Lake, title: str, variant: str, cache: Path) -> None:
        self._lake, self._variant, self._cache = lake, variant, cache
        self._folder = lake.references(title) / variant
        self._file = lake.references(title) / f"{variant}.json"
        found = lake.read_json(self._file) if self._file.exists() else {}
        is_current = found.get("version") == _version()  # entries of another version are of no use
        self._made_from: str | None = found["made_from"] if is_current else None
        self.issues: dict[str, Any] = found["issues"] if is_current else {}
        """By key: `split`, `file`, `bytes`, `attributions`, and `panels` as (panel_id, sha256)."""

    def change_to(self, panels: Sequence[TitlePanel]) -> _Change:
        """What it takes to hold these panels."""
        known = {(name, digest) for issue in self.issues.values() for name, digest in issue["panels"]}
        wanted = {(panel.panel_id, panel.sha256) for panel in panels}
        is_empty = not panels and not self._file.exists()
        is_whole = all((self._folder / issue["file"]).exists() for issue in self.issues.values())
        is_needed = not is_empty and (self._made_from != _made_from(panels) or not is_whole)
        return _Change(is_needed, len(wanted - known), len(known - wanted))

    def build(self, panels: Sequence[TitlePanel], on_panel: Callable[[], None]) -> None:
        """Makes it hold these panels; those that it holds are not computed again."""
        by_issue: dict[str, list[TitlePanel]] = {}
        for panel in panels:
            by_issue.setdefault(panel.issue, []).append(panel)
        issues: dict[str, Any] = {}
        for key, own in by_issue.items():
            issues[key] = self._issue(key, own, on_panel)
            self._write(None, {**self.issues, **issues})  # a later call goes on from here
        self._write(_made_from(panels), issues)
        kept = {issue["file"] for issue in issues.values()}
        for path in self._folder.glob("*.safetensors"):
            if path.name not in kept:
                path.unlink()

    def renew_attributions(self) -> None:
        """Names the authors and licences that the panels have now: a title can change them."""
        issues = {key: {**issue, "attributions": self._attributions(key)} for key, issue in self.issues.items()}
        if issues != self.issues:
            self._write(self._made_from, issues)

    def _attributions(self, key: str) -> list[str]:
        table = self._lake.read_table(self._lake.panels(key), ["licence", "attribution"])
        by = zip(table["attribution"].to_pylist(), table["licence"].to_pylist(), strict=True)
        return sorted({f"{attribution} ({licence})" for attribution, licence in by})

    def references(self, splits: Collection[str]) -> References:
        """The panels of some splits."""
        chosen = [issue for issue in self.issues.values() if issue["split"] in splits]
        return References(self._variant, tuple(one for issue in chosen for one in self._entries_of(issue)))

    def _entries_of(self, issue: Mapping[str, Any]) -> References:
        path = self._folder / issue["file"]
        try:
            return References.load(_local(path, self._cache))
        except (FileNotFoundError, ReferencesError) as error:
            remedy = f"remove {path} if it is there, then tintoon run references --title {path.parent.parent.name}"
            raise ReferencesError(f"{error}: {remedy}") from None

    def _issue(self, key: str, panels: Sequence[TitlePanel], on_panel: Callable[[], None]) -> dict[str, Any]:
        """The file of an issue's panels, written unless it is there."""
        split, listed = panels[0].split, [[panel.panel_id, panel.sha256] for panel in panels]
        earlier = self.issues.get(key)
        if earlier and not (self._folder / earlier["file"]).exists():
            earlier = None
        if earlier and earlier["panels"] == listed:
            return {**earlier, "split": split, "attributions": self._attributions(key)}
        known = {one.name: one for one in self._entries_of(earlier)} if earlier else {}
        digests = dict(earlier["panels"]) if earlier else {}
        missing = {panel.panel_id for panel in panels if digests.get(panel.panel_id) != panel.sha256}
        for panel_id, rgb in panels_of(self._lake, key, missing):
            known[panel_id] = reference_of(panel_id, rgb, variant=self._variant)
            on_panel()
        data = References(self._variant, tuple(known[panel.panel_id] for panel in panels)).to_bytes()
        name = f"{split_issue_key(key)[1]}.{digest_of(listed)[:16]}.safetensors"
        self._lake.write_bytes(self._folder / name, data)
        return {
            "split": split,
            "file": name,
            "bytes": len(data),
            "attributions": self._attributions(key),
            "panels": listed,
        }

    def _write(self, made_from: str | None, issues: Mapping[str, Any]) -> None:
        self.issues, self._made_from = dict(issues), made_from
        self._lake.write_json(self._file, {"version": _version(), "made_from": made_from, "issues": self.issues})


def _made_from(panels: Sequence[TitlePanel]) -> str:
    return digest_of([_version(), [list(vars(panel).values()) for panel in panels]])


def _version() -> list[Any]:
    """What decides the entry of a panel, beside its pixels."""
    return [ReferencesParams.code_version, FORMAT, LONG_SIDE_PX]


def _local(path: UPath, cache: Path) -> Path:
    """A local path of a file: its own, or, where the lake is remote, a copy below `cache`."""
    if isinstance(path, Path):
        return Path(path)
    copy = cache / "title_references" / path.parent.parent.name / path.parent.name / path.name
    if not copy.exists():
        with atomic_write(copy) as temporary:
            temporary.write_bytes(path.read_bytes())
    return copy
