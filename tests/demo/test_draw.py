"""The drawn webtoon is what its own account of it says: tests of cutting and deduplication stand on this."""

from io import BytesIO
from itertools import combinations

import cv2
import imagehash
import numpy as np
import pytest
from PIL import Image

from demo.characters import Character, cast
from demo.draw import DrawnIssue, DrawnPanel, Webtoon, draw_webtoon, style_of
from demo.layout import MIN_GUTTER, OUTLINES, STRIP_WIDTH

JPEG_NOISE = 14  # mean difference that JPEG leaves beside a hard edge


@pytest.fixture(scope="module")
def webtoon() -> Webtoon:
    return draw_webtoon(seed=0, issues=4)


@pytest.fixture(scope="module")
def strips(webtoon: Webtoon) -> dict[int, np.ndarray]:
    return {issue.number: stitch(issue) for issue in webtoon.issues}


def decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(data)).convert("RGB"))


def stitch(issue: DrawnIssue) -> np.ndarray:
    return np.concatenate([decode(data) for data in issue.slices])


def crop(strip: np.ndarray, panel: DrawnPanel) -> np.ndarray:
    x, y, w, h = panel.box
    return strip[y : y + h, x : x + w]


def panels_of(webtoon: Webtoon, strips: dict[int, np.ndarray]) -> list[tuple[DrawnPanel, np.ndarray]]:
    return [(panel, crop(strips[issue.number], panel)) for issue in webtoon.issues for panel in issue.panels]


def phash(picture: np.ndarray) -> imagehash.ImageHash:
    return imagehash.phash(Image.fromarray(picture))


def chroma(picture: np.ndarray) -> np.ndarray:
    return np.ptp(picture.astype(np.int16), axis=2)


def lab(colors: list[tuple[int, int, int]]) -> np.ndarray:
    """CIE L*a*b* (N, 3) of RGB colours."""
    return cv2.cvtColor(np.array([colors], dtype=np.float32) / 255, cv2.COLOR_RGB2Lab)[0]


def share_near(picture: np.ndarray, color: tuple[int, int, int]) -> float:
    """Share of the pixels that have this flat colour, up to JPEG noise."""
    return float((np.abs(picture.astype(np.int16) - color).max(axis=2) <= 12).mean())


def test_a_later_issue_changes_no_earlier_one(webtoon: Webtoon) -> None:
    fewer = draw_webtoon(seed=0, issues=2)
    assert fewer.issues == webtoon.issues[:2]
    assert (fewer.name, fewer.author, fewer.synopsis) == (webtoon.name, webtoon.author, webtoon.synopsis)


def test_issues_are_numbered_and_titled_as_naver_does(webtoon: Webtoon) -> None:
    assert [issue.number for issue in webtoon.issues] == [1, 2, 3, 4]
    assert [issue.subtitle for issue in webtoon.issues] == ["1화", "2화", "3화", "4화"]
    assert len({issue.slices for issue in webtoon.issues}) == 4


def test_another_seed_is_another_webtoon() -> None:
    first, second = (draw_webtoon(seed=seed, issues=1, panels_per_issue=4) for seed in (0, 1))
    assert first.name != second.name
    assert first.author != second.author
    assert style_of(0).ink != style_of(1).ink
    assert not {character.hair for character in cast(0)} & {character.hair for character in cast(1)}


def test_slices_are_690_wide_and_of_uneven_height(webtoon: Webtoon) -> None:
    for issue in webtoon.issues:
        sizes = [decode(data).shape for data in issue.slices]
        assert {width for _, width, _ in sizes} == {STRIP_WIDTH}
        heights = [height for height, _, _ in sizes]
        assert all(300 <= height <= 2000 for height in heights[:-1])
        assert 40 <= heights[-1] <= 600
        assert heights[-1] < max(heights)
        assert len(set(heights)) > 1


def test_panels_cross_slice_borders(webtoon: Webtoon) -> None:
    crossed = 0
    for issue in webtoon.issues:
        borders = np.cumsum([decode(data).shape[0] for data in issue.slices])[:-1]
        crossed += sum(y < border < y + h for _, y, _, h in (panel.box for panel in issue.panels) for border in borders)
    assert crossed >= 4


@pytest.mark.parametrize("count", [4, 7, 12])
def test_an_issue_has_the_panels_asked_for(count: int) -> None:
    issue = draw_webtoon(seed=2, issues=1, panels_per_issue=count).issues[0]
    assert len(issue.panels) == count
    assert issue.panels[0].identity == "title"
    assert issue.panels[-1].identity == "ending"


def test_too_few_panels_are_an_error() -> None:
    with pytest.raises(ValueError, match="at least 4"):
        draw_webtoon(panels_per_issue=3)


def test_boxes_lie_in_the_strip_with_gutters_between_them(webtoon: Webtoon, strips: dict[int, np.ndarray]) -> None:
    for issue in webtoon.issues:
        height, width = strips[issue.number].shape[:2]
        for panel in issue.panels:
            x, y, w, h = panel.box
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
            assert panel.outline in OUTLINES
        for first, second in combinations(issue.panels, 2):
            ax, ay, aw, ah = first.box
            bx, by, bw, bh = second.box
            apart_x = max(ax, bx) - min(ax + aw, bx + bw)
            apart_y = max(ay, by) - min(ay + ah, by + bh)
            assert max(apart_x, apart_y) >= MIN_GUTTER, (first.identity, second.identity)


