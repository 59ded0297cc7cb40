import cv2
import numpy as np

from pipelines.books.book import Page
from pipelines.colorize.survey import grouped, look_at


def seen(number, picture):
    data = cv2.imencode(".png", picture)[1].tobytes()
    return look_at(Page(number, f"{number}.png", lambda: data))


def strip_slices(count):
    coarse = np.random.default_rng(0).integers(0, 256, (12 * count, 10, 3), dtype=np.uint8)
    strip = cv2.resize(coarse, (200, 240 * count), interpolation=cv2.INTER_CUBIC)
    return [strip[240 * at : 240 * (at + 1)] for at in range(count)]


def groups_of(pictures):
    return [[one.page.number for one in group] for group in grouped([seen(*each) for each in enumerate(pictures)])]


def test_slices_are_one_group_and_a_page_of_another_width_is_alone():
    pages = strip_slices(4)
    assert groups_of(pages) == [[0, 1, 2, 3]]
    banner = cv2.resize(pages[0], (330, 120))
    assert groups_of([banner, *pages]) == [[0], [1, 2, 3, 4]]
    assert groups_of([*pages[:2], banner, *pages[2:]]) == [[0, 1], [2], [3, 4]]


def test_a_slice_that_cannot_be_read_is_alone_and_the_others_stay_a_strip():
    pages = [seen(at, picture) for at, picture in enumerate(strip_slices(4))]
    pages.append(look_at(Page(4, "4.png", lambda: b"no picture")))
    assert [[one.page.number for one in group] for group in grouped(pages)] == [[0, 1, 2, 3], [4]]


def test_a_slice_of_one_row_is_alone_and_the_others_stay_a_strip():
    pages = strip_slices(4)
    rest = np.full((1, 200, 3), 255, np.uint8)
    assert groups_of([*pages, rest]) == [[0, 1, 2, 3], [4]]
    assert groups_of([rest, *pages]) == [[0], [1, 2, 3, 4]]
    assert groups_of([*pages[:2], rest, *pages[2:]]) == [[0, 1], [2], [3, 4]]
