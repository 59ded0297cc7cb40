"""Does the same drawing keep its colour? Panels that show it again, elsewhere and in another light."""

import cv2
import numpy as np
import pytest

from pipelines.evaluation.metrics.consistency import COMPARED, SIDE_PX, consistency, match_panels
from pipelines.images.color import gray_to_rgb, lab_to_rgb, rgb_to_gray, rgb_to_lab


def character(side: int = 140) -> np.ndarray:
    """A drawing with enough corners to be recognized."""
    random = np.random.default_rng(7)
    rgb = np.full((side, side, 3), (225, 190, 150), np.uint8)
    for _ in range(40):
        corner = random.integers(0, side - 20, 2)
        size = random.integers(8, 26, 2)
        color = random.integers(40, 240, 3).tolist()
        cv2.rectangle(rgb, corner.tolist(), (corner + size).tolist(), color, -1)
        cv2.rectangle(rgb, corner.tolist(), (corner + size).tolist(), (0, 0, 0), 2)
    return rgb


def panel(x: int, y: int, background: tuple[int, int, int], *, with_character: bool = True) -> np.ndarray:
    rgb = np.full((SIDE_PX, SIDE_PX, 3), background, np.uint8)
    cv2.circle(rgb, (SIDE_PX - x, 240), 30, (60, 60, 90), 3)
    if with_character:
        rgb[y : y + 140, x : x + 140] = character()
    return rgb


@pytest.fixture(scope="module")
def truths() -> np.ndarray:
    """Two panels with the character at different places, one without it; and it again in another issue."""
    return np.stack(
        [
            panel(30, 40, (150, 200, 240)),
            panel(80, 70, (240, 230, 180)),
            panel(10, 10, (120, 170, 90), with_character=False),
            panel(50, 60, (200, 160, 220)),
        ]
    )


ISSUES = ["moon__1", "moon__1", "moon__1", "moon__2"]


def tinted(rgb: np.ndarray, a: float, b: float) -> np.ndarray:
    return lab_to_rgb(rgb_to_lab(rgb) + np.array([0, a, b], np.float32))


def measured(outputs: np.ndarray, truths: np.ndarray, issues: list[str] = ISSUES) -> dict[str, float]:
    return consistency(lambda places: outputs[places], lambda places: truths[places], issues)


def test_the_character_is_found_where_it_is(truths: np.ndarray) -> None:
    (match,) = match_panels(truths[:3])
    assert (match.first, match.second) == (0, 1)
    assert len(match.places) > 20
    apart = match.other_places - match.places
    assert np.abs(apart - [80 - 30, 70 - 40]).max() <= 4
    assert (match.places >= [30, 40]).all()  # nothing of the background
    assert (match.places < [30 + 140, 40 + 140]).all()


def test_the_truth_has_no_excess(truths: np.ndarray) -> None:
    found = measured(truths, truths)
    assert found["mean"] == 0
    assert found["output"] == found["truth"] < 3
    assert (found["pairs"], found["pictures"]) == (1, 4)
    assert found["regions"] > 20


def test_a_colour_that_changes_between_panels_is_an_excess_and_one_that_is_kept_is_none(truths: np.ndarray) -> None:
    def shifted(first: float, second: float) -> float:
        outputs = truths.copy()
        outputs[0], outputs[1] = tinted(truths[0], 0, first), tinted(truths[1], 0, second)
        return measured(outputs, truths)["mean"]

    assert abs(shifted(15, 15)) < 1
    assert 2 < shifted(0, 10) < shifted(0, 25)


def test_light_that_changes_in_the_truth_is_not_held_against_an_output(truths: np.ndarray) -> None:
    lit = truths.copy()
    lit[1] = tinted(truths[1], 10, -15)
    assert measured(lit, lit)["truth"] > 5
    assert measured(lit, lit)["mean"] == 0
    assert measured(truths, lit)["mean"] < -5  # more alike than they should be


def test_gray_copies_are_consistent(truths: np.ndarray) -> None:
    assert measured(gray_to_rgb(rgb_to_gray(truths)), truths)["mean"] < 0.5


def test_only_panels_of_one_issue_are_compared_and_only_paired_ones_colored(truths: np.ndarray) -> None:
    asked: list[list[int]] = []

    def colored(places: list[int]) -> np.ndarray:
        asked.append(places)
        return truths[places]

    consistency(colored, lambda places: truths[places], ["moon__2", *ISSUES[:2], "moon__3"])
    assert asked == []
    order = [2, 3, 0, 1]
    consistency(colored, lambda places: truths[order][places], [ISSUES[place] for place in order])
    assert asked == [[2, 3]]


def test_of_a_long_issue_only_panels_that_are_evenly_spread_are_loaded_and_compared() -> None:
    asked: list[list[int]] = []

    def blank(places: list[int]) -> np.ndarray:
        asked.append(places)
        return np.full((len(places), 32, 32, 3), 200, np.uint8)

    found = consistency(blank, blank, ["moon__1"] * (COMPARED + 1) + ["moon__2"] * 1000 + ["moon__3"] * COMPARED)
    assert [len(places) for places in asked] == [COMPARED] * 3
    just_over, long, just_enough = asked
    assert set(just_over) < set(range(COMPARED + 1))
    assert (long[0], long[-1]) == (COMPARED + 1, COMPARED + 1000)
    assert set(np.diff(long)) == {32, 33}  # 999 steps in 31
    assert just_enough == list(range(COMPARED + 1001, 2 * COMPARED + 1001))
    assert found["pictures"] == 2 * COMPARED + 1001


def test_without_pairs_there_is_no_number(truths: np.ndarray) -> None:
    found = measured(truths[2:], truths[2:], ISSUES[2:])
    assert np.isnan([found["mean"], found["std"], found["output"], found["truth"]]).all()
    assert (found["pairs"], found["regions"], found["pictures"]) == (0, 0, 2)


def test_outputs_are_compared_at_their_own_size_too(truths: np.ndarray) -> None:
    large = np.stack([cv2.resize(truth, (384, 384), interpolation=cv2.INTER_LINEAR) for truth in truths])
    found = measured(large, large)
    assert (found["mean"], found["pairs"]) == (0, 1)
