"""The plan of a rating study: which pictures, under which blind codes, in which order for which rater.

Pure functions of parameters, their seed and the rater's number: the same input gives the same plan. Touches no files.

Every rater sees the pictures in rounds. In one round each picture comes once, in one condition: a method, or a pair of
methods where two are compared. A Latin square over picture, round and rater gives each picture another condition from
rater to rater, so every condition is equally often the first that is seen of a picture, and a rater who stops early has
seen the conditions about equally often. Within a round the order is random.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from pydantic import BaseModel, Field

from pipelines.studies.questions import Kind

Purpose = Literal["rated", "repeat", "gold"]

TRUTH, GRAY = "truth", "gray"
"""The two methods of a gold item."""


class PlanParams(BaseModel, frozen=True, extra="forbid"):
    """Parameters of a study's plan."""

    kind: Kind
    pictures: int = Field(default=10, ge=1, description="How many are shown in every condition (paper 003: 10).")
    golds: int = Field(
        default=3, ge=0, description="Pictures whose truth is shown against its gray copy, as attention checks."
    )
    repeats: int = Field(
        default=4, ge=0, description="Trials that come a second time for each rater, as attention checks."
    )
    trials: int | None = Field(
        default=None,
        ge=1,
        description="Trials of a rater besides the checks; without, every picture in every condition.",
    )
    with_hints: bool = Field(default=False, description="Kind 'questions': ask about hints, which were given.")
    seed: int = Field(default=0, ge=0, description="Seed of the choice of pictures, the blind codes and the orders.")


@dataclass(frozen=True)
class Candidate:
    """A picture that can be shown, and what the choice is balanced over."""

    picture: str
    title: str
    genre: str


@dataclass(frozen=True)
class Item:
    """A picture by a method, under the code that a rater may see."""

    code: str
    picture: str
    method: str
    is_gold: bool


@dataclass(frozen=True)
class Trial:
    """The items shown at once: the code of one, or of a left and a right one."""

    codes: tuple[str, ...]
    purpose: Purpose


def choose_pictures(candidates: Sequence[Candidate], count: int, *, seed: int) -> list[Candidate]:
    """Picks pictures in turn from each genre, and within a genre in turn from each title; random within a title.

    So ten of two genres are five and five (paper 003), as far as there are enough. Raises ValueError where there are
    fewer than `count` pictures, or two of one name.
    """
    names = [candidate.picture for candidate in candidates]
    if len(set(names)) < len(names):
        raise ValueError(f"two pictures are called {next(name for name in names if names.count(name) > 1)}: rename one")
    if len(candidates) < count:
        raise ValueError(f"{len(candidates)} pictures by every method, {count} wanted: plan fewer, or add pictures")
    random = np.random.default_rng([seed, 0])
    ordered = sorted(candidates, key=lambda candidate: candidate.picture)
    shuffled = [ordered[index] for index in random.permutation(len(ordered))]
    by_genre = [
        _in_turn(_grouped(of_genre, [candidate.title for candidate in of_genre]))
        for of_genre in _grouped(shuffled, [candidate.genre for candidate in shuffled])
    ]
    return _in_turn(by_genre)[:count]


def blind_items(rated: Iterable[tuple[str, str]], golds: Iterable[tuple[str, str]], *, seed: int) -> list[Item]:
    """Items of (picture, method), under codes of eight hex digits that say nothing of either; ordered by code."""
    known = [(pair, False) for pair in sorted(rated)] + [(pair, True) for pair in sorted(golds)]
    random = np.random.default_rng([seed, 1])
    codes = random.choice(2**32, len(known), replace=False)
    items = [
        Item(f"{code:08x}", picture, method, is_gold)
        for code, ((picture, method), is_gold) in zip(codes, known, strict=True)
    ]
    return sorted(items, key=lambda item: item.code)


def rater_order(items: Sequence[Item], params: PlanParams, number: int) -> list[Trial]:
    """The trials of the rater with a number (0, 1, ...), in order.

    Golds are spread over the whole order: where one picture is rated at a time, a gold is two trials, the truth and
    its gray copy. Repeats are trials of the first third that come again in the last half, with left and right
    exchanged. Raises ValueError where there are too few trials to repeat so many.
    """
    random = np.random.default_rng([params.seed, 2, number])
    by_name = {(item.picture, item.method): item.code for item in items if not item.is_gold}
    pictures = sorted({picture for picture, _ in by_name})
    shown_at_once = 2 if params.kind == "preference" else 1
    conditions = list(combinations(sorted({method for _, method in by_name}), shown_at_once))
    main: list[tuple[str, tuple[str, ...]]] = []
    for turn in range(len(conditions)):
        places = random.permutation(len(pictures))
        if main and len(places) > 1 and pictures[places[0]] == main[-1][0]:
            places = places[::-1]  # never the same picture twice in a row
        for place in places:
            condition = conditions[(place + turn + number) % len(conditions)]
            main.append((pictures[place], tuple(by_name[pictures[place], method] for method in condition)))
    main = main[: params.trials]
    if params.repeats > len(main) // 3:
        raise ValueError(f"{params.repeats} repeats of {len(main)} trials: at most a third can come again")
    if shown_at_once == 2:
        # As many exchanged as not, so that a rater who always takes one side stands out.
        is_exchanged = random.permutation(np.arange(len(main)) % 2 == 1)
        main = [
            (picture, codes[::-1] if exchanged else codes)
            for (picture, codes), exchanged in zip(main, is_exchanged, strict=True)
        ]
    keyed = [(float(index), Trial(codes, "rated")) for index, (_, codes) in enumerate(main)]
    for index in random.choice(max(1, len(main) // 3), params.repeats, replace=False):
        keyed.append((random.uniform(len(main) / 2, len(main)), Trial(main[index][1][::-1], "repeat")))
    golds = _gold_trials(items, shown_at_once, random)
    for index, trial in enumerate(golds):
        keyed.append(((index + random.uniform()) / len(golds) * len(main) - 0.5, trial))
    return [trial for _, trial in sorted(keyed, key=lambda pair: pair[0])]


def _gold_trials(items: Sequence[Item], shown_at_once: int, random: np.random.Generator) -> list[Trial]:
    golds = [item for item in items if item.is_gold]
    if shown_at_once == 1:
        trials = [Trial((item.code,), "gold") for item in golds]
    else:
        pairs = _grouped(golds, [item.picture for item in golds])
        trials = [Trial(tuple(pair[side].code for side in random.permutation(2)), "gold") for pair in pairs]
    return [trials[index] for index in random.permutation(len(trials))]


def _grouped(values: Sequence, keys: Sequence[Hashable]) -> list[list]:
    """Values of equal key together, groups and values in order of appearance."""
    groups: dict[Hashable, list] = {}
    for value, key in zip(values, keys, strict=True):
        groups.setdefault(key, []).append(value)
    return list(groups.values())


def _in_turn(groups: Sequence[list]) -> list:
    """One of each group after the other, until all are empty."""
    longest = max(map(len, groups), default=0)
    return [group[index] for index in range(longest) for group in groups if index < len(group)]
