"""From JPEG files to the boxes of panels, beside the decoding of the files alone.

The peer is libjpeg-turbo by simplejpeg, one file after another. `least` is that, and the passes over all pixels without
which nothing can be said of them: the comparison with the ground, and the copy on the working scale. kumiko, the peer
by name, cannot be installed; cuts by it took 86 to 144 times as long as a cut by plain projections.

Pages of the sizes that books are scanned in are drawn larger from smaller ones, and encoded anew.
"""

import json
from collections.abc import Sequence

import cv2
import simplejpeg

from benchmarks.comics import comics_folder, pages_of
from benchmarks.drawn_pages import drawn_pages
from benchmarks.rounds import Times, in_turns
from benchmarks.row import Row, check_equal, row_of_times
from demo.draw import draw_webtoon
from pipelines.images.decode import decode_picture
from pipelines.panels.boxes import Box, share_in_box
from pipelines.panels.cut import cut_page, cut_strip
from pipelines.panels.params import PanelParams
from pipelines.panels.strip import stitch
from pipelines.panels.view import View

_PARAMS = PanelParams(layout="auto")
_TARGET = 1.35
_BOOK_DASH_PX, _A4_PX = 2363, 2480  # the shorter sides of a page as printed, and of A4 at 300 dpi


def run(quick: bool) -> list[Row]:
    """The rows. Raises AssertionError where drawn or annotated panels are not found.

    On one thread, as the peer: OpenCV's threads would spend more on waiting for each other than on small pictures.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return _rows(quick)
    finally:
        cv2.setNumThreads(threads)


def _rows(quick: bool) -> list[Row]:
    check_drawn()
    check_annotated(4 if quick else 24)
    strip = [path.read_bytes() for path in pages_of("climate-frogs-webtoon")]
    pages = [path.read_bytes() for path in pages_of("pepper-carrot") if path.suffix.lower() in (".jpg", ".jpeg")]
    book = [path.read_bytes() for path in pages_of("book-dash") if path.suffix.lower() in (".jpg", ".jpeg")]
    if quick:
        strip = strip[:8]
    rounds = 3 if quick else 7
    step = 48 if quick else 12
    return [
        _strip_row(strip, rounds),
        _pages_row("pages of Pepper&Carrot", pages[::step], rounds),
        _pages_row("pages of Book Dash", book[::step], rounds),
        _pages_row(f"pages of Book Dash at {_BOOK_DASH_PX} px", _enlarged(book[:: 8 * step], _BOOK_DASH_PX), rounds),
        _pages_row(f"pages of Pepper&Carrot at {_A4_PX} px", _enlarged(pages[:: 8 * step], _A4_PX), rounds),
    ]


def check_drawn() -> None:
    """Raises AssertionError where panels of a drawn webtoon and a drawn page are not all found, or others are."""
    issue = draw_webtoon(seed=0, issues=1).issues[0]
    strip = stitch([decode_picture(data, name="slice") for data in issue.slices]).image
    _check_found([cut.box for cut in cut_strip(strip, _PARAMS)], [panel.box for panel in issue.panels], "drawn strip")
    for page in drawn_pages(1):
        check_equal(len(cut_page(page, _PARAMS)), 6, "panels of a drawn page")


def check_annotated(most: int) -> None:
    """Raises AssertionError where annotated panels are not found on up to `most` pages, or others are.

    Does nothing where the comics have no annotations beside them.
    """
    folder = comics_folder()
    file = folder.parent / "annotations" / "pepper-carrot_panels.json"
    if not file.is_file():
        return
    annotated = json.loads(file.read_text())["images"]
    for name in sorted(annotated)[:: -(-len(annotated) // most)]:
        page = decode_picture((folder / name).read_bytes(), name=name)
        truth: list[Box] = [(x, y, w, h) for x, y, w, h in annotated[name]["panels"]]
        _check_found([cut.box for cut in cut_page(page, _PARAMS)], truth, name)


def _check_found(found: Sequence[Box], truth: Sequence[Box], name: str) -> None:
    missed = [box for box in truth if not any(_overlap(box, other) >= 0.8 for other in found)]
    check_equal((missed, len(found)), ([], len(truth)), f"panels of {name}")


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    both = share_in_box(one, other) * one[2] * one[3]
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def _strip_row(files: list[bytes], rounds: int) -> Row:
    def ours() -> None:
        cut_strip(stitch([decode_picture(data, name="slice") for data in files]).image, _PARAMS)

    def least() -> None:
        for data in files:
            _passes(View(simplejpeg.decode_jpeg(data), is_strip=True))

    times = in_turns({"simplejpeg": lambda: _decoded(files), "least": least, "ours": ours}, rounds=rounds)
    return _row("strip", times, files)


def _pages_row(name: str, files: list[bytes], rounds: int) -> Row:
    def ours() -> None:
        for data in files:
            cut_page(decode_picture(data, name="page"), _PARAMS)

    def least() -> None:
        for data in files:
            _passes(View(simplejpeg.decode_jpeg(data)))

    times = in_turns({"simplejpeg": lambda: _decoded(files), "least": least, "ours": ours}, rounds=rounds)
    return _row(name, times, files)


def _row(name: str, times: dict[str, Times], files: list[bytes]) -> Row:
    megapixels = sum(int(height) * int(width) for height, width, *_ in map(simplejpeg.decode_jpeg_header, files)) / 1e6
    least = times["least"].cpu_s / times["simplejpeg"].cpu_s
    ours = times["ours"].cpu_s / times["simplejpeg"].cpu_s
    return row_of_times(
        f"file to boxes: {name}",
        times,
        ours="ours",
        peer="simplejpeg",
        target=_TARGET,
        why=""
        if ours <= _TARGET
        else f"decoding and the passes over all pixels take {least:.2f}x; the rest is the search for pieces and lines "
        "on the working scale, and the competition of explanations",
        facts={"megapixels": megapixels, "files": len(files), "least_ratio": least},
    )


def _decoded(files: list[bytes]) -> None:
    for data in files:
        simplejpeg.decode_jpeg(data)


def _passes(view: View) -> None:
    cv2.inRange(view.page, (249, 249, 249), (255, 255, 255))
    _ = view.small


def _enlarged(files: list[bytes], side_px: int) -> list[bytes]:
    """The pictures with a shorter side of so many pixels, as JPEG q90."""
    encoded = []
    for data in files:
        page = decode_picture(data, name="page")
        factor = side_px / min(page.shape[:2])
        large = cv2.resize(page, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
        encoded.append(simplejpeg.encode_jpeg(large, quality=90))
    return encoded
