"""The benchmark of collecting: both ways keep the same bytes."""

from pathlib import Path

from benchmarks.scrape import PAGES_PER_ISSUE, bare_loop, collect, host, page_bytes


def test_both_ways_keep_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    with host(PAGES_PER_ISSUE) as address:
        ours = collect(address, tmp_path, PAGES_PER_ISSUE)
        assert ours == bare_loop(address, tmp_path / "bare", PAGES_PER_ISSUE)
    assert ours == [page_bytes(number) for number in range(PAGES_PER_ISSUE)]
