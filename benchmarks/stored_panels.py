"""From the pages of an issue in the lake to its stored panels, and back to their pixels, by the time of one decode.

The peer is simplejpeg, which decodes the pages and does nothing else. First, what is read of the lake is compared with
what lies in the boxes of the pages, decoded by it.
"""

import tempfile
from collections.abc import Callable

import cv2
import numpy as np
import simplejpeg

from benchmarks.comics import comics_name, pages_of
from benchmarks.rounds import in_turns
from benchmarks.row import Row, check_equal, row_of_times
from benchmarks.stored_issue import encoded, store_issue
from pipelines.images.decode import decode_picture
from pipelines.lake import Lake
from pipelines.panels.build import build_panels
from pipelines.panels.cut import cut_strip, explain_page
from pipelines.panels.filters import MeasuredPanel, colored_share
from pipelines.panels.hashing import is_flat, phash, pixels_sha256, thumbnail
from pipelines.panels.params import PanelParams
from pipelines.panels.pixels import panels_of, read_panels
from pipelines.panels.strip import stitch

TARGET = 2.1
ISSUES = {"strip": ("climate-frogs-webtoon", "ep01"), "pages": ("pepper-carrot", "ep10")}


def run(quick: bool) -> list[Row]:
    """Two rows an issue: panels stored, and panels read again."""
    cv2.setNumThreads(1)
    return [row for layout in ISSUES for row in _rows_of(layout, rounds=2 if quick else 7)]


def check(lake: Lake, key: str, pages: list[bytes], *, is_strip: bool) -> int:
    """Compares every panel that is read with its box in the decoded pages. Returns how many there are."""
    decoded = [simplejpeg.decode_jpeg(data, "RGB") for data in pages]
    rows = lake.read_table(lake.panels(key)).to_pylist()
    found = read_panels(lake, [row["panel_id"] for row in rows])
    strip = stitch(decoded).image if is_strip else None
    for row in rows:
        source, (x, y, w, h) = decoded[row["page"] - 1], row["page_box"]
        if row["strip_box"] and strip is not None:
            source, (x, y, w, h) = strip, row["strip_box"]
        same = np.array_equal(found[row["panel_id"]], source[y : y + h, x : x + w])
        check_equal(same, True, f"{row['panel_id']}: the pixels that are read")
    return len(rows)


def _rows_of(layout: str, *, rounds: int) -> list[Row]:
    pages, params = encoded(pages_of(*ISSUES[layout])), PanelParams(layout="strip" if layout == "strip" else "pages")
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.at(folder)
        key = store_issue(lake, "comic", layout, pages)

        def build() -> None:
            lake.panels(key).unlink(missing_ok=True)  # or it would find that nothing changed
            build_panels(key, lake, params)

        build()
        panels = check(lake, key, pages, is_strip=layout == "strip")
        names = lake.read_table(lake.panels(key), ["panel_id"])["panel_id"].to_pylist()
        pixels = list(read_panels(lake, names).values())
        packed = [cv2.imencode(".png", rgb)[1] for rgb in pixels]
        images = [decode_picture(data, name="page") for data in pages]
        strip = stitch(images).image if layout == "strip" else None
        measured = [MeasuredPanel(rgb) for rgb in pixels]

        def cut() -> None:
            if strip is not None:
                cut_strip(strip, params)
            else:
                _each(lambda page: explain_page(page, params), images)

        times = in_turns(
            {
                "simplejpeg decode": lambda: [simplejpeg.decode_jpeg(data, "RGB") for data in pages],
                "stored": build,
                "read again": lambda: [None for _ in panels_of(lake, key, names)],
                "PNG decode of the panels": lambda: [cv2.imdecode(data, cv2.IMREAD_COLOR) for data in packed],
                "of it: cut": cut,
                "of it: sha256": lambda: _each(pixels_sha256, pixels),
                "of it: phash": lambda: _each(phash, pixels),
                "of it: small copy": lambda: _each(lambda rgb: MeasuredPanel(rgb).small, pixels),
                "of it: colours, flatness, thumbnail": lambda: _each(
                    lambda one: (colored_share(one, params), is_flat(one.small), thumbnail(one.small)), measured
                ),
            },
            rounds=rounds,
        )
        one = times["simplejpeg decode"].cpu_s
        parts = {name: round(part.cpu_s / one, 3) for name, part in times.items()}
        facts = {
            "comics": comics_name(),
            "pages": len(pages),
            "panels": panels,
            "pages_bytes": sum(map(len, pages)),
            "panels_table_bytes": lake.panels(key).stat().st_size,
            "panels_as_png_bytes": sum(len(data) for data in packed),
            "by_decode": parts,
        }
        cuts = parts["of it: cut"]
    why = f"the cut alone takes {cuts:.2f}x, decoding 1x, SHA-256 of the pixels {parts['of it: sha256']:.2f}x"
    stored = row_of_times(
        f"{layout}: pages to stored panels",
        times,
        ours="stored",
        peer="simplejpeg decode",
        target=TARGET,
        why=why,
        facts=facts,
    )
    again = row_of_times(
        f"{layout}: panels read again, with their SHA-256",
        times,
        ours="read again",
        peer="PNG decode of the panels",
        target=1.0,
        facts=facts,
    )
    return [stored, again]


def _each(work: Callable, values: list) -> None:
    for value in values:
        work(value)
