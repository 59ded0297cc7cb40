"""Every recipe keeps the same promises: its sizes, and a gradient to each parameter.

Learning and exact resumption take longer, and are tested with one recipe of each objective and kind of network.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.build import build_network, build_objective
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.features import Extractor
from models.objective import Batch, Objective
from models.recipes import CLASSIFIERS, DRAFTS, LINE_DETECTOR, RECIPES, Recipe, recipe_of
from pipelines.images.color import rgb_to_gray
from pipelines.pairs import Pairs
from pipelines.training.batches import Batches, blank_batch
from pipelines.training.cost import TITLES as COUNTED_TITLES
from pipelines.training.dependencies import FEATURES
from pipelines.training.loop import StepResult, TrainingResult, train
from pipelines.training.params import TrainingParams
from pipelines.training.run_folder import STATE

LEARNED = {name: recipe for name, recipe in RECIPES.items() if not recipe.is_untrained}
EVERY = {**CLASSIFIERS, LINE_DETECTOR.name: LINE_DETECTOR, **DRAFTS, **LEARNED}
TITLES = ("moon", "sun")
SIDE, WIDTH, BATCH = 32, 8, 4
ODD = (45, 37)

# The networks at the sizes of their papers, in millions of parameters, with five titles.
MILLIONS = {
    "vgg16_gray": 134.28,
    "vgg16_color": 134.28,
    "resnet50_gray": 23.51,
    "resnet50_color": 23.52,
    "line_detector": 13.06,
    **dict.fromkeys(DRAFTS, 22.19),
    **{name: 54.41 for name in RECIPES if name.startswith("webtoon_")},
    "webtoon_no_skips": 39.07,
    "webtoon_vgg_features": 56.34,
    "webtoon_diverse_gan": 1.73,
    "webtoon_hypercolumns": 8.14,
    **dict.fromkeys(("webtoon_color_and_apply", "webtoon_patch_removal", "webtoon_lightness_dropout"), 108.82),
    **{name: 45.69 for name in RECIPES if name.startswith("frames_")},
    "ajou_cgan": 20.44,
    "ajou_unstabilised": 20.44,
    "ajou_no_skips": 16.51,
    **dict.fromkeys(("two_stage", "two_stage_ldm_only", "two_stage_histeq_only"), 22.19 + 5.49),
    "two_stage_as_released": 2 * 22.19,
    "two_stage_base": 36.65,
    "two_stage_pix2pix": 54.42,
    **{name: 47.83 for name in RECIPES if name.startswith("sketch_")},
    **dict.fromkeys(("exemplar", "exemplar_line"), 2.37),
}

# A Wasserstein critic without gradient penalty is asked for differences alone, from which its offset cancels.
OFFSETS = {"webtoon_diverse_gan": {"discriminator.head.2.bias", "discriminator.head.3.bias"}}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


FIRST_OF_KIND = list(
    {(type(one.objective), type(one.objective.network)): one for one in reversed(EVERY.values())}.values()
)
"""One recipe of each objective and kind of network: the first."""


@pytest.fixture(params=EVERY.values(), ids=list(EVERY))
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return request.param


def pictures(count: int, seed: int) -> Pairs:
    """Four flat squares in black outlines, in two styles of lines, of two titles."""
    random = np.random.default_rng(seed)
    color = random.integers(40, 216, (count, 2, 2, 3)).astype(np.uint8).repeat(SIDE // 2, 1).repeat(SIDE // 2, 2)
    color[:, :: SIDE // 2] = color[:, :, :: SIDE // 2] = 0
    names = tuple(f"drawn__ep01__{number:04d}" for number in range(count))
    titles = tuple(TITLES[number % len(TITLES)] for number in range(count))
    return Pairs(color, np.stack([rgb_to_gray(color)] * 2, axis=1), names, titles)


TRAIN, VAL = pictures(10, seed=0), pictures(4, seed=1)


def small(recipe: Recipe) -> Recipe:
    return recipe.resized(resolution=SIDE, width=WIDTH).fitted(TITLES)


def untrained_needs(recipe: Recipe, features: nn.Module | None = None) -> dict[str, nn.Module]:
    """What a small recipe builds on, by role, with random weights; an extractor is small too, unless one is given."""
    needs = {need.role: build_network(joined(recipe_of(need.recipe)).objective.network) for need in recipe.needs}
    if recipe.extractor:
        needs[FEATURES] = features or Extractor(recipe.extractor, width=WIDTH)
    return {role: network.requires_grad_(False).eval() for role, network in needs.items()}


def joined(recipe: Recipe, needs: dict[str, nn.Module] | None = None) -> Recipe:
    """A small recipe with the specifications that it builds on."""
    found = untrained_needs(recipe) if needs is None else needs
    return small(recipe).built_on({role: network.spec for role, network in found.items()})  # type: ignore[misc]


def small_objective(recipe: Recipe) -> tuple[Recipe, Objective]:
    torch.manual_seed(0)
    needs = untrained_needs(recipe)
    found = joined(recipe, needs)
    objective = build_objective(found.objective, needs)
    for network in objective.frozen.values():
        network.requires_grad_(False).eval()
    return found, objective


def given(recipe: Recipe, batch: Batch) -> tuple[Tensor, ...]:
    return (batch.condition,) if recipe.task == "tell_title" else batch.given


def shape_given(recipe: Recipe, size: tuple[int, int]) -> tuple[int, ...]:
    """Of what the network gives for two pictures."""
    channels = {"draw_lines": 1, "colorize": 2 if recipe.color_space == "lab" else 3}
    return (2, channels[recipe.task], *size) if recipe.task in channels else (2, len(TITLES))


def test_at_the_papers_resolution(recipe: Recipe):
    fitted = recipe.fitted(TITLES)
    with torch.device("meta"):
        network = build_network(fitted.objective.network).eval()
        output = network(*given(fitted, blank_batch(fitted, 2)))
    assert output.shape == shape_given(recipe, (recipe.resolution, recipe.resolution))


def test_at_an_odd_size(recipe: Recipe):
    found, objective = small_objective(recipe)
    network = objective.networks[objective.model].eval()
    with torch.no_grad():
        output = network(*given(found, blank_batch(found, 2, ODD)))
    assert output.shape == shape_given(recipe, ODD)
    assert output.isfinite().all()


def test_parameters(recipe: Recipe):
    fitted = recipe.fitted(tuple("abcdefgh"[:COUNTED_TITLES]))
    with torch.device("meta"):
        network = build_network(fitted.objective.network)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(
        MILLIONS[recipe.name], abs=0.01
    )


def test_a_gradient_reaches_every_parameter(recipe: Recipe):
    found, objective = small_objective(recipe)
    torch.manual_seed(1)
    batch = Batches(found, TRAIN, torch.device("cpu"), TITLES).train_batch(np.arange(BATCH))
    optimizers = objective.optimizers()
    learning = {
        id(parameter): f"{role}.{name}"
        for role, network in objective.networks.items()
        for name, parameter in network.named_parameters()
        if parameter.requires_grad
    }
    optimized = {
        id(p) for optimizer in optimizers.values() for group in optimizer.param_groups for p in group["params"]
    }
    assert optimized == set(learning)
    reached: set[int] = set()
    for _ in range(3):  # what starts at 0 hides what is behind it from the first step, two such parts from the second
        for optimizer_step in objective.optimizer_steps(batch, 0.0):
            optimizer = optimizers[optimizer_step.optimizer]
            optimizer.zero_grad()
            optimizer_step.loss.backward()
            own = [p for group in optimizer.param_groups for p in group["params"]]
            reached |= {id(p) for p in own if p.grad is not None and p.grad.abs().max() > 0}
            optimizer.step()
    assert {name for parameter, name in learning.items() if parameter not in reached} == OFFSETS.get(recipe.name, set())
    assert all(p.grad is None for network in objective.frozen.values() for p in network.parameters())


# webtoon_diverse_gan learns to fool and not to repeat: tests/models/test_diverse_gan.py.
@pytest.mark.parametrize(
    "recipe", [one for one in FIRST_OF_KIND if one.name != "webtoon_diverse_gan"], ids=lambda one: one.name
)
def test_thirty_steps_learn_one_batch(recipe: Recipe):
    found, objective = small_objective(recipe)
    batch = Batches(found, TRAIN, torch.device("cpu"), TITLES).eval_batch(np.arange(BATCH))
    optimizers = objective.optimizers()
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = 1e-3  # the papers' rates are for a hundred thousand steps
    before = distance(objective, batch)
    for step in range(30):
        torch.manual_seed(step)
        for optimizer_step in objective.optimizer_steps(batch, step / 30):
            optimizers[optimizer_step.optimizer].zero_grad()
            optimizer_step.loss.backward()
            optimizers[optimizer_step.optimizer].step()
    assert distance(objective, batch) < 0.9 * before


def distance(objective: Objective, batch: Batch) -> float:
    """The distance that decides which step is the best, of the model with its hints."""
    torch.manual_seed(0)
    with torch.no_grad():
        output = objective.output(batch) if batch.hint is None else objective.networks[objective.model](*batch.given)
        return float(next(iter(objective.distances(output, batch).values())))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of everything that small recipes build on: untrained checkpoints, and extractors with random weights."""
    folder = tmp_path_factory.mktemp("needs")
    torch.manual_seed(0)
    for name in {recipe.extractor for recipe in EVERY.values() if recipe.extractor}:
        save_file(Extractor(name).stack.state_dict(), folder / f"{name}.safetensors")
    for name in {need.recipe for recipe in EVERY.values() for need in recipe.needs}:
        recipe = joined(recipe_of(name))
        network = build_network(recipe.objective.network)
        checkpoint = Checkpoint(
            network.state_dict(), recipe.objective.network, recipe.to_json(), "f", "c", seed=0, step=0, resolution=SIDE
        )
        save_checkpoint(folder / f"{name}.safetensors", checkpoint)
    return folder


