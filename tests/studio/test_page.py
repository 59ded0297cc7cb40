"""The page for artists: its server over HTTP, and all of it in a real browser."""

import io
import json
import re
import shutil
import signal
import struct
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from pipelines.colorize.hints import Hint, Point
from pipelines.lake import Lake
from pipelines.studies.questions import QUESTIONS
from pipelines.studies.ratings import read_ratings
from tests.installation import Installation
from tests.untrained import install_untrained

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

HINTED, PLAIN, TITLED, EDGES = "webtoon_sparse_iterative", "webtoon_l2", "webtoon_label_conditioned", "frames_gan_edge"
WIDTH, HEIGHT = 120, 90

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")


@pytest.fixture(scope="module")
def installation(tmp_path_factory) -> Installation:
    home = tmp_path_factory.mktemp("home")
    for recipe in (HINTED, PLAIN, TITLED, EDGES):
        install_untrained(home, recipe)
    return Installation(home)


@pytest.fixture(scope="module")
def address(installation) -> Iterator[str]:
    """Where the page is served."""
    served = installation.start("page", "--port", "0", "--no-token")
    assert served.stdout is not None
    yield served.stdout.readline().strip()
    served.send_signal(signal.SIGINT)
    output, errors = served.communicate(timeout=30)
    assert (output, errors, served.returncode) == ("", "", 0)


@pytest.fixture(scope="module")
def panel() -> bytes:
    """A gray panel with lines that close two areas."""
    pixels = np.full((HEIGHT, WIDTH), 235, np.uint8)
    cv2.circle(pixels, (40, 45), 25, 0, 2)
    cv2.rectangle(pixels, (75, 20), (110, 70), 60, -1)
    return cv2.imencode(".png", pixels)[1].tobytes()


def opened(address: str, data: bytes) -> str:
    answer = requests.post(f"{address}/pictures", data)
    assert answer.status_code == 200, answer.text
    return answer.json()["picture"]


