"""Paper 001: sizes, parameter counts by hand, losses against NumPy, the four runs, and that both models learn."""

import numpy as np
import pytest
import torch
from torch import nn

from models.build import build_network, build_objective
from models.frames.network import ConvNet, Discriminator
from models.frames.spec import FramesDiscriminator, FramesGan, FramesGenerator, FramesL2
from models.kinds import spec_from_json
from models.recipes import RECIPES
from models.specs.base import Adam, spec_to_json
from tests.models.learning import batch_of, minimize, parameters_of, without_gradient

QUICK = Adam(learning_rate=2e-3)
GENERATOR = FramesGenerator(width=8)
GAN = FramesGan(GENERATOR, FramesDiscriminator(width=8), generator_optimizer=QUICK)
L2 = FramesL2(GENERATOR, generator_optimizer=QUICK)


def test_networks_have_the_number_of_parameters_of_their_tables():
    filters = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 512), (512, 512)]
    encoder = sum(before * after * 25 + 2 * after for before, after in filters)
    decoder_filters = [(512, 512), (1024, 512), (1024, 256), (512, 128), (256, 64)]
    decoder = sum(before * after * 25 + 2 * after for before, after in decoder_filters) + 128 * 3 * 25 + 3
    with torch.device("meta"):
        assert parameters_of(ConvNet(FramesGenerator())) == encoder + decoder
        with_colour = encoder + 3 * 64 * 25
        assert parameters_of(Discriminator(FramesDiscriminator())) == with_colour + 512 + 1


def test_the_papers_frames_go_through_the_papers_sizes_and_back():
    """180 is not divisible by 64: it takes 23 = ceil(45 / 2) and the decoder's way back to exactly 45."""
    network = ConvNet(FramesGenerator(width=2))
    down, up = [], []
    for layer in network.encoder.layers:
        layer.register_forward_hook(lambda _, __, output: down.append(tuple(output.shape[-2:])))
    for layer in network.decoder:
        layer.register_forward_hook(lambda _, __, output: up.append(tuple(output.shape[-2:])))
    output = network(torch.randn(2, 1, 180, 320))
    assert down == [(90, 160), (45, 80), (23, 40), (12, 20), (6, 10), (3, 5)]
    assert up == [(6, 10), (12, 20), (23, 40), (45, 80), (90, 160), (180, 320)]
    assert output.shape == (2, 3, 180, 320)


@pytest.mark.parametrize("kernel_px", [4, 5])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (5, 90), (1, 1)])
def test_any_size_is_kept(size: tuple[int, int], kernel_px: int):
    output = ConvNet(FramesGenerator(width=8, kernel_px=kernel_px)).eval()(torch.randn(2, 1, *size))
    assert output.shape == (2, 3, *size)
    assert output.abs().max() <= 1


def test_the_discriminator_gives_one_logit_a_picture_at_any_size():
    discriminator = Discriminator(FramesDiscriminator(width=8))
    assert discriminator(torch.randn(3, 4, 180, 320)).shape == (3,)
    assert discriminator(torch.randn(2, 4, 33, 47)).shape == (2,)


def test_the_discriminators_last_map_can_be_looked_at_place_by_place():
    torch.manual_seed(0)
    mean, flat = (FramesDiscriminator(width=8, pooled=pooled) for pooled in [(1, 1), (3, 5)])
    assert parameters_of(Discriminator(flat)) == parameters_of(Discriminator(mean)) + 64 * (3 * 5 - 1)
    assert spec_from_json(spec_to_json(flat)) == flat
    picture = torch.randn(2, 4, 180, 320)
    for spec in (mean, flat):
        discriminator = Discriminator(spec).eval()
        innermost = discriminator.encoder(picture)[-1]
        assert innermost.shape == (2, 64, 3, 5)
        seen = innermost.mean(dim=(2, 3)) if spec is mean else innermost.flatten(1)
        torch.testing.assert_close(discriminator(picture), discriminator.head(seen).squeeze(1))
    assert Discriminator(flat)(torch.randn(2, 4, 33, 47)).shape == (2,)


def test_weights_start_as_dcgans():
    torch.manual_seed(0)
    for network in (ConvNet(FramesGenerator(width=32)), Discriminator(FramesDiscriminator(width=32))):
        convolutions = torch.cat([p.flatten() for p in network.parameters() if p.ndim == 4])
        assert convolutions.std().item() == pytest.approx(0.02, rel=0.01)
        scales = torch.cat([layer.weight for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)])
        assert scales.mean().item() == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize(
    ("network", "channels"), [(ConvNet(GENERATOR), 1), (Discriminator(FramesDiscriminator(width=8)), 4)]
)
def test_every_parameter_gets_a_gradient(network: nn.Module, channels: int):
    torch.manual_seed(0)
    network.train()(torch.randn(4, channels, 64, 64)).square().mean().backward()
    assert without_gradient(network) == []


def test_skips_carry_the_input_past_the_bottleneck():
    torch.manual_seed(0)
    network = ConvNet(GENERATOR).eval()
    x = torch.zeros(1, 1, 64, 64)
    y = x.clone()
    y[..., 32, 32] = 1
    change = (network(y) - network(x)).abs().sum(1)[0]
    assert change[28:37, 28:37].max() == change.max() > 0


