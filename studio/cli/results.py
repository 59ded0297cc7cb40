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