def colored(address: str, picture: str, colorizer: str = HINTED, **wanted: object) -> np.ndarray:
    answer = requests.post(f"{address}/colorize", json={"picture": picture, "colorizer": colorizer, **wanted})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def problem(answer: requests.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return answer.json()["problem"]


# The server


def test_it_offers_the_trained_colorizers_with_what_they_take(address):
    models = {model_info["name"]: model_info for model_info in requests.get(f"{address}/start").json()["colorizers"]}
    taken = {
        name: (model_info["variant"], model_info["with_hints"], model_info["titles"])
        for name, model_info in models.items()
    }
    assert taken == {
        PLAIN: ("gray", False, []),
        TITLED: ("gray", False, ["harbour", "orchard"]),
        HINTED: ("gray", True, []),
        EDGES: ("edge", False, []),
    }


def test_a_picture_keeps_its_size_and_a_hint_changes_its_colours(address, panel):
    picture = opened(address, panel)
    assert picture == sha256(panel).hexdigest()
    without = colored(address, picture)
    assert without.shape == (HEIGHT, WIDTH, 3)
    hint = json.loads(Hint((Point(0.3, 0.5, (250, 10, 10)),)).to_json())
    with_hint = colored(address, picture, hints=hint)
    assert np.abs(with_hint.astype(int) - without).max() > 10
    assert np.array_equal(colored(address, picture, hints={"points": [], "strokes": []}), without)
    # A colorizer without hints does the same with and without.
    assert np.array_equal(colored(address, picture, PLAIN, hints=hint), colored(address, picture, PLAIN))


def test_titles_edges_and_segments(address, panel):
    picture = opened(address, panel)
    harbour, orchard = (colored(address, picture, TITLED, title=title) for title in ("harbour", "orchard"))
    assert not np.array_equal(harbour, orchard)
    assert colored(address, picture, EDGES).shape == (HEIGHT, WIDTH, 3)
    loose, snapped = (colored(address, picture, EDGES, snap=snap) for snap in (False, True))
    inside = np.s_[30:60, 30:50]  # of the circle: one colour once it is snapped
    assert np.ptp(snapped[inside].reshape(-1, 3), axis=0).max() < np.ptp(loose[inside].reshape(-1, 3), axis=0).max()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF", "JPEG2000", "BMP", "TGA"])
def test_every_format_is_shown_in_gray(address, kind):
    file = io.BytesIO()
    Image.new("RGB", (31, 17), (200, 30, 30)).save(file, kind)
    shown = requests.get(f"{address}/pictures/{opened(address, file.getvalue())}")
    image = Image.open(io.BytesIO(shown.content))
    assert (image.format, image.mode, image.size) == ("PNG", "L", (31, 17))
    assert abs(int(np.asarray(image)[8, 15]) - 81) <= 2  # luma of that red


def huge_png() -> bytes:
    """A small file that announces 60,000 x 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def test_files_that_are_no_pictures(address, panel):
    def refused(data: bytes) -> str:
        return problem(requests.post(f"{address}/pictures", data), 400)

    assert "The file: no whole picture (5 bytes)" in refused(b"hello")
    assert "an empty file" in refused(b"")
    assert "JPEG XL picture, which is not read here; convert it to PNG" in refused(b"\xff\x0a" + bytes(20))
    assert "no whole picture" in refused(panel[:-100])
    assert "60000 x 60000 px, over 200 million pixels" in refused(huge_png())
    large = io.BytesIO()
    Image.new("1", (8000, 5001)).save(large, "PNG")
    assert "8000 x 5001" in refused(large.getvalue())


def test_too_many_bytes(address):
    answer = requests.post(f"{address}/pictures", bytes(40_000_001))
    assert problem(answer, 413) == "More than 40 MB, which is the limit."


def test_what_is_no_longer_there_and_what_is_no_question(address, panel):
    post = lambda place, value: requests.post(f"{address}/{place}", json=value)  # noqa: E731
    assert "open it again" in problem(requests.get(f"{address}/pictures/{'0' * 64}"), 404)
    picture = opened(address, panel)
    assert "open it again" in problem(post("colorize", {"picture": "x", "colorizer": PLAIN}), 404)
    assert "'nobody'" in problem(post("colorize", {"picture": picture, "colorizer": "nobody"}), 400)
    point = {"x": 2, "y": 0, "rgb": [0, 0, 0]}
    wrong = {"picture": picture, "colorizer": HINTED, "hints": {"points": [point]}}
    assert "hints.points.0.x" in problem(post("colorize", wrong), 400)
    assert "picture" in problem(post("colorize", {}), 400)
    assert "colour the picture again" in problem(post("ratings", {"result": "x", "answers": {}, "rater": ""}), 404)
    assert "points.0.x" in problem(post("hints", {"points": [point]}), 400)
    assert "JSON" in problem(requests.post(f"{address}/hints", b"not JSON"), 400)


def test_no_path_of_a_client_is_opened(address):
    for path in ("/../pyproject.toml", "/%2e%2e/pyproject.toml", "/static/page.html", "/pictures/..%2f..%2fpage.py"):
        request = requests.Request("GET", address).prepare()
        request.url = address + path
        assert requests.Session().send(request).status_code == 404


def test_other_sites_are_kept_out(address, panel):
    port = address.rpartition(":")[2]
    for host in (f"evil.example:{port}", "evil.example", "127.0.0.1.evil.example", ""):
        assert requests.get(f"{address}/start", headers={"host": host}).status_code in (400, 403), host
    assert requests.get(f"{address}/start", headers={"host": f"localhost:{port}"}).status_code == 200
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", "http://127.0.0.1:1"):
        answer = requests.post(f"{address}/pictures", panel, headers={"origin": origin})
        assert problem(answer, 403) == "Another site's page may not ask this."
    assert requests.post(f"{address}/pictures", panel, headers={"origin": address}).status_code == 200
    headers = requests.get(address).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_a_taken_port(address, installation):
    taken = installation.try_to("page", "--port", address.rpartition(":")[2])
    assert taken.returncode == 1
    assert "--port" in taken.stderr
    assert len(taken.stderr.splitlines()) == 1


# The page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console says."""
    return []


@pytest.fixture
def page(browser, address, complaints) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(30_000)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.get_by_label("Colorizer").select_option(HINTED)
    yield page
    page.close()


def settled(page: Page) -> list[int]:
    """The result's pixels, once the page has colored the picture after the last change."""
    expect(page.locator("#status")).to_have_text(re.compile(r"^\d+\.\d s$"))
    return page.evaluate(
        """async () => {
            const image = document.getElementById("after");
            await image.decode();
            const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
            canvas.getContext("2d").drawImage(image, 0, 0);
            return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
        }"""
    )


def open_panel(page: Page, panel: bytes) -> list[int]:
    page.locator("#file").set_input_files({"name": "panel.png", "mimeType": "image/png", "buffer": panel})
    return settled(page)


def spot(page: Page, x: float, y: float) -> tuple[float, float]:
    box = page.locator("#sheet").bounding_box()
    assert box
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def click(page: Page, x: float, y: float) -> None:
    page.mouse.click(*spot(page, x, y))


def drag(page: Page, *places: tuple[float, float]) -> None:
    page.mouse.move(*spot(page, *places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*spot(page, *place), steps=5)
    page.mouse.up()


def counted(page: Page, text: str) -> None:
    expect(page.locator("#counted")).to_have_text(text)


@needs_chromium
def test_hints_results_ratings_and_a_reload(page, panel, installation, complaints):
    plain = open_panel(page, panel)
    assert len(plain) == 4 * WIDTH * HEIGHT
    expect(page.get_by_text(QUESTIONS["same_color"])).to_be_hidden()
    page.locator("#color").fill("#1144ee")
    click(page, 0.33, 0.5)
    counted(page, "1 point, 0 strokes")
    pointed = settled(page)
    assert pointed != plain
    drag(page, (0.65, 0.4), (0.75, 0.6), (0.85, 0.5))
    counted(page, "1 point, 1 stroke")
    painted = settled(page)
    assert painted not in (plain, pointed)

    page.keyboard.press("Control+z")
    counted(page, "1 point, 0 strokes")
    assert settled(page) == pointed
    page.keyboard.press("Shift+Control+Z")
    counted(page, "1 point, 1 stroke")
    assert settled(page) == painted

    expect(page.get_by_text(QUESTIONS["same_color"])).to_be_visible()
    page.get_by_role("button", name="Store the rating").click()  # nothing is answered: the browser says so
    for points, text in zip((5, 0, 3, 4), QUESTIONS.values(), strict=True):
        page.get_by_role("group", name=text).get_by_label(str(points)).check()
    page.get_by_label("Your name").fill("Ada")
    before = read_ratings(Lake.at(installation.home / "lake"))
    page.get_by_role("button", name="Store the rating").click()
    expect(page.get_by_text("Stored. Thank you.")).to_be_visible()
    (rating,) = [one for one in read_ratings(Lake.at(installation.home / "lake")) if one not in before]
    assert (rating.recipe, rating.rater, rating.snapped) == (HINTED, "Ada", False)
    assert rating.answers == dict(zip(QUESTIONS, (5, 0, 3, 4), strict=True))
    assert rating.picture_sha256 == sha256(panel).hexdigest()
    assert rating.hints is not None
    (point,), (stroke,) = rating.hints.points, rating.hints.strokes
    assert (point.x, point.y, point.rgb) == (pytest.approx(0.33, abs=0.01), pytest.approx(0.5, abs=0.01), (17, 68, 238))
    assert stroke.points[0] == pytest.approx((0.65, 0.4), abs=0.01)
    assert stroke.points[-1] == pytest.approx((0.85, 0.5), abs=0.01)

    page.reload()
    counted(page, "1 point, 1 stroke")
    assert settled(page) == painted
    expect(page.get_by_label("Your name")).to_have_value("Ada")
    assert complaints == []


@needs_chromium
def test_without_hints_two_questions_are_asked(page, panel, installation):
    page.get_by_label("Colorizer").select_option(PLAIN)
    without = open_panel(page, panel)
    click(page, 0.33, 0.5)
    counted(page, "1 point, 0 strokes: the chosen colorizer takes no hints.")
    assert settled(page) == without
    for key in ("same_color", "unhinted_places"):
        expect(page.get_by_text(QUESTIONS[key])).to_be_hidden()
    for key in ("overflow", "overall"):
        page.get_by_role("group", name=QUESTIONS[key]).get_by_label("2").check()
    before = len(read_ratings(Lake.at(installation.home / "lake")))
    page.get_by_role("button", name="Store the rating").click()
    expect(page.get_by_text("Stored. Thank you.")).to_be_visible()
    rating = read_ratings(Lake.at(installation.home / "lake"))[before]
    assert (rating.recipe, rating.hints, rating.answers) == (PLAIN, None, {"overflow": 2, "overall": 2})


@needs_chromium
def test_marks_are_erased_cleared_hidden_saved_and_loaded(page, panel, tmp_path):
    open_panel(page, panel)
    click(page, 0.2, 0.2)
    drag(page, (0.5, 0.3), (0.5, 0.8))
    click(page, 0.8, 0.8)
    counted(page, "2 points, 1 stroke")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save hints").click()
    saved = tmp_path / download.value.suggested_filename
    download.value.save_as(saved)
    hint = Hint.from_json(saved.read_bytes())
    assert (len(hint.points), len(hint.strokes)) == (2, 1)

    page.get_by_text("Erase", exact=True).click()
    click(page, 0.5, 0.6)
    counted(page, "2 points, 0 strokes")
    click(page, 0.6, 0.1)
    counted(page, "2 points, 0 strokes")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#marks *")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    counted(page, "2 points, 0 strokes")

    page.get_by_role("button", name="Hide").click()
    expect(page.locator("#marks")).to_be_hidden()
    page.get_by_role("button", name="Hide").click()
    expect(page.locator("#marks")).to_be_visible()

    page.locator("#hints-file").set_input_files(saved)
    counted(page, "2 points, 1 stroke")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save hints").click()
    again = Hint.from_json(Path(download.value.path()).read_bytes())
    assert len(again.strokes) == 1
    assert again.strokes[0].width == pytest.approx(hint.strokes[0].width)
    assert np.allclose([(p.x, p.y) for p in again.points], [(p.x, p.y) for p in hint.points])
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"points": [{"x": 3}]}')
    page.locator("#hints-file").set_input_files(wrong)
    expect(page.get_by_role("alert")).to_contain_text("wrong.json: points.0.x")
    counted(page, "2 points, 1 stroke")


@needs_chromium
def test_the_keyboard_alone_sets_a_point(page, panel):
    open_panel(page, panel)
    page.locator("#sheet").focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    counted(page, "1 point, 0 strokes")
    circle = page.locator("#marks .point")
    assert float(circle.get_attribute("cx") or 0) == pytest.approx(WIDTH / 2)
    assert float(circle.get_attribute("cy") or 0) > HEIGHT / 2


@needs_chromium
def test_a_colour_is_taken_from_the_result_which_is_downloaded_as_shown(page, panel, tmp_path):
    shown = np.array(open_panel(page, panel), np.uint8).reshape(HEIGHT, WIDTH, 4)[..., :3]
    box = page.locator("#result").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 20.5 / WIDTH, box["y"] + box["height"] * 30.5 / HEIGHT)
    expect(page.locator("#color")).to_have_value("#{:02x}{:02x}{:02x}".format(*shown[30, 20]))
    with page.expect_download() as download:
        page.get_by_text("Download PNG").click()
    assert download.value.suggested_filename == f"panel {HINTED}.png"
    assert np.array_equal(np.asarray(Image.open(download.value.path())), shown)


