"""The commands of `tintoon study`: rating studies, by the functions of `pipelines.studies`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from studio.cli.options import AsJson, out, say

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.studies.analysis import Analysis
    from pipelines.studies.prepare import Pictures
    from pipelines.studies.store import StudyStore
    from pipelines.studies.study import Study

study = typer.Typer(help="Rating studies: people rate pictures of several colorizers, blind.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The study.", show_default=False)]
Rater = Annotated[str, typer.Option(help="The rater: a code rather than a name, it is stored as given.")]
Database = Annotated[
    str | None,
    typer.Option(
        envvar="TINTOON_STUDIES",
        help="SQLAlchemy's URL of the database, e.g. postgresql+psycopg://...; without, studies.db in TINTOON_HOME.",
    ),
]


class KindOfStudy(StrEnum):
    """The question to raters."""

    mos = "mos"
    questions = "questions"
    preference = "preference"


@study.command()
def plan(
    name: Name,
    kind: Annotated[
        KindOfStudy, typer.Option(help="1 to 5 points; the four questions of paper 004; or which of two is better.")
    ],
    pictures: Annotated[
        Path | None, typer.Option(help="A folder with one subfolder a method; truth/ and given/ beside them.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only this subfolder; may be repeated.")] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(help="Instead of a folder: a trained recipe, on the test split; repeat it.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Pictures, by each method.")] = 10,
    golds: Annotated[
        int,
        typer.Option(
            min=0,
            help="Checks: pictures in their true colours, to be distinguished from the same pictures in gray.",
        ),
    ] = 3,
    repeats: Annotated[int, typer.Option(min=0, help="Checks: trials that are shown twice.")] = 4,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of one rater besides checks; without, all.")] = None,
    with_hints: Annotated[bool, typer.Option("--with-hints", help="Hints were given: ask about them.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the choice, the blind codes and the orders.")] = 0,
    database: Database = None,
) -> None:
    """Plan a study: choose pictures, balanced over genres and titles, and store them under blind codes."""
    from pipelines.studies.plan import PlanParams
    from pipelines.studies.prepare import FolderPictures, plan_study

    if (pictures is None) == (not recipe):
        raise ValueError("where are the pictures? name a folder (--pictures) or trained recipes (--recipe)")
    params = PlanParams(
        kind=kind.value, pictures=count, golds=golds, repeats=repeats, trials=trials, with_hints=with_hints, seed=seed
    )
    source = FolderPictures(pictures, method or ()) if pictures else _of_recipes(recipe or [])
    with _open(database) as store:
        planned = plan_study(store, name, params, source)
    say(f"{name}: {count} pictures by {', '.join(planned.methods)}; fingerprint {planned.fingerprint[:12]}")
    say(f"Rate them: tintoon study next {name} --rater CODE")


@study.command("list")
def list_studies(as_json: AsJson = False, database: Database = None) -> None:
    """List the planned studies, and how far raters are."""
    with _open(database) as store:
        rows = [
            {
                "study": planned.name,
                "kind": planned.params.kind,
                "methods": list(planned.methods),
                "fingerprint": planned.fingerprint,
                "raters": store.progress(planned).to_dict("records"),
            }
            for planned in store.studies()
        ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("study", "kind", "methods", "raters", "finished")
    for row in rows:
        done = sum(rater["answered"] == rater["trials"] for rater in row["raters"])
        methods = ", ".join(row["methods"])
        table.add_row(escape(row["study"]), row["kind"], escape(methods), str(len(row["raters"])), str(done))
    out.print(table)


@study.command("next")
def next_trial(
    name: Name,
    rater: Rater,
    folder: Annotated[Path, typer.Option(help="Where the pictures to look at are written.")] = Path(),
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Show a rater the next trial that they have not answered; a new rater joins the study."""
    with _open(database) as store:
        trial = store.next_trial(store.study(name), rater)
    if trial is None:
        typer.echo("null" if as_json else f"{name}: {rater} has answered everything. Thank you!")
        return
    names = ["picture"] if len(trial.pictures) == 1 else ["left", "right"]
    files = dict(zip(names, trial.pictures, strict=True)) | ({"given": trial.given} if trial.given else {})
    folder.mkdir(parents=True, exist_ok=True)
    paths = {what: folder / f"trial-{trial.position:03d}-{what}.png" for what in files}
    for what, path in paths.items():
        path.write_bytes(files[what])
    if as_json:
        questions = [vars(question) for question in trial.questions]
        written = {what: str(path) for what, path in paths.items()}
        row = {"trial": trial.position, "trials": trial.trials, "files": written, "questions": questions}
        typer.echo(json.dumps(row, ensure_ascii=False))
        return
    say(f"Trial {trial.position} of {trial.trials}: look at {', '.join(map(str, paths.values()))}")
    for question in trial.questions:
        say(f"  {question.key}: {question.text} ({question.lowest} to {question.highest})")
    given = " ".join(f"{question.key}=..." for question in trial.questions)
    say(f"Answer: tintoon study answer {name} {trial.position} {given} --rater {rater}")


