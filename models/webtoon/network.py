"""Paper 000: Cinarel and Zhang, "Into the Colorful World of Webtoons: Through the Lens of Neural Networks".

Every generator is pix2pix's (section IV), from lightness to chroma in Lab, continuous (no bins). What the paper adds
to it, in the order of the paper:

    base                  L2                                                                      (IV.A)
    adversarial           L2 and a PatchGAN; both networks may take the title                     (IV.A)
    classification loss   L2 and a title classifier that looks at the generated picture           (IV.A)
    features              the encoder also sees maps of a title classifier on gray                (IV.B)
    iterative             learns with sparse chroma in its input; its output is its next input    (IV.C)
    colour & apply        a network that gives colours, and one that applies given colours        (IV.C, figure 8)

L2 is the mean over pictures, channels and pixels of the squared difference with ab in [-1, 1] [I: the paper's scale
is not given; this choice changes its numbers, not its minimum].
"""

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate, mse_loss

from models.build import build_network
from models.classifiers.network import TitleNetwork
from models.color import lab_to_rgb
from models.discriminators import PatchGan
from models.losses import discriminator_terms, real_loss, share
from models.objective import Batch, Objective, OptimizerStep, adams, frozen
from models.pix2pix.network import UNet
from models.vgg import VggStack
from models.webtoon import spec as specs


