"""`tintoon colorize`: a picture, a folder or a book in colour. The home is asked only where what is said needs it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from assets.home import Home
from pipelines.books.book import Book
from pipelines.books.open import open_book
from pipelines.books.target import check_target
from pipelines.issue_pages.local_files import shown
from pipelines.lake import Lake
from pipelines.progress import Progress

if TYPE_CHECKING:  # importing what colours takes longer than finding that a file is not there
    from pipelines.colorize.book import ColoredBook, Library
    from pipelines.colorize.page import Painter
    from pipelines.colorize.references import References
    from pipelines.colorize.survey import Variant

DEFAULT = "default"
"""The name of the colorizer that needs no home."""

_PERCENT = 100  # steps of a progress bar


@dataclass(frozen=True)
class Wanted:
    """What a person asks of `tintoon colorize`."""

    source: Path
    target: Path
    colorizer: str = DEFAULT
    """`DEFAULT`, a champion, a recipe, or the file of a checkpoint (`.safetensors`)."""
    like: Path | None = None
    """A picture in colour to learn from, in place of the colorizer."""
    minutes: float = 10
    references: Sequence[Path] = ()
    """Pictures, folders, books, or indexes (`.safetensors`)."""
    title: str | None = None
    hints: Path | None = None
    variant: "Variant | None" = None
    snap: bool = False
    recolor: bool = False
    report: Path | None = None
    """An HTML page to write."""


@dataclass(frozen=True)
class _Chosen:
    """What colours, and the digest that names it."""

    painter_of: "Callable[[Variant], Painter]"
    digest: str
    library: "Library"


def colorize(wanted: Wanted, *, progress: Callable[[str], Progress]) -> "ColoredBook":
    """Does what is wanted. Raises ValueError or FileNotFoundError that names the file and the remedy."""
    book = open_book(wanted.source)
    check_target(book, wanted.target)

    from pipelines.colorize.book import BookSettings, color_book
    from pipelines.colorize.book_hints import BookHints
    from pipelines.colorize.report.report import ColoringReport

    report = ColoringReport(wanted.report) if wanted.report else None
    hints = BookHints.read(wanted.hints) if wanted.hints else BookHints()
    indexes, reference_books = _references(wanted.references)
    if wanted.like is not None:
        _require_of_like(wanted, has_hints=bool(hints.every or hints.pages))
    chosen = _choose(wanted, progress)
    if wanted.references:
        _require(chosen, "references", remedy="leave --references out, or leave --colorizer and --like out")
    if hints.every or hints.pages:
        _require(chosen, "hints", remedy="leave --hints out")
    return color_book(
        book,
        wanted.target,
        chosen.painter_of,
        colorizer_digest=chosen.digest,
        settings=BookSettings(variant=wanted.variant, hints=hints, recolor=wanted.recolor),
        reference_books=reference_books,
        library=replace(chosen.library, files=indexes),
        report=report,
        about=_about(wanted),
        progress=progress,
    )


def _about(wanted: Wanted) -> dict[str, str]:
    """The settings as the report shows them."""
    pages = {None: "looked at one by one", "line": "line art", "gray": "in gray"}
    said = {
        "References": ", ".join(shown(path.name) for path in wanted.references),
        "Title": wanted.title or "",
        "Trained on": shown(wanted.like.name) if wanted.like else "",
        "Hints": shown(wanted.hints.name) if wanted.hints else "",
        "Pages are": pages[wanted.variant],
        "Segments": "one colour each" if wanted.snap or wanted.like else "",
        "Pages in colour": "coloured anew" if wanted.recolor else "kept, and references for the others",
    }
    return {name: value for name, value in said.items() if value}


def _require(chosen: _Chosen, what: Literal["hints", "references"], *, remedy: str) -> None:
    """Raises ValueError where the colorizer does not take what was given."""
    colorizer = chosen.painter_of("gray").colorizer
    if not getattr(colorizer, f"takes_{what}"):
        raise ValueError(f"{colorizer.name} takes no {what}; {remedy}")


def _require_of_like(wanted: Wanted, *, has_hints: bool) -> None:
    """Raises ValueError where what learns from one picture does not take what was given, before it learns."""
    from pipelines.colorize.single_reference import REFERENCE_RECIPE

    recipe = REFERENCE_RECIPE
    taken = {"hints": recipe.takes_hints, "references": recipe.takes_references, "title": recipe.with_label}
    given = {"hints": has_hints, "references": bool(wanted.references), "title": wanted.title is not None}
    for what, is_given in given.items():
        if is_given and not taken[what]:
            raise ValueError(f"--like trains {recipe.name}, which takes no {what}; leave --{what} or --like out")


def _references(paths: Sequence[Path]) -> "tuple[list[tuple[str, References]], list[Book]]":
    """Indexes with their files' names, and books of pictures in colour."""
    from pipelines.colorize.references import References

    indexes, books = [], []
    for path in paths:
        if path.suffix.lower() == ".safetensors":
            indexes.append((shown(path.name), References.load(path)))
        else:
            books.append(open_book(path))
    return indexes, books


