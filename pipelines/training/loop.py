"""The training loop: a recipe and arrays in, the result of every step and one checkpoint out.

Reads  the arrays of `Pairs` (memory-mapped or not), the trained networks and extractors that the recipe builds on,
       and `<work>/state.safetensors` of an interrupted run.
Does   takes the recipe's optimizer steps on each batch, validates, draws samples, and yields numbers and pictures.
Writes `<work>/state.safetensors` while it runs (by wall time and at the end), `<work>/checkpoint.safetensors` at
       the end: the weights of the best validation.

What is random at a step (order, augmentation, hints, dropout, noise) is a function of the seed and the step's
number. A resumed run therefore takes the same steps as an uninterrupted one: on a CPU, bit for bit. It repeats the
steps since the last saved state, and their numbers are the same. Under a budget in minutes the clock decides how many
steps there are and when learning rates drop; the minutes of the interrupted parts count.

Several GPUs: under torchrun each process takes its share of every batch, and Lightning Fabric averages the gradients.
Networks are not wrapped by `Fabric.setup`: DistributedDataParallel expects one forward pass before each backward pass,
and an objective takes the steps of several optimizers over shared networks. Batch norm sees the share alone. The first
process validates, yields and saves.
"""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn

from models.build import build_objective
from models.checkpoint import Checkpoint, save_checkpoint
from models.objective import Batch, Objective, OptimizerStep, References, set_learning_rates
from models.old_names import with_earlier_names
from models.recipes import Recipe
from pipelines.images.sampling import evenly_spaced
from pipelines.lake import atomic_write
from pipelines.memory import keep_freed_memory
from pipelines.pairs import Pairs
from pipelines.training.batches import Batches
from pipelines.training.inputs import (
    chosen_titles,
    load_dependencies,
    require_batch_norm_can_work,
    require_devices,
    require_pictures,
    require_same_titles,
)
from pipelines.training.params import EXCLUDED_FROM_KEY, TrainingParams
from pipelines.training.references import grouped_order
from pipelines.training.run_folder import CHECKPOINT, STATE
from pipelines.training.samples import colored_pictures, sample_sheet
from pipelines.training.source_digest import source_digest
from pipelines.training.state import TrainingError, below, load_state, read_state, state_tensors, write_state
from pipelines.training.weight_average import WeightAverage

__all__ = ["StepResult", "TrainingDivergedError", "TrainingError", "TrainingResult", "train"]


_VALIDATION_BATCH = 16  # bounds memory, not results
_MANY_PICTURES = 8  # on a CPU, from so many pictures a step on, weights are channels-last


@dataclass(frozen=True)
class StepResult:
    """Numbers and pictures of one step. Metrics are named by their definition (see `train`)."""

    number: int  # 1, 2, ...
    metrics: Mapping[str, float]
    samples: np.ndarray | None = None  # (rows * R, columns * R, 3) uint8 RGB: see `pipelines.training.samples`
    done: float = 0.0  # finished share of the budget, in (0, 1]


@dataclass(frozen=True)
class TrainingResult:
    """The end of a training."""

    checkpoint: Path
    best_step: int
    best_validation: float
    seconds: float  # of training, over all its interrupted parts
    pictures_seen: int


class TrainingDivergedError(RuntimeError):
    """A loss or a gradient is not finite. The message names recipe, step and number, and the file of the batch."""


@dataclass
class _Progress:
    """The part of a training's state beside its networks and optimizers."""

    step: int = 0  # finished steps
    best_step: int = 0
    best_validation: float = float("inf")
    seconds: float = 0.0
    is_finished: bool = False
    epoch_sums: dict[str, float] = field(default_factory=dict)  # of the metrics of the running epoch
    point_sums: dict[str, tuple[float, int]] = field(default_factory=dict)  # since the curves' last point: sum, steps


