"""The report of a drop: one JSON file, and the same for people, in `dropped/` of the lake. It holds no pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from upath import UPath

from pipelines.drop.places import Places
from pipelines.lake import Lake

NOT_REACHED = (
    "checkpoints that learned from it: they stay, listed above; train again without it, and promote that",
    "copies outside this installation: exported results and reports, pushed datasets, coloured books and what "
    "--like learned from them, backups, snapshots, caches of other machines",
    "weights that were imported, and the shipped ones",
    "digests and perceptual hashes in dropped.json and its copy, which keep it out; digests in rows of training sets, "
    "which tell what a checkpoint has learned from",
)
"""What no drop can remove, for people."""


@dataclass
class Report:
    """What a drop removed, where, and what it could not."""

    places: Places
    removed: list[dict[str, Any]] = field(default_factory=list)
    stores: dict[str, Any] = field(default_factory=dict)
    """What was done outside the lake (partitions, runs, studies), by name."""
    versions: Sequence[Mapping[str, Any]] = ()
    """Registered colorizers that learned from it: model, version, recipe, aliases."""
    failed: list[str] = field(default_factory=list)
    """What should have been removed and could not, with the reason."""

    def on_removed(self, what: str, where: str, size_bytes: int) -> None:
        """Notes what was removed."""
        self.removed.append({"what": what, "where": where, "bytes": size_bytes})

    def to_json(self) -> dict[str, Any]:
        """All of it, as a JSON value."""
        plan = self.places.plan
        drop = asdict(plan.drop)
        return {
            **{name: drop[name] for name in ("id", "at", "reason", "targets", "titles", "issues")},
            "kept_out": "by name and by content" if plan.drop.copies else "by name",
            "counts": self.places.counts(),
            "pages": drop["pages"],
            "page_digests": drop["page_digests"],
            "panels": [panel.panel_id for panel in plan.drop.panels],
            "removed": self.removed,
            "training_sets_withdrawn": sorted(self.places.training_sets),
            "learned": [
                {
                    "recipe": one.record.recipe,
                    "key": one.record.key,
                    "checkpoint_sha256": one.record.checkpoint_sha256,
                    "training_set": one.record.training_set,
                    "mlflow_run_id": one.record.mlflow_run_id,
                    "pictures": one.pictures,
                    "why": one.why,
                }
                for one in self.places.learned
            ],
            "registered_versions": list(self.versions),
            "stores": self.stores,
            "failed": self.failed,
            "not_reached": list(NOT_REACHED),
        }


def write_report(lake: Lake, report: Report) -> UPath:
    """Writes both files. Returns the path of the one for people.

    What an interrupted part of the same drop had written is taken in: both together are what was done.
    """
    path = lake.drop_reports / f"{report.places.plan.drop.id}.json"
    values = report.to_json()
    if path.exists():
        earlier = lake.read_json(path)
        values["removed"] = [*earlier["removed"], *(one for one in values["removed"] if one not in earlier["removed"])]
        values["counts"] = {
            name: max(counts.get(name, 0) for counts in (earlier["counts"], values["counts"]))
            for name in {**earlier["counts"], **values["counts"]}
        }
        for name in ("learned", "registered_versions"):
            values[name] = [*values[name], *(one for one in earlier[name] if one not in values[name])]
    lake.write_json(path, values)
    text = path.with_suffix(".md")
    lake.write_bytes(text, to_markdown(values).encode())
    return text


def to_markdown(found: Mapping[str, Any]) -> str:
    """A report, as `Report.to_json` gives it, for people."""
    lines = [f"# Dropped: {', '.join(found['targets'])}", "", f"Report {found['id']}, {found['at']}."]
    lines += [f"Reason: {found['reason'] or 'none given'}. Kept out {found['kept_out']}.", "", "## Removed", ""]
    lines += [f"- {name}: {count:,}" for name, count in found["counts"].items()]
    lines += [f"- {name}: {value}" for name, value in found["stores"].items()]
    lines += ["", "| what | where | bytes |", "|---|---|---|"]
    lines += [f"| {one['what']} | {one['where']} | {one['bytes']:,} |" for one in found["removed"]]
    lines += ["", "## Learned from it", ""]
    lines += [_learned(one) for one in found["learned"]] or ["No training of this lake."]
    lines += [
        f"- registered: {one['model']} version {one['version']} ({one['recipe']})"
        + (f", served as {', '.join(one['aliases'])}" if one["aliases"] else "")
        for one in found["registered_versions"]
    ]
    lines += ["", "## Not removed", "", *(f"- {one}" for one in (*found["failed"], *found["not_reached"]))]
    return "\n".join(lines) + "\n"


def _learned(one: Mapping[str, Any]) -> str:
    pictures = ", ".join(f"{count} of {split}" for split, count in one["pictures"].items())
    what = f"- {one['recipe']} {one['key']} (checkpoint {one['checkpoint_sha256'][:12]}): {one['why']}"
    return f"{what}, {pictures}" if pictures else what
