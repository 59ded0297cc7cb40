"""A book in colour: where its colours come from, what is kept, and what a person corrected."""

import re

import numpy as np
import pytest

from pipelines.books.open import open_book
from pipelines.colorize.book import BookSettings, ColoredBook, Library, color_book, hint_in_rows
from pipelines.colorize.book_hints import BookHints
from pipelines.colorize.hints import Hint, Point, Stroke
from pipelines.colorize.page import Painter
from pipelines.colorize.reference_colorizer import ReferenceColorizer
from pipelines.colorize.references import References
from pipelines.colorize.report.report import ColoringReport
from pipelines.colorize.shelf import Shelf
from pipelines.colorize.shipped import default_colorizer
from pipelines.images.color import gray_to_rgb, rgb_to_gray
from pipelines.images.decode import decode_picture
from tests.pipelines.books.drawn import outcomes, read_cbz, write_cbz, write_files
from tests.pipelines.colorize.pages import PANELS, chroma, colored_page, file_of, gray_page

VARIANTS = ("gray", "line")
GREEN = (30, 170, 60)
BALL = Point(76 / 320, 126 / 448, GREEN)


def color(source, out, **given) -> ColoredBook:
    return color_book(
        open_book(source), out, lambda variant: Painter(default_colorizer(variant)), colorizer_digest="d", **given
    )


def pixels(data: bytes) -> np.ndarray:
    return decode_picture(data, name="page")


def test_pages_in_colour_are_kept_and_give_their_colours_to_the_others(tmp_path):
    pages = {
        "1.png": file_of(colored_page()),
        "2.png": file_of(gray_page(20)),
        "3.png": file_of(np.full((448, 320, 3), 255, np.uint8)),
    }
    done = color(write_cbz(tmp_path / "in.cbz", pages), tmp_path / "out.cbz")
    assert outcomes(list(done.results)) == [("1.png", "kept"), ("2.png", "colored"), ("3.png", "kept")]
    assert [one.reason for one in done.results] == ["it has colour of its own", "", "nothing is drawn on it"]
    assert (done.problems, done.lacks_sources) == ((), False)
    written = read_cbz(tmp_path / "out.cbz")
    assert written["1.png"] == pages["1.png"]
    assert written["3.png"] == pages["3.png"]
    ball = pixels(written["2.png"])[126, 96].astype(int)
    assert ball[0] > ball[2] + 40


def test_without_anything_to_go_by_it_says_so(tmp_path):
    done = color(write_cbz(tmp_path / "in.cbz", {"1.png": file_of(gray_page())}), tmp_path / "out.cbz")
    assert done.lacks_sources


def test_names_of_references_are_told_apart():
    shelf = Shelf(("gray",))
    for wanted in (("cover.png", "a/cover.png"), ("cover.png", "b/cover.png"), ("cover.png", "b/cover.png")):
        shelf.add(shelf.free_name(*wanted), colored_page())
    assert shelf.references["gray"].names == ("cover.png", "b/cover.png", "b/cover.png (2)")


def test_references_of_the_same_name_all_count(tmp_path):
    plain = np.full((448, 320, 3), 255, np.uint8)
    for x, y, width, height in PANELS:
        plain[y : y + height, x : x + width] = (60, 180, 90)
    pages = {"a": colored_page(), "b": plain}
    folders = [write_files(tmp_path / name, {"cover.png": file_of(page)}) for name, page in pages.items()]
    source, out = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(gray_page(20))}), tmp_path / "out.cbz"
    color(source, out, reference_books=[open_book(folder / "cover.png") for folder in folders])
    ball = pixels(read_cbz(out)["1.png"])[126, 96].astype(int)
    assert ball[0] > ball[1] + 40


def test_an_index_for_other_pages_is_named(tmp_path):
    source = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(gray_page())})
    files = [
        (f"{variant}.safetensors", References.of([("a", colored_page())], variant=variant)) for variant in VARIANTS
    ]
    done = color(source, tmp_path / "out.cbz", library=Library(files=files))
    assert len(done.notes) == 1
    assert done.notes[0].startswith(
        "reference line.safetensors: left out, it is for line art, and these are pages in gray"
    )
    assert not done.lacks_sources
    done = color(source, tmp_path / "other.cbz", library=Library(indexes=[files[1][1]]))
    assert "references of the title" in done.notes[0]


def test_blank_pages_are_of_no_variant(tmp_path):
    blank = np.full((448, 320, 3), 255, np.uint8)
    source = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(blank), "2.png": file_of(gray_page())})
    asked: list[str] = []

    def painter_of(variant):
        asked.append(variant)
        return Painter(default_colorizer(variant))

    done = color_book(open_book(source), tmp_path / "out.cbz", painter_of, colorizer_digest="d")
    assert set(asked) == {"gray"}
    assert done.lacks_sources
    assert not done.had_color


