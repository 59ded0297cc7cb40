"""The command that colours pictures and books."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.options import err, say

if TYPE_CHECKING:
    from pipelines.colorize.book import ColoredBook

_OUTCOMES = {"colored": "coloured", "kept": "kept", "copied": "copied as it was", "left_out": "left out"}


def colorize(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A picture, a folder of pictures, or a book: CBZ, CBT, CB7, EPUB, PDF.")
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A picture, a folder or a book to write.")],
    references: Annotated[
        list[Path] | None,
        typer.Option(help="A picture, folder or book in colour to take colours from; may be repeated."),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option(help="The title that the pages are from: colours of its other issues, where the home has them."),
    ] = None,
    hints: Annotated[
        Path | None,
        typer.Option(help='Hints: of the page, for each picture; or {"pages": {name: hint}}, for all to learn from.'),
    ] = None,
    colorizer: Annotated[
        str,
        typer.Option(
            help="default, which needs no home; a trained recipe, champion, champion_line, or a checkpoint file."
        ),
    ] = "default",
    is_line: Annotated[
        bool | None, typer.Option("--lines/--gray", help="What the pages are. Without it, each page is looked at.")
    ] = None,
    recolor: Annotated[
        bool, typer.Option("--recolor", help="Colour pages anew that have colour, in place of keeping them.")
    ] = False,
    snap: Annotated[bool, typer.Option("--snap", help="One colour for each segment between the lines.")] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="An HTML page to write: before and after, and where colours came from. Pictures beside it."),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(help="Train on this one picture in colour (Hensman and Aizawa); the result is snapped."),
    ] = None,
    minutes: Annotated[
        float, typer.Option(min=0.01, help="How long to train with --like; each picture is learned once.")
    ] = 10,
) -> None:
    """Colour a page, line art, a folder or a book, with the colours of references and hints.

    Pages are cut into panels, and gutters, white balloons and lettering stay as they are. Pages in colour are kept, and
    the others take colours from them. Pages keep their size; pages in gray keep their lightness. A page that cannot be
    read is copied as it is, and the exit status is 1.
    """
    from assets.home import Home
    from pipelines.issue_pages.local_files import shown
    from studio.colorize import Wanted, colorize
    from studio.progress import open_progress

    variant = None if is_line is None else "line" if is_line else "gray"
    wanted = Wanted(
        source,
        target,
        colorizer=colorizer,
        like=like,
        minutes=minutes,
        references=references or (),
        title=title,
        hints=hints,
        variant=variant,
        snap=snap,
        recolor=recolor,
        report=report,
    )
    with open_progress(keeps_log=Home.of().root.exists()) as progress:
        colored = colorize(wanted, progress=partial(progress.listener, with_time_left=True))
    say(str(colored.path))
    if report:
        say(str(report))
    if len(colored.results) > 1:
        counts = Counter(one.outcome for one in colored.results)
        found = ", ".join(f"{counts[outcome]} {said}" for outcome, said in _OUTCOMES.items() if counts[outcome])
        say(f"{len(colored.results)} pages: {found}")
    for one in colored.results:
        if one.reason and one not in colored.problems:
            say(f"{shown(one.name)}: {_OUTCOMES[one.outcome]}: {one.reason}")
    for note in (*colored.notes, *_advice(colored)):
        say(note)
    for one in colored.problems:
        text = f"{shown(one.name)}: {_OUTCOMES[one.outcome]}: {one.reason}"
        err.print(text, markup=False, highlight=False, soft_wrap=True)
    if colored.problems:
        raise typer.Exit(1)


def _advice(colored: "ColoredBook") -> Iterator[str]:
    if colored.lacks_sources:
        yield (
            "There was nothing to take colours from. What helps: pictures of the same characters in colour "
            "(--references), a page of the book in colour, or hints (--hints)."
        )
    if colored.had_color and all(one.outcome == "kept" for one in colored.results):
        yield "Nothing was coloured; --recolor colours pages anew that have colour."
