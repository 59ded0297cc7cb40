"""The numbers that the five papers print, what each is called here, and the orderings that they claim."""

from dataclasses import dataclass

from pipelines.evaluation.tracks import MAIN_STYLE

Recipe = str


@dataclass(frozen=True)
class PictureMeasure:
    """A metric of each picture, mean over pictures."""

    metric: str
    """A key of METRICS."""
    styles: tuple[str, ...] = ()
    """The styles of the input, as far as the track has them; none named: the mean over all styles of the track."""
    hints: int = 0
    """Random points."""

    def __str__(self) -> str:
        seen = f" on {' or '.join(self.styles)}" if self.styles else ""
        return f"{self.metric}{seen}{f' with {self.hints} hints' if self.hints else ''}"


@dataclass(frozen=True)
class SetMeasure:
    """A distance between sets, through whichever extractor there was."""

    family: str
    """`fid` or `kid`."""
    condition: str
    """`none`, or `regions`: the 28 hints of C-FID."""

    def __str__(self) -> str:
        return f"{self.family.upper()} {'without hints' if self.condition == 'none' else 'with the 28 hints of C-FID'}"


@dataclass(frozen=True)
class RatingMeasure:
    """Points that people gave, mean over raters."""

    study: str
    """`mos` (1 to 5), `unhinted` or `hinted` (0 to 5)."""
    question: str
    """A key of `pipelines.studies.questions.QUESTIONS`."""

    def __str__(self) -> str:
        return f"points for {self.question} ({self.study})"


Measure = PictureMeasure | SetMeasure | RatingMeasure


@dataclass(frozen=True)
class Subject:
    """One number of one recipe."""

    recipe: Recipe
    measure: Measure


@dataclass(frozen=True)
class Printed:
    """A number as a paper prints it, or its statement in words."""

    value: float | None = None
    std: float | None = None
    words: str = ""
    digits: int = 2

    def __str__(self) -> str:
        if self.value is None:
            return self.words
        return f"{self.value:.{self.digits}f}" + (f" ± {self.std:.{self.digits}f}" if self.std is not None else "")


@dataclass(frozen=True)
class Column:
    """One column of a paper's table."""

    label: str
    measure: Measure | None
    """Our metric of the same number; None: there is none, and `note` gives the reason."""
    note: str = ""


@dataclass(frozen=True)
class PaperRow:
    """One row of a paper's table."""

    label: str
    """As the paper calls it."""
    recipe: Recipe | None
    """None: not a part of this project."""
    printed: tuple[Printed | None, ...]
    """One a column."""


@dataclass(frozen=True)
class Claim:
    """An ordering that a paper claims: in each pair the first number is the lower one."""

    says: str
    source: str
    """Table, section or figure."""
    pairs: tuple[tuple[Subject, Subject], ...]
    note: str = ""
    """Where to look where no pair of numbers decides."""


@dataclass(frozen=True)
class PaperTable:
    """One table of a paper, or the numbers of its text."""

    paper: str
    """A key of `models.recipes.PAPERS`."""
    title: str
    source: str
    columns: tuple[Column, ...]
    rows: tuple[PaperRow, ...]
    claims: tuple[Claim, ...]
    note: str = ""


def _lower(measure: Measure, *pairs: tuple[Recipe, Recipe]) -> tuple[tuple[Subject, Subject], ...]:
    return tuple((Subject(low, measure), Subject(high, measure)) for low, high in pairs)


def _best(measure: Measure, best: Recipe, *others: Recipe) -> tuple[tuple[Subject, Subject], ...]:
    return _lower(measure, *((best, other) for other in others))


_HALF_SUM = PictureMeasure("l2_ab_half_sum")
_QUALITY = PictureMeasure("ciede2000")

