"""The commands that run the lineage: sync, run, demo; and the lists of sources and recipes that it can use."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from typer.core import TyperCommand

from demo import DEFAULT_ISSUES
from studio.cli.options import AsJson, UsageError, existing, out, say


def sync(
    title: Annotated[list[str] | None, typer.Option(help="Only this title; may be repeated.")] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print what would be fetched or refused, page by page; write nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask the sources which issues exist, and register them as partitions.

    Free issues become partitions of `issue_pages`. Adult, paid, withheld and vanished ones are recorded with
    their state, and never fetched. With --dry-run the lists of pages are requested too, but no picture; --json then
    prints every page.
    """
    from studio.dry_run import print_plan
    from studio.materialize import leave_undeclared, open_instance, plan_issues, sync_issues
    from studio.progress import open_progress

    if dry_run:
        planned = plan_issues(titles=title or (), config={})
        problems = print_plan(planned, as_json=as_json)
        if problems:
            raise UsageError("; ".join(problems))
        return
    if as_json:
        raise UsageError("--json goes with --dry-run")
    with open_instance() as instance, open_progress() as progress:
        report, new = sync_issues(instance, titles=title or (), config={}, on_title=progress.listener("titles"))
        left = leave_undeclared(instance)
    table = Table("title", "issues by state")
    for name, states in report.counts.items():
        table.add_row(name, ", ".join(f"{count} {state}" for state, count in states.items()))
    out.print(table)
    for name, reasons in report.reasons.items():
        _print_reasons(name, reasons)
    out.print(f"{len(report.keys)} free issues, {len(new)} of them new")
    for line in left:
        say(line)
    if report.errors:
        raise UsageError("; ".join(f"{name}: {problem}" for name, problem in report.errors.items()))


def _print_reasons(title: str, reasons: Mapping[str, Sequence[str]], *, at_most: int = 20) -> None:
    """Prints why something is left out of a title, and what: a line a reason."""
    for reason, names in list(reasons.items())[:at_most]:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        line = f"{title}: {len(names)} x {reason} ({', '.join(names[:3])}{more})"
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    if len(reasons) > at_most:
        out.print(
            f"{title}: {len(reasons) - at_most} more reasons: tintoon sync --dry-run --title {title}", markup=False
        )


class RunCommand(TyperCommand):
    """`tintoon run`, whose help names the stages. They are read when the help is shown: that loads Dagster."""

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Adds the stages to the help."""
        from assets.stages import STAGES

        described = self.help
        usual = ", ".join(name for name, stage in STAGES.items() if stage.is_usual)
        others = ", ".join(name for name, stage in STAGES.items() if not stage.is_usual)
        self.help = f"{self.help}\n\nThe stages, in their order: {usual}. Left out by 'all': {others}."
        super().format_help(ctx, formatter)  # pyright: ignore[reportArgumentType]
        self.help = described


def run(
    stages: Annotated[
        list[str],
        typer.Argument(
            help="Stages, in any order; 'all': every stage but those listed as left out. "
            "`tintoon run --help` names them."
        ),
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

    Title classifiers, the line detector and drafts are trained where a chosen recipe needs them. Stages whose inputs
    did not change do nothing, and are reported as unchanged.
    """
    from assets.settings import load_settings
    from assets.stages import STAGES
    from studio.materialize import DEFAULT_STAGES, Selection, chosen_recipes, open_instance
    from studio.run_stages import run_stages

    wanted = DEFAULT_STAGES if stages == ["all"] else stages
    for stage in wanted:
        if stage not in STAGES:
            raise UsageError(f"no stage {stage!r}; there are: {', '.join(STAGES)}, or all")
    settings = load_settings(existing(config)) if config else {}
    selection = Selection(chosen_recipes(recipe or (), settings), issue or (), title or ())
    for stage in wanted if stages != ["all"] else ():
        if STAGES[stage].partitions == "recipe" and not selection.trainings(stage):
            raise UsageError(f"{stage}: no part of {', '.join(selection.recipes)}; name what to train with --recipe")
    with open_instance() as instance:
        run_stages(wanted, selection, settings, instance)


def demo(
    issues: Annotated[int, typer.Option(min=3, help="Issues of the drawn webtoon.")] = DEFAULT_ISSUES,
    port: Annotated[
        int, typer.Option(help="Port of its site, on loopback; its pictures are served on the next port.")
    ] = 8417,
    config: Annotated[Path | None, typer.Option(help="YAML: settings by stage, instead of demo/settings.yaml.")] = None,
    title: Annotated[
        list[str] | None, typer.Option(help="A declared title that is collected beside it; may be repeated.")
    ] = None,
) -> None:
    """Draw a small webtoon, serve it on loopback, and take it through the whole lineage."""
    from studio.demo import SETTINGS, run_demo

    run_demo(issues=issues, port=port, config=existing(config or SETTINGS), beside=title or ())


def list_sources(as_json: AsJson = False) -> None:
    """List the sources that titles can come from: what each takes, and what a title can set for it."""
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


def list_recipes(as_json: AsJson = False) -> None:
    """List every recipe, by paper: its input, the trainings that it needs first, and its cost.

    Colorizers, and the networks that some of them build on: title classifiers, the line detector, drafts. px is the
    side of the training pictures, pictures the budget; weights are those of the trained network, GFLOP are for one
    picture at the recipe's own resolution. Behind ← are the recipes and the extractor that it needs.
    """
    from studio.recipes import recipe_rows, recipe_tables

    rows = recipe_rows()
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for table in recipe_tables(rows):
        out.print(table)