def _choose(wanted: Wanted, progress: Callable[[str], Progress]) -> _Chosen:
    from pipelines.colorize.book import Library
    from pipelines.colorize.page import Painter
    from pipelines.colorize.shipped import default_colorizer, shipped_digest

    if wanted.like is not None:
        learned = learn_colorizer(wanted.like, minutes=wanted.minutes, on_progress=progress("percent learned"))
        return _by(learned, wanted, snap=True)
    if wanted.colorizer != DEFAULT:
        return _by(named_checkpoint(wanted.colorizer), wanted, snap=wanted.snap)

    @cache
    def painter_of(variant: "Variant") -> Painter:
        return Painter(default_colorizer(variant), snap=wanted.snap)

    library = _title_library(wanted.title) if wanted.title else Library()
    return _Chosen(painter_of, f"default {shipped_digest()}, snap {wanted.snap}", library)


def _by(checkpoint: Path, wanted: Wanted, *, snap: bool) -> _Chosen:
    """The colorizer of a checkpoint, for pages of every variant."""
    from pipelines.colorize.book import Library
    from pipelines.colorize.load import load_colorizer
    from pipelines.colorize.page import Painter

    colorizer, title = load_colorizer(checkpoint), wanted.title
    titles: tuple[str, ...] = getattr(colorizer, "titles", ())
    if title is not None and title not in titles and not colorizer.takes_references:
        known = f"it knows {', '.join(titles)}" if titles else "it takes none; leave --title out"
        raise ValueError(f"{colorizer.name}: no title {title!r}; {known}")
    painter = Painter(colorizer, snap=snap, title=title)
    digest = sha256(checkpoint.read_bytes()).hexdigest()
    library = _title_library(title) if title and colorizer.takes_references else Library()
    return _Chosen(lambda _: painter, f"{colorizer.name} {digest}, title {title}, snap {snap}", library)


def _title_library(title: str) -> "Library":
    """The references of a title in the lake, for gray pictures and for lines, where there are some.

    Raises ValueError where there is no home, and FileNotFoundError, with what makes them, without any.
    """
    from pipelines.colorize.book import Library
    from pipelines.colorize.title_references import find_title_references, title_attributions
    from pipelines.panels.pixels import read_panels

    home = Home.of()
    if not home.root.exists():
        raise ValueError(
            f"--title {title}: there is no home at {home.root} yet; run 'tintoon run all' there, or give --references"
        )
    lake = Lake.at(home.lake)
    indexes = find_title_references(lake, title, cache=home.cache)
    known = {name for index in indexes for name in index.names}
    return Library(
        indexes,
        find_picture=lambda name: read_panels(lake, [name])[name] if name in known else None,
        credits=title_attributions(lake, title, cache=home.cache),
    )


def learn_colorizer(reference: Path, *, minutes: float, on_progress: Callable[[int, int], None]) -> Path:
    """The checkpoint of a colorizer that has learned from one picture in colour; the same picture is learned once.

    Raises ValueError or FileNotFoundError that names the file.
    """
    from pipelines.colorize.single_reference import REFERENCE_PARAMS, colorizer_like
    from pipelines.images.decode import decode_picture
    from pipelines.training.run_folder import CHECKPOINT

    if not reference.exists():
        raise FileNotFoundError(f"{reference}: no such file")
    data = reference.read_bytes()
    picture = decode_picture(data, name=str(reference))
    params = REFERENCE_PARAMS.model_copy(update={"minutes": minutes})
    key = sha256(data + params.model_dump_json().encode()).hexdigest()[:16]
    checkpoint = Home.of().cache / "references" / key / CHECKPOINT
    if not checkpoint.exists():
        colorizer_like(
            picture,
            checkpoint.parent,
            params=params,
            on_step=lambda step: on_progress(round(_PERCENT * step.done), _PERCENT),
        )
    return checkpoint


def named_checkpoint(name: str) -> Path:
    """A checkpoint: of a trained recipe by name, the champion of a track, or a file (`.safetensors`).

    A file with a record beside it, as in a run folder, must be the recorded one.
    Raises FileNotFoundError, CheckpointError where a file is not the recorded one, and ValueError for an unknown name.
    """
    if name.endswith(".safetensors"):
        return _checkpoint_file(Path(name))
    from assets.tracking.versions import CHAMPIONS, champion_checkpoint
    from models.recipes import RECIPES
    from pipelines.training.store import current_checkpoint

    home = Home.of()
    lake = Lake.at(home.lake)
    if name in CHAMPIONS:
        return champion_checkpoint(lake, cache=home.cache, store=home.mlflow_uri, track=CHAMPIONS[name])
    if name not in RECIPES:
        known = ", ".join((DEFAULT, *CHAMPIONS, *RECIPES))
        raise ValueError(f"no colorizer {name!r}; expected the file of a checkpoint (.safetensors), or one of: {known}")
    return current_checkpoint(lake, name, home.cache)


def _checkpoint_file(path: Path) -> Path:
    from pipelines.training.run_folder import CHECKPOINT, is_finished, load_record, require_recorded

    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file")
    if path.name == CHECKPOINT and is_finished(path.parent):
        require_recorded(path, load_record(path.parent))
    return path
