"""Names of fields as earlier versions stored them: the one place where they appear.

Stored specifications are read by either name. Keys and identities are digests of the earlier names, so that what an
earlier version trained is still found under its key.
"""

from collections.abc import Mapping
from typing import Any

EARLIER_NAMES: dict[str, dict[str, str]] = {
    "Augmentation": {"min_crop": "least_crop"},
    "Points": {"min_count": "least", "max_count": "most", "few_max": "few_most"},
    "Strokes": {"max_count": "most"},
}
"""By kind of specification: the name of a field, and the name that earlier versions stored."""


LATER_FIELDS: dict[str, dict[str, Any]] = {"Recipe": {"references": None}}
"""By kind of specification: fields that came later, with the value at which digests leave them out."""


def with_current_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of one stored specification by their names of today; parts within it stay as they are."""
    current = {earlier: name for name, earlier in EARLIER_NAMES.get(values.get("kind", ""), {}).items()}
    return {current.get(name, name): value for name, value in values.items()}


def with_earlier_names(value: Any) -> Any:
    """A specification as JSON values, parts included, by the names that digests are made of."""
    if isinstance(value, list):
        return [with_earlier_names(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    earlier = EARLIER_NAMES.get(value.get("kind", ""), {})
    later = LATER_FIELDS.get(value.get("kind", ""), {})
    return {
        earlier.get(name, name): with_earlier_names(part)
        for name, part in value.items()
        if name not in later or part != later[name]
    }


def current_parameter(name: str) -> str:
    """The name of today of a parameter that earlier versions logged, such as `augmentation.least_crop`."""
    current = {earlier: name for names in EARLIER_NAMES.values() for name, earlier in names.items()}
    prefix, dot, field = name.rpartition(".")
    return f"{prefix}{dot}{current.get(field, field)}"
