"""The application `tintoon`. Each command is one call of `assets`, `pipelines` or `studio`."""

import os
import sys

import typer

from assets.home import require_checkout
from pipelines.training.params import command_on_several
from studio.cli import colorize, compare, lineage, pictures, results, serve, study
from studio.cli.options import UsageError, complain, err

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


def main() -> None:
    """The entry point: every foreseen error is one clear line and a non-zero exit."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # without MLflow's lines about the making of its store
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        require_checkout()
        if (
            "TORCHELASTIC_RUN_ID" in os.environ
        ):  # each process would wait for the others, in the pool and in the training
            raise UsageError(f"torchrun does not start tintoon, but: {command_on_several('RECIPE', 2)}")
        app(prog_name="tintoon")
    except (UsageError, ValueError, OSError, RuntimeError) as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("tintoon: interrupted; the next run continues from here")
        sys.exit(130)
