"""A whole book in colour: references first, then the pages that a person corrected, then all others in order.

Reads and writes through `pipelines.books`, page by page: of a strip some slices are in memory at once, else one page.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

import numpy as np

from pipelines.books.book import Book, Page
from pipelines.books.encode import encode_picture, encoding_notes
from pipelines.books.picture_file import PictureFile, read_picture_file
from pipelines.books.writer import BookWriter, PageResult, write_book
from pipelines.colorize.book_hints import BookHints
from pipelines.colorize.hints import Hint
from pipelines.colorize.page import (
    CORRECTION_WEIGHT,
    ColoredPage,
    Painter,
    color_page,
    colored_panels,
    cut_panels,
)
from pipelines.colorize.references import References
from pipelines.colorize.report.report import ColoringReport
from pipelines.colorize.shelf import Shelf
from pipelines.colorize.survey import SeenPage, Variant, grouped, look_at
from pipelines.images.sampling import evenly_spaced
from pipelines.issue_pages.local_files import shown
from pipelines.panels.boxes import Box
from pipelines.progress import Progress, unheard

MAX_REFERENCE_PANELS = 240
"""So many panels of a book's own colour pages and of the given references are looked up: about 400 MB."""

_CODE_VERSION = "3"  # raise it whenever the same pages, references and settings give other colours
_PAGES_OF = {"gray": "pages in gray", "line": "line art"}
_HAS_COLOR = "it has colour of its own"
_MIN_REFERENCE_SIDE_PX = 48  # smaller pieces of a page are no use as references


@dataclass(frozen=True)
class BookSettings:
    """What a person can say about a book."""

    variant: Variant | None = None
    """What the pages are; None looks at each."""
    hints: BookHints = field(default_factory=BookHints)
    recolor: bool = False
    """Whether pages that have colour are coloured from their gray, too. They are no references then."""


@dataclass(frozen=True)
class Library:
    """References that were indexed before."""

    indexes: Sequence[References] = ()
    """Of a title: for gray pictures, for lines, or both."""
    files: Sequence[tuple[str, References]] = ()
    """Indexes that a person named, by the names of their files: a note says which are for none of the pages."""
    find_picture: Callable[[str], np.ndarray | None] = lambda _: None
    """The picture of one of them by its name, for the report: (H, W, 3) uint8 RGB, or None."""
    credits: Sequence[str] = ()
    """Whom to name for them, with their licences."""

    @property
    def all_indexes(self) -> list[References]:
        """Those of files, then those of a title."""
        return [*(index for _, index in self.files), *self.indexes]


@dataclass(frozen=True)
class ColoredBook:
    """What became of a book."""

    path: Path
    results: tuple[PageResult, ...]
    notes: tuple[str, ...]
    """About the book as a whole, and what was left out."""
    lacks_sources: bool = False
    """True where there was nothing to take colours from: no reference, no hint, no page in colour."""

    @property
    def had_color(self) -> bool:
        """True where a page was kept since it has colour of its own."""
        return any(one.outcome == "kept" and one.reason == _HAS_COLOR for one in self.results)

    @property
    def problems(self) -> tuple[PageResult, ...]:
        """The pages that could not be coloured."""
        return tuple(one for one in self.results if one.outcome in ("copied", "left_out"))


def color_book(
    book: Book,
    out: Path,
    painter_of: Callable[[Variant], Painter],
    *,
    colorizer_digest: str,
    settings: BookSettings | None = None,
    reference_books: Sequence[Book] = (),
    library: Library | None = None,
    report: ColoringReport | None = None,
    about: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[str], Progress] = unheard,
) -> ColoredBook:
    """Colours a book into `out`, which appears whole; what was done before with the same settings is not done again.

    Args:
        book: What is coloured (`pipelines.books.open.open_book`).
        out: Its place; see `pipelines.books.target.check_target`.
        painter_of: What colours pages of a variant.
        colorizer_digest: Names what `painter_of` gives: another colorizer colours all pages again.
        settings: What a person says about the book.
        reference_books: Pictures in colour whose colours may be taken over.
        library: The same as indexes that were made before.
        report: Where to show each page with the sources of its colours.
        about: What the report says of the settings.
        progress: Makes a listener for a part of the work.

    A page that cannot be decoded is copied unchanged, and is among the `problems` of the result.
    Raises ValueError, with the file and the remedy: before work begins as `check_target` and for hints of pages that
    are not there, and where a single picture cannot be decoded.
    """
    settings, library = settings or BookSettings(), library or Library()
    hints = settings.hints.by_number(book.pages)
    digest = _digest(book, settings, colorizer_digest, reference_books, library.all_indexes)
    with write_book(book, out, digest) as writer:
        if report:
            report.begin(digest)
        work = _Work(book, writer, painter_of, settings, hints, progress, report)
        if not all(work.is_done(page) for page in book.pages):
            work.run(reference_books, library)
    left_alone = [f"{shown(one.name)}: left alone, {one.reason}" for one in book.left_alone]
    notes = (*writer.notes, *left_alone, *work.notes)
    colored = ColoredBook(writer.target.path, tuple(writer.results), notes, work.lacks_sources)
    if report:
        title = book.title or shown(book.path.stem if book.path.is_file() else book.path.name)
        makers = {
            f"{shown(one.title or one.path.name)}: {', '.join(one.makers)}" for one in reference_books if one.makers
        }
        report.finish(
            colored.results,
            title=title,
            about={"Coloured by": ", ".join(work.colorizers), **about} if work.colorizers else about,
            notes=notes,
            credits=(*library.credits, *sorted(makers)),
            lacks_sources=colored.lacks_sources,
        )
    return colored


