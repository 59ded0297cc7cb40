"""The pages that people look at, in a real browser: the lineage, a partition with its pictures, an MLflow run."""

import shutil
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from assets.stages import STAGES
from tests.installation import QUICK, Installation, free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

# A browser on a closed network asks for nothing but the pages under test.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory) -> Iterator[dict[str, str]]:
    """Both UIs over a store on which the demo ran: name -> address, as `tintoon up` prints them."""
    installation = Installation(tmp_path_factory.mktemp("home"))
    installation.run("demo", "--issues", "4", "--port", str(free_port()), "--config", str(QUICK))
    ports = [str(free_port()) for _ in range(3)]
    up = installation.start("up", "--dagster-port", ports[0], "--mlflow-port", ports[1], "--drawn-port", ports[2])
    assert up.stdout is not None
    found = {}
    for line in up.stdout:
        if "Ctrl-C" in line:
            break
        name, _, address = line.strip().partition(": ")
        found[name] = address
    yield found
    up.send_signal(signal.SIGINT)
    up.communicate(timeout=60)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


def test_the_lineage_graph_shows_every_stage(addresses, page):
    page.goto(f"{addresses['Dagster']}/assets/training_set?view=lineage&lineageScope=neighbors&lineageDepth=20")
    for stage in STAGES.keys() - {"drift"}:  # it is beside this way: it looks at panels before they are trained on
        page.get_by_text(stage, exact=True).first.wait_for()


def test_a_partition_of_panels_shows_counts_and_pictures(addresses, page):
    page.goto(f"{addresses['Dagster']}/assets/panels?view=partitions&partition=tintoon-days__0002")
    page.get_by_text("too_small", exact=True).wait_for()
    page.get_by_text("Show Markdown").first.click()
    picture = page.locator("img[src^='data:image/jpeg']").first
    picture.wait_for()
    assert picture.evaluate("image => image.naturalWidth") > 300


def test_a_recipe_links_to_its_mlflow_run_with_curves_and_pictures(addresses, page):
    page.goto(f"{addresses['Dagster']}/assets/colorizer?view=partitions&partition=frames_gan_gray")
    link = page.locator("a[href*='/runs/'][href*='machine_learning']").first
    link.wait_for()
    run = (link.get_attribute("href") or "").partition("#")[2].partition("?")[0]
    mlflow = addresses["MLflow"].partition("#")[0]
    page.goto(f"{mlflow}#{run}/model-metrics?workflowType=machine_learning")
    page.get_by_text("epoch/loss_generator").first.wait_for()
    page.goto(f"{mlflow}#{run}/artifacts?workflowType=machine_learning")
    page.get_by_text("evaluation", exact=True).first.wait_for()
