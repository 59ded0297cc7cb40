"""The leaderboards published: as an HTML report in the lake, and as a run of MLflow's experiment `leaderboards`."""

from dataclasses import dataclass
from pathlib import Path

from assets.tracking.client import Tracking
from assets.tracking.registry import registry_lock
from pipelines.comparison.leaderboards import Comparison
from pipelines.lake import Lake, digest_of

EXPERIMENT = "leaderboards"
"""Beside the runs of trainings, so that these stay comparable."""


@dataclass(frozen=True)
class PublishedReport:
    """The paths and URLs of a published report."""

    path: str
    url: str


def publish_leaderboard(
    found: Comparison, lake: Lake, *, studies: str, cache: Path, tracking: Tracking
) -> PublishedReport:
    """Renders the report of a comparison and of the studies' ratings, unless the same one was published before.

    Waits while another process of this installation publishes or promotes. What an interrupted one left is completed.

    studies: The URL of the studies' database; a database that was never made has no ratings.
    cache: The local folder of the installation.

    `report/index.html` in the lake has its pictures beside it; the artifact `report.html` contains them, because
    MLflow shows one file at a time.
    """
    with registry_lock(cache):
        return _publish(found, lake, studies, tracking)


def _publish(found: Comparison, lake: Lake, studies: str, tracking: Tracking) -> PublishedReport:
    from pipelines.comparison.report.page import report_html, write_report
    from pipelines.comparison.reproduction import reproduce, reproduction_markdown
    from pipelines.studies.paper_ratings import paper_ratings

    folder = lake.root / "report"
    record = folder / "published.json"
    known = lake.read_json(record) if record.exists() else {}
    ratings = paper_ratings(lake, studies)
    digest = digest_of([found.digest, None if ratings is None else ratings.to_dict("records")])
    if known.get("digest") != digest or not tracking.has(known["mlflow_run_id"]):
        datasheet = lake.read_json(lake.training_set)["datasheet"]
        tables = reproduce(found.evaluations, ratings)
        write_report(folder, found.boards, found.evaluations, datasheet=datasheet, reproduction=tables)
        run = tracking.start(
            "leaderboard",
            experiment=EXPERIMENT,
            digest=digest,
            parameters={f"benchmark_{board.name}": board.benchmark_fingerprint for board in found.boards},
            tags={},
        )
        for board in found.boards:
            for row in board.colorizers:
                run.results({f"{board.name}/{row.name}": row.score}, step=0)
            run.picture(f"leaderboard_{board.name}", board.picture(), step=0)
            run.text(board.to_markdown(), f"leaderboard_{board.name}.md")
        run.text(report_html(found.boards, found.evaluations, datasheet=datasheet, reproduction=tables), "report.html")
        run.text(reproduction_markdown(tables), "reproduction.md")
        run.end()
        known = {"digest": digest, "mlflow_run_id": run.run_id}
        lake.write_json(record, known)  # last: from now on all of it is there
    return PublishedReport(str(folder / "index.html"), tracking.url_of(known["mlflow_run_id"], experiment=EXPERIMENT))
