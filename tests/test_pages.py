"""`tintoon up` over the demo's home: its pages in a real browser, and the end of all its processes at Ctrl-C."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest
from playwright.sync_api import Page, sync_playwright

from assets.stages import STAGES
from tests.demo_home import demo_home
from tests.installation import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

# A browser on a closed network asks for nothing but the pages under test.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@dataclass(frozen=True)
class Up:
    """A running `tintoon up`: the ports that it was given, and what it printed, by name."""

    process: subprocess.Popen[str]
    ports: dict[str, int]
    addresses: dict[str, str]
    landings: dict[str, str]
    """The addresses as people open them, with the token."""

    @property
    def token(self) -> str:
        """The token of the printed addresses."""
        return self.landings["Dagster"].partition("?token=")[2]


@pytest.fixture(scope="module")
def up(tmp_path_factory) -> Iterator[Up]:
    installation = demo_home().copied_to(tmp_path_factory.mktemp("up") / "home")
    umask = os.umask(0o002)  # that of many machines, where everybody is of one group
    ports = {name: free_port() for name in ("dagster", "mlflow", "drawn")}
    process = installation.start(
        "up", "--token", *(part for name, port in ports.items() for part in (f"--{name}-port", str(port)))
    )
    os.umask(umask)
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or "Ctrl-C" not in lines[-1]:
        line = process.stdout.readline()
        assert line, process.communicate()
        lines.append(line)
    started = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    printed = re.findall(r"^(.+): ((http://127\.0\.0\.1:\d+)\S*)", "".join(lines), re.MULTILINE)
    addresses, landings = {name: base for name, _, base in printed}, {name: landing for name, landing, _ in printed}
    yield Up(process, ports, addresses, landings)
    process.send_signal(signal.SIGINT)  # nothing where it has ended
    process.communicate(timeout=60)
    for left in started:
        if left.is_running():
            left.kill()


@pytest.fixture(scope="module")
def page(up) -> Iterator[Page]:
    """A browser that has opened Dagster's address as it was printed; its cookie opens MLflow's too."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        page.goto(up.landings["Dagster"])
        assert up.token
        assert up.token not in page.url
        yield page
        browser.close()


@needs_chromium
def test_the_lineage_graph_shows_every_stage(up, page):
    page.goto(f"{up.addresses['Dagster']}/assets/training_set?view=lineage&lineageScope=neighbors&lineageDepth=20")
    beside = {"drift", "references"}  # of the way to and from the training set: both look at the selected panels
    for stage in STAGES.keys() - beside:
        page.get_by_text(stage, exact=True).first.wait_for()


@needs_chromium
def test_a_partition_of_panels_shows_counts_and_pictures(up, page):
    page.goto(f"{up.addresses['Dagster']}/assets/panels?view=partitions&partition=tintoon-days__0002")
    page.get_by_text("too_small", exact=True).wait_for()
    page.get_by_text("Show Markdown").first.click()
    picture = page.locator("img[src^='data:image/jpeg']").first
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") > 300


@needs_chromium
def test_a_recipe_links_to_its_mlflow_run_with_curves_and_pictures(up, page):
    page.goto(f"{up.addresses['Dagster']}/assets/colorizer?view=partitions&partition=frames_gan_gray")
    link = page.locator("a[href*='/runs/'][href*='machine_learning']").first
    link.wait_for()
    run = (link.get_attribute("href") or "").partition("#")[2].partition("?")[0]
    mlflow = up.addresses["MLflow"].partition("#")[0]
    page.goto(f"{mlflow}#{run}/model-metrics?workflowType=machine_learning")
    page.get_by_text("epoch/loss_generator").first.wait_for()
    page.goto(f"{mlflow}#{run}/artifacts?workflowType=machine_learning")
    page.get_by_text("evaluation", exact=True).first.wait_for()


@needs_chromium
def test_a_run_is_launched_from_the_launchpad_and_followed_live(up, page):
    with page.expect_websocket() as opened:
        page.goto(f"{up.addresses['Dagster']}/locations/tintoon/jobs/compare_colorizers/playground")
    assert opened.value.url.startswith("ws://127.0.0.1:")
    page.get_by_role("button", name=re.compile("Launch run", re.IGNORECASE)).first.click()
    page.wait_for_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    page.get_by_text("Started execution of run", exact=False).first.wait_for()  # came by itself


@needs_chromium
def test_mlflow_shows_the_table_of_runs(up, page):
    page.goto(up.landings["MLflow"].replace("compareRunsMode=CHART", "compareRunsMode=TABLE"))
    page.get_by_text("frames_gan_gray", exact=True).first.wait_for()
    assert up.token not in page.url


def answer(url: str, token: str = "") -> str:
    with urlopen(Request(url, headers={"Authorization": f"Bearer {token}"}), timeout=10) as reply:
        return reply.read().decode()


def test_every_address_answers(up):
    assert up.addresses == {
        "Dagster": f"http://127.0.0.1:{up.ports['dagster']}",
        "MLflow": f"http://127.0.0.1:{up.ports['mlflow']}",
        "Drawn webtoon": f"http://127.0.0.1:{up.ports['drawn']}",
    }
    assert "dagster_version" in json.loads(answer(f"{up.addresses['Dagster']}/server_info", up.token))
    assert answer(f"{up.addresses['MLflow']}/health", up.token) == "OK"
    assert "articleList" in answer(f"{up.addresses['Drawn webtoon']}/api/article/list?titleId=900001&page=1")


def test_both_uis_want_the_token_and_no_other_port_is_open(up):
    for name in ("Dagster", "MLflow"):
        with pytest.raises(HTTPError, match="401"):
            urlopen(up.addresses[name], timeout=10)
    processes = [psutil.Process(up.process.pid), *psutil.Process(up.process.pid).children(recursive=True)]
    sockets = [each for one in processes for each in one.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    ports = up.ports
    open_ports = {ports["dagster"], ports["mlflow"], ports["drawn"], ports["drawn"] + 1}  # the last two only read
    assert {(each.laddr.ip, each.laddr.port) for each in sockets} == {("127.0.0.1", port) for port in open_ports}
    places = {
        Path(str(each.laddr)) for one in processes for each in one.net_connections("unix") if str(each.laddr)[:1] == "/"
    }
    assert len(places) >= 2  # of the code server and the process that loads the code
    for place in places:  # who may not write to it may not connect
        assert place.parent.stat().st_mode & 0o077 == 0 or place.stat().st_mode & 0o022 == 0, place


def test_ctrl_c_ends_every_process(up):
    """The last test of the file, for nothing is left afterwards."""
    children = psutil.Process(up.process.pid).children(recursive=True)
    # Where the code location that Dagster started looks for the drawn title.
    environments = [each.environ() for each in children if each.is_running()]
    assert {each.get("TINTOON_DEMO_SITE") for each in environments} == {up.addresses["Drawn webtoon"]}
    asked = time.monotonic()
    up.process.send_signal(signal.SIGINT)
    _, errors = up.process.communicate(timeout=60)
    assert up.process.returncode == 0, errors
    assert time.monotonic() - asked < 35
    assert "Traceback" not in errors
    gone, alive = psutil.wait_procs(children, timeout=5)
    assert len(gone) >= 4  # dagster, its webserver, its daemon and code server, mlflow, the site
    assert not alive, [each.cmdline() for each in alive]
