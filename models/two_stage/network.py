"""Paper 003: Lee and Lee, "Automatic Colorization of Anime Style Illustrations Using a Two-Stage Generator", 2020.

Three trainings, each on what the one before it gave:

    line detector  colour -> lines, both at 128        |l - ldm(c)|_1                                   (equation 1)
    draft          lines, hint -> colour, all at 128   w_a GAN + w_r L1 + w_c content + w_l line loss   (equation 2)
    colorization   lines at 512, draft -> colour at 512                        |c' - G'(l', draft)|_1   (equation 7)

The pictures of a batch have the full size, 512; whatever works at 128 reduces them itself by area means. The networks
work at any size: a layer that halves rounds up, its mirror drops what is too much.

Where the paper gives nothing we follow the authors' code (github.com/rapidrabbit76/SketchColorization): no bias, group
norm in the line detector. It computes the line and content losses without gradient, see
`Drafting.line_and_content_teach`; its trainers never call the initialization that it defines.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import (
    adaptive_avg_pool2d,
    interpolate,
    l1_loss,
    leaky_relu,
    mse_loss,
    pixel_shuffle,
    relu,
)

from models.artifacts import with_artifacts
from models.blocks import Double, Halve, ResNeXt
from models.losses import discriminator_terms, real_loss
from models.objective import Batch, Objective, OptimizerStep, adams, frozen
from models.two_stage.spec import (
    Colorization,
    DraftGenerator,
    Drafting,
    LineDetection,
    LineDetector,
    TwoStageDiscriminator,
    TwoStageGenerator,
    TwoStageUNet,
)

_SLOPE = 0.2  # of every leaky ReLU, section 3.4


class LineDetectionModel(nn.Module):
    """The LDM of Figure 6: an autoencoder from colour to lines, each layer with group norm and ReLU."""

    def __init__(self, spec: LineDetector) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.width * 2**level for level in range(5)]  # 32, 64, 128, 256, 512
        pairs = list(pairwise(widths))
        self.first = _conv3(3, widths[0])
        self.first_norm = _group_norm(widths[0])
        self.halves = nn.ModuleList(Halve(before, after, kernel_px=4, bias=False) for before, after in pairs)
        self.half_norms = nn.ModuleList(_group_norm(after) for _, after in pairs)
        self.encoder = nn.ModuleList(_conv3(after, after) for _, after in pairs)
        self.encoder_norms = nn.ModuleList(_group_norm(after) for _, after in pairs)
        pairs.reverse()
        self.doubles = nn.ModuleList(Double(before, before, kernel_px=4, bias=False) for _, before in pairs)
        self.double_norms = nn.ModuleList(_group_norm(before) for _, before in pairs)
        self.decoder = nn.ModuleList(_conv3(before, after) for after, before in pairs)
        self.decoder_norms = nn.ModuleList(_group_norm(after) for after, _ in pairs)
        self.last = _conv3(widths[0], 1)
        _initialize(self)

    def forward(self, picture: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [-1, 1] -> lines (B, 1, H, W) in [-1, 1]."""
        x = relu(self.first_norm(self.first(picture)))
        sizes = []
        for halve, half_norm, convolve, norm in zip(
            self.halves, self.half_norms, self.encoder, self.encoder_norms, strict=True
        ):
            sizes.append(x.shape[-2:])
            x = relu(half_norm(halve(x)))  # (B, 64 .. 512, ceil(H/2), ceil(W/2))
            x = relu(norm(convolve(x)))
        for double, double_norm, convolve, norm in zip(
            self.doubles, self.double_norms, self.decoder, self.decoder_norms, strict=True
        ):
            x = relu(double_norm(double(x, sizes.pop())))  # (B, 512 .. 64, 2h, 2w)
            x = relu(norm(convolve(x)))  # (B, 256 .. 32, 2h, 2w)
        return torch.tanh(self.last(x))


