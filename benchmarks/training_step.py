"""A training's step by family of recipes, against the plain networks in eager float32.

    python -m benchmarks training_step             # the families of the table, on the CPU or the GPU
    python -m benchmarks.training_step NAME ...    # any recipes, as a table; "all": every one that learns

On a CPU a step of ours is that of the training loop, at the default parameters, with its batch from memory. The peer
takes the same steps on a batch in memory: contiguous, in float32, with torch's own Adam and glibc's own thresholds of
memory. A GPU's rows are pictures a second, eager and compiled, against the rate of a matrix product in bfloat16 on it.
"""

import ctypes
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.rounds import in_turns
from benchmarks.row import Row, row_of_times
from benchmarks.training_pictures import pairs_of_comics
from benchmarks.untrained import untrained_checkpoint
from models.checkpoint import save_checkpoint
from models.features import Extractor
from models.objective import Batch, Objective
from models.recipes import CLASSIFIERS, DRAFTS, LINE_DETECTOR, RECIPES, Recipe, recipe_of
from pipelines.memory import MMAP_THRESHOLD, TOP_PAD, TRIM_THRESHOLD, keep_freed_memory
from pipelines.training.dependencies import FEATURES
from pipelines.training.loop import _Training
from pipelines.training.params import TrainingParams

TITLES = ("a", "b")
_CLOSE = 0.05
"""How far the first step's losses may be from float32's, as a share: bfloat16 keeps 8 bits."""


@dataclass(frozen=True)
class Family:
    """A recipe that stands for those with the same network, at a size that a CPU trains."""

    recipe: str
    side: int
    batch: int
    target: float | None = 2.0
    why: str = ""
    wait_why: str = ""


_FEW = (
    "few pictures a step: the deep layers read and write all weights for a few pixels. In a profile of webtoon_l2 at "
    "batch 1, convolutions and Adam were 87 % of our step; the other recipes were not profiled"
)
FAMILIES = (
    Family("webtoon_l2", 256, 1, why=_FEW),
    Family("webtoon_adversarial", 256, 1, why=_FEW),
    Family("frames_gan_gray", 128, 16),
    Family("two_stage_pix2pix", 128, 4, why=_FEW),
    Family(
        "ajou_cgan",
        256,
        1,
        why="the discriminator stays in float32, which its noise and its norms over few pixels need, and its noise "
        "is drawn anew in 36 layers a step; in bfloat16 throughout it was 1.7x, and at 32 px on drawn flat pictures "
        "its gradient was infinite",
    ),
    Family(
        "exemplar",
        96,
        12,
        target=None,
        wait_why="a third of it draws hints; random crops leave no values to keep, so a quarter converts to Lab; an "
        "eighth crops",
    ),
)
QUICK = (Family("webtoon_l2", 64, 1, target=None),)
LEARNING = (*(name for name, one in RECIPES.items() if not one.is_untrained), *CLASSIFIERS, *DRAFTS, LINE_DETECTOR.name)
GPU_FAMILIES = tuple(Family(name, recipe_of(name).resolution, recipe_of(name).batch, None) for name in LEARNING)


def run(quick: bool) -> list[Row]:
    """For each family a row of the step, and one of the share of it that waits for the batch."""
    if torch.cuda.is_available():
        return _gpu_rows(QUICK if quick else GPU_FAMILIES)
    rows: list[Row] = []
    for family in QUICK if quick else FAMILIES:
        rows += _cpu_rows(family, rounds=2 if quick else 4)
    return rows


