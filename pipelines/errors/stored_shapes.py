"""The shapes of the lake's JSON files: the fields that each must have, so that a damaged one is known when it is read.

Only what readers count on is declared: files of earlier versions have fewer fields, later ones may have more.
"""

from fnmatch import fnmatchcase
from functools import cache
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class _Digest(TypedDict):
    digest: str


class _Key(TypedDict):
    key: str


class _Run(TypedDict):
    mlflow_run_id: str


class _Published(_Run):
    digest: str


class _RunBegun(TypedDict, total=False):
    attempt: str
    run_id: str  # in place of it, of an earlier version
    training_set: str


class _Array(TypedDict):
    file: str
    shape: list[int]
    sha256: str


class _Arrays(TypedDict):
    digest: str
    arrays: dict[str, _Array]


class _Variants(TypedDict):
    pictures: int
    pictures_by_title: dict[str, int]
    arrays: dict[str, _Array]
    rows_digest: str
    made_from: dict[str, Any]


class _TrainingSet(TypedDict):
    fingerprint: str
    resolutions: list[int]
    edge_settings: dict[str, Any]
    arrays: dict[str, _Arrays]
    rows_digests: dict[str, str]
    datasheet: dict[str, Any]


class _Record(TypedDict):
    recipe: str
    checkpoint_sha256: str
    training_set: str


@with_config(ConfigDict(extra="forbid"))
class _CatalogueIssue(TypedDict):
    issue: str
    name: str
    date: str | None
    state: str
    listed_as: str
    note: str
    first_seen: str
    facts: NotRequired[dict[str, Any]]


@with_config(ConfigDict(extra="forbid"))
class _Catalogue(TypedDict):
    title: str
    state: NotRequired[str]
    detail: NotRequired[str]
    issues: list[_CatalogueIssue]


class _Copies(TypedDict):
    compared: dict[str, str]
    pairs: list[dict[str, Any]]


class _Lookalikes(TypedDict):
    made_from: str
    pairs: list[dict[str, Any]]


class _ReferencesOfIssue(TypedDict):
    file: str
    panels: list[list[str]]


class _References(TypedDict):
    version: list[Any]
    made_from: str | None
    issues: dict[str, _ReferencesOfIssue]


class _Drift(TypedDict):
    is_sure: bool
    drifted: dict[str, list[str]]


class _Leaderboards(TypedDict):
    digest: NotRequired[str]
    boards: NotRequired[list[dict[str, Any]]]


class _Drop(TypedDict):
    id: str
    titles: list[str]
    issues: list[str]
    targets: list[str]
    page_digests: list[str]
    pages: list[dict[str, Any]]
    panels: list[dict[str, Any]]


class _Drops(TypedDict):
    drops: list[_Drop]


class _DropReport(TypedDict):
    removed: list[Any]
    counts: dict[str, int]
    learned: list[Any]
    registered_versions: list[Any]


_SHAPES: tuple[tuple[str, Any], ...] = (
    ("training_set.json", _TrainingSet),
    ("training_sets/*.json", _TrainingSet),
    ("variants/*/*/manifest.json", _Variants),
    ("variants/*/*.json", _Digest),
    ("catalogue/*.json", _Catalogue),
    ("copies.json", _Copies),
    ("lookalikes.json", _Lookalikes),
    ("references/*/*.json", _References),
    ("trained/*/current.json", _Key),
    ("trained/*/*/report/report.json", dict[str, float]),
    ("trained/*/*.json", _Record),
    ("cross_validations/*/*.json", _Run),
    ("report/published.json", _Published),
    ("mlflow_run.json", _RunBegun),
    ("drift.json", _Drift),
    ("leaderboard.json", _Leaderboards),
    ("dropped.json", _Drops),
    ("dropped/record.json", _Drops),
    ("dropped/*.json", _DropReport),
)
"""By place below the lake, the first that fits counts. Any other file is an object whose reader looks at its fields."""


def wrong_shape(place: str, value: Any) -> str | None:
    """What is wrong with the value of a JSON file of the lake, in a few words; None where it is as its writer wrote it.

    place: The file's path below the lake, with "/".
    """
    shape = next((shape for pattern, shape in _SHAPES if fnmatchcase(place, pattern)), dict[str, Any])
    try:
        _adapter(shape).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        return f"{field}: {first['msg']}" if field else first["msg"]
    return None


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)
