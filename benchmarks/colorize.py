"""Colouring against its peers: the decoding of the page, and the U-Net of `webtoon_l2`; one thread, one run.

    python -m benchmarks.colorize [--pages N] [--json]

Each number is the least of several rounds in which everything takes turns, so a slow moment of the machine meets all.
Peak memory and the start of the command are those of processes of their own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.drawn_pages import drawn_pages, drawn_panels, in_gray
from models.build import build_objective
from models.recipes import RECIPES
from pipelines.colorize.hints import hint_of_truth
from pipelines.colorize.page import Painter, color_page
from pipelines.colorize.places import find_places
from pipelines.colorize.references import References
from pipelines.colorize.shipped import default_colorizer
from pipelines.images.color import rgb_to_gray

ROUNDS = 5
LARGE_PX = (9000, 6000)
TARGETS = {"hint": 0.15, "page": 1.0, "start": 3.0, "memory": 2000.0}
"""Seconds; MB of the memory."""


def measure(pages: int) -> dict[str, float]:
    """Seconds of each part, pages a second of a book, and MB of peak memory."""
    page = next(drawn_pages(1))
    gray, encoded = rgb_to_gray(page), cv2.imencode(".jpg", in_gray(page))[1]
    colorizer = default_colorizer()
    painter = Painter(colorizer)
    references = References.of((f"panel {at}", panel) for at, panel in enumerate(drawn_panels(6, seed=1)))
    places, hint = find_places(gray), hint_of_truth(page, 12, side=128, seed=0)
    objective = build_objective(RECIPES["webtoon_l2"].objective)
    network = objective.networks[objective.model].eval()
    given = torch.zeros(1, 1, 256, 256)

    def u_net() -> None:
        with torch.inference_mode():
            network(given)

    seconds = _least(
        {
            "decode": lambda: cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB),
            "u_net": u_net,
            "hint": lambda: colorizer.colorize_with_sources(gray, hint=hint, places=places),
            "page": lambda: color_page(in_gray(page), painter, references=references),
        }
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds["start"] = _command(folder, [np.full((64, 64), 128, np.uint8)])
        book = [page, *(in_gray(one) for one in drawn_pages(pages, seed=2))]
        seconds["book"] = _command(folder, book) - seconds["start"]
    return {**seconds, "pages_per_s": pages / seconds["book"], "memory": _peak_mb()}


def _least(parts: dict[str, Callable[[], object]]) -> dict[str, float]:
    least = dict.fromkeys(parts, float("inf"))
    for _ in range(ROUNDS):
        for name, run in parts.items():
            started = time.perf_counter()
            run()
            least[name] = min(least[name], time.perf_counter() - started)
    return least


def _command(folder: Path, pages: list[np.ndarray]) -> float:
    """Seconds of `tintoon colorize` on a book of these pages, as a process of its own."""
    book, colored = folder / f"{len(pages)}.cbz", folder / f"{len(pages)}_colored.cbz"
    with zipfile.ZipFile(book, "w") as archive:
        for number, page in enumerate(pages):
            bgr = page if page.ndim == 2 else cv2.cvtColor(page, cv2.COLOR_RGB2BGR)
            archive.writestr(f"{number:03}.png", cv2.imencode(".png", bgr)[1].tobytes())
    command = [sys.executable, "-c", "from studio.cli import main; main()", "colorize", str(book), str(colored)]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def _peak_mb() -> float:
    """Peak memory in MB of colouring one picture of LARGE_PX with hints and references."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.colorize", "--large"], check=True, capture_output=True, text=True
    )
    return float(found.stdout)


def _color_large() -> None:
    panels = drawn_panels(7)
    picture = cv2.resize(rgb_to_gray(panels[6]), LARGE_PX[::-1], interpolation=cv2.INTER_LINEAR)
    references = References.of((f"panel {at}", panel) for at, panel in enumerate(panels[:6]))
    hint = hint_of_truth(panels[6], 12, side=128, seed=0)
    default_colorizer().colorize_with_sources(picture, hint=hint, references=references)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)  # noqa: T201


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=6, help="Gray pages of the book.")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--large", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.large:
        _color_large()
        return
    found = measure(options.pages)
    if options.json:
        print(json.dumps(found))  # noqa: T201
        return
    rows = [
        ("decode a page of 992 x 1401", found["decode"], "s", None),
        ("U-Net of webtoon_l2, 256 x 256", found["u_net"], "s", None),
        ("a hint's answer on the page", found["hint"], "s", TARGETS["hint"]),
        ("the page from six references", found["page"], "s", TARGETS["page"]),
        ("start of the command, one small page", found["start"], "s", TARGETS["start"]),
        ("a book from its first page", found["pages_per_s"], "pages/s", None),
        ("peak memory at 6000 x 9000", found["memory"], "MB", TARGETS["memory"]),
    ]
    print(f"{'':40} {'':>12} {'target':>8} {'/ decode':>9} {'/ U-Net':>8}")  # noqa: T201
    for name, value, unit, target in rows:
        ratios = (f"{value / found['decode']:9.1f} {value / found['u_net']:8.1f}") if unit == "s" else ""
        print(f"{name:40} {value:8.3f} {unit:7} {target or '':>4} {ratios}")  # noqa: T201


if __name__ == "__main__":
    main()
