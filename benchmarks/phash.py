"""Perceptual hashes of real panels, against imagehash, whose bits they are."""

import cv2
import imagehash
import numpy as np
from PIL import Image

from benchmarks.comics import comics_name, pages_of
from benchmarks.rounds import in_turns
from benchmarks.row import Row, check_equal, row_of_times
from pipelines.images.decode import decode_picture
from pipelines.panels.hashing import phash

TARGET = 7.0


def run(quick: bool) -> list[Row]:
    """One row; every hash is compared first."""
    cv2.setNumThreads(1)
    pictures = panels(40 if quick else 400)
    check(pictures)
    times = in_turns(
        {
            "imagehash": lambda: [imagehash.phash(Image.fromarray(rgb)) for rgb in pictures],
            "ours": lambda: [phash(rgb) for rgb in pictures],
        },
        rounds=2 if quick else 5,
    )
    pixels = sum(rgb.shape[0] * rgb.shape[1] for rgb in pictures)
    facts = {
        "comics": comics_name(),
        "panels": len(pictures),
        "megapixels": round(pixels / 1e6, 1),
        "panels_a_second": round(len(pictures) / times["ours"].cpu_s),
    }
    name = "pHash of panels, times faster than imagehash"
    return [row_of_times(name, times, ours="ours", peer="imagehash", target=TARGET, better="higher", facts=facts)]


def check(pictures: list[np.ndarray]) -> None:
    """Compares the hashes of pictures, uint8 RGB (H, W, 3), with those of imagehash."""
    for rgb in pictures:
        check_equal(phash(rgb), str(imagehash.phash(Image.fromarray(rgb))), f"the hash of {rgb.shape}")


def panels(count: int) -> list[np.ndarray]:
    """So many parts of pages of all titles, with the sizes of panels: uint8 RGB (H, W, 3)."""
    paths, random = pages_of(), np.random.default_rng(0)
    chosen = [paths[place] for place in random.permutation(len(paths))[: count // 2]]
    found = []
    for path in chosen:
        page = decode_picture(path.read_bytes(), name=path.name)
        height, width = page.shape[:2]
        for _ in range(2):
            h, w = (int(random.uniform(0.2, 1) * side) + 1 for side in (height, width))
            y, x = int(random.integers(height - h + 1)), int(random.integers(width - w + 1))
            found.append(np.ascontiguousarray(page[y : y + h, x : x + w]))
    return found
