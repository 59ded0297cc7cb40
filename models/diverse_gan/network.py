"""Cao, Zhou, Zhang and Yu, "Unsupervised Diverse Colorization via Generative Adversarial Networks", ECML PKDD 2017.

The model [9] that paper 000 trained on one title (figure 5; its text calls it a variational autoencoder, the cited
paper is a conditional GAN). The generator never changes the size of its maps (stride 1), sees the lightness again in
every layer and has noise in several, so that one gray picture gets many colourings. Figures are those of the released
code (github.com/ccyyatnet/COLORGAN): 7x7 then 5x5 convolutions, 128-64-64-64-32-2, a discriminator of four 5x5
convolutions with stride 2, a Wasserstein GAN with clipped weights and RMSProp.

Ours differs where theirs is bound to 64 pixels and to YUV: colours are ab under L; a noise map is scaled to the
picture; the discriminator's last maps are averaged to the 4x4 that 64 pixels give.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, mse_loss

from models.blocks import Halve, initialize_dcgan
from models.diverse_gan import spec as specs
from models.losses import discriminator_terms, real_loss
from models.objective import Batch, Objective, OptimizerStep, frozen

_POOLED_SIDE = 4
"""Four halvings of 64 pixels."""


class Generator(nn.Module):
    """Six layers at full size. Each takes the lightness, what the one before it gives, and its noise if it has some."""

    usual_noise: Tensor

    def __init__(self, spec: specs.DiverseGenerator) -> None:
        super().__init__()
        self.spec = spec
        gives = [2 * spec.width, spec.width, spec.width, spec.width, spec.width // 2, 2]
        noise_maps = [1 if layer < spec.noise_layers else 0 for layer in range(len(gives))]
        takes = [1 + before + noise for before, noise in zip([0, *gives[:-1]], noise_maps, strict=True)]
        self.noises = nn.ModuleList(nn.Linear(spec.noise, spec.noise_side**2) for _ in range(spec.noise_layers))
        self.noise_norms = nn.ModuleList(nn.BatchNorm2d(1) for _ in range(spec.noise_layers))
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, kernel_px, 1, kernel_px // 2, bias=last)  # a norm takes the others' biases away
            for before, after, kernel_px, last in zip(
                takes, gives, [7, 5, 5, 5, 5, 5], [False] * 5 + [True], strict=True
            )
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in gives[:-1])
        self.register_buffer("usual_noise", torch.rand(spec.noise_layers, spec.noise) * 2 - 1)
        initialize_dcgan(self)

    def forward(self, lightness: Tensor, noise: Tensor | None = None) -> Tensor:
        """Lightness (B, 1, H, W) in [-1, 1] -> ab (B, 2, H, W) in [-1, 1].

        noise: (B, noise_layers, noise) in [-1, 1]. None: a new one for each picture while it learns; in evaluation
        mode always the same one, drawn when the network was made, so that a picture is always coloured alike.
        """
        if noise is None:
            noise = (
                self.drawn_noise(len(lightness)) if self.training else self.usual_noise.expand(len(lightness), -1, -1)
            )
        x = lightness.new_zeros(len(lightness), 0, *lightness.shape[-2:])
        for number, layer in enumerate(self.layers):
            parts = [lightness, x]
            if number < self.spec.noise_layers:
                parts.append(self._noise_map(number, noise[:, number], lightness.shape[-2:]))
            x = layer(torch.cat(parts, dim=1))  # (B, 128, 64, 64, 64, 32 or 2, H, W)
            if number < len(self.norms):
                x = torch.relu(self.norms[number](x))
        return torch.tanh(x)

    def drawn_noise(self, pictures: int) -> Tensor:
        """New noise, U(-1, 1): (pictures, noise_layers, noise)."""
        return torch.rand(pictures, *self.usual_noise.shape, device=self.usual_noise.device) * 2 - 1

    def _noise_map(self, layer: int, noise: Tensor, size: torch.Size) -> Tensor:
        side = self.spec.noise_side
        noise_map = self.noises[layer](noise).unflatten(1, (1, side, side))
        noise_map = torch.relu(self.noise_norms[layer](noise_map))
        return interpolate(noise_map, size, mode="bilinear")


class Discriminator(nn.Module):
    """Four 5x5 convolutions with stride 2, 64-128-256-512, then linear layers to 64 and to one number."""

    def __init__(self, spec: specs.DiverseDiscriminator) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.width * multiple for multiple in (1, 2, 4, 8)]
        self.layers = nn.Sequential()
        self.layers.extend([Halve(spec.in_channels, widths[0], kernel_px=5, bias=True), nn.LeakyReLU(0.2)])
        for before, after in pairwise(widths):
            self.layers.extend(
                [Halve(before, after, kernel_px=5, bias=False), nn.BatchNorm2d(after), nn.LeakyReLU(0.2)]
            )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(_POOLED_SIDE),
            nn.Flatten(),
            nn.Linear(widths[-1] * _POOLED_SIDE**2, spec.width),
            nn.Linear(spec.width, 1),
        )
        initialize_dcgan(self)

    def forward(self, picture: Tensor) -> Tensor:
        """Lightness and ab (B, 3, H, W) -> (B,): logits, or a Wasserstein critic's numbers."""
        return self.head(self.layers(picture)).squeeze(1)


class DiverseGanObjective(Objective):
    """Several optimizer steps of the discriminator, then one of the generator, on one batch, each with new noise.

    The released code takes a new batch for every optimizer step; here all of them share one batch.
    """

    def __init__(self, spec: specs.DiverseGan, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {
            "generator": Generator(spec.generator),
            "discriminator": Discriminator(spec.discriminator),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """RMSProp for each network."""
        return {
            "generator": rms_prop(self.networks["generator"], self._spec.generator_optimizer),
            "discriminator": rms_prop(self.networks["discriminator"], self._spec.discriminator_optimizer),
        }

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The discriminator's optimizer steps, then the generator's."""
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        is_wasserstein = self._spec.loss == "wasserstein"
        for _ in range(self._spec.discriminator_turns):
            with torch.no_grad():
                fake = generator(batch.condition)
            real_logits = discriminator(torch.cat([batch.condition, batch.target], dim=1))
            fake_logits = discriminator(torch.cat([batch.condition, fake], dim=1))
            if is_wasserstein:
                parts = {"real": -real_logits.mean(), "fake": fake_logits.mean()}
                health = {"wasserstein_distance": -parts["real"] - parts["fake"]}
            else:
                parts, health = discriminator_terms(real_logits, fake_logits)
            yield OptimizerStep("discriminator", parts["real"] + parts["fake"], parts, health)
            if is_wasserstein:
                with torch.no_grad():
                    for parameter in discriminator.parameters():
                        parameter.clamp_(-self._spec.clip, self._spec.clip)

        fake = generator(batch.condition)
        with frozen(discriminator):
            fake_logits = discriminator(torch.cat([batch.condition, fake], dim=1))
        loss = -fake_logits.mean() if is_wasserstein else real_loss(fake_logits)
        yield OptimizerStep("generator", loss, {"adversarial": loss})

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l2`: mean squared difference, ab in [-1, 1]. It is not minimized, but it is the one measure that stays
        comparable while the discriminator changes.
        """
        return {"l2": mse_loss(output, batch.target)}


def rms_prop(network: nn.Module, settings: specs.RmsProp) -> torch.optim.RMSprop:
    """RMSProp over all parameters of a network, at one learning rate throughout."""
    group = {"params": list(network.parameters()), "initial_lr": settings.learning_rate, "drops": ()}
    return torch.optim.RMSprop([group], settings.learning_rate, settings.decay)
