"""Cao et al.: the layers of the released code, noise that matters, the two games by hand, whose weights are clipped."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.build import build_network, build_objective
from models.checkpoint import Checkpoint
from models.diverse_gan.network import Discriminator, Generator
from models.diverse_gan.spec import DiverseDiscriminator, DiverseGan, DiverseGenerator, RmsProp
from models.objective import Objective, set_learning_rates
from tests.models.learning import batch_of, minimize, parameters_of, without_gradient

GENERATOR = DiverseGenerator(width=8, noise_side=16)
GAME = DiverseGan(GENERATOR, DiverseDiscriminator(width=8))


def small_game(**settings) -> Objective:
    torch.manual_seed(0)
    return build_objective(replace(GAME, **settings))


def test_networks_have_the_number_of_parameters_of_the_released_code():
    # The code's, with noise in the first layer alone, less the biases of convolutions that batch norm takes away.
    noise = 100 * 64 * 64 + 64 * 64 + 2
    layers = [(2, 128, 7), (129, 64, 5), (65, 64, 5), (65, 64, 5), (65, 32, 5)]
    generator = noise + sum(before * after * side**2 + 2 * after for before, after, side in layers) + 33 * 2 * 25 + 2
    discriminator = 3 * 64 * 25 + 64 + sum(a * b * 25 + 2 * b for a, b in [(64, 128), (128, 256), (256, 512)])
    discriminator += 4 * 4 * 512 * 64 + 64 + 64 + 1
    with torch.device("meta"):
        assert parameters_of(Generator(DiverseGenerator(noise_layers=1))) == generator
        assert parameters_of(Discriminator(DiverseDiscriminator())) == discriminator
        more_noise = 2 * noise + 64 * 25 + 64 * 25  # two more vectors, one channel more in two 5x5 layers
        assert parameters_of(Generator(DiverseGenerator())) == generator + more_noise


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 35)])
def test_any_size_is_kept(size: tuple[int, int]):
    output = build_network(GENERATOR).eval()(torch.randn(2, 1, *size))
    assert output.shape == (2, 2, *size)
    assert output.abs().max() <= 1
    assert build_network(GAME.discriminator)(torch.randn(2, 3, *size)).shape == (2,)


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    for network, channels in ((Generator(GENERATOR), 1), (Discriminator(GAME.discriminator), 3)):
        network.train()(torch.randn(4, channels, 64, 64)).square().mean().backward()
        assert without_gradient(network) == []


def test_noise_colours_a_picture_anew_while_learning_and_always_alike_in_use():
    torch.manual_seed(0)
    network = Generator(GENERATOR)
    picture = torch.randn(1, 1, 32, 32).expand(2, -1, -1, -1)
    one, other = network.train()(picture)
    assert (one - other).abs().max() > 1e-6
    one, other = network.eval()(picture)
    assert torch.equal(one, other)
    assert torch.equal(network(picture), network(picture, network.usual_noise.expand(2, -1, -1)))
    noise = network.drawn_noise(2)
    one, other = network(picture, noise)
    assert (one - other).abs().max() > 1e-6
    assert torch.equal(network(picture, noise), network(picture, noise))


def test_each_layers_noise_matters():
    torch.manual_seed(0)
    network = Generator(replace(GENERATOR, noise_layers=3)).eval()
    picture, noise = torch.randn(1, 1, 32, 32), network.drawn_noise(1)
    usual = network(picture, noise)
    for layer in range(3):
        changed = noise.clone()
        changed[:, layer] = network.drawn_noise(1)[:, layer]
        assert (network(picture, changed) - usual).abs().max() > 1e-6


def test_noise_is_uniform_from_minus_one_to_one():
    torch.manual_seed(0)
    noise = Generator(GENERATOR).drawn_noise(200)
    assert noise.shape == (200, 3, 100)
    assert noise.min() >= -1
    assert noise.max() <= 1
    assert abs(noise.mean().item()) < 4 * (1 / 3 / noise.numel()) ** 0.5
    assert noise.var().item() == pytest.approx(1 / 3, rel=0.02)


def test_a_checkpoint_keeps_the_usual_noise():
    torch.manual_seed(0)
    network = Generator(GENERATOR).eval()
    checkpoint = Checkpoint(network.state_dict(), GENERATOR, {"name": "test"}, "fingerprint", "code", 0, 1, 32)
    picture = torch.randn(1, 1, 32, 32)
    assert torch.equal(checkpoint.trained()(picture), network(picture))


def played(objective: Objective) -> tuple[np.ndarray, np.ndarray, list]:
    """The discriminator's logits of real and generated pictures, and the optimizer steps (not taken)."""
    batch = batch_of(channels=2)
    generator, discriminator = (objective.networks[name].eval() for name in ("generator", "discriminator"))
    with torch.no_grad():
        fake = generator(batch.condition)
        real_scores = discriminator(torch.cat([batch.condition, batch.target], 1)).numpy()
        fake_scores = discriminator(torch.cat([batch.condition, fake], 1)).numpy()
    return real_scores, fake_scores, list(objective.optimizer_steps(batch, 0.0))


