"""A small lake, with the tables that the stages before the variants write."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipelines.issue_pages.page import PAGE_SCHEMA
from pipelines.lake import Lake, issue_key
from pipelines.panels.hashing import pixels_sha256
from pipelines.panels.panel import PANEL_SCHEMA

WriteLake = Callable[..., Lake]


def drawn_panel(seed: int, height_px: int = 60, width_px: int = 80) -> np.ndarray:
    """A panel as comics are drawn: flat colours in black outlines. uint8 RGB."""
    random = np.random.default_rng(seed)
    rgb = np.full((height_px, width_px, 3), random.integers(120, 256, 3), np.uint8)
    for _ in range(3):
        center = (int(random.integers(width_px)), int(random.integers(height_px)))
        radius = int(random.integers(8, 20))
        cv2.circle(rgb, center, radius, random.integers(60, 256, 3).tolist(), -1)
        cv2.circle(rgb, center, radius, (0, 0, 0), 2)
    return rgb


def panel_row(title: str, issue: str, panel: int, rgb: np.ndarray) -> dict[str, object]:
    """The row of a panel that is a whole page, which `put_panels` writes."""
    height, width = rgb.shape[:2]
    digest = pixels_sha256(rgb)
    return {
        "title": title,
        "issue": issue,
        "panel": panel,
        "panel_id": f"{issue_key(title, issue)}__{panel:04d}",
        "page": panel,
        "pages_sha256": [digest],
        "page_box": [0, 0, width, height],
        "strip_box": None,
        "width_px": width,
        "height_px": height,
        "is_gray": False,
        "colored_share": 1.0,
        "phash": "0" * 16,
        "hash_version": "test",
        "is_flat": False,
        "sha256": digest,
        "thumbnail": bytes(768),
        "licence": "CC-BY-4.0",
        "attribution": f"{title} by a tester",
    }


def put_panels(
    lake: Lake, title: str, issue: str, pictures: list[np.ndarray], *, made_from: str = "test", **columns: list[object]
) -> list[dict[str, object]]:
    """Writes the tables of an issue of which each page is one panel; `columns` replace those of `panel_row`."""
    rows = [panel_row(title, issue, number, rgb) for number, rgb in enumerate(pictures, 1)]
    rows = [{**row, **{name: values[place] for name, values in columns.items()}} for place, row in enumerate(rows)]
    pages = [
        {
            **{name: row[name] for name in ("title", "issue", "page", "sha256", "licence", "attribution")},
            **{
                "name": f"{row['page']}.png",
                "url": f"https://comics.test/{row['page']}",
                "status": "ok",
                "facts": "{}",
            },
            "image": {"bytes": cv2.imencode(".png", rgb[..., ::-1])[1].tobytes(), "path": None},
        }
        for row, rgb in zip(rows, pictures, strict=True)
    ]
    key = issue_key(title, issue)
    lake.write_table(lake.issue_pages(key), pa.Table.from_pylist(pages, PAGE_SCHEMA), made_from=made_from)
    lake.write_table(lake.panels(key), pa.Table.from_pylist(rows, PANEL_SCHEMA), made_from=made_from)
    return rows


def writing_lake(
    root: str | Path,
    issues: dict[tuple[str, str], tuple[str, list[np.ndarray]]],
    dropped: dict[str, str] | None = None,
) -> Lake:
    """Writes a lake's tables: `issues` maps (title, issue) to (split, panels); `dropped` maps panel_id to a reason."""
    dropped = dropped or {}
    lake = Lake.at(root)
    decisions, splits = [], []
    for (title, issue), (split, pictures) in issues.items():
        rows, key = put_panels(lake, title, issue, pictures), issue_key(title, issue)
        for row in rows:
            reason = dropped.get(str(row["panel_id"]))
            columns = ("title", "issue", "panel", "panel_id", "sha256", "phash", "width_px", "height_px")
            decisions.append({**{name: row[name] for name in columns}, "kept": reason is None, "reason": reason})
        kept = sum(row["panel_id"] not in dropped for row in rows)
        splits.append({"key": key, "title": title, "issue": issue, "split": split, "panels": kept})
    lake.write_table(lake.unique_panels, pa.Table.from_pylist(decisions), made_from="test")
    lake.write_table(lake.issue_splits, pa.Table.from_pylist(splits), made_from="test")
    return lake


@pytest.fixture
def write_lake() -> WriteLake:
    """See `writing_lake`."""
    return writing_lake


@pytest.fixture
def small_lake(tmp_path: Path, write_lake: WriteLake) -> Lake:
    """Two titles; train 5 kept panels (of 6), val 2, test 3."""
    panels = [drawn_panel(seed) for seed in range(11)]
    return write_lake(
        tmp_path / "lake",
        {
            ("moon-cat", "ep10"): ("train", panels[0:2]),
            ("moon-cat", "ep9"): ("train", panels[2:5]),
            ("moon-cat", "ep11"): ("val", panels[5:7]),
            ("moon-cat", "ep12"): ("test", panels[7:9]),
            ("a-sun", "1"): ("train", panels[9:10]),
            ("a-sun", "2"): ("test", panels[10:11]),
        },
        {"moon-cat__ep9__0002": "too_small"},
    )
