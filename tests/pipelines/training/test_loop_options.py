"""The training loop's options: budgets, averaged weights, clipping, compilation, needs, titles, several processes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from models.build import build_network
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.features import Extractor
from models.objective import Batch, OptimizerStep
from models.pix2pix.spec import Pix2pixUNet
from models.recipes import RECIPES, Augmentation, Need, Recipe, recipe_of
from models.specs.base import Adam
from models.specs.hints import Points
from models.webtoon.network import L2Objective
from models.webtoon.spec import WebtoonL2
from pipelines.images.color import gray_to_rgb, rgb_to_gray
from pipelines.pairs import Pairs
from pipelines.training.loop import StepResult, TrainingDivergedError, TrainingError, TrainingResult, train
from pipelines.training.params import TrainingParams

SIDE = 32
PARAMS = TrainingParams(
    steps=6,
    batch=4,
    resolution=SIDE,
    width=8,
    device="cpu",
    validate_every=2,
    sample_every=6,
    sample_pictures=2,
    checkpoint_every_s=1e-9,  # after every step
)
L2 = RECIPES["webtoon_l2"]


def pictures(count: int, seed: int, titles: tuple[str, ...] = ("drawn",)) -> Pairs:
    random = np.random.default_rng(seed)
    color = random.integers(40, 216, (count, 4, 4, 3)).astype(np.uint8)
    color = color.repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    names = tuple(f"drawn__ep01__{number:04d}" for number in range(count))
    title_of = tuple(titles[number % len(titles)] for number in range(count))
    return Pairs(color, rgb_to_gray(color)[:, np.newaxis], names, title_of)


TRAIN, VAL = pictures(18, seed=0), pictures(6, seed=1)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def training(work: Path, recipe: Recipe = L2, **changes: Any) -> Generator[StepResult | TrainingResult, None, None]:
    arguments: dict[str, Any] = {"train_pairs": TRAIN, "val_pairs": VAL, "fingerprint": "f1"}
    params = {name: changes.pop(name) for name in list(changes) if name in TrainingParams.model_fields}
    return train(
        recipe, params=TrainingParams(**{**PARAMS.model_dump(), **params}), work=work, **{**arguments, **changes}
    )


def finished(results: Generator[StepResult | TrainingResult, None, None]) -> tuple[list[StepResult], TrainingResult]:
    *steps, trained = results
    assert isinstance(trained, TrainingResult)
    return steps, trained  # type: ignore[return-value]


def curve(steps: list[StepResult]) -> list[dict[str, float]]:
    return [{name: v for name, v in step.metrics.items() if not name.startswith("speed/")} for step in steps]


def test_a_budget_in_pictures_is_rounded_up_to_batches(tmp_path: Path):
    steps, trained = finished(training(tmp_path, steps=None, pictures=17))
    assert len(steps) == 5
    assert trained.pictures_seen == 20
    assert [step.done for step in steps] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])


def test_a_budget_in_minutes_ends_with_the_step_that_passes_it(tmp_path: Path):
    steps, trained = finished(training(tmp_path, steps=None, minutes=0.01))
    assert 0.6 <= trained.seconds < 2
    assert len(steps) > 2
    assert steps[-1].done == 1 > steps[-2].done
    assert all(left.done < right.done for left, right in pairwise(steps))
    assert "val/l2" in steps[-1].metrics


def test_minutes_of_interrupted_parts_count(tmp_path: Path):
    started = training(tmp_path, steps=None, minutes=0.02)
    done = [next(started).done for _ in range(4)][-2]  # type: ignore[union-attr]  the last state is of this step
    started.close()
    first = next(training(tmp_path, steps=None, minutes=0.02))
    assert isinstance(first, StepResult)
    assert first.number == 4
    assert first.done > done


def test_one_budget_at_most():
    with pytest.raises(ValidationError, match="steps and minutes: a training has one budget"):
        TrainingParams(steps=3, minutes=1)
    assert TrainingParams(pictures=100).steps is None


def test_learning_rates_drop_when_their_share_is_behind(tmp_path: Path):
    still = replace(L2, augmentation=Augmentation(flip=0))
    dropping = replace(still, objective=WebtoonL2(L2.objective.network, Adam(drops=(0.5,))))
    reference, _ = finished(training(tmp_path / "1", still))
    steps, _ = finished(training(tmp_path / "2", dropping))
    losses, expected = ([step.metrics["train/loss_generator/l2"] for step in taken] for taken in (steps, reference))
    assert losses[:4] == expected[:4]  # the first step at a tenth is the fourth; its loss is from before
    assert losses[4] != expected[4]
    saved = training(tmp_path / "3", dropping)
    for _ in range(5):
        next(saved)
    moved = [weights_in(tmp_path / "3")]
    next(saved)
    moved.append(weights_in(tmp_path / "3"))
    assert torch.cat([(moved[1][name] - moved[0][name]).abs().flatten() for name in moved[0]]).max() < 1e-4  # 2e-5


def weights_in(work: Path) -> dict[str, torch.Tensor]:
    state = load_file(work / "state.safetensors")
    names = [name for name in state if name.startswith("network.generator.") and "norm" not in name]
    return {name: state[name] for name in names}


def test_points_of_the_curves_are_means_and_resume_exactly(tmp_path: Path):
    every, _ = finished(training(tmp_path / "every", steps=10))
    thin, _ = finished(training(tmp_path / "thin", steps=10, log_every=3))
    name = "train/loss_generator/total"
    losses = [step.metrics[name] for step in every]
    points = {step.number: step.metrics[name] for step in thin if name in step.metrics}
    assert points == pytest.approx(
        {3: np.mean(losses[:3]), 6: np.mean(losses[3:6]), 9: np.mean(losses[6:9]), 10: losses[9]}
    )
    assert [step.number for step in thin if "epoch/loss_generator/total" in step.metrics] == [4, 8]

    killed = training(tmp_path / "killed", steps=10, log_every=3)
    for _ in range(6):
        next(killed)
    killed.close()
    rest, _ = finished(training(tmp_path / "killed", steps=10, log_every=3))
    assert curve(rest) == curve(thin)[5:]


def test_long_trainings_have_few_points():
    points = [step for step in range(1, 200_001) if step % PARAMS.log_stride(step) == 0]
    assert points[:1000] == list(range(1, 1001))
    assert len(points) == 1000 + 900 + 1900


def test_short_epochs_have_no_more_points_than_steps(tmp_path: Path):
    steps, _ = finished(training(tmp_path, steps=12, batch=9, log_every=5))  # 2 steps an epoch
    assert [step.number for step in steps if "epoch/loss_generator/total" in step.metrics] == [6, 10]


def test_averaged_weights_are_validated_kept_and_resumed(tmp_path: Path):
    reference, plain = finished(training(tmp_path / "plain"))
    steps, averaged = finished(training(tmp_path / "straight", ema=0.9))
    assert [step.metrics["train/loss_generator/total"] for step in steps] == [
        step.metrics["train/loss_generator/total"] for step in reference
    ]  # learning is not changed
    assert steps[-1].metrics["val/l2"] != reference[-1].metrics["val/l2"]
    assert not equal_checkpoints(plain, averaged)

    killed = training(tmp_path / "killed", ema=0.9)
    for _ in range(4):
        next(killed)
    killed.close()
    rest, again = finished(training(tmp_path / "killed", ema=0.9))
    assert curve(rest) == curve(steps)[3:]
    assert equal_checkpoints(again, averaged)


def test_the_average_is_exponential(tmp_path: Path):
    results = training(tmp_path, ema=0.75, steps=3)
    expected: dict[str, torch.Tensor] = {}
    initial = {}
    for number in range(1, 4):
        next(results)
        if number > 1:
            state = load_file(tmp_path / "state.safetensors")
            weights = {n.removeprefix("network.generator."): t for n, t in state.items() if n.startswith("network.")}
            if number == 2:  # the state of step 1: average = 0.75 initial + 0.25 weights
                initial = {n.removeprefix("average."): t for n, t in state.items() if n.startswith("average.")}
                expected = initial
            else:
                expected = {name: 0.75 * tensor + 0.25 * weights[name] for name, tensor in expected.items()}
                for name, tensor in expected.items():
                    assert torch.allclose(state[f"average.{name}"], tensor, atol=1e-6)
                assert any(not torch.equal(weights[name], tensor) for name, tensor in expected.items())
    assert initial


def equal_checkpoints(left: TrainingResult, right: TrainingResult) -> bool:
    weights, others = load_checkpoint(left.checkpoint).weights, load_checkpoint(right.checkpoint).weights
    return all(torch.equal(tensor, others[name]) for name, tensor in weights.items())


@dataclass(frozen=True)
class _Steep(WebtoonL2):
    """An objective whose gradient is long, or no number at all."""

    builds: ClassVar[str] = f"{__name__}:SteepObjective"
    broken: bool = False


class SteepObjective(L2Objective):
    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        (optimizer_step,) = super().optimizer_steps(batch, done)
        loss = optimizer_step.loss * 1000
        if self._spec.broken:  # type: ignore[attr-defined]
            loss = loss + (optimizer_step.loss * 0).sqrt()  # finite, but its slope is not
        yield replace(optimizer_step, loss=loss)


def steep(**changes: Any) -> Recipe:
    optimizer = Adam(learning_rate=1e-3, beta1=0.0, beta2=0.0)
    spec = _Steep(Pix2pixUNet(in_channels=1, out_channels=2), optimizer, **changes)
    return replace(L2, name="steep", objective=spec, augmentation=Augmentation(flip=0.0))


def test_long_gradients_are_clipped_and_reported_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    norms = []

    class Watched(torch.optim.SGD):
        def step(self, closure: Any = None) -> None:
            norms.append(torch.cat([p.grad.flatten() for group in self.param_groups for p in group["params"]]).norm())

    def watched(self: L2Objective) -> dict[str, torch.optim.Optimizer]:
        group = {"params": list(self.networks["generator"].parameters()), "initial_lr": 1e-3, "drops": ()}
        return {"generator": Watched([group], 1e-3)}

    monkeypatch.setattr(SteepObjective, "optimizers", watched)
    steps, _ = finished(training(tmp_path / "clipped", steep(), clip_norm=0.5, steps=2))
    reported = [step.metrics["train/gradient_norm_generator"] for step in steps]
    assert min(reported) > 5
    assert [float(norm) for norm in norms] == pytest.approx([0.5, 0.5], rel=1e-3)
    norms.clear()
    steps, _ = finished(training(tmp_path / "free", steep(), steps=2))
    assert [float(norm) for norm in norms] == pytest.approx(
        [step.metrics["train/gradient_norm_generator"] for step in steps], rel=1e-3
    )


def test_a_gradient_that_is_not_finite_stops_the_run_and_keeps_all_of_its_batch(tmp_path: Path):
    recipe = replace(steep(broken=True), with_label=True, hint=Points(scale=2))
    broken = replace(recipe, objective=replace(recipe.objective, generator=_Given()))
    with pytest.raises(TrainingDivergedError, match=r"steep: train/gradient_norm_generator is nan at step 1"):
        next(training(tmp_path, broken))
    kept = load_file(tmp_path / "diverged_at_1.safetensors")
    assert set(kept) == {"rows", "condition", "target", "hint", "label"}
    assert kept["hint"].shape == (4, 3, SIDE // 2, SIDE // 2)


@dataclass(frozen=True)
class _Given(Pix2pixUNet):
    """A generator that is given hint and label."""

    builds: ClassVar[str] = f"{__name__}:GivenUNet"
    in_channels: int = 1
    out_channels: int = 2


class GivenUNet(torch.nn.Module):
    def __init__(self, spec: _Given) -> None:
        super().__init__()
        self.spec = spec
        self.layer = torch.nn.Conv2d(1, 2, 1)

    def forward(self, picture: torch.Tensor, hint: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.layer(picture))


@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling for a CPU needs a C++ compiler")
def test_compiled_networks_learn_the_same(tmp_path: Path):
    reference, _ = finished(training(tmp_path / "eager", norm_free(), steps=2))
    steps, trained = finished(training(tmp_path / "compiled", norm_free(), steps=2, compile=True))
    for own, other in zip(curve(steps), curve(reference), strict=True):
        assert own == pytest.approx(other, rel=1e-3)
    names = load_checkpoint(trained.checkpoint).weights
    assert not any("_orig_mod" in name for name in names)


# What a recipe builds on.


def small_checkpoint(recipe: Recipe, path: Path, titles: tuple[str, ...] = ("drawn",)) -> Path:
    sized = recipe.resized(resolution=SIDE, width=8).fitted(titles)
    network = build_network(sized.objective.network)
    save_checkpoint(
        path,
        Checkpoint(network.state_dict(), sized.objective.network, sized.to_json(), "f1", "c1", 0, 1, SIDE),
    )
    return path


def test_a_missing_need_is_named(tmp_path: Path):
    needing = replace(L2, needs=(Need("classifier", "vgg16_gray"),), extractor="vgg16")
    with pytest.raises(TrainingError, match=r"classifier \(recipe vgg16_gray\), features .* train it first"):
        training(tmp_path, needing)
    path = small_checkpoint(L2, tmp_path / "c.safetensors")
    with pytest.raises(TrainingError, match=r"its classifier is trained by vgg16_gray, but .*c.safetensors is of webt"):
        training(tmp_path, replace(needing, extractor=None), dependencies={"classifier": path})


def test_a_trained_need_becomes_part_of_the_network(tmp_path: Path):
    path = small_checkpoint(recipe_of("vgg16_gray"), tmp_path / "c.safetensors", ("drawn", "painted"))
    work = tmp_path / "work"
    _, trained = finished(training(work, RECIPES["webtoon_vgg_features"], dependencies={"classifier": path}, steps=2))
    weights, given = load_checkpoint(trained.checkpoint).weights, load_checkpoint(path).weights
    own = {name: tensor for name, tensor in weights.items() if name.startswith("vgg.")}
    assert own
    assert all(torch.equal(tensor, given[name.replace("vgg.", "stack.")]) for name, tensor in own.items())


def test_another_need_is_another_training(tmp_path: Path):
    paths = [tmp_path / "1.safetensors", tmp_path / "2.safetensors"]
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        small_checkpoint(recipe_of("vgg16_gray"), path)
    recipe = RECIPES["webtoon_vgg_features"]
    started = training(tmp_path / "work", recipe, dependencies={"classifier": paths[0]})
    next(started), next(started)
    started.close()
    with pytest.raises(TrainingError, match="the interrupted training differs in dependencies"):
        next(training(tmp_path / "work", recipe, dependencies={"classifier": paths[1]}))


def test_an_extractor_is_loaded_by_the_rules_name_or_the_recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "weights.safetensors"
    extractor = Extractor("vgg16")
    save_file(extractor.stack.state_dict(), path)
    seen = []
    built = SteepObjective.__init__

    def watched(self: Any, spec: Any, needs: Any) -> None:
        seen.append(needs["features"].name)
        assert not any(parameter.requires_grad for parameter in needs["features"].parameters())
        built(self, spec, needs)

    monkeypatch.setattr(SteepObjective, "__init__", watched)
    for name, extractor_name in (("1", ""), ("2", "hed-vgg16")):
        recipe = replace(steep(), extractor="vgg16")
        next(training(tmp_path / name, recipe, dependencies={"features": path}, extractor=extractor_name))
    assert seen == ["vgg16", "hed-vgg16"]


def test_an_interrupted_training_goes_on_wherever_the_extractors_file_lies(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    save_file(Extractor("vgg16").stack.state_dict(), path)
    recipe = replace(steep(), extractor="vgg16")
    started = training(tmp_path / "work", recipe, dependencies={"features": path})
    next(started), next(started)
    started.close()
    again = {"dependencies": {"features": path}, "extractor": "vgg16", "weights": str(tmp_path)}
    assert next(training(tmp_path / "work", recipe, **again)).number == 2  # type: ignore[union-attr]
    with pytest.raises(TrainingError, match="the interrupted training differs in extractor"):
        next(training(tmp_path / "work", recipe, **{**again, "extractor": "hed-vgg16"}))


def test_a_classifier_that_knows_other_titles_is_refused(tmp_path: Path):
    path = small_checkpoint(recipe_of("vgg16_color"), tmp_path / "c.safetensors", ("painted", "written"))
    recipe = RECIPES["webtoon_classification_loss"]
    with pytest.raises(TrainingError, match=r"knows the titles painted, written, this training set holds drawn"):
        training(tmp_path / "work", recipe, dependencies={"classifier": path})


# Titles and tasks.

TITLES = ("moon", "sun", "a-star")


def test_titles_are_counted_in_sorted_order_and_kept(tmp_path: Path):
    recipe = recipe_of("vgg16_gray")
    unknown = pictures(4, seed=2, titles=("comet", "sun"))
    steps, trained = finished(
        training(tmp_path, recipe, train_pairs=pictures(18, seed=0, titles=TITLES), val_pairs=unknown, steps=2)
    )
    assert load_checkpoint(trained.checkpoint).network.titles == ("a-star", "moon", "sun")  # type: ignore[attr-defined]
    assert steps[-1].samples is None
    assert "val/l1_rgb255" not in steps[-1].metrics
    assert 0 <= steps[-1].metrics["val/accuracy"] <= 1
    with pytest.raises(TrainingError, match="no validation picture is of a title that training knows: a-star, moon"):
        training(
            tmp_path,
            recipe,
            train_pairs=pictures(18, seed=0, titles=TITLES),
            val_pairs=pictures(4, seed=2, titles=("comet",)),
        )


def test_samples_of_a_line_detector_are_input_output_and_lines(tmp_path: Path):
    steps, _ = finished(training(tmp_path, recipe_of("line_detector"), steps=1))
    samples = steps[-1].samples
    assert samples is not None
    assert samples.shape == (2 * SIDE, 3 * SIDE, 3)
    assert np.array_equal(samples[:, :SIDE], np.concatenate(VAL.color[[0, 5]]))
    assert np.array_equal(samples[:, 2 * SIDE :], gray_to_rgb(np.concatenate(VAL.variant[[0, 5], 0])))
    assert np.array_equal(samples[:, SIDE : 2 * SIDE, 0], samples[:, SIDE : 2 * SIDE, 1])
    assert "val/l1_rgb255" not in steps[-1].metrics


def test_samples_show_the_hints_as_dots_of_the_true_colours(tmp_path: Path):
    recipe = replace(
        RECIPES["two_stage_pix2pix"], hint=Points(scale=1, min_count=40, max_count=40), variant="gray", resolution=SIDE
    )
    steps, _ = finished(training(tmp_path, recipe, steps=1))
    samples = steps[-1].samples
    assert samples is not None
    assert samples.shape == (2 * SIDE, 4 * SIDE, 3)
    gray, hint, _, truth = (samples[:, start * SIDE : (start + 1) * SIDE].astype(int) for start in range(4))
    dots = (hint != gray).any(axis=2)
    assert 60 <= dots.sum() <= 80  # of two pictures; a dot may have the colour of its gray
    assert np.abs(hint - truth)[dots].mean() < 1


# Several processes.

_SHARED = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
from tests.pipelines.training.test_loop_options import norm_free, training
from pipelines.training import loop

networks = []
built = loop.build_objective
def watched(*arguments):
    networks.append(built(*arguments))
    return networks[-1]
loop.build_objective = watched
results = list(training(Path(sys.argv[2]), norm_free(), devices=int(sys.argv[3]), precision="32-true"))
rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
losses = [dict(result.metrics) for result in results[:-1]]
weights = networks[0].networks["generator"].state_dict()
digest = sum(float((tensor.double() * (place + 1)).sum()) for place, tensor in enumerate(weights.values()))
Path(sys.argv[2], f"rank{rank}.json").write_text(json.dumps({"losses": losses, "weights": digest}))
"""


