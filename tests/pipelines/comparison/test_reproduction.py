"""The papers' tables beside ours: what is printed, what holds, what does not, and what nobody measured."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from models.recipes import PAPERS, RECIPES
from pipelines.comparison.paper_tables import PAPER_TABLES, PictureMeasure, RatingMeasure
from pipelines.comparison.reproduction import (
    VERDICTS,
    ClaimResult,
    Ours,
    ReproductionTable,
    difference_text,
    number_text,
    reproduce,
    reproduction_markdown,
)
from pipelines.evaluation.evaluation import Evaluation
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.studies.questions import QUESTIONS
from tests.pipelines.evaluation.handmade import evaluated


def table_of(title: str, tables: tuple[ReproductionTable, ...]) -> ReproductionTable:
    return next(table for table in tables if title in table.paper.title)


def claim_of(says: str, tables: tuple[ReproductionTable, ...]) -> ClaimResult:
    (found,) = (result for table in tables for result in table.claims if says in result.claim.says)
    return found


def l2(name: str, value: float, noise: float = 1.0) -> Evaluation:
    return evaluated(name, values={"l2_ab_half_sum": value}, noise=noise)


def test_every_recipe_metric_and_question_exists() -> None:
    for table in PAPER_TABLES:
        assert table.paper in PAPERS
        named = {row.recipe for row in table.rows} - {None}
        measures = {column.measure for column in table.columns}
        for claim in table.claims:
            assert claim.pairs or claim.note
            for subject in (subject for pair in claim.pairs for subject in pair):
                named.add(subject.recipe)
                measures.add(subject.measure)
        assert named <= set(RECIPES)
        assert {one.metric for one in measures if isinstance(one, PictureMeasure)} <= set(METRICS)
        assert {one.question for one in measures if isinstance(one, RatingMeasure)} <= set(QUESTIONS)
        assert all(len(row.printed) == len(table.columns) for row in table.rows)
        assert all(column.measure or column.note for column in table.columns)


@pytest.mark.parametrize(
    ("adversarial", "noise", "verdict"), [(1200, 5, "confirmed"), (800, 5, "refuted"), (1000, 200, "not decided")]
)
def test_an_ordering_is_confirmed_refuted_or_not_decided(adversarial: float, noise: float, verdict: str) -> None:
    tables = reproduce([l2("webtoon_l2", 1000, noise), l2("webtoon_adversarial", adversarial, noise)])
    claim = claim_of("adversarial loss does not lower L2", tables)
    assert claim.verdict == verdict
    (pair,) = claim.pairs
    assert pair.difference is not None
    assert (pair.difference.low < 0 < pair.difference.high) == (verdict == "not decided")
    assert pair.difference.value == pytest.approx(1000 - adversarial, abs=noise)
    assert pair.difference.count == 8  # issues: two titles of eight numbers, each of them used by one


def test_a_missing_result_is_named() -> None:
    tables = reproduce([l2("webtoon_l2", 1000)])
    claim = claim_of("features of VGG16 lower L2", tables)
    assert (claim.verdict, claim.pairs[0].missing) == ("not measured", "no evaluation of webtoon_vgg_features")
    cells = table_of("average L2 on", tables).cells
    number = cells[0][0]
    assert isinstance(number, Ours)
    assert number.low < number.value < number.high
    assert number.value == pytest.approx(1000, abs=2)
    assert cells[1][0] == "no evaluation of webtoon_adversarial"


def test_one_pair_in_the_other_order_refutes_a_claim_of_several() -> None:
    names = ("webtoon_color_and_apply", "webtoon_l2", "webtoon_adversarial")
    found = [evaluated(name, values={"ciede2000": value}) for name, value in zip(names, (10, 12, 8), strict=True)]
    claim = claim_of("colour & apply is the best", reproduce(found))
    assert [pair.verdict for pair in claim.pairs] == ["confirmed", "refuted", "not measured"]
    assert claim.verdict == "refuted"
    better = claim_of("colour & apply is the best", reproduce(found[:2]))
    assert better.verdict == "not measured"


def test_gray_and_edges_are_compared_on_the_same_pictures_only() -> None:
    gray = evaluated("frames_gan_gray", values={"l1_rgb": 16, "l2_rgb": 700})
    edge = evaluated("frames_gan_edge", "edge", values={"l1_rgb": 39, "l2_rgb": 3000})
    says = "gray is below edge in L1 and L2, GAN"
    assert claim_of(says, reproduce([gray, edge])).verdict == "confirmed"
    fewer = edge.rows[edge.rows["panel_id"] != edge.rows["panel_id"].iloc[0]]
    for change in ({"resolution": 64}, {"training_set_fingerprint": "u" * 64}, {"rows": fewer}):
        claim = claim_of(says, reproduce([gray, replace(edge, **change)]))
        assert claim.verdict == "not measured"
        assert "different pictures" in claim.pairs[0].missing


def test_edges_are_evaluated_on_the_style_of_the_paper() -> None:
    edge = evaluated("frames_convnet_edge", "edge", values={"l1_rgb": 50}, noise=0.01)
    rows = edge.rows.copy()
    rows.loc[rows["style"] != "canny", "l1_rgb"] = 500.0
    cells = table_of("L1 and L2", reproduce([evaluated("frames_convnet_edge", "edge", rows=rows)])).cells
    assert isinstance(cells[2][0], Ours)
    assert cells[2][0].value == pytest.approx(50, abs=0.1)


def test_other_benchmarks_do_not_compare() -> None:
    found = [l2("webtoon_l2", 1000), evaluated("webtoon_adversarial", benchmark_fingerprint="c" * 64)]
    claim = claim_of("adversarial loss does not lower L2", reproduce(found))
    assert claim.verdict == "not measured"
    assert "evaluate both again" in claim.pairs[0].missing


def fid(name: str, none: float, regions: float, std: float = 0.1, extractor: str = "efflite0") -> Evaluation:
    sets = {f"fid_{extractor}/none": (none, std), f"fid_{extractor}/regions": (regions, std)}
    return evaluated(name, "line", sets=sets)


def test_distances_between_sets_have_a_direction_and_no_test() -> None:
    found = [fid("two_stage", 39.8, 32.2), fid("two_stage_base", 44.7, 35.8), fid("two_stage_ldm_only", 43, 36.8)]
    tables = reproduce(found)
    claim = claim_of("together lower C-FID", tables)
    (pair,) = claim.pairs
    assert pair.difference is not None
    assert pair.difference.value == pytest.approx(-3.6)
    # However small the spread over draws: they are halves of the same pictures.
    assert (claim.verdict, pair.difference.low, pair.difference.p_value) == ("not decided", -math.inf, 1)
    assert difference_text(pair) == "-3.6, in this order (not tested: the 3 draws share their pictures)"
    (other,) = claim_of("line loss alone lowers C-FID", tables).pairs
    assert (other.verdict, difference_text(other)[:23]) == ("not decided", "+1, in the other order ")
    assert pair.difference.made_with == "fid_efflite0"
    assert "share their pictures" in VERDICTS["not decided"]
    cells = table_of("FID", tables).cells
    assert isinstance(cells[0][0], Ours)
    assert cells[0][0].value == 44.7
    assert number_text(cells[0][0]) == "44.7 ± 0.1 (3 draws)"
    assert cells[0][2] == "no such pairs"


def test_distances_through_two_extractors_do_not_compare() -> None:
    mixed = reproduce([fid("two_stage", 30, 30), fid("two_stage_base", 44, 44, extractor="inception")])
    claim = claim_of("together lower C-FID", mixed)
    assert (claim.verdict, "one extractor" in claim.pairs[0].missing) == ("not measured", True)


def test_a_single_draw_has_no_spread() -> None:
    one = fid("two_stage", 39.8, 32.2)
    sets = {name: {"mean": found["mean"], "draws": 1, "pictures": 16} for name, found in one.sets.items()}
    cells = table_of("FID", reproduce([replace(one, sets=sets)])).cells
    assert isinstance(cells[4][0], Ours)
    assert number_text(cells[4][0]) == "39.8 (1 draws)"


def ratings(**points: list[int]) -> pd.DataFrame:
    """MOS: each method's points by rater."""
    return pd.DataFrame(
        [
            {"study": "mos", "question": "overall", "method": method, "rater": rater, "picture": "p", "value": value}
            for method, values in points.items()
            for rater, value in enumerate(values)
        ]
    )


