"""Paper 002: Ajou ComicArt Visionaries, "A cGAN-based Approach for Manga Colorization" (slides).

A U-Net from gray to RGB at 512 pixels against a discriminator of the whole picture:

    discriminator  minimizes  BCE(D(x), a) + BCE(D(G(z)), b),   a in 0.7 .. 1, b in 0 .. 0.3, now and then swapped
    generator      minimizes  BCE(D(G(z)), 1) + lambda * |G(z) - x|_1,   lambda = 100 [I]

The discriminator used to win (its loss fell to zero). So every one of its layers sees Gaussian noise, weaker with
depth and with time, and its labels are soft and sometimes wrong.

Not given, and read so [I]: each convolution is followed by instance norm (without scale and shift, PyTorch's
default) and leaky ReLU; the discriminator's first layer and its fully connected ones have no norm; the last rows of
the generator (16 channels at 512 pixels, then three and tanh), which the table lacks; the generator aims at 1.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    adaptive_avg_pool2d,
    binary_cross_entropy_with_logits,
    instance_norm,
    l1_loss,
    leaky_relu,
    max_pool2d,
)

from models.ajou.spec import AjouDiscriminator, AjouGan, AjouGenerator, SoftLabels
from models.blocks import Double, initialize_kaiming
from models.losses import discriminator_terms, real_loss
from models.objective import Batch, Objective, OptimizerStep, adams, frozen
from models.precision import full_precision


class Generator(nn.Module):
    """Seven stages down, six up, for any size; at 512 pixels the innermost map is 8x8.

    Every convolution is 3x3 with padding 1, every doubling a transposed one with stride 2.
    """

    def __init__(self, spec: AjouGenerator) -> None:
        super().__init__()
        self.spec = spec
        self.stages = nn.ModuleList()
        channels = spec.in_channels
        for multiples in spec.stages:
            widths = [spec.width * multiple for multiple in multiples]
            self.stages.append(nn.Sequential(*(_conv3(*pair) for pair in pairwise([channels, *widths]))))
            channels = widths[-1]
        self.doublings, self.merges = nn.ModuleList(), nn.ModuleList()
        for multiple, mirror in zip(spec.up, spec.stages[-2::-1], strict=True):
            width, skipped = spec.width * multiple, spec.width * mirror[-1] if spec.skips else 0
            self.doublings.append(Double(channels, width, kernel_px=3, bias=False))
            self.merges.append(_conv3(width + skipped, width))
            channels = width
        self.last = nn.Conv2d(channels, spec.out_channels, 3, padding=1)
        initialize_kaiming(self, spec.leaky_slope)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, in_channels, H, W) in [-1, 1] -> (B, out_channels, H, W) in [-1, 1]."""
        x, skips = picture, []
        for number, stage in enumerate(self.stages):
            if number:
                skips.append(x)
                x = max_pool2d(x, 2, ceil_mode=True)  # (B, 32 .. 512, ceil(H/2), ceil(W/2))
            for convolution in stage.children():
                x = self._activated(convolution(x))
        for double, merge in zip(self.doublings, self.merges, strict=True):
            skip = skips.pop()
            x = self._activated(double(x, skip.shape[-2:]))
            x = torch.cat([x, skip], dim=1) if self.spec.skips else x  # (B, 1024 .. 48, 2h, 2w)
            x = self._activated(merge(x))
        return torch.tanh(self.last(x))

    def _activated(self, x: Tensor) -> Tensor:
        return leaky_relu(_normalized(x), self.spec.leaky_slope)