@dataclass(frozen=True)
class _NormFree(Pix2pixUNet):
    """A generator without batch norm and dropout: its loss is a mean over pictures alone."""

    builds: ClassVar[str] = f"{__name__}:NormFree"
    in_channels: int = 1
    out_channels: int = 2


class NormFree(torch.nn.Sequential):
    def __init__(self, spec: _NormFree) -> None:
        super().__init__(
            torch.nn.Conv2d(1, 16, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(16, 2, 3, padding=1), torch.nn.Tanh()
        )
        self.spec = spec


def norm_free() -> Recipe:
    return replace(
        L2, name="norm_free", objective=WebtoonL2(_NormFree(), Adam(1e-3)), augmentation=Augmentation(flip=0.0)
    )


def test_several_processes_learn_what_one_learns(tmp_path: Path):
    root = Path(__file__).parents[3]
    script = tmp_path / "shared.py"
    script.write_text(_SHARED)
    for count in (1, 2):
        (tmp_path / str(count)).mkdir()
        start = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] if count > 1 else []
        command = [
            sys.executable,
            *start,
            str(script),
            str(root),
            str(tmp_path / str(count)),
            str(count),
        ]
        subprocess.run(command, check=True, cwd=root, capture_output=True, timeout=120)
    alone = json.loads((tmp_path / "1" / "rank0.json").read_text())
    first, second = (json.loads((tmp_path / "2" / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert first["weights"] == second["weights"]
    assert first["weights"] == pytest.approx(alone["weights"], rel=1e-5)
    assert second["losses"] == []  # the first process alone yields
    assert len(first["losses"]) == 6
    for shared, own in zip(first["losses"], alone["losses"], strict=True):
        names = [name for name in own if not name.startswith("speed/")]
        assert [shared[name] for name in names] == pytest.approx([own[name] for name in names], rel=1e-4)
    assert (tmp_path / "2" / "checkpoint.safetensors").exists()


def test_several_processes_are_asked_for_where_there_is_one(tmp_path: Path):
    with pytest.raises(TrainingError, match=r"torchrun --nproc-per-node=2 --standalone -m pipelines "):
        training(tmp_path, devices=2)


def test_torchrun_with_another_number_of_processes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    for devices in (1, 3):  # with 1, both processes would write the same folder
        with pytest.raises(TrainingError, match=f"torchrun started 2 processes, but devices is {devices}"):
            training(tmp_path, devices=devices)


def test_a_colorizer_of_some_titles_learns_and_is_validated_on_them_alone(tmp_path: Path):
    three, mixed = pictures(18, seed=0, titles=TITLES), pictures(6, seed=1, titles=TITLES)
    results = finished(training(tmp_path / "1", train_pairs=three, val_pairs=mixed, titles=["sun", "moon"]))
    chosen = [
        Pairs(
            *(getattr(pairs, name)[np.isin(pairs.titles, ["sun", "moon"])] for name in ("color", "variant")),
            *(
                tuple(np.array(getattr(pairs, name))[np.isin(pairs.titles, ["sun", "moon"])])
                for name in ("panel_ids", "titles")
            ),
        )
        for pairs in (three, mixed)
    ]
    alone = finished(training(tmp_path / "2", train_pairs=chosen[0], val_pairs=chosen[1]))
    for name in ("train/loss_generator/total", "train/gradient_norm_generator"):
        assert [step.metrics[name] for step in results[0]] == [step.metrics[name] for step in alone[0]]
    with pytest.raises(TrainingError, match="no picture to learn from is of 'comet'; there are a-star, moon, sun"):
        training(tmp_path / "3", train_pairs=three, val_pairs=mixed, titles=["comet"])


def test_samples_leave_out_hints_that_the_output_has_not_seen(tmp_path: Path):
    steps, _ = finished(training(tmp_path, RECIPES["webtoon_color_and_apply"], steps=1))
    assert steps[-1].samples is not None
    assert steps[-1].samples.shape == (2 * SIDE, 3 * SIDE, 3)
