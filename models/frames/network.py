"""Paper 001: Fu, Hsu and Yang, "Colorization Using ConvNet and GAN".

The ConvNet (section 3.1.1) from gray or edges to RGB under the L2 loss, and the conditional GAN with it as
generator (section 3.2):

    ConvNet        minimizes  1/2 * sum over pixels of |F(x) - y|^2
    discriminator  minimizes  -log D(x, y) - log(1 - D(x, G(x)))
    generator      minimizes  -log D(x, G(x)) + lambda * |G(x) - y|_1,   lambda = 100

The generator has no noise as input (the authors found that it does not help). Filters, kernels, slope,
initialization and the end of the last layer are not given; the specification holds our reading. Weights start as
DCGAN's [I].
"""

from collections.abc import Iterator, Mapping
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, l1_loss, leaky_relu, mse_loss, relu

from models.blocks import Double, Halve, initialize_dcgan
from models.frames.spec import FramesDiscriminator, FramesEncoder, FramesGan, FramesGenerator, FramesL2
from models.losses import discriminator_terms, real_loss
from models.objective import Batch, Objective, OptimizerStep, adams, frozen


class Encoder(nn.Module):
    """Six layers, each convolution with stride 2, batch norm and leaky ReLU.

    At 180x320 they give 90x160, 45x80, 23x40, 12x20, 6x10 and 3x5.
    """

    def __init__(self, spec: FramesEncoder) -> None:
        super().__init__()
        self.widths = [spec.width * multiple for multiple in spec.multiples]
        self.leaky_slope = spec.leaky_slope
        self.layers = nn.ModuleList(
            Halve(before, after, kernel_px=spec.kernel_px, bias=False)
            for before, after in zip([spec.in_channels, *self.widths], self.widths, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in self.widths)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(B, in_channels, H, W) -> what each layer gives, (B, 64 .. 512, ceil(H/2), ceil(W/2)) and so on."""
        maps = []
        for halve, norm in zip(self.layers, self.norms, strict=True):
            x = leaky_relu(norm(halve(x)), self.leaky_slope)
            maps.append(x)
        return maps


class ConvNet(nn.Module):
    """Six layers down, six up, each layer up fed with its mirror; for any size.

    [I] The last layer ends in tanh, without batch norm and ReLU, which could not give every colour.
    """

    def __init__(self, spec: FramesGenerator) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        mirrors = self.encoder.widths[-2::-1]  # what the layers of the decoder give, the innermost first
        takes = [self.encoder.widths[-1], *(2 * width for width in mirrors)]
        self.decoder = nn.ModuleList(
            Double(before, after, kernel_px=spec.kernel_px, bias=last)
            for before, after, last in zip(
                takes, [*mirrors, spec.out_channels], [False] * len(mirrors) + [True], strict=True
            )
        )
        self.decoder_norms = nn.ModuleList(nn.BatchNorm2d(width) for width in mirrors)
        initialize_dcgan(self)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, in_channels, H, W) in [-1, 1] -> (B, out_channels, H, W) in [-1, 1]."""
        *skips, x = self.encoder(picture)
        for layer, norm in enumerate(self.decoder_norms):
            skip = skips.pop()
            x = relu(norm(self.decoder[layer](x, skip.shape[-2:])))
            x = torch.cat([x, skip], dim=1)  # (B, 1024 .. 128, 2h, 2w)
        return torch.tanh(self.decoder[-1](x, picture.shape[-2:]))


class Discriminator(nn.Module):
    """One logit a picture; the sigmoid of its logit is the probability "real" (section 3.2.1).

    How the last map becomes one number is not given: [I] a linear layer over its means, which serves every size.
    """

    def __init__(self, spec: FramesDiscriminator) -> None:
        super().__init__()
        self.spec = spec
        self.encoder = Encoder(spec)
        self.head = nn.Linear(self.encoder.widths[-1] * prod(spec.pooled), 1)
        initialize_dcgan(self)

    def forward(self, picture_and_condition: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B,) logits."""
        innermost = self.encoder(picture_and_condition)[-1]
        means = adaptive_avg_pool2d(innermost, self.spec.pooled)
        return self.head(means.flatten(1)).squeeze(1)


class L2Objective(Objective):
    """The ConvNet alone.

    The paper's loss is half the sum over pixels of the squared difference. We minimize the mean over pictures,
    channels and pixels, which has the same minimum and does not grow with the picture; the paper's number is a
    validation loss beside it.
    """

    def __init__(self, spec: FramesL2, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {"generator": ConvNet(spec.generator)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the generator."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The generator's optimizer step."""
        loss = mse_loss(self.networks["generator"](*batch.given), batch.target)
        yield OptimizerStep("generator", loss, parts={"l2": loss})

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l2`: mean squared difference, RGB in [-1, 1]; `l2_half_sum`: half the sum over a picture, as the paper's."""
        l2 = mse_loss(output, batch.target)
        return {"l2": l2, "l2_half_sum": l2 * output[0].numel() / 2}


class GanObjective(Objective):
    """The adversarial loss of section 3.2.2 and L1."""

    def __init__(self, spec: FramesGan, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {
            "generator": ConvNet(spec.generator),
            "discriminator": Discriminator(spec.discriminator),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The discriminator's optimizer step, then the generator's."""
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        fake = generator(*batch.given)
        real_logits = discriminator(torch.cat([batch.condition, batch.target], dim=1))
        fake_logits = discriminator(torch.cat([batch.condition, fake.detach()], dim=1))
        parts, health = discriminator_terms(real_logits, fake_logits)
        yield OptimizerStep("discriminator", parts["real"] + parts["fake"], parts, health)

        with frozen(discriminator):
            fake_logits = discriminator(torch.cat([batch.condition, fake], dim=1))
        parts = {"adversarial": real_loss(fake_logits), "l1": l1_loss(fake, batch.target)}
        yield OptimizerStep("generator", parts["adversarial"] + self._spec.l1_weight * parts["l1"], parts)

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l1`: mean absolute difference, RGB in [-1, 1]."""
        return {"l1": l1_loss(output, batch.target)}
