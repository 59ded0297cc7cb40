"""The champion of a track: what is served and why, its challenger, and the way back."""

import json
from datetime import datetime
from typing import Any

import typer
from rich.console import Console

from assets.resources import default_resources
from assets.tracking.model_card import card_path
from assets.tracking.promote import undo
from assets.tracking.registry import Registry
from assets.tracking.versions import CHAMPIONS

out = Console()


def undo_champion(track: str, *, asked: datetime) -> str:
    """Takes the last promotion of a track back; returns a sentence about it.

    Raises ValueError where there is none, and where somebody else was faster since the time when this was asked for.
    """
    resources = default_resources()
    cache, tracking = resources["lake"].cache, resources["tracking"]
    promotion = undo(cache=cache, tracking=tracking, track=_known(track), asked=asked)
    return f"{promotion.reason}; {promotion.version.recipe}, version {promotion.version.number}, is served again"


def print_champion(track: str, *, as_json: bool) -> None:
    """Prints champion and challenger of a track. Raises ValueError where there is no champion yet."""
    registry = Registry(default_resources()["tracking"], _known(track))
    found = {alias: registry.at(alias) for alias in ("champion", "challenger")}
    if found["champion"] is None:
        raise ValueError(f"there is no champion yet of track {track}: train and compare first (tintoon run all)")
    described: dict[str, dict[str, Any]] = {
        alias: {"version": version.number, "mlflow_run_id": version.run_id, **version.tags}
        for alias, version in found.items()
        if version
    }
    if as_json:
        typer.echo(json.dumps(described, ensure_ascii=False))
        return
    for alias, facts in described.items():
        out.print(f"{alias}: {facts['recipe']}, version {facts['version']}: {facts['decision']}", highlight=False)
    card = card_path(default_resources()["lake"].open(), registry, found["champion"])
    out.print(f"Its model card: {card}", markup=False, highlight=False, soft_wrap=True)


def _known(track: str) -> Any:
    if track not in CHAMPIONS.values():
        raise ValueError(f"no track {track!r}; there are: {', '.join(CHAMPIONS.values())}")
    return track
