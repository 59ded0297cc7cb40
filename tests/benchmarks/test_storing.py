"""The benchmarks of storing panels compare outputs before they measure: these comparisons, on little."""

import numpy as np
import pytest

from benchmarks import phash, storage, stored_panels, variants
from benchmarks.stored_issue import store_issue
from demo.draw import draw_webtoon
from pipelines.lake import Lake
from pipelines.panels.build import build_panels
from pipelines.panels.params import PanelParams


@pytest.fixture(scope="module")
def slices() -> list[bytes]:
    return list(draw_webtoon(seed=0, issues=1, panels_per_issue=4).issues[0].slices)


def test_panels_that_are_read_are_those_of_the_pages(slices, tmp_path):
    lake = Lake.at(tmp_path)
    key = store_issue(lake, "comic", "1", slices)
    build_panels(key, lake, PanelParams(layout="strip"))
    assert stored_panels.check(lake, key, slices, is_strip=True) >= 3
    storage.check(lake, slices)


def test_hashes_and_variants_are_those_of_their_peers(monkeypatch):
    random = np.random.default_rng(0)
    phash.check([random.integers(0, 256, (height, 90, 3), dtype=np.uint8) for height in (40, 200)])
    monkeypatch.setattr(variants, "SIDE_PX", 48)
    variants.check(random.integers(0, 256, (1, 48, 48, 3), dtype=np.uint8))