def test_the_wasserstein_losses():
    real, fake, optimizer_steps = played(small_game(clip=1e9))
    assert [optimizer_step.optimizer for optimizer_step in optimizer_steps] == ["discriminator"] * 5 + ["generator"]
    assert optimizer_steps[0].loss.item() == pytest.approx(fake.mean() - real.mean(), rel=1e-4)
    assert optimizer_steps[0].health["wasserstein_distance"].item() == pytest.approx(
        real.mean() - fake.mean(), rel=1e-4
    )
    assert optimizer_steps[-1].loss.item() == pytest.approx(-fake.mean(), rel=1e-4)


def test_the_cross_entropy_losses():
    real, fake, optimizer_steps = played(small_game(loss="cross_entropy", discriminator_turns=1))
    real_p, fake_p = 1 / (1 + np.exp(-real)), 1 / (1 + np.exp(-fake))
    assert [optimizer_step.optimizer for optimizer_step in optimizer_steps] == ["discriminator", "generator"]
    assert optimizer_steps[0].loss.item() == pytest.approx(-np.log(real_p).mean() - np.log(1 - fake_p).mean(), rel=1e-4)
    assert optimizer_steps[1].loss.item() == pytest.approx(-np.log(fake_p).mean(), rel=1e-4)


@pytest.mark.parametrize("loss", ["wasserstein", "cross_entropy"])
def test_a_critics_weights_are_clipped_after_each_of_its_steps(loss: str):
    objective = small_game(loss=loss)
    discriminator = objective.networks["discriminator"]
    optimizers = objective.optimizers()
    largest = []
    for optimizer_step in objective.optimizer_steps(batch_of(channels=2), 0.0):
        largest.append(max(p.abs().max().item() for p in discriminator.parameters()))
        optimizers[optimizer_step.optimizer].zero_grad()
        optimizer_step.loss.backward()
        with torch.no_grad():
            discriminator.head[-1].bias.fill_(7.0)
    is_clipped = [value <= 0.01 + 1e-9 for value in largest]
    assert is_clipped == ([False] + [True] * 5 if loss == "wasserstein" else [False] * 6)


def test_each_step_moves_its_own_network_only():
    objective = small_game()
    for optimizer_step in objective.optimizer_steps(batch_of(channels=2), 0.0):
        for network in objective.networks.values():
            network.zero_grad()
        optimizer_step.loss.backward()
        for name, network in objective.networks.items():
            if name == optimizer_step.optimizer:
                assert any(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())
            else:
                assert all(p.grad is None for p in network.parameters())


def test_each_step_has_new_noise():
    objective = small_game(clip=1e9)
    losses = [optimizer_step.loss.item() for optimizer_step in objective.optimizer_steps(batch_of(channels=2), 0.0)]
    assert len({f"{loss:.9f}" for loss in losses[:5]}) == 5


def test_the_discriminator_learns_to_tell_real_from_generated():
    objective = small_game(loss="cross_entropy", discriminator_optimizer=RmsProp(1e-3))
    history = minimize(objective, batch_of(channels=2), steps=10)
    assert history[-1]["discriminator/total"] < history[0]["discriminator/total"]


def test_the_generator_is_taught_by_a_critic_that_likes_one_colour():
    """The colours follow the critic: here one that never learns and measures how red the picture is."""
    objective = small_game(discriminator_turns=0, generator_optimizer=RmsProp(1e-3))
    critic = objective.networks["discriminator"]
    critic.layers, critic.head = torch.nn.Identity(), torch.nn.Sequential(Redness(), torch.nn.Unflatten(0, (-1, 1)))
    batch = batch_of(channels=2)
    before = objective.output(batch)[:, 0].mean().item()
    minimize(objective, batch, steps=20)
    assert objective.output(batch)[:, 0].mean().item() > before + 0.1


class Redness(torch.nn.Module):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return picture[:, 1].mean(dim=(1, 2))


def test_rms_prop_has_the_settings_and_what_the_loop_sets():
    optimizer = small_game(generator_optimizer=RmsProp(3e-4, decay=0.8)).optimizers()["generator"]
    assert isinstance(optimizer, torch.optim.RMSprop)
    set_learning_rates(optimizer, 0.99)
    (group,) = optimizer.param_groups
    assert (group["lr"], group["alpha"], group["momentum"]) == (3e-4, 0.8, 0)
    assert small_game().optimizers()["discriminator"].param_groups[0]["lr"] == 2e-4


def test_a_specification_fits_itself_to_smaller_pictures():
    assert DiverseGenerator().sized(width=8, resolution=32) == DiverseGenerator(width=8, noise_side=32)
    assert DiverseGenerator().sized(width=None, resolution=256) == DiverseGenerator()
    with pytest.raises(ValueError, match="noise_layers is 0"):
        DiverseGenerator(noise_layers=0)