def test_panels_are_in_reading_order(webtoon: Webtoon) -> None:
    for issue in webtoon.issues:
        for first, second in zip(issue.panels, issue.panels[1:], strict=False):
            is_beside = second.box[0] >= first.box[0] + first.box[2]
            is_below = second.box[1] >= first.box[1] + first.box[3]
            assert is_beside or is_below


def test_what_surrounds_a_box_is_its_ground_and_what_it_holds_is_not(
    webtoon: Webtoon, strips: dict[int, np.ndarray]
) -> None:
    for issue in webtoon.issues:
        strip = strips[issue.number].astype(np.int16)
        for panel in issue.panels:
            x, y, w, h = panel.box
            sides = [strip[y - 3 : y, x : x + w], strip[y + h : y + h + 3, x : x + w]]
            if panel.outline != "bleed":
                sides += [strip[y : y + h, x - 3 : x], strip[y : y + h, x + w : x + w + 3]]
            for side in sides:
                assert np.abs(side - panel.ground).mean() < JPEG_NOISE, panel.identity
            edges = [strip[y : y + 4, x : x + w], strip[y + h - 4 : y + h, x : x + w]]
            for edge in edges:
                assert np.abs(edge - panel.ground).max() > 60, panel.identity


def test_gray_panels_are_gray_and_the_others_are_not(webtoon: Webtoon, strips: dict[int, np.ndarray]) -> None:
    gray = 0
    for panel, picture in panels_of(webtoon, strips):
        height, width = picture.shape[:2]
        # The middle half: no outline cuts it, and the ground's own tint does not reach it.
        inner = chroma(picture[height // 4 : -height // 4, width // 4 : -width // 4])
        if panel.is_gray:
            gray += 1
            assert inner.max() <= 2, panel.identity
        else:
            assert inner.mean() > 25, panel.identity
    assert gray >= 2


def test_sizes_give_the_size_filter_work_but_most_pass(webtoon: Webtoon) -> None:
    sides = np.array([panel.box[2:] for issue in webtoon.issues for panel in issue.panels])
    passes = ((sides >= 200) & (sides <= 800)).all(axis=1)
    assert 0.75 <= passes.mean() < 1
    assert (sides < 200).any()
    assert (sides > 800).any()


def test_grounds_change_along_the_strip(webtoon: Webtoon) -> None:
    grounds = {panel.ground for issue in webtoon.issues for panel in issue.panels}
    assert (255, 255, 255) in grounds
    assert any(max(ground) < 20 for ground in grounds)
    assert any(np.ptp(ground) >= 10 for ground in grounds)


def test_the_same_identity_is_the_same_picture_and_no_other_is_near(
    webtoon: Webtoon, strips: dict[int, np.ndarray]
) -> None:
    hashes = [(panel.identity, phash(picture)) for panel, picture in panels_of(webtoon, strips)]
    repeated = 0
    for (first, first_hash), (second, second_hash) in combinations(hashes, 2):
        if first == second:
            repeated += 1
            assert first in ("title", "ending")
            assert first_hash - second_hash <= 4
        else:
            assert first_hash - second_hash > 8, (first, second)
    assert repeated == 2 * 6  # title and ending, each in 4 issues


def test_characters_keep_their_colours_from_issue_to_issue(webtoon: Webtoon, strips: dict[int, np.ndarray]) -> None:
    characters = {character.name: character for character in cast(0)}
    with_it: dict[str, list[float]] = {name: [] for name in characters}
    without: dict[str, list[float]] = {name: [] for name in characters}
    issues_seen: dict[str, set[int]] = {name: set() for name in characters}
    for issue in webtoon.issues:
        for panel in issue.panels:
            if panel.is_gray or min(panel.box[2:]) < 200:
                continue
            picture = crop(strips[issue.number], panel)
            for name, character in characters.items():
                share = share_near(picture, character.hair)
                (with_it if name in panel.characters else without)[name].append(share)
                if name in panel.characters:
                    issues_seen[name].add(issue.number)
                    assert share > 0.001, (panel.identity, name)
    for name in characters:
        assert len(issues_seen[name]) >= 3
        assert np.median(with_it[name]) > 10 * np.median(without[name])


def test_how_light_hair_is_does_not_tell_its_hue() -> None:
    """Across webtoons the hair's lightness and hue are unrelated, so that a colorizer has to look at the drawing."""
    lightness, a, b = lab([character.hair for seed in range(24) for character in cast(seed)]).T
    assert lightness.std() > 8
    assert abs(np.corrcoef(lightness, a)[0, 1]) < 0.35
    assert abs(np.corrcoef(lightness, b)[0, 1]) < 0.35


@pytest.mark.parametrize("seed", range(6))
def test_a_cast_can_be_distinguished_by_its_lines(seed: int) -> None:
    members = cast(seed)

    def distinct(values: list[object]) -> bool:
        return len(set(values)) == len(members)

    def lines(character: Character) -> object:
        return character.hair_style, character.accessory, character.clothes.outfit

    assert distinct([character.name for character in members])
    assert distinct([character.hair_style for character in members])
    assert distinct([lines(character) for character in members])
    for first, second in combinations(lab([character.hair for character in members]), 2):
        assert np.linalg.norm(first - second) > 20
