"""Decisions about 100,000 panels of 1,200 issues: about all, about one new issue, and where nothing is new.

    python -m benchmarks unique_panels [--quick]

The lake is drawn: 40 titles, 83 panels an issue, hashes of which 5 % are near to an earlier one, and encoded pictures
left out. The limit is what cannot be left out: the tables of panels that count are read, the digest of every table is
looked at, the table of decisions is read and written.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from benchmarks.near_hashes import drawn
from benchmarks.rounds import in_turns
from benchmarks.row import Row, check_equal, row_of_times
from pipelines.issue_pages.page import PAGE_SCHEMA
from pipelines.lake import Lake
from pipelines.panels.panel import PANEL_SCHEMA
from pipelines.params import UniqueParams
from pipelines.unique_panels import DECIDED_FROM, PANEL_COLUMNS, build_unique_panels

TITLES = 40


def put_issue(lake: Lake, key: str, hashes: np.ndarray, random: np.random.Generator) -> None:
    """Writes the table of panels of one issue. hashes: (N,) uint64, one a panel."""
    title, _, issue = key.partition("__")
    count = len(hashes)
    digits = [f"{value:016x}" for value in hashes.tolist()]
    few_colors = random.integers(0, 256, (count, 16, 3), dtype=np.uint8).repeat(16, axis=1)
    columns = {
        "title": [title] * count,
        "issue": [issue] * count,
        "panel": range(1, count + 1),
        "panel_id": [f"{key}__{number:04d}" for number in range(1, count + 1)],
        "page": [number // 3 + 1 for number in range(count)],
        "pages_sha256": [[f"{key}-{number // 3}".ljust(64, "0")] for number in range(count)],
        "page_box": [[0, 300 * (number % 3), 300, 300] for number in range(count)],
        "width_px": [300] * count,
        "height_px": [300] * count,
        "is_gray": (random.random(count) < 0.1).tolist(),
        "colored_share": [0.5] * count,
        "phash": digits,
        "hash_version": ["1"] * count,
        "is_flat": [False] * count,
        "sha256": [f"{one}{key}-{number}".ljust(64, "0")[:64] for number, one in enumerate(digits)],
        "thumbnail": [colors.tobytes() for colors in few_colors],
        "licence": ["CC0-1.0"] * count,
        "attribution": ["drawn"] * count,
    }
    arrays = [pa.array(columns.get(one.name, [None] * count), one.type) for one in PANEL_SCHEMA]
    lake.write_table(
        lake.panels(key), pa.Table.from_arrays(arrays, schema=PANEL_SCHEMA), made_from=f"{key} {digits[0]}"
    )
    put_pages(lake, key, list(dict.fromkeys(digest for [digest] in columns["pages_sha256"])))


def put_pages(lake: Lake, key: str, digests: list[str]) -> None:
    """Writes the table of pages of one issue, without their pictures, which a reader of other columns passes over."""
    shared = {"title": key, "issue": key, "status": "ok", "licence": "CC0-1.0", "attribution": "drawn", "facts": "{}"}
    rows = [
        shared | {"page": number, "name": f"{number}.png", "url": f"https://comics.test/{number}", "sha256": digest}
        for number, digest in enumerate(digests, start=1)
    ]
    lake.write_table(lake.issue_pages(key), pa.Table.from_pylist(rows, schema=PAGE_SCHEMA), made_from=digests[0])


def draw_lake(root: str, issues: int, panels: int) -> Lake:
    """A lake of so many issues with so many panels each."""
    lake, random = Lake.at(root), np.random.default_rng(0)
    for place, hashes in enumerate(np.split(drawn(issues * panels, "uniform"), issues)):
        put_issue(lake, f"t{place % TITLES}__{place // TITLES + 1}", hashes, random)
    return lake


def decide_again(lake: Lake) -> pa.Table:
    """The decisions as they are made without those of before, in the same order of arrival."""
    table = lake.read_table(lake.unique_panels)
    metadata = {name: value for name, value in (table.schema.metadata or {}).items() if name != DECIDED_FROM}
    lake.write_table(lake.unique_panels, table.replace_schema_metadata(metadata), made_from="")
    build_unique_panels(lake, UniqueParams(), title_order=[])
    return lake.read_table(lake.unique_panels)


def run(quick: bool) -> list[Row]:
    """The rows of this benchmark."""
    issues, panels, rounds = (80, 40, 1) if quick else (1_200, 83, 2)
    with tempfile.TemporaryDirectory() as root:
        lake = draw_lake(root, issues, panels)
        rows = _rows(lake, rounds, f"{issues * panels:,} panels of {issues:,} issues")
        return [replace(row, target=None) for row in rows] if quick else rows  # fixed costs rule a small lake


def _rows(lake: Lake, rounds: int, size: str) -> list[Row]:
    random = np.random.default_rng(1)
    keys = lake.keys_with("panels")
    build_unique_panels(lake, UniqueParams(), title_order=[])
    added: list[str] = []

    def digests() -> None:
        for key in keys:
            lake.made_from(lake.panels(key))

    def decisions() -> None:
        table = lake.read_table(lake.unique_panels)
        other = lake.root / "other.parquet"
        lake.write_table(other, table, made_from="")

    def tables() -> None:
        digests()
        for key in keys:
            lake.read_table(lake.panels(key), PANEL_COLUMNS)
        decisions()

    def one_issue() -> None:
        digests()
        decisions()

    def new_issue() -> None:
        added.append(f"t0__{1_000 + len(added)}")
        put_issue(lake, added[-1], drawn(60, "uniform", seed=len(added)), random)
        build()

    def build() -> None:
        build_unique_panels(lake, UniqueParams(), title_order=[])

    parts: dict[str, Callable[[], object]] = {
        "reading and writing": tables,
        "all": lambda: decide_again(lake),
        "digests and decisions": one_issue,
        "a new issue": new_issue,
        "digests": digests,
        "unchanged": build,
    }
    times = in_turns(parts, rounds=rounds)
    found = lake.read_table(lake.unique_panels)
    check_equal(found.equals(decide_again(lake)), True, "decisions about new issues alone, and about all again")
    holders = "in a profile, half of it finds which issue of before each issue holds, a twelfth compares hashes"
    places = "beside them, a third finds which issue of before each issue holds, and reads their tables of pages' times"
    rows = [
        ("all", "reading and writing", f"deciding about {size}", 3.0, holders),
        ("a new issue", "digests and decisions", f"deciding about a new issue of 60 panels beside {size}", 2.0, places),
        ("a new issue", "all", f"a new issue beside {size}, by deciding about all", 0.25, ""),
        ("unchanged", "digests", f"nothing new in {size}", 1.5, "beside the footers, the times of the tables of pages"),
    ]
    return [
        row_of_times(name, times, ours=ours, peer=peer, target=target, why=why)
        for ours, peer, name, target, why in rows
    ]
