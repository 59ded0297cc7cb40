"""An issue of comics in a lake, as its collection leaves it."""

from hashlib import sha256
from pathlib import Path

import pyarrow as pa

from pipelines.issue_pages.page import PAGE_SCHEMA
from pipelines.lake import Lake, issue_key


def store_issue(lake: Lake, title: str, issue: str, pages: list[bytes]) -> str:
    """Writes the table of pages, encoded pictures in their order, and returns the issue's key."""
    rows = [
        {
            **{"title": title, "issue": issue, "page": number, "name": f"{number:03}.jpg", "status": "ok"},
            **{"url": f"https://comics.test/{number:03}.jpg", "sha256": sha256(data).hexdigest(), "facts": "{}"},
            **{"licence": "CC-BY-4.0", "attribution": "see the licences of the comics"},
            "image": {"bytes": data, "path": f"{number:03}.jpg"},
        }
        for number, data in enumerate(pages, start=1)
    ]
    key = issue_key(title, issue)
    lake.write_table(lake.issue_pages(key), pa.Table.from_pylist(rows, PAGE_SCHEMA), made_from="benchmark")
    return key


def encoded(paths: list[Path]) -> list[bytes]:
    """The JPEG files among some pages."""
    return [path.read_bytes() for path in paths if path.suffix.lower() in (".jpg", ".jpeg")]