@pytest.mark.parametrize("spec", [GENERATOR, FramesDiscriminator(kernel_px=4), GAN, L2])
def test_a_specification_comes_back_from_its_json(spec):
    assert spec_from_json(spec_to_json(spec)) == spec


def test_a_network_knows_its_specification():
    assert build_network(GENERATOR).spec == GENERATOR


def test_the_l2_loss_is_the_papers_up_to_a_factor_and_its_number_is_reported():
    torch.manual_seed(0)
    objective = build_objective(L2)
    batch = batch_of(channels=3)
    objective.networks["generator"].eval()
    with torch.no_grad():
        output = objective.output(batch)
    squares = np.square(output.numpy() - batch.target.numpy())
    (optimizer_step,) = objective.optimizer_steps(batch, 0.0)
    assert optimizer_step.loss.item() == pytest.approx(squares.mean(), rel=1e-5)
    distances = objective.distances(output, batch)
    assert list(distances) == ["l2", "l2_half_sum"]
    assert distances["l2"].item() == pytest.approx(squares.mean(), rel=1e-5)
    assert distances["l2_half_sum"].item() == pytest.approx((squares.sum(axis=(1, 2, 3)) / 2).mean(), rel=1e-5)


def test_the_gan_losses_are_those_of_section_3_2_2():
    torch.manual_seed(0)
    objective = build_objective(GAN)
    batch = batch_of(channels=3)
    generator, discriminator = objective.networks["generator"].eval(), objective.networks["discriminator"].eval()
    with torch.no_grad():
        fake = generator(batch.condition).numpy()
        real_p = torch.sigmoid(discriminator(torch.cat([batch.condition, batch.target], 1))).numpy()
        fake_p = torch.sigmoid(discriminator(torch.cat([batch.condition, torch.from_numpy(fake)], 1))).numpy()
    optimizer_steps = list(
        objective.optimizer_steps(batch, 0.0)
    )  # no optimizer steps between, so both losses come from one discriminator
    assert [optimizer_step.optimizer for optimizer_step in optimizer_steps] == ["discriminator", "generator"]
    assert optimizer_steps[0].loss.item() == pytest.approx(-np.log(real_p).mean() - np.log(1 - fake_p).mean(), rel=1e-4)
    l1 = np.abs(fake - batch.target.numpy()).mean()
    assert optimizer_steps[1].loss.item() == pytest.approx(-np.log(fake_p).mean() + 100 * l1, rel=1e-4)
    assert optimizer_steps[0].health["accuracy_discriminator/real"].item() == pytest.approx((real_p > 0.5).mean())
    assert optimizer_steps[0].health["accuracy_discriminator/fake"].item() == pytest.approx((fake_p < 0.5).mean())


def test_each_step_moves_its_own_network_only():
    torch.manual_seed(0)
    objective = build_objective(GAN)
    for optimizer_step in objective.optimizer_steps(batch_of(channels=3), 0.0):
        for network in objective.networks.values():
            network.zero_grad()
        optimizer_step.loss.backward()
        others = [network for name, network in objective.networks.items() if name != optimizer_step.optimizer]
        assert without_gradient(objective.networks[optimizer_step.optimizer]) == []
        assert all(p.grad is None for network in others for p in network.parameters())


def test_the_generators_step_sees_the_discriminator_that_has_just_learned():
    torch.manual_seed(0)
    objective = build_objective(GAN)
    optimizer_steps = objective.optimizer_steps(batch_of(channels=3), 0.0)
    next(optimizer_steps)
    with torch.no_grad():
        objective.networks["discriminator"].head.bias.fill_(30.0)  # now sure that everything is real
    assert next(optimizer_steps).parts["adversarial"].item() < 1e-6


def test_the_convnet_overfits_one_batch():
    torch.manual_seed(0)
    history = minimize(build_objective(L2), batch_of(channels=3), steps=30)
    assert history[-1]["generator/l2"] < history[0]["generator/l2"] / 3


def test_the_gan_overfits_one_batch_and_its_discriminator_learns():
    torch.manual_seed(0)
    history = minimize(build_objective(GAN), batch_of(channels=3), steps=30)
    assert history[-1]["generator/l1"] < history[0]["generator/l1"] / 2
    assert history[-1]["discriminator/total"] < history[0]["discriminator/total"]


def test_the_four_runs_differ_in_model_and_input_alone():
    runs = {name: recipe for name, recipe in RECIPES.items() if name.startswith("frames_")}
    assert {name: recipe.variant for name, recipe in runs.items()} == {
        "frames_convnet_gray": "gray",
        "frames_gan_gray": "gray",
        "frames_convnet_edge": "edge",
        "frames_gan_edge": "edge",
    }
    for name, recipe in runs.items():
        assert recipe.objective == (FramesGan() if "gan" in name else FramesL2())
        assert (recipe.batch, recipe.steps, recipe.color_space) == (64, 20 * (22_543 // 64), "rgb")
    convnet, gan = FramesL2(), FramesGan()
    assert convnet.generator_optimizer == Adam(2e-4, beta1=0.9)
    assert gan.generator_optimizer == gan.discriminator_optimizer == Adam(2e-4, beta1=0.5)
    assert convnet.generator == gan.generator
    assert gan.l1_weight == 100
