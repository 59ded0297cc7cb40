"""The report: what is in it, that it stands alone, and that it can be read on a phone and on a desk."""

import base64
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Page, sync_playwright

from pipelines.comparison.leaderboard import Leaderboard, build_leaderboard
from pipelines.comparison.report.charts import Point, Series, line_chart, scatter_chart
from pipelines.comparison.report.page import licence_url, report_html, write_report
from pipelines.comparison.reproduction import reproduce
from pipelines.evaluation.evaluation import Evaluation
from pipelines.evaluation.metrics.definitions import METRICS
from tests.pipelines.evaluation.handmade import BENCHMARKS, TITLES, evaluated

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LATENCY = "latency_cpu_256x256_ms"


def datasheet(*licences: str) -> dict[str, Any]:
    return {
        "fingerprint": "t" * 64,
        "titles": {
            title: {
                "source": "folder",
                "licences": [licence],
                "attributions": [f"{title} by A & B <ab@example.org>"],
                "issues": 8,
                "pictures": {"train": 5, "val": 2, "test": 8},
                "dropped": {},
            }
            for title, licence in zip(TITLES, licences or ("CC-BY-4.0", "CC0-1.0"), strict=True)
        },
    }


def scored(name: str, score: float, variant: str = "gray", **given: Any) -> Evaluation:
    sets = {"fid_efflite0/none": (score * 4, 0.5), "kid_efflite0/none": (score / 100, float("nan"))}
    cost = {"parameters": 1_234_567.0, LATENCY: score * 10}
    return evaluated(name, variant, values={"ciede2000": score}, sets=sets, cost=cost, **given)


@pytest.fixture(scope="module")
def evaluations() -> list[Evaluation]:
    return [
        scored("webtoon_l2", 12),
        scored("webtoon_color_and_apply", 9, hints=[1, 10, 64]),
        scored("webtoon_no_skips", 22),
        scored("gray_copy", 20, checkpoint_digest=None),
        scored("truth", 0, noise=0.0, checkpoint_digest=None),
        scored("two_stage", 15, "line", hints=[1, 10]),
        scored("frames_gan_edge", 18, "edge"),
        scored("line_copy", 30, "line", checkpoint_digest=None),
        scored("old_best", 1, benchmark_fingerprint="0" * 64),
    ]


@pytest.fixture(scope="module")
def boards(evaluations: list[Evaluation]) -> list[Leaderboard]:
    champion = "checkpoint of webtoon_l2"
    return [
        build_leaderboard(evaluations, track="gray", benchmark_fingerprint=BENCHMARKS["gray"], champion=champion),
        build_leaderboard(evaluations, track="line", benchmark_fingerprint=BENCHMARKS["line"]),
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, boards, evaluations) -> Path:
    folder = tmp_path_factory.mktemp("report")
    tables = reproduce(evaluations)
    return Path(write_report(folder, boards, evaluations, datasheet=datasheet(), reproduction=tables))


@pytest.fixture(scope="module")
def soup(written: Path) -> BeautifulSoup:
    return BeautifulSoup(written.read_text(), "html.parser")


def section(soup: BeautifulSoup, name: str) -> Tag:
    found = soup.find(id=name)
    assert isinstance(found, Tag)
    return found


def table_under(part: Tag, label: str) -> dict[str, list[str]]:
    """Cells by row header, of the table whose region has the label."""
    region = part.find(class_="scroll", attrs={"aria-label": label})
    assert isinstance(region, Tag), label
    return {
        row.find("th").get_text(): [cell.get_text(" ", strip=True) for cell in row.find_all("td")]
        for row in region.find("tbody").find_all("tr")
    }


def test_the_page_asks_for_nothing_but_its_pictures(written: Path, soup: BeautifulSoup) -> None:
    assert not soup.find_all(["script", "link", "iframe", "object"])
    sources = {image["src"] for image in soup.find_all("img")}
    assert sources == {f"pictures/{path.name}" for path in (written.parent / "pictures").iterdir()}
    assert "url(" not in written.read_text()
    assert all(image["alt"] and image["loading"] == "lazy" and image["width"] for image in soup.find_all("img"))
    targets = {link["href"].removeprefix("#") for link in soup.select("nav a")}
    assert targets <= {part["id"] for part in soup.find_all(id=True)}
    for region in soup.select(".scroll"):
        assert (region["tabindex"], bool(region["aria-label"])) == ("0", True)


