"""The commands that serve until Ctrl-C: up, page."""

from typing import Annotated

import typer

from studio.cli.options import out


def _say(line: str) -> None:
    out.print(line, highlight=False, soft_wrap=True)


def up(
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
    drawn_port: Annotated[int, typer.Option(help="Port of the drawn webtoon's site; 0 leaves it out.")] = 8417,
) -> None:
    """Start the Dagster UI and the MLflow UI on loopback, over the same store; Ctrl-C ends both."""
    from assets.home import Home
    from assets.resources import default_resources
    from studio.materialize import open_instance
    from studio.up import require_free, serve, services

    home = Home.of()
    found = services(home, dagster_port=dagster_port, mlflow_port=mlflow_port, demo_port=drawn_port or None)
    require_free(found)
    with open_instance():  # makes Dagster's store and its pools
        pass
    tracking = default_resources()["tracking"]
    charts = tracking.charts_url  # makes the store's schema, once, before the server's workers race for it
    for service in found:
        if service.name == "MLflow":
            service.landing = charts.removeprefix(tracking.ui)
    serve(found, say=_say, log_folder=home.logs)


def page(
    port: Annotated[int, typer.Option(help="Port of the page, on loopback; 0 takes any free port.")] = 8430,
) -> None:
    """Serve the page for artists: open a picture, set colour hints, see it colored, rate it; Ctrl-C ends it."""
    from studio.server.page import serve_page

    serve_page(port, say=_say)
