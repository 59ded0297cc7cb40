"""`tintoon`: what the lineage does, from a terminal. Each command is one call of `assets`, `pipelines` or `studio`."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from demo import DEFAULT_ISSUES
from studio.study import study

app = typer.Typer(
    name="tintoon",
    help="Webtoons and comics to colorization datasets, and datasets to colorizers.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
err = Console(stderr=True)

app.add_typer(study, name="study")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Pictures = Annotated[list[Path], typer.Argument(help="Pictures, of any format.", show_default=False)]


class UsageError(Exception):
    """Bad input: the command ends with this one line and a non-zero exit."""


def main() -> None:
    """The entry point: every foreseen error is one clear line, and a non-zero exit."""
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")  # that it makes a store is no news to a person
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        app(prog_name="tintoon")
    except (UsageError, ValueError, OSError, RuntimeError) as error:
        # Escaped: a file may be called page[b].png.
        err.print(f"[bold red]tintoon:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        err.print("tintoon: interrupted; the next run goes on from here")
        sys.exit(130)


@app.command()
def sync(
    title: Annotated[list[str] | None, typer.Option(help="Only this title; may be repeated.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be fetched or refused, page by page; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the sources which issues exist, and register them as partitions.

    Free issues become partitions of `issue_pages`. Adult, paid, withheld and vanished ones are recorded with
    their state, and never fetched. With --dry-run the lists of pages are asked for too, and no picture; --json then
    prints every page.
    """
    from studio.materialize import open_instance, plan_issues, sync_issues
    from studio.report import print_plan

    if dry_run:
        planned = plan_issues(titles=title or (), config={})
        problems = print_plan(planned, as_json=as_json)
        if problems:
            raise UsageError("; ".join(problems))
        return
    if as_json:
        raise UsageError("--json goes with --dry-run")
    report, new = sync_issues(open_instance(), titles=title or (), config={})
    table = Table("title", "issues by state")
    for name, states in report.counts.items():
        table.add_row(name, ", ".join(f"{count} {state}" for state, count in states.items()))
    out.print(table)
    out.print(f"{len(report.keys)} free issues, {len(new)} of them new")
    if report.errors:
        raise UsageError("; ".join(f"{name}: {problem}" for name, problem in report.errors.items()))


@app.command()
def run(
    stages: Annotated[
        list[str], typer.Argument(help="Stages, in any order; 'all' runs every one. `tintoon run --help` names them.")
    ],
    issue: Annotated[list[str] | None, typer.Option(help="Only this issue, <title>__<issue>; may be repeated.")] = None,
    title: Annotated[list[str] | None, typer.Option(help="Only the issues of this title; may be repeated.")] = None,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            help="This recipe and what it needs; may be repeated. 'all': every one. Without: those of the settings."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML: settings by stage, e.g. 'colorizer: {steps: 300, resolution: 64}'.")
    ] = None,
) -> None:
    """Materialize stages of the lineage, through Dagster, in this process.

    The stages, in their order: issue_pages, panels, unique_panels, issue_splits, gray_panels, edge_panels,
    line_panels, training_set, title_classifier, line_detector, draft, colorizer, evaluation, leaderboard, champion,
    drift. And cross_validation, which 'all' leaves out, for it trains each recipe several times.
    Title classifiers, the line detector and drafts are trained where a chosen recipe needs them. What did not change
    is left alone, and said to be so.
    """
    from assets.settings import load_settings
    from assets.stages import STAGES
    from studio.materialize import USUAL_STAGES, Selection, chosen_recipes
    from studio.report import run_stages

    wanted = USUAL_STAGES if stages == ["all"] else stages
    for stage in wanted:
        if stage not in STAGES:
            raise UsageError(f"no stage {stage!r}; there are: {', '.join(STAGES)}, or all")
    settings = load_settings(_existing(config)) if config else {}
    selection = Selection(chosen_recipes(recipe or (), settings), issue or (), title or ())
    for stage in wanted if stages != ["all"] else ():
        if STAGES[stage].partitions == "recipe" and not selection.trainings(stage):
            raise UsageError(f"{stage}: no part of {', '.join(selection.recipes)}; name what to train with --recipe")
    run_stages(wanted, selection, settings)


