"""The training loop: a recipe and arrays in, facts and one checkpoint out.

Reads  the arrays of `Pairs` (memory-mapped or not), the trained networks and extractors that the recipe builds on,
       and `<work>/state.safetensors` of an interrupted run.
Does   takes the recipe's turns on each batch, validates, draws samples, and yields every number and picture.
Writes `<work>/state.safetensors` while it runs (by wall time and at the end), `<work>/checkpoint.safetensors` at
       the end: the weights of the best validation.

What is random at a step (order, augmentation, hints, dropout, noise) is a function of the seed and the step's
number, so a resumed run takes the very steps that the interrupted one would have taken: on a CPU, bit for bit. The
steps since the last saved state are taken again; their numbers are the same, so logging them again changes nothing.
Under a budget in minutes the clock decides how many steps there are and when learning rates drop; the minutes of
the interrupted parts count.

Several GPUs: under torchrun each process takes its share of every batch and the gradients are averaged. Batch norm
then sees the share alone, as in PyTorch's DistributedDataParallel; the first process validates, yields and saves.
"""

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from hashlib import sha256
from math import ceil, isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from models.build import build_objective
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.features import load_extractor
from models.objective import Batch, Objective, OptimizerStep, set_learning_rates
from models.recipes import Recipe
from pipelines.images.sampling import evenly_spaced
from pipelines.lake import atomic_write
from pipelines.pairs import Pairs
from pipelines.training.batches import Batches, blank_batch
from pipelines.training.params import TrainingParams
from pipelines.training.samples import colored_pictures, sample_sheet
from pipelines.training.state import TrainingError, below, load_state, read_state, state_tensors, write_state

__all__ = ["Step", "Trained", "TrainingDivergedError", "TrainingError", "code_version", "train"]

STATE_NAME = "state.safetensors"
CHECKPOINT_NAME = "checkpoint.safetensors"

FEATURES = "features"
"""The role of a feature extractor among the needs of a recipe."""

_VALIDATION_BATCH = 16  # bounds memory, not results


@dataclass(frozen=True)
class Step:
    """What one step has shown. Metrics are named by their definition (see `train`)."""

    number: int  # 1, 2, ...
    metrics: Mapping[str, float]
    samples: np.ndarray | None = None  # (rows * R, columns * R, 3) uint8 RGB: see `pipelines.training.samples`
    done: float = 0.0  # share of the budget that is behind, in (0, 1]


@dataclass(frozen=True)
class Trained:
    """The end of a training."""

    checkpoint: Path
    best_step: int
    best_validation: float
    seconds: float  # of training, over all its interrupted parts
    pictures_seen: int


class TrainingDivergedError(RuntimeError):
    """A loss or a gradient is no longer a finite number. The message names recipe, step and which, and where the
    batch lies.
    """


@dataclass
class _Progress:
    """What a training remembers beside its networks and optimizers."""

    step: int = 0  # finished steps
    best_step: int = 0
    best_validation: float = float("inf")
    seconds: float = 0.0
    is_finished: bool = False
    epoch_sums: dict[str, float] = field(default_factory=dict)  # of the metrics of the running epoch


