"""The odd CBZ files of public bug reports, as a title: what is taken of each, and what is named."""

import json
import subprocess
import sys
from collections import Counter

import pytest

from pipelines.issue_pages.catalogue import sync_titles
from pipelines.issue_pages.client.client import Client
from pipelines.issue_pages.collect import PagesFailed, collect_issue
from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.sources.registry import sources
from pipelines.lake import Lake
from tests.installation import SHARED
from tests.pipelines.issue_pages.sources.archive_titles import titled

WHOLE = {"ok": 4}
EXPECTED = {
    "01-cp949": WHOLE,
    "02-sjis": WHOLE,
    "03-cp850": WHOLE,
    "04-backslash": WHOLE,
    "05-backslash-mac": {"ok": 4, "leftover": 2},
    "06-eadir": {"ok": 4, "leftover": 1},
    "07-nested": {"ok": 1, "nested": 2},
    "08-jxl": {"ok": 2, "not_a_picture": 1},
    "09-pk00": WHOLE,
    "10-rtl": WHOLE,
    "11-ampersand": WHOLE,
    "12-deflate64": {"ok": 3, "unreadable": 1},
    "13-case": {"ok": 3},
}


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> dict[str, tuple[PageRow, ...]]:
    """The rows of each file."""
    script = SHARED / "cases" / "cbz_odd.py"
    if not script.exists():
        pytest.skip("no shared cases here")
    folder, lake = tmp_path_factory.mktemp("odd"), Lake.at(tmp_path_factory.mktemp("lake"))
    subprocess.run([sys.executable, "-B", script, folder], check=True)
    titles, every = titled(folder), sources(Client())
    report = sync_titles(titles, every, lake)
    assert report.counts == {"mine": {"free": len(EXPECTED)}}
    rows: dict[str, tuple[PageRow, ...]] = {}
    for key in report.keys:
        try:
            rows[key.removeprefix("mine__")] = collect_issue(key, titles, every, lake).rows
        except PagesFailed as error:
            rows[key.removeprefix("mine__")] = error.report.rows
    return rows


@pytest.mark.parametrize("name", EXPECTED)
def test_every_entry_is_a_page_or_has_its_reason(collected, name):
    rows = collected[name]
    assert Counter(row.status for row in rows) == EXPECTED[name]
    assert all(row.detail for row in rows if row.status != "ok")
    names = [row.name for row in rows if row.status == "ok"]
    assert names == sorted(names)


def test_what_the_files_say_of_themselves(collected):
    assert {json.loads(row.facts).get("reading_direction") for row in collected["10-rtl"]} == {"rtl"}
    assert json.loads(collected["11-ampersand"][0].facts)["series"] == "Salt & Pepper"
    assert "JPEG XL" in str(collected["08-jxl"][1].detail)