class ShuffleUNet(nn.Module):
    """The U-Net of Figure 7. At its paper's size and 4 levels: 128, 64, 32, 16, 8 pixels and back.

    Each level of the way up takes what lies below it joined with the encoder's map of its own size.
    """

    def __init__(self, spec: TwoStageUNet) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.width * 2**level for level in range(spec.levels + 1)]  # 32, 64, 128, 256, 512
        pairs = list(pairwise(widths))
        self.first = _conv3(spec.in_channels, widths[0])
        self.halves = nn.ModuleList(Halve(before, after, kernel_px=4, bias=False) for before, after in pairs)
        self.encoder = nn.ModuleList(_conv3(after, after) for _, after in pairs)
        self.decoder = nn.ModuleList(_Up(2 * width, width, spec) for width in widths[:0:-1])
        self.smooth = _conv3(widths[0], widths[0])
        self.last = _conv3(2 * widths[0], 3)
        _initialize(self)
        nn.init.xavier_normal_(self.last.weight)
        for block in self.modules():
            if isinstance(block, ResNeXt):
                with torch.no_grad():
                    block.expand.weight.mul_(spec.residual_gain)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> RGB (B, 3, H, W) in [-1, 1]."""
        x = leaky_relu(self.first(picture), _SLOPE)
        maps, halved = [x], x
        for halve, convolve in zip(self.halves, self.encoder, strict=True):
            halved = leaky_relu(halve(x), _SLOPE)  # (B, 64 .. 512, ceil(H/2), ceil(W/2))
            x = leaky_relu(convolve(halved), _SLOPE)
            maps.append(x)
        maps[-1] = halved  # innermost, the two layers of one size are joined with each other
        for up in self.decoder:
            x = torch.cat([maps.pop(), x], dim=1)  # (B, 1024 .. 128, h, w)
            x = up(x, maps[-1].shape[-2:])  # (B, 256 .. 32, 2h, 2w)
        x = leaky_relu(self.smooth(x), _SLOPE)
        return torch.tanh(self.last(torch.cat([maps.pop(), x], dim=1)))


class _Up(nn.Module):
    """One level of the way up: convolution, ResNeXt blocks, convolution, pixel shuffle."""

    def __init__(self, in_channels: int, channels: int, spec: TwoStageUNet) -> None:
        super().__init__()
        self.reduce = _conv3(in_channels, channels)
        self.blocks = nn.Sequential(
            *(ResNeXt(channels, channels, cardinality=spec.cardinality) for _ in range(spec.blocks))
        )
        self.widen = _conv3(channels, 2 * channels)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        """(B, in_channels, h, w) -> (B, channels / 2, *size); `size` is what was halved to (h, w)."""
        height, width = size
        x = self.blocks(leaky_relu(self.reduce(x), _SLOPE))
        return leaky_relu(pixel_shuffle(self.widen(x), 2), _SLOPE)[..., :height, :width]


class Draft(nn.Module):
    """The draft stage: a small picture in colour from small lines and hints."""

    def __init__(self, spec: DraftGenerator) -> None:
        super().__init__()
        self.spec = spec
        self.unet = ShuffleUNet(spec.unet)

    def forward(self, lines: Tensor, hint: Tensor) -> Tensor:
        """Lines (B, 1, H, W) and RGBA hint (B, 4, h, w) -> RGB (B, 3, H, W), the small picture enlarged by `scale`."""
        return interpolate(self.small(lines, hint), size=lines.shape[-2:])

    def small(self, lines: Tensor, hint: Tensor) -> Tensor:
        """The small picture: lines (B, 1, H, W) and hint -> RGB (B, 3, ceil(H / scale), ceil(W / scale))."""
        lines = reduced(lines, self.spec.scale)
        if hint.shape[-2:] != lines.shape[-2:]:
            hint = interpolate(hint, size=lines.shape[-2:])
        return self.unet(torch.cat([lines, hint], dim=1))


class DraftDiscriminator(nn.Module):
    """The discriminator of Figure 7: colour alone, one logit a picture."""

    def __init__(self, spec: TwoStageDiscriminator) -> None:
        super().__init__()
        self.spec = spec
        layers: list[nn.Module] = []
        before = 3
        for level in range(4):
            width = spec.width * 2**level
            layers += [Halve(before, width, kernel_px=4, bias=False), nn.LeakyReLU(_SLOPE)]
            if level and spec.cardinality:
                layers.append(ResNeXt(width, width, cardinality=spec.cardinality))
            if level < 3:
                layers += [_conv3(width, width), nn.LeakyReLU(_SLOPE)]
            before = width
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(before * spec.head_px**2, 1, bias=False)
        _initialize(self)

    def forward(self, picture: Tensor) -> Tensor:
        """RGB (B, 3, H, W) -> (B,) logits."""
        x = self.layers(picture)  # (B, 256, ceil(H / 16), ceil(W / 16))
        x = adaptive_avg_pool2d(x, self.spec.head_px)
        return self.head(x.flatten(1)).squeeze(1)


class TwoStage(nn.Module):
    """Lines and hint to colour through both stages. The draft stage is part of it and never learns."""

    def __init__(self, spec: TwoStageGenerator) -> None:
        super().__init__()
        self.spec = spec
        self.draft = Draft(spec.draft).requires_grad_(False)
        self.colorization = ShuffleUNet(spec.colorization)

    def forward(self, lines: Tensor, hint: Tensor) -> Tensor:
        """Lines (B, 1, H, W) and RGBA hint (B, 4, h, w) -> RGB (B, 3, H, W) in [-1, 1]."""
        return self.colored(lines, self.draft.small(lines, hint))

    def colored(self, lines: Tensor, draft: Tensor) -> Tensor:
        """The second stage alone: lines (B, 1, H, W) and a small RGB picture (B, 3, h, w) -> RGB (B, 3, H, W)."""
        draft = interpolate(draft, size=lines.shape[-2:])  # by nearest neighbours, as the released code
        return self.colorization(torch.cat([lines, draft], dim=1))


class LineDetectionObjective(Objective):
    """The line detector learns to draw the lines that an algorithm has drawn."""

    model = "detector"

    def __init__(self, spec: LineDetection, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {"detector": LineDetectionModel(spec.detector)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the detector."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The detector's optimizer step."""
        drawn = self.networks["detector"](reduced(batch.condition, self._spec.scale))
        loss = l1_loss(drawn, reduced(batch.target, self._spec.scale))
        yield OptimizerStep("detector", loss, parts={"l1": loss})

    def output(self, batch: Batch) -> Tensor:
        """The lines of the reduced picture, enlarged to the batch's size."""
        drawn = self.networks["detector"](reduced(batch.condition, self._spec.scale))
        return interpolate(drawn, size=batch.target.shape[-2:])

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l1`: mean absolute difference between lines in [-1, 1], at the reduced size."""
        scale = self._spec.scale
        return {"l1": l1_loss(reduced(output, scale), reduced(batch.target, scale))}


class DraftObjective(Objective):
    """Equation 2: adversarial, reconstruction, content and line losses."""

    def __init__(self, spec: Drafting, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        weights = {"features": spec.content_weight, "line_detector": spec.line_weight}
        self.frozen = {role: needs[role] for role, weight in weights.items() if weight}
        self._draft = Draft(spec.generator)
        self.networks: dict[str, nn.Module] = {
            "generator": self._draft,
            "discriminator": DraftDiscriminator(spec.discriminator),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The discriminator's optimizer step, then the generator's."""
        spec, discriminator = self._spec, self.networks["discriminator"]
        lines, hint = batch.given
        fake = self._draft.small(lines, hint)
        truth = reduced(batch.target, spec.generator.scale)
        parts, health = discriminator_terms(discriminator(truth), discriminator(fake.detach()))
        yield OptimizerStep("discriminator", parts["real"] + parts["fake"], parts, health)

        with frozen(discriminator):
            parts = {"adversarial": real_loss(discriminator(fake)), "l1": l1_loss(fake, truth)}
        with torch.set_grad_enabled(spec.line_and_content_teach and torch.is_grad_enabled()):
            content = self._content(fake, truth) if "features" in self.frozen else {}
            line = {"line": self._line(fake, truth)} if "line_detector" in self.frozen else {}
        loss = spec.adversarial_weight * parts["adversarial"] + spec.l1_weight * parts["l1"]
        for weight, terms in ((spec.content_weight, content), (spec.line_weight, line)):
            for name, value in terms.items():
                parts[name] = value
                loss = loss + weight * value
        yield OptimizerStep("generator", loss, parts)

    def _content(self, fake: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Equation 5, under the name of the extractor."""
        features = self.frozen["features"]
        (fake_map,) = features(fake, (self._spec.content_layer,))
        with torch.no_grad():
            (true_map,) = features(truth, (self._spec.content_layer,))
        return {f"content_{features.name}": mse_loss(fake_map, true_map)}

    def _line(self, fake: Tensor, truth: Tensor) -> Tensor:
        """Equation 6."""
        detector = self.frozen["line_detector"]
        with torch.no_grad():
            true_lines = detector(truth)
        with frozen(detector):
            return l1_loss(detector(fake), true_lines)

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l1`: mean absolute difference, RGB in [-1, 1], at the draft's size."""
        scale = self._spec.generator.scale
        return {"l1": l1_loss(reduced(output, scale), reduced(batch.target, scale))}


