"""Paper 002: the tables' sizes and parameters, noise and labels by their statistics, losses against NumPy."""

from dataclasses import replace
from math import ceil, exp

import numpy as np
import pytest
import torch
from torch import nn

from models.ajou.network import Discriminator, Generator, noise_like, soft_labels
from models.ajou.spec import AjouDiscriminator, AjouGan, AjouGenerator, LayerNoise, SoftLabels
from models.build import build_network, build_objective
from models.kinds import spec_from_json
from models.objective import Batch
from models.recipes import RECIPES
from models.specs.base import Adam, spec_to_json
from tests.models.learning import batch_of, minimize, parameters_of, without_gradient

SILENT = LayerNoise(sigma=0.0)
HARD = SoftLabels(real=(1.0, 1.0), fake=(0.0, 0.0), flipped=0.0)
QUICK = Adam(learning_rate=2e-3)


def small(**changes) -> AjouGan:
    """At 32 pixels and 8 channels."""
    return replace(AjouGan(generator_optimizer=QUICK), **changes).sized(width=8, resolution=32)


def sizes_of(layers: nn.ModuleList) -> list[tuple[int, ...]]:
    """Collects what each layer gives, as (channels, height, width), when the network is called."""
    found: list[tuple[int, ...]] = []
    for layer in layers:
        layer.register_forward_hook(lambda _, __, output: found.append(tuple(output.shape[1:])))
    return found


def test_the_generator_has_the_parameters_of_its_table():
    down = [(1, 16), (16, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    down += [(256, 512), (512, 512), (512, 512), (512, 512)]
    doubled = [(512, 512), (512, 256), (256, 128), (128, 64), (64, 32), (32, 16)]
    merged = [(512 + 512, 512), (256 + 512, 256), (128 + 256, 128), (64 + 128, 64), (32 + 64, 32), (16 + 32, 16)]
    by_hand = 9 * sum(a * b for a, b in down + doubled + merged) + 9 * 16 * 3 + 3
    with torch.device("meta"):
        assert parameters_of(Generator(AjouGenerator())) == by_hand
        without_skips = parameters_of(Generator(AjouGenerator(skips=False)))
    assert round(by_hand / 1e6, 1) == 20.4
    assert by_hand - without_skips == 9 * (512 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 32 + 32 * 16)


def test_the_discriminator_has_the_parameters_of_its_table():
    convolutions = [(3, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 128), (128, 256), (256, 256)]
    linear = [(16_384, 4000), (4000, 1000), (1000, 250), (250, 1)]
    fully_connected = sum(a * b + b for a, b in linear)
    with torch.device("meta"):
        network = Discriminator(AjouDiscriminator())
        assert parameters_of(network) == 9 * sum(a * b for a, b in convolutions) + 32 + fully_connected
        assert parameters_of(Discriminator(AjouDiscriminator(conditional=True))) == parameters_of(network) + 9 * 32
    assert round(fully_connected / 1e6, 1) == 69.8
    assert round(parameters_of(network) / 1e6) == 71


def test_the_generator_goes_through_the_sizes_of_its_table():
    with torch.device("meta"):
        network = Generator(AjouGenerator())
        down = [sizes_of(stage) for stage in network.stages]
        doubled, merged = sizes_of(network.doublings), sizes_of(network.merges)
        output = network(torch.empty(1, 1, 512, 512))
    # A doubling gives up to twice its input; it is cut to the stage that it meets, here to the same size.
    assert [stage[-1] for stage in down] == [
        (32, 512, 512), (64, 256, 256), (128, 128, 128), (256, 64, 64), (512, 32, 32), (512, 16, 16), (512, 8, 8)
    ]  # fmt: skip
    assert [len(stage) for stage in down] == [3, 2, 2, 2, 2, 1, 1]
    assert down[0][0] == (16, 512, 512)
    up = [(512, 16, 16), (256, 32, 32), (128, 64, 64), (64, 128, 128), (32, 256, 256), (16, 512, 512)]
    assert doubled == merged == up
    assert output.shape == (1, 3, 512, 512)


@pytest.mark.parametrize(("doubled", "last"), [(False, (256, 8, 8)), (True, (256, 4, 4))])
def test_the_discriminator_goes_through_the_sizes_of_its_table(doubled: bool, last: tuple[int, ...]):
    with torch.device("meta"):
        network = Discriminator(AjouDiscriminator(doubled_first_rows=doubled))
        maps, features = sizes_of(network.convolutions), sizes_of(network.fully_connected)
        logits = network(torch.empty(2, 3, 512, 512))
    once = [(32, 512, 512), (64, 512, 512), (64, 256, 256), (128, 128, 128), (128, 64, 64), (128, 32, 32)]
    assert maps[-1] == last
    assert len(maps) == (11 if doubled else 8)
    assert doubled or maps[:6] == once
    assert features == [(4000,), (1000,), (250,), (1,)]
    assert logits.shape == (2,)


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (5, 90), (1, 1)])
def test_the_generator_keeps_any_size(size: tuple[int, int], skips: bool):
    torch.manual_seed(0)
    output = Generator(AjouGenerator(width=8, skips=skips)).train()(torch.randn(2, 1, *size))
    assert output.shape == (2, 3, *size)
    assert output.abs().max() <= 1