def train(
    recipe: Recipe,
    train_pairs: Pairs,
    val_pairs: Pairs,
    *,
    params: TrainingParams,
    fingerprint: str,
    work: Path,
    dependencies: Mapping[str, Path] | None = None,
    before_saving: Callable[[], None] = lambda: None,
) -> Generator[StepResult | TrainingResult, None, None]:
    """Trains one network; yields a StepResult for every step, and a TrainingResult at the end.

    Metrics of a StepResult:
        train/loss_<optimizer>/total, /<term>       terms are before their weights
        train/gradient_norm_<optimizer>             L2 norm over all its parameters, before it is clipped
        train/<sign>                                signs of health, such as accuracy_discriminator/real
                                                    all train/...: means over the steps since the point before; a point
                                                    is at every `params.log_stride` steps and at the last step
        epoch/...                                   the same names: means over the epoch that ends here, for at most
                                                    one epoch in `params.log_stride` steps
        val/<loss>                                  means over the validation pictures; the first decides the best
        val/l1_rgb255, val/l2_rgb255                of colorizers, per pixel-channel on the 0..255 scale, as in Table 1
                                                    of paper 001
        speed/pictures_per_s, speed/data_wait_share of the steps since the last validation

    Args:
        recipe: What to train. `params.resolution` and `params.width` change its size.
        train_pairs: The pictures to learn from, at the training resolution, with the variant `recipe.arrays`. Labels
            count their titles in sorted order. `params.titles` may choose among them.
        val_pairs: The pictures that decide which step is the best, at the same resolution. Where labels are used or
            titles were chosen, pictures of other titles are left out.
        params: Size, pace and machine.
        fingerprint: Fingerprint of the training set, for the checkpoint and for the state.
        work: A folder of this training alone. A state in it is resumed, and removed after the TrainingResult was taken.
        dependencies: By role: the checkpoints of `recipe.needs`, and under "features" the weights of the extractor.
        before_saving: Called before each state is written. What was yielded before is not yielded again, so a caller
            that holds it in memory stores it now.

    Raises TrainingError for arrays or dependencies that do not fit, a batch too small for batch norm, or a state of
    another training; TrainingDivergedError for a loss or a gradient that is not finite.
    """
    params = params.on_this_machine()
    keep_freed_memory()
    titles = chosen_titles(recipe, params, train_pairs)
    recipe = recipe.resized(resolution=params.resolution, width=params.width).fitted(titles)
    require_pictures(recipe, "training", train_pairs)
    require_pictures(recipe, "validation", val_pairs)
    require_devices(recipe, params)
    training = _Training(recipe, titles, train_pairs, val_pairs, params, fingerprint, work, dependencies or {})
    return training.run(before_saving)