class ColorizationObjective(Objective):
    """Equation 7: the second stage learns to undo what the first, and the artifacts, have done."""

    def __init__(self, spec: Colorization, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self._generator = TwoStage(spec.generator)
        self._generator.draft.load_state_dict(needs["draft"].state_dict())
        self.networks: dict[str, nn.Module] = {"generator": self._generator}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the second stage."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The second stage's optimizer step."""
        lines, hint = batch.given
        with torch.no_grad():
            if self._spec.learns_from == "draft":
                draft = self._generator.draft.small(lines, hint)
            else:
                draft = reduced(batch.target, self._generator.draft.spec.scale)
            draft = with_artifacts(draft, self._spec.artifacts)
        loss = l1_loss(self._generator.colored(lines, draft), batch.target)
        yield OptimizerStep("generator", loss, parts={"l1": loss})

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l1`: mean absolute difference, RGB in [-1, 1]."""
        return {"l1": l1_loss(output, batch.target)}


def reduced(picture: Tensor, scale: int) -> Tensor:
    """Means over areas: (B, C, H, W) -> (B, C, ceil(H / scale), ceil(W / scale))."""
    height, width = picture.shape[-2:]
    return adaptive_avg_pool2d(picture, (-(-height // scale), -(-width // scale)))


def _conv3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def _group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(4, channels)


def _initialize(network: nn.Module) -> None:
    """Kaiming's normal distribution for the leaky slope, as the released code defines it."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
