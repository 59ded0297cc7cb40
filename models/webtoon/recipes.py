"""The recipes of paper 000, webtoons: its models in its order, its baselines, and its future work.

All see L of a gray panel and give ab at 256 pixels. [I] Optimizer, pictures a step and mirroring at random are
pix2pix's; the budget is ours.
"""

from models.diverse_gan.spec import DiverseGan
from models.hypercolumns.spec import ResidualEncoder
from models.pix2pix.spec import Pix2pixUNet
from models.recipe import Augmentation, Need, Recipe
from models.specs.base import ObjectiveSpec
from models.specs.hints import HintSampling, KeptChannels, KeptPixels, RemovedPatches
from models.webtoon.spec import (
    LabelledPatchGan,
    LabelledUNet,
    WebtoonAdversarial,
    WebtoonClassification,
    WebtoonColorAndApply,
    WebtoonFeatures,
    WebtoonL2,
    WebtoonSparse,
)

_PICTURES = 200_000  # [I] about 14 epochs of the paper's 13,918 panels


def _recipe(
    name: str,
    title: str,
    objective: ObjectiveSpec,
    *,
    batch: int = 1,
    hint: HintSampling | None = None,
    with_label: bool = False,
    classifier: str | None = None,
    augmentation: Augmentation | None = None,
) -> Recipe:
    return Recipe(
        name=name,
        title=f"Paper 000: {title}",
        paper="000",
        variant="gray",
        color_space="lab",
        objective=objective,
        resolution=256,
        batch=batch,
        steps=_PICTURES // batch,
        hint=hint,
        with_label=with_label,
        needs=(Need("classifier", classifier),) if classifier else (),
        augmentation=augmentation or Augmentation(),
    )


RECIPES = (
    _recipe("webtoon_l2", "pix2pix's U-Net from L to ab, L2 loss only", WebtoonL2()),
    _recipe(
        "webtoon_no_skips",
        "the same without skips",
        WebtoonL2(generator=Pix2pixUNet(in_channels=1, out_channels=2, skips=False)),
    ),
    _recipe("webtoon_adversarial", "L2 and adversarial loss", WebtoonAdversarial()),
    _recipe(
        "webtoon_label_conditioned",
        "L2 and adversarial loss, told the title",
        WebtoonAdversarial(generator=LabelledUNet(), discriminator=LabelledPatchGan()),
        with_label=True,
    ),
    _recipe(
        "webtoon_classification_loss",
        "L2, and the title that VGG16 sees in the generated picture",
        WebtoonClassification(),
        with_label=True,
        classifier="vgg16_color",
    ),
    _recipe(
        "webtoon_vgg_features",
        "L2, the encoder also sees features of the title VGG16",
        WebtoonFeatures(),
        classifier="vgg16_gray",
    ),
    _recipe(
        "webtoon_sparse_iterative",
        "learns with 1 % of the pixels' colours, its output is fed back",
        WebtoonSparse(),
        hint=KeptPixels(share=0.01),
    ),
    _recipe(
        "webtoon_channel_dropout",
        "learns with a or b, its output is fed back",
        WebtoonSparse(),
        hint=KeptChannels(),
    ),
    _recipe(
        "webtoon_color_and_apply",
        "one network gives colours, another applies them",
        WebtoonColorAndApply(),
        hint=KeptPixels(share=0.01),
    ),
    _recipe(
        "webtoon_diverse_gan",
        "the GAN of Cao et al. with noise in several layers",
        DiverseGan(),
        batch=16,  # [I] the released code takes 64 pictures of 64 pixels a side
    ),
    _recipe(
        "webtoon_hypercolumns",
        "Dahl's residual encoder on features of the title VGG16",
        WebtoonFeatures(generator=ResidualEncoder()),
        classifier="vgg16_gray",
    ),
    _recipe(
        "webtoon_patch_removal",
        "two networks trained apart, the second on blurred colours with holes, after Frans",
        WebtoonColorAndApply(color_weight=0.0),
        hint=RemovedPatches(),
    ),
    _recipe(
        "webtoon_lightness_dropout",
        "colour & apply with dropout on the lightness too, the paper's future work",
        WebtoonColorAndApply(),
        hint=KeptPixels(share=0.01),
        augmentation=Augmentation(lightness_dropout=0.5),  # [I] no share is given
    ),
)