@study.command()
def answer(
    name: Name,
    trial: Annotated[int, typer.Argument(help="Its number, as `next` prints it.", show_default=False)],
    answers: Annotated[list[str], typer.Argument(help="question=number, for each question.", show_default=False)],
    rater: Rater,
    database: Database = None,
) -> None:
    """Store a rater's answers to one trial. They are final: another answer is refused later."""
    given = dict(map(_parsed, answers))
    with _open(database) as store:
        store.answer(store.study(name), rater, trial, given)


@study.command()
def analyse(
    name: Name,
    folder: Annotated[
        Path | None, typer.Option(help="Write every table as CSV, all as analysis.json, and heat_map.png here.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    as_json: AsJson = False,
    database: Database = None,
) -> None:
    """Show scores with 95 % intervals, paired tests, agreement, and the excluded raters with the reason."""
    from pipelines.studies.analysis import analyse as analysed

    with _open(database) as store:
        planned = store.study(name)
        found = analysed(store.answers(planned), seed=seed)
    if folder:
        _write(found, planned, folder)
    if as_json:
        typer.echo(json.dumps(_records(found), ensure_ascii=False))
    else:
        _print(found, name)


@study.command()
def export(
    name: Name,
    file: Annotated[Path, typer.Argument(help="A .parquet or .csv file to write.", show_default=False)],
    database: Database = None,
) -> None:
    """Write every answer, one a row, no longer blind: rater, trial, picture, method, question, value, seconds."""
    from pipelines.lake import atomic_write

    if file.suffix not in (".parquet", ".csv"):
        raise ValueError(f"{file}: expected a name that ends in .parquet or .csv")
    with _open(database) as store:
        answers = store.answers(store.study(name))
    with atomic_write(file) as temporary:
        if file.suffix == ".csv":
            answers.to_csv(temporary, index=False)
        else:
            answers.to_parquet(temporary, index=False)
    say(f"{file}: {len(answers)} answers")


@contextmanager
def _open(url: str | None) -> Iterator["StudyStore"]:
    """The database. Raises RuntimeError, without a password, where it cannot be reached."""
    from assets.home import Home
    from pipelines.studies.store import open_studies

    home = Home.of()
    if not url:
        home.make_root()
    with open_studies(url or home.studies) as store:
        yield store


def _of_recipes(recipes: list[str]) -> "Pictures":
    from assets.resources import default_resources
    from pipelines.colorize.load import load_colorizer
    from pipelines.studies.prepare import ColoredPictures
    from pipelines.training.store import checkpoint_path, read_record
    from pipelines.training_set import TrainingSet

    resource = default_resources()["lake"]
    lake, cache = resource.open(), resource.cache
    records = {recipe: read_record(lake, recipe) for recipe in recipes}
    return ColoredPictures(
        colorizers={
            recipe: load_colorizer(checkpoint_path(lake, recipe, record.key, cache))
            for recipe, record in records.items()
        },
        digests={recipe: record.checkpoint_sha256 for recipe, record in records.items()},
        training_set=TrainingSet.open(lake, cache=cache),
    )


def _parsed(text: str) -> tuple[str, int]:
    key, _, value = text.partition("=")
    try:
        return key, int(value)
    except ValueError:
        raise ValueError(f"{text!r}: expected question=number, e.g. overall=4") from None


def _tables(found: "Analysis") -> dict[str, "pd.DataFrame"]:
    return {
        "scores": found.scores,
        "strengths": found.strengths,
        "comparisons": found.comparisons,
        "agreement": found.agreement,
        "raters": found.raters,
    }


def _records(found: "Analysis") -> dict[str, Any]:
    """Tables as rows; NaN, which JSON lacks, as null."""
    return {name: json.loads(table.to_json(orient="records")) for name, table in _tables(found).items()}


def _write(found: "Analysis", planned: "Study", folder: Path) -> None:
    from pipelines.images.sheets import to_png
    from pipelines.lake import atomic_write
    from pipelines.studies.exclusions import ExclusionParams
    from pipelines.studies.heat_map import draw_heat_map
    from pipelines.studies.questions import MAIN_QUESTION

    (main,) = (question for question in planned.questions if question.key == MAIN_QUESTION)
    drawn = draw_heat_map(found.heat_map, lowest=main.lowest, highest=main.highest)
    about = {
        "study": planned.name,
        "fingerprint": planned.fingerprint,
        "plan": planned.params.model_dump(),
        "methods": planned.methods,
        "exclusion_rule": ExclusionParams().model_dump(),
        **_records(found),
    }
    files = {
        "analysis.json": (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode(),
        "heat_map.png": to_png(drawn),
        **{f"{name}.csv": table.to_csv(index=False).encode() for name, table in _tables(found).items() if len(table)},
    }
    for name, data in files.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_bytes(data)


def _print(found: "Analysis", name: str) -> None:
    left_out = found.raters[found.raters["reason"] != ""]
    say(f"{name}: {len(found.raters)} raters, {len(found.raters) - len(left_out)} of them count")
    for row in left_out.to_dict("records"):
        say(f"  {row['rater']} does not: {row['reason']}")
    table = Table("question", "method", "mean", "std", "95 % raters", "95 % raters, pictures", "answers")
    for row in found.scores.to_dict("records"):
        mean, std = f"{row['mean']:.2f}", f"{row['std']:.2f}"
        table.add_row(row["question"], escape(row["method"]), mean, std, *_intervals(row), str(row["answers"]))
    out.print(table)
    if len(found.strengths):
        table = Table("method", "Bradley-Terry", "95 % raters", "95 % raters, pictures")
        for row in found.strengths.to_dict("records"):
            table.add_row(escape(row["method"]), f"{row['score']:.2f}", *_intervals(row))
        out.print(table)
    table = Table("question", "better", "worse", "difference", "95 % raters", "p (Holm)")
    for row in found.comparisons.to_dict("records"):
        interval = f"{row['low']:.2f} to {row['high']:.2f}"
        methods = escape(row["better"]), escape(row["worse"])
        table.add_row(row["question"], *methods, f"{row['difference']:.2f}", interval, f"{row['p_holm']:.2g}")
    out.print(table)
    for row in found.agreement.to_dict("records"):
        say(f"{row['question']}: Krippendorff's alpha {row['alpha']:.2f} ({row['low']:.2f} to {row['high']:.2f})")


def _intervals(row: dict[Any, Any]) -> tuple[str, str]:
    of_pictures = f"{row['low_pictures']:.2f} to {row['high_pictures']:.2f}"
    return f"{row['low']:.2f} to {row['high']:.2f}", of_pictures