WEBTOONS = PaperTable(
    paper="000",
    title="Paper 000: average L2 on the test set",
    source="Section IV.A and IV.B",
    note="The paper does not state the scale; half the sum of squares over 256 x 256 pixels of ab in [-1, 1] is ours "
    "[inferred].",
    columns=(Column("L2", _HALF_SUM),),
    rows=(
        PaperRow("L2 only", "webtoon_l2", (Printed(1578.8, digits=1),)),
        PaperRow("with adversarial loss", "webtoon_adversarial", (Printed(1595.0, digits=1),)),
        PaperRow("with VGG features", "webtoon_vgg_features", (Printed(1561.3, digits=1),)),
        PaperRow("without skips", "webtoon_no_skips", (Printed(words="no good colorizations"),)),
        PaperRow("conditioned on the label", "webtoon_label_conditioned", (Printed(words="no better"),)),
        PaperRow("with classification loss", "webtoon_classification_loss", (Printed(words="no benefit"),)),
        PaperRow("colour & apply", "webtoon_color_and_apply", (Printed(words="the best pictures"),)),
    ),
    claims=(
        Claim(
            "adversarial loss does not lower L2", "section IV.A",
            _lower(_HALF_SUM, ("webtoon_l2", "webtoon_adversarial")),
        ),
        Claim(
            "features of VGG16 lower L2", "section IV.B",
            _lower(_HALF_SUM, ("webtoon_vgg_features", "webtoon_l2")),
        ),
        Claim(
            "adversarial loss gives more colourful pictures", "section IV.A",
            _lower(PictureMeasure("colorfulness"), ("webtoon_l2", "webtoon_adversarial")),
        ),
        Claim(
            "colour around speech bubbles is more confused with adversarial loss", "section IV.A",
            _lower(PictureMeasure("white_chroma"), ("webtoon_l2", "webtoon_adversarial")),
        ),
        Claim(
            "without skips there are no good colorizations", "section IV",
            _lower(_QUALITY, ("webtoon_l2", "webtoon_no_skips")),
        ),
        Claim(
            "being told the title does not help", "section IV.A",
            _lower(_QUALITY, ("webtoon_adversarial", "webtoon_label_conditioned")),
        ),
        Claim(
            "classification loss does not help", "section IV.A",
            _lower(_QUALITY, ("webtoon_l2", "webtoon_classification_loss")),
        ),
        Claim(
            "colour & apply is the best", "section IV",
            _best(
                _QUALITY, "webtoon_color_and_apply",
                "webtoon_l2", "webtoon_adversarial", "webtoon_vgg_features",
            ),
        ),
    ),
)  # fmt: skip

_AS_TRAINED = ("gray", "canny")
_L1, _L2 = PictureMeasure("l1_rgb", _AS_TRAINED), PictureMeasure("l2_rgb", _AS_TRAINED)

FRAMES = PaperTable(
    paper="001",
    title="Paper 001: average L1 and L2 distance, a pixel and channel",
    source="Table 1",
    note="Scale 0 to 255 [inferred]. Our pictures are split by issue; the paper's frames are shuffled, so that "
    "neighbours of its test frames were learned.",
    columns=(Column("L1", _L1), Column("L2", _L2)),
    rows=(
        PaperRow("grayscale, ConvNet", "frames_convnet_gray", (Printed(19.19), Printed(1219.73))),
        PaperRow("grayscale, GAN", "frames_gan_gray", (Printed(16.25), Printed(747.29))),
        PaperRow("edge, ConvNet", "frames_convnet_edge", (Printed(50.68), Printed(4720.35))),
        PaperRow("edge, GAN", "frames_gan_edge", (Printed(39.09), Printed(3046.84))),
    ),
    claims=tuple(
        Claim(says, "Table 1 and section 5.2", _lower(_L1, pair) + _lower(_L2, pair))
        for says, pair in (
            ("the GAN is below the ConvNet in L1 and L2, from gray", ("frames_gan_gray", "frames_convnet_gray")),
            ("the GAN is below the ConvNet in L1 and L2, from edges", ("frames_gan_edge", "frames_convnet_edge")),
            ("gray is below edge in L1 and L2, ConvNet", ("frames_convnet_gray", "frames_convnet_edge")),
            ("gray is below edge in L1 and L2, GAN", ("frames_gan_gray", "frames_gan_edge")),
        )
    ),
)