class Discriminator(nn.Module):
    """Eight 3x3 convolutions and four fully connected layers: one logit a picture.

    The fully connected layers fix the size of the last map. Pictures of another size than the specification's are
    averaged to it there.
    """

    def __init__(self, spec: AjouDiscriminator) -> None:
        super().__init__()
        self.spec = spec
        self.convolutions = nn.ModuleList()
        channels = 4 if spec.conditional else 3
        for number, (width, stride) in enumerate(spec.convolutions):
            self.convolutions.append(nn.Conv2d(channels, width, 3, stride, padding=1, bias=number == 0))
            channels = width
        features = [channels * spec.final_side**2, *spec.fully_connected, 1]
        self.fully_connected = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(features))
        initialize_kaiming(self, spec.leaky_slope)

    def forward(self, picture: Tensor, done: float = 1.0) -> Tensor:
        """The logits of "real": (B, 3 or 4, H, W) -> (B,), computed in float32 also under autocast.

        done: the share of the budget that is behind; the noise, which is there in training mode only, decays with it.
        """
        # bfloat16 keeps 8 bits: it would lose the noise on bright maps, and norms over few pixels would blow up.
        with full_precision(picture.device):
            return self._logits(picture.float(), done)

    def _logits(self, x: Tensor, done: float) -> Tensor:
        for layer, convolution in enumerate(self.convolutions):
            x = convolution(self._noisy(x, layer, done))  # (B, 32 .. 256, H .. H/64, W .. W/64)
            x = leaky_relu(_normalized(x) if layer else x, self.spec.leaky_slope)
        side = self.spec.final_side
        if x.shape[-2:] != (side, side):
            x = adaptive_avg_pool2d(x, side)
        x = x.flatten(1)
        for layer, linear in enumerate(self.fully_connected):
            x = leaky_relu(x, self.spec.leaky_slope) if layer else x
            x = linear(self._noisy(x, len(self.convolutions) + layer, done))
        return x.squeeze(1)

    def _noisy(self, x: Tensor, layer: int, done: float) -> Tensor:
        sigma = self.spec.noise.sigma_at(layer, done)
        return x + sigma * noise_like(x) if self.training and sigma else x


class AjouObjective(Objective):
    """The discriminator against the generator, on soft labels."""

    def __init__(self, spec: AjouGan, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {
            "generator": Generator(spec.generator),
            "discriminator": Discriminator(spec.discriminator),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The discriminator's optimizer step, then the generator's."""
        discriminator = self.networks["discriminator"]
        fake = self.networks["generator"](*batch.given)
        real_logits = discriminator(self._shown(batch.target, batch), done)
        fake_logits = discriminator(self._shown(fake.detach(), batch), done)
        real_labels, fake_labels = soft_labels(self._spec.labels, real_logits)
        _, health = discriminator_terms(real_logits, fake_logits)
        parts = {
            "real": binary_cross_entropy_with_logits(real_logits, real_labels),
            "fake": binary_cross_entropy_with_logits(fake_logits, fake_labels),
        }
        yield OptimizerStep("discriminator", parts["real"] + parts["fake"], parts, health)

        with frozen(discriminator):
            fake_logits = discriminator(self._shown(fake, batch), done)
        parts = {"adversarial": real_loss(fake_logits), "l1": l1_loss(fake, batch.target)}
        yield OptimizerStep("generator", parts["adversarial"] + self._spec.l1_weight * parts["l1"], parts)

    @torch.no_grad()
    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l1`: mean absolute difference, RGB in [-1, 1]; `loss_discriminator`: its loss, without noise, on 1 and 0."""
        discriminator = self.networks["discriminator"]
        was_training = discriminator.training
        discriminator.eval()
        logits = (discriminator(self._shown(picture, batch)) for picture in (batch.target, output))
        parts, _ = discriminator_terms(*logits)
        discriminator.train(was_training)
        return {"l1": l1_loss(output, batch.target), "loss_discriminator": parts["real"] + parts["fake"]}

    def _shown(self, picture: Tensor, batch: Batch) -> Tensor:
        """The discriminator's input for a picture, real or generated."""
        return torch.cat([batch.condition, picture], dim=1) if self._spec.discriminator.conditional else picture


def noise_like(x: Tensor) -> Tensor:
    """Gaussian noise of standard deviation 1, with the shape, the type and the layout of a dense tensor.

    Drawn in the order of memory: on a CPU, `torch.randn_like` takes eight times as long for channels-last.
    """
    noise = torch.empty_like(x, dtype=torch.float32)
    noise.as_strided((noise.numel(),), (1,)).normal_()
    return noise.to(x.dtype)


def soft_labels(labels: SoftLabels, like: Tensor) -> tuple[Tensor, Tensor]:
    """Labels for real and for generated pictures, like `like` (B,): float32, on its device."""

    def drawn(bounds: tuple[float, float], other: tuple[float, float]) -> Tensor:
        is_flipped = torch.rand(like.shape, device=like.device) < labels.flipped
        low, high = (torch.where(is_flipped, theirs, own) for own, theirs in zip(bounds, other, strict=True))
        return low + (high - low) * torch.rand(like.shape, device=like.device)

    return drawn(labels.real, labels.fake), drawn(labels.fake, labels.real)


def _conv3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def _normalized(x: Tensor) -> Tensor:
    """Instance norm; of one pixel nothing would be left, so that stays as it is."""
    return instance_norm(x) if x.shape[-2] * x.shape[-1] > 1 else x
