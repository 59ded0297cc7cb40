"""A lake with everything that shows a title: pages, panels, decisions, arrays, references, a training, a result."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.drop.places import Places
from pipelines.drop.plan import plan_drop
from pipelines.drop.remove import remove
from pipelines.drop.target import Target
from pipelines.issue_pages.catalogue import sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.collect import collect_issue
from pipelines.issue_pages.sources.registry import sources
from pipelines.issue_splits import build_issue_splits
from pipelines.lake import Lake
from pipelines.panels.build import build_panels
from pipelines.panels.params import PanelParams
from pipelines.params import SplitParams, TrainingSetParams, UniqueParams, VariantParams
from pipelines.previews.panels import panel_previews
from pipelines.titles import Title
from pipelines.training.record import TrainingRecord
from pipelines.training_set import build_training_set
from pipelines.unique_panels import build_unique_panels
from pipelines.variants import KINDS, build_variant
from tests.pipelines.conftest import drawn_panel

PANELS = PanelParams(layout="whole", min_side_px=16)
NOW = "2026-11-28T12:00:00+00:00"


class Comics:
    """Folders of drawn pictures as titles, and the lake that is made from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.lake = Lake.at(folder / "lake")
        self.titles: dict[str, Title] = {}

    def copied_to(self, folder: Path) -> "Comics":
        """The same, with a lake of its own: what is done there does not change this one."""
        shutil.copytree(self.folder, folder)
        made = Comics(folder)
        made.titles = self.titles
        return made

    def draw(self, title: str, issue: str, seeds: list[int]) -> None:
        folder = self.folder / title / issue
        folder.mkdir(parents=True)
        for number, seed in enumerate(seeds):
            cv2.imwrite(str(folder / f"p{number}.png"), drawn_panel(seed, 200, 260)[..., ::-1])
        self.titles[title] = Title(
            key=title, source="folder", address=str(self.folder / title), licence="CC0-1.0", attribution=title
        )

    def sync(self) -> Mapping[str, Mapping[str, int]]:
        return sync_titles(self.titles, sources(Client()), self.lake).counts

    def collect(self) -> dict[str, str]:
        """Collects and cuts all free issues; returns why others could not be."""
        found = sync_titles(self.titles, sources(Client()), self.lake)
        failed = {}
        for key in found.keys:
            try:
                collect_issue(key, self.titles, sources(Client()), self.lake)
                build_panels(key, self.lake, PANELS)
            except Exception as error:
                failed[key] = f"{type(error).__name__}: {error}"
        return failed

    def select(self) -> dict[str, str]:
        build_unique_panels(self.lake, UniqueParams(), title_order=[*self.titles])
        build_issue_splits(self.lake, SplitParams())
        rows = self.lake.read_table(self.lake.unique_panels).to_pylist()
        return {row["panel_id"]: row["reason"] or "kept" for row in rows}

    def freeze(self) -> str:
        for split in ("train", "val", "test"):
            for kind in KINDS:
                build_variant(kind, split, self.lake, VariantParams(resolutions=[16]))
        return build_training_set(self.lake, TrainingSetParams(min_train_panels=1)).fingerprint

    def plan(self, *targets: str, copies: bool = True, reason: str = "asked by its author") -> Places:
        chosen = [Target.of(text) for text in targets]
        return Places(self.lake, plan_drop(self.lake, chosen, reason=reason, at=NOW, copies=copies, titles=self.titles))

    def drop(self, *targets: str, copies: bool = True) -> list[str]:
        places, removed = self.plan(*targets, copies=copies), []
        remove(places, self.cache, lambda what, where, size: removed.append(f"{what}: {where}"))
        return removed

    def trained(self, fingerprint: str, recipe: str = "webtoon_l2", **changes: object) -> TrainingRecord:
        """A finished training on a training set, as far as its record and samples."""
        values = {"key": f"key-{recipe}", "mlflow_run_id": f"run-{recipe}", "checkpoint_sha256": "c" * 64}
        values |= {"best_validation": 0.0, "seconds": 0.0, "pictures_seen": 1, "seed": 0, "extractor": None}
        record = TrainingRecord(recipe=recipe, training_set=fingerprint, best_step=1, **(values | changes))  # pyright: ignore
        folder = self.lake.trained(recipe) / record.key
        self.lake.write_json(folder / "record.json", asdict(record))
        self.lake.write_bytes(folder / "samples" / "1.jpg", b"a sample")
        return record

    def evaluated(self, fingerprint: str, panel_ids: list[str]) -> None:
        """The files of an evaluation with a gallery of panels."""
        folder = self.lake.evaluations("webtoon_l2")
        rows = [{"kind": "best", "panel_id": name, "input": b"i", "output": b"o", "truth": b"t"} for name in panel_ids]
        self.lake.write_table(folder / "e_gallery.parquet", pa.Table.from_pylist(rows), made_from="b")
        self.lake.write_bytes(folder / "e.png", cv2.imencode(".png", np.zeros((9, 9, 3), np.uint8))[1].tobytes())
        self.lake.write_json(
            folder / "e.json", {"training_set_fingerprint": fingerprint, "mlflow_run_id": "run-of-another-training"}
        )
        self.lake.write_bytes(self.lake.root / "report" / "index.html", b"pictures\n")
        self.lake.write_bytes(self.lake.root / "cards" / "colorizer-1" / "best.png", b"a picture")


@pytest.fixture
def comics(tmp_path: Path) -> Comics:
    """Titles "hers" (three issues of two pages) and "ours" (three), collected and selected."""
    made = Comics(tmp_path)
    for number in range(3):
        made.draw("hers", f"ep{number}", [10 * number, 10 * number + 1])
        made.draw("ours", f"ep{number}", [500 + 10 * number, 501 + 10 * number])
    assert made.collect() == {}
    assert set(made.select().values()) == {"kept"}
    for key in made.lake.keys_with("panels"):
        panel_previews(made.lake, key)
    return made
