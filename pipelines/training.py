"""The training loop: a recipe and arrays in, facts and one checkpoint out.

Reads  the arrays of `Pairs` (memory-mapped or not), and `<work>/state.safetensors` of an interrupted run.
Does   takes the recipe's turns on each batch, validates, draws samples, and yields every number and picture.
Writes `<work>/state.safetensors` while it runs (by wall time and at the end), `<work>/checkpoint.safetensors` at
       the end: the weights of the best validation.

What is random at a step (order, flips, dropout) is a function of the seed and the step's number, so a resumed
run takes the very steps that the interrupted one would have taken: on a CPU, bit for bit. The steps since the
last saved state are taken again; their numbers are the same, so logging them again changes nothing.
"""

import json
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning.fabric import Fabric
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file
from torch import Tensor

from models.build import build_objective
from models.checkpoint import Checkpoint, save_checkpoint
from models.objective import Batch, Objective
from pipelines.color import gray_to_rgb, network_input, network_picture, network_target
from pipelines.lake import digest_of, written_aside
from pipelines.pairs import Pairs
from pipelines.recipes import Recipe
from pipelines.training_rule import TrainingRule

STATE_NAME = "state.safetensors"
CHECKPOINT_NAME = "checkpoint.safetensors"

_STATE_FORMAT = "tintoon-training-state-1"
_VALIDATION_BATCH = 16  # bounds memory, not results


@dataclass(frozen=True)
class Step:
    """What one optimizer step has shown. Metrics are named by their definition (see `train`)."""

    number: int  # 1, 2, ...
    metrics: Mapping[str, float]
    samples: np.ndarray | None = None  # (rows * R, 3 * R, 3) uint8 RGB: input | output | truth


@dataclass(frozen=True)
class Trained:
    """The end of a training."""

    checkpoint: Path
    best_step: int
    best_validation: float
    seconds: float  # of training, over all its interrupted parts
    pictures_seen: int


class TrainingError(ValueError):
    """A training cannot start or go on as asked. The message names what differs and what to do."""


class TrainingDivergedError(RuntimeError):
    """A loss is no longer a finite number. The message names recipe, step and loss, and where the batch lies."""


@dataclass
class _Progress:
    """What a training remembers beside its networks and optimizers."""

    step: int = 0  # finished steps
    best_step: int = 0
    best_validation: float = float("inf")
    seconds: float = 0.0
    epoch_sums: dict[str, float] = field(default_factory=dict)  # of the metrics of the running epoch


def train(
    recipe: Recipe,
    train_pairs: Pairs,
    val_pairs: Pairs,
    *,
    rule: TrainingRule,
    fingerprint: str,
    work: Path,
    before_saving: Callable[[], None] = lambda: None,
) -> Generator[Step | Trained, None, None]:
    """Trains one colorizer; yields a Step for every optimizer step, and Trained as the last fact.

    Metrics of a Step:
        train/loss_<optimizer>/total, /<term>       of this batch; terms are before their weights
        train/accuracy_discriminator/real, /fake    share of the batch that the discriminator judges rightly
        epoch/...                                   the same names: means over the epoch that ends here
        val/<loss>                                  means over the validation pictures; the first decides the best
        val/l1_rgb255, val/l2_rgb255                per pixel-channel on the 0..255 scale, as paper 001's Table 1
        speed/pictures_per_s, speed/data_wait_share of the steps since the last validation

    Args:
        recipe: What to train. `rule.resolution` and `rule.width` change its size.
        train_pairs: The pictures to learn from, at the training resolution.
        val_pairs: The pictures that decide which step is the best, at the same resolution.
        rule: Size, pace and machine.
        fingerprint: Of the training set, for the checkpoint and for the state.
        work: A folder of this training alone; a state in it is resumed, and removed after Trained was taken.
        before_saving: Called before each state is written: what was yielded so far will not be yielded again, so
            whoever keeps it in memory stores it now.

    Raises TrainingError for arrays that do not fit, a batch too small for batch norm, or a state of another
    training; TrainingDivergedError for a loss that is not finite.
    """
    recipe = recipe.sized(resolution=rule.resolution, width=rule.width)
    _require_pictures(recipe, "training", train_pairs)
    _require_pictures(recipe, "validation", val_pairs)
    if rule.device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(f"{recipe.name}: device is 'cuda', but torch sees no GPU; set device to 'auto' or 'cpu'")
    return _Training(recipe, train_pairs, val_pairs, rule, fingerprint, work).run(before_saving)


