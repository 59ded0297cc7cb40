"""The published report: of one benchmark only, with the ratings of studies, rendered again where either changed."""

import re
from pathlib import Path

import pytest

from assets.home import Home
from assets.resources import default_resources
from assets.tracking.publish_leaderboard import PublishedReport, publish_leaderboard
from pipelines.studies.plan import PlanParams
from pipelines.studies.store import StudyStore
from tests.assets.tinted import QUICK, Installation, small_installation
from tests.pipelines.conftest import WriteLake, write_lake
from tests.pipelines.studies.conftest import plan_study

__all__ = ["write_lake"]

A, B = "webtoon_l2", "webtoon_no_skips"
OTHER = QUICK.model_copy(update={"seed": 1})


@pytest.fixture
def here(tmp_path: Path, write_lake: WriteLake) -> Installation:
    return small_installation(tmp_path / "home", write_lake)


def papers(report: PublishedReport) -> str:
    """The text of the section of the papers' tables."""
    section = Path(report.path).read_text().partition('id="papers"')[2].partition("</section>")[0]
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", "", section))


def test_the_papers_tables_hold_one_benchmark_and_the_ratings(here, monkeypatch):
    monkeypatch.delenv("TINTOON_STUDIES", raising=False)
    database = default_resources(Home.of({"TINTOON_HOME": str(here.root)}))["studies"]
    for name, tint, params in ((A, 0.1, QUICK), (B, 0.3, OTHER)):
        here.train(name, tint)
        here.evaluate(name, params)
    found = here.compare(OTHER)

    def published() -> tuple[PublishedReport, int]:
        report = publish_leaderboard(found, here.lake, studies=database.url, cache=here.cache, tracking=here.tracking)
        return report, Path(report.path).stat().st_mtime_ns

    first, rendered = published()
    assert f"no evaluation of {A}" in papers(first)  # it has one, of another benchmark
    assert f"no evaluation of {B}" not in papers(first)
    assert "no ratings: run a study" in papers(first)
    assert published() == (first, rendered)
    (here.lake.root / "report" / "published.json").unlink()  # as after a kill just before it was written
    assert published()[0] == first  # in the same run
    rendered = published()[1]
    assert not (here.root / "studies.db").exists()

    store = StudyStore(database.url)
    study = plan_study(store, PlanParams(kind="mos", pictures=1, golds=0, repeats=0), methods=("two_stage",))
    assert published() == (first, rendered)  # a plan is no answer
    for rater, points in (("ada", 4), ("bob", 5)):
        store.next_trial(study, rater)
        store.answer(study, rater, 1, {"overall": points})
    store.close()
    second, rendered_again = published()
    assert "no ratings: run a study" not in papers(second)
    assert "4.5 (" in papers(second)
    assert "2 raters)" in papers(second)
    assert second.url != first.url
    assert rendered_again > rendered
    assert published() == (second, rendered_again)

    assert database.url == f"sqlite:///{here.root / 'studies.db'}"
    monkeypatch.setenv("TINTOON_STUDIES", "postgresql+psycopg://ada:secret@host/base")
    assert database.url == "postgresql+psycopg://ada:secret@host/base"
    assert "secret" not in str(default_resources()["studies"])
