"""A small untrained network with strong colours, put into an installation as if it had been trained there."""

from hashlib import sha256
from pathlib import Path

import torch
from torch import nn

from models.build import build_network
from models.checkpoint import Checkpoint, save_checkpoint
from models.recipes import RECIPES
from pipelines.lake import Lake
from pipelines.training.record import TrainingRecord
from pipelines.training.run_folder import CHECKPOINT
from pipelines.training.store import checkpoint_path, keep_run

RESOLUTION = 32


def install_untrained(home: Path, name: str) -> Path:
    """Returns the checkpoint, in the lake below `home`."""
    torch.manual_seed(0)
    recipe = RECIPES[name].resized(resolution=RESOLUTION, width=8).fitted(("harbour", "orchard"))
    network = build_network(recipe.objective.network)
    layers = [part for part in network.modules() if isinstance(part, nn.Conv2d | nn.ConvTranspose2d)]
    for layer in (layers[0], layers[-1]):
        layer.weight.data *= 20
    lake = Lake.at(home / "lake")
    run_folder = home / "run"
    run_folder.mkdir(parents=True, exist_ok=True)
    path = run_folder / CHECKPOINT
    save_checkpoint(
        path,
        Checkpoint(
            weights=network.state_dict(),
            network=recipe.objective.network,
            recipe=recipe.to_json(),
            fingerprint="f",
            source_digest="c",
            seed=0,
            step=1,
            resolution=RESOLUTION,
        ),
    )
    keep_run(
        lake,
        run_folder,
        TrainingRecord(
            recipe=name,
            key="k",
            checkpoint_sha256=sha256(path.read_bytes()).hexdigest(),
            training_set="f",
            mlflow_run_id="r",
            best_step=1,
            best_validation=1.0,
            seconds=1.0,
            pictures_seen=1,
            seed=0,
            extractor=None,
        ),
    )
    return checkpoint_path(lake, name, "k", home / "cache")