_GRAY_SHARE = PictureMeasure("gray_share")

AJOU = PaperTable(
    paper="002",
    title="Paper 002: from collapse to a living discriminator",
    source="Slides, Implementation & Struggles",
    note="The slides give curves and pictures, no numbers.",
    columns=(Column("share of gray pixels", _GRAY_SHARE), Column("CIEDE2000", _QUALITY)),
    rows=(
        PaperRow("encoder and decoder", "ajou_no_skips", (Printed(words="collapse, grayish"), None)),
        PaperRow("U-Net", "ajou_unstabilised", (Printed(words="the discriminator's loss goes to 0"), None)),
        PaperRow("U-Net, noise, soft labels", "ajou_cgan", (Printed(words="losses go up and down"), None)),
    ),
    claims=(
        Claim(
            "without skips the output collapses to gray", "slides, mode collapse",
            _lower(_GRAY_SHARE, ("ajou_cgan", "ajou_no_skips"), ("ajou_unstabilised", "ajou_no_skips")),
        ),
        Claim(
            "noise and soft labels give better pictures", "slides, solution",
            _lower(_QUALITY, ("ajou_cgan", "ajou_unstabilised")),
        ),
        Claim(
            "noise and soft labels keep the discriminator alive", "slides, evidence 1 and 2", (),
            note="No number of pictures says it: see val/loss_discriminator in the MLflow runs of ajou_cgan and "
            "ajou_unstabilised.",
        ),
    ),
)  # fmt: skip

_MOS = RatingMeasure("mos", "overall")

TWO_STAGE_MOS = PaperTable(
    paper="003",
    title="Paper 003: mean opinion scores",
    source="Table 1, section 4.4",
    note="118 raters, 30 pictures each, 1 (bad) to 5 (excellent); the paper prints the standard deviation of scores.",
    columns=(Column("MOS", _MOS),),
    rows=(
        PaperRow("Base (Ci et al.)", "two_stage_base", (Printed(2.56, 1.30),)),
        PaperRow("Pix2pix", "two_stage_pix2pix", (Printed(2.75, 1.34),)),
        PaperRow("Ours", "two_stage", (Printed(3.82, 1.05),)),
    ),
    claims=(
        Claim(
            "the two-stage generator is rated above both others", "section 4.4, p < 0.01",
            _lower(_MOS, ("two_stage_base", "two_stage"), ("two_stage_pix2pix", "two_stage")),
        ),
    ),
)  # fmt: skip

_FID, _C_FID = SetMeasure("fid", "none"), SetMeasure("fid", "regions")
_NO_REAL = "no such pairs"
_OTHER_STAGES = ("two_stage_base", "two_stage_pix2pix", "two_stage_ldm_only")

