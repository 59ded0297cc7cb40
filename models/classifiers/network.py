"""Paper 000, section IV.B: title classifiers of panels, and a check for dead channels.

VGG16 (Simonyan and Zisserman, 2015, configuration D) and ResNet-50 (He et al., 2016), each on gray and on colour,
learn from random weights under cross entropy. VGG16 on gray then lends its features to a generator, VGG16 on colour
rates a generated picture. The paper found that ResNet-50 learns no features beyond its first layers;
`dead_channels` is that look as numbers.

Neither optimizer nor pictures per batch are given; the specification and the recipes hold our reading.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, relu

from models.build import build_network
from models.classifiers.spec import TellTitle, TitleClassifier
from models.losses import share
from models.objective import Batch, Objective, OptimizerStep, adam
from models.vgg import VggStack

_POOLED_SIDE = 7
"""VGG16's head takes 7x7 maps: those of 224 pixels, averages of them at other sizes."""


class TitleNetwork(nn.Module, ABC):
    """The interface of both networks: pictures to logits, and the maps on the way."""

    spec: TitleClassifier

    def forward(self, picture: Tensor) -> Tensor:
        """(B, in_channels, H, W) in [-1, 1], 32 pixels or more each way -> (B, len(titles)) logits."""
        maps = self.stages(picture)
        return self.classify(maps.popitem()[1])

    @abstractmethod
    def stages(self, picture: Tensor) -> dict[str, Tensor]:
        """The maps of each stage, first to last, after its ReLU: (B, C, h, w), none below 0."""

    @abstractmethod
    def classify(self, last: Tensor) -> Tensor:
        """The last stage's maps -> (B, len(titles)) logits."""


