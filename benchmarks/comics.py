"""The comics that benchmarks read: openly licensed ones where there are some, drawn ones elsewhere.

`TINTOON_COMICS` names a folder with comics as <title>/<issue>/<page>; without it, `shared/data/comics` beside the
checkout. Where neither is there, a webtoon is drawn: ratios of drawn comics are not those of real ones, and the
results say which they were.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

from demo.draw import draw_webtoon
from pipelines.images.formats import PICTURE_SUFFIXES

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "comics"


@cache
def comics_folder() -> Path:
    """A folder with comics as <title>/<issue>/<page>."""
    named = os.environ.get("TINTOON_COMICS")
    if named:
        return Path(named)
    return _BESIDE if _BESIDE.is_dir() else _drawn()


def comics_name() -> str:
    """What the comics are, for the results."""
    return "drawn" if comics_folder().name == "tintoon-drawn" else "real"


def pages_of(title: str | None = None, issue: str | None = None) -> list[Path]:
    """The pages of one title and issue, or of all, in their order; of whatever title there is where it is not."""
    folder = comics_folder()
    title = title if title and (folder / title).is_dir() else None
    found = sorted(folder.glob(f"{title or '*'}/{issue if title and issue else '*'}/*"))
    return [path for path in found if path.suffix.lower() in PICTURE_SUFFIXES]


def _drawn() -> Path:
    folder = Path(tempfile.mkdtemp()) / "tintoon-drawn"
    for number, issue in enumerate(draw_webtoon(seed=0, issues=4).issues, start=1):
        target = folder / "drawn" / f"ep{number}"
        target.mkdir(parents=True)
        for place, data in enumerate(issue.slices, start=1):
            (target / f"{place:03}.jpg").write_bytes(data)
    return folder
