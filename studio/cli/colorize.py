"""The command that colours pictures."""

from pathlib import Path
from typing import Annotated

import typer

from studio.cli.options import say


def colorize(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of pictures.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A picture to write, or a folder.")],
    colorizer: Annotated[str, typer.Option(help="A trained recipe, or champion, or champion_line.")] = "champion",
    like: Annotated[
        Path | None,
        typer.Option(help="Learn from this one picture in colour instead; the result is snapped to segments."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.01, help="How long to learn with --like; each picture is learned once.")
    ] = 10,
    hints: Annotated[Path | None, typer.Option(help="Hints, as the page saves them; for each picture.")] = None,
    title: Annotated[
        str | None, typer.Option(help="The title that the pictures are from, for colorizers that take one.")
    ] = None,
    snap: Annotated[bool, typer.Option("--snap", help="One colour for each segment between the lines.")] = False,
) -> None:
    """Colour a page, line art or a sketch, or every picture of a folder, with a trained colorizer.

    A picture in colour is made gray first. Pictures keep their size; lines and lettering keep their lightness.
    """
    from studio.colorize import colorize_files, learn_colorizer, named_colorizer
    from studio.progress import open_progress

    with open_progress() as progress:
        written = colorize_files(
            source,
            target,
            load=lambda: (
                learn_colorizer(like, minutes=minutes, on_progress=progress.listener("percent learned"))
                if like
                else named_colorizer(colorizer)
            ),
            hints=hints,
            title=title,
            snap=snap or like is not None,
            on_progress=progress.listener("pictures colored"),
        )
    for path in written:
        say(str(path))
