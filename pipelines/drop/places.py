"""Where a lake shows what goes: every place that holds pixels of it, or was made from them. Looks; changes nothing."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from upath import UPath

from pipelines.drop.plan import Plan
from pipelines.lake import Lake
from pipelines.params import SPLITS
from pipelines.training.record import TrainingRecord, record_from_json
from pipelines.training.run_folder import RECORD, SAMPLES
from pipelines.variants import KINDS


class Arrays(NamedTuple):
    """Arrays of one kind and split that hold what goes."""

    kind: str
    digest: str
    panel_ids: frozenset[str]
    """The panels of them that go."""
    is_withdrawn: bool


class Learned(NamedTuple):
    """A training that learned from what goes, or builds on one that did."""

    record: TrainingRecord
    pictures: dict[str, int]
    """Pictures of it by split; empty where it only builds on such a training, or where it was imported."""
    why: str


@dataclass(frozen=True)
class Places:
    """The places of one lake that show what a plan takes out."""

    lake: Lake
    plan: Plan

    @cached_property
    def arrays(self) -> list[Arrays]:
        """Arrays, also those of earlier training sets."""
        found = []
        for kind in KINDS:
            for rows in sorted(self.lake.variants(kind).glob("*/rows.parquet"), key=str):
                if rows.parent.name.startswith("."):
                    continue
                table = self.lake.read_table(rows, ["panel_id", "title", "issue", "sha256"]).to_pylist()
                going = frozenset(
                    row["panel_id"] for row in table if self.plan.holds(row["title"], row["issue"], row["sha256"])
                )
                if going:
                    manifest = self.lake.read_json(rows.parent / "manifest.json")
                    found.append(Arrays(kind, rows.parent.name, going, "withdrawn" in manifest))
        return found

    @cached_property
    def training_sets(self) -> dict[str, dict[str, frozenset[str]]]:
        """Training sets that hold what goes, by fingerprint: their panels that go, by split."""
        held = {(one.kind, one.digest): one.panel_ids for one in self.arrays}
        found = {}
        for path in sorted((self.lake.root / "training_sets").glob("*.json"), key=str):
            arrays = self.lake.read_json(path)["arrays"]
            going = {split: held.get(("color", arrays[f"color/{split}"]["digest"]), frozenset()) for split in SPLITS}
            if any(going.values()):
                found[path.name.removesuffix(".json")] = going
        return found

    @cached_property
    def references(self) -> dict[tuple[str, str], list[str]]:
        """Issues of indexes of references that hold what goes, by title and variant."""
        found = {}
        for path in sorted((self.lake.root / "references").glob("*/*.json"), key=str):
            title, issues = path.parent.name, self.lake.read_json(path)["issues"]
            going = [
                key
                for key, issue in issues.items()
                if any(self.plan.holds(title, key.partition("__")[2], digest) for _, digest in issue["panels"])
            ]
            if going:
                found[title, path.name.removesuffix(".json")] = going
        return found

    @cached_property
    def evaluations(self) -> list[UPath]:
        """Results `<key>.json` whose gallery, grid or sources may show what goes."""
        found = []
        for path in sorted((self.lake.root / "evaluations").glob("*/*.json"), key=str):
            if path.name != "latest.json" and self._shows(path):
                found.append(path)
        return found

    @cached_property
    def evaluated_runs(self) -> frozenset[str]:
        """MLflow runs that those results were logged into: of their trainings, which may be on other sets."""
        runs = (self.lake.read_json(path).get("mlflow_run_id") for path in self.evaluations)
        return frozenset(filter(None, runs))

    @cached_property
    def learned(self) -> list[Learned]:
        """Trainings that learned from what goes (train; val, which chose the best step), then what builds on them."""
        found = [one for record in self.records if (one := self._learned_from(record))]
        names = {one.record.mlflow_run_id: one.record.recipe for one in found if one.record.mlflow_run_id}
        known = {one.record.key for one in found}
        while True:
            building = [
                Learned(record, {}, f"builds on {names[run]}")
                for record in self.records
                if record.key not in known
                for run in record.dependencies.values()
                if run in names
            ][:1]
            if not building:
                return found
            found += building
            known.add(building[0].record.key)
            names[building[0].record.mlflow_run_id] = building[0].record.recipe

    @cached_property
    def records(self) -> list[TrainingRecord]:
        """Every training of the lake."""
        paths = sorted((self.lake.root / "trained").glob(f"*/*/{RECORD}"), key=str)
        return [record_from_json(self.lake.read_json(path), name=str(path)) for path in paths]

    @cached_property
    def samples(self) -> list[UPath]:
        """Pictures of trainings whose pictures went, samples and reports: nobody can tell which of them one shows."""
        folders = [
            self.lake.trained(record.recipe) / record.key
            for record in self.records
            if record.training_set in self.training_sets
        ]
        return [
            path
            for folder in folders
            for pattern in (f"{SAMPLES}/*.jpg", "report/*.png")
            for path in sorted(folder.glob(pattern), key=str)
        ]

    @cached_property
    def previews(self) -> list[UPath]:
        """Pictures for the UI: those of the issues and titles, and all that show several issues."""
        keys, titles = {*self.plan.whole, *self.plan.parts}, {title for title, _ in self.references}
        found = []
        for path in sorted((self.lake.root / "previews").glob("*/*.parquet"), key=str):
            stage, partition = path.parent.name, path.name.removesuffix(".parquet")
            own = {"panels": partition in keys, "references": partition in titles | {*self.plan.drop.titles}}
            if own.get(stage, True):
                found.append(path)
        return found

    def counts(self) -> dict[str, int]:
        """How many of each kind of place there are, for people; kinds without any are left out."""
        evaluations = len(self.evaluations)
        found = Counter(
            {
                "issues whole": len(self.plan.whole),
                "issues in part": len(self.plan.parts),
                "pages": self.plan.pages,
                "of them copies in other issues": self.plan.copies,
                "panels": len(self.plan.drop.panels),
                "arrays of training pictures": sum(not one.is_withdrawn for one in self.arrays),
                "training sets withdrawn": len(self.training_sets),
                "indexes of references": len(self.references),
                "pictures of trainings": len(self.samples),
                "results whose pictures go": evaluations,
                "previews": len(self.previews),
                "checkpoints that learned from it (they stay)": len(self.learned),
            }
        )
        return {name: count for name, count in found.items() if count}

    def _learned_from(self, record: TrainingRecord) -> Learned | None:
        going = self.training_sets.get(record.training_set)
        if going is not None:
            pictures = {split: len(going[split]) for split in ("train", "val") if going[split]}
            return Learned(record, pictures, "learned from it") if pictures else None
        if self.lake.frozen_training_set(record.training_set).exists():
            return None
        titles = {*self.plan.drop.titles, *(key.partition("__")[0] for key in (*self.plan.whole, *self.plan.parts))}
        named = titles & record.datasheet.get("titles", {}).keys()
        why = f"its training set is not in this lake; its datasheet names {', '.join(sorted(named))}"
        return Learned(record, {}, why) if named else None

    def _shows(self, result: UPath) -> bool:
        values: dict[str, Any] = self.lake.read_json(result)
        going = self.training_sets.get(values.get("training_set_fingerprint", ""))
        if going and any(going.values()):
            return True
        return any(self.plan.names(panel_id) for panel_id in self._shown(result))

    def _shown(self, result: UPath) -> Iterator[str]:
        stem = result.name.removesuffix(".json")
        for end, columns in (("_gallery", ["panel_id"]), ("_sources", ["panel_id", "reference"])):
            path = result.with_name(f"{stem}{end}.parquet")
            if path.exists():
                table = self.lake.read_table(path, columns)
                for column in columns:
                    yield from map(str, table[column].to_pylist())
