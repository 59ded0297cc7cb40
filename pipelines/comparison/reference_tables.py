"""Tables of colour from references and hints, on comics in a folder: each colorizer beside the gray copy.

Conditions:
    same_issue        the first six panels of an issue are references, the others are colored
    other_issues      the 24 panels of other issues of the title that look most alike are references
    N_hints           N single pixels at random places, with their true colours; nothing else
    same_issue_N      six references and N hints
    nothing           neither
    page_6_dots       whole pages: six dots in the largest segments of each panel, as a person gives them; no references

Every number is a mean CIEDE2000 over panels; `share` divides it by that of the gray copy on the same panels. Intervals
and p-values are those of the paired difference from the gray copy, over issues where there are three, else over panels
(`significance`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.colorize.hints import Hint, Point, hint_of_truth
from pipelines.colorize.page import Painter, color_page, has_color
from pipelines.colorize.picture import Colorizer
from pipelines.colorize.references import References, reference_of, seen_of
from pipelines.colorize.segment_hints import DOTS, hint_of_largest_segments
from pipelines.comparison.comic_panels import ComicPage, ComicPanel, pages_of, panels_of
from pipelines.comparison.significance import paired_difference
from pipelines.evaluation.metrics.pixels import ciede2000
from pipelines.images.color import gray_to_rgb, lab_to_rgb, resized, rgb_to_gray, rgb_to_lab, with_luma
from pipelines.images.sampling import evenly_spaced
from pipelines.progress import Progress, unheard

GRAY_COPY, REFERENCE_MEAN = "gray_copy", "reference_mean"
HINT_COUNTS = (1, 3, 5, 10, 28, 64, 128)
FIRST_PANELS, MOST_ALIKE = 6, 24
_HINT_SIDE = 256
_COLUMNS = ["title", "issue", "panel_id", "condition", "colorizer", "ciede2000"]


@dataclass(frozen=True, eq=False)
class _Case:
    """One panel in one condition."""

    condition: str
    panel: ComicPanel
    references: References | None = None
    hint: Hint | None = None


def measure_references(
    folder: Path,
    titles: Sequence[str],
    colorizers: Sequence[Colorizer],
    *,
    panels: int | None = None,
    pages: int = 0,
    progress: Callable[[str], Progress] = unheard,
) -> pd.DataFrame:
    """Panels and whole pages of titles in every condition; rows as those of `measure_title`.

    titles: Names in the folder; `pepper-carrot:ep02,ep05` colours some issues only.
    """
    parts = []
    for one in titles:
        title, _, listed = one.partition(":")
        issues = frozenset(filter(None, listed.split(","))) or None
        parts.append(
            measure_title(
                folder, title, colorizers, issues=issues, at_most=panels, on_panel=progress(f"panels of {title}")
            )
        )
        if pages:
            found = measure_pages(
                folder, title, colorizers, issues=issues, at_most=pages, on_page=progress(f"pages of {title}")
            )
            parts.append(found)
    return pd.concat(parts, ignore_index=True)


def measure_title(
    folder: Path,
    title: str,
    colorizers: Sequence[Colorizer],
    *,
    issues: frozenset[str] | None = None,
    at_most: int | None = None,
    seed: int = 0,
    on_panel: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """CIEDE2000 of every colorizer, the gray copy and the mean colour of the references, on the panels of a title.

    Args:
        folder: Comics, `<title>/<issue>/<page>`.
        title: The title.
        colorizers: Those of gray pictures that take references and hints.
        issues: The issues that are colored; references may come from all. None: all.
        at_most: At most so many panels, evenly spread; None: all.
        seed: Decides the places of hints.
        on_panel: Called with (done, all) panels.

    Raises ValueError where no issue has more panels than are references.

    Returns a row a panel, condition and colorizer: `title`, `issue`, `panel_id`, `condition`, `colorizer`, `ciede2000`.
    """
    panels = panels_of(folder, title)
    known = [reference_of(f"{one.issue} {one.name}", one.rgb) for one in panels]
    by_issue: dict[str, list[int]] = {}
    for at, panel in enumerate(panels):
        by_issue.setdefault(panel.issue, []).append(at)
    colored = [
        at for issue, members in by_issue.items() if issues is None or issue in issues for at in members[FIRST_PANELS:]
    ]
    if not colored:
        raise ValueError(f"{title}: no issue has more than {FIRST_PANELS} panels in colour; nothing is left to colour")
    chosen = [colored[place] for place in evenly_spaced(len(colored), at_most or len(colored))]
    rows = []
    for number, at in enumerate(chosen):
        panel = panels[at]
        first = References("gray", tuple(known[one] for one in by_issue[panel.issue][:FIRST_PANELS]))
        others = References("gray", tuple(known[one] for one in range(len(panels)) if panels[one].issue != panel.issue))
        for case in _cases(panel, first, others.nearest(known[at].places.pooled, MOST_ALIKE), seed + at):
            for colorizer, value in _measured(case, colorizers):
                rows.append((title, panel.issue, f"{panel.issue} {panel.name}", case.condition, colorizer, value))
        if on_panel:
            on_panel(number + 1, len(chosen))
    return pd.DataFrame(rows, columns=_COLUMNS)


def measure_pages(
    folder: Path,
    title: str,
    colorizers: Sequence[Colorizer],
    *,
    issues: frozenset[str] | None = None,
    at_most: int = 5,
    on_page: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """CIEDE2000 on whole pages, with DOTS dots in each panel; rows as those of `measure_title`.

    Pages that are gray, or have no panels, are left out; of the others `at_most` are taken, evenly spread.
    """
    pages = [page for page in pages_of(folder, title, issues) if page.boxes and has_color(page.rgb)]
    if not pages:
        raise ValueError(f"{title}: no page in colour has panels")
    chosen = [pages[place] for place in evenly_spaced(len(pages), at_most)]
    rows = []
    for number, page in enumerate(chosen):
        truth, seen = _half_lab(page.rgb), gray_to_rgb(rgb_to_gray(page.rgb))
        hint = page_dots(page)
        outputs = {GRAY_COPY: seen}
        for colorizer in colorizers:
            if colorizer.takes_hints:
                outputs[colorizer.name] = color_page(seen, Painter(colorizer), hint=hint).rgb
        for name, rgb in outputs.items():
            value = float(ciede2000(_half_lab(rgb), truth).mean())
            rows.append((title, page.issue, f"{page.issue} {page.name}", f"page_{DOTS}_dots", name, value))
        if on_page:
            on_page(number + 1, len(chosen))
    return pd.DataFrame(rows, columns=_COLUMNS)


def page_dots(page: ComicPage) -> Hint:
    """DOTS dots in the largest segments of each panel of a page, at places of the page."""
    height, width = page.rgb.shape[:2]
    points = []
    for x, y, w, h in page.boxes:
        panel = np.ascontiguousarray(page.rgb[y : y + h, x : x + w])
        points += [
            Point((x + dot.x * w) / width, (y + dot.y * h) / height, dot.rgb)
            for dot in hint_of_largest_segments(panel, DOTS).points
        ]
    return Hint(points=tuple(points))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a title, condition and colorizer: panels, mean, share of the gray copy, interval of the difference, p."""
    found = []
    for (title, condition), group in rows.groupby(["title", "condition"], sort=False):
        gray = group[group["colorizer"] == GRAY_COPY]
        for colorizer, own in group.groupby("colorizer", sort=False):
            mean, base = own["ciede2000"].mean(), gray["ciede2000"].mean()
            facts = {"title": title, "condition": condition, "colorizer": colorizer, "panels": len(own)}
            facts |= {"ciede2000": mean, "share": mean / base}
            if colorizer != GRAY_COPY:
                difference = paired_difference(own, gray, "ciede2000")
                facts |= {"low": difference.low, "high": difference.high, "p": difference.p_value}
            found.append(facts)
    return pd.DataFrame(found)


