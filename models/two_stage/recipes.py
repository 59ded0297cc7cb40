"""The recipes of paper 003, the two-stage generator, its baselines and its ablations.

Three trainings build on each other: the line detector, a draft stage (`<recipe>_draft`), the recipe itself.

[I] The paper crops 512 x 512 pixels at random places of larger pictures. Here a panel is 512 pixels square, so
nothing is left to crop.
"""

from dataclasses import replace

from models.alacgan.spec import Alacgan
from models.hinted_pix2pix.spec import HintedPix2pix
from models.recipe import Augmentation, Need, Recipe
from models.specs.artifacts import Artifacts
from models.specs.base import Adam
from models.specs.hints import Points, TruncatedNormalMask
from models.two_stage.spec import (
    Colorization,
    Drafting,
    LineDetection,
    TwoStageDiscriminator,
    TwoStageGenerator,
    TwoStageUNet,
)

_CODE_PICTURES = 659_990
"""The training pictures of the released code: 90 % of 733,322."""


def _released(*, drop: float) -> Adam:
    return Adam(learning_rate=1e-4, beta1=0.5, beta2=0.9, drops=(drop,))


_COLOR_JITTER = Augmentation(flip_vertical=0.5, contrast=0.1, saturation=0.1, hue=0.03)
_DRAFT_AUGMENTATION = replace(
    _COLOR_JITTER,
    line_brightness=0.7,
    equalize=0.5,
    gray_instead=0.05,  # [I] "a subset"
)
_COLOR_AUGMENTATION = replace(_COLOR_JITTER, line_brightness=0.7)

LINE_DETECTOR = Recipe(
    name="line_detector",
    title="Paper 003: line detection model, from colour to lines",
    paper="003",
    variant="color",
    color_space="rgb",
    task="draw_lines",
    objective=LineDetection(),
    resolution=512,
    batch=16,
    steps=256_000,
    augmentation=_COLOR_JITTER,
)

_DRAFT = Recipe(
    name="two_stage_draft",
    title="Paper 003: draft stage, lines and hints to colour at 128, histogram equalization and line loss",
    paper="003",
    variant="line",
    color_space="rgb",
    objective=Drafting(),
    resolution=512,
    batch=64,
    steps=175_000,
    hint=Points(),
    augmentation=_DRAFT_AUGMENTATION,
    needs=(Need("line_detector", "line_detector"),),
    extractor="vgg16",
)

DRAFTS: tuple[Recipe, ...] = (
    _DRAFT,
    replace(
        _DRAFT,
        name="two_stage_ldm_only_draft",
        title="Paper 003, ablation: draft stage with line loss, without histogram equalization",
        augmentation=replace(_DRAFT_AUGMENTATION, equalize=0.0),
    ),
    replace(
        _DRAFT,
        name="two_stage_histeq_only_draft",
        title="Paper 003, ablation: draft stage with histogram equalization, without line loss",
        objective=Drafting(line_weight=0.0),
        needs=(),
    ),
    replace(
        _DRAFT,
        name="two_stage_as_released_draft",
        title="Paper 003, released code: draft stage whose line and content losses give no gradient",
        objective=Drafting(
            discriminator=TwoStageDiscriminator(cardinality=4),
            adversarial_weight=0.01,
            line_and_content_teach=False,
            generator_optimizer=_released(drop=10 / 18),
            discriminator_optimizer=_released(drop=10 / 18),
        ),
        steps=round(18 * _CODE_PICTURES / 64),
        hint=Points(min_count=5, max_count=65, few=0.4),
        augmentation=replace(_DRAFT_AUGMENTATION, gray_instead=0.0001),
    ),
)

_TWO_STAGE = Recipe(
    name="two_stage",
    title="Paper 003: lines and hints to colour at 512 over a draft at 128",
    paper="003",
    variant="line",
    color_space="rgb",
    objective=Colorization(),
    resolution=512,
    batch=4,
    steps=1_173_000,
    hint=Points(),
    augmentation=_COLOR_AUGMENTATION,
    needs=(Need("draft", "two_stage_draft"),),
)

_BASE = Recipe(
    name="two_stage_base",
    title="Paper 003, baseline: Ci et al. (AlacGAN), WGAN-GP with content loss and local features",
    paper="003",
    variant="line",
    color_space="rgb",
    objective=Alacgan(),
    resolution=512,
    batch=4,
    steps=178_000,  # section 4; Ci et al. took 250,000, and the drop stays half-way, as theirs
    hint=TruncatedNormalMask(),
    augmentation=Augmentation(line_brightness=0.7),
    extractor="vgg16",
)

_PIX2PIX = Recipe(
    name="two_stage_pix2pix",
    title="Paper 003, baseline: pix2pix with hints, conditional PatchGAN and L1 weight 100",
    paper="003",
    variant="line",
    color_space="rgb",
    objective=HintedPix2pix(),
    resolution=512,
    batch=4,  # [I]
    steps=178_000,  # [I] those of the paper's other baseline
    hint=Points(),
    augmentation=_COLOR_AUGMENTATION,
)

RECIPES: tuple[Recipe, ...] = (
    _TWO_STAGE,
    replace(
        _TWO_STAGE,
        name="two_stage_ldm_only",
        title="Paper 003, ablation: line loss only, no histogram equalization",
        needs=(Need("draft", "two_stage_ldm_only_draft"),),
    ),
    replace(
        _TWO_STAGE,
        name="two_stage_histeq_only",
        title="Paper 003, ablation: histogram equalization only, no line loss",
        needs=(Need("draft", "two_stage_histeq_only_draft"),),
    ),
    replace(
        _TWO_STAGE,
        name="two_stage_as_released",
        title="Paper 003, released code: one U-Net for both stages, spray alone, losses without gradient",
        objective=Colorization(
            generator=TwoStageGenerator(colorization=TwoStageUNet(in_channels=4, levels=4)),
            artifacts=Artifacts(smear=0.0, distortion=0.0),
            generator_optimizer=_released(drop=5 / 8),
        ),
        batch=8,
        steps=round(8 * _CODE_PICTURES / 8),
        hint=Points(min_count=28, max_count=128),
        needs=(Need("draft", "two_stage_as_released_draft"),),
    ),
    _BASE,
    _PIX2PIX,
)
