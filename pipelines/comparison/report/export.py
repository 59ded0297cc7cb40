"""The report of the current leaderboards in a folder, for other people."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from pipelines.comparison.leaderboards import ranked_evaluations, stored_leaderboards
from pipelines.comparison.report.page import write_report
from pipelines.comparison.reproduction import reproduce, reproduction_markdown
from pipelines.lake import Lake, atomic_write


def export_report(
    folder: Path, lake: Lake, *, titles: Sequence[str] | None = None, ratings: pd.DataFrame | None = None
) -> Path:
    """Writes the report into a folder, with a `leaderboard_<name>.md` each and `reproduction.md` beside `index.html`.

    Args:
        folder: Made where it is not there.
        lake: Holds the leaderboards and the evaluations.
        titles: The titles whose pictures may be passed on; None: all. Numbers are of all titles.
        ratings: The ratings of the studies, as `pipelines.studies.paper_ratings` gives them.

    Returns the path of the page. Raises FileNotFoundError before there is a leaderboard.
    """
    boards, _ = stored_leaderboards(lake)
    ranked = ranked_evaluations(lake)
    tables = reproduce(ranked, ratings)
    page = write_report(
        folder,
        boards,
        ranked if titles is None else [one.with_pictures_of(titles) for one in ranked],
        datasheet=lake.read_json(lake.training_set)["datasheet"],
        reproduction=tables,
    )
    texts = {f"leaderboard_{board.name}.md": board.to_markdown() for board in boards}
    texts["reproduction.md"] = reproduction_markdown(tables)
    for name, text in texts.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder / page.name
