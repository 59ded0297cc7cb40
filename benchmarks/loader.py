"""The loader of trainings: batches of pictures in memory, against a copy of the same bytes and against PNG files.

    python -m benchmarks loader

What a step waits for its batch is measured with the steps: `python -m benchmarks training_step`.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.rounds import in_turns
from benchmarks.row import Row, row_of_times
from benchmarks.training_pictures import pairs_of_comics
from models.recipe import Augmentation, Recipe
from models.recipes import RECIPES
from pipelines.images.color import rgb_to_gray
from pipelines.training.batches import Batches

SIDE, BATCH = 256, 16
CPU = torch.device("cpu")


class PngFiles(Dataset):
    """Colour pictures as PNG files: what a loader without arrays reads. Gives gray and RGB in [-1, 1]."""

    def __init__(self, folder: Path, pictures: np.ndarray) -> None:
        self._paths = [folder / f"{number}.png" for number in range(len(pictures))]
        for path, picture in zip(self._paths, pictures, strict=True):
            cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        rgb = cv2.imread(str(self._paths[place]), cv2.IMREAD_COLOR_RGB)
        assert rgb is not None
        gray = torch.from_numpy(rgb_to_gray(rgb))[None]
        return gray.float() / 127.5 - 1, torch.from_numpy(rgb).permute(2, 0, 1).float() / 127.5 - 1


def run(quick: bool) -> list[Row]:
    """A row against a copy in memory, one with mirrored pictures, and one against a `DataLoader` over PNG files."""
    pairs = pairs_of_comics(32 if quick else 128, SIDE)
    recipe = RECIPES["frames_gan_gray"].resized(resolution=SIDE, width=None)
    rounds = 3 if quick else 15
    order = np.random.default_rng(0).permutation(len(pairs))
    steps = [np.sort(order[at : at + BATCH]) for at in range(0, len(order), BATCH)]
    still = _loader(replace(recipe, augmentation=Augmentation(flip=0.0)), len(pairs))
    mirrored = _loader(recipe, len(pairs))
    batch = still.train_batch(steps[0])
    held = [batch.condition.clone(), batch.target.clone()]
    with tempfile.TemporaryDirectory() as name:
        files = PngFiles(Path(name), pairs.color)
        for place, row in enumerate(steps[0]):
            gray, color = files[int(row)]
            torch.testing.assert_close(batch.condition[place], gray, atol=1e-6, rtol=0)
            torch.testing.assert_close(batch.target[place], color, atol=1e-6, rtol=0)
        loader = DataLoader(files, batch_size=BATCH, shuffle=True)
        parts = {
            "ours": lambda: _all(still.train_batch(rows) for rows in steps),
            "ours, mirrored": lambda: _all(mirrored.train_batch(rows) for rows in steps),
            "memcpy": lambda: _all([part.clone() for part in held] for _ in steps),
            "DataLoader over PNG": lambda: _all(loader),
        }
        times = in_turns({name: parts[name] for name in list(parts)[:3]}, rounds=rounds)
        against_files = in_turns(
            {name: parts[name] for name in ("ours, mirrored", "DataLoader over PNG")}, rounds=max(2, rounds // 5)
        )
    bytes_a_batch = sum(part.nbytes for part in held)
    facts = {"side": SIDE, "batch": BATCH, "pictures": len(pairs), "bytes_a_batch": bytes_a_batch}
    return [
        row_of_times(
            "loader: a batch without conversion, share of memcpy",
            times,
            ours="ours",
            peer="memcpy",
            target=0.7,
            better="higher",
            facts=facts,
        ),
        row_of_times(
            "loader: a batch with mirrored pictures, share of memcpy",
            times,
            ours="ours, mirrored",
            peer="memcpy",
            target=None,
            better="higher",
            facts=facts,
        ),
        row_of_times(
            "loader: times as fast as a DataLoader over PNG files",
            against_files,
            ours="ours, mirrored",
            peer="DataLoader over PNG",
            target=None,
            better="higher",
            facts=facts,
        ),
    ]


def _all(batches: Iterable[object]) -> None:
    """Takes all, and lets each go before the next but one comes, as a training does."""
    for _ in batches:
        pass


def _loader(recipe: Recipe, pictures: int) -> Batches:
    """A loader whose pictures were all read once."""
    batches = Batches(recipe, pairs_of_comics(pictures, SIDE), CPU)
    batches.train_batch(np.arange(pictures))
    return batches
