"""Ci, Ma, Wang, Li and Luo, "User-Guided Deep Anime Line Art Colorization with Conditional Adversarial Networks",
ACM Multimedia 2018: the "Base" with which paper 003 compares itself.

Lines and a hint become colour; a fixed network gives both players local features of the lines, so that drawn and
synthetic lines look alike to them. With x the lines, h the hint, F the features, c the truth and V the content layer:

    critic     minimizes  D(G(x, h), F(x)) - D(c, F(x)) + lambda * penalty + drift * D(c, F(x))^2
    generator  minimizes  -w_adv * D(G(x, h), F(x)) + |V(G(x, h)) - V(c)|^2

Layers and figures are those of the authors' code (github.com/orashi/AlacGAN). It differs from what is here in this:
its features are Illustration2vec's; it draws hints from another crop of the picture than the truth; the two players
see different batches; in the drift term it squares the batch's mean, where here each picture's value is squared; and
see `Alacgan.penalty_per_pixel`. There is no normalization anywhere; weights start as torch's layers do.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, interpolate, leaky_relu, mse_loss, pad, pixel_shuffle

from models.alacgan.spec import Alacgan, AlacganDiscriminator, AlacganGenerator
from models.blocks import Halve, ResNeXt
from models.features import Extractor
from models.losses import gradient_penalty
from models.objective import Batch, Objective, OptimizerStep, adams, frozen

_SLOPE = 0.2
_FEATURES_SCALE = 16
_LAST_MAP_PX = 4


class Tunnel(nn.Module):
    """One level of the way up: a convolution, ResNeXt blocks, and a convolution whose channels become pixels."""

    def __init__(self, in_channels: int, channels: int, out_channels: int, dilations: tuple[int, ...], groups: int):
        super().__init__()
        self.enter = _conv3(in_channels, channels)
        self.blocks = nn.Sequential(
            *(ResNeXt(channels, channels, cardinality=groups, dilation=dilation) for dilation in dilations)
        )
        self.leave = _conv3(channels, 4 * out_channels)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        """(B, in_channels, h, w) -> (B, out_channels, *size); `size` is 2h or 2h - 1, 2w or 2w - 1."""
        x = self.blocks(leaky_relu(self.enter(x), _SLOPE))
        return leaky_relu(pixel_shuffle(self.leave(x), 2), _SLOPE)[..., : size[0], : size[1]]


class Generator(nn.Module):
    """NetG. The extractor is part of it, so that one file colorizes, and never learns."""

    def __init__(self, spec: AlacganGenerator) -> None:
        super().__init__()
        self.spec = spec
        widths = [spec.width * 2**level for level in range(5)]  # 32, 64, 128, 256, 512
        self.extractor = Extractor(spec.extractor.name, spec.extractor.width)
        self.hint = nn.Conv2d(4, widths[1], 7, padding=3)
        self.first = _conv3(1, widths[0])
        extra = (0, 0, widths[1], 0)  # the hint joins what the third halving takes
        self.halves = nn.ModuleList(
            Halve(widths[level] + extra[level], widths[level + 1], kernel_px=4, bias=True) for level in range(4)
        )
        outputs = widths[3::-1]  # 256, 128, 64, 32
        joining = [8 * spec.extractor.width, *outputs[:-1]]  # the features, then the mirrors of the way down
        self.tunnels = nn.ModuleList(
            Tunnel(before + joins, before, after, dilations, groups)
            for before, joins, after, dilations, groups in zip(
                widths[:0:-1], joining, outputs, spec.dilations, spec.cardinalities, strict=True
            )
        )
        self.last = _conv3(outputs[-1] + widths[0], 3)

    def local_features(self, lines: Tensor) -> Tensor:
        """The extractor's maps of lines (B, 1, H, W): (B, 512, H/16, W/16), rounded down but never to 0."""
        lacking = [max(0, _FEATURES_SCALE - side) for side in lines.shape[-2:]]
        if any(lacking):
            lines = pad(lines, (0, lacking[1], 0, lacking[0]), mode="replicate")
        with torch.no_grad():
            return self.extractor(lines, (self.spec.feature_layer,))[0]

    def forward(self, lines: Tensor, hint: Tensor) -> Tensor:
        """Lines (B, 1, H, W) and RGBA hint (B, 4, ceil(H/4), ceil(W/4)) in [-1, 1] -> RGB (B, 3, H, W) in [-1, 1]."""
        return self.colored(lines, hint, self.local_features(lines))

    def colored(self, lines: Tensor, hint: Tensor, features: Tensor) -> Tensor:
        """As `forward`, with `local_features` computed before."""
        x = leaky_relu(self.first(lines), _SLOPE)
        skips = []
        for level, halve in enumerate(self.halves):
            skips.append(x)
            if level == 2:
                hinted = leaky_relu(self.hint(_fitted(hint, x)), _SLOPE)  # (B, 64, H/4, W/4)
                x = torch.cat([x, hinted], dim=1)
            x = leaky_relu(halve(x), _SLOPE)  # (B, 64 .. 512, ceil(H/2), ceil(W/2))
        joins = _fitted(features, x)
        for tunnel in self.tunnels:
            skip = skips.pop()
            x = tunnel(torch.cat([x, joins], dim=1), skip.shape[-2:])  # (B, 256 .. 32, 2h, 2w)
            joins = skip
        return torch.tanh(self.last(torch.cat([x, joins], dim=1)))