def _cpu_rows(family: Family, *, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        ours = _training(family, Path(name), precision="auto")
        plain = _training(family, Path(name), precision="32-true")
        check_close(ours, plain, family)
        take_plain_step = _plain_step(plain)

        def our_step() -> None:
            keep_freed_memory()  # as `train` does
            _step(ours)

        def plain_step() -> None:
            give_freed_memory_back()
            take_plain_step()

        steps = in_turns({"ours": our_step, "eager float32": plain_step}, rounds=rounds)
        keep_freed_memory()
        waits = in_turns({"ours": lambda: _batch(ours)}, rounds=3 * rounds)
    facts = {"side": family.side, "batch": family.batch, "precision": ours.params.precision}
    name = f"training step: {family.recipe}, {family.side} px, batch {family.batch}"
    pictures = {part: family.batch / times.cpu_s for part, times in steps.items()}
    return [
        row_of_times(
            f"{name}, times as fast as eager float32",
            steps,
            ours="ours",
            peer="eager float32",
            target=family.target,
            better="higher",
            why=family.why,
            facts={**facts, "pictures_per_s": pictures},
        ),
        Row(
            name=f"data wait: {family.recipe}, share of a step",
            ours=f"{waits['ours'].cpu_s * 1e3:.2f} ms",
            peer=f"step {steps['ours'].cpu_s * 1e3:.0f} ms",
            ratio=waits["ours"].cpu_s / (steps["ours"].cpu_s),
            spread=None,
            target=0.01,
            why=family.wait_why,
            facts=facts,
        ),
    ]


def give_freed_memory_back() -> None:
    """Has glibc treat memory as in a process that freed large arrays before: nothing of them is kept beyond 64 MB."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for name, size in ((MMAP_THRESHOLD, 32 << 20), (TRIM_THRESHOLD, 64 << 20), (TOP_PAD, 128 << 10)):
            libc.mallopt(name, size)


def check_close(ours: _Training, plain: _Training, family: Family) -> None:
    """Raises AssertionError where the first losses, of equal weights, batch and random numbers, are far apart."""
    losses: list[dict[str, float]] = []
    for training in (ours, plain):
        batch = _batch(training)
        with training.fabric.autocast():
            torch.manual_seed(1)
            first = next(iter(training.objective.optimizer_steps(batch, 0.0)))
        losses.append({"total": float(first.loss.detach())})
    for name, value in losses[0].items():
        other = losses[1][name]
        if abs(value - other) > _CLOSE * abs(other) + 1e-3:
            raise AssertionError(f"{family.recipe}: the first loss is {value}, {other} in float32")


def _training(family: Family, work: Path, *, precision: Any, compile: bool = False, device: Any = "cpu") -> _Training:
    """A training before its first step; what it builds on is untrained."""
    recipe = recipe_of(family.recipe).resized(resolution=family.side, width=None).fitted(TITLES)
    params = TrainingParams(
        resolution=family.side, batch=family.batch, precision=precision, compile=compile, device=device
    ).on_this_machine()
    pairs = pairs_of_comics(max(8, family.batch), family.side)
    if recipe.arrays == "line" or recipe.task == "draw_lines":
        pairs = type(pairs)(pairs.color, np.repeat(pairs.variant, 5, axis=1), pairs.panel_ids, pairs.titles)
    return _Training(recipe, TITLES, pairs, pairs, params, "f", work, _untrained(recipe, work))


def _untrained(recipe: Recipe, folder: Path) -> dict[str, Path]:
    """Files of untrained networks that a recipe builds on, by role."""
    files: dict[str, Path] = {}
    for need in recipe.needs:
        other = recipe_of(need.recipe).resized(resolution=recipe.resolution, width=None).fitted(TITLES)
        inner = {part.role: recipe_of(part.recipe).fitted(TITLES).objective.network for part in other.needs}
        other = other.built_on(inner)
        files[need.role] = folder / f"{need.recipe}.safetensors"
        save_checkpoint(files[need.role], untrained_checkpoint(other))
    if recipe.extractor:
        files[FEATURES] = folder / f"{recipe.extractor}.safetensors"
        save_file(Extractor(recipe.extractor).stack.state_dict(), files[FEATURES])
    return files


def _batch(training: _Training) -> Batch:
    torch.manual_seed(0)
    return training.train_batches.train_batch(training.train_rows[: training.batch_size])


def _step(training: _Training) -> None:
    """One step as the loop takes it: batch, losses, gradients, their norm, optimizers."""
    training._learn(1, training.train_rows[: training.batch_size], _batch(training))


def _plain_step(training: _Training) -> Callable[[], None]:
    """The same networks without anything of ours: contiguous, float32, Adam without fusion, a batch in memory."""
    objective: Objective = training.objective
    for network in (*objective.networks.values(), *objective.frozen.values()):
        network.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
    batch = _contiguous(_batch(training))
    optimizers = {
        name: torch.optim.Adam(
            [parameter for group in other.param_groups for parameter in group["params"]],
            other.param_groups[0]["lr"],
            other.param_groups[0]["betas"],
        )
        for name, other in training.optimizers.items()
    }

    def step() -> None:
        for taken in objective.optimizer_steps(batch, 0.0):
            optimizers[taken.optimizer].zero_grad()
            taken.loss.backward()
            optimizers[taken.optimizer].step()

    return step


def _contiguous(batch: Batch) -> Batch:
    parts: dict[str, Any] = {
        name: part.contiguous() if isinstance(part, torch.Tensor) else part for name, part in vars(batch).items()
    }
    return Batch(**parts)


# On a GPU.


def _gpu_rows(families: tuple[Family, ...]) -> list[Row]:
    """For each family, eager and compiled: the rate of its operations, as a share of a matrix product's."""
    limit = matrix_rate()
    rows: list[Row] = []
    for family in families:
        for compile in (False, True):
            with tempfile.TemporaryDirectory() as name:
                torch.compiler.reset()  # else what earlier families compiled counts against this one's limit
                training = _training(family, Path(name), precision="auto", compile=compile, device="cuda")
                gflop = _gflop(training) if not compile else rows[-1].facts["gflop_a_step"]
                seconds = _gpu_seconds(training)
            rate = gflop / seconds / 1e3
            rows.append(
                Row(
                    name=f"training step on the GPU: {family.recipe}, {'compiled' if compile else 'eager'}",
                    ours=f"{family.batch / seconds:.0f} pictures/s, {rate:.1f} TFLOP/s",
                    peer=f"matrix product {limit:.0f} TFLOP/s",
                    ratio=rate / limit,
                    spread=None,
                    target=None,
                    better="higher",
                    clock="wall",
                    facts={"pictures_per_s": family.batch / seconds, "gflop_a_step": gflop, "side": family.side},
                )
            )
    return rows


def _gpu_seconds(training: _Training, steps: int = 10) -> float:
    for _ in range(3):  # imports, caches, compilation
        _step(training)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(steps):
        _step(training)
    torch.cuda.synchronize()
    return (time.perf_counter() - started) / steps


def _gflop(training: _Training) -> float:
    with FlopCounterMode(display=False) as counter:
        _step(training)
    return counter.get_total_flops() / 1e9


def matrix_rate(side: int = 8192, device: str = "cuda") -> float:
    """TFLOP/s of a product of square matrices in bfloat16."""
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    best = float("inf")
    for _ in range(5):
        wait()
        started = time.perf_counter()
        torch.mm(left, right)
        wait()
        best = min(best, time.perf_counter() - started)
    return 2 * side**3 / best / 1e12


def table(names: list[str]) -> None:
    """Prints pictures a second of recipes, before (the peer) and after, at sizes that a CPU trains."""
    known = {family.recipe: family for family in FAMILIES}
    for name in LEARNING if names == ["all"] else names:
        family = known.get(name, Family(name, 64, min(4, recipe_of(name).batch)))
        row, wait = _cpu_rows(family, rounds=2)
        rates = row.facts["pictures_per_s"]
        sys.stdout.write(
            f"| {name} | {family.side} | {family.batch} | {rates['eager float32']:.2f} | {rates['ours']:.2f} | "
            f"{row.ratio:.2f} | {100 * wait.ratio:.2f} % |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    torch.set_num_threads(1)
    table(sys.argv[1:])
