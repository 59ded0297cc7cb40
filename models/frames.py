"""Paper 001: Fu, Hsu and Yang, "Colorization Using ConvNet and GAN".

The ConvNet (section 3.1.1) from gray or edges to RGB, and the conditional GAN with it as generator (section 3.2):

    discriminator  minimizes  -log D(x, y) - log(1 - D(x, G(x)))
    generator      minimizes  -log D(x, G(x)) + lambda * |G(x) - y|_1,   lambda = 100

The generator has no noise as input (the authors found that it does not help). Filters, kernels, slope and the
end of the last layer are not given; the specification holds our reading.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, leaky_relu, relu

from models.blocks import Double, Halve, initialize_dcgan
from models.discriminators import WholePicture
from models.losses import says_fake, says_real, share
from models.objective import Batch, Objective, Turn, adam, frozen
from models.specs import FramesGan, FramesGenerator


class ConvNet(nn.Module):
    """Six layers down, six up, each layer up fed with its mirror; for any size.

    At 180x320 the encoder gives 90x160, 45x80, 23x40, 12x20, 6x10 and 3x5, and the decoder the same in reverse.
    [I] The last layer ends in tanh, without batch norm and ReLU, which could not give every colour.
    """

    def __init__(self, spec: FramesGenerator) -> None:
        super().__init__()
        widths = [spec.width * multiple for multiple in spec.multiples]
        self.leaky_slope = spec.leaky_slope
        self.encoder = nn.ModuleList(
            Halve(before, after, kernel_px=spec.kernel_px, bias=False)
            for before, after in zip([spec.in_channels, *widths], widths, strict=False)
        )
        self.encoder_norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        mirrors = widths[-2::-1]  # what the layers of the decoder give, the innermost first
        takes = [widths[-1], *(2 * width for width in mirrors)]
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
        skips = [picture]
        x = picture
        for halve, norm in zip(self.encoder, self.encoder_norms, strict=True):
            x = leaky_relu(norm(halve(x)), self.leaky_slope)  # (B, 64 .. 512, ceil(H/2), ceil(W/2))
            skips.append(x)
        skips.pop()
        for layer, norm in enumerate(self.decoder_norms):
            skip = skips.pop()
            x = relu(norm(self.decoder[layer](x, skip.shape[-2:])))
            x = torch.cat([x, skip], dim=1)  # (B, 1024 .. 128, 2h, 2w)
        return torch.tanh(self.decoder[-1](x, picture.shape[-2:]))


class GanObjective(Objective):
    """The minimax game of section 3.2.2."""

    def __init__(self, spec: FramesGan) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {
            "generator": ConvNet(spec.generator),
            "discriminator": WholePicture(spec.discriminator),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return {
            "generator": adam(self.networks["generator"], self._spec.generator_optimizer),
            "discriminator": adam(self.networks["discriminator"], self._spec.discriminator_optimizer),
        }

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """The discriminator's turn, then the generator's."""
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        fake = generator(batch.condition)
        real_logits = discriminator(torch.cat([batch.condition, batch.target], dim=1))
        fake_logits = discriminator(torch.cat([batch.condition, fake.detach()], dim=1))
        parts = {"real": says_real(real_logits), "fake": says_fake(fake_logits)}
        health = {
            "accuracy_discriminator/real": share(real_logits > 0),
            "accuracy_discriminator/fake": share(fake_logits < 0),
        }
        yield Turn("discriminator", parts["real"] + parts["fake"], parts, health)

        with frozen(discriminator):
            fake_logits = discriminator(torch.cat([batch.condition, fake], dim=1))
        parts = {"adversarial": says_real(fake_logits), "l1": l1_loss(fake, batch.target)}
        yield Turn("generator", parts["adversarial"] + self._spec.l1_weight * parts["l1"], parts)

    def distances(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """`l1`: mean absolute difference, RGB in [-1, 1]."""
        return {"l1": l1_loss(output, target)}
