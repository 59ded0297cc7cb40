"""The questions to raters, in the three kinds of study.

mos          one picture, one question, 1 (bad) to 5 (excellent) points: the scores of paper 003, section 4.4
questions    one picture, the four questions of paper 004, section IV.B, 0 (bad) to 5 (excellent) points each
preference   two pictures, one question: which is better (two-alternative forced choice)
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["mos", "questions", "preference"]

QUESTIONS = {
    "same_color": "Is the colour the same as the hint's?",
    "overflow": "Does the colour stay inside its area?",
    "overall": "How does it look overall?",
    "unhinted_places": "Do places without a hint look good?",
}
"""In paper 004's order; 5 points are excellent and 0 are bad, so a colour that never overflows has 5."""

ABOUT_HINTS = {"same_color", "unhinted_places"}
MAX_POINTS = 5

LEFT, RIGHT = 0, 1
"""The answers to "which is better"."""


@dataclass(frozen=True)
class Question:
    """One question and the whole numbers that answer it."""

    key: str
    text: str
    lowest: int
    highest: int


def questions_for(*, with_hints: bool) -> dict[str, str]:
    """The questions of paper 004 that are asked of a picture that was colored with hints, or without."""
    return {key: text for key, text in QUESTIONS.items() if with_hints or key not in ABOUT_HINTS}


def study_questions(kind: Kind, *, with_hints: bool) -> tuple[Question, ...]:
    """The questions of each trial of a kind of study. `with_hints` matters to the kind "questions" alone."""
    if kind == "mos":
        return (Question("overall", "How good is this picture? 1 is bad, 5 is excellent.", 1, MAX_POINTS),)
    if kind == "preference":
        return (Question("overall", "Which picture is better? 0 is the left one, 1 the right one.", LEFT, RIGHT),)
    return tuple(Question(key, text, 0, MAX_POINTS) for key, text in questions_for(with_hints=with_hints).items())


MAIN_QUESTION = "overall"
"""Asked in every kind of study; attention checks look at its answers."""
