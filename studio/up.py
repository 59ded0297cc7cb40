"""`tintoon up`: the Dagster UI, the MLflow UI and the drawn webtoon's site, over one store, until Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from assets.home import PROJECT, Home

LOOPBACK = "127.0.0.1"
BIN = Path(sys.executable).parent
DRAWN = "Drawn webtoon"


class CannotStartError(RuntimeError):
    """A service cannot start, or ended by itself; the message names it and the remedy."""


@dataclass
class Service:
    """One process that serves an address."""

    name: str
    command: list[str]
    url: str
    environment: dict[str, str]
    landing: str = ""  # the path of the page that people open
    process: subprocess.Popen[bytes] | None = None


def services(home: Home, *, dagster_port: int, mlflow_port: int, demo_port: int | None) -> list[Service]:
    """The services that `tintoon up` starts."""
    dagster_url, mlflow_url = f"http://{LOOPBACK}:{dagster_port}", f"http://{LOOPBACK}:{mlflow_port}"
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home.dagster),
        "TINTOON_HOME": str(home.root),
        "TINTOON_DAGSTER_UI": dagster_url,
        "TINTOON_MLFLOW_UI": mlflow_url,
        # The sensor asks every source for its issues, politely: that takes longer than Dagster's minute.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "900",
    }
    if demo_port is not None:
        environment["TINTOON_DEMO_SITE"] = f"http://{LOOPBACK}:{demo_port}"  # where titles.yaml looks for it
    found = [
        Service(
            "Dagster",
            [str(BIN / "dagster"), "dev", "-w", "workspace.yaml", "-h", LOOPBACK, "-p", str(dagster_port)],
            dagster_url,
            environment,
        ),
        Service(
            "MLflow",
            [
                *(str(BIN / "mlflow"), "server", "--host", LOOPBACK, "--port", str(mlflow_port), "--workers", "1"),
                *("--backend-store-uri", home.mlflow_uri, "--default-artifact-root", home.mlflow_artifacts),
            ],
            mlflow_url,
            environment,
        ),
    ]
    if demo_port is not None:
        command = [sys.executable, "-m", "demo.naver", "--port", str(demo_port)]
        found.append(Service(DRAWN, command, environment["TINTOON_DEMO_SITE"], environment))
    return found


def serve(found: list[Service], *, say: Callable[[str], None], log_folder: Path, patience_s: float = 120) -> None:
    """Starts services, reports their addresses when they answer, and waits until Ctrl-C or SIGTERM; then ends them all.

    Raises CannotStartError when a port is taken, or when a service ends by itself.
    """
    require_free(found)
    for ending in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job starts with it ignored
        signal.signal(ending, _interrupt)
    log_folder.mkdir(parents=True, exist_ok=True)
    try:
        for service in found:
            log = (log_folder / f"{service.name.lower().replace(' ', '-')}.log").open("ab")
            # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
            service.process = subprocess.Popen(
                service.command, cwd=PROJECT, env=service.environment, stdout=log, stderr=log, start_new_session=True
            )
        for service in found:
            _wait_until_it_answers(service, found, patience_s, log_folder)
            say(f"{service.name}: {service.url}{service.landing}")
        say("Ctrl-C ends them.")
        while True:
            _require_alive(found, log_folder)
            time.sleep(1)
    except KeyboardInterrupt:
        say("Ending ...")
    finally:
        _end(found)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _port(service: Service) -> int:
    return int(service.url.rsplit(":", 1)[1])


def require_free(found: list[Service]) -> None:
    """Raises CannotStartError that names the first port where something else listens, and its option."""
    for service in found:
        port = _port(service)
        for needed in (port, port + 1) if service.name == DRAWN else (port,):  # the pictures have the next one
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, needed))
                except OSError:
                    option = f"--{service.name.split()[0].lower()}-port"
                    raise CannotStartError(
                        f"port {needed} is taken, {service.name} cannot start there; name another with {option}"
                    ) from None


def _wait_until_it_answers(service: Service, found: list[Service], patience_s: float, log_folder: Path) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        _require_alive(found, log_folder)
        try:
            with urlopen(service.url, timeout=5):
                return
        except HTTPError:
            return  # it answers, although it has nothing at its root
        except (URLError, OSError):
            time.sleep(0.3)
    raise CannotStartError(f"{service.name} did not answer within {patience_s:.0f} s; see {log_folder}")


def _require_alive(found: list[Service], log_folder: Path) -> None:
    for service in found:
        if service.process and service.process.poll() is not None:
            raise CannotStartError(f"{service.name} ended with code {service.process.returncode}; see {log_folder}")


def _end(found: list[Service]) -> None:
    """Asks each group of processes to end, and forces those that do not."""
    for how, patience_s in ((signal.SIGINT, 20), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        running = [service.process for service in found if service.process and service.process.poll() is None]
        for process in running:
            os.killpg(process.pid, how)
        deadline = time.monotonic() + patience_s
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue
