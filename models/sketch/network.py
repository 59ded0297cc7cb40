"""Paper 004: Ye, Wang, Chen and Lin, "Interactive Anime Sketch Colorization with Style Consistency via a Deep
Residual Neural Network".

The generator is SGRU_H of Liu, Chen and Hu, "Anime Sketch Coloring with Swish-Gated Residual U-Net" (2018), that
takes hints at its third level. With G the generator, S the sketch, H the hints, T the truth:

    discriminator  minimizes  -log D(T) - log(1 - D(G(S, H)))                           (3)
    generator      minimizes  w_p * L_p + w_h * L_h + w_g * -log D(G(S, H))             (4)
    L_p = sum over l of lambda_l * |phi_l(G(S, H)) - phi_l(T)|_1,  L_h is Huber's loss   (2)

The paper gives neither the weights w nor the lambdas, nor the layers phi, nor channels, nor the discriminator. Where
SGRU's code has a figure, that is ours; where it has none, the specification gives the ground of our choice. SGRU's
authors released none: by its code we mean github.com/pradeeplam/Anime-Sketch-Coloring-with-Swish-Gated-Residual-UNet
at commit 075525b, by others, whose questions SGRU's authors answered.

SGRU itself (`DiverseObjective`) gives nine pictures and minimizes 0.999 of the least L_p and 0.001 of the mean.
"""

from collections.abc import Iterator, Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss, interpolate, leaky_relu, max_pool2d

from models.blocks import Double, Halve, initialize_dcgan
from models.features import Extractor
from models.losses import discriminator_terms, real_loss
from models.objective import Batch, Objective, OptimizerStep, adams, frozen
from models.sketch.spec import Perceptual, Sgru, SgruDiverse, SketchDiscriminator, SketchGan, SketchSupervised

_LEAKY_SLOPE = 0.2
_BEST_SHARE_PACE = 1e-3  # per step: it looks back over about a thousand
_COLOR_UNIT = 2 * 0.226  # of pictures in [-1, 1]: the deviation of ImageNet's colours, in which VGG sees them
_HINT_LEVEL = 2  # the third: two halvings make 64x64 of 256x256, the size of the hints


class NormalizedConv(nn.Conv2d):
    """Convolution, layer norm, leaky ReLU; keeps any size."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel_px: int) -> None:
        super().__init__(in_channels, out_channels, kernel_px, 1, kernel_px // 2, bias=False)
        self.norm = _layer_norm(out_channels)

    def forward(self, input: Tensor) -> Tensor:
        """(B, in, H, W) -> (B, out, H, W)."""
        return leaky_relu(self.norm(super().forward(input)), _LEAKY_SLOPE)


class NormalizedDouble(Double):
    """Transposed 2x2 convolution with stride 2, layer norm, leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, kernel_px=2, bias=False)
        self.norm = _layer_norm(out_channels)

    def forward(self, input: Tensor, size: torch.Size) -> Tensor:
        """(B, in, h, w) -> (B, out, *size)."""
        return leaky_relu(self.norm(super().forward(input, size)), _LEAKY_SLOPE)


class Swish(nn.Module):
    """The swish layer: the input times the sigmoid of a normalized 3x3 convolution of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.norm = _layer_norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return x * torch.sigmoid(self.norm(self.conv(x)))


class Down(nn.Module):
    """Swish-gated block of the encoder: concat(F(x), x), both halved by maxima, x through a swish layer."""

    def __init__(self, in_channels: int, out_channels: int, *, enters: bool) -> None:
        super().__init__()
        # The first block takes the sketch as it is.
        self.enter = NormalizedConv(in_channels, out_channels, kernel_px=1) if enters else nn.Identity()
        entered = out_channels if enters else in_channels
        self.first = NormalizedConv(entered, out_channels, kernel_px=3)
        self.second = NormalizedConv(out_channels, out_channels, kernel_px=3)
        self.gate = Swish(entered)
        self.gives = out_channels + entered

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, in, H, W) -> (B, gives, ceil(H/2), ceil(W/2)), and F(x) before it was halved, (B, out, H, W)."""
        x = self.enter(x)
        y = self.second(self.first(x))
        return torch.cat([_halved(y), self.gate(_halved(x))], dim=1), y