class _Work:
    """The colouring of one book."""

    def __init__(
        self,
        book: Book,
        writer: BookWriter,
        painter_of: Callable[[Variant], Painter],
        settings: BookSettings,
        hints: dict[int, Hint],
        progress: Callable[[str], Progress],
        report: ColoringReport | None,
    ) -> None:
        said = writer.said()
        self.notes: list[str] = said.get("notes", [])
        self.lacks_sources: bool = said.get("lacks_sources", False)
        self.colorizers: list[str] = said.get("colorizers", [])
        """The names of those that colour the pages."""
        self._book, self._writer, self._settings = book, writer, settings
        self._hints, self._progress, self._report = hints, progress, report
        self._painter_of = painter_of
        self._shelf = Shelf(())

    def is_done(self, page: Page) -> bool:
        """True where nothing is to be done for a page: it is written, and in the report."""
        return self._writer.has(page) and (self._report is None or self._report.has(page))

    def run(self, reference_books: Sequence[Book], library: Library) -> None:
        """Colours the pages that are not done."""
        seen = self._look(self._book, "pages read")
        painters = [self._painter_of(variant) for variant in sorted(self._variants(seen))]
        takers = [painter for painter in painters if painter.colorizer.takes_references]
        variants = tuple(sorted({painter.colorizer.variant for painter in takers}))
        self._shelf = Shelf(variants, find_picture=library.find_picture)
        if takers:
            self._fill_shelf(seen, reference_books, library)
        has_hints = bool(self._hints) or self._settings.hints.every is not None
        self.lacks_sources = bool(takers) and not len(self._shelf) and not has_hints
        self.colorizers = list(dict.fromkeys(painter.colorizer.name for painter in painters))
        self._keep_said()
        groups = list(grouped(seen))
        marked = [group for group in groups if self._is_marked(group)]
        listener, done = self._progress("pages colored"), 0
        for group in [*marked, *(group for group in groups if not self._is_marked(group))]:
            listener(done, len(seen))
            self._color(group)
            done += len(group)
        listener(done, len(seen))

    def _note(self, text: str) -> None:
        if text not in self.notes:  # a run before this one may have said it
            self.notes.append(text)
            self._keep_said()

    def _keep_said(self) -> None:
        said = {"notes": self.notes, "lacks_sources": self.lacks_sources, "colorizers": self.colorizers}
        self._writer.say(said)

    def _look(self, book: Book, what: str) -> list[SeenPage]:
        listener, found = self._progress(what), []
        for done, page in enumerate(book.pages):
            listener(done, len(book.pages))
            found.append(look_at(page, variant=self._settings.variant))
        listener(len(found), len(found))
        return found

    def _variants(self, seen: Sequence[SeenPage]) -> set[Variant]:
        """What the pages are that there is something to colour on."""
        return {one.variant for one in seen if self._is_to_color(one)}

    def _is_to_color(self, one: SeenPage) -> bool:
        return not one.problem and not one.is_blank and (self._settings.recolor or not one.is_kept)

    def _fill_shelf(self, seen: Sequence[SeenPage], reference_books: Sequence[Book], library: Library) -> None:
        """References: indexes, and panels in colour of the given books and of the book itself."""
        for index in library.all_indexes:
            self._shelf.extend(index)
        pages = " and ".join(_PAGES_OF[variant] for variant in self._shelf.variants)
        for name, index in library.files:
            if index.variant not in self._shelf.variants:
                known = _PAGES_OF.get(index.variant, index.variant)
                self._note(
                    f"reference {name}: left out, it is for {known}, and these are {pages}; "
                    f"give its pictures in place of it, or an index for {pages}"
                )
        if library.indexes and not any(index.variant in self._shelf.variants for index in library.indexes):
            known = " and ".join(_PAGES_OF.get(index.variant, index.variant) for index in library.indexes)
            self._note(f"the references of the title are left out, they are for {known}, and these are {pages}")
        own = () if self._settings.recolor else seen
        found: list[tuple[Book | None, SeenPage, Box]] = [(None, one, box) for one in own for box in _usable(one.boxes)]
        for book in reference_books:
            for one in self._look(book, "references read"):
                name = f"reference {shown(book.path.name)}: {shown(one.page.name)}"
                if one.problem:
                    self._note(f"{name}: left out, {one.problem}")
                elif not one.boxes:
                    self._note(f"{name}: left out, it has no colour")
                found += [(book, one, box) for box in _usable(one.boxes)]
        chosen = evenly_spaced(len(found), MAX_REFERENCE_PANELS).tolist() if found else []
        if len(chosen) < len(found):
            self._note(f"{len(chosen)} of {len(found)} panels in colour are looked up, evenly spaced")
        listener = self._progress("reference panels")
        decoded: tuple[Page | None, np.ndarray] = (None, np.zeros((0, 0, 3), np.uint8))
        for done, at in enumerate(chosen):
            listener(done, len(chosen))
            book, one, box = found[at]
            if decoded[0] is not one.page:
                decoded = one.page, read_picture_file(one.page.read(), name=shown(one.page.name)).rgb
            x, y, width, height = box
            rgb = np.ascontiguousarray(decoded[1][y : y + height, x : x + width])
            name = _reference_name(book, one, box)
            names = (name,) if book is None else (name, f"{shown(book.path.absolute().parent.name)}/{name}")
            self._shelf.add(self._shelf.free_name(*names), rgb)
        listener(len(chosen), len(chosen))

    def _is_marked(self, group: Sequence[SeenPage]) -> bool:
        return any(one.page.number in self._hints for one in group)

    def _color(self, group: list[SeenPage]) -> None:
        """Colours one page, or slices of a strip as one, and hands the pages to the writer."""
        is_done = all(self.is_done(one.page) for one in group)
        if is_done and not self._is_marked(group):  # what a person corrected is needed as a reference
            return
        if group[0].problem:
            self._give_up(group[0].page, group[0].problem)
            return
        pictures = [read_picture_file(one.page.read(), name=shown(one.page.name)) for one in group]
        image = np.concatenate([picture.rgb for picture in pictures]) if len(group) > 1 else pictures[0].rgb
        drawn = [one for one in group if not one.is_blank]
        variants = [one.variant for one in filter(self._is_to_color, drawn)] or [one.variant for one in drawn]
        variant: Variant = "line" if 2 * variants.count("line") > len(variants) else "gray"
        painter = self._painter_of(variant)
        cuts = cut_panels(image, is_line=variant == "line")
        colored = color_page(
            image,
            painter,
            cuts=cuts,
            had_color=[False] * len(cuts) if self._settings.recolor else colored_panels(image, cuts),
            hint=self._hint(group, image.shape),
            references=self._shelf.references.get(painter.colorizer.variant),
            is_line=variant == "line",
        )
        if colored.lost_marks:
            names = ", ".join(shown(one.page.name) for one in group)
            self._note(f"{names}: {colored.lost_marks} marks of the hint lie in no panel and colour nothing")
        if self._is_marked(group) and painter.colorizer.takes_references:
            self._remember(group, colored)
        top = 0
        for one, picture in zip(group, pictures, strict=True):
            rows = slice(top, top + one.height_px)
            top = rows.stop
            part = colored.rows(rows.start, rows.stop)
            if self._report:
                self._report.add(one.page, picture.rgb, part.rgb, part.panels, self._shelf)
            if not self._writer.has(one.page):
                self._hand_over(one.page, picture, part)

    def _hand_over(self, page: Page, picture: PictureFile, colored: ColoredPage) -> None:
        """Gives the writer a page that is coloured, or kept where there was nothing to colour."""
        kept = sum(panel.had_color for panel in colored.panels)
        if not colored.is_colored:
            reason = _HAS_COLOR if kept else "nothing is drawn on it"
            self._writer.copy(page, reason, outcome="kept")
            return
        form = self._writer.target.format_for(picture.format)
        try:
            data = encode_picture(colored.rgb, like=picture, form=form)
        except ValueError as error:
            self._give_up(page, str(error))
            return
        notes = list(encoding_notes(picture, form))
        if kept:
            notes.append(f"{kept} of {len(colored.panels)} panels had colour of their own and are kept")
        self._writer.put(page, data, notes=notes)

    def _give_up(self, page: Page, reason: str) -> None:
        if self._book.kind == "picture":
            raise ValueError(reason)
        name = f"{shown(page.name)}: "  # people see it before the reason
        try:
            self._writer.copy(page, reason.removeprefix(name))
        except ValueError as error:
            self._writer.leave_out(page, str(error).removeprefix(name))
        if self._report:
            self._report.add_damaged(page)

    def _remember(self, group: Sequence[SeenPage], colored: ColoredPage) -> None:
        """What a person corrected is a reference for the pages that follow."""
        for number, panel in enumerate(colored.panels, start=1):
            if panel.is_marked:
                x, y, width, height = panel.box
                rgb = np.ascontiguousarray(colored.rgb[y : y + height, x : x + width])
                name = f"{shown(group[0].page.name)}, panel {number}, with hints"
                self._shelf.add(name, rgb, weight=CORRECTION_WEIGHT)

    def _hint(self, group: Sequence[SeenPage], shape: tuple[int, ...]) -> Hint | None:
        """The hint of a page; of slices all their hints, at places of the strip."""
        own = [self._hints.get(one.page.number, self._settings.hints.every) for one in group]
        if len(group) == 1:
            return own[0]
        found, top = Hint(), 0
        for one, hint in zip(group, own, strict=True):
            if hint is not None:
                moved = hint_in_rows(hint, top, one.height_px, shape)
                found = Hint((*found.points, *moved.points), (*found.strokes, *moved.strokes))
            top += one.height_px
        return found if found.points or found.strokes else None


