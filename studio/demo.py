"""`tintoon demo`: draws a webtoon, serves it on loopback as the real site does, and runs the whole lineage on it."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

import demo as demo_package
from assets.home import Home
from assets.resources import default_resources
from assets.settings import load_settings
from demo.draw import draw_webtoon
from demo.naver import DEFAULT_TITLE_ID, NaverSite
from pipelines.lake import atomic_write
from studio.demo_book import color_newest_issue
from studio.leaderboards import print_leaderboards
from studio.materialize import DEFAULT_STAGES, Selection, chosen_recipes, open_instance, sync_issues
from studio.progress import open_progress
from studio.run_stages import run_stages

SETTINGS = Path(demo_package.__file__).parent / "settings.yaml"
TITLE = "tintoon-days"

out = Console()


def run_demo(*, issues: int, port: int, config: Path = SETTINGS, beside: Sequence[str] = ()) -> None:
    """Runs the whole lineage on the drawn webtoon, and declared titles beside it; prints the leaderboard."""
    titles = [TITLE, *beside]
    started = time.monotonic()
    settings = load_settings(config)
    out.print(f"Drawing {issues} issues of a webtoon ...")
    webtoon = draw_webtoon(issues=issues)
    with NaverSite({DEFAULT_TITLE_ID: webtoon}, port=port) as site:
        os.environ["TINTOON_DEMO_SITE"] = site.url
        out.print(f"Serving it at {site.url}, as Naver does; scraping it with the real scraper.")
        standing = Home.of().root / "settings.yaml"
        if not standing.exists():  # what the UI and the schedules run here is as small as the demo
            with atomic_write(standing) as temporary:
                temporary.write_bytes(config.read_bytes())
        with open_instance() as instance:
            with open_progress() as progress:
                sync_issues(
                    instance,
                    titles=titles,
                    config=settings.get("issue_pages", {}),
                    on_title=progress.listener("titles"),
                )
            run_stages(DEFAULT_STAGES, Selection(chosen_recipes((), settings), titles=titles), settings, instance)
    lake = default_resources()["lake"]
    print_leaderboards(lake.open())
    out.print("Colouring the newest issue from its gray: by the earlier issues, and six marks.")
    with open_progress() as progress:
        book = color_newest_issue(
            lake.open(), TITLE, Home.of().root / "colored" / TITLE, cache=lake.cache, progress=progress
        )
    out.print(f"The coloured book: {book.colored}", highlight=False, soft_wrap=True)
    out.print(f"Before and after: {book.report}", highlight=False, soft_wrap=True)
    out.print(f"Done in {time.monotonic() - started:.0f} s. 'make up' opens the Dagster UI and the MLflow UI.")