class Up(nn.Module):
    """Swish-gated block of the decoder: concat(F(x), x, skip), F(x) and x doubled, x and skip through swish layers."""

    def __init__(self, in_channels: int, out_channels: int, *, skip_channels: int) -> None:
        super().__init__()
        self.enter = NormalizedConv(in_channels, out_channels, kernel_px=1)
        self.first = NormalizedConv(out_channels, out_channels, kernel_px=3)
        self.second = NormalizedConv(out_channels, out_channels, kernel_px=3)
        self.grow = NormalizedDouble(out_channels, out_channels)
        self.grow_input = NormalizedDouble(out_channels, out_channels)
        self.gate = Swish(out_channels)
        self.gate_skip = Swish(skip_channels)
        self.gives = 2 * out_channels + skip_channels

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, in, h, w) and (B, skip, H, W) -> (B, gives, H, W)."""
        size = skip.shape[-2:]
        x = self.enter(x)
        y = self.grow(self.second(self.first(x)), size)
        return torch.cat([y, self.gate(self.grow_input(x, size)), self.gate_skip(skip)], dim=1)


class SgruNetwork(nn.Module):
    """SGRU, and paper 004's generator. For any size; sizes are halved rounding up.

    At 256x256 and width 96: levels of 96, 192, 288, 384 and 480 channels at 256, 128, 64, 32 and 16, a bottleneck
    of 512 at 8, and back. [I] The end is tanh; SGRU's code ends linearly and clips what it shows.
    """

    best_share: Tensor
    """(pictures,): running share of the training pictures for which each was the best; 0 at first."""

    def __init__(self, spec: Sgru) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.width * multiple for multiple in (1, 2, 3, 4, 5)]
        self.downs = nn.ModuleList()
        channels = 1
        for level, width in enumerate(widths):
            takes = channels + (spec.hint_channels if level == _HINT_LEVEL else 0)
            down = Down(takes, width, enters=level > 0)
            self.downs.append(down)
            channels = down.gives  # 97, 384, 576, 768, 960
        self.ups = nn.ModuleList()
        for width, skip_channels in zip([round(spec.width * 16 / 3), *widths[:0:-1]], widths[::-1], strict=True):
            up = Up(channels, width, skip_channels=skip_channels)
            self.ups.append(up)
            channels = up.gives  # 1504, 1344, 1056, 768, 480
        self.end = nn.Sequential(
            NormalizedConv(channels, spec.width, kernel_px=1),
            NormalizedConv(spec.width, spec.width, kernel_px=3),
            NormalizedConv(spec.width, spec.width, kernel_px=3),
            nn.Conv2d(spec.width, 3 * spec.pictures, 1),
        )
        self.register_buffer("best_share", torch.zeros(spec.pictures))
        for layer in self.modules():  # as TensorFlow starts the layers of SGRU's code
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, sketch: Tensor, hint: Tensor | None = None) -> Tensor:
        """One picture of each sketch.

        Args:
            sketch: (B, 1, H, W) in [-1, 1], paper 1.
            hint: (B, 4, ceil(H/4), ceil(W/4)), or larger or smaller; only for networks with `hint_channels`.

        Returns (B, 3, H, W) RGB in [-1, 1]: of several pictures the one that `spec.shown` names.
        """
        pictures = self.all_pictures(sketch, hint)
        if self.spec.shown is not None:
            return pictures[:, self.spec.shown]
        return pictures.index_select(1, self.best_share.argmax().reshape(1)).squeeze(1)

    @torch.no_grad()
    def note_best(self, best: Tensor) -> None:
        """Updates the shares with the best picture of each item of a batch, (B,) int64."""
        numbers = torch.arange(len(self.best_share), device=best.device)
        self.best_share.lerp_((best[:, None] == numbers).float().mean(dim=0), _BEST_SHARE_PACE)

    def all_pictures(self, sketch: Tensor, hint: Tensor | None = None) -> Tensor:
        """All pictures of each sketch, arguments as of `forward` -> (B, pictures, 3, H, W) RGB in [-1, 1].

        Raises ValueError for a network with hints that gets none, or one without that gets some.
        """
        if (hint is None) != (self.spec.hint_channels == 0):
            found = "none" if hint is None else f"one of {hint.shape[1]}"
            raise ValueError(f"expected a hint of {self.spec.hint_channels} channels, got {found}")
        x, skips = sketch, []
        for level, down in enumerate(self.downs):
            if level == _HINT_LEVEL and hint is not None:
                x = torch.cat([x, _fitted(hint, x.shape[-2:])], dim=1)  # (B, 388, ceil(H/4), ceil(W/4))
            x, skip = down(x)
            skips.append(skip)
        for up in self.ups:
            x = up(x, skips.pop())
        return torch.tanh(self.end(x)).unflatten(1, (self.spec.pictures, 3))


class Discriminator(nn.Module):
    """DCGAN's discriminator on pictures of any size, without a condition (section III.C).

    [I] DCGAN's batch norm is layer norm here, like the generator's: batches are of one picture.
    """

    def __init__(self, spec: SketchDiscriminator) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.width * multiple for multiple in spec.multiples]
        self.layers = nn.ModuleList(
            Halve(before, after, kernel_px=4, bias=False) for before, after in zip([3, *widths], widths, strict=False)
        )
        self.norms = nn.ModuleList([nn.Identity(), *(_layer_norm(width) for width in widths[1:])])
        self.head = nn.Linear(widths[-1], 1)
        initialize_dcgan(self)

    def forward(self, picture: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [-1, 1] -> (B,) logits."""
        x = picture
        for halve, norm in zip(self.layers, self.norms, strict=True):
            x = leaky_relu(norm(halve(x)), _LEAKY_SLOPE)  # (B, 64 .. 512, ceil(H/2), ceil(W/2))
        return self.head(x.mean(dim=(2, 3))).squeeze(1)


