"""A file of hints for a book: one hint for each picture, or hints of single pages that all pages learn from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.books.book import Page
from pipelines.colorize.hints import Hint, HintError


@dataclass(frozen=True)
class BookHints:
    """Hints of a person for the pages of a book."""

    every: Hint | None = None
    """A hint for each page: its places are shares of the page."""
    pages: Mapping[str, Hint] = field(default_factory=dict)
    """Hints by the name of a page. What is coloured with them is a reference for all other pages."""

    @classmethod
    def from_json(cls, text: str | bytes) -> "BookHints":
        """Reads `{"pages": {"<name of a page>": hint, ...}}`, or one hint for all pages. Raises HintError."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise HintError(f"no JSON: {error}") from None
        if not isinstance(value, dict) or "pages" not in value:
            return cls(every=Hint.from_json(text))
        if set(value) != {"pages"} or not isinstance(value["pages"], dict):
            raise HintError('expected {"pages": {"<name of a page>": {"points": [...], "strokes": [...]}}}')
        found = {}
        for name, hint in value["pages"].items():
            try:
                found[name] = Hint.from_json(json.dumps(hint))
            except HintError as error:
                raise HintError(f"pages.{name}.{error}") from None
        return cls(pages=found)

    @classmethod
    def read(cls, file: Path) -> "BookHints":
        """The hints of a file. Raises FileNotFoundError, or ValueError that names the file."""
        if not file.exists():
            raise FileNotFoundError(f"{file}: no such file of hints")
        try:
            return cls.from_json(file.read_bytes())
        except HintError as error:
            raise ValueError(f"{file}: no hints ({error}); the page saves them (tintoon page)") from None

    def by_number(self, pages: Sequence[Page]) -> dict[int, Hint]:
        """The hints of single pages by the number of the page.

        A page is named by its path in the book, or by its last part where that is clear. Raises ValueError for a name
        that no page, or several, have.
        """
        found = {}
        for name, hint in self.pages.items():
            named = [page for page in pages if page.name == name]
            named = named or [page for page in pages if page.name.rpartition("/")[2] == name]
            if len(named) != 1:
                seen = ", ".join(page.name for page in (named or pages)[:3])
                problem = "several pages are" if named else "no page is"
                raise ValueError(f"hints: {problem} called {name!r}; name a page by its path in the book, e.g. {seen}")
            found[named[0].number] = hint
        return found
