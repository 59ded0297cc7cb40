"""Small homes for faults: a title in a folder, its pages, and everything that is made of them in seconds."""

from pathlib import Path

import yaml

from demo.draw import draw_webtoon
from tests.installation import QUICK, Installation

ISSUES = 4

SMALL = ("--recipe", "webtoon_l2", "--config", str(QUICK))

GROUPS = (
    ("issue_pages", "panels"),
    ("unique_panels", "issue_splits", "gray_panels", "edge_panels", "line_panels", "training_set"),
    ("colorizer", "evaluation", "leaderboard", "champion"),
)
"""All stages, in the order of the lineage."""


def draw_title(folder: Path) -> list[tuple[str, int]]:
    """Writes titles.yaml and a folder of pages; returns the pages as (issue key, number)."""
    pages = []
    for issue in draw_webtoon(seed=3, issues=ISSUES, panels_per_issue=6).issues:
        for number, data in enumerate(issue.slices, start=1):
            page = folder / "drawn" / f"{issue.number:02}" / f"{number:02}.jpg"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes(data)
            pages.append((f"drawn__{issue.number:02}", number))
    title = {"source": "folder", "address": "drawn", "licence": "CC0-1.0", "attribution": "test"}
    (folder / "titles.yaml").write_text(yaml.safe_dump({"titles": {"drawn": title}}))
    return pages


def new_home(folder: Path, titles: Path) -> Installation:
    """A home that knows the issues of the title, and has nothing else."""
    installation = Installation.with_stores(folder, {"TINTOON_TITLES": str(titles / "titles.yaml")})
    installation.run("sync")
    return installation
