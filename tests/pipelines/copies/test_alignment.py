"""Copies of panels are recognised by their pixels, and named; other panels are none."""

import numpy as np
import pytest

from benchmarks.copy_changes import at_night, encoded_anew, mirrored, turned_in_hue, zoomed
from pipelines.copies.alignment import align, best_correlations, fine_of, luma_of
from pipelines.copies.relations import color_distances, relation_of
from pipelines.panels.hashing import thumbnail
from tests.pipelines.copies.pictures import detailed_panel

PANELS = [detailed_panel(seed) for seed in range(10, 26)]
CHANGES = {
    "near": [encoded_anew, lambda rgb: encoded_anew(rgb, 40, 0.4)],
    "recoloured": [at_night, turned_in_hue],
    "mirrored": [mirrored, lambda rgb: encoded_anew(mirrored(rgb))],
    "zoomed": [
        zoomed,
        lambda rgb: zoomed(rgb, 1.1, 0.0, 0.2),
        lambda rgb: zoomed(rgb, 1.3, 0.9, 0.1),
        lambda rgb: zoomed(rgb, 1.5, 0.3, 1.0),
    ],
    "mirrored and zoomed": [lambda rgb: mirrored(zoomed(rgb, 1.3, 0.2, 0.8))],
}


def relation(rgb: np.ndarray, other: np.ndarray) -> str | None:
    (distance,) = color_distances([thumbnail(rgb)], [thumbnail(other)])
    return relation_of(align(fine_of(rgb), fine_of(other)), distance)


@pytest.mark.parametrize(
    ("name", "change"), [(name, change) for name, changes in CHANGES.items() for change in changes]
)
def test_a_copy_is_named_whichever_of_the_two_is_the_copy(name, change):
    for panel in PANELS[:3]:
        copy = change(panel)
        assert relation(copy, panel) == name
        assert relation(panel, copy) == name


def test_other_panels_are_no_copies():
    assert not [(i, j) for i in range(6) for j in range(i) if relation(PANELS[i], PANELS[j])]


@pytest.mark.parametrize("name", ["mirrored", "zoomed", "mirrored and zoomed"])
def test_thumbnails_find_the_panel_among_others(name):
    luma = luma_of([thumbnail(panel) for panel in PANELS])
    for change in CHANGES[name]:
        copies = luma_of([thumbnail(change(panel)) for panel in PANELS])
        assert (best_correlations(copies, luma).argmax(axis=1) == np.arange(len(PANELS))).all()


def test_the_distance_of_colours():
    red, blue = bytes([200, 0, 0]) * 256, bytes([0, 0, 200]) * 256
    near, far = color_distances([red, red], [bytes([201, 1, 0]) * 256, blue])
    assert near < 1
    assert far > 100
    assert color_distances([], []).shape == (0,)


def test_pictures_without_contrast_are_like_nothing():
    flat = np.full((40, 60, 3), 90, np.uint8)
    assert relation(flat, PANELS[0]) is None
    assert relation(flat, flat) is None