def to_markdown(table: pd.DataFrame) -> str:
    """The summary as one Markdown table a title: conditions down, colorizers across."""
    parts = [
        "Mean CIEDE2000, in brackets its share of the gray copy's and the 95 % interval of that share; * where the "
        "interval leaves out the gray copy and p < 0.05 (paired, over issues where there are three)."
    ]
    for title, group in table.groupby("title", sort=False):
        names = [name for name in dict.fromkeys(group["colorizer"]) if name != GRAY_COPY]
        lines = [f"| {title} | panels | gray copy | {' | '.join(names)} |", f"|---|---|---|{'---|' * len(names)}"]
        for condition, rows in group.groupby("condition", sort=False):
            by_name: Mapping[str, pd.Series] = {row["colorizer"]: row for _, row in rows.iterrows()}
            gray = by_name[GRAY_COPY]
            cells = [_cell(by_name.get(name), gray["ciede2000"]) for name in names]
            lines.append(f"| {condition} | {gray['panels']} | {gray['ciede2000']:.2f} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(row: pd.Series | None, gray: float) -> str:
    if row is None:
        return ""
    mark = " *" if row["p"] < 0.05 and row["high"] < 0 else ""
    low, high = 1 + row["low"] / gray, 1 + row["high"] / gray
    return f"{row['ciede2000']:.2f} ({row['share']:.2f}, {low:.2f} to {high:.2f}){mark}"


def _cases(panel: ComicPanel, first: References, others: References, seed: int) -> Iterator[_Case]:
    yield _Case("nothing", panel)
    yield _Case("same_issue", panel, first)
    yield _Case("other_issues", panel, others)
    for count in HINT_COUNTS:
        yield _Case(f"{count}_hints", panel, hint=_pixels(panel.rgb, count, seed))
    for count in (3, 10):
        yield _Case(f"same_issue_{count}_hints", panel, first, _pixels(panel.rgb, count, seed))


def _pixels(rgb: np.ndarray, count: int, seed: int) -> Hint:
    return hint_of_truth(rgb, count, side=_HINT_SIDE, seed=seed)


def _measured(case: _Case, colorizers: Sequence[Colorizer]) -> Iterator[tuple[str, float]]:
    truth = rgb_to_lab(case.panel.rgb)
    seen = seen_of(case.panel.rgb, "gray")

    def error(rgb: np.ndarray) -> float:
        return float(ciede2000(rgb_to_lab(rgb), truth).mean())

    yield GRAY_COPY, error(gray_to_rgb(seen))
    if case.references is not None:
        yield REFERENCE_MEAN, error(_mean_chroma(seen, case.references))
    for colorizer in colorizers:
        takes_all = (colorizer.takes_hints or not case.hint) and (colorizer.takes_references or not case.references)
        if takes_all:
            yield colorizer.name, error(colorizer.colorize(seen, hint=case.hint, references=case.references))


def _mean_chroma(gray: np.ndarray, references: References) -> np.ndarray:
    """A gray picture under the mean chroma of the references: the baseline that knows no places."""
    mean = np.concatenate([one.colors.reshape(-1, 3) for one in references]).astype(np.float32).mean(axis=0)
    lab = rgb_to_lab(gray_to_rgb(gray))
    lab[..., 1:] = mean[1:]
    return with_luma(lab_to_rgb(lab), gray)


def _half_lab(rgb: np.ndarray) -> np.ndarray:
    """Lab at half the size: pages are compared as they are looked at."""
    return rgb_to_lab(resized(rgb, (max(1, rgb.shape[0] // 2), max(1, rgb.shape[1] // 2))))