def hint_in_rows(hint: Hint, top: int, height: int, shape: tuple[int, ...]) -> Hint:
    """The hint of a slice, `height` rows from `top` on, at places of the strip, whose shape is (H, W, ...)."""
    strip_height, width = shape[:2]
    scale = max(height, width) / max(strip_height, width)

    def moved(y: float) -> float:
        return min(1.0, (top + y * height) / strip_height)

    points = tuple(replace(point, y=moved(point.y)) for point in hint.points)
    strokes = tuple(
        replace(stroke, points=tuple((x, moved(y)) for x, y in stroke.points), width=stroke.width * scale)
        for stroke in hint.strokes
    )
    return Hint(points, strokes)


def _usable(boxes: Sequence[Box]) -> Iterator[Box]:
    return (box for box in boxes if min(box[2:]) >= _MIN_REFERENCE_SIDE_PX)


def _reference_name(book: Book | None, one: SeenPage, box: Box) -> str:
    """A name for people. book: None for the book's own pages."""
    name = shown(one.page.name)
    if book is not None and book.kind != "picture":
        name = f"{shown(book.path.name)}: {name}"
    return name if len(one.boxes) == 1 else f"{name}, panel {one.boxes.index(box) + 1}"


def _digest(
    book: Book,
    settings: BookSettings,
    colorizer_digest: str,
    reference_books: Sequence[Book],
    indexes: Sequence[References],
) -> str:
    """Of all that the colours of each page depend on: any page may be a reference of any other."""
    hashed = sha256()
    said = {"variant": settings.variant, "recolor": settings.recolor, "every": settings.hints.every}
    hints = {name: json.loads(hint.to_json()) for name, hint in settings.hints.pages.items()}
    said["every"] = json.loads(settings.hints.every.to_json()) if settings.hints.every else None
    hashed.update(json.dumps([_CODE_VERSION, colorizer_digest, said, hints], sort_keys=True).encode())
    for one in (book, *reference_books):
        for page in one.pages:
            hashed.update(_page_digest(page))
    for index in indexes:
        hashed.update(json.dumps([[one.name, one.weight] for one in index]).encode())
        for one in index:
            hashed.update(one.colors.tobytes())
    return hashed.hexdigest()


def _page_digest(page: Page) -> bytes:
    try:
        return sha256(page.name.encode("utf-8", "surrogateescape") + page.read()).digest()
    except ValueError:
        return b"it cannot be read"
