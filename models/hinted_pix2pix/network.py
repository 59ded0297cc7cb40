"""The baseline "Pix2pix" of paper 003: Isola et al., "Image-to-Image Translation with Conditional Adversarial
Networks", CVPR 2017, with a hint joined to its input.

Paper 003 does not state how pix2pix gets hints. [I] The RGBA hint is enlarged to the picture by nearest
neighbours and joined to the lines, for the generator and for the discriminator, which is conditional. Losses are
pix2pix's: adversarial and 100 times L1.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, l1_loss

from models.discriminators import PatchGan
from models.hinted_pix2pix.spec import HintedPix2pix
from models.hinted_pix2pix.spec import HintedUNet as HintedUNetSpec
from models.losses import discriminator_terms, real_loss
from models.objective import Batch, Objective, OptimizerStep, adams, frozen
from models.pix2pix.network import UNet


class HintedUNet(nn.Module):
    """pix2pix's U-Net on lines and hint."""

    def __init__(self, spec: HintedUNetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.unet = UNet(spec.unet)

    def forward(self, lines: Tensor, hint: Tensor) -> Tensor:
        """Lines (B, 1, H, W) and RGBA hint (B, 4, h, w) -> RGB (B, 3, H, W) in [-1, 1]."""
        return self.unet(_joined(lines, hint))


class HintedPix2pixObjective(Objective):
    """The conditional GAN and L1 of pix2pix."""

    def __init__(self, spec: HintedPix2pix, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {
            "generator": HintedUNet(spec.generator),
            "discriminator": PatchGan(spec.discriminator),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The discriminator's optimizer step, then the generator's."""
        generator, discriminator = self.networks["generator"], self.networks["discriminator"]
        fake = generator(*batch.given)
        given = _joined(*batch.given)
        real_logits = discriminator(torch.cat([given, batch.target], dim=1))
        fake_logits = discriminator(torch.cat([given, fake.detach()], dim=1))
        parts, health = discriminator_terms(real_logits, fake_logits)
        yield OptimizerStep("discriminator", parts["real"] + parts["fake"], parts, health)

        with frozen(discriminator):
            fake_logits = discriminator(torch.cat([given, fake], dim=1))
        parts = {"adversarial": real_loss(fake_logits), "l1": l1_loss(fake, batch.target)}
        yield OptimizerStep("generator", parts["adversarial"] + self._spec.l1_weight * parts["l1"], parts)

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l1`: mean absolute difference, RGB in [-1, 1]."""
        return {"l1": l1_loss(output, batch.target)}


def _joined(lines: Tensor, hint: Tensor) -> Tensor:
    """(B, 1, H, W) and (B, 4, h, w) -> (B, 5, H, W)."""
    return torch.cat([lines, interpolate(hint, size=lines.shape[-2:])], dim=1)
