"""`tintoon up`: the Dagster UI, the MLflow UI and the drawn webtoon's site, over one store, until Ctrl-C.

Both UIs stand behind the guard (`studio/server/guard.py`), each in one process with it. Dagster's code server answers
on a Unix socket in a folder of this user's alone, its daemon on nothing. The drawn webtoon's site answers everybody on
this machine: it only reads what it has drawn.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from assets.home import PROJECT, Home
from studio.server.access import read_token
from studio.server.guard import LOOPBACK
from studio.server.serving import listen

BIN = Path(sys.executable).parent
DRAWN = "Drawn webtoon"
CODE_LOCATION = ("assets.definitions", "tintoon")
"""Module and name, as in `workspace.yaml`."""


class CannotStartError(RuntimeError):
    """A service cannot start, or ended by itself; the message names it and the remedy."""


@dataclass(frozen=True)
class Ports:
    """Where the services listen, on loopback."""

    dagster: int
    mlflow: int
    drawn: int | None
    """None leaves the drawn webtoon's site out; its pictures have the next port."""


@dataclass
class Service:
    """One process. It answers at an address, or at the path of a Unix socket, or is asked nothing."""

    name: str
    command: list[str]
    url: str = ""
    socket: Path | None = None
    process: subprocess.Popen[bytes] | None = None


def _environment(home: Home, ports: Ports) -> dict[str, str]:
    found = {
        **os.environ,
        "DAGSTER_HOME": str(home.dagster),
        "TINTOON_HOME": str(home.root),
        "TINTOON_DAGSTER_UI": _url(ports.dagster),
        "TINTOON_MLFLOW_UI": _url(ports.mlflow),
        # The sensor asks every source for its issues, politely: that takes longer than Dagster's minute.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "900",
    }
    if ports.drawn is not None:
        found["TINTOON_DEMO_SITE"] = _url(ports.drawn)  # where titles.yaml looks for it
    return found


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"


def _first_services(ports: Ports, private: Path, token: list[str]) -> list[Service]:
    """The services that wait for no other. `private`: a folder of this user's; `token`: the option that names it."""
    code = private / "code.sock"
    module, name = CODE_LOCATION
    found = [
        Service(
            "Code server",
            [
                *(str(BIN / "dagster"), "code-server", "start", "--socket", str(code), "--log-level", "warning"),
                *("--module-name", module, "--working-directory", str(PROJECT), "--location-name", name),
                "--use-python-environment-entry-point",
            ],
            socket=code,
        ),
        Service(
            "MLflow",
            [sys.executable, "-m", "studio.server.mlflow_ui", "--port", str(ports.mlflow), *token],
            url=_url(ports.mlflow),
        ),
    ]
    if ports.drawn is not None:
        command = [sys.executable, "-m", "demo.naver", "--port", str(ports.drawn)]
        found.append(Service(DRAWN, command, url=_url(ports.drawn)))
    return found


def _services_of_code(ports: Ports, private: Path, token: list[str]) -> list[Service]:
    """The services that ask the code server."""
    workspace = private / "workspace.yaml"
    _, name = CODE_LOCATION
    server = f"grpc_server: {{socket: '{private / 'code.sock'}', location_name: {name}}}"
    workspace.write_text(f"load_from:\n  - {server}\n")
    ui = [sys.executable, "-m", "studio.server.dagster_ui", "--port", str(ports.dagster)]
    return [
        Service("Dagster", [*ui, "--workspace", str(workspace), *token], url=_url(ports.dagster)),
        Service("Daemon", [str(BIN / "dagster-daemon"), "run", "--workspace", str(workspace)]),
    ]


def serve(
    home: Home,
    ports: Ports,
    *,
    token_file: Path | None,
    mlflow_landing: str,
    say: Callable[[str], None],
    patience_s: float = 120,
) -> None:
    """Starts all services, reports the addresses of the pages when they answer, and waits until Ctrl-C, SIGTERM or the
    end of its terminal (SIGHUP, unless `nohup` has it ignored); then ends them all.

    `token_file`: the token that both UIs ask for, as part of the reported addresses; None: every user may come in.
    `mlflow_landing`: the place that people open at MLflow's, from the `#` on. Raises CannotStartError when a port is
    taken, or when a service ends by itself.
    """
    require_free(ports)
    for ending in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a shell's background job starts with it ignored
        signal.signal(ending, _interrupt)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _interrupt)
    home.logs.mkdir(parents=True, exist_ok=True)
    token = read_token(token_file)
    asked = f"/?token={token}" if token else "/"
    option = ["--token-file", str(token_file)] if token_file else []
    environment = _environment(home, ports)
    started: list[Service] = []
    with TemporaryDirectory(prefix="tintoon-") as folder:  # mode 0700
        private = Path(folder)

        def start(services: list[Service]) -> None:
            for service in services:
                _start(service, environment, home.logs)
                started.append(service)

        try:
            start(_first_services(ports, private, option))
            _wait_until_it_answers(started[0], started, patience_s, home.logs)
            start(_services_of_code(ports, private, option))
            landings = {"Dagster": asked.removesuffix("/"), "MLflow": asked + mlflow_landing, DRAWN: ""}
            named = {service.name: service for service in started}
            for name, landing in landings.items():
                if name in named:
                    _wait_until_it_answers(named[name], started, patience_s, home.logs)
                    say(f"{name}: {named[name].url}{landing}")
            say("Ctrl-C ends them.")
            while True:
                _require_alive(started, home.logs)
                time.sleep(1)
        except KeyboardInterrupt:
            say("Ending ...")
        finally:
            _end(started)


def _start(service: Service, environment: dict[str, str], log_folder: Path) -> None:
    umask = os.umask(0o077)
    os.umask(umask)
    with (log_folder / f"{service.name.lower().replace(' ', '-')}.log").open("ab") as log:
        service.process = subprocess.Popen(
            service.command,
            cwd=PROJECT,
            env=environment,
            stdout=log,
            stderr=log,
            # A session of its own: Ctrl-C reaches this process alone, which then ends the others in order.
            start_new_session=True,
            # Whoever may write to a Unix socket may connect to it; the code server makes one among the temporary files.
            umask=umask | 0o022,
        )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def require_free(ports: Ports) -> None:
    """Raises CannotStartError that names the first port where something else listens, and its option."""
    needed = {"dagster": [ports.dagster], "mlflow": [ports.mlflow]}
    if ports.drawn is not None:
        needed["drawn"] = [ports.drawn, ports.drawn + 1]  # the pictures have the next one
    for name, numbers in needed.items():
        for number in numbers:
            try:
                listen(number).close()
            except OSError:
                raise CannotStartError(
                    f"port {number} is taken, {name} cannot start there; name another with --{name}-port"
                ) from None


def _wait_until_it_answers(service: Service, started: list[Service], patience_s: float, log_folder: Path) -> None:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        _require_alive(started, log_folder)
        if _answers(service):
            return
        time.sleep(0.3)
    raise CannotStartError(f"{service.name} did not answer within {patience_s:.0f} s; see {log_folder}")


def _answers(service: Service) -> bool:
    try:
        if service.socket is not None:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(service.socket))
        else:
            urlopen(service.url, timeout=5).close()
    except HTTPError:
        return True  # it answers, although it has nothing at its root, or wants the token
    except (URLError, OSError):
        return False
    return True


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