@pytest.mark.parametrize("resolution", [32, 100, 256])
def test_the_discriminator_fits_itself_to_a_resolution_and_takes_any_size(resolution: int):
    spec = AjouDiscriminator().sized(width=8, resolution=resolution)
    assert (spec.width, spec.fully_connected) == (8, (1000, 250, 62))
    network = Discriminator(spec)
    assert network.fully_connected[0].in_features == 64 * ceil(resolution / 64) ** 2
    assert network(torch.randn(2, 3, resolution, resolution)).shape == (2,)
    assert network(torch.randn(1, 3, 33, 147)).shape == (1,)


def test_without_skips_the_way_up_sees_the_innermost_map_alone():
    torch.manual_seed(0)
    x, y = torch.rand(2, 1, 1, 64, 64)
    for skips in (True, False):
        network = Generator(AjouGenerator(width=8, skips=skips)).eval()
        nn.init.zeros_(network.doublings[0].weight)  # what comes from the innermost map is lost
        assert torch.equal(network(x), network(y)) is not skips


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    objective = build_objective(small())
    for optimizer_step in objective.optimizer_steps(batch_of(channels=3), 0.0):
        for network in objective.networks.values():
            network.zero_grad()
        optimizer_step.loss.backward()
        others = [network for name, network in objective.networks.items() if name != optimizer_step.optimizer]
        assert without_gradient(objective.networks[optimizer_step.optimizer]) == []
        assert all(p.grad is None for network in others for p in network.parameters())


def test_weights_start_as_kaiming_he_starts_them():
    torch.manual_seed(0)
    network = Discriminator(AjouDiscriminator().sized(width=32, resolution=64))
    for layer in (network.convolutions[4], network.fully_connected[0]):
        expected = (2 / (1 + 0.2**2) / layer.weight[0].numel()) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.02)
        assert abs(layer.weight.mean().item()) < expected / 50
    assert all(not layer.bias.any() for layer in network.fully_connected)


def test_maps_are_normalized_picture_by_picture():
    """A brighter, stronger copy of a picture beside it changes nothing, as batch norm would."""
    torch.manual_seed(0)
    network = Generator(AjouGenerator(width=8)).train()
    picture = torch.rand(1, 1, 64, 64)
    alone = network(picture)
    together = network(torch.cat([picture, picture * 3 + 1]))
    assert torch.allclose(alone[0], together[0], atol=1e-4)


def test_noise_weakens_with_depth_and_with_time():
    noise = LayerNoise(sigma=0.2, depth_factor=0.5, final_factor=0.01)
    assert noise.sigma_at(0, 0.0) == 0.2
    assert noise.sigma_at(3, 0.0) == pytest.approx(0.025)
    assert noise.sigma_at(0, 1.0) == pytest.approx(0.002)
    assert noise.sigma_at(1, 0.5) == pytest.approx(0.1 * exp(np.log(0.01) / 2))


