"""`tintoon up`: both UIs answer over one store, Ctrl-C ends everything that it started, a taken port is named."""

import json
import re
import signal
import socket
import time
from urllib.request import urlopen

import psutil
import pytest

from tests.installation import Installation, free_port


@pytest.fixture
def installation(tmp_path) -> Installation:
    return Installation(tmp_path / "home")


def ports() -> dict[str, int]:
    return {name: free_port() for name in ("dagster", "mlflow", "drawn")}


def options(found: dict[str, int]) -> list[str]:
    return [part for name, port in found.items() for part in (f"--{name}-port", str(port))]


def answer(url: str) -> str:
    with urlopen(url, timeout=10) as reply:
        return reply.read().decode()


def test_both_uis_answer_until_ctrl_c_ends_every_process(installation):
    chosen = ports()
    process = installation.start("up", *options(chosen))
    assert process.stdout is not None
    seen: list[psutil.Process] = []
    try:
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            line = process.stdout.readline()
            assert line, process.communicate()
            lines.append(line)
        seen = psutil.Process(process.pid).children(recursive=True)
        address = dict(re.findall(r"^(.+): (http://127\.0\.0\.1:\d+)", "".join(lines), re.MULTILINE))
        assert address == {
            "Dagster": f"http://127.0.0.1:{chosen['dagster']}",
            "MLflow": f"http://127.0.0.1:{chosen['mlflow']}",
            "Drawn webtoon": f"http://127.0.0.1:{chosen['drawn']}",
        }
        assert "dagster_version" in json.loads(answer(f"{address['Dagster']}/server_info"))
        assert answer(f"{address['MLflow']}/health") == "OK"
        assert "articleList" in answer(f"{address['Drawn webtoon']}/api/article/list?titleId=900001&page=1")
        # Where the code location that Dagster started looks for the drawn title.
        environments = [each.environ() for each in seen if each.is_running()]
        assert {each.get("TINTOON_DEMO_SITE") for each in environments} == {address["Drawn webtoon"]}
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert time.monotonic() - asked < 35
        assert "Traceback" not in errors
        gone, alive = psutil.wait_procs(seen, timeout=5)
        assert len(gone) >= 4  # dagster, its webserver, its daemon and code server, mlflow, the site
        assert not alive, [each.cmdline() for each in alive]
    finally:
        for left in [*seen, psutil.Process(process.pid)] if psutil.pid_exists(process.pid) else seen:
            if left.is_running():
                left.kill()


@pytest.mark.parametrize(("name", "offset"), [("dagster", 0), ("mlflow", 0), ("drawn", 0), ("drawn", 1)])
def test_a_taken_port_is_named_with_its_option(installation, name, offset):
    chosen = ports()
    taken = chosen[name] + offset
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        said = installation.try_to("up", *options(chosen))
    assert said.returncode == 1
    assert len(said.stderr.splitlines()) == 1, said.stderr
    assert f"port {taken} is taken" in said.stderr
    assert f"--{name}-port" in said.stderr
    assert not (installation.home / "mlflow").exists()
