"""The whole lineage, as a newcomer runs it: drawn, served, scraped, cut, trained, compared; then once more."""

import json
import sqlite3
import zipfile

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from assets.stages import STAGES
from pipelines.colorize.references import References
from pipelines.images.color import rgb_to_gray
from pipelines.images.decode import decode_picture
from pipelines.panels.filters import MeasuredPanel, colored_share
from pipelines.panels.params import PanelParams
from studio.materialize import DEFAULT_STAGES
from tests.demo_home import demo_home
from tests.installation import Installation


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Installation, list[str]]:
    """An installation on which the demo ran twice, and what the two runs printed."""
    first = demo_home()
    installation = first.copied_to(tmp_path_factory.mktemp("demo") / "home")
    return installation, [first.printed, installation.run(*first.command)]


def lake_of(demo):
    return demo[0].home / "lake"


def test_the_leaderboard_compares_two_colorizers_and_the_baselines(demo):
    rows = demo[0].json("leaderboard")
    baselines = {"gray_copy", "mean_chroma", "nearest_panel", "truth"}
    assert {row["name"] for row in rows} == {"webtoon_l2", "frames_gan_gray", *baselines}
    assert [row["rank"] for row in rows] == [None, 1, 2, 3, 4, 5]
    assert (lake_of(demo) / "report" / "index.html").stat().st_size > 10_000
    assert "webtoon_l2" in demo[1][0]


def test_the_second_run_changes_nothing_and_says_so(demo):
    rows = [[cell.strip() for cell in line.split("│")] for line in demo[1][1].splitlines()]
    unchanged = {cells[1]: cells[3] for cells in rows if len(cells) > 3 and cells[1] in STAGES}
    assert unchanged == dict.fromkeys(set(DEFAULT_STAGES) - {"title_classifier", "line_detector", "draft"}, "all")
    assert "fetched 0" in demo[1][1]


def test_every_slice_is_kept_as_served(demo):
    pages = pq.read_table(lake_of(demo) / "issue_pages" / "tintoon-days" / "0001.parquet").to_pandas()
    assert set(pages["status"]) == {"ok"}
    assert pages["image"].iloc[0]["bytes"][:2] == b"\xff\xd8"
    assert set(pages["licence"]) == {"CC0-1.0"}


def test_repeated_titles_and_gray_panels_are_dropped_with_their_reason(demo):
    decisions = pd.read_parquet(lake_of(demo) / "unique_panels.parquet")
    reasons = decisions["reason"].fillna("kept").value_counts()
    assert reasons["near_duplicate"] >= 6  # the title and the ending panel of issues 2 to 4
    assert {"gray", "too_small", "kept"} <= set(reasons.index)
    assert set(decisions.loc[decisions["reason"] == "near_duplicate", "duplicate_of"].str[:18]) <= {
        "tintoon-days__0001",
        "tintoon-days__0002",
        "tintoon-days__0003",
    }


def test_each_training_is_one_mlflow_run_with_its_evaluation(demo):
    with sqlite3.connect(demo[0].home / "mlflow" / "mlflow.db") as store:
        runs = dict(store.execute("select name, status from runs").fetchall())
        keys = {key for (key,) in store.execute("select distinct key from metrics").fetchall()}
        tags = {key for (key,) in store.execute("select distinct key from tags").fetchall()}
        inputs = store.execute("select count(*) from datasets").fetchone()
    assert runs == dict.fromkeys(["webtoon_l2", "frames_gan_gray", "leaderboard"], "FINISHED")
    assert {"train/loss_generator/total", "epoch/loss_generator/total", "val/l1_rgb255", "test/psnr"} <= keys
    assert {"dagster_run_id", "dagster_run_url", "partition", "commit", "training_set", "benchmark"} <= tags
    assert inputs[0] >= 1


def test_the_champion_colours_a_page_of_any_size(demo, tmp_path):
    page = np.full((301, 207, 3), 255, np.uint8)
    cv2.circle(page, (100, 150), 60, (90, 90, 90), -1)
    cv2.imwrite(str(tmp_path / "page.png"), page)
    demo[0].run("colorize", str(tmp_path / "page.png"), str(tmp_path / "out.jpg"))
    colored = cv2.imread(str(tmp_path / "out.jpg"))
    assert colored is not None
    assert colored.shape == page.shape


def test_the_demo_ends_with_its_newest_issue_as_a_coloured_book(demo):
    folder = demo_home().home / "colored" / "tintoon-days"  # the paths that it printed are those of the first home
    assert str(folder / "0004_colored.cbz") in demo[1][0]
    assert str(folder / "0004_report.html") in demo[1][0]
    with zipfile.ZipFile(folder / "0004_gray.cbz") as gray, zipfile.ZipFile(folder / "0004_colored.cbz") as colored:
        assert gray.namelist() == colored.namelist()
        before, after = (decode_picture(book.read("002.png"), name="002.png") for book in (gray, colored))
    assert colored_share(MeasuredPanel(before), PanelParams()) == 0
    assert colored_share(MeasuredPanel(after), PanelParams()) > 0.1
    assert np.abs(rgb_to_gray(after).astype(int) - rgb_to_gray(before)).max() <= 1
    names = References.load(folder / "references.safetensors").names
    assert names
    assert not [name for name in names if name.startswith("tintoon-days__0004")]
    assert len(json.loads((folder / "hints.json").read_text())["pages"]) <= 2