def test_each_layer_of_the_discriminator_sees_noise_of_its_sigma():
    torch.manual_seed(0)
    noise = LayerNoise(sigma=0.3, depth_factor=0.5, final_factor=0.1)
    network = Discriminator(AjouDiscriminator(noise=noise).sized(width=16, resolution=64))
    layers = [*network.convolutions, *network.fully_connected]
    for layer in layers:  # every layer gives 0, so each is given its own noise alone
        for parameter in layer.parameters():
            nn.init.zeros_(parameter)
    given = []
    for layer in layers:
        layer.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    for done in (0.0, 0.5):
        given.clear()
        network.train()(torch.zeros(16, 3, 64, 64), done)
        assert len(given) == len(layers) == 12
        for number, x in enumerate(given):
            sigma = 0.3 * 0.5**number * 0.1**done
            assert x.std().item() == pytest.approx(sigma, rel=4 / x.numel() ** 0.5)
            assert abs(x.mean().item()) < 4 * sigma / x.numel() ** 0.5
    given.clear()
    network.eval()(torch.zeros(16, 3, 64, 64), 0.0)
    assert not any(x.any() for x in given)  # none in evaluation mode


def test_noise_is_normal_and_lies_in_memory_as_what_it_is_added_to():
    torch.manual_seed(0)
    maps = torch.empty(4, 8, 32, 32, dtype=torch.bfloat16).contiguous(memory_format=torch.channels_last)
    noise = noise_like(maps)
    assert (noise.shape, noise.dtype, noise.stride()) == (maps.shape, maps.dtype, maps.stride())
    assert (float(noise.float().mean()), float(noise.float().std())) == pytest.approx((0, 1), abs=0.02)


def test_soft_labels_are_uniform_and_now_and_then_flipped():
    torch.manual_seed(0)
    real, fake = soft_labels(SoftLabels(flipped=0.1), torch.zeros(200_000))
    for labels, (low, high) in ((real, (0.7, 1.0)), (fake, (0.0, 0.3))):
        is_own = (labels >= low) & (labels <= high)
        assert 1 - is_own.float().mean().item() == pytest.approx(0.1, abs=0.005)
        own = labels[is_own]
        assert own.mean().item() == pytest.approx((low + high) / 2, abs=1e-3)
        assert own.std().item() == pytest.approx(0.3 / 12**0.5, rel=0.01)
        other = labels[~is_own]
        assert other.min() >= (0.0 if low else 0.7)
        assert other.max() <= (0.3 if low else 1.0)
    assert abs(np.corrcoef(real, fake)[0, 1]) < 0.01  # drawn apart


def test_hard_labels_are_ones_and_zeros():
    real, fake = soft_labels(HARD, torch.zeros(50))
    assert real.tolist() == [1.0] * 50
    assert fake.tolist() == [0.0] * 50


@pytest.mark.parametrize("conditional", [False, True])
def test_losses_are_cross_entropies_and_l1(conditional: bool):
    torch.manual_seed(0)
    spec = small(discriminator=AjouDiscriminator(noise=SILENT, conditional=conditional))
    objective = build_objective(spec)
    batch = batch_of(channels=3)
    generator, discriminator = objective.networks["generator"], objective.networks["discriminator"]

    def discriminator_terms(picture: torch.Tensor) -> np.ndarray:
        shown = torch.cat([batch.condition, picture], 1) if conditional else picture
        return torch.sigmoid(discriminator(shown)).numpy()

    with torch.no_grad():
        fake = generator(batch.condition)
        real_p, fake_p = discriminator_terms(batch.target), discriminator_terms(fake)
    torch.manual_seed(7)
    optimizer_steps = list(
        objective.optimizer_steps(batch, 0.3)
    )  # no optimizer steps between, so both losses come from one discriminator
    torch.manual_seed(7)
    a, b = (labels.numpy() for labels in soft_labels(spec.labels, torch.zeros(4)))
    real = -(a * np.log(real_p) + (1 - a) * np.log(1 - real_p)).mean()
    generated = -(b * np.log(fake_p) + (1 - b) * np.log(1 - fake_p)).mean()
    assert [optimizer_step.optimizer for optimizer_step in optimizer_steps] == ["discriminator", "generator"]
    assert optimizer_steps[0].loss.item() == pytest.approx(real + generated, rel=1e-4)
    l1 = np.abs(fake.numpy() - batch.target.numpy()).mean()
    assert optimizer_steps[1].loss.item() == pytest.approx(-np.log(fake_p).mean() + 100 * l1, rel=1e-4)
    assert optimizer_steps[0].health["accuracy_discriminator/real"].item() == pytest.approx((real_p > 0.5).mean())
    assert optimizer_steps[0].health["accuracy_discriminator/fake"].item() == pytest.approx((fake_p < 0.5).mean())