@app.command()
def cut(
    files: Pictures,
    strip: Annotated[bool, typer.Option("--strip", help="The files are slices of one vertical strip.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find the panels of pages: boxes [x, y, width, height] in pixels, in reading order, before any size filter.

    With --strip, the files are stitched in the given order, and the boxes are those of the strip.
    """
    from pipelines.images.decode import decode_picture
    from pipelines.panels.cut import cut_page, cut_strip
    from pipelines.panels.params import PanelParams
    from pipelines.panels.strip import stitch

    params = PanelParams()
    pages = [decode_picture(_bytes(file), name=str(file)) for file in files]
    if strip:
        cuts = {"strip": cut_strip(stitch(pages).image, params)}
    else:
        cuts = {str(file): cut_page(page, params) for file, page in zip(files, pages, strict=True)}
    boxes = {name: [list(map(int, one.box)) for one in found] for name, found in cuts.items()}
    if as_json:
        typer.echo(json.dumps(boxes))
        return
    for name, found in boxes.items():
        table = Table("panel", "x", "y", "width", "height", title=escape(f"{name}: {len(found)} panels"))
        for number, box in enumerate(found, start=1):
            table.add_row(str(number), *map(str, box))
        out.print(table)


@app.command("hash")
def hash_pictures(files: Pictures, as_json: AsJson = False) -> None:
    """Print the perceptual hash (pHash, 64 bits) of pictures, as imagehash computes it."""
    from pipelines.images.decode import decode_picture
    from pipelines.panels.hashing import phash

    hashes = {str(file): phash(decode_picture(_bytes(file), name=str(file))) for file in files}
    if as_json:
        typer.echo(json.dumps(hashes))
        return
    for name, value in hashes.items():
        out.print(f"{value}  {name}", markup=False, highlight=False, soft_wrap=True)


@app.command("sources")
def list_sources(as_json: AsJson = False) -> None:
    """List the kinds of places that titles can come from: what each takes, and what a title can set for it."""
    from pipelines.issue_pages.sources.registry import SOURCES

    rows = [
        {
            "name": name,
            "takes": source.takes,
            "settings": {key: field.description for key, field in source.settings.model_fields.items()},
        }
        for name, source in SOURCES.items()
    ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        out.print(f"[bold]{row['name']}[/]  {escape(row['takes'])}", highlight=False)
        for key, description in row["settings"].items():
            out.print(Padding(f"{key}: [dim]{escape(description or '')}[/]", (0, 0, 0, 4)), highlight=False)


@app.command("recipes")
def list_recipes(as_json: AsJson = False) -> None:
    """List every way to train, by paper: what it sees, what it needs before it, what it costs.

    Colorizers, and the networks that some of them build on: title classifiers, the line detector, drafts. px is the
    side of the training pictures, pictures the budget; weights are those of the trained network, GFLOP are for one
    picture at the recipe's own resolution. Behind ← is what must be there before.
    """
    from studio.recipes import recipe_rows, recipe_tables

    rows = recipe_rows()
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for table in recipe_tables(rows):
        out.print(table)


@app.command()
def leaderboard(as_json: AsJson = False) -> None:
    """Show the colorizers that were judged on the current benchmark, the best first."""
    from assets.resources import default_resources
    from studio.report import leaderboard_rows, print_leaderboards

    lake = default_resources()["lake"].open()
    if as_json:
        typer.echo(json.dumps(leaderboard_rows(lake), ensure_ascii=False))
    else:
        print_leaderboards(lake)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Where to; index.html opens from there, without a network.")],
    pictures_of: Annotated[
        list[str] | None,
        typer.Option(help="Pictures of this title alone, for not all may be passed on; may be repeated. Numbers: all."),
    ] = None,
) -> None:
    """Write the report of the current leaderboards, to pass on."""
    from assets.home import Home
    from assets.resources import default_resources
    from pipelines.comparison.report.export import export_report
    from pipelines.studies.paper_ratings import paper_ratings

    lake = default_resources()["lake"].open()
    page = export_report(folder, lake, titles=pictures_of, ratings=paper_ratings(lake, Home.of().studies))
    out.print(str(page), markup=False, highlight=False, soft_wrap=True)


@app.command()
def champion(
    track: Annotated[str, typer.Option(help="Whose: of gray pictures, or of lines.")] = "gray",
    undo: Annotated[
        bool, typer.Option("--undo", help="Go back to the one before; this one never serves again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show which colorizer is served, why, and who challenges it; or take the last promotion back."""
    from studio.champion import print_champion, undo_champion

    if undo:
        out.print(undo_champion(track), markup=False, highlight=False, soft_wrap=True)
    print_champion(track, as_json=as_json)


@app.command()
def colorize(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A picture, or a folder of pictures.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="A picture to write, or a folder.")],
    colorizer: Annotated[str, typer.Option(help="A trained recipe, or champion, or champion_line.")] = "champion",
    like: Annotated[
        Path | None,
        typer.Option(help="Learn from this one picture in colour instead; the result is snapped to segments."),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long to learn with --like; once for a picture.")] = 10,
    hints: Annotated[Path | None, typer.Option(help="Hints, as the page saves them; for each picture.")] = None,
    title: Annotated[str | None, typer.Option(help="The title that the pictures are from, for those told one.")] = None,
    snap: Annotated[bool, typer.Option("--snap", help="One colour for each segment between the lines.")] = False,
) -> None:
    """Colour a page, line art or a sketch, or every picture of a folder, with a trained colorizer.

    A picture in colour is made gray first. Pictures keep their size; lines and lettering keep their lightness.
    """
    from studio.colorize import colorize_files, learn_colorizer, load_colorizer
    from studio.report import progress_bar

    with progress_bar(err) as bar:
        task = bar.add_task("colorizing", total=None)

        def on_progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        written = colorize_files(
            source,
            target,
            load=lambda: (
                learn_colorizer(like, minutes=minutes, on_progress=on_progress) if like else load_colorizer(colorizer)
            ),
            hints=hints,
            title=title,
            snap=snap or like is not None,
            on_progress=on_progress,
        )
    for path in written:
        out.print(str(path), markup=False, highlight=False, soft_wrap=True)


@app.command()
def demo(
    issues: Annotated[int, typer.Option(min=3, help="Issues of the drawn webtoon.")] = DEFAULT_ISSUES,
    port: Annotated[int, typer.Option(help="Where its site is served, on loopback; pictures on the next port.")] = 8417,
    config: Annotated[Path | None, typer.Option(help="YAML: settings by stage, instead of demo/settings.yaml.")] = None,
    title: Annotated[
        list[str] | None, typer.Option(help="A declared title, to go the same way beside it; may be repeated.")
    ] = None,
) -> None:
    """Draw a small webtoon, serve it on loopback, and take it through the whole lineage."""
    from studio.demo import SETTINGS, run_demo

    run_demo(issues=issues, port=port, config=_existing(config or SETTINGS), beside=title or ())


@app.command()
def up(
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
    drawn_port: Annotated[int, typer.Option(help="Port of the drawn webtoon's site; 0 leaves it out.")] = 8417,
) -> None:
    """Start the Dagster UI and the MLflow UI on loopback, over the same store; Ctrl-C ends both."""
    from assets.home import Home
    from assets.resources import default_resources
    from studio.up import require_free, serve, services

    home = Home.of()
    found = services(home, dagster_port=dagster_port, mlflow_port=mlflow_port, demo_port=drawn_port or None)
    require_free(found)
    home.prepare()
    tracking = default_resources()["tracking"]
    charts = tracking.charts_url  # makes the store's schema, once, before the server's workers race for it
    for service in found:
        if service.name == "MLflow":
            service.landing = charts.removeprefix(tracking.ui)
    serve(found, say=lambda line: out.print(line, highlight=False, soft_wrap=True), log_folder=home.root / "logs")


@app.command()
def page(
    port: Annotated[int, typer.Option(help="Where to serve it, on loopback; 0 takes any free port.")] = 8430,
) -> None:
    """Serve the page for artists: open a picture, set colour hints, see it colored, rate it; Ctrl-C ends it."""
    from studio.page import serve_page

    serve_page(port, say=lambda line: out.print(line, highlight=False, soft_wrap=True))


results = typer.Typer(help="Carry results between machines, with or without MLflow.", no_args_is_help=True)
app.add_typer(results, name="results")


@results.command("import")
def import_carried(
    folder: Annotated[Path, typer.Argument(help="Results, as `python -m pipelines` writes them.")],
) -> None:
    """Take results of another machine in: checkpoints and evaluations into the lake, curves into MLflow."""
    from assets.home import Home
    from assets.resources import default_resources
    from assets.tracking.transfer import import_results

    Home.of().prepare()
    resources = default_resources()
    for recipe, outcome in import_results(folder, resources["lake"].open(), tracking=resources["tracking"]):
        out.print(f"{recipe}: {outcome}", markup=False, highlight=False)
    out.print("Compare them: tintoon run leaderboard champion", highlight=False)


@results.command("export")
def export_trained(
    folder: Annotated[Path, typer.Argument(help="Where to; one folder a recipe.")],
    recipe: Annotated[list[str], typer.Option(help="A trained recipe; may be repeated.")],
) -> None:
    """Write the current results of recipes into a folder, for another machine."""
    from assets.resources import default_resources
    from assets.tracking.transfer import export_results

    resources = default_resources()
    lake = resources["lake"]
    written = export_results(recipe, folder, lake.open(), cache=lake.cache, tracking=resources["tracking"])
    for path in written:
        out.print(str(path), markup=False, highlight=False, soft_wrap=True)


@app.command()
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


def _existing(file: Path) -> Path:
    if file.is_dir():
        raise UsageError(f"{file}: is a folder; name a file")
    if not file.exists():
        raise UsageError(f"{file}: no such file")
    return file


def _bytes(file: Path) -> bytes:
    return _existing(file).read_bytes()
