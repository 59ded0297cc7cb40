"""Reading of stored specifications: this module knows every kind that a checkpoint or a recipe may hold."""

from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

import models.ajou.spec
import models.alacgan.spec
import models.classifiers.spec
import models.diverse_gan.spec
import models.exemplar.spec
import models.frames.spec
import models.hinted_pix2pix.spec
import models.hypercolumns.spec
import models.methods.spec
import models.pix2pix.spec

# The import of a kind's module registers the kind.
import models.recipe
import models.sketch.spec
import models.specs.artifacts
import models.specs.discriminators
import models.specs.features
import models.specs.hints
import models.two_stage.spec
import models.webtoon.spec  # noqa: F401
from models.old_names import with_current_names
from models.specs.base import KINDS, NetworkSpec, Spec

MAX_NUMBER = 1 << 14
"""No number of a network's specification is larger: channels, layers, pixels."""


def spec_from_json(values: Mapping[str, Any]) -> Any:
    """The specification that `spec_to_json` stored, by today's field names or earlier ones.

    Raises ValueError for an unknown kind, unknown or missing fields, and values of wrong types, and for
    numbers of a network beyond `MAX_NUMBER`.
    """
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(f"unknown kind {str(kind)[:60]!r}; expected one of: {', '.join(sorted(KINDS))}")
    fields = {name: _from_json(value) for name, value in with_current_names(values).items() if name != "kind"}
    try:
        spec = KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from None
    for name, value in fields.items():
        _require_type(spec, name, value)
    return spec


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return spec_from_json(value)
    return tuple(_from_json(item) for item in value) if isinstance(value, list) else value


def _require_type(spec: Spec, name: str, value: Any) -> None:
    """Raises ValueError for a value that is not of its field's type."""
    kind = type(spec).__name__
    try:
        _types(type(spec))[name].validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{kind}.{name} is {str(first['input'])[:60]!r}: {first['msg']}") from None
    for number in _numbers(value) if isinstance(spec, NetworkSpec) else ():
        if not abs(number) <= MAX_NUMBER:  # NaN is not, either
            raise ValueError(f"{kind}.{name} is {str(number)[:60]}: expected at most {MAX_NUMBER:,}")


@cache
def _types(kind: type[Spec]) -> dict[str, TypeAdapter[Any]]:
    """The type of each field of a specification."""
    hints = get_type_hints(kind)
    return {name: TypeAdapter(hint) for name, hint in hints.items() if get_origin(hint) is not ClassVar}


def _numbers(value: Any) -> list[float]:
    """The numbers of a field, out of tuples too; parts were looked at on their own."""
    if isinstance(value, tuple):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) else []
