"""`tintoon colorize`: pictures of any size, through a trained recipe or the champion."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2

from assets.crowning import champion_checkpoint
from assets.resources import default_resources
from assets.tracked_training import local_checkpoint
from pipelines.colorize.picture import TrainedColorizer, gray_of
from pipelines.lake import natural_key, written_aside
from pipelines.panels.decode import decode_picture
from pipelines.recipes import RECIPES

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
WRITABLE = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}


def colorize_files(source: Path, target: Path, *, name: str, on_progress: Callable[[int, int], None]) -> list[Path]:
    """Colours one picture, or each picture of a folder; returns the files written.

    Raises ValueError or FileNotFoundError that names the file and the remedy.
    """
    pairs = _pairs(source, target)
    colorizer = load_colorizer(name)
    if colorizer.variant != "gray":
        raise ValueError(f"{name} takes {colorizer.variant} pictures; choose a colorizer of gray pictures")
    for done, (file, written) in enumerate(pairs):
        on_progress(done, len(pairs))
        colored = colorizer.colorize(gray_of(decode_picture(file.read_bytes(), name=str(file))))
        _, encoded = cv2.imencode(written.suffix, cv2.cvtColor(colored, cv2.COLOR_RGB2BGR))
        with written_aside(written) as aside:
            aside.write_bytes(encoded.tobytes())
    on_progress(len(pairs), len(pairs))
    return [written for _, written in pairs]


def load_colorizer(name: str) -> TrainedColorizer:
    """A trained recipe by name, or the champion."""
    resources = default_resources()
    opened, cache = resources["lake"].open(), resources["lake"].cache
    if name == "champion":
        return TrainedColorizer.load(champion_checkpoint(opened, cache=cache, tracking=resources["tracking"]))
    if name not in RECIPES:
        raise ValueError(f"no colorizer {name!r}; expected champion, or one of: {', '.join(RECIPES)}")
    return TrainedColorizer.load(local_checkpoint(opened, name, cache))


def _pairs(source: Path, target: Path) -> list[tuple[Path, Path]]:
    if source.is_dir():
        files = [file for file in source.iterdir() if file.suffix.lower() in SUFFIXES]
        if not files:
            raise ValueError(f"{source}: no pictures in this folder; expected files such as .png or .jpg")
        if target.exists() and not target.is_dir():
            raise ValueError(f"{target}: is a file; a folder of pictures needs a folder to go to")
        if target.resolve() == source.resolve():
            raise ValueError(
                f"{target}: IN and OUT are the same folder; name another, so that no picture is overwritten"
            )
        files.sort(key=lambda file: natural_key(file.name))
        stems = Counter(file.stem for file in files)  # page.jpg beside page.webp: neither may take the other's place
        return [(file, target / f"{file.stem if stems[file.stem] == 1 else file.name}.png") for file in files]
    if not source.exists():
        raise FileNotFoundError(f"{source}: no such file")
    written = target / f"{source.stem}.png" if target.is_dir() else target
    if written.suffix.lower() not in WRITABLE:
        raise ValueError(f"{written}: expected a name that ends in one of {', '.join(sorted(WRITABLE))}")
    if written.resolve() == source.resolve():
        raise ValueError(f"{written}: IN and OUT are the same file; name another, so that it is not overwritten")
    return [(source, written)]
