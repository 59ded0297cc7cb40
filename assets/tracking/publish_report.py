"""The leaderboard's HTML report: in the lake, and as artifacts of an MLflow run of its own experiment."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.tracking.client import Tracking
from pipelines.lake import Lake, atomic_write, digest_of

if TYPE_CHECKING:
    from assets.tracking.publish_leaderboard import Comparison

EXPERIMENT = "leaderboards"
"""Beside the runs of trainings, so that these stay comparable."""


@dataclass(frozen=True)
class PublishedReport:
    """Where people open it."""

    path: str
    url: str


def publish(found: "Comparison", lake: Lake, *, studies: str, tracking: Tracking) -> PublishedReport:
    """Renders the report of a comparison and of what people said, unless the one of these very things is there.

    studies: The URL of the studies' database; one that was never made holds none.

    `report/index.html` in the lake has its pictures beside it; the artifact `report.html` holds them itself, for
    MLflow shows one file at a time.
    """
    from pipelines.comparison.report import report_html, write_report
    from pipelines.comparison.reproduction import reproduce, reproduction_markdown
    from pipelines.studies.paper_ratings import paper_ratings

    folder = lake.root / "report"
    said = folder / "published.json"
    known = lake.read_json(said) if said.exists() else {}
    ratings = paper_ratings(lake, studies)
    digest = digest_of([found.digest, None if ratings is None else ratings.to_dict("records")])
    if known.get("digest") != digest or not tracking.has(known["mlflow_run_id"]):
        datasheet = lake.read_json(lake.training_set)["datasheet"]
        tables = reproduce(found.evaluations, ratings)
        write_report(folder, found.boards, found.evaluations, datasheet=datasheet, reproduction=tables)
        run = tracking.start(
            "leaderboard",
            experiment=EXPERIMENT,
            parameters={f"benchmark_{board.track}": board.benchmark_fingerprint for board in found.boards},
            tags={"digest": digest},
        )
        for board in found.boards:
            for row in board.colorizers:
                run.results({f"{board.track}/{row.name}": row.score}, step=0)
            run.picture(f"leaderboard_{board.track}", board.picture(), step=0)
            run.text(board.to_markdown(), f"leaderboard_{board.track}.md")
        run.text(report_html(found.boards, found.evaluations, datasheet=datasheet, reproduction=tables), "report.html")
        run.text(reproduction_markdown(tables), "reproduction.md")
        run.end()
        known = {"digest": digest, "mlflow_run_id": run.run_id}
        lake.write_json(said, known)  # last: it says that all is there
    return PublishedReport(str(folder / "index.html"), tracking.url_of(known["mlflow_run_id"], experiment=EXPERIMENT))


def export_report(folder: Path, lake: Lake, *, studies: str, titles: Sequence[str] | None) -> Path:
    """Writes the report of the current leaderboards into a folder, for others: with pictures of some titles alone.

    titles: Whose pictures may be passed on; None: all. Beside `index.html` are `leaderboard_<track>.md` and
    `reproduction.md`. Returns the path of the page. Raises FileNotFoundError before there is a leaderboard.
    """
    from assets.tracking.publish_leaderboard import stored_boards
    from pipelines.comparison.report import write_report
    from pipelines.comparison.reproduction import reproduce, reproduction_markdown
    from pipelines.evaluation.evaluation import load_evaluations
    from pipelines.studies.paper_ratings import paper_ratings

    boards, _ = stored_boards(lake)
    current = {board.benchmark_fingerprint for board in boards}
    ranked = [one for one in load_evaluations(lake) if one.benchmark_fingerprint in current]
    tables = reproduce(ranked, paper_ratings(lake, studies))
    page = write_report(
        folder,
        boards,
        ranked if titles is None else [one.with_pictures_of(titles) for one in ranked],
        datasheet=lake.read_json(lake.training_set)["datasheet"],
        reproduction=tables,
    )
    texts = {f"leaderboard_{board.track}.md": board.to_markdown() for board in boards}
    texts["reproduction.md"] = reproduction_markdown(tables)
    for name, text in texts.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return folder / page.name