@needs_chromium
def test_snapping_and_the_slider(page, panel):
    loose = open_panel(page, panel)
    page.get_by_label("Snap to segments").check()
    expect(page.locator("#status")).to_have_text("colouring …")
    assert settled(page) != loose
    page.get_by_label("Before / after").fill("100")
    assert page.locator("#after").evaluate("image => getComputedStyle(image).clipPath") == "inset(0px 0px 0px 100%)"


@needs_chromium
def test_only_the_last_of_many_quick_changes_is_shown(page, panel):
    open_panel(page, panel)
    asked = []
    page.on("request", lambda request: asked.append(request) if request.url.endswith("/colorize") else None)
    for place in range(1, 9):
        click(page, place / 10, 0.3)
    counted(page, "8 points, 0 strokes")
    settled(page)
    assert len(asked) < 8
    assert len(json.loads(asked[-1].post_data)["hints"]["points"]) == 8


@needs_chromium
def test_a_file_that_is_no_picture_is_reported(page):
    page.locator("#file").set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"hello"})
    expect(page.get_by_role("alert")).to_contain_text("The file: no whole picture")
    page.evaluate(
        """() => {
            const dropped = new DataTransfer();
            dropped.items.add(new File(["x"], "notes.txt"));
            dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
        }"""
    )
    expect(page.get_by_role("alert")).to_contain_text("The file: no whole picture")


@needs_chromium
def test_on_a_phone_a_tap_is_a_point_and_nothing_is_cut_off(browser, address, panel):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address)
    page.get_by_label("Colorizer").select_option(HINTED)
    open_panel(page, panel)
    page.locator("#sheet").scroll_into_view_if_needed()
    page.touchscreen.tap(*spot(page, 0.4, 0.4))
    counted(page, "1 point, 0 strokes")
    settled(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


@needs_chromium
def test_before_anything_is_trained_the_page_says_what_to_do(browser, tmp_path):
    installation = Installation(tmp_path)
    served = installation.start("page", "--port", "0", "--no-token")
    assert served.stdout is not None
    page = browser.new_page()
    page.goto(served.stdout.readline().strip())
    expect(page.locator("#takes")).to_contain_text("tintoon run all")
    page.close()
    served.send_signal(signal.SIGINT)
    served.communicate(timeout=30)
