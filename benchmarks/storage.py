"""The tables of pages: all pictures of one read against decoding them, and one picture against a flat file.

Both tables and flat file are in the system's cache; what is read is compared with what was written first.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import simplejpeg

from benchmarks.comics import comics_name, pages_of
from benchmarks.rounds import in_turns
from benchmarks.row import Row, check_equal, row_of_times
from benchmarks.stored_issue import encoded, store_issue
from pipelines.lake import Lake

SCAN_TARGET, RANDOM_TARGET = 10.0, 0.7
PAGES, ASKED = 200, 100


def run(quick: bool) -> list[Row]:
    """Two rows: scan and random access."""
    pages = encoded(pages_of())[:: 40 if quick else 8][:PAGES]
    order = np.random.default_rng(0).integers(0, len(pages), ASKED).tolist()
    with tempfile.TemporaryDirectory() as folder:
        lake, flat = Lake.at(folder), Path(folder) / "flat"
        path = lake.issue_pages(store_issue(lake, "comic", "1", pages))
        flat.write_bytes(b"".join(pages))
        ends = np.cumsum([0, *map(len, pages)]).tolist()
        check(lake, pages)
        unchecked = pq.ParquetFile(path)
        with flat.open("rb") as opened:

            def pread() -> None:
                for place in order:
                    os.pread(opened.fileno(), ends[place + 1] - ends[place], ends[place])

            def rows() -> None:
                for place in order:
                    lake.read_rows(path, [place], ["image"])

            def groups() -> None:
                size = unchecked.metadata.row_group(0).num_rows
                for place in order:
                    unchecked.read_row_group(place // size, columns=["image"])

            times = in_turns(
                {
                    "decode": lambda: [simplejpeg.decode_jpeg(data, "RGB") for data in pages],
                    "scan": lambda: lake.read_table(path, ["image"]),
                    "write": lambda: store_issue(lake, "comic", "2", pages),
                    "pread": pread,
                    "rows": rows,
                    "groups, open and unchecked": groups,
                },
                rounds=2 if quick else 7,
            )
    size = sum(map(len, pages))
    each = {name: round(1e6 * times[name].cpu_s / ASKED) for name in ("pread", "rows", "groups, open and unchecked")}
    a_page = 1e6 * times["decode"].cpu_s / len(pages)
    facts = {
        "comics": comics_name(),
        "pages": len(pages),
        "mean_bytes": size // len(pages),
        "scan_gb_a_second": round(size / times["scan"].cpu_s / 1e9, 2),
        "microseconds_a_page": {**each, "decode": round(a_page)},
    }
    why = (
        "the file is opened, its footer read and its checksums compared each time: "
        f"{each['rows']} us; with the file held open and unchecked, a group of Parquet still takes "
        f"{each['groups, open and unchecked']} us, a flat file {each['pread']} us; decoding takes {a_page:.0f} us"
    )
    return [
        row_of_times(
            "pages of a table read, times faster than decoding them",
            times,
            ours="scan",
            peer="decode",
            target=SCAN_TARGET,
            better="higher",
            facts=facts,
        ),
        row_of_times(
            "one page of a table by its place, speed by that of a flat file",
            times,
            ours="rows",
            peer="pread",
            target=RANDOM_TARGET,
            better="higher",
            why=why,
            facts=facts,
        ),
    ]


def check(lake: Lake, pages: list[bytes]) -> None:
    """Compares the pictures that are read, at once and one by one, with those that were written."""
    path = lake.issue_pages("comic__1")
    found = [image["bytes"] for image in lake.read_table(path, ["image"])["image"].to_pylist()]
    check_equal(found == pages, True, "the pages of a table")
    for place in (0, len(pages) // 2, len(pages) - 1):
        (image,) = lake.read_rows(path, [place], ["image"])["image"].to_pylist()
        check_equal(image["bytes"] == pages[place], True, f"page {place} of a table")
