"""Dahl's residual encoder: Ryan Dahl, "Automatic Colorization", 2016 (tinyclouds.org/colorize).

A classifier's maps of all depths give a decoder the place and the kind of things. Dahl first stacked them all at
full size (hypercolumns); the residual encoder adds them one after the other instead, the deepest first, and needs far
less memory. Paper 000 (section IV.B) tried this model with the weights of Illustration2vec, which are not at
hand: here the maps are those of the title classifier on gray.

Dahl ends in a sigmoid for UV; here tanh gives ab. [I] The classifier's weights stay as they are.
"""

from torch import Tensor, nn, tanh
from torch.nn.functional import interpolate, relu

from models.hypercolumns.spec import ResidualEncoder as ResidualEncoderSpec
from models.vgg import VggStack

_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
_COLOR_CHANNELS = 3
"""Before the lightness is added."""


class ResidualEncoder(nn.Module):
    """At 224 pixels: 512 maps of 28x28, reduced to 256, scaled to 56x56 and added to the classifier's, and so on."""

    def __init__(self, spec: ResidualEncoderSpec) -> None:
        super().__init__()
        self.spec = spec
        width = spec.classifier.width
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.vgg = VggStack(16, spec.classifier.in_channels, width, last=_LAYERS[-1]).requires_grad_(False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in widths)
        self.reduce = nn.Conv2d(widths[3], widths[2], 1)
        self.decoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
            for before, after in [(widths[2], widths[1]), (widths[1], width), (width, _COLOR_CHANNELS)]
        )
        self.lightness_norm = nn.BatchNorm2d(1)
        self.head = nn.Sequential(
            nn.Conv2d(_COLOR_CHANNELS, _COLOR_CHANNELS, 3, 1, 1, bias=False),
            nn.BatchNorm2d(_COLOR_CHANNELS),
            nn.ReLU(),
            nn.Conv2d(_COLOR_CHANNELS, 2, 3, 1, 1),
        )

    def forward(self, lightness: Tensor) -> Tensor:
        """(B, 1, H, W) in [-1, 1], 8 pixels or more each way -> ab (B, 2, H, W) in [-1, 1]."""
        maps = self.vgg.maps(lightness, _LAYERS)
        *maps, x = [norm(each) for norm, each in zip(self.norms, maps, strict=True)]
        x = relu(self.reduce(x))  # (B, 256, H/8, W/8)
        for layer in self.decoder:
            beside = maps.pop()  # (B, 256, H/4, W/4), (B, 128, H/2, W/2), (B, 64, H, W)
            x = layer(interpolate(x, beside.shape[-2:], mode="bilinear") + beside)
        return tanh(self.head(x + self.lightness_norm(lightness)))
