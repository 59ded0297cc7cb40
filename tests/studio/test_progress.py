"""The progress reports of a command whose output is no terminal: lines, and the same in the log."""

import re

import pytest

from studio.progress import LOG_NAME, open_progress
from studio.run_stages import StageReport
from tests.demo_home import DemoHome, demo_home


@pytest.fixture(scope="module")
def demo() -> DemoHome:
    """A demo whose output went through pipes, with its lines on stderr."""
    return demo_home()


def test_every_stage_reports_its_start_and_its_end_with_counts(demo):
    lines = demo.progress
    for stage in ("issue_pages", "panels", "gray_panels", "training_set", "colorizer", "evaluation", "leaderboard"):
        assert re.search(rf"^{stage}( \w+)?: started", lines, re.MULTILINE), stage
        done = rf"^{stage}: done in \d+\.\d s, partitions \d+, failed 0, unchanged \d+"
        assert re.search(done, lines, re.MULTILINE), stage
    assert "issue_pages: started, 4 partitions" in lines
    assert re.search(r"^colorizer webtoon_l2: [1-8] of 8$", lines, re.MULTILINE)
    assert re.search(r"^evaluation webtoon_l2: \d+ of \d+$", lines, re.MULTILINE)


def test_the_log_has_the_same_lines_with_their_times(demo):
    log = (demo.home / "logs" / LOG_NAME).read_text().splitlines()
    logged = [line.split(" ", 1)[1] for line in log]
    assert len(logged) > 20
    assert logged == [line for line in demo.progress.splitlines() if line in logged]  # libraries may warn between them
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d ", line) for line in log)


def test_many_issues_report_tenths(tmp_path, capfd):
    with open_progress(tmp_path) as progress:
        report = StageReport(progress)
        for place in range(200):
            report.on_start("panels", f"days__{place}", place, 200)
            report.on_progress(1, 2)
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["panels: started, 200 partitions", *(f"panels: {20 * tenth} of 200" for tenth in range(1, 10))]


def test_work_on_one_partition_reports_tenths(tmp_path, capfd):
    with open_progress(tmp_path) as progress:
        report = StageReport(progress)
        report.on_start("colorizer", "webtoon_l2", 0, 2)
        for step in range(1, 1001):
            report.on_progress(step, 1000)
    lines = capfd.readouterr().err.splitlines()
    tenths = [f"colorizer webtoon_l2: {100 * tenth} of 1000" for tenth in range(1, 11)]
    assert lines == ["colorizer webtoon_l2: started", *tenths]


def test_each_work_on_a_partition_reports_its_own_tenths(tmp_path, capfd):
    with open_progress(tmp_path) as progress:
        report = StageReport(progress)
        report.on_start("leaderboard", None, 0, 1)
        for _ in range(2):
            for done in (8, 16, 20):
                report.on_progress(done, 20)
    lines = capfd.readouterr().err.splitlines()
    assert lines == ["leaderboard: started", *[f"leaderboard: {done} of 20" for done in (8, 16, 20)] * 2]


def test_a_short_command_reports_no_lines(tmp_path, capfd):
    with open_progress(tmp_path) as progress:
        listener = progress.listener("pictures colored")
        for done in range(11):
            listener(done, 10)
    assert capfd.readouterr().err == ""