def test_the_leaderboard_has_ranks_intervals_differences_and_marks(soup: BeautifulSoup, boards) -> None:
    rows = table_under(section(soup, "gray"), "Leaderboard, Gray to colour")
    assert list(rows) == [
        "truth oracle",
        "webtoon_color_and_apply",
        "webtoon_l2",
        "gray_copy baseline",
        "webtoon_no_skips below the baseline",
    ]
    assert [cells[0] for cells in rows.values()] == ["", "1", "2", "3", "4"]
    assert rows["webtoon_l2"][4] == "reference"
    best = rows["webtoon_color_and_apply"]
    low, high = boards[0].colorizers[0].interval
    assert best[3] == f"{low:.4g} to {high:.4g}"
    difference = boards[0].colorizers[0].difference
    assert difference["value"] == pytest.approx(-3, abs=0.2)
    assert best[4].startswith(f"{difference['value']:+.3g} (")
    assert "p < 0.001" in best[4]
    assert best[5] == "better"
    assert rows["webtoon_no_skips below the baseline"][5] == "worse"
    header = soup.find("header")
    assert header is not None
    assert "webtoon_color_and_apply is the first of 3" in header.get_text()
    assert "1 of 3 is worse than the picture itself" in header.get_text()


def test_breakdowns_are_warm_where_a_colorizer_is_weak(soup: BeautifulSoup) -> None:
    gray = section(soup, "gray")
    region = gray.find(attrs={"aria-label": "CIEDE2000 of each title"})
    assert isinstance(region, Tag)
    heat = {
        row.find("th").get_text(): [cell.get("style") for cell in row.find_all("td")]
        for row in region.find("tbody").find_all("tr")
    }
    assert heat["truth"] == [None, None]
    assert "--heat: 1.0" in str(heat["webtoon_no_skips"])
    assert float(heat["webtoon_l2"][0].split(":")[1]) < float(heat["gray_copy"][0].split(":")[1])
    assert gray.find(attrs={"aria-label": "CIEDE2000 of each way of drawing lines"}) is None
    styles = table_under(section(soup, "line"), "CIEDE2000 of each way of drawing lines")
    assert len(styles["two_stage"]) == 3
    every = table_under(gray, "Every metric, mean over pictures, without hints")
    assert len(every["webtoon_l2"]) == len(METRICS)


def test_sets_stand_between_oracle_and_baseline_and_costs_are_shown(soup: BeautifulSoup) -> None:
    sets = table_under(section(soup, "gray"), "Mean ± standard deviation over draws")
    assert sets["the truths themselves (oracle)"] == ["5", "5"]
    assert sets["gray copies (baseline)"] == ["90", "90"]
    assert sets["webtoon_l2"] == ["48 ± 0.5", "0.12"]
    costs = table_under(section(soup, "gray"), "Cost")
    assert costs["webtoon_l2"] == ["1,234,567", "120"]
    assert "truth" not in costs
    scatter = section(soup, "gray").find("svg", attrs={"aria-label": "Quality against latency"})
    assert isinstance(scatter, Tag)
    assert [mark.find("text").get_text() for mark in scatter.select(".point")] == ["1", "2", "3", "4"]
    assert len(scatter.select(".hollow")) == 1


def test_curves_have_a_point_for_each_number_of_hints(soup: BeautifulSoup) -> None:
    chart = section(soup, "gray").find("svg", attrs={"aria-label": "ciede2000 over random hints"})
    assert isinstance(chart, Tag)
    titles = [title.get_text() for title in chart.find_all("title")]
    assert [title.partition(":")[0] for title in titles] == [
        f"webtoon_color_and_apply, {count}" for count in (0, 1, 10, 64)
    ]
    assert "gray_copy" in chart.get_text()
    numbers = table_under(section(soup, "gray"), "ciede2000 over random hints")
    assert len(numbers["webtoon_color_and_apply"]) == 4
    hinted = section(soup, "gray").find("svg", attrs={"aria-label": "hint_ciede2000 over random hints"})
    assert isinstance(hinted, Tag)
    assert "gray_copy" not in hinted.get_text()


def test_pictures_stand_side_by_side_and_failures_by_kind(soup: BeautifulSoup) -> None:
    gray = section(soup, "gray")
    table = gray.select_one("table.pictures")
    assert table is not None
    assert [head.get_text() for head in table.select("thead th")] == [
        "picture", "input", "truth", "webtoon_color_and_apply", "webtoon_l2", "webtoon_no_skips",
    ]  # fmt: skip
    assert table.select("tbody tr")
    summaries = [summary.get_text(" ", strip=True).split(" (")[0] for summary in gray.find_all("summary")]
    for kind in ("webtoon_l2", "bubbles", "texture", "lettering", "large object", "color swap"):
        assert kind in summaries
    assert not any("gray_copy" in image["alt"] for image in gray.find_all("img"))


