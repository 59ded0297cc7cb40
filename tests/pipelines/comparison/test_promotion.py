"""Promotion: each way to become the champion and to cease to be it, with its reason."""

import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pipelines.comparison.params import MARGINS, PromotionParams
from pipelines.comparison.promotion import decide
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.evaluation.tracks import ReferenceCondition

PARAMS = PromotionParams(resamples=500)
HARDNESS = np.random.default_rng(0).normal(20, 5, 40)
NOISE = np.random.default_rng(1).normal(0, 0.3, 40)


@dataclass(frozen=True)
class Measured:
    """As an evaluation, with what a decision asks for."""

    name: str
    checkpoint_digest: str
    benchmark_fingerprint: str
    rows: pd.DataFrame
    cost: dict[str, float] = field(default_factory=dict)
    track: str = "gray"
    machine: str = "here"
    references: ReferenceCondition = "none"
    references_fingerprint: str | None = None

    @property
    def unhinted(self) -> pd.DataFrame:
        return self.rows[self.rows["hints"] == 0]


def contender(name: str = "new", digest: str = "2", *, milliseconds: float = 10.0, **metrics) -> Measured:
    """Forty pictures, each metric constant but for what is given."""
    usual = {"ciede2000": HARDNESS, "white_chroma": 2.0, "bleeding": 1.0, "gray_share": 0.3}
    usual |= {"colorfulness_error": 10.0, "ssim": 0.9}
    rows = pd.DataFrame(
        {
            "hints": 0,
            "panel_id": [f"p{number:02d}" for number in range(40)],
            "title": "moon-cat",
            "issue": [str(number // 4) for number in range(40)],
            **usual,
            **metrics,
        }
    )
    return Measured(name, digest, "bench", rows, {"latency_cpu_256x256_ms": milliseconds, "parameters": 7.0})


CHAMPION = contender("old", "1")
BETTER = HARDNESS - 1 + NOISE


def test_a_better_one_is_promoted():
    decision = decide(contender(ciede2000=BETTER), CHAMPION, PARAMS)
    assert decision.promoted
    assert decision.reason.startswith("new is better than old: ciede2000 ")
    score = decision.comparisons["ciede2000"]
    assert score.challenger == pytest.approx(BETTER.mean())
    assert score.champion == pytest.approx(HARDNESS.mean())
    assert score.difference is not None
    assert score.difference.high < 0
    assert score.margin is None
    assert list(decision.comparisons) == ["ciede2000", *MARGINS]
    json.dumps(asdict(decision))


@pytest.mark.parametrize("score", [HARDNESS + NOISE * 0.2, HARDNESS + 1, HARDNESS])
def test_what_is_not_significantly_better_is_not(score):
    decision = decide(contender(ciede2000=score), CHAMPION, PARAMS)
    assert not decision.promoted
    assert decision.reason.startswith("old stays: new is not significantly better: ciede2000 ")


def test_with_references_a_challenger_may_take_longer():
    slow = contender(ciede2000=BETTER, milliseconds=900.0)
    given = replace(slow, references="same_issue", references_fingerprint="r")
    assert "latency_cpu_256x256_ms 900 against 10, at most 2 times as much" in decide(slow, CHAMPION, PARAMS).reason
    decision = decide(given, CHAMPION, PARAMS)
    assert decision.promoted
    assert "ciede2000 with references of the same issue " in decision.reason
    slower = replace(given, cost={"latency_cpu_256x256_ms": 3000.0})
    assert "at most 2 times as much or 2000" in decide(slower, CHAMPION, PARAMS).reason
    before = replace(CHAMPION, references="same_issue", references_fingerprint="r")
    assert not decide(given, before, PARAMS).promoted  # both take references: as among all others


def test_of_many_challengers_each_must_be_surer():
    slightly = contender(ciede2000=HARDNESS - 0.12 + NOISE - NOISE.mean())
    assert decide(slightly, CHAMPION, PARAMS).promoted
    assert not decide(slightly, CHAMPION, PARAMS, challengers=50).promoted
    with pytest.raises(ValueError, match="challengers 0"):
        decide(slightly, CHAMPION, PARAMS, challengers=0)


@pytest.mark.parametrize(
    ("metric", "within", "beyond"),
    [
        ("white_chroma", 2.9, 3.1),
        ("bleeding", 1.04, 1.06),
        ("gray_share", 0.39, 0.41),
        ("colorfulness_error", 14.0, 16.0),
        ("ssim", 0.89, 0.87),
    ],
)
def test_no_guard_gets_worse_than_its_margin(metric, within, beyond):
    assert decide(contender(ciede2000=BETTER, **{metric: within}), CHAMPION, PARAMS).promoted
    decision = decide(contender(ciede2000=BETTER, **{metric: beyond}), CHAMPION, PARAMS)
    assert not decision.promoted
    assert f"but breaks {metric} {beyond:.4g} against" in decision.reason
    assert not decision.comparisons[metric].passed


def test_guards_that_get_better_pass():
    assert decide(contender(ciede2000=BETTER, ssim=1.0, gray_share=0.0, white_chroma=0.0), CHAMPION, PARAMS).promoted


def test_a_slow_one_is_kept_out_where_both_were_timed():
    assert decide(contender(ciede2000=BETTER, milliseconds=19.0), CHAMPION, PARAMS).promoted
    decision = decide(contender(ciede2000=BETTER, milliseconds=21.0), CHAMPION, PARAMS)
    assert not decision.promoted
    assert "latency_cpu_256x256_ms 21 against 10, at most 2 times as much" in decision.reason
    assert decide(replace(contender(ciede2000=BETTER, milliseconds=21.0), machine="there"), CHAMPION, PARAMS).promoted
    elsewhere = replace(contender(ciede2000=BETTER), cost={"latency_gpu_256x256_ms": 99.0})
    assert decide(elsewhere, CHAMPION, PARAMS).promoted


def test_a_score_where_more_is_better():
    params = PromotionParams(score="psnr", guards={}, resamples=500)
    champion = contender("old", "1", psnr=HARDNESS)
    assert decide(contender(psnr=HARDNESS + 1 + NOISE), champion, params).promoted
    assert not decide(contender(psnr=BETTER), champion, params).promoted


def test_the_first_champion():
    decision = decide(contender(), None, PARAMS)
    assert decision.promoted
    assert decision.reason == f"new is the first champion: ciede2000 {HARDNESS.mean():.4g}"
    assert decision.comparisons == {}


def test_the_same_checkpoint_is_no_challenger():
    decision = decide(contender("renamed", "1", ciede2000=BETTER), CHAMPION, PARAMS)
    assert (decision.promoted, decision.reason) == (False, "old stays: renamed is the same checkpoint")


def test_other_benchmarks_do_not_compare():
    better = contender(ciede2000=BETTER)
    other = replace(better, benchmark_fingerprint="another bench")
    decision = decide(other, CHAMPION, PARAMS)
    assert not decision.promoted
    assert "do not compare: evaluate the champion again" in decision.reason


def test_a_challenger_without_numbers_is_kept_out():
    holes = np.where(np.arange(40) < 3, np.nan, BETTER)
    decision = decide(contender(ciede2000=holes), CHAMPION, PARAMS)
    assert (decision.promoted, decision.reason) == (
        False,
        "old stays: new has no ciede2000 on 3 pictures: evaluate it again",
    )
    decision = decide(contender(ciede2000=np.nan), None, PARAMS)
    assert decision.reason.startswith("there is no champion yet: new has no ciede2000 on 40 pictures")
    decision = decide(contender(ciede2000=BETTER, bleeding=np.nan), CHAMPION, PARAMS)
    assert "but breaks bleeding no number against 1" in decision.reason


def test_a_guard_goes_by_the_pictures_where_both_have_a_number():
    some = np.where(np.arange(40) < 3, np.nan, 1.0)
    assert decide(contender(ciede2000=BETTER, bleeding=some), CHAMPION, PARAMS).comparisons["bleeding"].passed
    worse = decide(contender(ciede2000=BETTER, bleeding=some + 1), CHAMPION, PARAMS)
    assert "but breaks bleeding 2 against 1" in worse.reason


def test_a_guard_that_says_nothing_of_either_guards_nothing():
    unknown = {"white_chroma": np.where(np.arange(40) < 30, np.nan, 2.0), "bleeding": np.nan}
    decision = decide(contender(ciede2000=BETTER, **unknown), contender("old", "1", **unknown), PARAMS)
    assert decision.promoted
    assert decision.comparisons["bleeding"].difference is None
    assert decision.comparisons["white_chroma"].difference.pictures == 10


def test_a_champion_without_numbers_is_to_be_evaluated_again():
    decision = decide(contender(ciede2000=BETTER), contender("old", "1", ciede2000=np.nan), PARAMS)
    assert (decision.promoted, decision.comparisons) == (False, {})
    assert decision.reason == "old stays: its own ciede2000 is incomplete: evaluate it again"


def test_of_two_issues_nobody_is_promoted_unless_that_is_wanted():
    def of_two(one: Measured) -> Measured:
        return replace(one, rows=one.rows.assign(issue=[str(number // 20) for number in range(40)]))

    better = of_two(contender(ciede2000=BETTER))
    decision = decide(better, of_two(CHAMPION), PARAMS)
    assert not decision.promoted
    assert "2 test issues say nothing about others" in decision.reason
    assert decide(better, of_two(CHAMPION), PARAMS.model_copy(update={"min_issues": 1})).promoted
    assert "of 10 issues" in decide(contender(ciede2000=BETTER), CHAMPION, PARAMS).reason


def test_tracks_and_hints_are_apart():
    decision = decide(replace(contender(), track="line"), CHAMPION, PARAMS)
    assert decision.reason == "old stays: new is of the track line, which has its own champion"
    with_hints = contender(hints=10, ciede2000=100.0).rows
    both = replace(contender(), rows=pd.concat([contender(ciede2000=BETTER).rows, with_hints]))
    assert decide(both, CHAMPION, PARAMS).promoted


def test_what_was_not_measured_is_an_error():
    without = replace(contender(), rows=contender().rows.drop(columns="bleeding"))
    with pytest.raises(ValueError, match="new: bleeding was not measured"):
        decide(without, CHAMPION, PARAMS)
    fewer = replace(contender(), rows=contender().rows[:30])
    with pytest.raises(ValueError, match="10 pictures are in one table only"):
        decide(fewer, CHAMPION, PARAMS)


def test_rules_that_contradict_themselves():
    with pytest.raises(ValidationError, match="ciede2000 is the score"):
        PromotionParams(guards={"ciede2000": 1.0})
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        PromotionParams(guards={"ssim": -0.1})


def test_guards_are_metrics():
    assert MARGINS.keys() <= METRICS.keys()
