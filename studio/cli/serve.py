"""The commands that serve until Ctrl-C: up, page."""

from pathlib import Path
from typing import Annotated

import typer

from studio.cli.options import out

Token = Annotated[
    bool | None,
    typer.Option(
        "--token/--no-token",
        help="Let nobody in without the token in the printed address; by default where this machine has accounts of "
        "other people.",
        show_default=False,
    ),
]


def _say(line: str) -> None:
    out.print(line, highlight=False, soft_wrap=True)


def _token_file(token: bool | None, home: Path) -> Path | None:
    """The file of the token that is asked for; None where none is."""
    from studio.server.access import is_shared, token_file

    return token_file(home) if (is_shared() if token is None else token) else None


def up(
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster UI.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow UI.")] = 5000,
    drawn_port: Annotated[int, typer.Option(help="Port of the drawn webtoon's site; 0 leaves it out.")] = 8417,
    token: Token = None,
) -> None:
    """Start the Dagster UI and the MLflow UI on loopback, over the same store; Ctrl-C ends both."""
    from assets.home import Home
    from assets.resources import default_resources
    from studio.materialize import open_instance
    from studio.up import Ports, require_free, serve

    home = Home.of()
    ports = Ports(dagster=dagster_port, mlflow=mlflow_port, drawn=drawn_port or None)
    require_free(ports)
    with open_instance():  # makes Dagster's store and its pools
        pass
    tracking = default_resources()["tracking"]
    landing = tracking.charts_url.removeprefix(f"{tracking.ui}/")
    serve(home, ports, token_file=_token_file(token, home.root), mlflow_landing=landing, say=_say)


def page(
    port: Annotated[int, typer.Option(help="Port of the page, on loopback; 0 takes any free port.")] = 8430,
    token: Token = None,
) -> None:
    """Serve the page for artists: open a picture, set colour hints, see it colored, rate it; Ctrl-C ends it."""
    from assets.home import Home
    from studio.server.access import read_token
    from studio.server.page import serve_page

    serve_page(port, token=read_token(_token_file(token, Home.of().root)), say=_say)