def test_scores_of_people_are_paired_by_rater() -> None:
    asked = ratings(
        two_stage=[4, 5, 4, 4, 5, 4, 3, 4], two_stage_base=[2, 3, 3, 2, 3, 2, 1, 2], two_stage_pix2pix=[3, 5]
    )
    tables = reproduce([], asked)
    claim = claim_of("rated above both others", tables)
    base, pix2pix = claim.pairs
    assert (base.verdict, pix2pix.verdict) == ("confirmed", "not decided")
    assert base.difference is not None
    assert (base.difference.value, base.difference.count, base.difference.unit) == (-1.875, 8, "raters")
    cells = table_of("mean opinion", tables).cells
    assert isinstance(cells[2][0], Ours)
    assert cells[2][0].value == 4.125
    assert claim_of("rated above both others", reproduce([])).pairs[0].missing == "no ratings: run a study"
    with pytest.raises(ValueError, match="lack the columns rater"):
        reproduce([], asked.drop(columns="rater"))


def test_hints_are_followed() -> None:
    sketch = evaluated("sketch_hint", "line", values={"ciede2000": 10, "hint_ciede2000": 2}, hints=[1, 10])
    tables = reproduce([sketch])
    assert claim_of("ten hints bring", tables).verdict == "confirmed"
    assert claim_of("hinted output follows", tables).verdict == "confirmed"
    unhinted = reproduce([evaluated("sketch_hint", "line")])
    assert "with 10 hints of sketch_hint" in claim_of("ten hints bring", unhinted).pairs[0].missing


def test_two_results_of_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="two results of one name"):
        reproduce([l2("webtoon_l2", 1), l2("webtoon_l2", 2)])


def test_as_markdown_every_row_has_as_many_cells_as_its_head() -> None:
    text = reproduction_markdown(reproduce([l2("webtoon_l2", 1000), l2("webtoon_adversarial", 1200)]))
    assert "| L2 only | webtoon_l2 | 1578.8 | 100" in text
    assert "39.77 ± 1.75" in text
    assert "that something does not help is thus confirmed only where it does significant harm" in text
    assert "| adversarial loss does not lower L2 | section IV.A | **confirmed** |" in text
    counts: list[int] = []
    for line in text.splitlines():
        if line.startswith("|---"):
            counts.append(line.count("|"))
        elif line.startswith("|") and counts and not line.startswith(("| as in", "| claim")):
            assert line.count("|") == counts[-1], line
    assert len(counts) == 2 * len(PAPER_TABLES)
