"""Consoles, options and the error for wrong input, which the commands share."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Pictures = Annotated[list[Path], typer.Argument(help="Pictures, of any format.", show_default=False)]


class UsageError(Exception):
    """Wrong input: the command ends with this one line and a non-zero exit."""


def existing(file: Path) -> Path:
    """The file. Raises UsageError where there is no such file."""
    if file.is_dir():
        raise UsageError(f"{file}: is a folder; name a file")
    if not file.exists():
        raise UsageError(f"{file}: no such file")
    return file


def say(line: str) -> None:
    """Prints one line as it is: without markup, colours or line breaks."""
    out.print(line, markup=False, highlight=False, soft_wrap=True)


def complain(error: str) -> None:
    """Prints what went wrong as one line. Escaped: a file may be called page[b].png."""
    err.print(f"[bold red]tintoon:[/] {escape(error)}", highlight=False, soft_wrap=True)
