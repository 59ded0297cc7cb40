"""The commands that show results: leaderboard, report, champion, ratings."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from studio.cli.options import AsJson, UsageError, out, say


def leaderboard(as_json: AsJson = False) -> None:
    """Show the colorizers that were evaluated on the current benchmark, the best first."""
    from assets.resources import default_resources
    from studio.leaderboards import leaderboard_rows, print_leaderboards

    lake = default_resources()["lake"].open()
    if as_json:
        typer.echo(json.dumps(leaderboard_rows(lake), ensure_ascii=False))
    else:
        print_leaderboards(lake)


def report(
    folder: Annotated[Path, typer.Argument(help="A folder to write; its index.html opens without a network.")],
    pictures_of: Annotated[
        list[str] | None,
        typer.Option(help="Show pictures of this title only, e.g. for its licence; may be repeated. Numbers: of all."),
    ] = None,
) -> None:
    """Write the report of the current leaderboards, to share."""
    from assets.home import Home
    from assets.resources import default_resources
    from pipelines.comparison.report.export import export_report
    from pipelines.studies.paper_ratings import paper_ratings

    lake = default_resources()["lake"].open()
    say(str(export_report(folder, lake, titles=pictures_of, ratings=paper_ratings(lake, Home.of().studies))))


def champion(
    track: Annotated[str, typer.Option(help="The track: gray or line.")] = "gray",
    undo: Annotated[
        bool, typer.Option("--undo", help="Return to the champion before; the present one is not promoted again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the colorizer that is served, the reason, and its challenger; or take the last promotion back."""
    asked = datetime.now(UTC)  # before the imports, which take seconds
    from studio.champion import print_champion, undo_champion

    if undo:
        say(undo_champion(track, asked=asked))
    print_champion(track, as_json=as_json)


def ratings(as_json: AsJson = False) -> None:
    """Show how people rated results on the page: mean points from 0 to 5 and their count, per recipe and question."""
    from dataclasses import asdict

    from assets.resources import default_resources
    from pipelines.studies.questions import QUESTIONS
    from pipelines.studies.ratings import read_ratings, scores

    found = scores(read_ratings(default_resources()["lake"].open()))
    if as_json:
        typer.echo(json.dumps([asdict(score) for score in found]))
        return
    if not found:
        raise UsageError("no ratings yet: open the page and rate a result (tintoon page)")
    table = Table("recipe", "hints", "question", "mean", "ratings")
    for score in found:
        hints = "with" if score.with_hints else "without"
        table.add_row(score.recipe, hints, QUESTIONS[score.question], f"{score.mean:.2f}", str(score.ratings))
    out.print(table)