class _Training:
    """One training: networks, optimizers and progress."""

    def __init__(
        self,
        recipe: Recipe,
        titles: tuple[str, ...],
        train_pairs: Pairs,
        val_pairs: Pairs,
        params: TrainingParams,
        fingerprint: str,
        work: Path,
        dependencies: Mapping[str, Path],
    ) -> None:
        built_on = load_dependencies(recipe, params, dependencies)
        specs: dict[str, Any] = {role: network.spec for role, network in built_on.items()}
        self.recipe = recipe = recipe.built_on(specs)
        require_same_titles(recipe, titles, built_on)
        self.params = params
        self.work = work
        self.identity = {
            "recipe": with_earlier_names(recipe.to_json()),
            "fingerprint": fingerprint,
            "params": params.model_dump(exclude=EXCLUDED_FROM_KEY),
            "extractor": params.extractor_of(recipe),
            "dependencies": {
                role: sha256(Path(path).read_bytes()).hexdigest() for role, path in sorted(dependencies.items())
            },
        }
        self.fingerprint = fingerprint
        self.train_pairs = train_pairs
        self.val_pairs = val_pairs
        self.train_rows = np.flatnonzero(np.isin(train_pairs.titles, titles))
        self.batch_size = min(params.batch or recipe.batch, len(self.train_rows))
        if self.batch_size % params.devices:
            raise TrainingError(
                f"{recipe.name}: a batch of {self.batch_size} pictures does not divide among {params.devices} devices"
            )
        self.steps = ceil(params.pictures / self.batch_size) if params.pictures else params.steps or recipe.steps
        self.epoch_steps = len(self.train_rows) // self.batch_size  # a remainder is left out of this epoch
        if self.batch_size == params.devices:
            require_batch_norm_can_work(recipe, built_on, pictures=len(self.train_rows))
        of_these_titles = recipe.with_label or bool(params.titles)
        known = np.flatnonzero(np.isin(val_pairs.titles, titles)) if of_these_titles else np.arange(len(val_pairs))
        if not len(known):
            raise TrainingError(
                f"{recipe.name}: no validation picture is of a title that training knows: {', '.join(titles)}"
            )
        self.val_rows = known[evenly_spaced(len(known), params.validation_pictures)]
        self.sample_rows = known[evenly_spaced(len(known), params.sample_pictures)]

        several = {"strategy": "ddp"} if params.devices > 1 else {}
        self.fabric = Fabric(accelerator=params.device, devices=params.devices, precision=params.precision, **several)  # pyright: ignore[reportArgumentType]
        self.fabric.launch()
        device = self.fabric.device
        self.train_batches = Batches(recipe, train_pairs, device, titles)
        self.val_batches = Batches(recipe, val_pairs, device, titles)
        torch.manual_seed(_seed(params.seed, "initialization", 0))
        self.objective: Objective = build_objective(recipe.objective, built_on)
        self.networks = self.objective.networks
        layout = weights_layout(device, self.batch_size)
        for network in (*self.networks.values(), *self.objective.frozen.values()):
            network.to(device, memory_format=layout)  # pyright: ignore[reportCallIssue]
        for network in self.objective.frozen.values():
            network.requires_grad_(False).eval()
        if params.compile:
            for network in self.networks.values():
                network.compile()
        self.optimizers = self.objective.optimizers()
        self.progress = _Progress()
        self._orders: dict[int, np.ndarray] = {}
        self.best_weights: dict[str, Tensor] = {}
        self.average = WeightAverage(self._model, params.ema)

    @property
    def _model(self) -> nn.Module:
        return self.networks[self.objective.model]

    def run(self, before_saving: Callable[[], None]) -> Generator[StepResult | TrainingResult, None, None]:
        """Resumes, trains, yields; see `train`."""
        self.work.mkdir(parents=True, exist_ok=True)
        self._resume()
        leads = self.fabric.global_rank == 0
        saved_at = time.monotonic()
        window_s, wait_s, window_pictures = 0.0, 0.0, 0
        while not self.progress.is_finished:
            started = time.monotonic()
            number = self.progress.step + 1
            torch.manual_seed(_seed(self.params.seed, "step", number) + self.fabric.global_rank)
            rows = self._rows(number)
            batch = self.train_batches.train_batch(rows)
            waited = time.monotonic() - started
            learned = self._learn(number, rows, batch)
            self.progress.step = number
            elapsed = time.monotonic() - started
            self.progress.seconds = self._agreed(self.progress.seconds + elapsed)
            done = self._done()
            is_last = self.progress.is_finished = done >= 1
            metrics = self._point(number, learned, is_last=is_last) | self._epoch_means(number, learned)
            if not leads:
                continue
            window_s, wait_s = window_s + elapsed, wait_s + waited
            window_pictures += self.batch_size
            learned_at = time.monotonic()
            if is_last or number % self.params.validate_every == 0:
                metrics |= self._validate(number)
                metrics["speed/pictures_per_s"] = window_pictures / window_s
                metrics["speed/data_wait_share"] = wait_s / window_s
                window_s, wait_s, window_pictures = 0.0, 0.0, 0
            samples = self._samples() if is_last or number % self.params.sample_every == 0 else None
            self.progress.seconds += time.monotonic() - learned_at
            yield StepResult(number, metrics, samples, min(done, 1.0))
            if is_last or time.monotonic() - saved_at >= self.params.checkpoint_every_s:
                before_saving()
                self._save_state()
                saved_at = time.monotonic()
        if leads:
            yield TrainingResult(
                checkpoint=self._save_checkpoint(),
                best_step=self.progress.best_step,
                best_validation=self.progress.best_validation,
                seconds=self.progress.seconds,
                pictures_seen=self.progress.step * self.batch_size,
            )
            # Only now: a caller that is interrupted while it stores the result gets it again.
            (self.work / STATE).unlink()
        self.fabric.barrier()  # the other processes go on when the result is stored

    def _done(self) -> float:
        """The finished share of the budget."""
        if self.params.minutes:
            return self.progress.seconds / 60 / self.params.minutes
        return self.progress.step / self.steps

    def _agreed(self, seconds: float) -> float:
        """The first process's seconds, for all processes: all must end with the same step."""
        return self.fabric.broadcast(seconds) if self.params.devices > 1 and self.params.minutes else seconds

    def _rows(self, number: int) -> np.ndarray:
        """This process's rows at a step (1, 2, ...): a function of seed and number alone."""
        epoch, position = divmod(number - 1, self.epoch_steps)
        order = self._epoch_order(epoch)
        rows = self.train_rows[order[position * self.batch_size : (position + 1) * self.batch_size]]
        return rows[self.fabric.global_rank :: self.params.devices]

    def _epoch_order(self, epoch: int) -> np.ndarray:
        """The order of the training pictures in an epoch; in groups where they are references of each other."""
        if epoch not in self._orders:
            generator = np.random.default_rng(_seed(self.params.seed, "order", epoch))
            if self.recipe.references:
                panel_ids = [self.train_pairs.panel_ids[row] for row in self.train_rows]
                order = grouped_order(panel_ids, self.recipe.references, generator)
            else:
                order = generator.permutation(len(self.train_rows))
            self._orders = {epoch: order}
        return self._orders[epoch]

    def _learn(self, number: int, rows: np.ndarray, batch: Batch) -> dict[str, float]:
        """Takes the objective's optimizer steps on one batch; returns their numbers."""
        measured: dict[str, Tensor] = {}
        done = self._done()
        for optimizer_step in self._optimizer_steps(batch, done):
            name = f"train/loss_{optimizer_step.optimizer}"
            measured[f"{name}/total"] = optimizer_step.loss.detach()
            measured |= {f"{name}/{part}": value.detach() for part, value in optimizer_step.parts.items()}
            measured |= {f"train/{sign}": value.detach() for sign, value in optimizer_step.health.items()}
            optimizer = self.optimizers[optimizer_step.optimizer]
            optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(optimizer_step.loss)
            measured[f"train/gradient_norm_{optimizer_step.optimizer}"] = self._prepare_gradients(optimizer)
            set_learning_rates(optimizer, done)
            optimizer.step()
        self.average.update()
        values = torch.stack([value.float() for value in measured.values()])
        self.fabric.all_reduce(values, reduce_op="mean")  # in place
        metrics = dict(zip(measured, values.tolist(), strict=True))  # the only wait for the device in a step
        for name, value in metrics.items():
            if not isfinite(value) and (name.endswith("/total") or "gradient_norm" in name):
                raise self._diverged(number, name, value, rows, batch)
        return metrics

    def _optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The objective's optimizer steps, each computed in the precision of the parameters."""
        optimizer_steps = self.objective.optimizer_steps(batch, done)
        while True:
            with self.fabric.autocast():
                optimizer_step = next(optimizer_steps, None)
            if optimizer_step is None:
                return
            yield optimizer_step

    def _prepare_gradients(self, optimizer: torch.optim.Optimizer) -> Tensor:
        """Averages gradients over the processes and clips them; returns their norm before clipping."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if self.params.devices > 1:
            self._average_gradients(parameters)
        norm = nn.utils.get_total_norm(p.grad for p in parameters if p.grad is not None)
        if self.params.clip_norm:
            nn.utils.clip_grads_with_norm_(parameters, self.params.clip_norm, norm)
        return norm

    def _average_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Replaces gradients by their means over all processes, in one message."""
        parameters = [parameter for parameter in parameters if parameter.requires_grad]
        # All processes must send equally long messages, also where a parameter was not used.
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        mean = torch.cat([gradient.reshape(-1) for gradient in gradients])
        self.fabric.all_reduce(mean, reduce_op="mean")  # in place
        parts = mean.split([gradient.numel() for gradient in gradients])
        for parameter, gradient, part in zip(parameters, gradients, parts, strict=True):
            parameter.grad = gradient.copy_(part.view_as(gradient))

    def _diverged(self, number: int, what: str, value: float, rows: np.ndarray, batch: Batch) -> TrainingDivergedError:
        path = self.work / f"diverged_at_{number}.safetensors"
        kept = {
            "rows": torch.from_numpy(rows),
            **{name: part for name, part in vars(batch).items() if isinstance(part, Tensor)},
            **_pictures_of(batch.references),
        }
        panel_ids = [self.train_pairs.panel_ids[row] for row in rows]
        with atomic_write(path) as temporary:
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in kept.items()},
                str(temporary),
                {"panel_ids": json.dumps(panel_ids)},
            )
        return TrainingDivergedError(
            f"{self.recipe.name}: {what} is {value} at step {number}; its batch is kept in {path}. Lower the "
            "learning rate under a new recipe name, set clip_norm, or train with precision 32-true"
        )

    def _point(self, number: int, metrics: Mapping[str, float], *, is_last: bool) -> dict[str, float]:
        """Adds a step's metrics to the next point of the curves; returns the means where the point is due."""
        sums = self.progress.point_sums
        for name, value in metrics.items():
            total, steps = sums.get(name, (0.0, 0))
            sums[name] = (total + value, steps + 1)
        if number % self.params.log_stride(number) and not is_last:
            return {}
        means = {name: total / steps for name, (total, steps) in sums.items()}
        sums.clear()
        return means

    def _epoch_means(self, number: int, metrics: Mapping[str, float]) -> dict[str, float]:
        """Adds a step's metrics to the epoch's; returns the means at the end of an epoch.

        A short epoch that lies between two points of the curves has none.
        """
        sums = self.progress.epoch_sums
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0.0) + value
        if number % self.epoch_steps:
            return {}
        means = {name.replace("train/", "epoch/", 1): total / self.epoch_steps for name, total in sums.items()}
        sums.clear()
        stride = self.params.log_stride(number)
        return means if number // stride > (number - self.epoch_steps) // stride else {}

    def _validate(self, number: int) -> dict[str, float]:
        """Validation losses of the model; keeps its weights where they are the best so far."""
        sums: dict[str, float] = {}
        with self.average.applied():
            for start in range(0, len(self.val_rows), _VALIDATION_BATCH):
                rows = self.val_rows[start : start + _VALIDATION_BATCH]
                for name, loss in self._distances(rows).items():
                    sums[name] = sums.get(name, 0.0) + loss * len(rows)
            means = {f"val/{name}": total / len(self.val_rows) for name, total in sums.items()}
            deciding = next(iter(means.values()))
            if not isfinite(deciding):
                raise TrainingDivergedError(
                    f"{self.recipe.name}: {next(iter(means))} is {deciding} at step {number}. Lower the learning "
                    "rate under a new recipe name, set clip_norm, or train with precision 32-true"
                )
            if deciding < self.progress.best_validation:
                self.progress.best_step, self.progress.best_validation = number, deciding
                weights = self._model.state_dict()
                self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
        return means

    def _distances(self, rows: np.ndarray) -> dict[str, float]:
        batch, output = self._evaluated(rows)
        with torch.no_grad():
            distances = {name: float(loss) for name, loss in self.objective.distances(output, batch).items()}
        if self.recipe.task != "colorize":
            return distances
        pictures = colored_pictures(self.recipe, output, self._val_variant(rows))
        difference = pictures.astype(np.float64) - np.asarray(self.val_pairs.color[rows])
        return {
            **distances,
            "l1_rgb255": float(np.abs(difference).mean()),
            "l2_rgb255": float(np.square(difference).mean()),
        }

    @torch.no_grad()
    def _evaluated(self, rows: np.ndarray) -> tuple[Batch, Tensor]:
        """Validation pictures and the model's output for them, in float32 as in use, whatever the training's precision.

        So the judged numbers carry no rounding that others would not see.
        """
        batch = self.val_batches.eval_batch(rows)
        return batch, self.objective.output(batch)

    def _val_variant(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.val_pairs.variant[rows, self.val_batches.eval_styles(rows)])

    def _samples(self) -> np.ndarray | None:
        if self.recipe.task == "tell_title":
            return None
        rows = self.sample_rows
        with self.average.applied():
            batch, output = self._evaluated(rows)
        if not self.objective.output_sees_hints:
            batch = replace(batch, hint=None)
        return sample_sheet(self.recipe, batch, output, self._val_variant(rows), np.asarray(self.val_pairs.color[rows]))

    def _save_state(self) -> None:
        write_state(
            self.work / STATE,
            identity=self.identity,
            progress=vars(self.progress),
            tensors={
                **state_tensors(self.networks, self.optimizers),
                **{f"average.{name}": tensor for name, tensor in self.average.tensors.items()},
                **{f"best.{name}": tensor for name, tensor in self.best_weights.items()},
            },
        )

    def _resume(self) -> None:
        """Loads the state of an interrupted run, if there is one."""
        path = self.work / STATE
        if not path.exists():
            return
        progress, tensors = read_state(path, self.identity)
        try:
            load_state(self.networks, self.optimizers, tensors)
            for name, mean in below("average.", tensors).items():
                self.average.tensors[name].copy_(mean)
            self.progress = _Progress(**progress)
        except (KeyError, TypeError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise TrainingError(f"{path}: does not fit this training ({reason}); remove it to start anew") from None
        self.best_weights = below("best.", tensors)

    def _save_checkpoint(self) -> Path:
        path = self.work / CHECKPOINT
        checkpoint = Checkpoint(
            weights=self.best_weights,
            network=self.recipe.objective.network,
            recipe=self.recipe.to_json(),
            fingerprint=self.fingerprint,
            source_digest=source_digest(),
            seed=self.params.seed,
            step=self.progress.best_step,
            resolution=self.recipe.resolution,
        )
        with atomic_write(path) as temporary:
            save_checkpoint(Path(str(temporary)), checkpoint)
        return path


def weights_layout(device: torch.device, pictures: int) -> torch.memory_format:
    """How the weights of convolutions lie in memory, for so many pictures a step. Pictures are channels-last always.

    GPUs multiply in channels-last. A CPU's convolutions reorder each weight at each use, in channels-last the slower:
    U-Nets of 50 million weights take 1.4 to 1.7 times as long at one picture a step. With many pictures the weights'
    share is small and the layers are 1.1 times faster (`python -m benchmarks training_step`).
    """
    is_small = device.type == "cpu" and pictures < _MANY_PICTURES
    return torch.contiguous_format if is_small else torch.channels_last


def _pictures_of(references: References | None) -> dict[str, Tensor]:
    if references is None:
        return {}
    return {"references.lightness": references.lightness, "references.colors": references.colors}


def _seed(seed: int, purpose: str, number: int) -> int:
    """One independent 62-bit seed for each purpose and number."""
    digest = sha256(f"{seed}:{purpose}:{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2
