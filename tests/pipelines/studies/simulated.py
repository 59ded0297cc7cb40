"""Raters with known preferences, in place of people: honest ones with biases and noise, spammers, and who stops early.

The truth is exact: what the population of honest raters would answer in the mean about these pictures.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from pipelines.studies.bradley_terry import bradley_terry
from pipelines.studies.plan import GRAY, TRUTH, PlanParams, blind_items, rater_order
from pipelines.studies.questions import LEFT, RIGHT
from pipelines.studies.store import COLUMNS

POINTS = {"base": 2.6, "ours": 3.8, "pix2pix": 2.9, TRUTH: 5.2, GRAY: 0.6}
"""Mean latent points before they are rounded and clipped to 1..5."""
SCORES = {"base": -0.8, "ours": 1.1, "pix2pix": -0.3, TRUTH: 3.5, GRAY: -3.5}
"""Of a Bradley-Terry model."""
METHODS = ("base", "ours", "pix2pix")

BIAS, TASTE, NOISE = 0.5, 0.4, 0.7
"""Standard deviations: between raters, between raters for each method, within a rater."""
SIDE_BIAS, PAIR_TASTE = 0.4, 0.3
"""The same for pairs, in log odds: of the left side, and of each method."""

SPAMMERS = ("constant", "hasty", "random")


@dataclass
class Person:
    """One rater: what they answer, and how long they take."""

    habit: str
    """"honest", or one of SPAMMERS."""
    random: np.random.Generator
    tastes: dict[str, float]
    bias: float

    def points(self, method: str, picture_effect: float) -> int:
        """1..5 for one picture."""
        if self.habit == "constant":
            return 4
        if self.habit != "honest":
            return int(self.random.integers(1, 6))
        latent = POINTS[method] + picture_effect + self.bias + self.tastes[method] + NOISE * self.random.normal()
        return int(np.clip(np.round(latent), 1, 5))

    def side(self, left: str, right: str) -> int:
        """LEFT or RIGHT."""
        if self.habit == "constant":
            return LEFT
        if self.habit != "honest":
            return int(self.random.integers(2))
        odds = SCORES[left] - SCORES[right] + self.tastes[left] - self.tastes[right] + self.bias
        return LEFT if self.random.uniform() < 1 / (1 + np.exp(-odds)) else RIGHT

    def seconds(self) -> float:
        """Spent on one trial."""
        return float(self.random.lognormal(-1.2 if self.habit == "hasty" else 1.5, 0.4))


@dataclass
class Crowd:
    """Raters of one study."""

    params: PlanParams
    people: dict[str, Person]
    picture_effects: dict[str, float]
    stops_after: dict[str, int]
    """Trials of those who do not come to the end."""

    @property
    def spammers(self) -> set[str]:
        return {name for name, person in self.people.items() if person.habit != "honest"}

    def answer(self, rater: str, picture: str, left: str, right: str | None) -> int:
        person = self.people[rater]
        return person.points(left, self.picture_effects.get(picture, 0)) if right is None else person.side(left, right)

    def answers(self) -> pd.DataFrame:
        """Everybody's answers, as `StudyStore.answers` gives them."""
        return pd.DataFrame(self._rows(), columns=list(COLUMNS))

    def _rows(self) -> Iterator[tuple[object, ...]]:
        rated = [(picture, method) for picture in self.picture_effects for method in METHODS]
        golds = [(f"g{index}", method) for index in range(self.params.golds) for method in (TRUTH, GRAY)]
        items = blind_items(rated, golds, seed=self.params.seed)
        by_code = {item.code: item for item in items}
        for number, rater in enumerate(self.people):
            order = rater_order(items, self.params, number)
            for position, trial in enumerate(order[: self.stops_after.get(rater)], 1):
                shown = [by_code[code] for code in trial.codes]
                left, right = (*(item.method for item in shown), None)[:2]
                value = self.answer(rater, shown[0].picture, left, right)
                seconds = self.people[rater].seconds()
                picture = shown[0].picture
                yield rater, position, trial.purpose, picture, "", "", left, right, "overall", value, seconds

    def true_means(self) -> dict[str, float]:
        """Of honest raters' points for these pictures."""
        spread = np.sqrt(BIAS**2 + TASTE**2 + NOISE**2)
        effects = np.array(list(self.picture_effects.values()))

        def mean(method: str) -> float:
            bounds = (np.arange(1, 5)[:, None] + 0.5 - POINTS[method] - effects) / spread
            return float(1 + norm.sf(bounds).sum(axis=0).mean())  # 1, and one more for each bound that is passed

        return {method: mean(method) for method in METHODS}

    def true_strengths(self) -> dict[str, float]:
        """Scores of a Bradley-Terry model of what honest raters choose in the mean."""
        random = np.random.default_rng(0)
        scores = np.array([SCORES[method] for method in METHODS])
        tastes = PAIR_TASTE * random.normal(size=(40_000, len(METHODS)))
        bias = SIDE_BIAS * random.normal(size=(40_000, 1, 1)) * random.choice([-1, 1], (40_000, 1, 1))
        each = scores + tastes
        chances = (1 / (1 + np.exp(-(each[:, :, None] - each[:, None, :] + bias)))).mean(axis=0)
        chances = (chances + 1 - chances.T) / 2
        np.fill_diagonal(chances, 0)
        return dict(zip(METHODS, bradley_terry(1000 * chances, added_wins=0), strict=True))


def crowd(params: PlanParams, *, seed: int, raters: int = 40, spammers: int = 6, incomplete: int = 6) -> Crowd:
    """So many raters; the first ones are spammers, two of each habit, and the last ones stop early."""
    random = np.random.default_rng(seed)
    bias, taste = (SIDE_BIAS, PAIR_TASTE) if params.kind == "preference" else (BIAS, TASTE)
    habits = [SPAMMERS[index % len(SPAMMERS)] for index in range(spammers)] + ["honest"] * (raters - spammers)
    people = {
        f"r{index:02d}": Person(
            habit,
            np.random.default_rng([seed, index]),
            {method: taste * random.normal() if method in METHODS else 0.0 for method in POINTS},
            bias * random.normal(),
        )
        for index, habit in enumerate(habits)
    }
    effects = {f"p{index:02d}": 0.4 * random.normal() for index in range(params.pictures)}
    stops = {name: int(random.integers(5, 25)) for name in list(people)[raters - incomplete :]}
    return Crowd(params, people, effects, stops)