def train(
    recipe: Recipe,
    train_pairs: Pairs,
    val_pairs: Pairs,
    *,
    params: TrainingParams,
    fingerprint: str,
    work: Path,
    needs: Mapping[str, Path] | None = None,
    before_saving: Callable[[], None] = lambda: None,
) -> Generator[Step | Trained, None, None]:
    """Trains one network; yields a Step for every step, and Trained as the last fact.

    Metrics of a Step:
        train/loss_<optimizer>/total, /<term>       of this batch; terms are before their weights
        train/gradient_norm_<optimizer>             L2 norm over all its parameters, before it is clipped
        train/<sign>                                signs of health, such as accuracy_discriminator/real
        epoch/...                                   the same names: means over the epoch that ends here
        val/<loss>                                  means over the validation pictures; the first decides the best
        val/l1_rgb255, val/l2_rgb255                of colorizers, per pixel-channel on the 0..255 scale, as paper
                                                    001's Table 1
        speed/pictures_per_s, speed/data_wait_share of the steps since the last validation

    Args:
        recipe: What to train. `rule.resolution` and `rule.width` change its size.
        train_pairs: The pictures to learn from, at the training resolution, with the variant `recipe.arrays`. Their
            titles, sorted, are what labels count. `rule.titles` may choose among them.
        val_pairs: The pictures that decide which step is the best, at the same resolution. Where labels are used or
            titles were chosen, those of other titles are left out.
        rule: Size, pace and machine.
        fingerprint: Of the training set, for the checkpoint and for the state.
        work: A folder of this training alone; a state in it is resumed, and removed after Trained was taken.
        needs: By role: the checkpoints of `recipe.needs`, and under "features" the weights of the extractor.
        before_saving: Called before each state is written: what was yielded so far will not be yielded again, so
            whoever keeps it in memory stores it now.

    Raises TrainingError for arrays or needs that do not fit, a batch too small for batch norm, or a state of another
    training; TrainingDivergedError for a loss or a gradient that is not finite.
    """
    titles = _chosen_titles(recipe, params, train_pairs)
    recipe = recipe.resized(resolution=params.resolution, width=params.width).fitted(titles)
    _require_pictures(recipe, "training", train_pairs)
    _require_pictures(recipe, "validation", val_pairs)
    if params.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(f"{recipe.name}: device is 'cuda', but torch sees no GPU; set device to 'auto' or 'cpu'")
    if params.devices > 1 and not torch.distributed.is_torchelastic_launched():
        raise TrainingError(
            f"{recipe.name}: devices is {params.devices}, which needs as many processes: start them by "
            f"`torchrun --nproc-per-node={params.devices} ...`, or set devices to 1"
        )
    return _Training(recipe, titles, train_pairs, val_pairs, params, fingerprint, work, needs or {}).run(before_saving)


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
        needs: Mapping[str, Path],
    ) -> None:
        built_on = _needed_networks(recipe, params, needs)
        specs: dict[str, Any] = {role: network.spec for role, network in built_on.items()}
        self.recipe = recipe = recipe.built_on(specs)
        _require_same_titles(recipe, titles, built_on)
        self.params = params
        self.work = work
        self.identity = {
            "recipe": recipe.to_json(),
            "fingerprint": fingerprint,
            # Where the extractor's file lies changes nothing, and its digest is among the needs.
            "rule": params.model_dump(exclude={"extractor", "weights"}),
            "extractor": (params.extractor or recipe.extractor) if recipe.extractor else None,
            "needs": {role: sha256(Path(path).read_bytes()).hexdigest() for role, path in sorted(needs.items())},
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
        self.epoch_steps = len(self.train_rows) // self.batch_size  # a remainder waits for the next epoch's order
        if self.batch_size == params.devices:
            _require_batch_norm_can_work(recipe, built_on, pictures=len(self.train_rows))
        are_told = recipe.with_label or bool(params.titles)
        known = np.flatnonzero(np.isin(val_pairs.titles, titles)) if are_told else np.arange(len(val_pairs))
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
        for network in (*self.networks.values(), *self.objective.frozen.values()):
            # What tensor cores read; on a CPU it makes the U-Net of pix2pix a fifth faster.
            network.to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        for network in self.objective.frozen.values():
            network.requires_grad_(False).eval()
        if params.compile:
            for network in self.networks.values():
                network.compile()
        self.optimizers = self.objective.optimizers()
        self.progress = _Progress()
        self.best_weights: dict[str, Tensor] = {}
        learning = {name: tensor for name, tensor in self._model.named_parameters() if tensor.requires_grad}
        self.average = {name: tensor.detach().clone() for name, tensor in learning.items()} if params.ema else {}

    @property
    def _model(self) -> nn.Module:
        return self.networks[self.objective.model]

    def run(self, before_saving: Callable[[], None]) -> Generator[Step | Trained, None, None]:
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
            metrics = self._learn(number, rows, batch)
            metrics |= self._epoch_means(number, metrics)
            self.progress.step = number
            elapsed = time.monotonic() - started
            self.progress.seconds = self._agreed(self.progress.seconds + elapsed)
            done = self._done()
            is_last = self.progress.is_finished = done >= 1
            if not leads:
                continue
            window_s, wait_s = window_s + elapsed, wait_s + waited
            window_pictures += self.batch_size
            looked = time.monotonic()
            if is_last or number % self.params.validate_every == 0:
                metrics |= self._validate(number)
                metrics["speed/pictures_per_s"] = window_pictures / window_s
                metrics["speed/data_wait_share"] = wait_s / window_s
                window_s, wait_s, window_pictures = 0.0, 0.0, 0
            samples = self._samples() if is_last or number % self.params.sample_every == 0 else None
            self.progress.seconds += time.monotonic() - looked
            yield Step(number, metrics, samples, min(done, 1.0))
            if is_last or time.monotonic() - saved_at >= self.params.checkpoint_every_s:
                before_saving()
                self._save_state()
                saved_at = time.monotonic()
        if not leads:
            return
        path = self._save_checkpoint()
        yield Trained(
            checkpoint=path,
            best_step=self.progress.best_step,
            best_validation=self.progress.best_validation,
            seconds=self.progress.seconds,
            pictures_seen=self.progress.step * self.batch_size,
        )
        # Only now: whoever is interrupted while it stores the result finds it again.
        (self.work / STATE_NAME).unlink()

    def _done(self) -> float:
        """Share of the budget that is behind."""
        if self.params.minutes:
            return self.progress.seconds / 60 / self.params.minutes
        return self.progress.step / self.steps

    def _agreed(self, seconds: float) -> float:
        """The first process's clock: all must end with the same step."""
        return self.fabric.broadcast(seconds) if self.params.devices > 1 and self.params.minutes else seconds

    def _rows(self, number: int) -> np.ndarray:
        """This process's rows at a step (1, 2, ...): a function of seed and number alone."""
        epoch, position = divmod(number - 1, self.epoch_steps)
        order = _epoch_order(len(self.train_rows), self.params.seed, epoch)
        rows = self.train_rows[order[position * self.batch_size : (position + 1) * self.batch_size]]
        return rows[self.fabric.global_rank :: self.params.devices]

    def _learn(self, number: int, rows: np.ndarray, batch: Batch) -> dict[str, float]:
        """Takes the objective's turns on one batch."""
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
        self._average_weights()
        values = torch.stack([value.float() for value in measured.values()])
        if self.params.devices > 1:
            values = _mean_over_processes(values)
        metrics = dict(zip(measured, values.tolist(), strict=True))  # the one time that the device is waited for
        for name, value in metrics.items():
            if not isfinite(value) and (name.endswith("/total") or "gradient_norm" in name):
                raise self._diverged(number, name, value, rows, batch)
        return metrics

    def _optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The objective's turns, each computed in the precision of the rule."""
        optimizer_steps = self.objective.optimizer_steps(batch, done)
        while True:
            with self.fabric.autocast():
                optimizer_step = next(optimizer_steps, None)
            if optimizer_step is None:
                return
            yield optimizer_step

    def _prepare_gradients(self, optimizer: torch.optim.Optimizer) -> Tensor:
        """Averages gradients over the processes, clips them; their norm before that."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        if self.params.devices > 1:
            _average_gradients(parameters)
        norm = nn.utils.get_total_norm(p.grad for p in parameters if p.grad is not None)
        if self.params.clip_norm:
            nn.utils.clip_grads_with_norm_(parameters, self.params.clip_norm, norm)
        return norm

    def _average_weights(self) -> None:
        """The average follows the weights. Statistics of batch norm stay those of the last step."""
        if self.average:
            weights = dict(self._model.named_parameters())
            average = get_ema_multi_avg_fn(self.params.ema)
            average(list(self.average.values()), [weights[name] for name in self.average], 0)

    @contextmanager
    def _eval_with_ema(self) -> Iterator[None]:
        """The product as it is judged and kept: in evaluation mode, and with its averaged weights."""
        model = self._model
        self._exchange_average()
        model.eval()
        try:
            yield
        finally:
            model.train()
            self._exchange_average()

    def _exchange_average(self) -> None:
        weights = dict(self._model.named_parameters())
        for name, mean in self.average.items():
            weights[name].data, self.average[name] = mean, weights[name].data

    def _diverged(self, number: int, what: str, value: float, rows: np.ndarray, batch: Batch) -> TrainingDivergedError:
        path = self.work / f"diverged_at_{number}.safetensors"
        kept = {
            "rows": torch.from_numpy(rows),
            **{name: part for name, part in vars(batch).items() if part is not None},
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

    def _epoch_means(self, number: int, metrics: Mapping[str, float]) -> dict[str, float]:
        """Adds a step's metrics to the epoch's; at the end of an epoch, their means."""
        sums = self.progress.epoch_sums
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0.0) + value
        if number % self.epoch_steps:
            return {}
        means = {name.replace("train/", "epoch/", 1): total / self.epoch_steps for name, total in sums.items()}
        sums.clear()
        return means

    def _validate(self, number: int) -> dict[str, float]:
        """Validation losses of the product as it is used, and the best weights kept."""
        sums: dict[str, float] = {}
        with self._eval_with_ema():
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
        batch, output = self._given(rows)
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
    def _given(self, rows: np.ndarray) -> tuple[Batch, Tensor]:
        """Validation pictures, and what the product gives for them."""
        batch = self.val_batches.eval_batch(rows)
        with self.fabric.autocast():
            return batch, self.objective.output(batch).float()

    def _val_variant(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.val_pairs.variant[rows, self.val_batches.eval_styles(rows)])

    def _samples(self) -> np.ndarray | None:
        if self.recipe.task == "tell_title":
            return None
        rows = self.sample_rows
        with self._eval_with_ema():
            batch, output = self._given(rows)
        if not self.objective.output_sees_hints:
            batch = replace(batch, hint=None)
        return sample_sheet(self.recipe, batch, output, self._val_variant(rows), np.asarray(self.val_pairs.color[rows]))

    def _save_state(self) -> None:
        write_state(
            self.work / STATE_NAME,
            identity=self.identity,
            progress=vars(self.progress),
            tensors={
                **state_tensors(self.networks, self.optimizers),
                **{f"average.{name}": tensor for name, tensor in self.average.items()},
                **{f"best.{name}": tensor for name, tensor in self.best_weights.items()},
            },
        )

    def _resume(self) -> None:
        """Takes up the state of an interrupted run, if there is one."""
        path = self.work / STATE_NAME
        if not path.exists():
            return
        progress, tensors = read_state(path, self.identity)
        load_state(self.networks, self.optimizers, tensors)
        for name, mean in below("average.", tensors).items():
            self.average[name].copy_(mean)
        self.best_weights = below("best.", tensors)
        self.progress = _Progress(**progress)

    def _save_checkpoint(self) -> Path:
        path = self.work / CHECKPOINT_NAME
        checkpoint = Checkpoint(
            weights=self.best_weights,
            network=self.recipe.objective.network,
            recipe=self.recipe.to_json(),
            fingerprint=self.fingerprint,
            code_version=code_version(),
            seed=self.params.seed,
            step=self.progress.best_step,
            resolution=self.recipe.resolution,
        )
        with atomic_write(path) as temporary:
            save_checkpoint(Path(str(temporary)), checkpoint)
        return path


@cache
def code_version() -> str:
    """Digest (12 hex digits) of the sources that decide what a training gives: `models` and this stage's modules."""
    root = Path(__file__).parents[2]
    sources = [
        *sorted((root / "models").rglob("*.py")),
        root / "pipelines" / "images" / "color.py",
        *(Path(__file__).with_name(f"{name}.py") for name in ("batches", "loop", "params", "state")),
    ]
    return sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _needed_networks(recipe: Recipe, params: TrainingParams, needs: Mapping[str, Path]) -> dict[str, nn.Module]:
    """The trained networks and the extractor that a recipe builds on, by role: in evaluation mode, without gradient."""
    roles = [need.role for need in recipe.needs] + ([FEATURES] if recipe.extractor else [])
    missing = {need.role: f"{need.role} (recipe {need.recipe})" for need in recipe.needs}
    missing = [missing.get(role, f"{role} (weights of an extractor)") for role in roles if role not in needs]
    if missing:
        raise TrainingError(f"{recipe.name}: builds on {', '.join(missing)}; train it first and give its file")
    networks: dict[str, nn.Module] = {}
    for need in recipe.needs:
        checkpoint = load_checkpoint(needs[need.role])
        if checkpoint.recipe["name"] != need.recipe:
            raise TrainingError(
                f"{recipe.name}: its {need.role} is trained by {need.recipe}, but {needs[need.role]} is of "
                f"{checkpoint.recipe['name']}"
            )
        networks[need.role] = checkpoint.trained()
    if recipe.extractor:
        networks[FEATURES] = load_extractor(params.extractor or recipe.extractor, needs[FEATURES])
    return {role: network.requires_grad_(False).eval() for role, network in networks.items()}


def _chosen_titles(recipe: Recipe, params: TrainingParams, pairs: Pairs) -> tuple[str, ...]:
    """The titles to learn from, sorted."""
    known = sorted(set(pairs.titles))
    for title in params.titles:
        if title not in known:
            raise TrainingError(
                f"{recipe.name}: no picture to learn from is of {title!r}; there are {', '.join(known)}"
            )
    return tuple(sorted(set(params.titles)) or known)


def _require_pictures(recipe: Recipe, split: str, pairs: Pairs) -> None:
    if not len(pairs):
        raise TrainingError(f"{recipe.name}: the {split} split has no pictures; add issues, or lower the panel filters")
    side = recipe.resolution
    if pairs.color.shape[1:] != (side, side, 3) or pairs.variant.shape[2:] != (side, side):
        raise TrainingError(
            f"{recipe.name}: the {split} pictures are {pairs.color.shape[1:]} and {pairs.variant.shape[2:]}, expected "
            f"{side} pixels square; set resolution to that of the training set, or build it at {side}"
        )


def _require_same_titles(recipe: Recipe, titles: tuple[str, ...], built_on: Mapping[str, nn.Module]) -> None:
    """Labels count the titles of this training set; a network that is told or tells them must count the same."""
    if not recipe.with_label:
        return
    for need in recipe.needs:
        others: tuple[str, ...] = getattr(built_on[need.role].spec, "titles", titles)
        if others != titles:
            raise TrainingError(
                f"{recipe.name}: its {need.role} knows the titles {', '.join(others)}, this training set holds "
                f"{', '.join(titles)}; train {need.recipe} on this training set"
            )


def _require_batch_norm_can_work(recipe: Recipe, built_on: Mapping[str, nn.Module], *, pictures: int) -> None:
    """Batch norm subtracts the mean of its batch: of one value per channel, nothing would be left, so torch refuses.

    Takes the recipe's turns on one picture without computing anything: shapes alone tell.
    """
    remedy = "add issues until train has 2 pictures or more" if pictures == 1 else "set batch to 2 or more"

    def require_several_values(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if layer.training and inputs[0].numel() == inputs[0].shape[1]:
            raise TrainingError(
                f"{recipe.name}: with a batch of 1 picture of {recipe.resolution} pixels, "
                f"a {type(layer).__name__} sees a single value per channel; {remedy}, or train at a larger resolution"
            )

    with torch.device("meta"):
        objective = build_objective(
            recipe.objective, {role: deepcopy(network).to("meta") for role, network in built_on.items()}
        )
        norms = [
            layer
            for network in objective.networks.values()
            for layer in network.modules()
            if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)
        ]
        for layer in norms:
            layer.register_forward_pre_hook(require_several_values)
        if norms:
            for _ in objective.optimizer_steps(blank_batch(recipe, 1), 0.0):
                pass


def _average_gradients(parameters: Iterable[Tensor]) -> None:
    """Over all processes, in one message."""
    parameters = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in parameters:  # the message must be as long everywhere
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    mean = _mean_over_processes(torch.cat([parameter.grad.reshape(-1) for parameter in parameters]))  # type: ignore[union-attr]
    for parameter, part in zip(parameters, mean.split([p.numel() for p in parameters]), strict=True):
        assert parameter.grad is not None
        parameter.grad.copy_(part.reshape(parameter.shape))


def _mean_over_processes(values: Tensor) -> Tensor:
    torch.distributed.all_reduce(values)
    return values / torch.distributed.get_world_size()


@lru_cache(maxsize=2)
def _epoch_order(pictures: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng(_seed(seed, "order", epoch)).permutation(pictures)


def _seed(seed: int, purpose: str, number: int) -> int:
    """One independent 62-bit seed for each purpose and number."""
    digest = sha256(f"{seed}:{purpose}:{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 2