def run(recipe: Recipe, files: Path, work: Path) -> Iterator[StepResult | TrainingResult]:
    needs = {need.role: files / f"{need.recipe}.safetensors" for need in recipe.needs}
    if recipe.extractor:
        needs[FEATURES] = files / f"{recipe.extractor}.safetensors"
    params = TrainingParams(
        steps=4,
        batch=BATCH,
        resolution=SIDE,
        width=WIDTH,
        device="cpu",
        validate_every=2,
        sample_every=4,
        checkpoint_every_s=1e-9,  # after every step
    )
    return train(recipe, TRAIN, VAL, params=params, fingerprint="f", work=work, dependencies=needs)


def curve(steps: list[StepResult]) -> list[dict[str, float]]:
    return [{name: value for name, value in step.metrics.items() if not name.startswith("speed/")} for step in steps]


@pytest.mark.parametrize("recipe", FIRST_OF_KIND, ids=lambda one: one.name)
def test_killed_it_goes_on_bit_for_bit_to_the_same_checkpoint(recipe: Recipe, files: Path, tmp_path: Path):
    *straight, trained = run(recipe, files, tmp_path / "straight")
    killed = run(recipe, files, tmp_path / "killed")
    first = [next(killed) for _ in range(3)]
    killed.close()  # type: ignore[attr-defined]  the state is that after the second step
    assert (tmp_path / "killed" / STATE).exists()
    *second, resumed = run(recipe, files, tmp_path / "killed")
    assert isinstance(trained, TrainingResult)
    assert isinstance(resumed, TrainingResult)
    assert [step.number for step in second] == [3, 4]  # type: ignore[union-attr]
    assert curve([*first[:2], *second]) == curve(straight)  # type: ignore[arg-type, list-item]
    assert trained.checkpoint.read_bytes() == resumed.checkpoint.read_bytes()

    checkpoint = load_checkpoint(trained.checkpoint)
    assert checkpoint.recipe["name"] == recipe.name
    again = tmp_path / "again.safetensors"
    save_checkpoint(again, checkpoint)
    assert again.read_bytes() == trained.checkpoint.read_bytes()
    samples = straight[-1].samples  # type: ignore[union-attr]
    assert (samples is None) == (recipe.task == "tell_title")
