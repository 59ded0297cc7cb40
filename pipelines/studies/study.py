"""A study as a value, its pictures, and the rules that they keep. Touches no database."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

from pipelines.lake import digest_of
from pipelines.studies.plan import Candidate, PlanParams
from pipelines.studies.questions import Question


class AnsweredError(ValueError):
    """The trial has another answer already, which stands."""


@dataclass(frozen=True)
class Shown:
    """The pictures of one candidate, as PNG files."""

    candidate: Candidate
    outputs: dict[str, bytes]
    """The pictures by method."""
    given: bytes | None = None
    """The input with its hints, where raters see it beside the pictures."""


@dataclass(frozen=True)
class Gold:
    """A picture whose truth raters should tell from its gray copy. PNG files."""

    candidate: Candidate
    truth: bytes
    gray: bytes
    given: bytes | None = None
    """As for other pictures: else a check would look like one."""


@dataclass(frozen=True)
class Study:
    """A planned study."""

    name: str
    params: PlanParams
    questions: tuple[Question, ...]
    methods: dict[str, str]
    """The origin of each method's pictures."""
    fingerprint: str
    """A digest of the parameters, the questions and every picture: two studies that agree in it show the same."""


@dataclass(frozen=True)
class ShownTrial:
    """The trial that a rater sees now. Nothing in it reveals a method or a check."""

    position: int
    """Counted from 1."""
    trials: int
    """The number of trials of this rater, checks among them."""
    pictures: tuple[bytes, ...]
    """PNG: the one to rate, or the left and the right one."""
    given: bytes | None
    questions: tuple[Question, ...]


def study_fingerprint(
    params: PlanParams,
    questions: Sequence[Question],
    files: dict[tuple[str, str, bool], bytes],
    given: dict[str, bytes],
) -> str:
    """A digest of all that a study shows.

    files: PNG files by picture, method and whether it is a check. given: PNG files of the inputs, by picture.
    """
    return digest_of(
        {
            # "rule" is the earlier word for params: studies of earlier versions keep their fingerprints.
            "rule": params.model_dump(mode="json"),
            "questions": [asdict(question) for question in questions],
            "items": [[*key, sha256(png).hexdigest()] for key, png in sorted(files.items())],
            "given": {picture: sha256(png).hexdigest() for picture, png in given.items()},
        }
    )


def require_complete(
    name: str, params: PlanParams, shown: Sequence[Shown], golds: Sequence[Gold], methods: dict[str, str]
) -> None:
    """Raises ValueError where pictures, golds and methods are not those of the parameters."""
    if not name.strip() or len(name) > 100:
        raise ValueError(f"study {name[:100]!r}: expected a name of 1 to 100 characters")
    if len(methods) < (2 if params.kind == "preference" else 1):
        raise ValueError(f"{name}: {len(methods)} methods; a study needs one, and to compare two at least")
    if len(shown) != params.pictures or len(golds) != params.golds:
        raise ValueError(
            f"{name}: {len(shown)} pictures and {len(golds)} golds; "
            f"the parameters ask for {params.pictures} and {params.golds}"
        )
    if len({one.given is None for one in (*golds, *shown)}) > 1:
        raise ValueError(f"{name}: some pictures have one given beside them and some have not; a check would show")
    for one in shown:
        if one.outputs.keys() != methods.keys():
            raise ValueError(
                f"{name}: {one.candidate.picture} is by {', '.join(one.outputs)}; expected {', '.join(methods)}"
            )


def require_asked(study: Study, answers: dict[str, int]) -> None:
    """Raises ValueError where answers are not to the questions of a study, or out of their range."""
    asked = {question.key: question for question in study.questions}
    if answers.keys() != asked.keys():
        raise ValueError(f"{study.name}: answers to {', '.join(answers) or 'nothing'}; asked were {', '.join(asked)}")
    for key, value in answers.items():
        lowest, highest = asked[key].lowest, asked[key].highest
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError(f"{study.name}: {key}: {value!r}; expected a whole number from {lowest} to {highest}")