class _Training:
    """One training: networks, optimizers and progress, and how they are stored."""

    def __init__(
        self, recipe: Recipe, train_pairs: Pairs, val_pairs: Pairs, rule: TrainingRule, fingerprint: str, work: Path
    ) -> None:
        self.recipe = recipe
        self.rule = rule
        self.fingerprint = fingerprint
        self.work = work
        self.train_pairs = train_pairs
        self.val_pairs = val_pairs
        self.steps = rule.steps or recipe.steps
        self.batch_size = min(rule.batch or recipe.batch, len(train_pairs))
        self.epoch_steps = len(train_pairs) // self.batch_size  # a remainder waits for the next epoch's order
        if self.batch_size == 1:
            _require_batch_norm_can_work(recipe, pictures=len(train_pairs))
        self.val_rows = _spread(len(val_pairs), rule.validation_pictures)
        self.sample_rows = _spread(len(val_pairs), rule.sample_pictures)

        self.fabric = Fabric(accelerator=rule.device, devices=1, precision=rule.precision)
        torch.manual_seed(_seed(rule.seed, "initialization", 0))
        self.objective: Objective = build_objective(recipe.objective)
        plain_networks = dict(self.objective.networks)
        for name, network in plain_networks.items():
            # What tensor cores read; on a CPU it makes the U-Net of pix2pix a fifth faster.
            network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            self.objective.networks[name] = self.fabric.setup_module(network)
        self.networks = plain_networks
        self.plain_optimizers = self.objective.optimizers()
        self.optimizers = {
            name: cast(torch.optim.Optimizer, self.fabric.setup_optimizers(optimizer))
            for name, optimizer in self.plain_optimizers.items()
        }
        self.parameter_names = {
            id(parameter): f"{network_name}.{name}"
            for network_name, network in plain_networks.items()
            for name, parameter in network.named_parameters()
        }
        self.progress = _Progress()
        self.best_weights: dict[str, Tensor] = {}

    def run(self, before_saving: Callable[[], None]) -> Generator[Step | Trained, None, None]:
        self.work.mkdir(parents=True, exist_ok=True)
        self._resume()
        saved_at = time.monotonic()
        window_s, wait_s, window_pictures = 0.0, 0.0, 0
        while self.progress.step < self.steps:
            started = time.monotonic()
            number = self.progress.step + 1
            rows, batch = self._batch(number)
            waited = time.monotonic() - started
            metrics = self._learn(number, rows, batch)
            metrics |= self._epoch_means(number, metrics)
            self.progress.step = number
            elapsed = time.monotonic() - started
            window_s, wait_s, window_pictures = window_s + elapsed, wait_s + waited, window_pictures + len(rows)
            is_last = number == self.steps
            if is_last or number % self.rule.validate_every == 0:
                metrics |= self._validate(number)
                metrics["speed/pictures_per_s"] = window_pictures / window_s
                metrics["speed/data_wait_share"] = wait_s / window_s
                window_s, wait_s, window_pictures = 0.0, 0.0, 0
            samples = self._samples() if is_last or number % self.rule.sample_every == 0 else None
            self.progress.seconds += time.monotonic() - started
            yield Step(number, metrics, samples)
            if is_last or time.monotonic() - saved_at >= self.rule.checkpoint_every_s:
                before_saving()
                self._save_state()
                saved_at = time.monotonic()
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

    def _batch(self, number: int) -> tuple[np.ndarray, Batch]:
        """The rows of a step (1, 2, ...), and their pictures on the device: a function of seed and number alone."""
        epoch, position = divmod(number - 1, self.epoch_steps)
        order = _epoch_order(len(self.train_pairs), self.rule.seed, epoch)
        rows = order[position * self.batch_size : (position + 1) * self.batch_size]
        random = np.random.default_rng(_seed(self.rule.seed, "pictures", number))
        styles = random.integers(self.train_pairs.variant.shape[1], size=len(rows))
        is_flipped = random.random(len(rows)) < 0.5 if self.rule.flip else np.zeros(len(rows), bool)
        color = np.array(self.train_pairs.color[rows])
        variant = np.array(self.train_pairs.variant[rows, styles])
        color[is_flipped] = color[is_flipped, :, ::-1]
        variant[is_flipped] = variant[is_flipped, :, ::-1]
        return rows, self._to_device(color, variant)

    def _to_device(self, color: np.ndarray, variant: np.ndarray) -> Batch:
        space = self.recipe.color_space

        def tensor(array: np.ndarray) -> Tensor:
            moved = torch.from_numpy(array).to(self.fabric.device)
            return moved.contiguous(memory_format=torch.channels_last)

        return Batch(condition=tensor(network_input(variant, space)), target=tensor(network_target(color, space)))

    def _learn(self, number: int, rows: np.ndarray, batch: Batch) -> dict[str, float]:
        """Takes the objective's turns on one batch."""
        torch.manual_seed(_seed(self.rule.seed, "dropout", number))
        measured: dict[str, Tensor] = {}
        for turn in self.objective.turns(batch):
            name = f"train/loss_{turn.optimizer}"
            measured[f"{name}/total"] = turn.loss.detach()
            measured |= {f"{name}/{part}": value.detach() for part, value in turn.parts.items()}
            measured |= {f"train/{part}": value.detach() for part, value in turn.health.items()}
            if not torch.isfinite(turn.loss):
                raise self._diverged(number, f"{name}/total", turn.loss.item(), rows, batch)
            optimizer = self.optimizers[turn.optimizer]
            optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(turn.loss)
            optimizer.step()
        return dict(zip(measured, torch.stack([value.float() for value in measured.values()]).tolist(), strict=True))

    def _diverged(self, number: int, loss: str, value: float, rows: np.ndarray, batch: Batch) -> TrainingDivergedError:
        path = self.work / f"diverged_at_{number}.safetensors"
        panel_ids = [self.train_pairs.panel_ids[row] for row in rows]
        arrays = {"rows": rows, "condition": batch.condition.cpu().numpy(), "target": batch.target.cpu().numpy()}
        with written_aside(path) as aside:
            save_arrays(
                {name: np.ascontiguousarray(array) for name, array in arrays.items()},
                str(aside),
                {"panel_ids": json.dumps(panel_ids)},
            )
        return TrainingDivergedError(
            f"{self.recipe.name}: {loss} is {value} at step {number}; its batch is kept in {path}. "
            "Lower the learning rate under a new recipe name, or train with precision 32-true"
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
        """Validation losses of the generator as it colorizes, and the best weights kept."""
        sums: dict[str, float] = {}
        for start in range(0, len(self.val_rows), _VALIDATION_BATCH):
            rows = self.val_rows[start : start + _VALIDATION_BATCH]
            output, batch = self._colorized(rows)
            truth = np.asarray(self.val_pairs.color[rows])
            difference = self._pictures(output, rows).astype(np.float64) - truth
            losses = {
                **{name: float(loss) for name, loss in self.objective.distances(output, batch.target).items()},
                "l1_rgb255": float(np.abs(difference).mean()),
                "l2_rgb255": float(np.square(difference).mean()),
            }
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0.0) + loss * len(rows)
        means = {f"val/{name}": total / len(self.val_rows) for name, total in sums.items()}
        deciding = next(iter(means.values()))
        if not isfinite(deciding):
            raise TrainingDivergedError(
                f"{self.recipe.name}: {next(iter(means))} is {deciding} at step {number}. "
                "Lower the learning rate under a new recipe name, or train with precision 32-true"
            )
        if deciding < self.progress.best_validation:
            self.progress.best_step, self.progress.best_validation = number, deciding
            weights = self.networks["generator"].state_dict()
            self.best_weights = {name: tensor.detach().cpu().clone() for name, tensor in weights.items()}
        return means

    @torch.no_grad()
    def _colorized(self, rows: np.ndarray) -> tuple[Tensor, Batch]:
        """The generator's output for validation pictures, in evaluation mode."""
        generator = self.objective.networks["generator"]
        batch = self._to_device(np.asarray(self.val_pairs.color[rows]), self._val_variant(rows))
        generator.eval()
        output = generator(batch.condition).float()
        generator.train()
        return output, batch

    def _val_variant(self, rows: np.ndarray) -> np.ndarray:
        """Fixed styles: each picture has the one of its row number."""
        variant = self.val_pairs.variant
        return np.asarray(variant[rows, rows % variant.shape[1]])

    def _pictures(self, output: Tensor, rows: np.ndarray) -> np.ndarray:
        return network_picture(output.cpu().numpy(), self._val_variant(rows), self.recipe.color_space)

    def _samples(self) -> np.ndarray:
        output, _ = self._colorized(self.sample_rows)
        columns = (
            gray_to_rgb(self._val_variant(self.sample_rows)),
            self._pictures(output, self.sample_rows),
            np.asarray(self.val_pairs.color[self.sample_rows]),
        )
        return np.concatenate([np.concatenate(list(column)) for column in columns], axis=1)

    def _identity(self) -> dict[str, Any]:
        """What a state must agree with."""
        return {"recipe": self.recipe.to_json(), "fingerprint": self.fingerprint, "rule": self.rule.model_dump()}

    def _save_state(self) -> None:
        tensors = {
            f"network.{name}.{key}": tensor
            for name, network in self.networks.items()
            for key, tensor in network.state_dict().items()
        }
        for name, optimizer in self.plain_optimizers.items():
            for parameter, entries in optimizer.state.items():
                prefix = f"optimizer.{name}.{self.parameter_names[id(parameter)]}"
                tensors |= {f"{prefix}.{entry}": tensor for entry, tensor in entries.items()}
        tensors |= {f"best.{key}": tensor for key, tensor in self.best_weights.items()}
        metadata = {
            "format": _STATE_FORMAT,
            "identity": json.dumps(self._identity(), sort_keys=True),
            "progress": json.dumps(vars(self.progress)),
        }
        with written_aside(self.work / STATE_NAME) as aside:
            save_file(
                {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, str(aside), metadata
            )

    def _resume(self) -> None:
        """Takes up the state of an interrupted run, if there is one."""
        path = self.work / STATE_NAME
        if not path.exists():
            return
        try:
            with safe_open(path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
        except SafetensorError as error:
            raise TrainingError(f"{path}: no training state ({error}); remove it to start anew") from None
        self._require_same_training(path, metadata)
        for name, network in self.networks.items():
            network.load_state_dict(_below(f"network.{name}.", tensors))
        for name, optimizer in self.plain_optimizers.items():
            for parameter in (p for group in optimizer.param_groups for p in group["params"]):
                entries = _below(f"optimizer.{name}.{self.parameter_names[id(parameter)]}.", tensors)
                optimizer.state[parameter] = {
                    # Moments lie in memory like their parameter; the fused step relies on it.
                    entry: torch.empty_like(parameter).copy_(value)
                    if value.shape == parameter.shape
                    else value.to(parameter.device)
                    for entry, value in entries.items()
                }
        self.best_weights = _below("best.", tensors)
        self.progress = _Progress(**json.loads(metadata["progress"]))

    def _require_same_training(self, path: Path, metadata: Mapping[str, str]) -> None:
        if metadata.get("format") != _STATE_FORMAT:
            raise TrainingError(f"{path}: format is {metadata.get('format')!r}, expected {_STATE_FORMAT!r}; remove it")
        stored = json.loads(metadata["identity"])
        for part, asked in self._identity().items():
            if digest_of(stored[part]) != digest_of(asked):
                raise TrainingError(
                    f"{path}: the interrupted training has another {part}:\n  stored {json.dumps(stored[part])}\n"
                    f"  asked  {json.dumps(asked)}\nAsk for the same, or remove the file to start anew"
                )

    def _save_checkpoint(self) -> Path:
        path = self.work / CHECKPOINT_NAME
        checkpoint = Checkpoint(
            weights=self.best_weights,
            network=self.recipe.objective.generator,
            recipe=self.recipe.to_json(),
            fingerprint=self.fingerprint,
            code_version=code_version(),
            seed=self.rule.seed,
            step=self.progress.best_step,
            resolution=self.recipe.resolution,
        )
        with written_aside(path) as aside:
            save_checkpoint(Path(str(aside)), checkpoint)
        return path


@cache
def code_version() -> str:
    """Digest (12 hex digits) of the sources that decide what a training gives: `models` and this stage's modules."""
    here = Path(__file__).parent
    sources = [
        *sorted((here.parent / "models").glob("*.py")),
        *(here / f"{n}.py" for n in ("color", "recipes", "training", "training_rule")),
    ]
    return sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def _require_pictures(recipe: Recipe, split: str, pairs: Pairs) -> None:
    if not len(pairs):
        raise TrainingError(f"{recipe.name}: the {split} split has no pictures; add issues, or lower the panel filters")
    side = recipe.resolution
    if pairs.color.shape[1:] != (side, side, 3) or pairs.variant.shape[2:] != (side, side):
        raise TrainingError(
            f"{recipe.name}: the {split} pictures are {pairs.color.shape[1:]} and {pairs.variant.shape[2:]}, expected "
            f"{side} pixels square; set resolution to that of the training set, or build it at {side}"
        )


def _require_batch_norm_can_work(recipe: Recipe, *, pictures: int) -> None:
    """Batch norm subtracts the mean of its batch: of one value per channel, nothing would be left, so torch refuses.

    Takes the recipe's turns on one picture without computing anything: shapes alone tell.
    """
    remedy = "add issues until train has 2 pictures or more" if pictures == 1 else "set batch to 2 or more"

    def require_several_values(layer: torch.nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if inputs[0].numel() == inputs[0].shape[1]:
            raise TrainingError(
                f"{recipe.name}: with a batch of 1 picture of {recipe.resolution} pixels, "
                f"a {type(layer).__name__} sees a single value per channel; {remedy}, or train at a larger resolution"
            )

    spec, side = recipe.objective.generator, recipe.resolution
    with torch.device("meta"):
        objective = build_objective(recipe.objective)
        batch = Batch(
            condition=torch.empty(1, spec.in_channels, side, side), target=torch.empty(1, spec.out_channels, side, side)
        )
    for network in objective.networks.values():
        for layer in network.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.register_forward_pre_hook(require_several_values)
    for _ in objective.turns(batch):
        pass


@lru_cache(maxsize=2)
def _epoch_order(pictures: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng(_seed(seed, "order", epoch)).permutation(pictures)


def _seed(seed: int, purpose: str, number: int) -> int:
    """One independent 63-bit seed for each purpose and number."""
    digest = sha256(f"{seed}:{purpose}:{number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _spread(length: int, at_most: int) -> np.ndarray:
    """Row numbers spread evenly over a split, the same each time."""
    return np.unique(np.linspace(0, length - 1, min(length, at_most)).round().astype(np.int64))


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