TWO_STAGE_FID = PaperTable(
    paper="003",
    title="Paper 003: FID without hints, and C-FID",
    source="Table 2",
    note="The paper's extractor is Inception, on 145,408 pictures of XDoG and 530 of real lines; ours is named beside "
    "each number, and the benchmark has no pairs of real lines and colour. Ours are over draws of hints and of halves, "
    "which share their pictures: a spread, and no test of a difference. KID is beside FID because it does not depend "
    "on the number of pictures.",
    columns=(
        Column("FID, XDoG", _FID),
        Column("C-FID, XDoG", _C_FID),
        Column("FID, real lines", None, _NO_REAL),
        Column("C-FID, real lines", None, _NO_REAL),
        Column("KID, XDoG", SetMeasure("kid", "none")),
        Column("KID of C-FID's hints, XDoG", SetMeasure("kid", "regions")),
    ),
    rows=tuple(
        PaperRow(label, recipe, (*(Printed(value, std) for value, std in printed), None, None))
        for label, recipe, printed in (
            ("Base (Ci et al.)", "two_stage_base", ((44.70, 2.01), (35.83, 1.81), (109.39, 0.40), (87.95, 0.36))),
            ("Pix2pix", "two_stage_pix2pix", ((41.14, 1.51), (34.21, 1.12), (117.24, 0.38), (94.14, 0.31))),
            ("Ours, LDM only", "two_stage_ldm_only", ((43.87, 1.91), (35.51, 1.74), (99.40, 0.32), (61.83, 0.26))),
            (
                "Ours, histogram equalization only", "two_stage_histeq_only",
                ((39.54, 1.84), (33.29, 1.51), (92.63, 0.24), (60.45, 0.24)),
            ),
            ("Ours", "two_stage", ((39.77, 1.75), (32.16, 1.57), (98.75, 0.17), (57.51, 0.23))),
        )
    ),
    claims=(
        Claim(
            "line loss and equalization together lower C-FID below the base's", "Table 2, with hints",
            _lower(_C_FID, ("two_stage", "two_stage_base")),
        ),
        Claim(
            "line loss alone lowers C-FID below the base's", "Table 2, with hints",
            _lower(_C_FID, ("two_stage_ldm_only", "two_stage_base")),
        ),
        Claim(
            "equalization alone lowers C-FID below the base's", "Table 2, with hints",
            _lower(_C_FID, ("two_stage_histeq_only", "two_stage_base")),
        ),
        Claim(
            "with hints both together are the best", "Table 2, with hints",
            _best(_C_FID, "two_stage", *_OTHER_STAGES, "two_stage_histeq_only"),
        ),
        Claim(
            "without hints equalization alone is the best", "Table 2, without hints, though its last row is bold",
            _best(_FID, "two_stage_histeq_only", *_OTHER_STAGES, "two_stage"),
        ),
        Claim(
            "line loss is a part of the result: as released, where it has no gradient, C-FID is higher",
            "section 3, against the released code",
            _lower(_C_FID, ("two_stage", "two_stage_as_released")),
        ),
    ),
)  # fmt: skip

_UNHINTED = tuple(RatingMeasure("unhinted", question) for question in ("overflow", "overall"))
_HINTED = tuple(
    RatingMeasure("hinted", question) for question in ("same_color", "overflow", "overall", "unhinted_places")
)


def _at_hints(metric: str) -> PictureMeasure:
    return PictureMeasure(metric, (MAIN_STYLE["line"],), hints=10)


def _points(*values: float) -> tuple[Printed, ...]:
    return tuple(Printed(value) for value in values)


SKETCH = PaperTable(
    paper="004",
    title="Paper 004: ratings",
    source="Table 1, section IV.B",
    note="10 raters, 0 (bad) to 5 (excellent). PaintsChainer is a service of others.",
    columns=(
        *(Column(f"no hint, {measure.question}", measure) for measure in _UNHINTED),
        *(Column(f"hint, {measure.question}", measure) for measure in _HINTED),
    ),
    rows=(
        PaperRow("Ours", "sketch_hint", _points(3.3, 3.6, 3.3, 2.8, 3.1, 3.2)),
        PaperRow("PaintsChainer", None, _points(3.3, 3.1, 3.25, 2.4, 2.7, 2.5)),
    ),
    claims=(
        Claim(
            "hinted output follows its hints: it is closer to them at their pixels than to the truth elsewhere",
            "section V",
            ((Subject("sketch_hint", _at_hints("hint_ciede2000")), Subject("sketch_hint", _at_hints("ciede2000"))),),
        ),
        Claim(
            "ten hints bring the output closer to the truth", "section V",
            (
                (
                    Subject("sketch_hint", _at_hints("ciede2000")),
                    Subject("sketch_hint", PictureMeasure("ciede2000", (MAIN_STYLE["line"],))),
                ),
            ),
        ),
        Claim(
            "the result is rated above PaintsChainer's", "Table 1", (),
            note="PaintsChainer is not a part of this project.",
        ),
    ),
)  # fmt: skip

PAPER_TABLES = (WEBTOONS, FRAMES, AJOU, TWO_STAGE_MOS, TWO_STAGE_FID, SKETCH)
"""In the papers' order."""
