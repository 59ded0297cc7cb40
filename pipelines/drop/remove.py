"""Carries a plan out in a lake, and in the local folder for copies and unfinished work.

The record comes first (`pipelines.terms.dropped`): from then on nothing of it is trusted or fetched. Each step can be
done again, so a drop that was killed is finished by the same command.
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from upath import UPath

from pipelines.drop.places import Places
from pipelines.drop.plan import Plan
from pipelines.images.sheets import to_png
from pipelines.issue_pages.catalogue import note_state
from pipelines.issue_pages.page_store import drop_pages, partial_folder
from pipelines.lake import Lake, issue_key, read_json, split_issue_key
from pipelines.terms.dropped import write_drop
from pipelines.training.run_folder import UNDER_WAY
from pipelines.unique_panels import DECIDED_FROM, PAGES_SEEN
from pipelines.variants import withdraw

Removed = Callable[[str, str, int], None]
"""Called with what was removed, where it lay below the lake or the cache, and its bytes (0: not counted)."""

UNFINISHED = ("evaluation", "cross_validation")
"""Folders of the cache with evaluations under way, with pictures of their training set."""


def remove(places: Places, cache: Path, on_removed: Removed) -> None:
    """Removes what a plan names from its lake, wherever it shows.

    Args:
        places: Of the plan. They are looked up, all of them, before anything is removed.
        cache: The local folder of the installation; copies in other places are not reached.
        on_removed: Called for each place.
    """
    lake, plan = places.lake, places.plan
    places.counts()
    write_drop(lake, replace(plan.drop, finished=False))
    # The tables come last: by them, an interrupted drop finds again what was made from them.
    _remove_results(lake, cache, places, on_removed)
    _remove_arrays(lake, cache, places, on_removed)
    _remove_references(lake, cache, places, on_removed)
    for path in places.previews:
        _unlink(lake, path, "preview", on_removed)
    _remove_rows(lake, plan, on_removed)
    for key in (*plan.whole, *plan.parts):
        _remove_issue(lake, key, plan, on_removed)
    for key in plan.whole:
        title, issue = split_issue_key(key)
        note_state(lake, title, issue, "dropped", plan.drop.why)


def _remove_issue(lake: Lake, key: str, plan: Plan, on_removed: Removed) -> None:
    """Its tables, or its pages and panels that go; and what interrupted or killed collections left of it."""
    _rmtree(lake, partial_folder(lake, key), "pages of an interrupted collection", on_removed)
    for path in (lake.issue_pages(key), lake.panels(key)):
        for left in path.parent.glob(f".{path.name}.*.part"):
            _unlink(lake, left, "left by a killed process", on_removed)
    if key in plan.whole:
        _unlink(lake, lake.panels(key), "panels", on_removed)
        _unlink(lake, lake.issue_pages(key), "pages", on_removed)
        return
    if lake.panels(key).exists():
        table = lake.read_table(lake.panels(key))
        stays = [name not in plan.panel_ids for name in table["panel_id"].to_pylist()]
        if not any(stays):
            _unlink(lake, lake.panels(key), "panels", on_removed)
        elif not all(stays):
            # Made from nothing that is there now: the next run cuts the issue again.
            lake.write_table(lake.panels(key), table.filter(pa.array(stays)), made_from="")
            on_removed("panels", f"{_name(lake, lake.panels(key))}: {stays.count(False)}", 0)
    if lake.issue_pages(key).exists():
        size = drop_pages(lake, key, {page.url: plan.drop for page in plan.parts[key]})
        on_removed("pages", f"{_name(lake, lake.issue_pages(key))}: {len(plan.parts[key])}", size)


def _remove_rows(lake: Lake, plan: Plan, on_removed: Removed) -> None:
    """Rows of decisions, with their thumbnails, of splits, and of what splits and copies are recognised by."""
    if lake.unique_panels.exists():
        table = lake.read_table(lake.unique_panels)
        columns = (table[name].to_pylist() for name in ("title", "issue", "sha256", "panel_id"))
        going = [name in plan.panel_ids or plan.holds(*row) for *row, name in zip(*columns, strict=True)]
        if any(going):
            # What the decisions were made from names what goes, too.
            metadata = {
                name: value
                for name, value in (table.schema.metadata or {}).items()
                if name not in (DECIDED_FROM, PAGES_SEEN)
            }
            left = table.filter(pa.array([not one for one in going])).replace_schema_metadata(metadata)
            lake.write_table(lake.unique_panels, left, made_from="")
            on_removed("decisions", f"{_name(lake, lake.unique_panels)}: {going.count(True)} rows", 0)
    if lake.issue_splits.exists():
        table = lake.read_table(lake.issue_splits)
        keys = [issue_key(*names) for names in zip(*(table[n].to_pylist() for n in ("title", "issue")), strict=True)]
        going = [plan.drop.holds_issue(key) for key in keys]
        if any(going):
            lake.write_table(lake.issue_splits, table.filter(pa.array([not one for one in going])), made_from="")
            on_removed("splits", f"{_name(lake, lake.issue_splits)}: {going.count(True)} rows", 0)

    _remove_memory(lake, plan, on_removed)


def _remove_memory(lake: Lake, plan: Plan, on_removed: Removed) -> None:
    """Digests and hashes by which `issue_splits` would recognise it: what keeps it out is in `dropped.json` alone.

    Where copies under other names may stay, so does this: they keep the split that it had.
    """
    if not plan.drop.copies:
        return
    if lake.picture_splits.exists():
        table = lake.read_table(lake.picture_splits)
        names = zip(table["key"].to_pylist(), table["sha256"].to_pylist(), strict=True)
        going = [plan.holds(*split_issue_key(key), digest) for key, digest in names]
        if any(going):
            stays = table.filter(pa.array([not one for one in going]))
            lake.write_table(lake.picture_splits, stays, made_from=lake.made_from(lake.picture_splits) or "")
            on_removed("digests", f"{_name(lake, lake.picture_splits)}: {going.count(True)} rows", 0)
    if lake.copies.exists():
        state = lake.read_json(lake.copies)
        # Those that no panel has any more, too: nobody can tell whose they were.
        decisions = lake.unique_panels
        there = set(lake.read_table(decisions, ["sha256"])["sha256"].to_pylist() if decisions.exists() else ())
        compared = {digest: split for digest, split in state["compared"].items() if digest in there}
        if compared != state["compared"]:
            pairs = [pair for pair in state["pairs"] if {pair["later"], pair["earlier"]} <= compared.keys()]
            lake.write_json(lake.copies, {**state, "compared": compared, "pairs": pairs})
            gone = len(state["compared"]) - len(compared)
            on_removed("digests", f"{_name(lake, lake.copies)}: {gone} pictures", 0)


def _remove_arrays(lake: Lake, cache: Path, places: Places, on_removed: Removed) -> None:
    """The arrays of every training set that held it; manifests and rows stay, marked: they hold no pictures."""
    why = places.plan.drop.why
    for fingerprint in places.training_sets:
        path = lake.frozen_training_set(fingerprint)
        lake.write_json(path, {**lake.read_json(path), "withdrawn": why})
        if lake.training_set.exists() and lake.read_json(lake.training_set)["fingerprint"] == fingerprint:
            lake.write_json(lake.training_set, {**lake.read_json(lake.training_set), "withdrawn": why})
    for one in places.arrays:
        size = withdraw(lake, one.kind, one.digest, why)
        if size or not one.is_withdrawn:
            on_removed("arrays", f"variants/{one.kind}/{one.digest}: {len(one.panel_ids)} pictures of it", size)
        shutil.rmtree(cache / one.kind / one.digest, ignore_errors=True)  # the copy of a remote lake's
    for kind in {one.kind for one in places.arrays}:
        for left in lake.variants(kind).glob(".*.part"):
            _rmtree(lake, left, "arrays of a killed run", on_removed)


def _remove_references(lake: Lake, cache: Path, places: Places, on_removed: Removed) -> None:
    for (title, variant), keys in places.references.items():
        path = lake.references(title) / f"{variant}.json"
        index = lake.read_json(path)
        stays = {key: issue for key, issue in index["issues"].items() if key not in keys}
        lake.write_json(path, {**index, "made_from": None, "issues": stays})  # first: no reader misses a file
        if not stays:
            path.unlink()
    titles = {split_issue_key(key)[0] for key in (*places.plan.whole, *places.plan.parts)}
    for title in {*titles, *places.plan.drop.titles, *(title for title, _ in places.references)}:
        shutil.rmtree(cache / "title_references" / title, ignore_errors=True)
        indexes = [lake.read_json(path) for path in lake.references(title).glob("*.json")]
        listed = {issue["file"] for index in indexes for issue in index["issues"].values()}
        for path in lake.references(title).glob("*/*"):
            if path.name not in listed:
                _unlink(lake, path, "references", on_removed)


def _remove_results(lake: Lake, cache: Path, places: Places, on_removed: Removed) -> None:
    """Pictures of evaluations, model cards, the report, samples, and unfinished work. Numbers stay."""
    for path in places.evaluations:
        stem = path.name.removesuffix(".json")
        for end, columns in (("_gallery", ("panel_id",)), ("_sources", ("panel_id", "reference"))):
            table_path = path.with_name(f"{stem}{end}.parquet")
            if table_path.exists():
                _remove_shown(lake, table_path, columns, places, on_removed)
        grid = path.with_name(f"{stem}.png")
        blank = to_png(np.full((8, 8, 3), 255, np.uint8))
        if grid.exists() and grid.read_bytes() != blank:
            on_removed("grid of a result", _name(lake, grid), grid.stat().st_size)
            lake.write_bytes(grid, blank)
    for path in places.samples:
        _unlink(lake, path, "picture of a training", on_removed)
    if places.evaluations:
        # Nobody can tell which panels these show.
        _rmtree(lake, lake.root / "report", "report", on_removed)
        for path in sorted((lake.root / "cards").glob("*/*.png"), key=str):
            _unlink(lake, path, "picture of a model card", on_removed)
    if places.training_sets:
        for name in UNFINISHED:
            if (cache / name).exists():
                shutil.rmtree(cache / name)
                on_removed("unfinished work", f"cache/{name}", 0)
        for folder in sorted((cache / "training").glob("*/")):
            if _training_set_of(folder) in {None, *places.training_sets}:
                shutil.rmtree(folder)
                on_removed("unfinished training", f"cache/training/{folder.name}", 0)


def _training_set_of(folder: Path) -> str | None:
    """The fingerprint of the training set of a training under way; None where that is not known."""
    path = folder / UNDER_WAY
    return read_json(path).get("training_set") if path.exists() else None


def _remove_shown(lake: Lake, path: UPath, columns: tuple[str, ...], places: Places, on_removed: Removed) -> None:
    """The rows of a gallery or of sources that show what goes."""
    table = lake.read_table(path)
    copies = {name for one in places.arrays for name in one.panel_ids}
    names = zip(*(map(str, table[column].to_pylist()) for column in columns), strict=True)
    going = [any(name in copies or places.plan.names(name) for name in row) for row in names]
    if any(going):
        lake.write_table(path, table.filter(pa.array([not one for one in going])), made_from=lake.made_from(path) or "")
        on_removed("pictures of a result", f"{_name(lake, path)}: {going.count(True)}", 0)


def _unlink(lake: Lake, path: UPath, what: str, on_removed: Removed) -> None:
    if path.exists():
        size = path.stat().st_size
        path.unlink()
        on_removed(what, _name(lake, path), size)


def _rmtree(lake: Lake, path: UPath, what: str, on_removed: Removed) -> None:
    if path.exists():
        path.fs.rm(path.path, recursive=True)
        on_removed(what, _name(lake, path), 0)


def _name(lake: Lake, path: UPath) -> str:
    """A path below the lake."""
    return path.path.removeprefix(lake.root.path).lstrip("/")