class TitleVgg(TitleNetwork):
    """VGG16. `stack` holds its convolutions, from which generators take `maps`."""

    def __init__(self, spec: TitleClassifier) -> None:
        super().__init__()
        self.spec = spec
        hidden = 64 * spec.width  # 4096
        self.stack = VggStack(depth=16, in_channels=spec.in_channels, width=spec.width)
        self.head = nn.Sequential(
            nn.MaxPool2d(2),
            nn.AdaptiveAvgPool2d(_POOLED_SIDE),
            nn.Flatten(),
            nn.Linear(8 * spec.width * _POOLED_SIDE**2, hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(hidden, _number_of_titles(spec)),
        )
        _initialize(self)

    def stages(self, picture: Tensor) -> dict[str, Tensor]:
        """`relu1_2` (B, 64, H, W), `relu2_2` (B, 128, H/2, W/2) ... `relu5_3` (B, 512, H/16, W/16), rounded down."""
        names = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
        return dict(zip(names, self.stack.maps(picture, names), strict=True))

    def classify(self, last: Tensor) -> Tensor:
        """(B, 512, H/16, W/16) -> (B, len(titles)) logits."""
        return self.head(last)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, the last to four times the channels, around a shortcut.

    The stride is in the 3x3 convolution, as in today's implementations; the paper had it in the first 1x1, with
    the same parameters and fewer operations.
    """

    def __init__(self, in_channels: int, channels: int, *, stride: int) -> None:
        super().__init__()
        out_channels = 4 * channels
        self.reduce = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.reduce_norm = nn.BatchNorm2d(channels)
        self.look = nn.Conv2d(channels, channels, 3, stride, 1, bias=False)
        self.look_norm = nn.BatchNorm2d(channels)
        self.expand = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.expand_norm = nn.BatchNorm2d(out_channels)
        self.shortcut = (
            nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))
            if stride > 1 or in_channels != out_channels
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, 4 * channels, ceil(H/stride), ceil(W/stride)), none below 0."""
        y = relu(self.reduce_norm(self.reduce(x)))
        y = relu(self.look_norm(self.look(y)))
        return relu(self.expand_norm(self.expand(y)) + self.shortcut(x))


class TitleResNet(TitleNetwork):
    """ResNet-50: a stem, then stages of 3, 4, 6 and 3 bottlenecks."""

    def __init__(self, spec: TitleClassifier) -> None:
        super().__init__()
        self.spec = spec
        self.stem = nn.Sequential(
            nn.Conv2d(spec.in_channels, spec.width, 7, 2, 3, bias=False), nn.BatchNorm2d(spec.width), nn.ReLU()
        )
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.groups = nn.ModuleList()
        in_channels = spec.width
        for stage, blocks in enumerate((3, 4, 6, 3)):
            group = nn.Sequential()
            for block in range(blocks):
                channels = spec.width * 2**stage
                group.append(Bottleneck(in_channels, channels, stride=2 if stage and not block else 1))
                in_channels = 4 * channels
            self.groups.append(group)
        self.head = nn.Linear(in_channels, _number_of_titles(spec))
        _initialize(self)

    def stages(self, picture: Tensor) -> dict[str, Tensor]:
        """`stem` (B, 64, H/2, W/2), `stage1` (B, 256, H/4, W/4) ... `stage4` (B, 2048, H/32, W/32), rounded up."""
        x = self.stem(picture)
        maps = {"stem": x}
        x = self.pool(x)
        for number, group in enumerate(self.groups, 1):
            x = group(x)
            maps[f"stage{number}"] = x
        return maps

    def classify(self, last: Tensor) -> Tensor:
        """(B, 2048, H/32, W/32) -> (B, len(titles)) logits, from the mean over all places."""
        return self.head(last.mean(dim=(2, 3)))


class TitleClassificationObjective(Objective):
    """A classifier under cross entropy. The label is what it is to give, so it is called with the picture alone."""

    model = "classifier"

    def __init__(self, spec: TellTitle, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {"classifier": build_network(spec.classifier)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the classifier."""
        return {"classifier": adam(self.networks["classifier"], self._spec.optimizer)}

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The classifier's optimizer step."""
        logits = self.output(batch)
        loss = cross_entropy(logits.float(), _label(batch))
        yield OptimizerStep("classifier", loss, {"cross_entropy": loss}, {"accuracy": _accuracy(logits, batch)})

    def output(self, batch: Batch) -> Tensor:
        """(B, len(titles)) logits."""
        return self.networks["classifier"](batch.condition)

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`cross_entropy` in nats; `accuracy`: share of pictures with the right title."""
        return {
            "cross_entropy": cross_entropy(output.float(), _label(batch)),
            "accuracy": _accuracy(output, batch),
        }


@torch.inference_mode()
def dead_channels(network: TitleNetwork, pictures: Iterable[Tensor], *, min_share: float = 1e-3) -> dict[str, Tensor]:
    """The dead channels of each stage: (C,) bool.

    A channel is dead when it never fires, or when its standard deviation over all pictures and places is less than
    `min_share` of the greatest one of the stage: such a channel is a constant, if not 0.

    Args:
        network: In evaluation mode; its mode is not changed.
        pictures: Batches (B, in_channels, H, W) in [-1, 1] on the network's device.
        min_share: In [0, 1).

    Raises ValueError without pictures.
    """
    moments: dict[str, tuple[int, Tensor, Tensor]] = {}
    for batch in pictures:
        for stage, maps in network.stages(batch).items():
            own = (maps[:, 0].numel(), *torch.var_mean(maps.float(), dim=(0, 2, 3), correction=0))
            moments[stage] = _joined(moments[stage], own) if stage in moments else own
    if not moments:
        raise ValueError("dead_channels: no pictures; it needs one batch or more")
    return {stage: _is_dead(mean, variance.sqrt(), min_share) for stage, (_, variance, mean) in moments.items()}


def _joined(one: tuple[int, Tensor, Tensor], other: tuple[int, Tensor, Tensor]) -> tuple[int, Tensor, Tensor]:
    """Number, variance and mean of two sets of values together, from those of each (Chan, Golub and LeVeque)."""
    count = one[0] + other[0]
    weight = other[0] / count
    apart = other[2] - one[2]
    variance = one[1] * (1 - weight) + other[1] * weight + apart.square() * weight * (1 - weight)
    return count, variance, one[2] + apart * weight


def _is_dead(mean: Tensor, deviation: Tensor, min_share: float) -> Tensor:
    # Behind a ReLU nothing is below 0, so a mean of 0 means that the channel never fired.
    return (mean == 0) | (deviation < min_share * deviation.max()) | (deviation == 0)


def _number_of_titles(spec: TitleClassifier) -> int:
    if not spec.titles:
        raise ValueError(f"{type(spec).__name__}: no titles; fit it to a training set first (spec.fitted(titles))")
    return len(spec.titles)


def _label(batch: Batch) -> Tensor:
    if batch.label is None:
        raise ValueError("a batch without labels; the recipe of a title classifier needs with_label")
    return batch.label


def _accuracy(logits: Tensor, batch: Batch) -> Tensor:
    return share(logits.argmax(dim=1) == _label(batch))


def _initialize(network: nn.Module) -> None:
    """He et al.'s (2015) normal weights: by what goes out of a convolution, by what goes into a linear layer."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            mode = "fan_out" if isinstance(layer, nn.Conv2d) else "fan_in"
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
