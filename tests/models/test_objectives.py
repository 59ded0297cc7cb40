"""Objectives: their losses against NumPy by hand, their turns, and that they learn."""

from math import prod

import numpy as np
import pytest
import torch

from models.build import build_objective
from models.losses import says_fake, says_real, share
from models.objective import Batch, Objective, frozen
from models.specs import Adam, FramesDiscriminator, FramesGan, FramesGenerator, Pix2pixUNet, WebtoonL2

QUICK = Adam(learning_rate=2e-3)
WEBTOON = WebtoonL2(Pix2pixUNet(in_channels=1, out_channels=2, width=8, levels=5), generator_optimizer=QUICK)
FRAMES = FramesGan(FramesGenerator(width=8), FramesDiscriminator(width=8), generator_optimizer=QUICK)


def batch_of(channels: int, pictures: int = 4) -> Batch:
    """Pictures whose colour follows from their gray, so that they can be learnt."""
    generator = torch.Generator().manual_seed(3)
    gray = torch.rand(pictures, 1, 4, 4, generator=generator) * 2 - 1
    gray = gray.repeat_interleave(8, 2).repeat_interleave(8, 3)
    return Batch(condition=gray, target=torch.cat([gray * 0.8, -gray * 0.5, gray.square() - 0.5][:channels], 1))


def minimize(objective: Objective, batch: Batch, steps: int) -> list[dict[str, float]]:
    optimizers = objective.optimizers()
    history = []
    for _ in range(steps):
        losses = {}
        for turn in objective.turns(batch):
            optimizers[turn.optimizer].zero_grad()
            turn.loss.backward()
            optimizers[turn.optimizer].step()
            losses |= {f"{turn.optimizer}/{part}": value.item() for part, value in turn.parts.items()}
            losses[f"{turn.optimizer}/total"] = turn.loss.item()
        history.append(losses)
    return history


def test_adversarial_losses_are_the_papers_logarithms():
    logits = np.array([-3.0, -0.2, 0.0, 0.7, 5.0])
    probability = 1 / (1 + np.exp(-logits))
    tensor = torch.from_numpy(logits)
    assert float(says_real(tensor)) == pytest.approx(-np.log(probability).mean())
    assert float(says_fake(tensor)) == pytest.approx(-np.log(1 - probability).mean())
    assert float(share(tensor > 0)) == pytest.approx(2 / 5)


def test_a_sure_discriminator_gives_a_large_loss_and_not_infinity():
    assert float(says_real(torch.tensor([-200.0]))) == pytest.approx(200)
    assert float(says_fake(torch.tensor([200.0]))) == pytest.approx(200)


def test_webtoon_loss_is_the_mean_squared_difference():
    torch.manual_seed(0)
    objective = build_objective(WEBTOON)
    batch = batch_of(channels=2)
    generator = objective.networks["generator"].eval()
    output = generator(batch.condition)
    (turn,) = objective.turns(batch)
    by_hand = np.square(output.detach().numpy() - batch.target.numpy()).sum() / prod(output.shape)
    assert turn.optimizer == "generator"
    assert turn.loss.item() == pytest.approx(by_hand, rel=1e-5)
    assert float(objective.distances(output.detach(), batch.target)["l2"]) == pytest.approx(by_hand, rel=1e-5)


def test_frames_losses_are_those_of_section_3_2_2():
    torch.manual_seed(0)
    objective = build_objective(FRAMES)
    batch = batch_of(channels=3)
    generator, discriminator = objective.networks["generator"].eval(), objective.networks["discriminator"].eval()
    with torch.no_grad():
        fake = generator(batch.condition).numpy()
        real_p = torch.sigmoid(discriminator(torch.cat([batch.condition, batch.target], 1))).numpy()
        fake_p = torch.sigmoid(discriminator(torch.cat([batch.condition, torch.from_numpy(fake)], 1))).numpy()
    turns = list(objective.turns(batch))  # nobody steps between, so one discriminator judges in both
    assert [turn.optimizer for turn in turns] == ["discriminator", "generator"]
    assert turns[0].loss.item() == pytest.approx(-np.log(real_p).mean() - np.log(1 - fake_p).mean(), rel=1e-4)
    l1 = np.abs(fake - batch.target.numpy()).mean()
    assert turns[1].loss.item() == pytest.approx(-np.log(fake_p).mean() + 100 * l1, rel=1e-4)
    assert turns[0].health["accuracy_discriminator/real"].item() == pytest.approx((real_p > 0.5).mean())
    assert turns[0].health["accuracy_discriminator/fake"].item() == pytest.approx((fake_p < 0.5).mean())


def test_each_turn_moves_its_own_network_only():
    torch.manual_seed(0)
    objective = build_objective(FRAMES)
    for turn in objective.turns(batch_of(channels=3)):
        for network in objective.networks.values():
            network.zero_grad()
        turn.loss.backward()
        others = [network for name, network in objective.networks.items() if name != turn.optimizer]
        own = objective.networks[turn.optimizer]
        assert all(p.grad is not None and p.grad.abs().max() > 0 for p in own.parameters())
        assert all(p.grad is None for network in others for p in network.parameters())


def test_the_generators_turn_sees_the_discriminator_that_has_just_learned():
    torch.manual_seed(0)
    objective = build_objective(FRAMES)
    turns = objective.turns(batch_of(channels=3))
    next(turns)
    with torch.no_grad():
        objective.networks["discriminator"].head.bias.fill_(30.0)  # now sure that everything is real
    assert next(turns).parts["adversarial"].item() < 1e-6


def test_frozen_gives_back_only_what_it_took():
    network = torch.nn.Linear(2, 2)
    network.bias.requires_grad_(False)
    with frozen(network):
        assert not any(p.requires_grad for p in network.parameters())
    assert network.weight.requires_grad
    assert not network.bias.requires_grad


def test_webtoon_overfits_one_batch():
    torch.manual_seed(0)
    history = minimize(build_objective(WEBTOON), batch_of(channels=2), steps=30)
    assert history[-1]["generator/l2"] < history[0]["generator/l2"] / 3


def test_frames_overfits_one_batch_and_its_discriminator_learns():
    torch.manual_seed(0)
    history = minimize(build_objective(FRAMES), batch_of(channels=3), steps=30)
    assert history[-1]["generator/l1"] < history[0]["generator/l1"] / 2
    assert history[-1]["discriminator/total"] < history[0]["discriminator/total"]


def test_fused_adam_is_adam_on_channels_last_weights():
    torch.manual_seed(0)
    batch = batch_of(channels=2)
    spec = WebtoonL2(generator=Pix2pixUNet(in_channels=1, out_channels=2, width=8, levels=5, dropout=0.0))
    ours, peer = build_objective(spec), build_objective(spec)
    peer.networks["generator"].load_state_dict(ours.networks["generator"].state_dict())
    ours.networks["generator"].to(memory_format=torch.channels_last)
    plain = torch.optim.Adam(peer.networks["generator"].parameters(), lr=2e-4, betas=(0.5, 0.999), foreach=False)
    peer.optimizers = lambda: {"generator": plain}  # type: ignore[method-assign]
    left = [losses["generator/l2"] for losses in minimize(ours, batch, steps=8)]
    right = [losses["generator/l2"] for losses in minimize(peer, batch, steps=8)]
    assert left == pytest.approx(right, rel=2e-3)
    assert left[-1] < left[0]
