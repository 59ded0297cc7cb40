"""The report of a drop: one JSON file, and the same for people, in `dropped/` of the lake. It holds no pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from upath import UPath

from pipelines.drop.places import Places
from pipelines.lake import Lake

NOT_REACHED = (
    "checkpoints that learned from it: they stay, listed above; train again without it, and promote that",
    "copies outside this installation: exported results and reports, pushed datasets, coloured books, backups, "
    "snapshots, caches of other machines",
    "weights that were imported, and the shipped ones",
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
            "kept_out": "by name and by content" if plan.drop.by_content else "by name",
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

    def to_markdown(self) -> str:
        """The same for people."""
        found = self.to_json()
        lines = [f"# Dropped: {', '.join(found['targets'])}", "", f"Report {found['id']}, {found['at']}."]
        lines += [f"Reason: {found['reason'] or 'none given'}. Kept out {found['kept_out']}.", "", "## Removed", ""]
        lines += [f"- {name}: {count:,}" for name, count in found["counts"].items()]
        lines += [f"- {name}: {value}" for name, value in found["stores"].items()]
        lines += ["", "| what | where | bytes |", "|---|---|---|"]
        lines += [f"| {one['what']} | {one['where']} | {one['bytes']:,} |" for one in found["removed"]]
        lines += ["", "## Learned from it", ""]
        lines += [
            f"- {one['recipe']} {one['key']} (checkpoint {one['checkpoint_sha256'][:12]}): {one['why']}"
            + (
                f", {', '.join(f'{count} of {split}' for split, count in one['pictures'].items())}"
                if one["pictures"]
                else ""
            )
            for one in found["learned"]
        ] or ["No training of this lake."]
        lines += [
            f"- registered: {one['model']} version {one['version']} ({one['recipe']})"
            + (f", served as {', '.join(one['aliases'])}" if one["aliases"] else "")
            for one in found["registered_versions"]
        ]
        lines += ["", "## Not removed", "", *(f"- {one}" for one in (*found["failed"], *found["not_reached"]))]
        return "\n".join(lines) + "\n"


def write_report(lake: Lake, report: Report) -> UPath:
    """Writes both files. Returns the path of the one for people."""
    path = lake.drop_reports / f"{report.places.plan.drop.id}.json"
    if path.exists():  # of a part of it that was interrupted: both together are what was done
        earlier = lake.read_json(path)
        report.removed[:0] = [one for one in earlier["removed"] if one not in report.removed]
    lake.write_json(path, report.to_json())
    text = path.with_suffix(".md")
    lake.write_bytes(text, report.to_markdown().encode())
    return text