class Critic(nn.Module):
    """NetD, the critic: a score without bounds for a picture and its lines."""

    def __init__(self, spec: AlacganDiscriminator) -> None:
        super().__init__()
        self.spec = spec
        width, deepest = spec.width, 8 * spec.width

        def block(channels: int, stride: int = 1) -> ResNeXt:
            return ResNeXt(channels, channels, cardinality=spec.cardinality, stride=stride)

        self.picture = nn.Sequential(
            nn.Conv2d(3, width, 7, padding=3, bias=False),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(width, width, 4, 2, 1, bias=False),  # (B, 64, H/2, W/2), all halvings rounded down
            nn.LeakyReLU(_SLOPE),
            block(width),
            block(width, stride=2),
            nn.Conv2d(width, 2 * width, 1, bias=False),  # (B, 128, H/4, W/4)
            nn.LeakyReLU(_SLOPE),
            block(2 * width),
            block(2 * width, stride=2),
            nn.Conv2d(2 * width, 4 * width, 1, bias=False),  # (B, 256, H/8, W/8)
            nn.LeakyReLU(_SLOPE),
            block(4 * width),
            block(4 * width, stride=2),  # (B, 256, H/16, W/16)
        )
        late = [layer for _ in range(spec.late_halvings) for layer in (block(deepest), block(deepest, stride=2))]
        self.joined = nn.Sequential(
            nn.Conv2d(4 * width + spec.feature_channels, deepest, 3, padding=1, bias=False),
            nn.LeakyReLU(_SLOPE),
            *late,  # (B, 512, H/128, W/128)
            block(deepest),
        )
        self.judge = nn.Conv2d(deepest, deepest, _LAST_MAP_PX, bias=False)
        self.last = nn.Linear(deepest, 1)

    def forward(self, picture: Tensor, features: Tensor) -> Tensor:
        """RGB (B, 3, H, W) in [-1, 1] and local features of its lines -> (B,). H and W are 16 or more.

        [I] Where the last map is not 4 x 4 pixels, it is averaged to that.
        """
        x = self.picture(picture)
        x = self.joined(torch.cat([x, _fitted(features, x)], dim=1))
        x = leaky_relu(self.judge(adaptive_avg_pool2d(x, _LAST_MAP_PX)), _SLOPE)  # (B, 512, 1, 1)
        return self.last(x.flatten(1)).squeeze(1)


class AlacganObjective(Objective):
    """WGAN-GP between critic and generator, with a content loss."""

    def __init__(self, spec: Alacgan, needs: Mapping[str, nn.Module]) -> None:
        features = needs["features"]
        assert isinstance(features, Extractor)
        self._spec = spec.joined({"features": features.spec})
        self._features = features
        self._generator = Generator(self._spec.generator)
        self._generator.extractor.load_state_dict(features.state_dict())
        self._critic = Critic(self._spec.discriminator)
        self.networks: dict[str, nn.Module] = {"generator": self._generator, "discriminator": self._critic}
        self.frozen = {"features": features}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The critic's optimizer step, then the generator's."""
        lines, hint = batch.given
        features = self._generator.local_features(lines)
        fake = self._generator.colored(lines, hint, features)

        real_says = self._critic(batch.target, features).float()
        fake_says = self._critic(fake.detach(), features).float()
        penalty = gradient_penalty(
            lambda picture: self._critic(picture, features),
            batch.target,
            fake.detach(),
            per_pixel=self._spec.penalty_per_pixel,
        )
        parts = {
            "wasserstein": fake_says.mean() - real_says.mean(),
            "gradient_penalty": penalty,
            "drift": real_says.square().mean(),
        }
        loss = (
            parts["wasserstein"]
            + self._spec.penalty_weight * parts["gradient_penalty"]
            + self._spec.drift_weight * parts["drift"]
        )
        yield OptimizerStep("discriminator", loss, parts)

        with frozen(self._critic):
            adversarial = -self._critic(fake, features).float().mean()
        content = self._content(fake, batch.target)
        yield OptimizerStep(
            "generator",
            self._spec.adversarial_weight * adversarial + content,
            {"adversarial": adversarial, self._content_name: content},
        )

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`content_<extractor>`: mean squared distance of the maps of the content layer."""
        return {self._content_name: self._content(output, batch.target)}

    @property
    def _content_name(self) -> str:
        return f"content_{self._features.name}"

    def _content(self, output: Tensor, truth: Tensor) -> Tensor:
        layers = (self._spec.content_layer,)
        with torch.no_grad():
            true_maps = self._features(truth, layers)[0]
        return mse_loss(self._features(output, layers)[0], true_maps)


def _conv3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


def _fitted(x: Tensor, like: Tensor) -> Tensor:
    """Scaled to the height and width of another one, if need be."""
    return x if x.shape[-2:] == like.shape[-2:] else interpolate(x, like.shape[-2:])