class LabelledUNet(UNet):
    """The generator with the title as input: one more channel for each title."""

    def __init__(self, spec: specs.LabelledUNet) -> None:
        super().__init__(replace(spec, in_channels=spec.in_channels + len(spec.titles)))
        self.spec = spec
        self.titles = len(spec.titles)

    def forward(self, picture: Tensor, label: Tensor | None = None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As `UNet`; label: (B,) int64 places in `titles`. Any other number, and None, is an unknown title."""
        return super().forward(torch.cat([picture, title_maps(label, self.titles, picture)], dim=1))


class LabelledPatchGan(PatchGan):
    """The discriminator with the title as input: one more channel for each title."""

    def __init__(self, spec: specs.LabelledPatchGan) -> None:
        super().__init__(replace(spec, in_channels=spec.in_channels + len(spec.titles)))
        self.spec = spec
        self.titles = len(spec.titles)

    def forward(self, picture_and_condition: Tensor, label: Tensor | None = None) -> Tensor:
        """As `PatchGan`; label as `LabelledUNet`'s."""
        maps = title_maps(label, self.titles, picture_and_condition)
        return super().forward(torch.cat([picture_and_condition, maps], dim=1))


def title_maps(label: Tensor | None, titles: int, like: Tensor) -> Tensor:
    """One-hot titles as constant maps, all 0 for an unknown title: (B,) int64 -> (B, titles, H, W), as `like`."""
    size = (len(like), titles, *like.shape[-2:])
    if label is None:
        return like.new_zeros(size)
    places = torch.arange(titles, device=label.device)
    return (label[:, None] == places).to(like.dtype)[:, :, None, None].expand(size)


class TitleBlindUNet(UNet):
    """The generator of a recipe whose loss needs the title: it takes the title and ignores it."""

    def forward(self, picture: Tensor, label: Tensor | None = None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As `UNet`."""
        return super().forward(picture)


class FeatureUNet(UNet):
    """The generator with a title classifier's maps joined to what layers of equal size take.

    At 256 pixels: conv1_2 (64 channels, 256x256) to the input of the first layer, conv2_2 (128, 128x128) to that of
    the second, conv3_1 (256, 64x64) to that of the third. The classifier's convolutions are a frozen part of this
    network, so that its checkpoint is whole.
    """

    def __init__(self, spec: specs.FeatureUNet) -> None:
        width = spec.classifier.width
        super().__init__(spec, joined=[width * min(2**block, 8) for block in range(len(spec.layers))])
        self.layers = spec.layers
        self.vgg = VggStack(16, spec.classifier.in_channels, width, last=spec.layers[-1]).requires_grad_(False)

    def forward(self, picture: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """As `UNet`, for pictures of 4 pixels or more each way."""
        return super().forward(
            picture,
            joined=[
                # Where a side is odd the classifier rounds down what the encoder rounds up.
                interpolate(maps, [-(-side // 2**level) for side in picture.shape[-2:]])
                for level, maps in enumerate(self.vgg.maps(picture, self.layers))
            ],
        )


class IterativeUNet(UNet):
    """The generator from lightness and sparse chroma; in use its output is fed back as its chroma."""

    def __init__(self, spec: specs.IterativeUNet) -> None:
        super().__init__(spec)
        self.passes = spec.passes

    def forward(self, lightness: Tensor, hint: Tensor | None = None) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Lightness (B, 1, H, W) and hint (B, 3, h, w) -> ab (B, 2, H, W), in [-1, 1].

        One pass while it learns, `passes` in evaluation mode. Without a hint the first pass sees no colour. As the
        paper's, it sees the hint's ab, not its mask: without a hint ab is 0.
        """
        ab = hinted_ab(hint, lightness)
        for _ in range(1 if self.training else self.passes):
            ab = super().forward(torch.cat([lightness, ab], dim=1))
        return ab


class ColorAndApply(nn.Module):
    """Figure 8: the colour generator gives ab' from the lightness alone, the applier gives ab from both.

    A person's hint takes the place of the first network's colours ("In theory the first network can be replaced with
    user input").
    """

    def __init__(self, spec: specs.ColorAndApply) -> None:
        super().__init__()
        self.spec = spec
        self.color_generator = UNet(spec.color_generator)
        self.applier = UNet(spec.applier)

    def forward(self, lightness: Tensor, hint: Tensor | None = None) -> Tensor:
        """Lightness (B, 1, H, W) and hint (B, 3, h, w) -> ab (B, 2, H, W), in [-1, 1].

        A picture whose hint is all 0, or that has none, gets the colour generator's colours.
        """
        ab = self.sparse(self.color_generator(lightness))
        if hint is not None:
            is_hinted = hint[:, -1:].amax(dim=(2, 3), keepdim=True) > 0
            ab = torch.where(is_hinted, hinted_ab(hint, lightness), ab)
        return self.apply_colors(lightness, ab)

    def apply_colors(self, lightness: Tensor, ab: Tensor) -> Tensor:
        """The applier: (B, 1, H, W) and sparse or dense (B, 2, H, W) -> (B, 2, H, W)."""
        return self.applier(torch.cat([lightness, ab], dim=1))

    def sparse(self, ab: Tensor) -> Tensor:
        """About `applied_share` of the pixels, the others 0: random ones while it learns, in use those of a grid."""
        if self.spec.applied_share == 1:
            return ab
        if self.training:
            is_kept = torch.rand(len(ab), 1, *ab.shape[-2:], device=ab.device) < self.spec.applied_share
        else:
            step = round(self.spec.applied_share**-0.5)
            is_kept = torch.zeros_like(ab[:1, :1], dtype=torch.bool)
            is_kept[..., step // 2 :: step, step // 2 :: step] = True
        return ab * is_kept


def hinted_ab(hint: Tensor | None, lightness: Tensor) -> Tensor:
    """A hint's ab at the size of its picture, 0 without one: (B, 3, h, w) -> (B, 2, H, W)."""
    if hint is None:
        return lightness.new_zeros(len(lightness), 2, *lightness.shape[-2:])
    return interpolate(hint[:, :-1], lightness.shape[-2:])  # nearest: equal sizes stay as they are


class L2Objective(Objective):
    """A generator alone, under the mean squared error."""

    def __init__(self, spec: specs.WebtoonL2, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {"generator": build_network(spec.generator)}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for the generator."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The generator's optimizer step."""
        loss = mse_loss(self.networks["generator"](*batch.given), batch.target)
        yield OptimizerStep("generator", loss, parts={"l2": loss})

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l2`: mean squared difference, ab in [-1, 1]."""
        return {"l2": mse_loss(output, batch.target)}


class FeaturesObjective(L2Objective):
    """The same for a generator with a part `vgg`: the convolutions of the trained title classifier."""

    def __init__(self, spec: specs.WebtoonFeatures, needs: Mapping[str, nn.Module]) -> None:
        super().__init__(spec, needs)
        vgg = self.networks["generator"].get_submodule("vgg")
        trained = needs["classifier"].get_submodule("stack").state_dict()
        vgg.load_state_dict({name: trained[name] for name in vgg.state_dict()})


class SparseObjective(L2Objective):
    """The same for a generator that learns with sparse colour. It is validated as it is used: without any."""

    output_sees_hints = False

    def output(self, batch: Batch) -> Tensor:
        """The output for the lightness alone."""
        return self.networks["generator"](batch.condition)


class ClassificationObjective(L2Objective):
    """L2, and the cross entropy of the titles that a classifier on colour sees in the generated picture."""

    def __init__(self, spec: specs.WebtoonClassification, needs: Mapping[str, nn.Module]) -> None:
        super().__init__(spec, needs)
        self._weight = spec.classification_weight
        classifier = needs["classifier"]
        assert isinstance(classifier, TitleNetwork)
        if classifier.spec.titles != spec.titles:
            raise ValueError(
                f"the classifier has the titles {classifier.spec.titles}, the training set has {spec.titles}; "
                "train the classifier on this training set"
            )
        self.frozen = {"classifier": classifier.requires_grad_(False)}

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The generator's optimizer step."""
        assert batch.label is not None, "a recipe with this loss has with_label"
        ab = self.networks["generator"](*batch.given)
        logits = self.frozen["classifier"](lab_to_rgb(batch.condition, ab)).float()
        parts = {"l2": mse_loss(ab, batch.target), "classification": cross_entropy(logits, batch.label)}
        health = {"accuracy_classifier/generated": share(logits.argmax(dim=1) == batch.label)}
        yield OptimizerStep("generator", parts["l2"] + self._weight * parts["classification"], parts, health)


class AdversarialObjective(Objective):
    """Adversarial and L2 loss. Generator and discriminator get the title where the batch has one."""

    def __init__(self, spec: specs.WebtoonAdversarial, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.networks: dict[str, nn.Module] = {
            "generator": build_network(spec.generator),
            "discriminator": build_network(spec.discriminator),
        }

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Adam for each network."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The discriminator's optimizer step, its loss halved as in pix2pix (section 3.3), then the generator's."""
        fake = self.networks["generator"](*batch.given)
        parts, health = discriminator_terms(self._logits(batch, batch.target), self._logits(batch, fake.detach()))
        yield OptimizerStep("discriminator", (parts["real"] + parts["fake"]) / 2, parts, health)

        with frozen(self.networks["discriminator"]):
            fake_logits = self._logits(batch, fake)
        parts = {"adversarial": real_loss(fake_logits), "l2": mse_loss(fake, batch.target)}
        yield OptimizerStep("generator", parts["adversarial"] + self._spec.l2_weight * parts["l2"], parts)

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l2`: mean squared difference, ab in [-1, 1]."""
        return {"l2": mse_loss(output, batch.target)}

    def _logits(self, batch: Batch, ab: Tensor) -> Tensor:
        label = () if batch.label is None else (batch.label,)
        return self.networks["discriminator"](torch.cat([batch.condition, ab], dim=1), *label)


class ColorAndApplyObjective(Objective):
    """Both networks in one optimizer step.

    applier          |applier(L, hint) - ab|^2 with the truth's colours at sparse pixels as hint
    color_generator  |color_generator(L) - ab|^2
    color            |applier(L, color_generator(L)) - ab|^2, the paper's "color loss" [I: figure 8 is only a picture]
    """

    output_sees_hints = False

    def __init__(self, spec: specs.WebtoonColorAndApply, needs: Mapping[str, nn.Module]) -> None:
        self._spec = spec
        self.generator = ColorAndApply(spec.generator)
        self.networks: dict[str, nn.Module] = {"generator": self.generator}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """One Adam for both networks."""
        return adams(self.networks, self._spec)

    def optimizer_steps(self, batch: Batch, done: float) -> Iterator[OptimizerStep]:
        """The single optimizer step."""
        assert batch.hint is not None, "a recipe with this loss has hints"
        lightness, spec = batch.condition, self._spec
        colors = self.generator.color_generator(lightness)
        applied = self.generator.apply_colors(lightness, hinted_ab(batch.hint, lightness))
        with nullcontext() if spec.color_loss_trains_applier else frozen(self.generator.applier):
            applied_colors = self.generator.apply_colors(lightness, self.generator.sparse(colors))
        parts = {
            "applier": mse_loss(applied, batch.target),
            "color_generator": mse_loss(colors, batch.target),
            "color": mse_loss(applied_colors, batch.target),
        }
        loss = (
            spec.applier_weight * parts["applier"]
            + spec.color_generator_weight * parts["color_generator"]
            + spec.color_weight * parts["color"]
        )
        yield OptimizerStep("generator", loss, parts)

    def output(self, batch: Batch) -> Tensor:
        """The output for the lightness alone, as without a person."""
        return self.generator(batch.condition)

    def distances(self, output: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`l2`: mean squared difference, ab in [-1, 1]."""
        return {"l2": mse_loss(output, batch.target)}
