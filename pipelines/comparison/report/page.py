"""The report: all that is needed to choose a colorizer, as one HTML page without network or script.

    index.html       tables, charts and texts
    pictures/*.jpg   named after their content; loaded when they are scrolled to

The same evaluations give the same bytes.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from upath import UPath

from pipelines.comparison.leaderboard import NOT_KNOWN, Leaderboard, learned_in_words, shown
from pipelines.comparison.report.template import environment
from pipelines.comparison.report.track import PICTURED, PictureUrl, TrackSection, verdict_of
from pipelines.comparison.report.track import difference_text as paired_text
from pipelines.comparison.reproduction import (
    VERDICTS,
    Ours,
    ReproductionTable,
    difference_text,
    number_text,
    pair_text,
)
from pipelines.evaluation.evaluation import RANKING_METRIC, Evaluation
from pipelines.evaluation.gallery import KINDS
from pipelines.evaluation.metrics.definitions import METRICS
from pipelines.lake import atomic_write

TITLE = "Which colorizer"
_OPEN_LICENCE = re.compile(r"CC0-1\.0|CC-BY(-SA)?-\d\.\d")
_CREATIVE_COMMONS = re.compile(r"CC-(BY(?:-NC)?(?:-SA|-ND)?)-(\d\.\d)")


def write_report(
    folder: UPath | Path,
    boards: Sequence[Leaderboard],
    evaluations: Sequence[Evaluation],
    *,
    datasheet: Mapping[str, Any],
    reproduction: Sequence[ReproductionTable] = (),
    title: str = TITLE,
) -> UPath | Path:
    """Writes the report into a folder, its pictures beside the page. Returns the path of the page.

    Args:
        folder: Made where it is not there; pictures of an older report in it are removed.
        boards: One a track.
        evaluations: Those that the boards rank; a row without one has no breakdown and no pictures.
        datasheet: Of the training set: titles with their licences and attributions.
        reproduction: The papers' tables beside ours.
        title: Heads the page.
    """
    pictures: dict[str, bytes] = {}

    def beside(jpeg: bytes) -> str:
        name = f"{sha256(jpeg).hexdigest()[:20]}.jpg"
        pictures[name] = jpeg
        return f"pictures/{name}"

    page = report_html(
        boards, evaluations, datasheet=datasheet, reproduction=reproduction, title=title, picture_url=beside
    )
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    files = {folder / "pictures" / name: jpeg for name, jpeg in pictures.items()}
    files[folder / "index.html"] = page.encode()
    for path, data in files.items():
        with atomic_write(path) as temporary:
            temporary.write_bytes(data)
    for path in (folder / "pictures").iterdir():
        if path.name not in pictures:
            path.unlink()
    return folder / "index.html"


def inline(jpeg: bytes) -> str:
    """A picture as a data URI."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def report_html(
    boards: Sequence[Leaderboard],
    evaluations: Sequence[Evaluation],
    *,
    datasheet: Mapping[str, Any],
    reproduction: Sequence[ReproductionTable] = (),
    title: str = TITLE,
    picture_url: PictureUrl = inline,
) -> str:
    """The report as one page; see `write_report`.

    By default its pictures are inside it, for places that show a single file alone, as MLflow does with artifacts.
    """
    tracks = [
        TrackSection(board, evaluations, picture_url)
        for board in boards
        if board.rows or board.not_comparable or board.learned
    ]
    ranked = {(row.name, board.benchmark_fingerprint) for board in boards for row in board.rows}
    apart = {
        (row.name, row.benchmark_fingerprint) for board in boards for row in (*board.not_comparable, *board.learned)
    }
    shown_titles = {name for track in tracks for one in track.evaluations for name in one.unhinted["title"].unique()}
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            title=title,
            tracks=tracks,
            metrics=METRICS,
            ranking=METRICS[RANKING_METRIC],
            datasheet=datasheet,
            titles=_titles(datasheet, shown_titles),
            reproduction=reproduction,
            verdicts=VERDICTS,
            verdict_counts=Counter(result.verdict for table in reproduction for result in table.claims),
            cell_text=lambda cell: number_text(cell) if isinstance(cell, Ours) else cell,
            extractor_of=lambda cell: cell.made_with if isinstance(cell, Ours) else "",
            pair_text=pair_text,
            difference_text=difference_text,
            paired_text=paired_text,
            verdict_of=verdict_of,
            kinds=KINDS,
            pictured=PICTURED,
            strangers=sorted({(one.name, one.benchmark_fingerprint) for one in evaluations} - ranked - apart),
            shown=shown,
            learned_in_words=learned_in_words,
            not_known=NOT_KNOWN,
        )
    )


def _titles(datasheet: Mapping[str, Any], shown_titles: set[str]) -> list[dict[str, Any]]:
    """Titles with their licences as (name, address or None), and whether the report shows pictures of them."""
    return [
        {
            "name": name,
            "source": title["source"],
            "issues": title["issues"],
            "pictures": title["pictures"],
            "licences": [(licence, licence_url(licence)) for licence in title["licences"]],
            "attributions": title["attributions"],
            "is_shown": name in shown_titles,
            "is_open": all(_OPEN_LICENCE.fullmatch(licence) for licence in title["licences"]),
        }
        for name, title in datasheet["titles"].items()
    ]


def licence_url(licence: str) -> str | None:
    """The URL of a Creative Commons licence text by SPDX identifier; None for others."""
    if licence == "CC0-1.0":
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    found = _CREATIVE_COMMONS.fullmatch(licence)
    return f"https://creativecommons.org/licenses/{found[1].lower()}/{found[2]}/" if found else None