def test_references_are_pictures_and_books_and_what_has_no_colour_is_named(tmp_path):
    references = write_files(
        tmp_path / "references", {"a.png": file_of(colored_page()), "b.png": file_of(gray_page()), "c.png": b"none"}
    )
    source = write_files(tmp_path / "in", {"x/1.png": file_of(gray_page(20))})
    done = color(source, tmp_path / "out", reference_books=[open_book(references)])
    assert sorted(note.partition(",")[0] for note in done.notes) == [
        "reference references: b.png: left out",
        "reference references: c.png: left out",
    ]
    assert chroma(pixels((tmp_path / "out" / "x" / "1.png").read_bytes())).mean() > 20


def test_a_correction_of_one_page_is_a_reference_for_all_others(tmp_path):
    source = write_cbz(tmp_path / "in.cbz", {f"{number}.png": file_of(gray_page(5 * number)) for number in range(3)})
    hints = BookHints(pages={"1.png": Hint(points=(Point(81 / 320, 126 / 448, GREEN),))})
    color(source, tmp_path / "out.cbz", settings=BookSettings(hints=hints))
    for number in range(3):
        ball = pixels(read_cbz(tmp_path / "out.cbz")[f"{number}.png"])[126, 76 + 5 * number].astype(int)
        assert ball[1] > ball[0] + 30, number


def test_one_hint_is_for_each_page(tmp_path):
    source = write_cbz(tmp_path / "in.cbz", {f"{number}.png": file_of(gray_page()) for number in range(2)})
    color(source, tmp_path / "out.cbz", settings=BookSettings(hints=BookHints(every=Hint(points=(BALL,)))))
    for data in read_cbz(tmp_path / "out.cbz").values():
        ball = pixels(data)[126, 76].astype(int)
        assert ball[1] > ball[0] + 40


def test_a_damaged_page_is_copied_and_named(tmp_path):
    good = file_of(gray_page())
    source = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(colored_page()), "2.png": good[:2000], "3.png": good})
    done = color(source, tmp_path / "out.cbz")
    assert [one.name for one in done.problems] == ["2.png"]
    assert "no whole picture" in done.problems[0].reason
    assert read_cbz(tmp_path / "out.cbz")["2.png"] == good[:2000]
    assert outcomes(list(done.results))[2] == ("3.png", "colored")


def test_what_is_done_is_not_done_again_until_what_it_depends_on_changes(tmp_path):
    pages = {"1.png": file_of(colored_page()), "2.png": file_of(gray_page(20))}
    source, out = write_cbz(tmp_path / "in.cbz", pages), tmp_path / "out.cbz"
    worked: list[str] = []

    def listen(what):
        worked.append(what)
        return lambda done, total: None

    color(source, out, progress=listen)
    assert "pages colored" in worked
    first = out.read_bytes()
    worked.clear()
    color(source, out, progress=listen)
    assert worked == []
    assert out.read_bytes() == first
    pages["1.png"] = file_of(colored_page(10))
    color(write_cbz(source, pages), out, progress=listen)
    assert "pages colored" in worked


def test_a_killed_run_goes_on(tmp_path):
    pages = {f"{number}.png": file_of(gray_page(5 * number)) for number in range(1, 4)}
    source, out = write_cbz(tmp_path / "in.cbz", {"0.png": file_of(colored_page()), **pages}), tmp_path / "out.cbz"

    def listen(what, last=99):
        def call(done, total):
            if what == "pages colored":
                counts.append(done)
                if done >= last:
                    raise KeyboardInterrupt

        return call

    for last in (1, 2):
        counts: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            color(source, out, progress=lambda what, last=last: listen(what, last))
        assert not out.exists()
    counts = []
    assert [one.outcome for one in color(source, out, progress=listen).results].count("colored") == 3
    whole = out.read_bytes()
    color(source, tmp_path / "other.cbz")
    assert (tmp_path / "other.cbz").read_bytes() == whole


def test_recolored_pages_are_no_references(tmp_path):
    source = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(colored_page())})
    done = color(source, tmp_path / "out.cbz", settings=BookSettings(recolor=True))
    assert outcomes(list(done.results)) == [("1.png", "colored")]
    # What the colorizer gives a page by itself is far from the page's own colours.
    assert chroma(pixels(read_cbz(tmp_path / "out.cbz")["1.png"])).max() < chroma(colored_page()).max() / 2


