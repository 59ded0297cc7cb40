"""Names that earlier versions stored in evaluations and leaderboards: the one place where they appear."""

from collections.abc import Mapping
from typing import Any

# A distance between sets is lowest for the truths themselves (the oracle) and high for gray copies (the baseline).
_SETS = {"floor": "oracle", "ceiling": "baseline"}
_ROW = {"is_floor": "is_baseline", "below_floor": "below_baseline"}
_LEADERBOARDS = {"rule": "params"}


def current_sets(sets: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Stored numbers of whole sets by their names of today."""
    return {name: _renamed(numbers, _SETS) for name, numbers in sets.items()}


def current_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored row of a leaderboard by its names of today."""
    renamed = _renamed(row, _ROW)
    return {**renamed, "sets": current_sets(renamed["sets"])}


def current_leaderboards(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A stored file of leaderboards by its names of today; rows stay as they are."""
    return _renamed(stored, _LEADERBOARDS)


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in values.items()}