def perceptual_losses(
    spec: Perceptual, extractor: Extractor, pictures: Tensor, truth: Tensor, sketch: Tensor
) -> Tensor:
    """Equation 2 for each of several pictures of each truth; norms are means over channels and places.

    Pictures are compared in the unit in which the extractor sees them, as in SGRU's code, where both are in 0 to 255:
    so the weights of pictures and maps keep their proportion.

    Args:
        spec: Layers and weights.
        extractor: Gives the maps phi.
        pictures: (B, N, 3, H, W) RGB in [-1, 1].
        truth: (B, 3, H, W) RGB in [-1, 1].
        sketch: (B, 1, H, W) in [-1, 1], paper 1. [I] It comes to a map's size by means over areas, so that no line
            falls between two places; SGRU's code interpolates.

    Returns (B, N) float32.
    """
    count = pictures.shape[1]
    flat = pictures.flatten(0, 1).float()  # (B * N, 3, H, W)
    truth, paper = truth.float(), (sketch.float() + 1) / 2
    with torch.no_grad():
        truth_maps = [truth / _COLOR_UNIT, *extractor(truth, spec.layers)]
    total = torch.zeros(pictures.shape[:2], device=pictures.device)
    maps = [flat / _COLOR_UNIT, *extractor(flat, spec.layers)]
    for weight, own, true in zip((spec.picture_weight, *spec.weights), maps, truth_maps, strict=True):
        distance = (own.float().unflatten(0, (-1, count)) - true.float().unsqueeze(1)).abs().mean(dim=2)  # (B, N, h, w)
        if spec.masked:
            distance = distance * interpolate(paper, distance.shape[-2:], mode="area")
        total = total + weight * distance.mean(dim=(2, 3))
    return total


