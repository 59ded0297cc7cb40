"""`tintoon colorize`: pictures of any size, through a trained recipe, the champion, or one picture in colour."""

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import cv2

from assets.resources import default_resources
from assets.tracking.promote import champion_checkpoint
from assets.tracking.registry import CHAMPIONS
from models.recipes import RECIPES
from pipelines.colorize.hints import Hint, HintError
from pipelines.colorize.load import load_colorizer
from pipelines.colorize.picture import Colorizer, TrainedColorizer
from pipelines.colorize.single_reference import REFERENCE_PARAMS, colorizer_like
from pipelines.colorize.whole_picture import colorize_whole
from pipelines.images.decode import decode_picture
from pipelines.lake import atomic_write, natural_key
from pipelines.training.run_folder import CHECKPOINT
from pipelines.training.store import current_checkpoint

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
WRITABLE = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"}

_PERCENT = 100  # steps of a progress bar


def colorize_files(
    source: Path,
    target: Path,
    *,
    load: Callable[[], Colorizer],
    hints: Path | None,
    title: str | None,
    snap: bool,
    on_progress: Callable[[int, int], None],
) -> list[Path]:
    """Colours one picture, or each picture of a folder; returns the files written.

    load: called once, after IN and OUT were checked.
    hints: a file of hints, as the page saves them; used for every picture, since their places are shares of it.
    Raises ValueError or FileNotFoundError that names the file and the remedy.
    """
    pairs = _pairs(source, target)
    hint = _read_hints(hints) if hints else None
    colorizer = load()
    titles: tuple[str, ...] = getattr(colorizer, "titles", ())
    if title is not None and title not in titles:
        known = f"it knows {', '.join(titles)}" if titles else "it takes none; leave --title out"
        raise ValueError(f"{colorizer.name}: no title {title!r}; {known}")
    for done, (file, written) in enumerate(pairs):
        on_progress(done, len(pairs))
        picture = decode_picture(file.read_bytes(), name=str(file))
        colored = colorize_whole(colorizer, picture, hint=hint, title=title, snap=snap)
        _, encoded = cv2.imencode(written.suffix, cv2.cvtColor(colored, cv2.COLOR_RGB2BGR))
        with atomic_write(written) as temporary:
            temporary.write_bytes(encoded.tobytes())
    on_progress(len(pairs), len(pairs))
    return [written for _, written in pairs]


def _read_hints(file: Path) -> Hint:
    if not file.exists():
        raise FileNotFoundError(f"{file}: no such file of hints")
    try:
        return Hint.from_json(file.read_bytes())
    except HintError as error:
        raise ValueError(f"{file}: no hints ({error}); the page saves them (tintoon page)") from None


def learn_colorizer(reference: Path, *, minutes: float, on_progress: Callable[[int, int], None]) -> TrainedColorizer:
    """A colorizer that has learned from one picture in colour; the same picture is learned once.

    Raises ValueError or FileNotFoundError that names the file.
    """
    if not reference.exists():
        raise FileNotFoundError(f"{reference}: no such file")
    data = reference.read_bytes()
    picture = decode_picture(data, name=str(reference))
    params = REFERENCE_PARAMS.model_copy(update={"minutes": minutes})
    key = sha256(data + params.model_dump_json().encode()).hexdigest()[:16]
    checkpoint = default_resources()["lake"].cache / "references" / key / CHECKPOINT
    if not checkpoint.exists():
        colorizer_like(
            picture,
            checkpoint.parent,
            params=params,
            on_step=lambda step: on_progress(round(_PERCENT * step.done), _PERCENT),
        )
    return TrainedColorizer.load(checkpoint)


def named_colorizer(name: str) -> Colorizer:
    """A recipe by name, trained or a method, or the champion of a track."""
    resources = default_resources()
    opened, cache = resources["lake"].open(), resources["lake"].cache
    if name in CHAMPIONS:
        tracking = resources["tracking"]
        return load_colorizer(champion_checkpoint(opened, cache=cache, tracking=tracking, track=CHAMPIONS[name]))
    if name not in RECIPES:
        raise ValueError(f"no colorizer {name!r}; expected one of: {', '.join((*CHAMPIONS, *RECIPES))}")
    return load_colorizer(current_checkpoint(opened, name, cache))


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
