"""The commands that carry results between machines."""

from pathlib import Path
from typing import Annotated

import typer

from studio.cli.options import say

results = typer.Typer(help="Transfer results between machines, with or without MLflow.", no_args_is_help=True)


@results.command("import")
def import_command(
    folder: Annotated[Path, typer.Argument(help="Results, as `python -m pipelines` writes them.")],
) -> None:
    """Import results of another machine: checkpoints and evaluations into the lake, curves into MLflow."""
    from assets.home import Home
    from assets.resources import default_resources
    from assets.tracking.transfer import import_results

    Home.of().prepare()
    resources = default_resources()
    for recipe, outcome in import_results(folder, resources["lake"].open(), tracking=resources["tracking"]):
        say(f"{recipe}: {outcome}")
    say("Compare them: tintoon run leaderboard champion")


@results.command("export")
def export_command(
    folder: Annotated[Path, typer.Argument(help="A folder to write; one folder a recipe below it.")],
    recipe: Annotated[list[str], typer.Option(help="A trained recipe; may be repeated.")],
) -> None:
    """Write the current results of recipes into a folder, for another machine."""
    from assets.resources import default_resources
    from assets.tracking.transfer import export_results

    resources = default_resources()
    lake = resources["lake"]
    written = export_results(recipe, folder, lake.open(), cache=lake.cache, tracking=resources["tracking"])
    for path in written:
        say(str(path))


@results.command("references")
def references_command(
    folder: Annotated[Path, typer.Argument(help="Comics: <title>/<issue>/<page>.")],
    title: Annotated[
        list[str], typer.Option(help="A title there; may be repeated. title:ep02,ep05 takes some issues.")
    ],
    colorizer: Annotated[
        list[str] | None, typer.Option(help="Recipes or champions to measure, beside the shipped colorizer.")
    ] = None,
    panels: Annotated[int, typer.Option(min=1, help="At most so many panels a title.")] = 60,
    pages: Annotated[int, typer.Option(min=0, help="At most so many whole pages a title.")] = 5,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="A file for the tables (.md); the rows go beside it (.parquet).")
    ] = None,
) -> None:
    """Measure colours from references and hints on comics in a folder, beside the gray copy."""
    from pipelines.colorize.load import load_colorizer
    from pipelines.colorize.reference_colorizer import ReferenceColorizer
    from pipelines.colorize.shipped import default_colorizer
    from pipelines.comparison.reference_tables import measure_references, summary, to_markdown
    from pipelines.lake import atomic_write
    from studio.colorize import named_checkpoint
    from studio.progress import open_progress

    shipped = default_colorizer()
    shipped.name = "shipped"
    measured = [ReferenceColorizer(), shipped, *(load_colorizer(named_checkpoint(name)) for name in colorizer or ())]
    if others := [one.name for one in measured if one.variant != "gray"]:
        raise ValueError(f"{', '.join(others)}: colours lines or edges; these tables are about gray pictures")
    with open_progress(keeps_log=False) as progress:
        rows = measure_references(
            folder, title, measured, panels=panels, pages=pages, progress=lambda name: progress.listener(name)
        )
    tables = to_markdown(summary(rows))
    if out_file:
        with atomic_write(out_file) as temporary:
            temporary.write_text(tables, "utf-8")
        with atomic_write(out_file.with_suffix(".parquet")) as temporary:
            rows.to_parquet(temporary)
    say(tables)