def test_slices_of_a_strip_are_coloured_as_one(tmp_path):
    strip = np.concatenate([colored_page(20)] * 3)
    gray = gray_to_rgb(rgb_to_gray(strip))
    slices = {f"{number:02}.png": file_of(gray[top : top + 300]) for number, top in enumerate(range(0, 1344, 300))}
    source = write_cbz(tmp_path / "in.cbz", slices)
    reference = tmp_path / "reference.png"
    reference.write_bytes(file_of(colored_page()))
    color(source, tmp_path / "out.cbz", reference_books=[open_book(reference)])
    out = np.concatenate([pixels(data) for data in read_cbz(tmp_path / "out.cbz").values()])
    assert out.shape == strip.shape
    assert np.abs(rgb_to_gray(out).astype(int) - gray[..., 0]).max() <= 1
    across = np.s_[280:320, 20:300]  # the second panel, on both sides of a border of slices
    assert np.abs(out[across].astype(int) - strip[across]).mean() < 15


def test_the_hint_of_a_slice_moves_into_the_strip():
    hint = Hint(points=(Point(0.5, 0.5, GREEN),), strokes=(Stroke(((0.2, 1.0),), GREEN, 0.1),))
    moved = hint_in_rows(hint, 100, 100, (400, 100, 3))
    assert moved.points == (Point(0.5, 0.375, GREEN),)
    assert moved.strokes[0].points == ((0.2, 0.5),)
    assert moved.strokes[0].width == pytest.approx(0.025)


def test_the_report_shows_pages_with_their_sources_and_goes_on_where_it_was(tmp_path):
    pages = {"1<b>.png": file_of(colored_page()), "2.png": file_of(gray_page(20)), "3.png": b"nothing"}
    source, file = write_cbz(tmp_path / "in.cbz", pages), tmp_path / "report.html"
    color(source, tmp_path / "out.cbz", report=ColoringReport(file), about={"Title": "a person"})
    text = file.read_text()
    for part in (
        "1&lt;b&gt;.png, panel 1",
        "A</span>",
        "no whole picture",
        "a person",
        "<strong>1</strong> page coloured",
    ):
        assert part in text, part
    assert "<script" not in text
    named = set(re.findall(r'src="([^"]+)"', text))
    assert named
    assert all((tmp_path / name).exists() for name in named)
    there = {path.name for path in (tmp_path / "report_files").glob("*.jpg")}
    assert there == {name.partition("/")[2] for name in named}
    worked: list[str] = []

    def listen(what):
        worked.append(what)
        return lambda done, total: None

    color(source, tmp_path / "out.cbz", report=ColoringReport(file), progress=listen, about={"Title": "a person"})
    assert worked == []
    assert file.read_text() == text
    other = ColoringReport(tmp_path / "other.html")  # a report of a book that is done: its pages are coloured again
    color(source, tmp_path / "out.cbz", report=other, about={"Title": "a person"})
    assert other.file.read_text() == text.replace("report_files", "other_files")


def test_a_second_run_says_what_the_first_said(tmp_path):
    source = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(gray_page())})
    file, out, gray = tmp_path / "report.html", tmp_path / "out.cbz", tmp_path / "gray.png"
    gray.write_bytes(file_of(gray_page()))
    found = [color(source, out, report=ColoringReport(file), reference_books=[open_book(gray)]) for _ in range(2)]
    text = file.read_text()
    assert all(one.lacks_sources for one in found)
    assert found[0].notes == found[1].notes
    assert "it has no colour" in found[1].notes[0]
    assert "it has no colour" in text
    assert default_colorizer("gray").name in text


def test_the_report_of_line_art_names_what_coloured_it(tmp_path):
    source, file = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(gray_page())}), tmp_path / "report.html"
    settings = BookSettings(variant="line")

    def painter_of(variant):
        return Painter(ReferenceColorizer(f"for {variant}", variant))

    color_book(
        open_book(source),
        tmp_path / "out.cbz",
        painter_of,
        colorizer_digest="d",
        settings=settings,
        report=ColoringReport(file),
    )
    assert "for line" in file.read_text()
    assert "for gray" not in file.read_text()


def test_hints_of_pages_that_are_not_there_are_refused_before_work(tmp_path):
    source = write_cbz(tmp_path / "in.cbz", {"1.png": file_of(gray_page())})
    settings = BookSettings(hints=BookHints(pages={"9.png": Hint()}))
    with pytest.raises(ValueError, match=r"9\.png"):
        color(source, tmp_path / "out.cbz", settings=settings)
    assert not (tmp_path / "out.cbz").exists()
