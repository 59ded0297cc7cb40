"""Pages of an interrupted collection: as they came, also those of an earlier version; damaged ones are named."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from pipelines.issue_pages.page import PageRow
from pipelines.issue_pages.page_store import keep_partial, kept_partial, page_table, partial_folder
from pipelines.lake import DamagedFileError, Lake
from tests.pipelines.issue_pages.small_site import picture

KEY = "days__1"
NOW = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)
PAGES = {
    f"https://example.org/{number}.jpg?named=Ærø\n": picture(number) + b"\n" for number in (1, 2)
}  # with what JSON, lines and addresses may hold


def row(url: str) -> PageRow:
    return PageRow(
        **dict.fromkeys(("detail", "etag", "last_modified", "http_status"), None),
        **{"title": "days", "issue": "1", "page": 1, "name": "1.jpg", "url": url, "status": "ok", "format": "JPEG"},
        **{"sha256": sha256(PAGES[url]).hexdigest(), "size_bytes": 1, "width_px": 40, "height_px": 60, "facts": "{}"},
        **{"fetched_at": NOW, "checked_at": NOW, "licence": "CC0-1.0", "attribution": "A tester"},
    )


def test_pages_come_back_as_they_came(tmp_path: Path):
    lake = Lake.at(tmp_path)
    first, second = PAGES
    keep_partial(lake, KEY, row(first), PAGES[first])
    old = partial_folder(lake, KEY) / "of_an_earlier_version.parquet"
    lake.write_table(old, page_table([row(second)], [PAGES[second]]), made_from="")
    assert kept_partial(lake, KEY) == {url: (row(url), PAGES[url]) for url in PAGES}


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[20:], lambda _: b""])
def test_a_damaged_page_is_named(tmp_path: Path, damage):
    lake = Lake.at(tmp_path)
    url = next(iter(PAGES))
    keep_partial(lake, KEY, replace(row(url), note="doubtful"), PAGES[url])
    (path,) = Path(str(partial_folder(lake, KEY))).iterdir()
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedFileError, match=path.name):
        kept_partial(lake, KEY)