def test_licences_and_what_does_not_compare_are_named(soup: BeautifulSoup, boards, evaluations) -> None:
    pictures = section(soup, "pictures")
    link = pictures.find("a", rel="license")
    assert isinstance(link, Tag)
    assert (link.get_text(), link["href"]) == ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/")
    assert "A & B <ab@example.org>" in pictures.get_text()
    assert not pictures.select(".notice")
    assert "old_best" in section(soup, "not-comparable").get_text()
    closed = report_html(boards, evaluations, datasheet=datasheet("all rights reserved", "CC0-1.0"))
    notice = BeautifulSoup(closed, "html.parser").select_one(".notice")
    assert notice is not None
    assert f"Pictures of {TITLES[0]} are" in notice.get_text()
    assert licence_url("CC-BY-NC-SA-3.0") == "https://creativecommons.org/licenses/by-nc-sa/3.0/"
    assert licence_url("all rights reserved") is None


def test_the_papers_and_the_definitions_are_in_it(soup: BeautifulSoup) -> None:
    papers = section(soup, "papers").get_text(" ", strip=True)
    assert "1578.8" in papers
    assert "60 ± 0.5 (3 draws) fid_efflite0" in papers  # of two_stage: a spread over draws is no interval
    assert "Of FID and KID there is the difference alone, not tested" in papers
    assert "confirmed without skips there are no good colorizations" in papers
    words = section(soup, "metrics").get_text()
    assert all(spec.definition in words for spec in METRICS.values())


def test_the_same_evaluations_give_the_same_bytes(tmp_path, written, boards, evaluations) -> None:
    stale = tmp_path / "pictures" / "older.jpg"
    stale.parent.mkdir()
    stale.write_bytes(b"of an older report")
    again = write_report(tmp_path, boards, evaluations, datasheet=datasheet(), reproduction=reproduce(evaluations))
    assert Path(again).read_bytes() == written.read_bytes()
    files = {path.name: path.read_bytes() for path in (tmp_path / "pictures").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (written.parent / "pictures").iterdir()}


def test_names_are_escaped(boards, evaluations) -> None:
    name = '<img src=x onerror="alert(1)">'
    renamed = [replace(one, name=name) if one.name == "webtoon_l2" else one for one in evaluations]
    board = build_leaderboard(renamed, track="gray", benchmark_fingerprint=BENCHMARKS["gray"])
    page = report_html([board], renamed, datasheet=datasheet(), title="A & <b>")
    assert "<img src=x" not in page
    assert 'onerror="' not in page
    parsed = BeautifulSoup(page, "html.parser")
    assert parsed.title is not None
    assert parsed.title.get_text() == "A & <b>"
    assert not parsed.find_all("img", onerror=True)
    assert name in parsed.get_text()


def test_one_file_has_its_pictures_inside(boards, evaluations) -> None:
    page = BeautifulSoup(report_html(boards, evaluations, datasheet=datasheet()), "html.parser")
    prefix = "data:image/jpeg;base64,"
    for image in page.find_all("img"):
        assert image["src"].startswith(prefix)
        assert base64.b64decode(image["src"].removeprefix(prefix)).startswith(b"\xff\xd8")


def test_without_results_the_page_says_so(tmp_path: Path) -> None:
    empty = build_leaderboard([], track="gray", benchmark_fingerprint="f" * 64)
    page = Path(write_report(tmp_path, [empty], [], datasheet=datasheet())).read_text()
    assert "No colorizer has been evaluated yet." in page


def test_rows_without_an_evaluation_are_ranked_all_the_same(boards) -> None:
    read = [Leaderboard.from_json(board.to_json()) for board in boards]
    page = BeautifulSoup(report_html(read, [], datasheet=datasheet()), "html.parser")
    assert "webtoon_l2" in table_under(section(page, "gray"), "Leaderboard, Gray to colour")
    assert not page.find_all("img")


def test_charts_hold_what_they_are_given() -> None:
    chart = BeautifulSoup(
        line_chart([Series("a", {0: 3.0, 10: 1.0})], label="l", x_label="x", baselines={"b": 4.0}), "html.parser"
    )
    points = chart.find("polyline")
    assert isinstance(points, Tag)
    (left, high), (right, low) = (map(float, point.split(",")) for point in str(points["points"]).split())
    assert left < right
    assert high < low  # SVG counts downwards
    baseline = chart.select_one("line.baseline")
    assert baseline is not None
    assert float(str(baseline["y1"])) < high
    with pytest.raises(ValueError, match="no place for 0"):
        scatter_chart([Point("a", "1", 0.0, 1.0)], label="l", x_label="ms", y_label="delta E")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser.new_page()
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [390, 1280])
def test_it_can_be_read_on_a_phone_and_on_a_desk(page: Page, written: Path, width: int) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: complaints.append(request.url) if request.url[:5] != "file:" else None)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(written.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture = page.locator("table.pictures img").first
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('table.pictures img').naturalWidth > 0")
    # Text of charts stays as large as it was drawn.
    assert page.evaluate("document.querySelector('svg.chart').getBoundingClientRect().width") >= 320
    assert complaints == []
