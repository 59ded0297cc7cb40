"""Ci et al.: both networks, the game, and the gradient penalty."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.alacgan.network import Critic, Generator
from models.alacgan.spec import Alacgan, AlacganDiscriminator, AlacganGenerator
from models.build import build_objective
from models.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from models.features import Extractor
from models.hints import sample_hint
from models.kinds import spec_from_json
from models.losses import gradient_penalty
from models.objective import Batch
from models.recipes import RECIPES
from models.specs.base import Adam, spec_to_json
from models.specs.features import VggExtractor
from models.specs.hints import TruncatedNormalMask
from tests.models.learning import batch_of, minimize, parameters_of, without_gradient

SMALL = AlacganGenerator(dilations=((1, 1), (2, 1), (4,), (1,))).sized(width=8, resolution=64)


def small_objective(**fields) -> Alacgan:
    return replace(Alacgan(**fields).sized(width=8, resolution=64), generator=SMALL)


def hinted(batch: Batch) -> Batch:
    return replace(batch, hint=sample_hint(TruncatedNormalMask(sigma=0.3), batch.target))


def extractor(width: int = 8) -> dict[str, nn.Module]:
    torch.manual_seed(2)
    return {"features": Extractor("vgg16", width)}


def resnext(channels: int, groups: int, kernel_px: int = 3) -> int:
    inner = channels // 2
    return 2 * channels * inner + inner * inner // groups * kernel_px**2


def conv(before: int, after: int, kernel_px: int, bias: bool = True) -> int:
    return before * after * kernel_px**2 + bias * after


def test_generator_has_the_layers_of_the_released_code():
    with torch.device("meta"):
        generator = Generator(AlacganGenerator())
    down = conv(4, 64, 7) + conv(1, 32, 3) + conv(32, 64, 4) + conv(64, 128, 4) + conv(192, 256, 4) + conv(256, 512, 4)
    tunnels = [
        conv(1024, 512, 3) + 20 * resnext(512, 32) + conv(512, 1024, 3),
        conv(512, 256, 3) + 8 * resnext(256, 32) + conv(256, 512, 3),
        conv(256, 128, 3) + 8 * resnext(128, 32) + conv(128, 256, 3),
        conv(128, 64, 3) + 5 * resnext(64, 16) + conv(64, 128, 3),
    ]
    learning = sum(p.numel() for p in generator.parameters() if p.requires_grad)
    assert learning == down + sum(tunnels) + conv(64, 3, 3)
    assert parameters_of(generator) - learning == 14_714_688  # VGG16's convolutions
    lines, hint = torch.empty(1, 1, 512, 512, device="meta"), torch.empty(1, 4, 128, 128, device="meta")
    assert generator.local_features(lines).shape == (1, 512, 32, 32)
    assert generator(lines, hint).shape == (1, 3, 512, 512)
    dilations = [[block.grouped.dilation[0] for block in tunnel.blocks] for tunnel in generator.tunnels]
    assert dilations == [[1] * 20, [1, 1, 2, 2, 4, 4, 2, 1], [1, 1, 2, 2, 4, 4, 2, 1], [1, 2, 4, 2, 1]]


def test_critic_has_the_layers_of_the_released_code():
    with torch.device("meta"):
        critic = Critic(AlacganDiscriminator())
    picture = conv(3, 64, 7, False) + conv(64, 64, 4, False) + conv(64, 128, 1, False) + conv(128, 256, 1, False)
    picture += sum(resnext(channels, 8) + resnext(channels, 8, 4) for channels in (64, 128, 256))
    joined = conv(768, 512, 3, False) + 4 * resnext(512, 8) + 3 * resnext(512, 8, 4)
    assert parameters_of(critic) == picture + joined + conv(512, 512, 4, False) + 512 + 1
    features = torch.empty(2, 512, 32, 32, device="meta")
    assert critic(torch.empty(2, 3, 512, 512, device="meta"), features).shape == (2,)


@pytest.mark.parametrize("size", [(64, 64), (33, 47), (5, 90), (1, 1)])
def test_generator_keeps_any_size(size: tuple[int, int]):
    generator = Generator(SMALL)
    hint = torch.zeros(2, 4, *(math.ceil(side / 4) for side in size))
    colors = generator(torch.rand(2, 1, *size), hint)
    assert colors.shape == (2, 3, *size)
    assert colors.abs().max() <= 1


def test_hints_of_other_sizes_are_fitted():
    generator = Generator(SMALL)
    lines = torch.rand(1, 1, 32, 32)
    assert torch.equal(generator(lines, torch.ones(1, 4, 16, 16)), generator(lines, torch.ones(1, 4, 8, 8)))


@pytest.mark.parametrize(("resolution", "late"), [(32, 0), (48, 0), (64, 0), (128, 1), (300, 2), (512, 3), (1024, 3)])
def test_critic_is_sized_for_any_resolution(resolution: int, late: int):
    spec = AlacganDiscriminator().sized(width=8, resolution=resolution)
    assert spec.late_halvings == late
    features = torch.rand(2, 64, resolution // 16, resolution // 16)
    with torch.device("meta"):
        assert Critic(spec)(torch.empty(2, 3, resolution, resolution), features.to("meta")).shape == (2,)
    assert AlacganDiscriminator().sized(width=None, resolution=512) == AlacganDiscriminator()


def test_the_hint_and_the_local_features_reach_the_colours():
    generator = Generator(SMALL)
    lines, hint = torch.rand(1, 1, 32, 32), torch.zeros(1, 4, 8, 8)
    plain = generator(lines, hint)
    marked = hint.clone()
    marked[..., 4, 4] = 1
    assert not torch.equal(generator(lines, marked), plain)
    features = generator.local_features(lines)
    assert torch.equal(generator.colored(lines, hint, features), plain)
    assert not torch.equal(generator.colored(lines, hint, features + 1), plain)


def test_the_extractor_becomes_part_of_the_generator_and_never_learns():
    needs = extractor()
    objective = build_objective(small_objective(), needs)
    generator = objective.networks["generator"]
    assert isinstance(generator, Generator)
    for key, tensor in needs["features"].state_dict().items():
        assert torch.equal(generator.state_dict()[f"extractor.{key}"], tensor)
    before = {key: tensor.clone() for key, tensor in generator.extractor.state_dict().items()}
    minimize(objective, hinted(batch_of(channels=3)), steps=2)
    assert all(torch.equal(generator.extractor.state_dict()[key], tensor) for key, tensor in before.items())
    learning = {id(p) for group in objective.optimizers()["generator"].param_groups for p in group["params"]}
    assert not learning & {id(p) for p in generator.extractor.parameters()}


def test_the_specification_follows_the_extractor_that_is_given():
    spec = small_objective().joined({"features": VggExtractor("hed-vgg16", 16)})
    assert spec.generator.extractor == VggExtractor("hed-vgg16", 16)
    assert spec.discriminator.feature_channels == 128
    assert small_objective().joined({}) == small_objective()
    assert spec_from_json(spec_to_json(spec)) == spec

    objective = build_objective(small_objective(), {"features": Extractor("hed-vgg16", 16)})
    generator = objective.networks["generator"]
    assert generator.spec == spec.generator


def test_one_checkpoint_colorizes(tmp_path: Path):
    objective = build_objective(small_objective(), {"features": Extractor("hed-vgg16", 16)})
    generator = objective.networks["generator"]
    origin = Checkpoint(
        weights=generator.state_dict(),
        network=generator.spec,
        recipe={"name": "two_stage_base"},
        fingerprint="f",
        source_digest="c",
        seed=0,
        step=1,
        resolution=64,
    )
    save_checkpoint(tmp_path / "checkpoint.safetensors", origin)
    again = load_checkpoint(tmp_path / "checkpoint.safetensors").trained()
    lines, hint = torch.rand(1, 1, 32, 32), torch.zeros(1, 4, 8, 8)
    assert torch.equal(again(lines, hint), generator(lines, hint))


def test_gradients_reach_every_parameter_that_learns():
    objective = build_objective(small_objective(), extractor())
    for optimizer_step in objective.optimizer_steps(hinted(batch_of(channels=3)), 0.0):
        optimizer_step.loss.backward()
        if optimizer_step.optimizer == "discriminator":
            assert without_gradient(objective.networks["discriminator"]) in ([], ["last.bias"])
    unreached = without_gradient(objective.networks["generator"])
    assert all(name.startswith("extractor.") for name in unreached)


def test_steps_have_the_losses_of_the_released_code():
    objective = build_objective(small_objective(), extractor())
    batch = hinted(batch_of(channels=3))
    lines, hint = batch.given
    generator, critic = objective.networks["generator"], objective.networks["discriminator"]
    features = generator.local_features(lines)
    with torch.no_grad():
        fake = generator(lines, hint)
        real_says, fake_says = (critic(picture, features).numpy() for picture in (batch.target, fake))
        true_map, fake_map = (
            objective.frozen["features"](picture, ("relu2_2",))[0].numpy() for picture in (batch.target, fake)
        )
    torch.manual_seed(5)
    first, second = objective.optimizer_steps(batch, 0.0)
    torch.manual_seed(5)
    penalty = gradient_penalty(lambda picture: critic(picture, features), batch.target, fake).item()

    assert first.optimizer == "discriminator"
    assert first.parts["wasserstein"].item() == pytest.approx(fake_says.mean() - real_says.mean(), abs=1e-6)
    assert first.parts["drift"].item() == pytest.approx((real_says**2).mean(), rel=1e-4)
    assert first.parts["gradient_penalty"].item() == pytest.approx(penalty, rel=1e-5)
    expected = fake_says.mean() - real_says.mean() + 10 * penalty + 1e-3 * (real_says**2).mean()
    assert first.loss.item() == pytest.approx(expected, rel=1e-4)

    assert second.optimizer == "generator"
    content = np.square(true_map - fake_map).mean()
    assert second.parts["content_vgg16"].item() == pytest.approx(content, rel=1e-4)
    assert second.parts["adversarial"].item() == pytest.approx(-fake_says.mean(), rel=1e-4)
    assert second.loss.item() == pytest.approx(content - 1e-4 * fake_says.mean(), rel=1e-4)
    distances = objective.distances(fake, batch)
    assert {name: value.item() for name, value in distances.items()} == {
        "content_vgg16": pytest.approx(content, rel=1e-4)
    }


def test_the_generators_step_leaves_the_critic_alone_and_the_seed_decides():
    def gradients(seed: int) -> list[torch.Tensor]:
        torch.manual_seed(1)
        objective = build_objective(small_objective(), extractor())
        batch = hinted(batch_of(channels=3))
        torch.manual_seed(seed)
        critic = objective.networks["discriminator"]
        optimizer_steps = objective.optimizer_steps(batch, 0.0)
        next(optimizer_steps).loss.backward()
        found = [p.grad.clone() for p in critic.parameters() if p.grad is not None]
        next(optimizer_steps).loss.backward()
        assert all(
            torch.equal(before, p.grad)
            for before, p in zip(found, (p for p in critic.parameters() if p.grad is not None), strict=True)
        )
        return found

    assert all(torch.equal(one, other) for one, other in zip(gradients(3), gradients(3), strict=True))
    assert any(not torch.equal(one, other) for one, other in zip(gradients(3), gradients(4), strict=True))


def test_one_batch_is_learnt():
    quick = Adam(learning_rate=2e-3, beta1=0.5, beta2=0.9)
    torch.manual_seed(0)
    objective = build_objective(small_objective(generator_optimizer=quick), extractor())
    history = minimize(objective, hinted(batch_of(channels=3)), steps=30)
    assert history[-1]["generator/content_vgg16"] < 0.6 * history[0]["generator/content_vgg16"]
    assert all(math.isfinite(value) for losses in history for value in losses.values())


def test_the_critic_learns_to_tell():
    quick = Adam(learning_rate=1e-3, beta1=0.5, beta2=0.9)
    torch.manual_seed(0)
    objective = build_objective(
        small_objective(discriminator_optimizer=quick, generator_optimizer=Adam(learning_rate=0.0)), extractor()
    )
    history = minimize(objective, hinted(batch_of(channels=3)), steps=30)
    assert history[-1]["discriminator/wasserstein"] < history[0]["discriminator/wasserstein"] - 0.1


# The gradient penalty


def test_penalty_of_a_linear_critic_is_that_of_its_slope():
    slope = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]).reshape(1, 1, 2, 3).requires_grad_()
    real, fake = torch.randn(5, 1, 2, 3), torch.randn(5, 1, 2, 3)
    penalty = gradient_penalty(lambda x: (x * slope).sum(dim=(1, 2, 3)), real, fake)
    norm = math.sqrt(1 + 4 + 0.25 + 9 + 1)
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    penalty.backward()
    assert slope.grad is not None
    expected = 2 * (norm - 1) / norm * slope.detach()  # d (|s| - 1)^2 / ds
    torch.testing.assert_close(slope.grad, expected)


def test_penalty_per_pixel_takes_the_norm_over_channels():
    slope = torch.tensor([[[3.0, 1.0]], [[4.0, 0.0]]])  # two channels, 1 x 2 pixels: norms 5 and 1
    real, fake = torch.randn(4, 2, 1, 2), torch.randn(4, 2, 1, 2)

    def critic(x: torch.Tensor) -> torch.Tensor:
        return (x * slope).sum(dim=(1, 2, 3))

    assert gradient_penalty(critic, real, fake, per_pixel=True).item() == pytest.approx((16 + 0) / 2)
    assert gradient_penalty(critic, real, fake).item() == pytest.approx((math.sqrt(26) - 1) ** 2, rel=1e-5)


def test_penalty_looks_between_real_and_fake():
    seen = []

    def critic(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach().clone())
        return x.square().sum(dim=(1, 2, 3))

    real, fake = torch.full((2000, 1, 1, 2), 3.0), torch.full((2000, 1, 1, 2), 1.0, requires_grad=True)
    penalty = gradient_penalty(critic, real, fake)
    (between,) = seen
    assert torch.equal(between[..., 0], between[..., 1])  # one place a picture
    shares = (between[:, 0, 0, 0] - 1) / 2
    assert 0 <= shares.min() < 0.01
    assert 0.99 < shares.max() <= 1
    assert shares.mean().item() == pytest.approx(0.5, abs=0.03)
    assert shares.var().item() == pytest.approx(1 / 12, rel=0.1)
    norms = 2 * between.square().sum(dim=(1, 2, 3)).sqrt()
    assert penalty.item() == pytest.approx((norms - 1).square().mean().item(), rel=1e-4)


def test_penalty_and_content_are_computed_in_float32_under_autocast():
    objective = build_objective(small_objective(), extractor())
    batch = hinted(batch_of(channels=3))
    with torch.autocast("cpu", torch.bfloat16):
        first, second = objective.optimizer_steps(batch, 0.0)
    assert first.parts["gradient_penalty"].dtype == second.parts["content_vgg16"].dtype == torch.float32
    assert first.loss.dtype == second.loss.dtype == torch.float32
    first.loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in objective.networks["discriminator"].parameters())


def test_penalty_per_pixel_is_a_choice_of_the_specification():
    torch.manual_seed(4)
    plain, per_pixel = (
        build_objective(small_objective(penalty_per_pixel=choice), extractor()) for choice in (False, True)
    )
    with torch.no_grad():
        plain.networks["discriminator"].last.weight.mul_(1e4)  # a new critic is flat, and both norms are near 0
    for name, network in plain.networks.items():
        per_pixel.networks[name].load_state_dict(network.state_dict())
    batch = hinted(batch_of(channels=3))
    values = [next(o.optimizer_steps(batch, 0.0)).parts["gradient_penalty"].item() for o in (plain, per_pixel)]
    assert values[0] != pytest.approx(values[1], rel=1e-3)


def test_the_baseline_has_the_figures_of_the_released_code():
    recipe = RECIPES["two_stage_base"]
    spec = recipe.objective
    assert isinstance(spec, Alacgan)
    assert (recipe.batch, recipe.resolution, recipe.hint_side(512), recipe.extractor) == (4, 512, 128, "vgg16")
    assert recipe.hint == TruncatedNormalMask(scale=4, sigma=0.005)
    assert (spec.adversarial_weight, spec.penalty_weight, spec.drift_weight) == (1e-4, 10.0, 1e-3)
    for adam in (spec.generator_optimizer, spec.discriminator_optimizer):
        assert (adam.learning_rate, adam.beta1, adam.beta2) == (1e-4, 0.5, 0.9)
        assert [drop * 250_000 for drop in adam.drops] == [125_000]
    assert (recipe.augmentation.flip, recipe.augmentation.flip_vertical) == (0.5, 0.0)
