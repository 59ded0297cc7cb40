"""An installation with colorizers that give every picture the same known tint: the stronger, the worse."""

import shutil
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from assets.tracking.client import Tracking
from assets.tracking.promote import Promotion, promote_best
from assets.tracking.registry import read_champions
from models.build import build_network
from models.checkpoint import Checkpoint, save_checkpoint
from models.recipes import RECIPES
from pipelines.colorize.load import load_colorizer
from pipelines.comparison.leaderboards import Comparison, compare
from pipelines.comparison.params import PromotionParams
from pipelines.evaluation.benchmark import evaluate
from pipelines.evaluation.evaluation import save_evaluation
from pipelines.evaluation.params import BenchmarkParams
from pipelines.lake import Lake
from pipelines.params import TrainingSetParams, VariantParams
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import CHECKPOINT
from pipelines.training.store import current_checkpoint, keep_run, read_record
from pipelines.training_set import TrainingSet, build_training_set
from pipelines.variants import KINDS, build_variant
from tests.pipelines.conftest import WriteLake, drawn_panel
from tests.prepared import copy_mlflow_store

RESOLUTION = 32
QUICK = BenchmarkParams(resolution=RESOLUTION, extractor="none", latency_sides=[], page=False, draws=1)
"""A benchmark in moments: no networks, no clocks."""

PARAMS = PromotionParams(resamples=1000, min_issues=1)


@dataclass(frozen=True)
class Installation:
    """A lake and an MLflow store below one folder."""

    root: Path

    @property
    def lake(self) -> Lake:
        return Lake.at(self.root / "lake")

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def tracking(self) -> Tracking:
        store = self.root / "mlflow.db"
        if not store.exists():
            copy_mlflow_store(store)
        return Tracking(
            uri=f"sqlite:///{store}",
            artifacts=(self.root / "artifacts").as_uri(),
            ui="http://127.0.0.1:5000",
            dagster_ui="http://127.0.0.1:3000",
        )

    def copied_to(self, root: Path) -> "Installation":
        """The same once more; runs that are made from now on still keep their files below the first."""
        shutil.copytree(self.root, root)
        return Installation(root)

    def train(self, name: str, tint: float) -> TrainingRecord:
        """Stands in for a training of a recipe: its last layer gives one colour, whatever it sees.

        tint: of recipes that give ab, its a and b; of those that give RGB, the gray; both in (-1, 1).
        """
        recipe = RECIPES[name].resized(resolution=RESOLUTION, width=8)
        torch.manual_seed(0)
        network = build_network(recipe.objective.network)
        last = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)][-1]
        last.weight.data.zero_()
        last.bias.data.fill_(torch.tensor(tint).atanh().item())
        fingerprint = TrainingSet.open(self.lake).fingerprint
        key = sha256(f"{name} {tint} {fingerprint}".encode()).hexdigest()[:16]
        run_folder = self.root / "run"
        run_folder.mkdir(exist_ok=True)
        path = run_folder / CHECKPOINT
        checkpoint = Checkpoint(
            weights=network.state_dict(),
            network=recipe.objective.network,
            recipe=recipe.to_json(),
            fingerprint=fingerprint,
            source_digest="test",
            seed=0,
            step=1,
            resolution=RESOLUTION,
        )
        save_checkpoint(path, checkpoint)
        run = self.tracking.start(name, digest=name, parameters={"batch": 1, "device": "cpu"}, tags={"recipe": name})
        run.document(recipe.to_json(), "recipe.json")
        run.file(path, "checkpoint")
        run.end()
        record = TrainingRecord(
            recipe=name,
            key=key,
            checkpoint_sha256=sha256(path.read_bytes()).hexdigest(),
            training_set=fingerprint,
            mlflow_run_id=run.run_id,
            best_step=1,
            best_validation=1.0,
            seconds=1.0,
            pictures_seen=1,
            seed=0,
            extractor=None,
        )
        keep_run(self.lake, run_folder, record)
        return record

    def evaluate(self, name: str, params: BenchmarkParams = QUICK) -> None:
        """As the asset `evaluation` does, but for what people see of it in MLflow: that takes longer than all else."""
        record = read_record(self.lake, name)
        found = evaluate(
            load_colorizer(current_checkpoint(self.lake, name, self.cache)),
            TrainingSet.open(self.lake),
            params,
            checkpoint_digest=record.checkpoint_sha256,
            mlflow_run_id=record.mlflow_run_id,
        )
        save_evaluation(self.lake, found)

    def compare(self, params: BenchmarkParams = QUICK) -> Comparison:
        return compare(
            self.lake,
            params,
            cache=self.cache,
            weights=self.root / "weights",
            champions=read_champions(self.tracking),
            on_picture=lambda done, total: None,
        )

    def promote(self, params: PromotionParams = PARAMS) -> list[Promotion]:
        return promote_best(self.lake, params, cache=self.cache, weights=self.root / "weights", tracking=self.tracking)


def freeze(lake: Lake) -> str:
    """The variants and the training set of what the lake holds; its fingerprint."""
    for split in ("train", "val", "test"):
        for kind in KINDS:
            build_variant(kind, split, lake, VariantParams(resolutions=[RESOLUTION]))
    return build_training_set(lake, TrainingSetParams()).fingerprint


def small_installation(root: Path, write: WriteLake) -> Installation:
    """Two train, one val and four test pictures."""
    issues = {
        ("moon-cat", "1"): ("train", [drawn_panel(seed) for seed in range(2)]),
        ("moon-cat", "2"): ("val", [drawn_panel(10)]),
        ("moon-cat", "3"): ("test", [drawn_panel(seed) for seed in range(20, 24)]),
    }
    freeze(write(root / "lake", issues))
    return Installation(root)
