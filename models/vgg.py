"""The convolutions of VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition", ICLR 2015, configurations D (16 layers) and E (19).
"""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

_CONVOLUTIONS = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each of the five blocks."""

_MULTIPLES = (1, 2, 4, 8, 8)
"""Channels of each block, as multiples of the first one's."""


class VggStack(nn.Module):
    """Five blocks of 3x3 convolutions with ReLUs, each ending in a 2x2 maximum.

    `features` is numbered as in torchvision, so that its files fit. Its layers are called "conv1_1" (before its
    ReLU), "relu1_1" (after), ... to "relu5_3" (16 layers) or "relu5_4" (19). `last` names the deepest one that a part
    of the stack has; None: all of it.
    """

    def __init__(
        self, depth: Literal[16, 19] = 16, in_channels: int = 3, width: int = 64, *, last: str | None = None
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        self._numbers: dict[str, int] = {}
        for block, (convolutions, multiple) in enumerate(zip(_CONVOLUTIONS[depth], _MULTIPLES, strict=True), 1):
            for convolution in range(1, convolutions + 1):
                self._numbers[f"conv{block}_{convolution}"] = len(layers)
                self._numbers[f"relu{block}_{convolution}"] = len(layers) + 1
                layers += [nn.Conv2d(in_channels, width * multiple, 3, padding=1), nn.ReLU()]
                in_channels = width * multiple
            layers.append(nn.MaxPool2d(2))
        if last:
            layers = layers[: self._numbers[last] + 1]
            self._numbers = {name: number for name, number in self._numbers.items() if number < len(layers)}
        self.features = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):  # as torchvision: keeps the scale of maps through all the ReLUs
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, 8 * width, H / 32, W / 32), each halving rounded down; H and W from 32 on."""
        return self.features(x)

    def maps(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """The maps of some layers, in the order asked for. Nothing deeper than the deepest of them is computed.

        x: (B, in_channels, H, W). A map of block n is (B, channels, H / 2**(n - 1), W / 2**(n - 1)), rounded down.
        Raises ValueError for a layer that there is not.
        """
        unknown = [layer for layer in layers if layer not in self._numbers]
        if unknown:
            raise ValueError(f"no layer {unknown[0]!r} in this VGG; there are: {', '.join(self._numbers)}")
        found: dict[int, Tensor] = {}
        wanted = {self._numbers[layer] for layer in layers}
        for number, module in enumerate(list(self.features)[: max(wanted, default=-1) + 1]):
            x = module(x)
            if number in wanted:
                found[number] = x
        return [found[self._numbers[layer]] for layer in layers]
