"""titles.yaml: good entries become titles, bad ones an error with line, key and what was expected."""

from pathlib import Path

import pytest

from pipelines.issue_pages.sources.registry import SOURCES
from pipelines.panels.params import PanelParams
from pipelines.titles import Title, TitlesError, load_titles

GOOD = """\
titles:
  drawn-webtoon:
    source: naver
    address: ${DEMO_URL:-http://127.0.0.1:8417}/webtoon/list?titleId=900001
    licence: CC0-1.0
    attribution: Tintoon
  pepper-carrot:
    source: folder
    address: comics/pepper-carrot
    licence: CC-BY-4.0
    attribution: "Pepper&Carrot by David Revoy"
    panels: {max_side_px: 1400}
"""


def read(path: Path, text: str, **variables: str) -> dict[str, Title]:
    path = path / "titles.yaml"
    path.write_text(text, encoding="utf-8")
    return load_titles(path, sources=SOURCES, variables=variables)


def test_reads_titles_in_order(tmp_path):
    titles = read(tmp_path, GOOD)
    assert list(titles) == ["drawn-webtoon", "pepper-carrot"]
    assert titles["drawn-webtoon"].address == "http://127.0.0.1:8417/webtoon/list?titleId=900001"
    assert titles["pepper-carrot"].address == str(tmp_path / "comics/pepper-carrot")


def test_fills_variables(tmp_path):
    titles = read(tmp_path, GOOD, DEMO_URL="http://127.0.0.1:9")
    assert titles["drawn-webtoon"].address.startswith("http://127.0.0.1:9/")


def test_a_title_overrides_only_its_own_settings(tmp_path):
    params = read(tmp_path, GOOD)["pepper-carrot"].panel_params(PanelParams(min_side_px=100))
    assert (params.min_side_px, params.max_side_px) == (100, 1400)


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("    licence: CC0-1.0\n", "", 2, "drawn-webtoon.licence: missing; expected: SPDX"),
        (
            "source: naver",
            "source: never",
            3,
            "drawn-webtoon.source: 'never' is no source; expected one of: archive, danbooru",
        ),
        ("attribution: Tintoon", "attributions: Tintoon", 6, "unknown key; expected one of: source, address"),
        (
            "max_side_px: 1400",
            "max_side: 1400",
            12,
            "pepper-carrot.panels.max_side: unknown key; expected one of: layout",
        ),
        (
            "max_side_px: 1400",
            "max_side_px: wide",
            12,
            "pepper-carrot.panels.max_side_px: Input should be a valid integer",
        ),
        (
            "{max_side_px: 1400}",
            "1400",
            12,
            "pepper-carrot.panels: Input should be a valid dictionary, found 1400",
        ),
        ("  pepper-carrot:", "  Pepper Carrot:", 7, "title 'Pepper Carrot': expected small letters"),
        ("  pepper-carrot:", "  drawn-webtoon:", 7, "titles.drawn-webtoon: given twice"),
        ("titles:", "title:", 1, "unknown key 'title'; expected only 'titles:'"),
        (":-http://127.0.0.1:8417", "", 4, "${DEMO_URL} is not set; set the environment variable DEMO_URL"),
        (
            "    source: folder",
            "    source: folder\n    source: naver",
            9,
            "pepper-carrot.source: given twice",
        ),
        ("{max_side_px: 1400}", "{max_side_px: 1400", 13, "not valid YAML"),
    ],
)
def test_a_bad_entry_names_line_key_and_what_was_expected(tmp_path, before, after, line, message):
    assert before in GOOD
    with pytest.raises(TitlesError) as error:
        read(tmp_path, GOOD.replace(before, after, 1))
    assert f"titles.yaml:{line}: " in str(error.value)
    assert message in str(error.value)


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(TitlesError, match=r"no such file; copy titles\.yaml"):
        load_titles(tmp_path / "none.yaml", sources={}, variables={})
