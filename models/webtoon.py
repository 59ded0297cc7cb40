"""Paper 000: Cinarel and Zhang, "Into the Colorful World of Webtoons: Through the Lens of Neural Networks".

The base model of section IV: pix2pix's generator with skips, from lightness to chroma in Lab, continuous (no
bins), under the L2 loss. The loss is the mean over pictures, channels and pixels of the squared difference with
ab in [-1, 1] [I: the paper's scale is not given; this choice changes its numbers, not its minimum].
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from models.objective import Batch, Objective, Turn, adam
from models.pix2pix import UNet
from models.specs import WebtoonL2


class L2Objective(Objective):
    """A generator alone, under the mean squared error."""

    def __init__(self, spec: WebtoonL2) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {"generator": UNet(spec.generator)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the generator."""
        return {"generator": adam(self.networks["generator"], self._spec.generator_optimizer)}

    def turns(self, batch: Batch) -> Iterator[Turn]:
        """The generator's turn."""
        loss = mse_loss(self.networks["generator"](batch.condition), batch.target)
        yield Turn("generator", loss, parts={"l2": loss})

    def distances(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """`l2`: mean squared difference, ab in [-1, 1]."""
        return {"l2": mse_loss(output, target)}
