"""`tintoon up`: a taken port is named. What it serves, and how it ends: tests/test_pages.py."""

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial

import pytest

from studio.up import Ports, _first_services, _services_of_code
from tests.installation import PROJECT, Installation, free_port

SERVE = """
import signal, sys, time
from studio import up

up._first_services = lambda ports, private, token: [
    up.Service("Sleeper", [sys.executable, "-c", "import time; time.sleep(600)"])
]
up._wait_until_it_answers = lambda *_: (print("started", flush=True), time.sleep(600))
from assets.home import Home
from tests.installation import free_port

up.serve(
    Home.of(),
    up.Ports(free_port(), free_port(), None),
    token_file=None,
    mlflow_landing="",
    say=lambda line: print(line, flush=True),
)
print("ended", flush=True)
"""


@pytest.mark.parametrize(("name", "offset"), [("dagster", 0), ("mlflow", 0), ("drawn", 0), ("drawn", 1)])
def test_a_taken_port_is_named_with_its_option(tmp_path, name, offset):
    installation = Installation(tmp_path / "home")
    chosen = {service: free_port() for service in ("dagster", "mlflow", "drawn")}
    options = [part for service, port in chosen.items() for part in (f"--{service}-port", str(port))]
    taken = chosen[name] + offset
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        result = installation.try_to("up", *options)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert f"port {taken} is taken" in result.stderr
    assert f"--{name}-port" in result.stderr
    assert not (installation.home / "mlflow").exists()


def test_no_command_line_holds_the_address_of_a_store(tmp_path):
    """It may hold a password, and everybody on the machine sees command lines."""
    ports = Ports(dagster=3000, mlflow=5000, drawn=8417)
    services = [*_first_services(ports, tmp_path, []), *_services_of_code(ports, tmp_path, [])]
    assert len(services) == 5
    assert not [part for service in services for part in service.command if "://" in part]


@pytest.mark.parametrize("ignored", [False, True], ids=["terminal", "nohup"])
def test_the_end_of_its_terminal_ends_it_in_order(tmp_path, ignored):
    script = tmp_path / "serve.py"
    script.write_text(SERVE)
    child = subprocess.Popen(
        [sys.executable, script],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "TINTOON_HOME": str(tmp_path / "home")},
        preexec_fn=partial(signal.signal, signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL),
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n"
    child.send_signal(signal.SIGHUP)
    if ignored:
        time.sleep(0.3)
        assert child.poll() is None
        child.send_signal(signal.SIGTERM)
    assert child.communicate(timeout=30)[0] == "Ending ...\nended\n"
    assert child.returncode == 0