@pytest.mark.parametrize("is_training", [True, False])
def test_validation_runs_the_discriminator_without_noise_and_keeps_its_mode(is_training: bool):
    torch.manual_seed(0)
    objective = build_objective(small(discriminator=AjouDiscriminator(noise=LayerNoise(sigma=2.0))))
    discriminator = objective.networks["discriminator"].train(is_training)
    batch = batch_of(channels=3)
    with torch.no_grad():
        output = objective.output(batch)
    distances = objective.distances(output, batch)
    assert list(distances) == ["l1", "loss_discriminator"]
    assert discriminator.training == is_training
    with torch.no_grad():
        real_p, fake_p = (torch.sigmoid(discriminator.eval()(x)).numpy() for x in (batch.target, output))
    by_hand = -np.log(real_p).mean() - np.log(1 - fake_p).mean()
    assert distances["loss_discriminator"].item() == pytest.approx(by_hand, rel=1e-4)
    assert distances["l1"].item() == pytest.approx(np.abs(output.numpy() - batch.target.numpy()).mean(), rel=1e-5)


@pytest.mark.parametrize("name", ["ajou_cgan", "ajou_unstabilised", "ajou_no_skips"])
def test_it_overfits_one_batch(name: str):
    torch.manual_seed(0)
    spec = replace(RECIPES[name].objective, generator_optimizer=QUICK).sized(width=8, resolution=32)
    history = minimize(build_objective(spec), batch_of(channels=3), steps=30)
    assert history[-1]["generator/l1"] < history[0]["generator/l1"] / 1.6


def test_the_stabilizers_keep_the_discriminator_from_winning():
    """The slides' story in small: against a generator that stands still, the plain discriminator's loss falls to
    about zero; with soft labels it cannot, for the labels themselves are uncertain."""

    def final_loss(name: str) -> float:
        torch.manual_seed(0)
        spec = RECIPES[name].objective
        spec = replace(spec, generator_optimizer=Adam(0.0), discriminator_optimizer=Adam(1e-3))
        history = minimize(build_objective(spec.sized(width=8, resolution=32)), batch_of(channels=3), steps=30)
        return float(np.mean([step["discriminator/total"] for step in history[-10:]]))

    entropy = -(0.85 * np.log(0.85) + 0.15 * np.log(0.15))  # of a label whose mean is 0.85
    assert final_loss("ajou_unstabilised") < 0.1
    assert final_loss("ajou_cgan") > entropy


def test_one_picture_is_enough_for_a_step():
    torch.manual_seed(0)
    objective = build_objective(small())
    batch = batch_of(channels=3, pictures=1)
    for optimizer_step in objective.optimizer_steps(Batch(batch.condition, batch.target), 0.0):
        assert torch.isfinite(optimizer_step.loss)
        optimizer_step.loss.backward()


@pytest.mark.parametrize("name", ["ajou_cgan", "ajou_unstabilised", "ajou_no_skips"])
def test_a_recipe_is_the_papers_and_comes_back_from_its_json(name: str):
    recipe = RECIPES[name]
    assert (recipe.batch, recipe.resolution, recipe.color_space, recipe.variant) == (1, 512, "rgb", "gray")
    assert recipe.objective.generator_optimizer == recipe.objective.discriminator_optimizer == Adam(1e-4, 0.5)
    assert spec_from_json(spec_to_json(recipe.objective)) == recipe.objective
    assert build_network(recipe.objective.generator.sized(width=8, resolution=32)).spec.width == 8


def test_the_ablations_differ_from_the_whole_in_their_subject_alone():
    whole = RECIPES["ajou_cgan"].objective
    plain, no_skips = RECIPES["ajou_unstabilised"].objective, RECIPES["ajou_no_skips"].objective
    assert replace(plain, discriminator=whole.discriminator, labels=whole.labels) == whole
    assert (plain.discriminator.noise.sigma, plain.labels) == (0.0, HARD)
    assert replace(no_skips, generator=whole.generator) == whole
    assert not no_skips.generator.skips
