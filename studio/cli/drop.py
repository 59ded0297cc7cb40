"""The command that takes titles, issues or pages out for good."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from studio.cli.options import AsJson, UsageError, say

if TYPE_CHECKING:
    from pipelines.drop.places import Places


def drop(
    targets: Annotated[
        list[str],
        typer.Argument(
            help="Titles (pepper-carrot), issues (pepper-carrot__ep05) or pages (pepper-carrot__ep05:3, or a file "
            "name after the colon).",
            show_default=False,
        ),
    ],
    reason: Annotated[str, typer.Option(help="For the record and the report.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; remove nothing.")] = False,
    keep_copies: Annotated[
        bool,
        typer.Option(
            "--keep-copies",
            help="By name alone: the same pictures under other names stay, and may come in. For tidying up, e.g. "
            "after a title was renamed; not for a takedown.",
        ),
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Let in again what was dropped: the next sync and run fetch it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take titles, issues or pages out for good: pages, panels, training arrays, references, results, partitions.

    First says what it will remove, and which checkpoints learned from it (these stay, and are named). Afterwards the
    next sync and run keep it out, by its name and by its content: copies of the same bytes under another name too. The
    report is in the lake, in dropped/. A drop that was interrupted is finished by the same command.
    """
    from studio.drop import carry_out, look, unfinished
    from studio.drop import undo as take_back
    from studio.materialize import open_instance

    if undo:
        for found in take_back(targets):
            say(f"{', '.join(found.targets)}: let in again ({found.why}); fetch it: tintoon sync, then tintoon run all")
        return
    with open_instance() as instance:
        places = look(targets, reason=reason, copies=not keep_copies, instance=instance)
        plan = places.plan
        if dry_run and as_json:
            typer.echo(
                json.dumps({"counts": places.counts(), "issues": [*plan.whole, *plan.parts]}, ensure_ascii=False)
            )
            return

        def agree(found: "Places") -> None:
            if not as_json:
                _show(found)
            if not (dry_run or yes or typer.confirm("Remove all this for good?")):
                raise UsageError("nothing was removed")

        def agree_again(found: "Places") -> None:
            if not as_json:
                say("What would be removed has changed meanwhile:")
            agree(found)

        agree(places)
        if dry_run:
            return
        report, path = carry_out(
            places,
            instance=instance,
            on_removed=lambda what, where: None if as_json else say(f"removed {what}: {where}"),
            on_changed=agree_again,
        )
    if as_json:
        typer.echo(json.dumps({**report.to_json(), "report": str(path)}, ensure_ascii=False))
    else:
        say(f"Report: {path}")
        if report.versions:
            served = [f"{one['model']} version {one['version']}" for one in report.versions if one["aliases"]]
            say(f"Served colorizers that learned from it: {', '.join(served) or 'none'}")
        say("The next training set is without it: tintoon run all")
        for command in unfinished():
            say(f"Interrupted earlier, to be finished: {command}")
    if report.failed:
        raise UsageError(f"{len(report.failed)} things could not be removed, see {path}; then run this again")


def _show(places: "Places") -> None:
    plan = places.plan
    say(
        f"{', '.join(plan.drop.targets)}: will be removed, and kept out "
        f"{'by name and by content' if plan.drop.copies else 'by name'}:"
    )
    for name, count in places.counts().items():
        say(f"  {count:>7,}  {name}")
    for key, pages in plan.parts.items():
        say(f"  of {key}: {', '.join(page.name for page in pages[:10])}{' ...' if len(pages) > 10 else ''}")
    if plan.copies:
        say("  Copies of the same bytes under other names go too; with --keep-copies they stay.")
    for one in places.learned:
        numbers = ", ".join(f"{count} of {split}" for split, count in one.pictures.items())
        say(f"  stays: {one.record.recipe} {one.record.key}: {one.why}{f' ({numbers})' if numbers else ''}")
    if places.training_sets:
        say("  Training sets that hold it lose their arrays: a training that needs these says so, and ends.")
