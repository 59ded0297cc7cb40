"""Stored specifications read back: every kind of specification that a checkpoint or a recipe may hold is known here."""

from collections.abc import Mapping
from typing import Any

import models.ajou.spec
import models.alacgan.spec
import models.classifiers.spec
import models.diverse_gan.spec
import models.frames.spec
import models.hinted_pix2pix.spec
import models.pix2pix.spec

# Importing a kind's module is what makes it known.
import models.recipe
import models.sketch.spec
import models.specs.artifacts
import models.specs.discriminators
import models.specs.features
import models.specs.hints
import models.specs.hypercolumns
import models.two_stage.spec
import models.webtoon.spec  # noqa: F401
from models.specs.base import KINDS


def spec_from_json(values: Mapping[str, Any]) -> Any:
    """What `spec_to_json` gave. Raises ValueError for an unknown kind, unknown or missing fields."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; expected one of: {', '.join(sorted(KINDS))}")
    try:
        return KINDS[kind](**{name: _from_json(value) for name, value in values.items() if name != "kind"})
    except TypeError as error:
        raise ValueError(f"{kind}: {error}") from None


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return spec_from_json(value)
    return tuple(_from_json(item) for item in value) if isinstance(value, list) else value
