"""Titles of every source, side by side, down to one training set whose datasheet says where each is from."""

import io
import json
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from demo.draw import DrawnIssue, Webtoon
from demo.naver import NaverSite, SiteTitle
from pipelines.issue_pages.sources.registry import SOURCES
from tests.installation import SHARED, Installation
from tests.pipelines.issue_pages.packed import write_zip
from tests.sites.danbooru import DanbooruSite, SitePost
from tests.sites.naver_2017 import Naver2017Site
from tests.sites.peppercarrot import PepperCarrotSite, SiteEpisode
from tests.sites.shuushuu import ShuushuuSite, SiteImage
from tests.sites.webtoons import WebtoonsSite

VIDEO = SHARED / "data" / "video" / "bigbuckbunny.mp4"
TITLE_ID = 7
WHOLE = {"layout": "whole", "min_side_px": 120, "max_side_px": 2000}
SETTINGS = {
    "issue_pages": {"spacing_s": 0.0},
    "gray_panels": {"resolutions": [32]},
    "edge_panels": {"resolutions": [32]},
    "line_panels": {"resolutions": [32]},
}


def scene(seed: int, form: str = "JPEG", *, side_px: int = 160) -> bytes:
    """A picture like no other: blocks of strong colours."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (5, 5, 3), dtype=np.uint8).repeat(side_px // 5, 0).repeat(side_px // 5, 1)
    buffer = io.BytesIO()
    Image.fromarray(blocks).save(buffer, form, quality=92)
    return buffer.getvalue()


def webtoon(first_seed: int) -> Webtoon:
    issues = tuple(
        DrawnIssue(number, f"{number}화", tuple(scene(first_seed + 10 * number + k) for k in range(3)), ())
        for number in range(1, 5)
    )
    return Webtoon("작은 하루", "아무개", "…", issues)


def episode(number: int) -> SiteEpisode:
    cover, title, credit = (scene(1000 + 10 * number + k) for k in (7, 8, 9))
    pages = tuple(scene(1000 + 10 * number + k) for k in range(3))
    return SiteEpisode(f"ep{number:02}_Somewhere", cover, title, pages, credit)


def dump(root: Path) -> Path:
    """A set as Danbooru2018 lies on disk: folders by id modulo 1000, metadata as JSON lines."""
    lines = []
    for folder in range(4):
        for count in range(3):
            number = folder + 1000 * (count + 1)
            file = root / "original" / f"{folder:04}" / f"{number}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(scene(7000 + number))
            lines.append(json.dumps({"id": str(number), "rating": "s", "file_ext": "jpg", "tags": [{"name": "1girl"}]}))
    (root / "metadata").mkdir()
    (root / "metadata" / "2018.json").write_text("\n".join(lines))
    return root


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> Installation:
    """An installation whose titles are of every source there is, collected and frozen into a training set."""
    root = tmp_path_factory.mktemp("every-source")
    flat = root / "illustrations"
    flat.mkdir()
    for number in range(12):
        (flat / f"picture {number}.png").write_bytes(scene(3000 + number, "PNG"))
    (flat / "tiny.png").write_bytes(scene(3999, "PNG", side_px=60))
    books = root / "books"
    books.mkdir()
    for number in range(1, 5):
        write_zip(books / f"{number}.cbz", {f"{k}.jpg": scene(4000 + 10 * number + k) for k in range(3)})
    with ExitStack() as running:
        naver = running.enter_context(NaverSite({TITLE_ID: SiteTitle(webtoon(0), paid={4})}))
        old = running.enter_context(Naver2017Site({TITLE_ID: SiteTitle(webtoon(100))}))
        webtoons = running.enter_context(WebtoonsSite({TITLE_ID: webtoon(200)}))
        pepper = running.enter_context(PepperCarrotSite([episode(number) for number in range(1, 5)]))
        shuushuu = running.enter_context(
            ShuushuuSite([SiteImage(n, scene(5000 + n)) for n in range(5, 65, 5)], search_delay_s=0.01)
        )
        danbooru = running.enter_context(
            DanbooruSite([SitePost(n, scene(6000 + n), rating="e" if n == 25 else "g") for n in range(5, 65, 5)])
        )
        shards = {"ids_per_issue": 20, "collect_growing": True}
        titles = {
            "naver": (naver.address(TITLE_ID), {}, "CC0-1.0"),
            "naver_2017": (old.address(TITLE_ID), {}, "CC0-1.0"),
            "webtoons": (webtoons.address(TITLE_ID), webtoons.settings, "CC0-1.0"),
            "peppercarrot": (pepper.url, {}, "unknown"),
            "shuushuu": (shuushuu.url, shards, "by their artists"),
            "shuushuu_2017": (shuushuu.url, shards, "by their artists"),
            "danbooru": (danbooru.url, {**shards, "documented_api": "help:api"}, "by their artists"),
            "danbooru_dump": (str(dump(root / "set")), {"scale": "older"}, "by their artists"),
            "folder": (str(flat), {"flat": True, "issues": 4}, "CC-BY-4.0"),
            "archive": (str(books), {}, "CC-BY-SA-4.0"),
            **({"video": (str(VIDEO), {"every_frames": 50}, "CC-BY-3.0")} if VIDEO.exists() else {}),
        }
        declared = {
            name.replace("_", "-"): {
                "source": name,
                "address": address,
                "settings": settings,
                "licence": licence,
                "attribution": f"the {name} people",
                "panels": WHOLE,
            }
            for name, (address, settings, licence) in titles.items()
        }
        (root / "titles.yaml").write_text(yaml.safe_dump({"titles": declared}))
        installation = Installation.with_stores(root / "home", {"TINTOON_TITLES": str(root / "titles.yaml")})
        (installation.home / "settings.yaml").write_text(yaml.safe_dump(SETTINGS))
        installation.run("sync")
        stages = ["issue_pages", "panels", "unique_panels", "issue_splits"]
        stages += ["gray_panels", "edge_panels", "line_panels", "training_set"]
        installation.run("run", *stages)
    return installation


@pytest.fixture(scope="module")
def datasheet(collected: Installation) -> dict:
    return json.loads((collected.home / "lake" / "training_set.json").read_bytes())["datasheet"]


def test_every_source_is_in_the_training_set(datasheet):
    expected = set(SOURCES) - (set() if VIDEO.exists() else {"video"})
    assert set(datasheet["sources"]) == expected
    assert len(expected) >= 10
    # The images of shuushuu are in both of its layouts: the second time they are duplicates.
    counted = {name: total["pictures"] for name, total in datasheet["sources"].items()}
    assert counted["shuushuu"] + counted["shuushuu_2017"] == 12
    assert (counted["naver"], counted["naver_2017"], counted["webtoons"]) == (9, 12, 12)
    assert (counted["danbooru"], counted["danbooru_dump"], counted["folder"], counted["archive"]) == (11, 12, 12, 12)


def test_licences_and_drops_are_listed(datasheet, collected):
    assert datasheet["sources"]["peppercarrot"]["licences"] == ["CC-BY-4.0"]  # what the source says goes before
    assert datasheet["sources"]["archive"]["licences"] == ["CC-BY-SA-4.0"]
    assert datasheet["titles"]["peppercarrot"]["attributions"] == ["Pepper&Carrot by David Revoy"]
    assert datasheet["titles"]["folder"]["dropped"] == {"too_small": 1}
    assert sum(title["dropped"].get("near_duplicate", 0) for title in datasheet["titles"].values()) == 12
    text = next((collected.home / "lake" / "training_sets").glob("*.md")).read_text("utf-8")
    assert "| archive | 1 | 12 | CC-BY-SA-4.0 |" in text


def test_what_was_not_collected_has_its_reason(collected):
    lake = collected.home / "lake"
    catalogue = json.loads((lake / "catalogue" / "naver.json").read_bytes())
    assert [issue["state"] for issue in catalogue["issues"]] == ["free"] * 3 + ["paid"]
    pages = pd.concat([pd.read_parquet(file) for file in sorted((lake / "issue_pages" / "danbooru").glob("*.parquet"))])
    assert pages["status"].value_counts().to_dict() == {"ok": 11, "unwanted": 1}
    assert json.loads(pages["facts"].iloc[0])["rating"] == "general"
    pepper = pd.concat([pd.read_parquet(file) for file in (lake / "issue_pages" / "peppercarrot").glob("*.parquet")])
    assert "unwanted" in set(pepper["status"])  # credits and title strips