class SupervisedObjective(Objective):
    """Equation 1."""

    def __init__(self, spec: SketchSupervised, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.extractor = cast(Extractor, needs["features"])
        self.frozen = {"features": self.extractor}
        self.networks: dict[str, nn.Module] = {"generator": SgruNetwork(spec.generator)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The generator's optimizer step."""
        parts = self.distances(self.output(batch), batch)
        yield OptimizerStep("generator", self.weighted(parts), parts)

    def weighted(self, parts: Mapping[str, Tensor]) -> Tensor:
        """w_p * L_p + w_h * L_h."""
        return self._spec.perceptual_weight * parts[_content(self.extractor)] + self._spec.huber_weight * parts["huber"]

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`content_<extractor>`: L_p of equation 2; `huber`: Huber's loss, RGB in [-1, 1]."""
        losses = perceptual_losses(
            self._spec.perceptual, self.extractor, output.unsqueeze(1), batch.target, batch.condition
        )
        return {
            _content(self.extractor): losses.mean(),
            "huber": huber_loss(output.float(), batch.target.float(), delta=self._spec.huber_delta),
        }


class GanObjective(SupervisedObjective):
    """Equations 3 and 4."""

    def __init__(self, spec: SketchGan, needs: Mapping[str, nn.Module]) -> None:
        super().__init__(spec, needs)
        self._gan = spec
        self.networks["discriminator"] = Discriminator(spec.discriminator)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The discriminator's optimizer step, then the generator's."""
        discriminator = self.networks["discriminator"]
        fake = self.output(batch)
        real_logits, fake_logits = discriminator(batch.target), discriminator(fake.detach())
        parts, health = discriminator_terms(real_logits, fake_logits)
        yield OptimizerStep("discriminator", parts["real"] + parts["fake"], parts, health)

        with frozen(discriminator):
            parts = {**self.distances(fake, batch), "adversarial": real_loss(discriminator(fake))}
        yield OptimizerStep(
            "generator", self.weighted(parts) + self._gan.adversarial_weight * parts["adversarial"], parts
        )


class DiverseObjective(Objective):
    """SGRU's: of each picture's N versions the best learns, and all others a little."""

    def __init__(self, spec: SgruDiverse, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.extractor = cast(Extractor, needs["features"])
        self.frozen = {"features": self.extractor}
        self.generator = SgruNetwork(spec.generator)
        self.networks: dict[str, nn.Module] = {"generator": self.generator}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the generator."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The generator's optimizer step.

        `content_<extractor>/best` and `/mean` are of the N pictures, means over the batch.
        """
        losses = self._losses(self.generator.all_pictures(*batch.given), batch)  # (B, N)
        self.generator.note_best(losses.argmin(dim=1))
        name = _content(self.extractor)
        parts = {f"{name}/best": losses.amin(dim=1).mean(), f"{name}/mean": losses.mean()}
        loss = self._spec.best_weight * parts[f"{name}/best"] + self._spec.mean_weight * parts[f"{name}/mean"]
        yield OptimizerStep("generator", loss, parts)

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`content_<extractor>`: L_p of the one picture that the network shows, comparable with paper 004's."""
        return {_content(self.extractor): self._losses(output.unsqueeze(1), batch).mean()}

    def _losses(self, pictures: Tensor, batch: Batch) -> Tensor:
        return perceptual_losses(self._spec.perceptual, self.extractor, pictures, batch.target, batch.condition)


def _content(extractor: Extractor) -> str:
    return f"content_{extractor.name}"


def _layer_norm(channels: int) -> nn.GroupNorm:
    """Each picture over all channels and places, with a gain and an offset per channel: SGRU's code, for any size."""
    return nn.GroupNorm(1, channels)


def _halved(x: Tensor) -> Tensor:
    return max_pool2d(x, 2, ceil_mode=True)


def _fitted(hint: Tensor, size: torch.Size) -> Tensor:
    """A hint at another size: at each place the mean of the colours that are given there. (B, C + 1, *size)."""
    if hint.shape[-2:] == size:
        return hint
    means = interpolate(hint, size, mode="area")
    colors, given = means[:, :-1], means[:, -1:]
    return torch.cat([colors / given.clamp(min=1e-6), (given > 0).to(hint.dtype)], dim=1)
