"""How surely copies of panels are found, and how often others are taken for copies, on real panels.

    python -m benchmarks.copies FOLDER [--panels N] [--queries N] [--json]

FOLDER holds comics as <title>/<issue>/<page>. Its pages are cut, and near-duplicates (pHash within 8 bits) and flat
panels left out, as the stages do. Of some panels copies are made; each is looked for among all panels as across splits
(`pipelines.copies.across_splits`: thumbnails first, then the most alike aligned by their pixels). `found` is the share
of copies whose panel is found, `named` that with the relation's right name, `dropped` that which `unique_panels` drops
within a split, `others` the number of other panels that are taken for a copy, for each 100 queries. `none` asks for
copies of panels that have none.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.copy_changes import at_night, encoded_anew, lettered, mirrored, turned_in_hue, zoomed
from pipelines.copies.across_splits import CANDIDATES, MIN_CANDIDATE
from pipelines.copies.alignment import align, best_correlations, fine_of, luma_of
from pipelines.copies.relations import RECOLOURED_DISTANCE, color_distances, relation_of
from pipelines.images.decode import decode_picture
from pipelines.images.formats import PICTURE_SUFFIXES
from pipelines.panels.cut import cut_page
from pipelines.panels.hashing import is_flat, phash, thumbnail
from pipelines.panels.params import PanelParams

RADIUS_BITS = 8
MIN_SIDE_PX = 200

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _anywhere(scale: float) -> Change:
    return lambda rgb, random: zoomed(rgb, scale, random.random(), random.random())


CHANGES: dict[str, tuple[set[str], Change]] = {
    "encoded anew": ({"near"}, lambda rgb, _: encoded_anew(rgb)),
    "lettered": ({"near"}, lambda rgb, _: lettered(rgb)),
    "mirrored": ({"mirrored"}, lambda rgb, _: mirrored(rgb)),
    "mirrored, encoded anew": ({"mirrored"}, lambda rgb, _: encoded_anew(mirrored(rgb))),
    "zoomed 1.1": ({"zoomed"}, _anywhere(1.1)),
    "zoomed 1.3, centre": ({"zoomed"}, lambda rgb, _: zoomed(rgb)),
    "zoomed 1.3": ({"zoomed"}, _anywhere(1.3)),
    "zoomed 1.5": ({"zoomed"}, _anywhere(1.5)),
    "mirrored, zoomed 1.3": ({"mirrored and zoomed"}, lambda rgb, random: mirrored(_anywhere(1.3)(rgb, random))),
    "by night": ({"recoloured"}, lambda rgb, _: at_night(rgb)),
    "hue turned by 120": ({"recoloured"}, lambda rgb, _: turned_in_hue(rgb)),
}


def real_panels(folder: Path, count: int) -> list[np.ndarray]:
    """Panels of a folder of comics, evenly spread over its pages, none flat, no two near-duplicates. uint8 RGB."""
    pages = sorted(path for path in folder.glob("*/*/*") if path.suffix.lower() in PICTURE_SUFFIXES)
    order = np.random.default_rng(0).permutation(len(pages))
    found: list[np.ndarray] = []
    hashes: list[int] = []
    for place in order:
        page = decode_picture(pages[place].read_bytes(), name=str(pages[place]))
        for cut in cut_page(page, PanelParams()):
            x, y, width, height = cut.box
            panel = np.ascontiguousarray(page[y : y + height, x : x + width])
            if min(width, height) < MIN_SIDE_PX or is_flat(panel):
                continue
            own = int(phash(panel), 16)
            if all((own ^ other).bit_count() > RADIUS_BITS for other in hashes):
                found.append(panel)
                hashes.append(own)
        if len(found) >= count:
            break
    return found[:count]


def measure(panels: list[np.ndarray], queries: int) -> dict[str, dict[str, float]]:
    """The rates of each change, by name."""
    thumbnails = [thumbnail(panel) for panel in panels]
    luma, fine = luma_of(thumbnails), [fine_of(panel) for panel in panels]
    hashes = [int(phash(panel), 16) for panel in panels]
    asked = np.linspace(0, len(panels) - 1, queries).astype(int).tolist()
    found = {}
    for name, (relations, change) in {"none": (set(), lambda rgb, _: rgb), **CHANGES}.items():
        random = np.random.default_rng(0)
        is_found, is_named, is_dropped, others = [], [], [], 0
        for place in asked:
            copy = np.ascontiguousarray(change(panels[place], random))
            own = thumbnail(copy)
            correlation = best_correlations(luma_of([own]), luma)[0]
            if name == "none":
                correlation[place] = -1
            relation = None
            for other in np.argsort(-correlation)[:CANDIDATES]:
                if correlation[other] < MIN_CANDIDATE:
                    continue
                (distance,) = color_distances([own], [thumbnails[other]])
                seen = relation_of(align(fine_of(copy), fine[other]), distance)
                if other == place:
                    relation = seen
                else:
                    others += seen is not None
            (distance,) = color_distances([own], [thumbnails[place]])
            near = (int(phash(copy), 16) ^ hashes[place]).bit_count() <= RADIUS_BITS
            is_found.append(relation is not None)
            is_named.append(relation in relations)
            is_dropped.append(near and distance < RECOLOURED_DISTANCE)
        rates = {"found": is_found, "named": is_named, "dropped": is_dropped} if relations else {}
        found[name] = {key: float(np.mean(values)) for key, values in rates.items()}
        found[name]["others"] = 100 * others / len(asked)
    return found


def pairs_per_second(count: int = 2000) -> float:
    """So many pairs of thumbnails are compared in a second, over all windows."""
    pictures = np.random.default_rng(0).uniform(0, 255, (count, 16, 16)).astype(np.float32)
    start = time.perf_counter()
    best_correlations(pictures[:1000], pictures)
    return 1000 * count / (time.perf_counter() - start)


def main() -> None:
    """Prints the rates as a table, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--panels", type=int, default=600)
    parser.add_argument("--queries", type=int, default=120)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    panels = real_panels(options.folder, options.panels)
    start = time.perf_counter()
    rates = measure(panels, min(options.queries, len(panels)))
    seconds = time.perf_counter() - start
    speed = pairs_per_second()
    if options.json:
        json.dump({"panels": len(panels), "rates": rates, "pairs_per_second": speed}, sys.stdout, indent=2)
        return
    lines = [f"{len(panels)} panels, {options.queries} queries each, {seconds:.0f} s; {speed:,.0f} pairs/s", ""]
    lines += ["| copy | found | named | dropped | others |", "|---|---|---|---|---|"]
    for name, row in rates.items():
        shares = " | ".join(f"{row[key]:.3f}" if key in row else "" for key in ("found", "named", "dropped"))
        lines.append(f"| {name} | {shares} | {row['others']:.1f} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
