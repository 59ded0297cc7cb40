"""Discriminators: from a picture and its condition to how real the picture looks, as logits."""

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from models.blocks import Halve, initialize_dcgan
from models.specs import FramesDiscriminator


class WholePicture(nn.Module):
    """One judgement a picture; the sigmoid of its logit is the probability "real".

    Paper 001, section 3.2.1: six layers like the generator's encoder, each convolution, batch norm and leaky
    ReLU, then a sigmoid. How the last map becomes one number is not given: [I] a linear layer over its mean,
    which serves every size.
    """

    def __init__(self, spec: FramesDiscriminator) -> None:
        super().__init__()
        widths = [spec.width * multiple for multiple in spec.multiples]
        self.leaky_slope = spec.leaky_slope
        self.encoder = nn.ModuleList(
            Halve(before, after, kernel_px=spec.kernel_px, bias=False)
            for before, after in zip([spec.in_channels, *widths], widths, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.head = nn.Linear(widths[-1], 1)
        initialize_dcgan(self)

    def forward(self, picture_and_condition: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B,) logits."""
        x = picture_and_condition
        for halve, norm in zip(self.encoder, self.norms, strict=True):
            x = leaky_relu(norm(halve(x)), self.leaky_slope)  # (B, 64 .. 512, ceil(H/2), ceil(W/2))
        return self.head(x.mean(dim=(2, 3))).squeeze(1)
