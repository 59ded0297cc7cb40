"""The application `tintoon`. Each command is one call of `assets`, `pipelines` or `studio`."""

import os
import signal
import sys
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from traceback import format_exception

import typer

from assets.home import Home, require_checkout
from pipelines.errors.explain import explain, summary
from studio.cli import colorize, compare, drop, lineage, pictures, results, serve, study
from studio.cli.options import UsageError, complain, err
from studio.interrupts import raise_lost_interrupts
from studio.progress import LOG_NAME

app = typer.Typer(
    name="tintoon",
    help="Webtoons and comics to colorization datasets, and datasets to colorizers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(lineage.sync)
app.command(cls=lineage.RunCommand)(lineage.run)
app.command()(lineage.demo)
app.command()(drop.drop)
app.command("sources")(lineage.list_sources)
app.command("recipes")(lineage.list_recipes)
app.command()(pictures.cut)
app.command("hash")(pictures.hash_pictures)
app.command()(compare.leaderboard)
app.command()(compare.report)
app.command()(compare.champion)
app.command()(compare.ratings)
app.command()(colorize.colorize)
app.command()(serve.up)
app.command()(serve.page)
app.add_typer(results.results, name="results")
app.add_typer(study.study, name="study")


_INTERRUPTED = 128 + signal.SIGINT
"""The exit status of a command that Ctrl-C ended; typer gives it without a word."""


def main() -> None:
    """The entry point: every foreseen error is one clear line and a non-zero exit.

    The way to the error in the code goes into the log of the home; where there is none, and for an error that nobody
    foresaw, to stderr.
    """
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # without MLflow's lines about the making of its store
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # as Dagster's: nothing is told to anybody
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that knows ASCII alone shows a Korean name in escapes
            stream.reconfigure(errors="backslashreplace")
    raise_lost_interrupts()
    try:
        require_checkout()
        # Each process would wait for the others, in the pool and in the training.
        if "TORCHELASTIC_RUN_ID" in os.environ:
            from pipelines.training.params import command_on_several

            raise UsageError(f"torchrun does not start tintoon, but: {command_on_several('RECIPE', 2)}")
        app(prog_name="tintoon")
    except Exception as error:
        complain(_in_words(error))
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != _INTERRUPTED:
            raise
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one would end the last words in a traceback
        err.print("tintoon: interrupted; the next run continues from here")
        sys.exit(_INTERRUPTED)


def _in_words(error: Exception) -> str:
    """One line about an error; what the code did is kept in the log."""
    home = Home.of()
    line = None if isinstance(error, UsageError) else explain(error, home=home.root, places=_places(sys.argv[1:]))
    is_foreseen = line is not None or isinstance(error, (UsageError, ValueError, OSError, RuntimeError))
    log = None if isinstance(error, UsageError) else _kept(error, home)
    if is_foreseen:
        return line or str(error) or type(error).__name__
    if log is None:
        err.print("".join(format_exception(error)), markup=False, highlight=False, soft_wrap=True)
    where = f"; report it with {log}" if log else "; report it with what is above"
    return f"this should not happen: {type(error).__name__}: {summary(error)}{where}"


def _places(arguments: list[str]) -> list[Path]:
    """The files and folders that a command line names, the last one first: commands name their output last."""
    values = (argument.partition("=")[2] if argument.startswith("-") else argument for argument in arguments)
    paths = [Path(value) for value in values if value and "://" not in value]
    return [path for path in reversed(paths) if len(path.parts) > 1 or path.exists()]


def _kept(error: Exception, home: Home) -> Path | None:
    """The log of the home, to which the way to an error in the code was added; None where that cannot be."""
    log = home.logs / LOG_NAME
    try:
        if not home.root.is_dir():
            return None
        log.parent.mkdir(exist_ok=True)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.now().astimezone().isoformat(timespec='seconds')} {' '.join(sys.argv)}\n")
            file.writelines(format_exception(error))
    except OSError:  # a full disk, perhaps the very error
        return None
    return log
