"""Plans: balanced, blind, counterbalanced, with checks in their places, and the same for the same seed."""

from collections import Counter
from itertools import pairwise

import pytest

from pipelines.studies.plan import GRAY, TRUTH, Candidate, Item, PlanParams, blind_items, choose_pictures, rater_order

METHODS = ("base", "ours", "pix2pix")


def candidates(counts: dict[tuple[str, str], int]) -> list[Candidate]:
    """So many pictures of each (genre, title)."""
    return [
        Candidate(f"{title}__{index}", title, genre)
        for (genre, title), count in counts.items()
        for index in range(count)
    ]


def items(pictures: int = 10, golds: int = 3, *, methods: tuple[str, ...] = METHODS, seed: int = 0) -> list[Item]:
    rated = [(f"p{index:02d}", method) for index in range(pictures) for method in methods]
    return blind_items(rated, [(f"g{i}", method) for i in range(golds) for method in (TRUTH, GRAY)], seed=seed)


def of_rated(order, known: list[Item]) -> list[tuple[str, tuple[str, ...]]]:
    """(picture, methods) of each rated trial."""
    by_code = {item.code: item for item in known}
    return [
        (by_code[trial.codes[0]].picture, tuple(by_code[code].method for code in trial.codes))
        for trial in order
        if trial.purpose == "rated"
    ]


def test_ten_pictures_are_five_anime_and_five_other_as_in_paper_003():
    known = candidates(
        {("anime", "a"): 40, ("anime", "b"): 3, ("other", "c"): 7, ("other", "d"): 90, ("other", "e"): 1}
    )
    chosen = choose_pictures(known, 10, seed=7)
    assert Counter(one.genre for one in chosen) == {"anime": 5, "other": 5}
    titles = Counter(one.title for one in chosen)
    assert {titles["a"], titles["b"]} == {2, 3}
    assert titles["e"] == 1
    assert {titles["c"], titles["d"]} == {2}
    assert chosen == choose_pictures(known[::-1], 10, seed=7)
    assert chosen != choose_pictures(known, 10, seed=8)


def test_what_one_genre_lacks_the_others_give():
    chosen = choose_pictures(candidates({("anime", "a"): 2, ("other", "b"): 20}), 10, seed=0)
    assert Counter(one.genre for one in chosen) == {"anime": 2, "other": 8}


def test_too_few_pictures_and_equal_names_are_errors():
    with pytest.raises(ValueError, match="2 pictures by every method, 3 wanted"):
        choose_pictures(candidates({("g", "a"): 2}), 3, seed=0)
    with pytest.raises(ValueError, match="two pictures are called a__0"):
        choose_pictures(candidates({("g", "a"): 1, ("h", "a"): 1}), 1, seed=0)


def test_codes_say_nothing_and_come_from_the_seed():
    known = items()
    assert known == items()
    assert {item.code for item in known}.isdisjoint({item.code for item in items(seed=1)})
    assert all(len(item.code) == 8 and int(item.code, 16) >= 0 for item in known)
    assert len({item.code for item in known}) == 36
    assert [item.method for item in known] != sorted(item.method for item in known)


def test_a_rater_sees_each_picture_by_each_method_once_and_never_twice_in_a_row():
    known, params = items(), PlanParams(kind="mos")
    for number in range(12):
        order = rater_order(known, params, number)
        rated = of_rated(order, known)
        assert len(set(rated)) == len(rated) == 30
        assert all(before[0] != after[0] for before, after in pairwise(rated))
        for turn in range(3):  # each round has every picture, and each method about equally often
            assert len({picture for picture, _ in rated[10 * turn : 10 * turn + 10]}) == 10
            assert set(Counter(m for _, m in rated[10 * turn : 10 * turn + 10]).values()) <= {3, 4}
    assert rater_order(known, params, 3) == rater_order(known, params, 3)
    assert rater_order(known, params, 3) != rater_order(known, params, 4)


@pytest.mark.parametrize("kind", ["mos", "preference"])
def test_each_condition_of_a_picture_is_equally_often_the_first(kind):
    known, first = items(), Counter()
    for number in range(12):
        seen: set[str] = set()
        for picture, methods in of_rated(rater_order(known, PlanParams(kind=kind), number), known):
            if picture not in seen:
                first[picture, frozenset(methods)] += 1
            seen.add(picture)
    assert set(first.values()) == {4}
    assert len(first) == 30


def test_a_part_of_the_trials_is_balanced_over_raters():
    known, params = items(), PlanParams(kind="mos", trials=10, repeats=3)
    seen = Counter(pair for number in range(12) for pair in of_rated(rater_order(known, params, number), known))
    assert set(seen.values()) == {4}


def test_golds_are_spread_and_repeats_come_late():
    known, params = items(), PlanParams(kind="mos")
    for number in range(12):
        order = rater_order(known, params, number)
        assert Counter(trial.purpose for trial in order) == {"rated": 30, "gold": 6, "repeat": 4}
        golds = [place for place, trial in enumerate(order) if trial.purpose == "gold"]
        assert golds[0] < 10
        assert golds[-1] >= 28
        for place, trial in enumerate(order):
            if trial.purpose == "repeat":
                assert place - next(i for i, other in enumerate(order) if other.codes == trial.codes) >= 5


def test_pairs_have_sides_by_halves_and_repeats_exchange_them():
    known, params = items(), PlanParams(kind="preference")
    order = rater_order(known, params, 5)
    assert Counter(trial.purpose for trial in order) == {"rated": 30, "gold": 3, "repeat": 4}
    rated = of_rated(order, known)
    assert sum(methods[0] < methods[1] for _, methods in rated) == 15
    shown = {trial.codes for trial in order if trial.purpose == "rated"}
    assert all(trial.codes[::-1] in shown for trial in order if trial.purpose == "repeat")
    by_code = {item.code: item for item in known}
    for trial in order:
        assert len({by_code[code].picture for code in trial.codes}) == 1
        if trial.purpose == "gold":
            assert {by_code[code].method for code in trial.codes} == {TRUTH, GRAY}


def test_no_more_can_come_again_than_a_third():
    with pytest.raises(ValueError, match="4 repeats of 6 trials"):
        rater_order(items(pictures=2), PlanParams(kind="mos"), 0)
    assert len(rater_order(items(pictures=1, golds=0), PlanParams(kind="mos", repeats=0), 0)) == 3
