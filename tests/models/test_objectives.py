"""The common parts of objectives: the adversarial losses, networks frozen for a while, Adam."""

import numpy as np
import pytest
import torch

from models.build import build_objective
from models.losses import discriminator_terms, fake_loss, real_loss, share
from models.objective import frozen
from models.pix2pix.spec import Pix2pixUNet
from models.webtoon.spec import WebtoonL2
from tests.models.learning import batch_of, minimize


def test_adversarial_losses_are_the_papers_logarithms():
    logits = np.array([-3.0, -0.2, 0.0, 0.7, 5.0])
    probability = 1 / (1 + np.exp(-logits))
    tensor = torch.from_numpy(logits)
    assert float(real_loss(tensor)) == pytest.approx(-np.log(probability).mean())
    assert float(fake_loss(tensor)) == pytest.approx(-np.log(1 - probability).mean())
    assert float(share(tensor > 0)) == pytest.approx(2 / 5)


def test_a_discriminators_terms_and_accuracies():
    real, fake = torch.tensor([2.0, -1.0, 3.0, 0.5]), torch.tensor([-2.0, 1.0])
    parts, health = discriminator_terms(real, fake)
    assert parts == {"real": real_loss(real), "fake": fake_loss(fake)}
    assert {name: float(value) for name, value in health.items()} == {
        "accuracy_discriminator/real": 0.75,
        "accuracy_discriminator/fake": 0.5,
    }


def test_a_sure_discriminator_gives_a_large_loss_and_not_infinity():
    assert float(real_loss(torch.tensor([-200.0]))) == pytest.approx(200)
    assert float(fake_loss(torch.tensor([200.0]))) == pytest.approx(200)


def test_frozen_gives_back_only_what_it_took():
    network = torch.nn.Linear(2, 2)
    network.bias.requires_grad_(False)
    with frozen(network):
        assert not any(p.requires_grad for p in network.parameters())
    assert network.weight.requires_grad
    assert not network.bias.requires_grad


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
